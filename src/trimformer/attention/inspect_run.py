"""The attention profile of a trained run, written into its folder."""

from trimformer.attention.profile import profile_attention
from trimformer.attention.run_subject import RunSubject
from trimformer.records.profile import AttentionProfile
from trimformer.records.progress import Progress, silent
from trimformer.records.run_folder import RunFolder


def inspect_run(run: RunFolder, progress: Progress = silent) -> AttentionProfile:
    """Profile the run's best weights on all its training patients, never on those that are reported.

    Raises:
        UserError: The run has no weights yet, or its model has no block.
    """
    subject = RunSubject.of(run)
    profile = profile_attention(subject.model, subject.batches("measuring attention", progress), seed=subject.seed)
    profile.save(run.profile_file, run.profile_arrays)
    return profile
