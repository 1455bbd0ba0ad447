import pytest

from trimformer.depth.verdict import raced, smallest_not_inferior, unraced
from trimformer.metrics.paired import Verdict

YES: Verdict = "not inferior"
NO: Verdict = "inferior"
OPEN: Verdict = "undecided"
FEW: Verdict = "too few patients"


@pytest.mark.parametrize(
    ("found", "full", "words"),
    [
        ({0: YES, 1: YES, 2: YES}, 12, "These data need no transformer"),
        ({0: YES, 1: NO, 2: OPEN}, 12, "These data need no transformer"),
        ({0: NO, 1: YES, 2: YES}, 12, "One block is enough, none is not"),
        ({0: OPEN, 1: YES, 2: YES}, 12, "One block is enough, whether none is cannot be said"),
        ({0: NO, 2: NO, 3: YES, 4: YES}, 12, "More blocks help: 0 and 2 are inferior to 12"),
        ({0: NO, 11: NO}, 12, "More blocks help: 0 and 11 are inferior to 12"),
        ({0: NO, 11: YES}, 12, "Blocks help: 0 is inferior to 12; 1 to 10 were not raced"),
        ({0: NO, 2: YES}, 12, "Blocks help: 0 is inferior to 12; 1 was not raced"),
        ({0: NO}, 12, "Blocks help: 0 is inferior to 12; 1 to 11 were not raced"),
        ({0: NO, 2: OPEN, 3: YES, 4: YES}, 12, "Cannot say from 8 patients whether fewer than 3 blocks are enough"),
        ({0: OPEN, 2: NO, 3: NO, 4: NO}, 12, "Cannot say from 8 patients whether fewer than 12 blocks are enough"),
        ({0: FEW, 1: FEW}, 2, "Cannot say from 8 patients whether fewer than 2 blocks are enough"),
        ({0: NO}, 1, "One block is enough, none is not"),
        ({0: YES}, 1, "These data need no transformer"),
        ({0: OPEN}, 1, "Cannot say from 8 patients whether none is enough"),
    ],
)
def test_the_words_say_what_the_paired_comparisons_show(found: dict[int, Verdict], full: int, words: str) -> None:
    verdict = raced(found, full, 8, "margin 0.02")
    assert verdict.startswith(words)
    assert verdict.endswith("margin 0.02).")
    assert "8 patients" in verdict


def test_without_a_race_nothing_is_said_of_the_data() -> None:
    assert unraced(1).startswith("Cannot say from 1 patient whether these data need a transformer")
    assert unraced(None).startswith("Cannot say whether")


def test_the_smallest_depth_that_is_not_inferior() -> None:
    assert smallest_not_inferior({0: OPEN, 3: YES, 4: YES}) == 3
    assert smallest_not_inferior({0: OPEN}) is None
