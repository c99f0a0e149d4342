"""Not a service: what all of them do the same way."""
