import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trimformer.attention.ablation.remaining_dice import dice_under_conditions
from trimformer.compression.chosen_blocks import chosen_blocks
from trimformer.data.catalogue import load_dataset
from trimformer.data.preparation.slices import PatientSlices
from trimformer.depth.race import race as race_module
from trimformer.depth.race import standing as standing_module
from trimformer.depth.race.answer import answer, too_few
from trimformer.depth.race.cost import EpochCosts, epoch_costs
from trimformer.depth.race.plan import RacePlan
from trimformer.depth.race.race import race, run_rounds
from trimformer.depth.race.standing import Round, Standing
from trimformer.metrics.paired import paired_difference
from trimformer.records.depth import DepthChoice
from trimformer.records.errors import UserError
from trimformer.records.experiment import Experiment
from trimformer.records.history import COLUMNS, write_history
from trimformer.records.run_folder import RunFolder
from trimformer.training import train

MARGIN = 0.02
COSTS = EpochCosts(12, 80, 10, 100, 10, {depth: 1 + depth for depth in range(13)})
PROPOSAL = DepthChoice(status="chosen", num_blocks=3, reason="", criterion="three blocks", evidence={}, sensitivity={})


def standing(num_blocks: int, change: float, patients: int = 8) -> Standing:
    """A Dice of 0.8 and a change, whose 95 % interval is ± 0.0059 with eight patients."""
    spread = np.linspace(-0.01, 0.01, patients)
    return Standing(num_blocks, 0.8 + change, paired_difference(0.8 + change + spread, np.full(patients, 0.8)))


def one_round(changes: dict[int, float], epochs: int = 4) -> Round:
    return Round(epochs, tuple(standing(depth, change) for depth, change in changes.items()))


@pytest.mark.parametrize(
    ("changes", "num_blocks", "reason", "verdict"),
    [
        ({0: -0.10, 2: -0.015, 3: -0.014, 4: 0.0, 12: 0.0}, 3, "3 is the smallest not inferior to 12", "Cannot say"),
        ({0: -0.10, 2: -0.10, 3: -0.01, 4: 0.0, 12: 0.0}, 3, "difference −0.010", "More blocks help: 0 and 2"),
        ({0: 0.01, 2: -0.10, 3: -0.01, 4: 0.0, 12: 0.0}, 0, "0 is the smallest", "These data need no transformer"),
        ({0: -0.1, 11: -0.1, 12: 0.0}, 12, "Every smaller depth raced is inferior to 12: 0: diff", "More blocks help"),
        ({0: -0.02, 11: -0.1, 12: 0.0}, None, "No smaller depth is shown", "Cannot say from 8 patients"),
    ],
)
def test_the_answer_is_the_smallest_depth_that_is_not_inferior(
    changes: dict[int, float], num_blocks: int | None, reason: str, verdict: str, tmp_path: Path
) -> None:
    choice = answer(PROPOSAL, [one_round(changes)], COSTS, MARGIN)
    assert (choice.status, choice.num_blocks) == ("inconclusive" if num_blocks is None else "chosen", num_blocks)
    assert reason in choice.reason
    assert "Proposed was 3 (three blocks)" in choice.reason
    assert choice.verdict.startswith(verdict)
    choice.save(tmp_path / "depth.json")
    assert DepthChoice.load(tmp_path / "depth.json").sensitivity == choice.sensitivity


def test_a_depth_that_was_dropped_counts_as_it_stood_then_and_costs_no_more() -> None:
    rounds = [one_round({0: -0.1, 3: -0.03, 12: 0.0}), one_round({3: -0.01, 12: 0.0}, epochs=5)]
    choice = answer(PROPOSAL, rounds, COSTS, MARGIN)
    assert choice.num_blocks == 3
    assert "up to 9 epochs" in choice.verdict
    assert choice.evidence["cost"]["steps"] == 10 * (4 * 3 + 5 * 2)
    assert choice.evidence["patients"] == 8
    assert choice.sensitivity == {"0.005": None, "0.01": None, "0.02": 3, "0.03": 3, "0.05": 3}


def test_too_few_judges_train_nothing_and_say_so() -> None:
    choice = too_few(PROPOSAL, 2, MARGIN)
    assert (choice.status, choice.verdict[:28]) == ("inconclusive", "Cannot say from 2 patients w")
    assert "data.selection_patients = 6" in choice.reason


def test_losers_are_dropped_and_the_others_go_on_from_where_they_were(
    trained_run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: dict[str, Experiment] = {}

    def pretend(experiment: Experiment, folder: Path, _progress: Any) -> RunFolder:
        trained[folder.relative_to(trained_run.race).as_posix()] = experiment
        return trained_run

    outcomes = iter([[standing(0, -0.1), standing(1, -0.02), standing(2, 0)], [standing(1, -0.1), standing(2, 0)]])
    monkeypatch.setattr(race_module, "train", pretend)
    monkeypatch.setattr(race_module, "standings_of", lambda *_: next(outcomes))
    rounds = run_rounds(trained_run, RacePlan((0, 1, 2), (2, 3)), load_dataset(trained_run.experiment().data), MARGIN)
    assert [of_round.depths for of_round in rounds] == [(0, 1, 2), (1, 2)]
    assert list(trained) == [
        *(f"of-5-epochs/round-1/keep{depth}" for depth in (0, 1, 2)),
        *(f"of-5-epochs/round-2/keep{depth}" for depth in (1, 2)),
    ]
    assert [experiment.model.num_blocks for experiment in trained.values()] == [0, 1, 2, 1, 2]
    assert [experiment.training.epochs for experiment in trained.values()] == [2, 2, 2, 3, 3]
    assert {experiment.model.weights for experiment in trained.values()} == {str(trained_run.path.resolve())}


def test_a_race_ends_when_only_the_full_depth_is_left(trained_run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(race_module, "train", lambda *_: trained_run)
    monkeypatch.setattr(race_module, "standings_of", lambda *_: [standing(0, -0.1), standing(2, 0)])
    rounds = run_rounds(trained_run, RacePlan((0, 2), (2, 3)), load_dataset(trained_run.experiment().data), MARGIN)
    assert len(rounds) == 1


def test_operations_of_an_epoch_are_counted_at_every_depth(trained_run: RunFolder) -> None:
    dataset = load_dataset(trained_run.experiment().data)
    known = epoch_costs(trained_run, dataset, (0, 1, 2))
    assert (known.full, known.epochs, known.swept) == (2, 2, (0, 1, 2))
    assert known.steps == known.training_slices // 16
    # 36 tokens of width 192, 768 in the MLP: 12 squares of the width a token, and the two products of attention.
    assert known.of_a_slice[2] - known.of_a_slice[1] == 36 * 12 * 192**2 + 2 * 36**2 * 192
    assert known.of_a_slice[1] > known.of_a_slice[0]


def test_a_margin_of_nothing_is_refused_and_one_judge_is_not_enough(
    trained_run: RunFolder, tmp_path: Path, trimformer: Any
) -> None:
    for nonsense in (0.0, 2.0, float("inf"), float("nan")):
        with pytest.raises(UserError, match="margin is a Dice above 0 and below 1"):
            race(trained_run, "fixed", margin=nonsense)
    run = RunFolder(shutil.copytree(trained_run.path, tmp_path / "run"))
    PROPOSAL.save(run.depth_file)
    code, printed, _ = trimformer("choose", run.path, "--verify", "--criterion", "fixed")
    assert code == 0
    assert "Cannot say from 1 patient whether" in printed
    assert DepthChoice.load(run.depth_file) == PROPOSAL, "nothing was raced, and nothing is lost"
    assert not run.race.exists()


def test_a_model_that_finds_nothing_is_not_raced(trained_run: RunFolder, tmp_path: Path, trimformer: Any) -> None:
    run = RunFolder(shutil.copytree(trained_run.path, tmp_path / "run"))
    write_history(run.history_file, [dict.fromkeys(COLUMNS, 0.0) for _ in range(9)])
    code, _, complaint = trimformer("choose", run.path, "--verify", "--criterion", "fixed")
    assert code == 2
    assert "A race begins from a model that has learnt something" in complaint


def test_what_has_to_be_known_of_the_run_stands_behind_the_verdict() -> None:
    choice = answer(PROPOSAL, [one_round({0: 0.0, 12: 0.0})], COSTS, MARGIN, "The model was still learning.")
    assert choice.verdict.startswith("These data need no transformer")
    assert choice.verdict.endswith("from inherited weights). The model was still learning.")


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--margin", 0.01], "--margin belongs to --verify"),
        (["--epochs", 2], "--epochs belongs to --verify"),
        (["--verify", "--criterion", "all"], "One criterion proposes"),
        (["--criterion", "guess"], "Valid names: far-sighted, rule, distance"),
    ],
)
def test_options_that_mean_nothing_are_refused(
    options: list[object], complaint: str, trained_run: RunFolder, trimformer: Any
) -> None:
    code, _, told = trimformer("choose", trained_run.path, *options)
    assert (code, complaint in told) == (2, True)


@pytest.mark.slow
def test_a_race_from_a_trained_run_to_its_answer_killed_in_between(
    small_experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trimformer: Any
) -> None:
    data = {"selection_patients": 6, "image_size": 32}
    experiment = small_experiment.with_changes(name="judged", data=data, training={"epochs": 1})
    run = train(experiment, tmp_path / "judged")
    dataset = load_dataset(experiment.data)
    seen, begun = set[str](), list[Path]()

    def watched(model: Any, patients: Sequence[PatientSlices], *given: Any, **options: Any) -> Any:
        seen.update(patient.patient_id for patient in patients)
        return dice_under_conditions(model, patients, *given, **options)

    def killed(experiment: Experiment, folder: Path, progress: Any) -> RunFolder:
        begun.append(folder)
        if len(begun) == 3:
            raise KeyboardInterrupt
        return train(experiment, folder, progress)

    monkeypatch.setattr(standing_module, "dice_under_conditions", watched)
    monkeypatch.setattr(race_module, "train", killed)
    with pytest.raises(KeyboardInterrupt):
        race(run, "fixed", epochs=2, margin=0.5)
    monkeypatch.setattr(race_module, "train", train)
    assert not run.depth_file.exists()
    first = (begun[0] / "history.csv").stat().st_mtime_ns
    options = ["--verify", "--criterion", "fixed", "--epochs", 2, "--margin", 0.5]
    code, printed, complaint = trimformer("choose", run.path, *options)
    assert code == 0, complaint
    assert "Round 2, 1 epoch" in printed
    assert "% of it, more than 15 %: the run has few epochs, or --epochs" in " ".join(printed.split())
    assert (begun[0] / "history.csv").stat().st_mtime_ns == first
    choice = json.loads(run.depth_file.read_text())
    assert choice["num_blocks"] == 0  # any depth is within a margin of a half
    assert choice["verdict"].startswith("These data need no transformer")
    assert [len(of_round["depths"]) for of_round in choice["evidence"]["rounds"]] == [3, 3]
    assert choice["evidence"]["cost"]["steps"] == 3 * 2 * epoch_costs(run, dataset, ()).steps
    assert seen == {patient.patient_id for patient in dataset.selection}
    assert not run.evaluation_file.exists()
    assert chosen_blocks("auto", run, (0, 1)) == ()
