"""From a command to events in the store: decisions, authority, sealing, reactions to what was heard."""
