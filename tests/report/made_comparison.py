"""A comparison of four models and a baseline, made up but plausible, written by the records themselves."""

from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from trimformer.records.depth import DepthChoice
from trimformer.records.evaluation import Evaluation, LabelSummary, Score
from trimformer.records.files import write_arrays, write_json, write_text
from trimformer.records.intervals import mean_interval
from trimformer.records.profile import FIELD_MEASURES, FIELDS, MEASURES, REGIONS, AttentionProfile
from trimformer.records.results import DiceSummary, ModelRow, PairedTest, PatientCounts, Results, SurfaceSummary
from trimformer.records.run_folder import RunFolder

LABELS = {1: "CSF", 2: "gray matter", 3: "white matter"}
BLOCKS, HEADS, SIDE, PIXELS = 12, 3, 14, 112
TRAINED, UNSEEN = 14, 6
Verdict = Any


def make_row(
    role: str = "reference",
    name: str = "unetr-12",
    num_blocks: int | None = 12,
    dice: float = 0.87,
    verdict: Verdict = None,
    difference: float = -0.002,
    ci95: tuple[float, float] | None = (-0.006, 0.002),
    *,
    weights: str = "scratch",
    seeds: tuple[int, ...] = (0,),
    reference: str | None = "unetr-12",
) -> ModelRow:
    summary = DiceSummary(
        mean=dice,
        by_class={label: dice + shift for label, shift in zip(LABELS.values(), (-0.03, 0.01, 0.02), strict=True)},
        ci95=(dice - 0.012, dice + 0.012),
        ci95_by_class=dict.fromkeys(LABELS.values(), (dice - 0.03, dice + 0.03)),
        absent=4,
        missed=1,
        false_alarm=2,
        mean_last_epoch=dice - 0.001,
    )
    network = role != "intensity"
    transformer = 450_000 * (num_blocks or 0)
    return ModelRow(
        name=name,
        role=role,
        run=f"runs/{name}" if network else None,
        size="tiny" if network else None,
        num_blocks=num_blocks,
        decoder="full" if network and num_blocks is not None else None,
        weights=weights if network else None,
        seeds=seeds if network else (),
        reference=None if role == "reference" else reference,
        surface=make_surface(),
        parameters=1_650_000 + transformer if network else None,
        parameters_transformer=transformer if network else None,
        parameters_saved_percent=100 * (12 * 450_000 - transformer) / 7_050_000 if network else None,
        parameters_saved_by_blocks_percent=100 * (12 * 450_000 - transformer) / 7_050_000 if network else None,
        dice=summary,
        dice_change_percent=None if role == "reference" else 100 * difference / 0.87,
        versus_reference=None
        if verdict is None
        else PairedTest(
            mean_difference=difference,
            ci95=None if verdict == "too few patients" else ci95,
            p_value=None if verdict == "too few patients" else 0.21,
            pairs=2 if verdict == "too few patients" else UNSEEN,
            verdict=verdict,
        ),
        milliseconds_per_slice=4.2 + 0.9 * (num_blocks or 0) if network else None,
        milliseconds_per_slice_p95=5.5 + 0.9 * (num_blocks or 0) if network else None,
        slices_per_second=1000 / (3 + 0.9 * (num_blocks or 0)) if network else None,
        multiply_accumulates=10**9 + 10**8 * (num_blocks or 0) if network else None,
        multiply_accumulates_by_kernel=10**9 + 10**8 * (num_blocks or 0) if network else None,
        peak_memory_mb=50.0 + (num_blocks or 0) if network else None,
        file_size_mb=6.6 + 1.8 * (num_blocks or 0) if network else None,
    )


def make_surface() -> SurfaceSummary:
    return SurfaceSummary(
        tolerance_mm=1.0,
        hd95_mm=2.1,
        hd95_mm_by_class=dict(zip(LABELS.values(), (3.0, 2.0, 1.3), strict=True)),
        surface_dice=0.93,
        surface_dice_by_class=dict(zip(LABELS.values(), (0.90, 0.94, 0.95), strict=True)),
    )


def make_results(*rows: ModelRow, depth: dict[str, Any] | None = None, validation: int = UNSEEN) -> Results:
    return Results(
        dataset="brain",
        dataset_note="The anatomy is one averaged brain (MNI152), from which the patients are simulated",
        patients=PatientCounts(train=TRAINED, validation=validation),
        models=rows or (make_row(),),
        depth=depth,
        margin=0.02,
        seconds={"data": 21.4, "train unetr-12": 301.8, "train unetr-3": 142.1, "total": 571.3},
        provenance={
            "command": "trimformer demo --out demo",
            "seed": 0,
            "device": "cpu",
            "hardware": {"processor": "two cores", "threads": 2},
            "versions": {"trimformer": "0.1.0", "torch": "2.15.0", "python": "3.11.7"},
            "data fingerprint": "sha256:0f3a5c1d9e",
        },
    )


def demo_rows() -> tuple[ModelRow, ...]:
    return (
        make_row(),
        make_row("chosen depth", "unetr-3", 3, 0.868, "not inferior"),
        make_row("zero blocks", "unetr-0", 0, 0.861, "undecided", -0.009, (-0.024, 0.006)),
        make_row("plain U-Net", "unet", None, 0.881, "not inferior", 0.011, (0.004, 0.018)),
        make_row("intensity", "intensity", None, 0.662, "inferior", -0.208, (-0.231, -0.185)),
    )


def make_choice() -> DepthChoice:
    blocks = [
        {
            "block": block,
            "far_field_ratio": {"mean": field, "low": field - 0.06, "high": field + 0.06},
            "far_query_share": min(1.0, 0.3 + 0.22 * block),
            "mixing": 0.7,
            "far_field_ratio_without_sinks": {"mean": field - 0.03, "low": field - 0.1, "high": field + 0.04},
            "query_key_information": {"mean": 0.31, "low": 0.27, "high": 0.35},
            "twin_query_key_information": {"mean": 0.04, "low": 0.03, "high": 0.05},
            "passes": block >= 3,
            "why_not": [] if block >= 3 else ["the lower bound of the far-field ratio is under 0.5"],
        }
        for block, field in enumerate(_field(), 1)
    ]
    gates = [
        {"name": "without sinks", "passed": True, "detail": "0.52 with sink tokens removed, at least 0.5"},
        {"name": "query-key information", "passed": True, "detail": "0.27 exceeds the twin's 0.05"},
        {"name": "effective receptive field", "passed": None, "detail": "joins with a later version"},
    ]
    return DepthChoice(
        status="chosen",
        num_blocks=3,
        reason="Block 3 is the first whose cumulative field is global in 14 patients.",
        criterion="first globally looking block",
        evidence={"blocks": blocks, "gates": gates, "region": "foreground", "field": "norm_weighted", "tau": 0.5},
        sensitivity={"0.3": 1, "0.4": 2, "0.5": 3, "0.6": 4, "0.7": 6, "0.8": None},
    )


def _field() -> np.ndarray:
    field: np.ndarray = 0.82 - 0.55 * np.exp(-0.4 * np.arange(BLOCKS))
    return field


def _attention(sigma: float, sink: float, random: np.random.Generator) -> np.ndarray:
    place = np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE), indexing="ij"), -1).reshape(-1, 2)
    squared = ((place[:, None] - place[None]) ** 2).sum(-1)
    weights = np.exp(-squared / (2 * sigma**2) + 0.5 * random.standard_normal(squared.shape))
    weights /= weights.sum(1, keepdims=True)
    weights = (1 - sink) * weights
    weights[:, 17] += sink
    half: np.ndarray = weights.astype(np.float16)
    return half


def make_profile(image: np.ndarray, truth: np.ndarray) -> AttentionProfile:
    random = np.random.default_rng(1)
    scale = dict(zip(MEASURES, (50.0, 80.0, 0.9, 0.6, 0.8, 0.9, 0.3, 3.0), strict=True))
    ramp = 0.5 + 0.5 * (1 - np.exp(-0.5 * np.arange(BLOCKS)))

    def group(strength: float) -> dict[str, np.ndarray]:
        arrays = {}
        for region in REGIONS:
            for measure in MEASURES:
                spread = 1 + 0.18 * random.standard_normal((1, BLOCKS, HEADS))
                noise = 1 + 0.05 * random.standard_normal((TRAINED, BLOCKS, HEADS))
                arrays[f"{region}/{measure}"] = strength * scale[measure] * ramp[None, :, None] * spread * noise
            for field in FIELDS:
                for measure in FIELD_MEASURES:
                    noise = 0.05 * random.standard_normal((TRAINED, BLOCKS))
                    arrays[f"{region}/{field}/{measure}"] = strength * (_field() + noise)
        arrays["foreground/mixing"][0] = np.nan
        return arrays

    uniform = {f"{region}/{m}": np.full(TRAINED, 1.1 * scale[m]) for region in REGIONS for m in MEASURES}
    return AttentionProfile(
        patient_ids=tuple(f"patient-{number:02}" for number in range(TRAINED)),
        block_names=tuple(f"vit.blocks.{number}" for number in range(BLOCKS)),
        num_heads=HEADS,
        grid_size=(SIDE, SIDE),
        model=group(1.0),
        twin=group(1.15),
        uniform=uniform,
        example={
            "image": image,
            "foreground": truth > 0,
            "maps": np.stack([_attention(0.9 + 0.5 * block, 0.04 * block, random) for block in range(BLOCKS)]),
        },
    )


def make_slice(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.meshgrid(np.linspace(-1, 1, PIXELS), np.linspace(-1, 1, PIXELS), indexing="ij")
    radius = np.hypot(x / 0.68, y / 0.84)
    wobble = 0.5 * ndimage.gaussian_filter(random.standard_normal(x.shape), 4)
    truth = np.select([radius > 0.98, radius + wobble > 0.86, radius + 2 * wobble > 0.6], [0, 1, 2], 3)
    truth[np.hypot((np.abs(x) - 0.12) / 0.08, y / 0.24) < 1] = 1
    image = np.array([0.0, 0.25, 0.6, 0.9])[truth] + 0.05 * random.standard_normal(x.shape)
    return image.astype(np.float32), truth.astype(np.uint8)


def _evaluation(row: ModelRow, random: np.random.Generator) -> Evaluation:
    assert row.dice.mean is not None
    patients = {
        f"unseen-{number:02}": {
            label: Score(
                dice=row.dice.mean + 0.03 * random.standard_normal(), hd95_mm=2.1, surface_dice=0.9, case="both"
            )
            for label in LABELS.values()
        }
        for number in range(UNSEEN)
    }
    summary = {}
    for label in LABELS.values():
        mean, ci95 = mean_interval(np.array([scores[label].dice for scores in patients.values()]))
        summary[label] = LabelSummary(mean=mean, ci95=ci95, absent=0, missed=0, false_alarm=0)
    return Evaluation(
        labels=LABELS, grid="native", split="validation", checkpoint="best",
        patients=patients, summary=summary, mean=row.dice.mean, ci95=row.dice.ci95,
    )  # fmt: skip


def _write_run(run: RunFolder, row: ModelRow, images: np.ndarray, truths: np.ndarray) -> None:
    random = np.random.default_rng(row.num_blocks)
    _evaluation(row, random).save(run.evaluation_file)
    shuffled = random.permuted(truths.reshape(UNSEEN, -1), axis=1).reshape(truths.shape)
    wrong = (random.random(truths.shape) < 0.04) & (truths > 0)
    arrays = {
        "patient_ids": np.array([f"unseen-{number:02}" for number in range(UNSEEN)]),
        "images": images,
        "truth": truths,
        "prediction": np.where(wrong, shuffled, truths).astype(np.uint8),
        "slice_index": np.full(UNSEEN, 90),
    }
    write_arrays(run.examples_file, arrays)
    pace = row.num_blocks or 4
    lines = [
        f"{epoch},{0.9 * np.exp(-epoch / pace) + 0.15:.4f},{0.85 * np.exp(-epoch / pace) + 0.2:.4f},"
        f"{0.87 - 0.6 * np.exp(-epoch / (3 + 0.2 * pace)):.4f},9.1"
        for epoch in range(1, 21)
    ]
    write_text(run.history_file, "\n".join(["epoch,train_loss,selection_loss,selection_dice,seconds", *lines]) + "\n")
    write_json(run.manifest_file, {"seed": 0, "weights": "none", "versions": {"torch": "2.15.0"}})


def write_comparison(folder: Path) -> None:
    """Write the folder of a whole demo, before its report."""
    choice = make_choice()
    depth = choice.model_dump(include={"status", "num_blocks", "reason", "evidence"})
    results = make_results(*demo_rows(), depth=depth)
    random = np.random.default_rng(0)
    images, truths = (np.stack(planes) for planes in zip(*(make_slice(random) for _ in range(UNSEEN)), strict=True))
    for row in results.models:
        if row.run:
            _write_run(RunFolder(folder / row.run), row, images, truths)
    reference = RunFolder(folder / "runs/unetr-12")
    choice.save(reference.depth_file)
    make_profile(images[0], truths[0]).save(reference.profile_file, reference.profile_arrays)
    results.save(folder / "results.json")
