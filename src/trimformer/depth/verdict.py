"""Whether these data need a transformer, in words that say no more than the Dice of the selection patients shows."""

from collections.abc import Mapping

from trimformer.metrics.paired import Verdict


def unraced(num_patients: int | None) -> str:
    """The verdict where no other depth was raced: what a model looks at does not show what its Dice would be.

    Args:
        num_patients: Selection patients, who could judge; None where nobody knows.
    """
    patients = "" if num_patients is None else f" from {patients_in_words(num_patients)}"
    return (
        f"Cannot say{patients} whether these data need a transformer: no other depth was raced. "
        "trimformer choose RUN --verify races the candidates."
    )


def raced(found: Mapping[int, Verdict], full: int, num_patients: int, terms: str) -> str:
    """The verdict of a race.

    Args:
        found: How each raced depth compares with the full one, which is left out.
        full: The full depth.
        num_patients: Selection patients who judged.
        terms: The margin and the training that the verdict rests on, to be told with it.
    """
    on = f"({patients_in_words(num_patients)}; {terms})"
    enough = smallest_not_inferior(found)
    if enough == 0:
        return f"These data need no transformer: without blocks the Dice is not inferior to that of {full} {on}."
    if enough == 1 or (full == 1 and found.get(0) == "inferior"):
        none = "none is not" if found.get(0) == "inferior" else "whether none is cannot be said"
        return f"One block is enough, {none} {on}."
    least = full if enough is None else enough
    fewer = sorted(depth for depth in found if depth < least)
    if least > 1 and fewer and all(found[depth] == "inferior" for depth in fewer):
        return _more_help(fewer, least, full, on)
    fewer_are = "none is" if least == 1 else f"fewer than {least} blocks are"
    return f"Cannot say from {patients_in_words(num_patients)} whether {fewer_are} enough ({terms})."


def _more_help(inferior: list[int], least: int, full: int, on: str) -> str:
    """All raced depths below `least` are inferior; where these are 0 alone, nothing is known of one block."""
    if inferior == [0]:
        between = "1 was" if least == 2 else f"1 to {least - 1} were"
        return f"Blocks help: 0 is inferior to {full}; {between} not raced {on}."
    return f"More blocks help: {' and '.join(map(str, inferior))} are inferior to {full} {on}."


def smallest_not_inferior(found: Mapping[int, Verdict]) -> int | None:
    """The smallest depth whose interval lies above minus the margin; None where there is none below the full depth."""
    return min((depth for depth, verdict in found.items() if verdict == "not inferior"), default=None)


def patients_in_words(count: int) -> str:
    """`1 patient`, `2 patients`."""
    return f"{count} patient{'' if count == 1 else 's'}"
