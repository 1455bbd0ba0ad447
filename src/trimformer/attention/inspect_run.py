"""The attention profile of a trained run, written into its folder."""

from collections.abc import Iterator

from trimformer.attention.profile import profile_attention
from trimformer.data.batch import Batch, profile_batches
from trimformer.data.catalogue import load_dataset
from trimformer.inference.device import default_device
from trimformer.models import load_model
from trimformer.records.profile import AttentionProfile
from trimformer.records.progress import Progress, silent
from trimformer.records.run_folder import RunFolder

BATCH_SIZE = 8


def inspect_run(run: RunFolder, progress: Progress = silent) -> AttentionProfile:
    """Profile the run's best weights on all its training patients, never on those that are reported.

    Raises:
        UserError: The run has no weights yet, or its model has no block.
    """
    experiment = run.experiment()
    model = load_model(run.path).to(default_device())
    dataset = load_dataset(experiment.data)
    patients = (*dataset.training, *dataset.selection)
    total = sum(-(-len(patient.images) // BATCH_SIZE) for patient in patients)

    def told() -> Iterator[Batch]:
        for done, batch in enumerate(profile_batches(patients, BATCH_SIZE), start=1):
            yield batch
            progress("measuring attention", done, total)

    profile = profile_attention(model, told(), seed=experiment.seed)
    profile.save(run.profile_file, run.profile_arrays)
    return profile
