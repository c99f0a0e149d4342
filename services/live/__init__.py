"""Live: how many reports come in, where there are suddenly many and where they stopped. Memory alone; loses nothing."""
