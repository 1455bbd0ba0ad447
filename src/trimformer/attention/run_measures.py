"""Everything that is measured of a trained run: all of it is made first, then written into the run's folder."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from trimformer.attention.measures.first_sight import first_sights, sight_table
from trimformer.attention.measures.measure_sums import MeasureSums
from trimformer.attention.measures.organs import OrganWatcher, empty_organs
from trimformer.attention.measures.receptive_field import measure_receptive_field
from trimformer.attention.measures.similarity import SimilarityWatcher, empty_similarity
from trimformer.attention.profile import profile_attention
from trimformer.attention.run_subject import RunSubject
from trimformer.attention.transformer.evaluating import evaluating
from trimformer.attention.transformer.observe import observe_attention
from trimformer.attention.transformer.passes import batches_with_transformer
from trimformer.attention.transformer.states import run_blocks
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

    The profile sees every slice once, similarity and organs share a second pass, and the receptive field takes a few
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
    profile = profile_attention(subject.model, subject.batches("measuring attention", progress), seed=subject.seed)
    measures: dict[str, PatientMeasures] = {}
    left_out: dict[str, str] = {}
    try:
        measures |= _similarity_and_organs(subject, progress)
        if "organs" not in measures:
            left_out["organs"] = "no patient has labels"
        if field_slices > 0:
            batches = subject.spread_batches(field_slices, "measuring receptive fields", progress)
            measures["receptive_field"] = measure_receptive_field(
                subject.model, batches, tokens_per_slice=field_tokens, seed=subject.seed
            )
        else:
            left_out["receptive_field"] = "not asked for"
    except UserError as error:  # what has no single sequence of blocks has a profile all the same
        missing = (name for name in MEASURES if name not in measures)
        left_out = dict.fromkeys(missing, str(error)) | left_out
    return RunMeasures(profile, measures, left_out)


def _similarity_and_organs(subject: RunSubject, progress: Progress) -> dict[str, PatientMeasures]:
    """Both from one pass; organs of those patients that have labels."""
    model, batches = subject.model, subject.batches("comparing blocks and organs", progress)
    transformer, told = batches_with_transformer(model, batches)
    sums: dict[str, MeasureSums] = {"similarity": empty_similarity(model, transformer)}
    with evaluating(model), torch.inference_mode():
        for batch in told:
            states = SimilarityWatcher.of(batch, transformer)
            if batch.labels is None:
                run_blocks(model, transformer, batch.images, states)
            else:
                attention = OrganWatcher.of(batch, transformer, subject.labels)
                with observe_attention(transformer.blocks, attention):
                    run_blocks(model, transformer, batch.images, states)
                organs = sums.setdefault("organs", empty_organs(model, transformer, subject.labels))
                attention.add_to(organs.means, batch.patient_ids)
            states.add_to(sums["similarity"].means, batch.patient_ids)
    return {name: each.measures() for name, each in sums.items()}
