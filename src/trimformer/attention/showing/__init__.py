"""Single slices with all their maps, for figures and for the explorer."""
