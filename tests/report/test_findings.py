import pytest
from made_comparison import make_results, make_row

from trimformer.report.families import families
from trimformer.report.findings import findings

CHOSEN = {"status": "chosen", "num_blocks": 3, "reason": "block 3 is the first that looks globally"}
INCONCLUSIVE = {"status": "inconclusive", "num_blocks": None, "reason": "no block passes"}


def test_findings_carry_the_numbers_with_their_interval() -> None:
    told = findings(
        make_results(make_row(), make_row("chosen depth", "small", 3, verdict="not inferior"), depth=CHOSEN)
    )
    assert told[0] == (
        "Looking at unetr-12 alone, the rule chooses 3 blocks. Block 3 is the first that looks globally."
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
            "undecided",
            -0.021,
            (-0.035, -0.007),
            "So here the hybrid scores higher than a plain U-Net; whether by more than the margin is undecided.",
        ),
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
        (
            "undecided",
            (-0.03, -0.01),
            "So the transformer adds something on these data; whether more than the margin is undecided.",
        ),
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


def test_a_model_that_scores_lower_by_an_unknown_amount_is_not_merely_undecided() -> None:
    row = make_row("3 blocks", "unetr-3", 3, verdict="undecided", difference=-0.021, ci95=(-0.035, -0.007))
    told = findings(make_results(make_row(), row))[0]
    assert told.endswith("It scores lower; whether by more than a margin of 0.02 Dice is undecided.")


def test_an_export_is_held_against_its_run_in_dice_and_time_and_is_no_kind_of_model() -> None:
    small = make_row("chosen depth", "small", 3, verdict="not inferior")
    update = {"exports": ("small.onnx",), "run": None, "milliseconds_per_slice": 2.5}
    exported = make_row("ONNX fp32", "small.onnx", 3, verdict="not inferior", difference=0.0, reference="small")
    results = make_results(make_row(), small, exported.model_copy(update=update))
    assert findings(results)[-1] == (
        "small.onnx: mean Dice 0.870, 0.000 against small (95\u00a0% interval −0.006 to +0.002, 6 patients). "
        "It is not inferior, within a margin of 0.02 Dice. It takes 2.5 ms a slice, small 6.9 ms."
    )
    [family] = families(results)
    assert [row.name for row in family.smaller] == ["small"]


def test_an_export_without_dice_says_why() -> None:
    bare = make_row("ONNX fp32", "stray.onnx", None).model_copy(update={"unscored": "Nobody knows its run."})
    assert findings(make_results(make_row(), bare))[-1] == "stray.onnx has costs, but no Dice: Nobody knows its run."
