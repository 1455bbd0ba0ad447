"""`studies/hippocampus.toml` and `studies/brain.toml`: every hybrid at every depth with every seed, and a control."""

from itertools import product
from pathlib import Path

import pytest

from trimformer.data.splitting.file import read_split
from trimformer.records.study import read_study
from trimformer.study.plan import plan_study

ROOT = Path(__file__).parents[2]
DEPTHS = (12, 6, 4, 3, 2, 1, 0)
COMPRESSED_DEPTHS = (12, 3, 1, 0)
SEEDS = {"hippocampus": range(6), "brain": range(3)}
KEPT = {"first-3": (0, 1, 2), "last-3": (9, 10, 11), "random-3": (0, 6, 11), "permuted-3": None}
FURTHER = {
    "hippocampus": [*product(["unetr"], (*COMPRESSED_DEPTHS, *[3] * len(KEPT)), SEEDS["hippocampus"])],
    "brain": [],
}
"""Runs after the sweeps and the plain U-Net: the compressed decoder, and three of twelve trained blocks."""


@pytest.mark.parametrize(("study", "hybrids"), [("hippocampus", ("unetr", "transunet")), ("brain", ("unetr",))])
def test_every_depth_of_every_hybrid_has_every_seed(
    study: str, hybrids: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    plan = plan_study(read_study(ROOT / "studies" / f"{study}.toml"), tmp_path)
    assert not plan.faults
    told = [(job.experiment.model.name, job.experiment.model.num_blocks, job.experiment.seed) for job in plan.jobs]
    controls = [("unet", None, seed) for seed in SEEDS[study]]
    assert told == [*product(hybrids, DEPTHS, SEEDS[study]), *controls, *FURTHER[study]]
    experiments = [job.experiment for job in plan.jobs]
    assert len({(str(each.data), str(each.training)) for each in experiments}) == 1, "what differs is the model alone"
    assert -(-experiments[0].training.epochs // 3) >= 3, "too short to tell whether a run was still learning"


def test_the_controls_of_the_hippocampus_keep_three_blocks_of_the_full_model_of_their_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    jobs = plan_study(read_study(ROOT / "studies" / "hippocampus.toml"), tmp_path).jobs
    compressed = [job for job in jobs if job.experiment.model.decoder == "compressed"]
    assert {job.name.rpartition("-seed")[0] for job in compressed} == {f"compressed-{k}" for k in COMPRESSED_DEPTHS}
    kept = {job.name: job for job in jobs if job.needs}
    assert set(kept) == {f"{name}-seed{seed}" for name in KEPT for seed in SEEDS["hippocampus"]}
    for name, job in kept.items():
        control, _, seed = name.rpartition("-seed")
        assert job.needs == (f"unetr-12-seed{seed}",)
        assert job.experiment.model.source_blocks == KEPT[control]
        assert job.experiment.model.permuted_blocks == (control == "permuted-3")


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
