import pytest
from made_comparison import make_results, make_row

from trimformer.records.results import ModelRow, Results
from trimformer.report.families import families, family_sentence
from trimformer.report.words import certainty, headline


def smaller(name: str, num_blocks: int, verdict: str, reference: str) -> ModelRow:
    return make_row(f"{num_blocks} blocks", name, num_blocks, verdict=verdict, reference=reference)


def paper_like() -> Results:
    return make_results(
        make_row(name="transunet-12"),
        smaller("transunet-3", 3, "not inferior", "transunet-12"),
        smaller("transunet-1", 1, "undecided", "transunet-12"),
        make_row("12 blocks", "cats-12", verdict="undecided", reference="transunet-12"),
        smaller("cats-3", 3, "inferior", "cats-12"),
        make_row("plain U-Net", "unet", None, verdict="not inferior", reference="transunet-12"),
    )


def test_a_family_is_what_shares_its_full_model() -> None:
    names = {family.head.name: [row.name for row in family.smaller] for family in families(paper_like())}
    assert names == {"transunet-12": ["transunet-3", "transunet-1"], "cats-12": ["cats-3"]}


def test_several_families_have_a_sentence_each() -> None:
    assert headline(paper_like()) == (
        "transunet-12: 3 blocks are not inferior; 1 block is undecided. cats-12: 3 blocks are inferior."
    )
    assert certainty(paper_like()).startswith("One training of each model, 6 unseen patients. Not inferior means: ")


def test_without_enough_patients_no_family_is_judged() -> None:
    rows = [
        make_row(name="a-12"),
        smaller("a-3", 3, "too few patients", "a-12"),
        make_row("12 blocks", "b-12", reference="a-12"),
        smaller("b-3", 3, "too few patients", "b-12"),
    ]
    told = headline(make_results(*rows))
    assert told == "a-12: 3 blocks are untested for want of patients. b-12: 3 blocks are untested for want of patients."
    assert certainty(make_results(*rows)).endswith("a first look, not a proof.")


@pytest.mark.parametrize(
    ("depths", "told"),
    [
        ((3, 1), "full: 3 and 1 blocks are not inferior."),
        ((1,), "full: 1 block is not inferior."),
        ((3, 3), "full: b0-3 and b1-3 are not inferior."),
        ((12,), "full: b0-12 is not inferior."),
    ],
)
def test_depths_are_named_by_blocks_where_that_tells_them_apart(depths: tuple[int, ...], told: str) -> None:
    rows = [smaller(f"b{at}-{depth}", depth, "not inferior", "full") for at, depth in enumerate(depths)]
    (family,) = families(make_results(make_row(name="full"), *rows))
    assert family_sentence(family) == told


def test_a_family_that_nobody_tested_says_nothing() -> None:
    (family,) = families(make_results(make_row()))
    assert family_sentence(family) == ""


def test_three_trainings_are_said_below_the_headline() -> None:
    seeds = (0, 1, 2)
    rows = make_row(seeds=seeds), make_row("3 blocks", "unetr-3", 3, verdict="not inferior", seeds=seeds)
    told = certainty(make_results(*rows))
    assert told.startswith("3 trainings of each model, 6 unseen patients")
    assert "Another seed" not in told
