"""The maps of every block, recorded without changing the model."""
