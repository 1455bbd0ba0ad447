"""`studies/hippocampus.toml` and `studies/brain.toml`: every hybrid at every depth with every seed, and a control."""

from itertools import product
from pathlib import Path

import pytest

from trimformer.data.splitting.file import read_split
from trimformer.records.study import read_study
from trimformer.study.plan import plan_study

ROOT = Path(__file__).parents[2]
DEPTHS = (0, 1, 2, 3, 4, 6, 12)


@pytest.mark.parametrize(("study", "hybrids"), [("hippocampus", ("unetr", "transunet")), ("brain", ("unetr",))])
def test_every_depth_of_every_hybrid_has_every_seed(
    study: str, hybrids: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    plan = plan_study(read_study(ROOT / "studies" / f"{study}.toml"), tmp_path)
    assert not plan.faults
    told = [(job.experiment.model.name, job.experiment.model.num_blocks, job.experiment.seed) for job in plan.jobs]
    controls = [("unet", None, seed) for seed in range(3)]
    assert told == [*product(hybrids, DEPTHS, range(3)), *controls]
    experiments = [job.experiment for job in plan.jobs]
    assert len({(str(each.data), str(each.training)) for each in experiments}) == 1, "what differs is the model alone"
    assert -(-experiments[0].training.epochs // 3) >= 3, "too short to tell whether a run was still learning"


def test_the_sides_of_the_hippocampus_are_of_260_patients_and_none_stands_on_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    job = plan_study(read_study(ROOT / "studies" / "hippocampus.toml"), tmp_path).jobs[0]
    split = read_split(Path(job.experiment.data.split or ""), 0)
    assert {side: len(patients) for side, patients in split.items()} == {
        "training": 48,
        "selection": 12,
        "validation": 200,
    }
    assert len({patient for patients in split.values() for patient in patients}) == 260
