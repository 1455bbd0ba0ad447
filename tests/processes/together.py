"""What two processes do together in the tests: torchrun starts this file with a folder to work in."""

import json
import sys
from contextlib import suppress
from pathlib import Path

import torch

from trimformer.attention.run_measures import measure_run
from trimformer.evaluation.evaluate import evaluate_run
from trimformer.models.dropout import Dropout
from trimformer.processes.group import joined, rank, summed
from trimformer.processes.share import agreed, first_alone, gathered
from trimformer.records.errors import FileError, UserError
from trimformer.records.experiment import parse_experiment
from trimformer.records.files import write_json
from trimformer.records.run_folder import RunFolder
from trimformer.training import train
from trimformer.training.loss import dice_cross_entropy


class KilledError(Exception):
    """Stands for a kill in the second epoch."""


def stop_in_second_epoch(task: str, done: int, total: int) -> None:
    """A `Progress` that kills."""
    if task.startswith("training") and done == total // 2 + 1:
        raise KilledError


def main(folder: Path) -> None:
    """Train, go on, begin, evaluate and measure; what the processes found is written for the tests to read."""
    Dropout.forward = without_dropout  # type: ignore[method-assign, assignment]
    document = json.loads((folder / "experiment.json").read_text())
    experiment = parse_experiment(document, source="the tests")
    with joined():
        found = {"gradients": gathered(averaged_gradient()), "errors": gathered(raised()), "ranks": gathered(rank())}
        train(experiment, folder / "together")
        train(experiment, folder / "begun-by-one")
        with suppress(KilledError):
            train(experiment, folder / "begun-by-two", stop_in_second_epoch)
        run = RunFolder(folder / "evaluated")
        found["evaluations"] = gathered(evaluate_run(run).model_dump(mode="json"))
        measured = measure_run(run, field_slices=1, field_tokens=1)
        measured.save(run)
        found["patients"] = gathered(list(measured.profile.patient_ids))
        first_alone(lambda: write_json(folder / "found.json", found))


def without_dropout(_self: Dropout, values: torch.Tensor) -> torch.Tensor:
    """The values as they are."""
    return values


def averaged_gradient() -> list[float]:
    """Of the loss of a joint batch, as `DistributedDataParallel` averages it."""
    weight, images, labels = joint_batch()
    own = slice(2 * rank(), 2 * rank() + 2)
    dice_cross_entropy(images[own] * weight, labels[own], summed).backward()
    assert weight.grad is not None
    return [value / 2 for value in summed(weight.grad).flatten().tolist()]


def joint_batch() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """A weight for each class, images (4, 1, 6, 6), labels (4, 6, 6) of which the halves show different classes."""
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(1, 3, 1, 1, generator=generator).requires_grad_()
    images = torch.randn(4, 1, 6, 6, generator=generator)
    labels = torch.randint(0, 2, (4, 6, 6), generator=generator)
    labels[2:] *= 2
    return weight, images, labels


def raised() -> str:
    """What every process hears of the mistake that the second one met."""
    try:
        agreed(fail_in_second)
    except UserError as error:
        return str(error)
    return "nothing"


def fail_in_second() -> None:
    """Only one of the processes finds the file broken."""
    if rank() == 1:
        raise FileError("scan.nii", "A scan has three axes", "two", "Mend it.")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
