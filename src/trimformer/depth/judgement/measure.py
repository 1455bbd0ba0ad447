"""What the criteria read of a run, measured where it is missing, with the time that it took."""

import math
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from trimformer.depth.run_measures import MeasuresOfRun
from trimformer.records.errors import NotWritableError, UserError
from trimformer.records.files import read_json, write_json
from trimformer.records.progress import Progress, under_name
from trimformer.records.run_folder import RunFolder

FIELD_SLICES = 2
"""Of each patient, whose receptive field is measured; `inspect` takes 4."""

Make = Callable[[RunFolder, Progress], object]


def measure_missing(run: RunFolder, progress: Progress) -> None:
    """Measure what is not in the folder yet, on training and selection patients alone, each kept as soon as it is made.

    A measure that this network does not allow is left out, and the criterion that reads it is inconclusive.

    Raises:
        NotWritableError: The disk is full or the folder cannot be written.
    """
    seconds = read_seconds(run)
    for name, (files, make) in _measures(run).items():
        if name in seconds:
            continue
        try:
            seconds[name] = None if all(file.exists() for file in files) else _timed(make, run, progress)
        except NotWritableError:
            raise
        except UserError:
            continue  # the criterion that reads it tells why, and the next judgement tries again
        write_json(run.measuring_seconds_file, seconds)


def is_measured(run: RunFolder) -> bool:
    """Whether `measure_missing` has nothing left to do."""
    return set(_measures(run)) <= set(read_seconds(run))


def read_seconds(run: RunFolder) -> dict[str, float | None]:
    """How long each measure took, loading included; None where it was there before.

    Raises:
        UserError: The file is damaged.
    """
    file, next_step = run.measuring_seconds_file, "Delete that file: what is missing is measured again."
    if not file.exists():
        return {}
    found = read_json(file, next_step)
    if not isinstance(found, dict) or not all(value is None or _is_time(value) for value in found.values()):
        raise UserError("The file must hold the seconds of measures", file, next_step)
    return found


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0


def _measures(run: RunFolder) -> dict[str, tuple[tuple[Path, ...], Make]]:
    """Every measure with its files; the profile comes last, since it writes similarity as well."""
    return {
        "similarity": (run.measure_files("similarity"), _similarity),
        "skipped_blocks": ((run.skipped_blocks_file,), _skipped_blocks),
        "receptive_field": (run.measure_files("receptive_field"), _receptive_field),
        "causal_radius": ((run.causal_radius_file,), _causal_radius),
        "profile": ((run.profile_file, run.profile_arrays), _profile),
    }


def _timed(make: Make, run: RunFolder, progress: Progress) -> float:
    start = perf_counter()
    make(run, under_name(progress, f"measuring {run.name}"))
    return perf_counter() - start


def _similarity(run: RunFolder, progress: Progress) -> object:
    return MeasuresOfRun(run, progress).similarity


def _skipped_blocks(run: RunFolder, progress: Progress) -> object:
    return MeasuresOfRun(run, progress).skipped_blocks


def _profile(run: RunFolder, progress: Progress) -> object:
    from trimformer.attention.run_measures import measure_run

    return measure_run(run, field_slices=0, progress=progress).save(run)


def _receptive_field(run: RunFolder, progress: Progress) -> None:
    from trimformer.attention.measures.receptive_field import measure_receptive_field
    from trimformer.attention.run_subject import RunSubject

    subject = RunSubject.of(run)
    batches = subject.spread_batches(FIELD_SLICES, "measuring receptive fields", progress)
    measured = measure_receptive_field(subject.model, batches, seed=subject.seed)
    measured.save(*run.measure_files("receptive_field"))


def _causal_radius(run: RunFolder, progress: Progress) -> None:
    """At the smallest radius alone at which a patch sees its neighbours: it is the one that the criterion reads."""
    from trimformer.attention.ablation.causal_radius import causal_radius, default_radii
    from trimformer.attention.ablation.remaining_dice import ablated_patients, transformer_of
    from trimformer.data.catalogue import load_dataset
    from trimformer.inference.device import default_device
    from trimformer.models import load_model

    model = load_model(run.path).to(default_device())
    dataset = load_dataset(run.experiment().data)
    patients = ablated_patients(dataset)
    radii = default_radii(transformer_of(model, patients).grid, patients)[1:2]
    causal_radius(model, patients, dataset.labels, radii, progress=progress).save(run.causal_radius_file)
