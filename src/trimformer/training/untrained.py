"""A run folder of a model that has not been trained: what its attention looks at before the first step."""

from pathlib import Path

import lightning as L

from trimformer.data.catalogue import load_dataset
from trimformer.models import save_model
from trimformer.records.experiment import Experiment
from trimformer.records.files import write_json
from trimformer.records.progress import Progress, silent
from trimformer.records.run_folder import RunFolder
from trimformer.training.manifest import describe_run
from trimformer.training.start import starting_model
from trimformer.training.train import claim


def write_untrained_run(experiment: Experiment, folder: Path, progress: Progress = silent) -> RunFolder:
    """Write the model as its training would begin, pretrained or random; what is there already is left.

    Raises:
        UserError: The folder holds another experiment, the settings do not fit, or data or weights cannot be had.
    """
    run = claim(experiment, folder)
    if run.weights_file.exists() and run.model_file.exists():
        return run
    dataset = load_dataset(experiment.data, progress)
    L.seed_everything(experiment.seed, verbose=False)
    model = starting_model(experiment, num_classes=1 + max(dataset.labels), in_channels=dataset.num_channels)
    experiment.save(run.experiment_file)
    write_json(run.manifest_file, describe_run(experiment, dataset, model, precision="32-true"))
    save_model(model, run.weights_file, run.model_file)
    return run
