"""The depth phantom: images whose classes are found by following pointers."""
