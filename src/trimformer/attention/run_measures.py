"""Everything that is measured of a trained run: all of it is made first, then written into the run's folder."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from trimformer.attention.measures.first_sight import first_sights, sight_table
from trimformer.attention.measures.receptive_field import measure_receptive_field
from trimformer.attention.profile import profile_beside
from trimformer.attention.run_subject import RunSubject
from trimformer.attention.similarity_and_organs import SimilarityAndOrgans
from trimformer.records.errors import UserError
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
        """Write every measure into the run's folder; the files with the means, by name."""
        for name, measured in self.measures.items():
            measured.save(*run.measure_files(name))
        self.profile.save(run.profile_file, run.profile_arrays)
        return {"profile": run.profile_file} | {name: run.measure_files(name)[0] for name in self.measures}


def measure_run(
    run: RunFolder,
    *,
    field_slices: int = FIELD_SLICES,
    field_tokens: int = FIELD_TOKENS,
    progress: Progress = silent,
) -> RunMeasures:
    """Measure a run's best weights on its training patients, never on those that are reported; nothing is written.

    The profile, similarity and organs see every slice once, in the same forward pass; the receptive field takes a few
    slices of each patient.

    Args:
        run: A trained run.
        field_slices: Slices of each patient whose receptive field is measured; 0 leaves it out.
        field_tokens: Queries of such a slice, among its foreground patches and as many among all.
        progress: Told after every batch.

    Raises:
        UserError: The run has no weights yet, or no attention of its model can be seen.
    """
    subject = RunSubject.of(run)
    beside = SimilarityAndOrgans(subject.model, subject.labels)
    profile = profile_beside(subject.model, subject.batches("measuring attention", progress), beside, seed=subject.seed)
    if profile.no_rollout:
        return RunMeasures(profile, {}, dict.fromkeys(MEASURES, profile.no_rollout))
    measures, left_out = beside.measures(), dict[str, str]()
    if "organs" not in measures:
        left_out["organs"] = "no patient has labels"
    if field_slices == 0:
        return RunMeasures(profile, measures, left_out | {"receptive_field": "not asked for"})
    batches = subject.spread_batches(field_slices, "measuring receptive fields", progress)
    try:
        measures["receptive_field"] = measure_receptive_field(
            subject.model, batches, tokens_per_slice=field_tokens, seed=subject.seed
        )
    except UserError as error:  # a network without gradients has a profile all the same
        left_out["receptive_field"] = str(error)
    return RunMeasures(profile, measures, left_out)
