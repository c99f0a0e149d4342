"""The command: runs the platform on one machine, tells its story, imports a ledger."""
