"""What a model learns from a trained one beside the labels: softened logits and, where asked, the last token map."""

from collections.abc import Callable
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from trimformer.models import SegmentationModel
from trimformer.records.settings import DistillationSettings

LabelsLoss = Callable[[Tensor, Tensor], Tensor]
"""Of logits and labels."""


class Distillation:
    """The loss of a student that has a teacher (Hinton, Vinyals and Dean 2015, arXiv:1503.02531, section 2).

    (1 - weight) * loss on the labels + weight * T^2 KL(teacher || student) + features * error between the token maps.
    It is no module: the teacher is in no checkpoint, no optimiser sees it, and `train()` leaves it in eval mode.

    Args:
        teacher: A trained model; frozen here.
        settings: Weight, temperature and factor of the features.
    """

    def __init__(self, teacher: SegmentationModel, settings: DistillationSettings) -> None:
        self._teacher = teacher.eval().requires_grad_(False).to(memory_format=torch.channels_last)
        self._settings = settings

    def loss(self, student: nn.Module, images: Tensor, labels: Tensor, labels_loss: LabelsLoss) -> Tensor:
        """The loss of one batch; both models see the same images, in the number format that the training runs in."""
        settings = self._settings
        with_tokens = settings.features > 0
        logits, tokens = _outputs(student, images, with_tokens)
        with torch.no_grad():
            taught, taught_tokens = _outputs(self._teacher.to(images.device), images, with_tokens)
        divergence = softened_divergence(logits, taught, settings.temperature)
        loss = (1 - settings.weight) * labels_loss(logits, labels) + settings.weight * divergence
        if with_tokens:
            loss = loss + settings.features * token_map_error(tokens[-1], taught_tokens[-1])
        return loss


def softened_divergence(
    student: Float[Tensor, "batch classes rows columns"],
    teacher: Float[Tensor, "batch classes rows columns"],
    temperature: float,
) -> Float[Tensor, ""]:
    """T^2 KL(p || q) in nats, mean over pixels: p and q are the softmax of the teacher's and student's logits over T.

    T^2 keeps the size of the gradients as it is at T = 1 (section 2 of the paper).
    """
    taught, learnt = (F.log_softmax(logits.float() / temperature, dim=1) for logits in (teacher, student))
    by_class = F.kl_div(learnt, taught, reduction="none", log_target=True)
    return temperature**2 * by_class.sum(dim=1).mean()


def token_map_error(
    student: Float[Tensor, "batch width rows columns"], teacher: Float[Tensor, "batch width rows columns"]
) -> Float[Tensor, ""]:
    """Mean squared error of two token maps whose every token was brought to mean 0 and variance 1 over the width."""
    learnt, taught = (F.layer_norm(tokens.float().movedim(1, -1), tokens.shape[1:2]) for tokens in (student, teacher))
    return F.mse_loss(learnt, taught)


def _outputs(model: nn.Module, images: Tensor, with_tokens: bool) -> tuple[Tensor, list[Tensor]]:
    """Logits, and where asked the map that leaves a hybrid's last block and norm."""
    if not with_tokens:
        return model(images), []
    assert isinstance(model.transformer, nn.Module)
    found: list[Tensor] = []
    hook = model.transformer.register_forward_hook(partial(_keep_last, found))
    try:
        logits = model(images)
    finally:
        hook.remove()
    return logits, found


def _keep_last(found: list[Tensor], _module: nn.Module, _inputs: object, taps: list[Tensor]) -> None:
    found.append(taps[-1])
