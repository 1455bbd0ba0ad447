"""A model and a patient give a label map on the patient's own grid."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from trimformer.data.preparation.slices import Look, PatientSlices, Scores, batches_to_native_grid, look_away
from trimformer.records.progress import Progress, silent

Images = Float[Tensor, "slices channels rows columns"]

Network = Callable[[Images], Scores]
"""Class scores (logits) of a few slices on the model's grid; both tensors are float32 and on the CPU."""

Predictor = Callable[[PatientSlices], UInt8[np.ndarray, "x y z"]]
"""Anything that draws labels on a patient: a network, a mixture of intensities, a person."""

BATCH_SIZE = 4
"""Slices of a forward pass: few, since a base decoder takes 0.1 GiB for each, and a processor is no faster with more.

How many there are changes the last bits of what some kernels give.
"""


def model_network(model: nn.Module) -> Network:
    """A model as a function of slices, which go to wherever its weights are and whose scores come back."""

    @torch.inference_mode()
    def scores(images: Images) -> Scores:
        device = next(model.parameters()).device
        return model.eval()(images.to(device)).float().cpu()

    return scores


def predict_scores(model: nn.Module, images: Images) -> Scores:
    """Class scores of all these slices, batch by batch."""
    network = model_network(model)
    return torch.cat([network(batch) for batch in images.split(BATCH_SIZE)])


@torch.inference_mode()
def predict_labels(
    network: Network, patient: PatientSlices, progress: Progress = silent, look: Look = look_away
) -> UInt8[np.ndarray, "x y z"]:
    """The label map that a network draws on a patient's own grid.

    Args:
        network: Gives class scores; the label with the highest is taken where they are on the patient's own pixels.
        patient: Its slices on the network's grid.
        progress: Told after each batch, in slices.
        look: Is shown the scores on the slices' own pixels.
    """

    def batches() -> Iterator[Scores]:
        for start in range(0, len(patient.images), BATCH_SIZE):
            yield network(patient.image_tensor(slice(start, start + BATCH_SIZE)))
            progress(patient.patient_id, min(start + BATCH_SIZE, len(patient.images)), len(patient.images))

    return batches_to_native_grid(batches(), patient.grid, look)


def network_predictor(model: nn.Module) -> Predictor:
    """A predictor that runs the model on every slice and puts the scores back on the patient's grid."""
    network = model_network(model)
    return lambda patient: predict_labels(network, patient)
