"""What the criteria read of a run, measured where it is missing, with the time that it took."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import perf_counter

from trimformer.depth.run_measures import MeasuresOfRun
from trimformer.records.errors import NotWritableError, UserError
from trimformer.records.files import read_json, write_json
from trimformer.records.progress import Progress, under_name
from trimformer.records.run_folder import RunFolder

SLICES = 2
"""Of each patient; `inspect` takes all. A sweep of short trainings would hardly cost more than all slices do."""

FIELD_SLICES = 1
"""Of each patient whose receptive field is measured, those that the ablations take: it is the dearest by far."""

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


def last_measured(run: RunFolder) -> int:
    """When the newest of what criteria read was written, in nanoseconds; 0 where nothing is there."""
    files = [file for files, _ in _measures(run).values() for file in files if file.exists()]
    return max((file.stat().st_mtime_ns for file in files), default=0)


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
        "far_sight": ((run.far_sight_file,), _far_sight),
        "profile": ((run.profile_file, run.profile_arrays), _profile),
    }


def _timed(make: Make, run: RunFolder, progress: Progress) -> float:
    start = perf_counter()
    make(run, under_name(progress, f"measuring {run.name}"))
    return perf_counter() - start


def _similarity(run: RunFolder, progress: Progress) -> None:
    from trimformer.attention.measures.similarity import measure_similarity
    from trimformer.attention.run_subject import RunSubject

    subject = RunSubject.of(run)
    batches = subject.spread_batches(SLICES, "comparing blocks", progress)
    measured = measure_similarity(subject.model, batches)
    measured.save(*run.measure_files("similarity"))


def _skipped_blocks(run: RunFolder, progress: Progress) -> object:
    return MeasuresOfRun(run, progress).skipped_blocks


def _profile(run: RunFolder, progress: Progress) -> object:
    from trimformer.attention.run_measures import measure_run

    measured = measure_run(run, slices=SLICES, field_slices=0, progress=progress)
    missing = {name: found for name, found in measured.measures.items() if not run.measure_files(name)[0].exists()}
    return replace(measured, measures=missing).save(run)


def _receptive_field(run: RunFolder, progress: Progress) -> None:
    from trimformer.attention.ablation.remaining_dice import ablated_patients
    from trimformer.attention.measures.receptive_field import measure_receptive_field
    from trimformer.attention.run_subject import RunSubject
    from trimformer.data.catalogue import load_dataset

    subject = replace(RunSubject.of(run), patients=ablated_patients(load_dataset(run.experiment().data)))
    batches = subject.spread_batches(FIELD_SLICES, "measuring receptive fields", progress)
    measured = measure_receptive_field(subject.model, batches, seed=subject.seed)
    measured.save(*run.measure_files("receptive_field"))


def _far_sight(run: RunFolder, progress: Progress) -> object:
    return MeasuresOfRun(run, progress).far_sight
