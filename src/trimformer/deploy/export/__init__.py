"""A run becomes files that predict without Trimformer, and that say themselves what they are."""
