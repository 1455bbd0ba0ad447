"""A list of runs: planned, executed, compared."""
