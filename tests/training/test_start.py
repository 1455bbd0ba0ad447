import torch

from trimformer.models import load_model
from trimformer.records.experiment import Experiment
from trimformer.records.run_folder import RunFolder
from trimformer.training.start import starting_model


def test_a_warm_start_of_the_same_depth_has_every_weight_of_the_runs_best_epoch(
    trained_run: RunFolder, small_experiment: Experiment
) -> None:
    trained = load_model(trained_run.path)
    warm = starting_model(
        small_experiment.with_changes(model={"weights": str(trained_run.path)}),
        num_classes=trained.settings["num_classes"],
        in_channels=trained.settings["in_channels"],
    )
    expected = trained.state_dict()
    assert list(warm.state_dict()) == list(expected)
    assert all(torch.equal(tensor, expected[name]) for name, tensor in warm.state_dict().items())
