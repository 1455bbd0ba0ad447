"""The whole story on the built-in brains: the rooms below, one after the other."""
