"""The reporting service: what happened and the first response."""
