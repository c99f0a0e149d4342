"""The agency service: what each body sees."""
