"""A study of depths that looks as if it had run: evaluations, histories and answers, nothing trained."""

from collections.abc import Mapping
from pathlib import Path

from trimformer.depth.criteria.catalogue import CRITERIA, DEFAULT
from trimformer.evaluation.scores import mean_over_classes, summarise_label
from trimformer.records.depth import DepthChoice
from trimformer.records.evaluation import Evaluation, Score
from trimformer.records.files import write_json, write_text
from trimformer.records.history import write_history
from trimformer.records.run_folder import RunFolder
from trimformer.records.study import read_study
from trimformer.study.plan import Job, Plan, plan_study

STUDY = """
name = "made"
seed = [0, 1]
[data]
dataset = "phantom"
hops = 1
[model]
name = "unetr"
size = "tiny"
patch_size = 8
weights = "none"
[[run]]
name = "sweep"
model.num_blocks = [0, 1, 3, 6]
[[run]]
name = "inherited"
model.num_blocks = 3
model.weights = "study:sweep-6"
[[run]]
model.name = "unet"
"""

DICE = {0: 0.60, 1: 0.80, 3: 0.81, 6: 0.79}
PATIENTS, EPOCHS, SECONDS = 8, 9, 10.0
SETTLED = [0.2, 0.6, 0.75, 0.79, 0.8, 0.8, 0.8, 0.8, 0.8]
STILL_RISING = [0.2, 0.4, 0.5, 0.55, 0.6, 0.61, 0.62, 0.63, 0.64]
LOSSES = [{"depth": depth, "passes": depth > 0, "mean": -0.2, "low": -0.3, "high": -0.1} for depth in range(2)]
"""What every criterion is made to have looked at: two depths, or the blocks that follow them."""
MEASURING = {
    "similarity": 1.0,
    "skipped_blocks": 3.6,
    "receptive_field": 1.8,
    "far_sight": None,
    "profile": 5.4,
}

Answers = Mapping[str, tuple[int | None, int | None]]
"""By criterion, for seeds 0 and 1; those not named answer 3."""


def made_study(folder: Path, answers: Answers, dice: Mapping[int, float] = DICE, patients: int = PATIENTS) -> Plan:
    """All runs done; every patient and seed has the same differences between depths."""
    file = folder / "made.toml"
    file.write_text(STUDY)
    plan = plan_study(read_study(file), folder / "out")
    for job in plan.jobs:
        depth = job.experiment.model.num_blocks
        write_run(job, dice.get(-1 if depth is None else depth, 0.7), patients)
        if depth == max(dice):
            write_answers(RunFolder(job.folder), {name: both[job.experiment.seed] for name, both in answers.items()})
    return plan


def write_run(job: Job, level: float, patients: int = PATIENTS) -> None:
    run = RunFolder(job.folder)
    job.experiment.save(run.experiment_file)
    for file in (run.model_file, run.weights_file, run.last_weights_file):
        write_text(file, "")
    for file in (run.evaluation_file, run.last_evaluation_file):
        made_evaluation(level + 0.001 * job.experiment.seed, patients).save(file)
    write_learning(run, SETTLED)
    told = {"dataset": "phantom", "labels": {"1": "wall"}, "fingerprint": "f", "training": ["a"], "selection": ["b"]}
    write_json(run.manifest_file, {"data": told | {"validation": [f"p{index}" for index in range(patients)]}})


def write_learning(run: RunFolder, dice: list[float]) -> None:
    row = {"train_loss": 0.1, "selection_loss": 0.1, "learning_rate": 1e-3, "seconds": SECONDS}
    write_history(run.history_file, [row | {"epoch": epoch, "selection_dice": one} for epoch, one in enumerate(dice)])


def write_answers(run: RunFolder, answers: Mapping[str, int | None]) -> None:
    """As if everything had been measured and asked."""
    choices = {name: choice(name, answers.get(name, 3)).model_dump(mode="json") for name in CRITERIA}
    write_json(run.criteria_file, choices)
    write_json(run.measuring_seconds_file, MEASURING)


def choice(name: str, blocks: int | None) -> DepthChoice:
    """At a threshold of 0.3 the default criterion answers 0, at 0.5 what it chooses."""
    criterion = CRITERIA[name]
    return DepthChoice(
        status="inconclusive" if blocks is None else "chosen",
        num_blocks=blocks,
        reason="made",
        criterion=criterion.title,
        evidence={"patients": 6, "threshold": criterion.threshold, "depths": LOSSES, "gates": []},
        sensitivity={"0.3": 0, "0.5": blocks} if name == DEFAULT else {},
    )


def made_evaluation(level: float, patients: int) -> Evaluation:
    """One class; patients lie 0.01 apart."""
    scores = {
        f"p{index}": {"wall": Score(dice=level + 0.01 * index, hd95_mm=1.0, surface_dice=1.0, case="both")}
        for index in range(patients)
    }
    mean, interval = mean_over_classes(scores)
    return Evaluation(
        labels={1: "wall"},
        grid="native",
        split="validation",
        checkpoint="best",
        patients=scores,
        summary={"wall": summarise_label(of["wall"] for of in scores.values())},
        mean=mean,
        ci95=interval,
    )
