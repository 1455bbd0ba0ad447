"""A model and a patient give a label map on the patient's own grid."""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from trimformer.data.preparation.slices import PatientSlices, to_native_grid

Predictor = Callable[[PatientSlices], UInt8[np.ndarray, "x y z"]]
"""Anything that draws labels on a patient: a network, a mixture of intensities, a person."""


@torch.inference_mode()
def predict_scores(
    model: nn.Module, images: Float[Tensor, "slices channels rows columns"], batch_size: int = 16
) -> Float[Tensor, "slices classes rows columns"]:
    """Class scores (logits) of slices on the model's grid, in float32 on the CPU, batch by batch."""
    model.eval()
    device = next(model.parameters()).device
    return torch.cat([model(batch.to(device)).float().cpu() for batch in images.split(batch_size)])


def network_predictor(model: nn.Module) -> Predictor:
    """A predictor that runs the model on every slice and puts the scores back on the patient's grid."""

    def predict(patient: PatientSlices) -> np.ndarray:
        return to_native_grid(predict_scores(model, patient.image_tensor()), patient.grid)

    return predict
