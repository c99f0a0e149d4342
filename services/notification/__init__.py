"""The notification service: who is told what."""
