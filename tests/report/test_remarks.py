import pytest
from made_comparison import make_results, make_row

from trimformer.report.remarks import missing_controls, trainings, weights_remarks

ZERO, UNET = make_row("zero blocks", "unetr-0", 0), make_row("plain U-Net", "unet", None)
GREY = make_row("intensity", "intensity", None)


def test_models_that_began_alike_need_no_remark() -> None:
    assert weights_remarks(make_results(make_row(), ZERO, UNET, GREY)) == []


def test_depths_that_began_from_different_sources_are_named() -> None:
    rows = [
        make_row("6 blocks", "unetr-6", 6, weights="inherited"),
        make_row("3 blocks", "unetr-3", 3, weights="inherited"),
    ]
    assert weights_remarks(make_results(make_row(weights="pretrained"), *rows)) == [
        "Weights differ: unetr-12 from pretrained weights; unetr-6 and unetr-3 from the trained full model. "
        "What differs may come from the start as much as from the depth."
    ]


def test_each_family_is_looked_at_by_itself() -> None:
    cats = make_row("12 blocks", "cats-12")
    smaller = make_row("3 blocks", "cats-3", 3, weights="distilled", reference="cats-12")
    (remark,) = weights_remarks(make_results(make_row(), make_row("3 blocks", "unetr-3", 3), cats, smaller))
    assert remark.startswith("Weights differ: cats-12 from scratch; cats-3 from the trained full model, with it as")
    assert "unetr" not in remark


def test_a_control_that_began_otherwise_is_named() -> None:
    results = make_results(make_row(weights="pretrained"), UNET, GREY)
    assert weights_remarks(results) == ["Weights differ: the control unet began from scratch, unetr-12 did not."]


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ((), "No control was trained"),
        ((GREY,), "No control was trained"),
        ((ZERO,), "No plain U-Net was trained"),
        ((UNET,), "No model of zero blocks was trained"),
        ((ZERO, UNET), ""),
    ],
)
def test_a_missing_control_is_said(rows: tuple[object, ...], told: str) -> None:
    sentence = missing_controls(make_results(make_row(), *rows))  # type: ignore[arg-type]
    assert sentence.startswith(told)
    assert bool(sentence) == bool(told)


def test_trainings_are_counted_by_seeds() -> None:
    assert trainings(make_results(make_row(seeds=(0, 1, 2)), make_row("3 blocks", "b", 3, seeds=(4,)), GREY)) == (1, 3)
    assert trainings(make_results(make_row(seeds=()))) == (1, 1)
