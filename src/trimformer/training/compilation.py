"""A compiled network, and the proof that it computes what the plain one does."""

from typing import Any

import lightning as L
import torch
from torch import Tensor, nn

from trimformer.records.errors import UserError
from trimformer.training.task import channels_last

TOLERANCES = {torch.float32: 1e-3, torch.bfloat16: 0.05}
"""Largest difference relative to the numbers themselves: compiled code adds in another order, and rounds less often."""


class Compilation(L.Callback):
    """Compiles a task's model in its place, so that weights keep their names, and checks it on the first batch.

    Raises:
        UserError: It cannot be compiled here, or computes other numbers.
    """

    def __init__(self) -> None:
        self._is_checked = False

    def on_fit_start(self, _: L.Trainer, task: L.LightningModule) -> None:
        """Compile; dropout keeps the random numbers of the plain network."""
        task.model.compile(options={"fallback_random": True})

    def on_train_batch_start(self, trainer: L.Trainer, task: L.LightningModule, batch: Any, _: int) -> None:
        """Hold the compiled network against the plain one, once."""
        if self._is_checked:
            return
        images, _labels = channels_last(batch)
        with trainer.precision_plugin.forward_context():
            refuse_other_numbers(task.model, images)
        self._is_checked = True


def refuse_other_numbers(model: nn.Module, images: Tensor) -> None:
    """Compare logits and gradients of a compiled model with those that it has when run as it is written.

    Both passes draw the same dropout; statistics of normalisations and the random state are left as they were.

    Raises:
        UserError: It cannot be compiled, or numbers differ by more than `TOLERANCES`.
    """
    with torch.compiler.set_stance("force_eager"):
        plain = _without_trace(model, images)
    try:
        compiled = _without_trace(model, images)
    except RuntimeError as error:
        raise UserError(
            "compile = true needs a compiler that torch can use",
            f"{type(error).__name__}: {' '.join(str(error).split())[:300]}",
            "Install one (apt-get install g++), or set training.compile=false.",
        ) from error
    for name, one, other in zip(("logits", "gradients"), plain, compiled, strict=True):
        difference = float((one - other).norm() / one.norm())
        tolerance = TOLERANCES[one.dtype]
        if not difference <= tolerance:
            raise UserError(
                f"A compiled model has the {name} of the plain one, within {tolerance:g} of their size",
                f"{difference:.3g}",
                "Set training.compile=false.",
            )


def _without_trace(model: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    """Logits and all gradients of their squares, in their own number formats."""
    kept = [buffer.clone() for buffer in model.buffers()]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        logits = model(images)
        parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        gradients = torch.autograd.grad(logits.float().square().mean(), parameters, allow_unused=True)
    with torch.no_grad():
        for buffer, before in zip(model.buffers(), kept, strict=True):
            buffer.copy_(before)
    reached: list[Tensor | None] = list(gradients)  # an unused parameter has none
    together = torch.cat([gradient.flatten() for gradient in reached if gradient is not None])
    return logits.detach(), together.to(logits.dtype)
