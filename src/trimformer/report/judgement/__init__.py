"""A judgement as tables and one figure."""
