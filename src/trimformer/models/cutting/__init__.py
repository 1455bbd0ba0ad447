"""Blocks taken out of a network that is not ours: found, replaced by identities, still in their places."""

from trimformer.models.cutting.adapter import BlockAdapter
from trimformer.models.cutting.cut import check_blocks, copied, keep_in_place, removed_names
from trimformer.models.cutting.find import find_blocks
from trimformer.models.cutting.removed import RemovedBlock

__all__ = ["BlockAdapter", "RemovedBlock", "check_blocks", "copied", "find_blocks", "keep_in_place", "removed_names"]
