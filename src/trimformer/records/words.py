"""Words that messages in every room share."""

from collections.abc import Sequence

NAMED = 3
"""Names that are told where there are many."""


def some_of(names: Sequence[str]) -> str:
    """The names, or the first of many: `a, b, c and 4 more`."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
