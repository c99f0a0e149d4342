"""HTTP: commands as doors, refusals as problems, looks on record, places to wait for."""
