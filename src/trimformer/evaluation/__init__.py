"""Label maps become records of scores, and records a comparison."""
