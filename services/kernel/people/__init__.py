"""Who asks, and whether they may: tokens, posts, the table of authority, limits."""
