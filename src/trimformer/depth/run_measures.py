"""What the criteria read of a run: what lies in its folder, and what is cheap to measure where it does not."""

from dataclasses import dataclass
from functools import cached_property

from trimformer.depth.criteria.criterion import ModelMeasures
from trimformer.records.errors import UserError
from trimformer.records.far_sight import FarSight
from trimformer.records.patient_measures import PatientMeasures
from trimformer.records.profile import AttentionProfile
from trimformer.records.progress import Progress, silent
from trimformer.records.run_folder import RunFolder
from trimformer.records.skipped_blocks import SkippedBlocks

NEXT_STEP = "Run trimformer inspect on that run."


@dataclass(frozen=True)
class MeasuresOfRun(ModelMeasures):
    """The measures of a trained run, read or made when they are first asked for.

    Profile and receptive field are only read: `inspect` makes them; the others are made from forward passes of
    training and selection patients, never of those that are reported, and kept in the folder. What computes is imported
    where it is needed, so that to choose from a profile takes no time.
    """

    run: RunFolder
    progress: Progress = silent

    @cached_property
    def num_blocks(self) -> int:
        """Blocks of the run's model.

        Raises:
            UserError: It has none, or they cannot be found in a network that is not ours.
        """
        from trimformer.compression.compress import own_blocks

        blocks = own_blocks(self.run)
        if not blocks:
            raise UserError("A depth is chosen of a model with blocks", f"none in {self.run.path}", "Give such a run.")
        return len(blocks)

    @cached_property
    def profile(self) -> AttentionProfile:
        """What `inspect` left.

        Raises:
            UserError: There is none, or it is damaged.
        """
        return AttentionProfile.load(self.run.profile_file, self.run.profile_arrays)

    @cached_property
    def receptive_field(self) -> PatientMeasures | None:
        """What `inspect` left, None where it was not asked to measure it."""
        files = self.run.measure_files("receptive_field")
        return PatientMeasures.load(*files, NEXT_STEP) if any(file.exists() for file in files) else None

    @cached_property
    def similarity(self) -> PatientMeasures:
        """CKA and block influence; one forward pass of every training and selection patient where missing."""
        files = self.run.measure_files("similarity")
        if not any(file.exists() for file in files):
            from trimformer.attention.measures.similarity import measure_similarity
            from trimformer.attention.run_subject import RunSubject

            subject = RunSubject.of(self.run)
            batches = subject.batches("comparing blocks", self.progress)
            measure_similarity(subject.model, batches).save(*files)
        return PatientMeasures.load(*files, NEXT_STEP)

    @cached_property
    def skipped_blocks(self) -> SkippedBlocks:
        """The identity ablation; where missing, half as many passes as there are depths, of six patients or more."""
        file = self.run.skipped_blocks_file
        if file.exists():
            return SkippedBlocks.load(file)
        from trimformer.attention.ablation.skip import skipped_blocks_of_run

        return skipped_blocks_of_run(self.run, self.progress)

    @cached_property
    def far_sight(self) -> FarSight:
        """Near-sighted blocks; where missing, L + 1 passes of a few slices of six patients or more."""
        file = self.run.far_sight_file
        if file.exists():
            return FarSight.load(file)
        from trimformer.attention.ablation.far_sight import far_sight_of_run

        return far_sight_of_run(self.run, self.progress)
