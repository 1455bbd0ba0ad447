"""When two modules are of one kind, and which of them attend."""

import re
from dataclasses import dataclass
from math import prod

from torch import nn

ATTENDS = re.compile(
    r"attn|attention|multi_?head|mhs?a|qkv|sablock|^(to_|w_?|in_)?(q|query|queries)(_?(proj|lin|linear|layer))?$",
    re.IGNORECASE,
)
"""How attention, or the projection to its queries, is called by those who write networks."""


REMOVED_KIND = "_kind_of_removed_block"
"""The attribute in which a removed block says what it stands for."""


@dataclass(frozen=True)
class Kind:
    """What blocks of one sequence have in common."""

    block_class: type[nn.Module]
    parameters: tuple[tuple[str, tuple[int, ...]], ...]
    """Their names and shapes."""
    attends: bool
    normalises: bool

    @property
    def num_parameters(self) -> int:
        """All of them."""
        return sum(prod(shape) for _, shape in self.parameters)


def kind_of(module: nn.Module) -> Kind:
    """The kind of a module; of a removed block, that of the one that was there."""
    if isinstance(removed := vars(module).get(REMOVED_KIND), Kind):
        return removed
    return Kind(
        block_class=type(module),
        parameters=tuple((name, tuple(weight.shape)) for name, weight in module.named_parameters()),
        attends=any(_attends(path, part) for path, part in module.named_modules()),
        normalises=any("norm" in type(part).__name__.lower() for part in module.modules()),
    )


def num_parameters(module: nn.Module) -> int:
    """Those of a network, with those that its removed blocks had."""
    removed = [part for part in module.modules() if REMOVED_KIND in vars(part)]
    return sum(weight.numel() for weight in module.parameters()) + sum(kind_of(part).num_parameters for part in removed)


def _attends(path: str, part: nn.Module) -> bool:
    if type(part) is nn.Identity:  # where a convolutional block has no attention, timm writes `attn = nn.Identity()`
        return False
    name = path.rpartition(".")[2]
    return isinstance(part, nn.MultiheadAttention) or bool(ATTENDS.search(type(part).__name__) or ATTENDS.search(name))
