"""The depth of a trained run, chosen from its profile and written into its folder."""

from trimformer.depth.rule import choose_depth
from trimformer.records.depth import DepthChoice
from trimformer.records.patient_measures import PatientMeasures
from trimformer.records.profile import AttentionProfile
from trimformer.records.run_folder import RunFolder


def choose_run(run: RunFolder) -> DepthChoice:
    """Choose from the profile, and the receptive field where it was measured, that `inspect` left in the run folder.

    Raises:
        UserError: There is no profile yet, or a file is damaged or of other blocks.
    """
    profile = AttentionProfile.load(run.profile_file, run.profile_arrays)
    choice = choose_depth(profile, _receptive_field(run))
    choice.save(run.depth_file)
    return choice


def _receptive_field(run: RunFolder) -> PatientMeasures | None:
    files = run.measure_files("receptive_field")
    if not any(file.exists() for file in files):
        return None
    return PatientMeasures.load(*files, "Run trimformer inspect on that run.")
