"""A model leaves the lab: label maps on scans that nobody labelled, in the very place where the scan lies."""
