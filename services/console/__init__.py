"""Pages for people: signs them in, asks the other services over HTTP as them, and shows the answers. Keeps nothing."""
