import numpy as np
import pytest
from made_comparison import make_results, make_row

from trimformer.records.results import Results
from trimformer.report.words import (
    certainty,
    findings,
    headline,
    sureness,
    unchecked_gates,
    undertrained,
)

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
            "The rule chooses 3 of 12 blocks, but that is too few on these data: the smaller model is inferior.",
        ),
        ("undecided", "The rule chooses 3 of 12 blocks; whether that is enough is undecided on these data."),
        (
            "too few patients",
            "The rule chooses 3 of 12 blocks; there are too few patients to say whether that is enough.",
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
    assert told == "The attention does not say how many blocks are needed: the rule is inconclusive on these data."


@pytest.mark.parametrize(
    ("depth", "told"),
    [
        (None, "1 model compared on brain; no depth was chosen."),
        ({**CHOSEN, "num_blocks": 12}, "The rule keeps all 12 blocks: there is nothing to cut."),
        (CHOSEN, "The rule chooses 3 of 12 blocks; what that costs has not been measured."),
    ],
)
def test_a_depth_that_was_not_retrained_claims_nothing(depth: dict[str, object] | None, told: str) -> None:
    assert headline(make_results(make_row(), depth=depth)).startswith(told)


def test_findings_carry_the_numbers_with_their_interval() -> None:
    told = findings(chosen_results("not inferior"))
    assert told[0] == (
        "Looking at the attention of unetr-12 alone, the rule chooses 3 blocks. "
        "Block 3 is the first that looks globally."
    )
    assert told[1] == (
        "With the chosen 3 blocks: mean Dice 0.870, −0.002 against the reference "
        "(95\u00a0% interval −0.006 to +0.002, 6 patients). It is not inferior, within a margin of 0.02 Dice."
    )


def test_the_depth_of_the_paper_is_called_so() -> None:
    row = make_row("paper's depth", "three", 3, verdict="too few patients")
    told = findings(make_results(make_row(), row, depth=INCONCLUSIVE))
    assert told[0].endswith("the rule does not choose a depth. No block passes.")
    assert told[1].startswith("With the 3 blocks of the paper")
    assert told[1].endswith("on 2 patients, too few for an interval. There are too few patients for a test.")


@pytest.mark.parametrize(
    ("verdict", "difference", "ci95", "told"),
    [
        ("not inferior", 0.011, (0.004, 0.018), "So here a plain U-Net scores higher than the hybrid."),
        ("not inferior", 0.001, (-0.006, 0.008), "So a plain U-Net does as well as the hybrid, within the margin."),
        ("inferior", -0.05, (-0.06, -0.04), "So here the hybrid scores higher than a plain U-Net."),
        (
            "undecided",
            0.01,
            (-0.03, 0.05),
            "So a plain U-Net scores at least as high as the hybrid; whether that is more than chance is undecided.",
        ),
        ("undecided", -0.01, (-0.03, 0.01), "Whether the hybrid is better than a plain U-Net is undecided."),
        (
            "too few patients",
            -0.01,
            None,
            "Whether the hybrid is better than a plain U-Net is not tested, for want of patients.",
        ),
    ],
)
def test_a_unet_that_is_as_good_is_named(
    verdict: str, difference: float, ci95: tuple[float, float] | None, told: str
) -> None:
    unet = make_row("plain U-Net", "unet", None, verdict=verdict, difference=difference, ci95=ci95)
    assert findings(make_results(make_row(), unet))[0].endswith(told)


@pytest.mark.parametrize(
    ("verdict", "ci95", "told"),
    [
        ("not inferior", (-0.004, 0.018), "So the transformer adds nothing measurable here beyond the margin."),
        (
            "not inferior",
            (0.004, 0.018),
            "So here it scores higher than with all blocks; another seed may turn that round.",
        ),
        ("inferior", (-0.08, -0.04), "So the transformer adds something on these data."),
        ("undecided", (-0.03, 0.05), "Whether the transformer adds anything is undecided."),
        ("too few patients", None, "Whether the transformer adds anything cannot be tested on so few patients."),
    ],
)
def test_what_zero_blocks_say_about_the_transformer(verdict: str, ci95: tuple[float, float] | None, told: str) -> None:
    zero = make_row("zero blocks", "zero", 0, verdict=verdict, ci95=ci95)
    assert findings(make_results(make_row(), zero))[0].endswith(told)


def test_brightness_alone_and_a_row_without_a_test() -> None:
    rows = make_row("intensity", "intensity", None, dice=0.662, verdict="inferior"), make_row("distilled", "other", 3)
    told = findings(make_results(make_row(), *rows))
    assert told[0] == "Brightness alone, without a network, reaches a mean Dice of 0.662."
    assert told[1] == "other: mean Dice 0.870, not compared with the reference."


def test_sureness_names_seed_patients_data_and_unchecked_gates() -> None:
    gates = [{"name": "receptive field", "passed": None}, {"name": "sinks", "passed": True}]
    told = sureness(make_results(depth={**CHOSEN, "evidence": {"gates": gates}}))
    assert told[0].startswith("Each model was trained once, with seed 0. The intervals are over 6 unseen patients")
    assert told[1] == "Of the rule's gates, not checked: receptive field."
    assert told[2].startswith("The anatomy is one averaged brain")
    assert len(told) == 3


def test_few_patients_are_said_to_be_few() -> None:
    assert "With fewer than 6 patients no difference is tested." in sureness(make_results(validation=5))
    assert unchecked_gates({}) == []


@pytest.mark.parametrize(
    ("dice", "told"),
    [
        ([0.1, 0.5, 0.8, 0.86, 0.87, 0.872, 0.873, 0.874, 0.8745], ""),
        ([0.1, 0.5, 0.8, 0.81, 0.82, 0.83, 0.85, 0.86, 0.87], "+0.040"),
        ([0.1, 0.5, 0.9, 0.9, 0.9, 0.9, 0.89, 0.88, 0.87], "−0.030"),
        ([0.1, 0.5], "too few epochs"),
    ],
)
def test_a_dice_that_still_moves_is_undertrained(dice: list[float], told: str) -> None:
    warning = undertrained(np.array(dice))
    assert told in warning
    assert bool(warning) == bool(told)
