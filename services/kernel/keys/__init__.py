"""Keys of people and classes: where they are kept, how blocks are sealed with them."""
