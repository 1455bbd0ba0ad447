"""How many parameters a model has, and in which part."""

from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True)
class ParameterCount:
    """Parameters of a model by part."""

    transformer: int
    trunk: int
    decoder: int
    head: int

    @property
    def total(self) -> int:
        """All parameters."""
        return self.transformer + self.trunk + self.decoder + self.head


def count_parameters(model: nn.Module) -> ParameterCount:
    """Count the parameters of a model by part, frozen ones too, shared ones once.

    The transformer has the patch embedding, the positions and the final norm with its blocks. What is neither
    `transformer`, `trunk` nor `head` counts as decoder: a network without such parts, like the plain U-Net, as a whole.

    Example:
        >>> count_parameters(nn.Linear(3, 2))
        ParameterCount(transformer=0, trunk=0, decoder=8, head=0)
    """
    transformer, trunk, head = (_count(getattr(model, part, None)) for part in ("transformer", "trunk", "head"))
    return ParameterCount(transformer, trunk, _count(model) - transformer - trunk - head, head)


def _count(module: nn.Module | None) -> int:
    return 0 if module is None else sum(parameter.numel() for parameter in module.parameters())
