"""Figures of an attention profile, for a paper."""
