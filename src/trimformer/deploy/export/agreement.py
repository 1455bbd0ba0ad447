"""Whether an export gives the scores of the network that it was made from."""

from pathlib import Path

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
    reference = model_network(subject.model)
    for count in BATCHES:
        images = subject.noise(count)
        expected, found = reference(images), network(images)
        limit = TOLERANCE * max(1.0, float(expected.abs().max()))
        difference = float((found - expected).abs().max())
        if not difference <= limit:  # NaN too
            raise UserError(
                f"An export gives its network's logits to {limit:.1e}",
                f"{file.name} differs by {difference:.1e} for {count} slices",
                "Nothing was written. Export with other versions of torch and onnxruntime, and please report this.",
            )
