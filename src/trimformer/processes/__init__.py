"""Several processes at work on one task: how many there are, and what they tell each other."""
