"""The depth of a trained run, chosen from its profile and written into its folder."""

from trimformer.depth.rule import choose_depth
from trimformer.records.depth import DepthChoice
from trimformer.records.profile import AttentionProfile
from trimformer.records.run_folder import RunFolder


def choose_run(run: RunFolder) -> DepthChoice:
    """Choose from the profile that `inspect` left in the run folder.

    Raises:
        UserError: There is no profile yet, or it is damaged.
    """
    choice = choose_depth(AttentionProfile.load(run.profile_file, run.profile_arrays))
    choice.save(run.depth_file)
    return choice
