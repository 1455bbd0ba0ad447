"""From a profile to a depth: the evidence and the rule that reads it."""

from trimformer.depth.rule import choose_depth

__all__ = ["choose_depth"]
