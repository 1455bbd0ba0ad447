"""The sequence of blocks in a network, found, run and observed."""
