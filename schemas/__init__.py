"""The published language: every event, its fields, who may act and who is shown what."""
