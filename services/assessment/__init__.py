"""The assessment service: what is done about it."""
