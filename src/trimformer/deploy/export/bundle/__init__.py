"""A run becomes a MONAI bundle: a folder that MONAI and torch run alone, nothing of Trimformer installed."""
