import pytest
from made_comparison import make_results, make_row

from trimformer.records.results import Results
from trimformer.report.words import certainty, headline

CHOSEN = {"status": "chosen", "num_blocks": 3, "reason": "block 3 is the first that looks globally"}
INCONCLUSIVE = {"status": "inconclusive", "num_blocks": None, "reason": "no block passes"}


def chosen_results(verdict: str, num_blocks: int = 3) -> Results:
    depth = {**CHOSEN, "num_blocks": num_blocks}
    return make_results(make_row(), make_row("chosen depth", "small", num_blocks, verdict=verdict), depth=depth)


@pytest.mark.parametrize(
    ("verdict", "told"),
    [
        ("not inferior", "3 of 12 blocks are enough on these data: the smaller model is not inferior."),
        (
            "inferior",
            "3 of 12 blocks are chosen, but that is too few on these data: the smaller model is inferior.",
        ),
        ("undecided", "3 of 12 blocks are chosen; whether that is enough is undecided on these data."),
        (
            "too few patients",
            "3 of 12 blocks are chosen; there are too few patients to say whether that is enough.",
        ),
    ],
)
def test_the_headline_claims_what_the_verdict_says(verdict: str, told: str) -> None:
    assert headline(chosen_results(verdict)) == told


@pytest.mark.parametrize(
    ("zero_verdict", "told"),
    [
        ("not inferior", "+0.009 Dice against unetr-12, 95\u00a0% interval +0.002 to +0.015, where −0.02 is allowed."),
        ("undecided", "−0.002 Dice against unetr-12, 95\u00a0% interval −0.006 to +0.002, where −0.02 is allowed."),
    ],
)
def test_the_line_below_says_how_sure_the_headline_is(zero_verdict: str, told: str) -> None:
    zero = make_row("zero blocks", "none", 0, verdict=zero_verdict, difference=0.009, ci95=(0.002, 0.015))
    smaller = make_row("chosen depth", "small", 3, verdict="not inferior")
    line = certainty(make_results(make_row(), smaller, zero, depth=CHOSEN))
    assert line.startswith("One training of each model, 6 unseen patients: ")
    assert told in line


def test_without_a_comparison_the_line_claims_nothing() -> None:
    assert certainty(make_results()).endswith("a first look, not a proof.")


def test_one_block_is_one() -> None:
    assert headline(chosen_results("not inferior", num_blocks=1)).startswith("1 of 12 blocks is enough")


def test_zero_blocks_that_lose_nothing_are_the_headline() -> None:
    rows = make_row(), make_row("chosen depth", "small", 3, verdict="not inferior")
    zero = make_row("zero blocks", "zero", 0, verdict="not inferior")
    assert headline(make_results(*rows, zero, depth=CHOSEN)).startswith("No transformer block is needed on these data")


@pytest.mark.parametrize("verdict", ["inferior", "undecided", "too few patients"])
def test_zero_blocks_that_may_lose_something_are_not_the_headline(verdict: str) -> None:
    zero = make_row("zero blocks", "zero", 0, verdict=verdict)
    told = headline(make_results(make_row(), zero, depth=INCONCLUSIVE))
    assert told == "How many blocks are needed cannot be told: the choice is inconclusive on these data."


@pytest.mark.parametrize(
    ("depth", "told"),
    [
        (None, "1 model compared on brain; no depth was chosen."),
        ({**CHOSEN, "num_blocks": 12}, "All 12 blocks are kept: there is nothing to cut."),
        (CHOSEN, "3 of 12 blocks are chosen; what that costs has not been measured."),
    ],
)
def test_a_depth_that_was_not_retrained_claims_nothing(depth: dict[str, object] | None, told: str) -> None:
    assert headline(make_results(make_row(), depth=depth)).startswith(told)
