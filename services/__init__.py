"""Independent services over one kernel; they never import one another."""
