"""Everything that is measured of a trained run: all of it is made first, then written into the run's folder."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from trimformer.attention.measures.first_sight import first_sights, sight_table
from trimformer.attention.measures.measure_sums import MeasureSums, merged_sums
from trimformer.attention.measures.receptive_field import receptive_field_sums
from trimformer.attention.profile import profile_beside
from trimformer.attention.run_subject import RunSubject
from trimformer.attention.similarity_and_organs import SimilarityAndOrgans
from trimformer.data.batch import Batch
from trimformer.processes.share import agreed, first_alone, gathered
from trimformer.records.errors import UserError
from trimformer.records.merged_profile import merge_profiles
from trimformer.records.patient_measures import PatientMeasures
from trimformer.records.profile import AttentionProfile
from trimformer.records.progress import Progress, silent
from trimformer.records.run_folder import RunFolder

MEASURES = ("similarity", "organs", "receptive_field")

FIELD_SLICES = 4
"""Slices of a patient whose receptive field is measured: each costs about twenty predictions of a 12-block UNETR."""

FIELD_TOKENS = 4
"""Queries of such a slice, among its foreground patches and as many among all."""


@dataclass(frozen=True)
class RunMeasures:
    """What was measured of one run, and why the rest was not."""

    profile: AttentionProfile
    measures: Mapping[str, PatientMeasures]
    """By the names in `MEASURES`."""
    left_out: Mapping[str, str]
    """Why, by name."""

    def first_blocks(self) -> Mapping[str, Mapping[str, int | None]]:
        """For each organ, and each that it looks at, the first block that lets it see that; empty without organs."""
        return sight_table(first_sights(self.measures["organs"])) if "organs" in self.measures else {}

    def save(self, run: RunFolder) -> dict[str, Path]:
        """Let the first process write every measure into the run's folder; the files with the means, by name."""
        first_alone(lambda: self._write(run))
        return {"profile": run.profile_file} | {name: run.measure_files(name)[0] for name in self.measures}

    def _write(self, run: RunFolder) -> None:
        for name, measured in self.measures.items():
            measured.save(*run.measure_files(name))
        self.profile.save(run.profile_file, run.profile_arrays)


def measure_run(
    run: RunFolder,
    *,
    slices: int | None = None,
    field_slices: int = FIELD_SLICES,
    field_tokens: int = FIELD_TOKENS,
    progress: Progress = silent,
) -> RunMeasures:
    """Measure a run's best weights on its training patients, never on those that are reported; nothing is written.

    The profile, similarity and organs see each slice once, in the same forward pass; the receptive field takes a few
    slices of each patient. Several processes share the patients, and all return the measures of all of them.

    Args:
        run: A trained run.
        slices: Slices of each patient that are looked at, spread evenly over those with labels; None: every slice.
        field_slices: Slices of each patient whose receptive field is measured; 0 leaves it out.
        field_tokens: Queries of such a slice, among its foreground patches and as many among all.
        progress: Told after every batch.

    Raises:
        UserError: The run has no weights yet, or no attention of its model can be seen.
    """
    subject = RunSubject.of(run).share()
    profile, sums = _looked_through(subject, slices, progress)
    if profile.no_rollout:
        return RunMeasures(profile, {}, dict.fromkeys(MEASURES, profile.no_rollout))
    measures, left_out = {name: each.measures() for name, each in sums.items()}, dict[str, str]()
    if "organs" not in measures:
        left_out["organs"] = "no patient has labels"
    if field_slices == 0:
        return RunMeasures(profile, measures, left_out | {"receptive_field": "not asked for"})
    batches = subject.spread_batches(field_slices, "measuring receptive fields", progress)
    try:
        field = agreed(lambda: _field_sums(subject, batches, field_tokens))
        measures["receptive_field"] = merged_sums(gathered(field))["receptive_field"].measures()
    except UserError as error:  # a network without gradients has a profile all the same
        left_out["receptive_field"] = str(error)
    return RunMeasures(profile, measures, left_out)


def _looked_through(
    subject: RunSubject, slices: int | None, progress: Progress
) -> tuple[AttentionProfile, dict[str, MeasureSums]]:
    """The profile of the patients of all processes, and what was summed beside it; a process may have no patient."""

    def look() -> tuple[list[AttentionProfile], dict[str, MeasureSums]]:
        if not subject.patients:
            return [], {}
        beside = SimilarityAndOrgans(subject.model, subject.labels)
        batches = subject.batches("measuring attention", progress, slices)
        return [profile_beside(subject.model, batches, beside, seed=subject.seed)], beside.sums

    profiles, sums = zip(*gathered(agreed(look)), strict=True)
    return merge_profiles(list(chain.from_iterable(profiles))), merged_sums(sums)


def _field_sums(subject: RunSubject, batches: Iterable[Batch], tokens_per_slice: int) -> dict[str, MeasureSums]:
    if not subject.patients:
        return {}
    sums = receptive_field_sums(subject.model, batches, tokens_per_slice=tokens_per_slice, seed=subject.seed)
    return {"receptive_field": sums}
