"""Which patient is on which side, and never on two."""
