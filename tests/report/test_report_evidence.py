from made_comparison import make_choice, make_results

from trimformer.records.depth import DepthChoice
from trimformer.report.evidence import (
    BLOCK_COLUMNS,
    Gate,
    depth_choice,
    evidence_columns,
    evidence_rows,
    gates,
    sensitivity,
    threshold,
    what_was_measured,
    who_chose,
)
from trimformer.report.tables.table import Cell


def bare_choice(**evidence: object) -> DepthChoice:
    return DepthChoice(
        status="inconclusive", num_blocks=None, reason="", criterion="", evidence=evidence, sensitivity={}
    )


def test_a_block_shows_its_numbers_and_why_it_fails() -> None:
    first, *_, last = evidence_rows(make_choice())
    assert first == [
        Cell("1"),
        Cell("0.27", "0.21 – 0.33"),
        Cell("52 %"),
        Cell("0.70"),
        Cell("0.24", "0.17 – 0.31"),
        Cell("0.31", "0.27 – 0.35"),
        Cell("0.04", "0.03 – 0.05"),
        Cell("no", "the lower bound of the far-field ratio is under 0.5"),
    ]
    assert last[-1] == Cell("yes")


def test_another_criterion_shows_what_it_measured_of_every_depth() -> None:
    depths = [{"depth": 0, "mean": -0.3, "low": -0.4, "high": -0.2, "passes": False}, {"depth": 1, "passes": True}]
    choice = bare_choice(depths=depths, threshold=0.02)
    assert evidence_columns(choice) == ["Blocks", "Measured", "Passes"]
    assert evidence_columns(make_choice()) == [title for title, _ in BLOCK_COLUMNS]
    assert evidence_rows(choice) == [
        [Cell("0"), Cell("−0.300", "−0.400 – −0.200"), Cell("no")],
        [Cell("1"), Cell("–"), Cell("yes")],
    ]
    assert what_was_measured(bare_choice(measured="dice after {depth} blocks")) == "Dice after so many blocks."
    of_blocks = bare_choice(depths=depths, measured="change without block {next}")
    assert evidence_columns(of_blocks)[0] == "Block"
    assert [row[0] for row in evidence_rows(of_blocks)] == [Cell("1"), Cell("2")]
    assert what_was_measured(of_blocks) == "Change without that block."
    assert what_was_measured(choice) == ""


def test_what_was_not_written_is_a_dash() -> None:
    assert evidence_rows(bare_choice(blocks=[{}])) == [[Cell("–")] * len(BLOCK_COLUMNS)]
    assert evidence_rows(bare_choice(blocks=[{"far_field_ratio": {"mean": None}}]))[0][1] == Cell("–")
    assert not any((evidence_rows(bare_choice()), gates(bare_choice()), sensitivity(bare_choice())))


def test_a_gate_nobody_checked_is_not_passed() -> None:
    assert [gate.state for gate in gates(make_choice())] == ["passed", "passed", "not checked"]
    failed = gates(bare_choice(gates=[{"name": "sinks", "passed": False, "detail": "0.1 without them"}]))
    assert failed == [Gate("Sinks", "failed", "0.1 without them.")]


def test_thresholds_run_upwards() -> None:
    choice = make_choice().model_copy(update={"sensitivity": {"0.5": 3, "0.3": 1, "0.8": None}})
    assert sensitivity(choice) == [("0.3", "1"), ("0.5", "3"), ("0.8", "none")]


def test_the_choice_of_the_run_comes_before_that_of_the_comparison() -> None:
    choice, depth = make_choice(), {"status": "chosen", "num_blocks": 2, "reason": "since"}
    assert depth_choice(choice, make_results(depth=depth)) is choice
    kept = depth_choice(None, make_results(depth=depth))
    assert kept is not None
    assert (kept.status, kept.num_blocks, kept.reason, kept.evidence) == ("chosen", 2, "since", {})
    assert depth_choice(None, make_results()) is None


def test_who_chose_is_told_and_at_which_threshold() -> None:
    by_rule, by_another, by_race = bare_choice(tau=0.4), bare_choice(threshold=0.9), bare_choice(rounds=[], margin=0.02)
    assert [who_chose(choice) for choice in (by_rule, by_another, by_race)] == [
        "The rule",
        f"The criterion “{by_another.criterion}”",
        "The race",
    ]
    assert [threshold(choice) for choice in (by_rule, by_another, by_race, bare_choice())] == [0.4, 0.9, 0.02, None]
