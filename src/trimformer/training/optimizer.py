"""The optimiser of a training: AdamW, or Muon for the matrices of linear layers and AdamW for the rest."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import AdamW, Muon, Optimizer

from trimformer.records.settings import TrainingSettings

MOMENTUM = 0.9
"""AdamW's first beta, as everywhere."""


def create_optimizer(model: nn.Module, settings: TrainingSettings) -> Optimizer:
    """What moves the weights of a model under the settings of a training.

    With `muon_learning_rate` the weights of linear layers, which in the hybrids are those of the transformer's blocks,
    go by Muon; a model without linear layers goes by AdamW alone.
    """
    matrices = _linear_weights(model) if settings.muon_learning_rate is not None else []
    by_muon = set(matrices)
    adamw = AdamW(
        [weight for weight in model.parameters() if weight not in by_muon],
        lr=settings.learning_rate,
        betas=(MOMENTUM, settings.beta2),
        weight_decay=settings.weight_decay,
        fused=True,
    )
    if settings.muon_learning_rate is None or not matrices:
        return adamw
    # steps as large as AdamW's (Liu et al. 2025, arXiv:2502.16982, section 2.2), so that rates can be compared
    muon = Muon(
        matrices,
        lr=settings.muon_learning_rate,
        weight_decay=settings.weight_decay,
        adjust_lr_fn="match_rms_adamw",
    )
    return Together(muon, adamw)


class Together(Optimizer):
    """Several optimisers, each with weights of its own, as one: Lightning, schedules and checkpoints know of one.

    Groups and state are those of the optimisers, not copies.

    Args:
        optimizers: They share no weight.
    """

    def __init__(self, *optimizers: Optimizer) -> None:
        self._optimizers = optimizers
        super().__init__([group for optimizer in optimizers for group in optimizer.param_groups], {})
        self._share()

    def step(self, closure: Any = None) -> Any:
        """One step of each, after the closure, which computes the gradients of all."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for optimizer in self._optimizers:
            optimizer.step()
        return loss

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        super().load_state_dict(dict(state_dict))
        self._share()

    def _share(self) -> None:
        groups = iter(self.param_groups)
        for optimizer in self._optimizers:
            optimizer.param_groups = [next(groups) for _ in optimizer.param_groups]
            optimizer.state = self.state


def _linear_weights(model: nn.Module) -> list[Tensor]:
    """Each once, though layers may share one; those that are frozen are left alone."""
    layers = (module for module in model.modules() if isinstance(module, nn.Linear))
    return list(dict.fromkeys(layer.weight for layer in layers if layer.weight.requires_grad))
