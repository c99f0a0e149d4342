"""How single cells are read: each function gives a value, or says why there is none."""
