"""Whether an export gives the scores of the network that it was made from."""

from collections.abc import Iterable
from pathlib import Path

from torch import Tensor

from trimformer.deploy.export.subject import Subject
from trimformer.inference.predict import Images, Network, model_network
from trimformer.records.errors import UserError

TOLERANCE = 1e-4
"""Of a logit, or of the largest one where that is above 1: a few times what the order of sums changes."""

SAME_LABELS = 0.8
"""Share of labelled pixels; a quantisation that goes well keeps more than 0.98, one that fails less than half."""

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


def refuse_other_labels(subject: Subject, network: Network, slices: Images) -> None:
    """Hold the labels of an export in int8 against those of the run's network.

    Args:
        subject: What was exported.
        network: The export, read back.
        slices: What both label.

    Raises:
        UserError: So many labels differ that the export is of no use.
    """
    expected, found = (scores(slices).argmax(dim=1) for scores in (model_network(subject.model), network))
    labelled = (expected > 0) | (found > 0)
    share = float((expected == found)[labelled].float().mean()) if labelled.any() else 1.0
    if share < SAME_LABELS:
        raise UserError(
            f"In int8 at least {SAME_LABELS:.0%} of what is labelled keep the label",
            f"{share:.0%} of the labelled pixels of {len(slices)} training slices",
            "Nothing was written. Export with --precision fp32.",
        )
