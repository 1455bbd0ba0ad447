"""How many parameters a model has, and in which part."""

from dataclasses import dataclass

from torch import nn

from trimformer.models.cutting import find_blocks
from trimformer.records.errors import UserError


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

    Of our hybrids the transformer has the patch embedding, the positions and the final norm with its blocks; of any
    other network it is the one sequence of blocks that `keep_blocks` would cut, if there is one. What is neither
    transformer, `trunk` nor `head` counts as decoder: a network without such parts, like the plain U-Net, as a whole.

    Example:
        >>> count_parameters(nn.Linear(3, 2))
        ParameterCount(transformer=0, trunk=0, decoder=8, head=0)
    """
    counted: set[int] = set()
    named = ([part] if isinstance(part := getattr(model, name, None), nn.Module) else [] for name in ("trunk", "head"))
    transformer, trunk, head, decoder = (
        sum(_count_new(module, counted) for module in part) for part in (_transformer(model), *named, [model])
    )
    return ParameterCount(transformer, trunk, decoder, head)


def _transformer(model: nn.Module) -> list[nn.Module]:
    if isinstance(transformer := getattr(model, "transformer", None), nn.Module):
        return [transformer]
    try:
        return [model.get_submodule(name) for name in find_blocks(model)]
    except UserError:  # none, or several
        return []


def _count_new(module: nn.Module, counted: set[int]) -> int:
    """The parameters that no earlier part has; they join those."""
    new = {id(parameter): parameter.numel() for parameter in module.parameters() if id(parameter) not in counted}
    counted.update(new)
    return sum(new.values())
