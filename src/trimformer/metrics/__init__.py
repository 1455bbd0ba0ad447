"""Numbers from masks and from scores: pure functions."""
