"""Which blocks of a trained run are kept: a number, a list, the first or last few, or what `choose` said."""

import re
from collections.abc import Sequence

from trimformer.records.depth import DepthChoice
from trimformer.records.errors import UserError
from trimformer.records.run_folder import RunFolder

FIRST_OR_LAST = re.compile(r"(first|last)?(\d+)")
LIST = re.compile(r"\d+(,\d+)+,?|\d+,")


def chosen_blocks(words: str, run: RunFolder, available: Sequence[int]) -> tuple[int, ...]:
    """The blocks that a user's words name, rising.

    Args:
        words: `3` or `first3`, `last3`, `0,3,7` (`7,` is block 7 alone), or `auto`: as many as `choose` said.
        run: The trained run.
        available: The blocks that it has.

    Raises:
        UserError: The words are none of these, no depth was chosen, or a block is not there.
    """
    words = words.replace(" ", "")
    if words == "auto":
        return first_blocks(_chosen_depth(run), available, run)
    if LIST.fullmatch(words):
        return checked_blocks([int(number) for number in words.strip(",").split(",")], available, run)
    found = FIRST_OR_LAST.fullmatch(words)
    if found is None:
        raise UserError(
            "--blocks is a whole number, first3, last3, a list such as 0,3,7, or auto",
            repr(words),
            "Write, say, --blocks 3.",
        )
    first = first_blocks(int(found[2]), available, run)
    return tuple(available[len(available) - len(first) :]) if found[1] == "last" else first


def first_blocks(count: int, available: Sequence[int], run: RunFolder) -> tuple[int, ...]:
    """The first `count` of the blocks that a run has.

    Raises:
        UserError: It has fewer.
    """
    if count > len(available):
        raise UserError(
            "A compressed model keeps at most the blocks its run has",
            f"{count} of {len(available)} in {run.path}",
            "Give fewer --blocks.",
        )
    return tuple(available[:count])


def checked_blocks(blocks: Sequence[int], available: Sequence[int], run: RunFolder) -> tuple[int, ...]:
    """The same blocks, if a run has each of them and each is named once, rising.

    Raises:
        UserError: Names the blocks that are not there, or are out of order.
    """
    absent = [str(index) for index in blocks if index not in available]
    if absent:
        has = ", ".join(map(str, available)) or "none"
        raise UserError(
            "Blocks to keep are among those of the run, counted from 0",
            f"block {', '.join(absent)}; {run.path} has {has}",
            "Name other blocks.",
        )
    if sorted(set(blocks)) != list(blocks):
        raise UserError("Blocks to keep are named once each, rising", list(blocks), "Sort the list.")
    return tuple(blocks)


def told(blocks: Sequence[int], available: Sequence[int]) -> str:
    """The blocks in the name of a run: `keep3` for the first three, `last3`, or `blocks0.3.7`."""
    if list(blocks) == list(available[: len(blocks)]):
        return f"keep{len(blocks)}"
    if list(blocks) == list(available[-len(blocks) :]):
        return f"last{len(blocks)}"
    return "blocks" + ".".join(map(str, blocks))


def _chosen_depth(run: RunFolder) -> int:
    choice = DepthChoice.load(run.depth_file)
    if choice.num_blocks is None:
        raise UserError("--blocks auto needs a chosen depth", f"inconclusive: {choice.reason}", "Give a number.")
    return choice.num_blocks
