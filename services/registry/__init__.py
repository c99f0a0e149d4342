"""The registry service: who is on file."""
