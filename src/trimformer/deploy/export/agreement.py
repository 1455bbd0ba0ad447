"""Whether an export gives the scores of the network that it was made from."""

from collections.abc import Iterable
from pathlib import Path

from torch import Tensor

from trimformer.deploy.export.subject import Subject
from trimformer.inference.predict import Network, model_network
from trimformer.records.errors import UserError

TOLERANCE = 1e-4
"""Of a logit, or of the largest one where that is above 1: a few times what the order of sums changes."""

BATCHES = (1, 3)
"""Slices at a time; two numbers, so that a batch which was fixed for good is seen."""


def refuse_difference(subject: Subject, network: Network, file: Path) -> None:
    """Hold the scores of an export against those of the run's network.

    Args:
        subject: What was exported.
        network: The export, read back.
        file: What the message calls it.

    Raises:
        UserError: They differ.
    """
    refuse_other_scores(model_network(subject.model), network, map(subject.noise, BATCHES), file)


def refuse_other_scores(reference: Network, network: Network, batches: Iterable[Tensor], file: Path) -> None:
    """Hold the scores of an export against those of a network, batch by batch.

    Args:
        reference: What was exported.
        network: The export, read back.
        batches: Slices that both are given, (slices, channels, rows, columns); no two need be alike in any of these.
        file: What the message calls it.

    Raises:
        UserError: They differ.
    """
    for images in batches:
        expected, found = reference(images), network(images)
        limit = TOLERANCE * max(1.0, float(expected.abs().max()))
        difference = float((found - expected).abs().max())
        if not difference <= limit:  # NaN too
            raise UserError(
                f"An export gives its network's logits to {limit:.1e}",
                f"{file.name} differs by {difference:.1e} for {len(images)} slices",
                "Nothing was written. Export with other versions of torch and onnxruntime, and please report this.",
            )
