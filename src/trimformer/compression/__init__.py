"""Making a model smaller, and recovering what that cost."""

from trimformer.compression.cut import keep_blocks

__all__ = ["keep_blocks"]
