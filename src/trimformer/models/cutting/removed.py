"""What stands in the place of a block that was removed."""

import copy
from collections import OrderedDict
from collections.abc import Callable
from functools import cache
from itertools import chain
from types import new_class
from typing import Any

from torch import Tensor, nn

from trimformer.models.cutting.alike import REMOVED_KIND, Kind, kind_of


class RemovedBlock(nn.Identity):
    """Hands on the tokens, without parameters, buffers or modules.

    It is of the removed block's class as well, and what it was set to (`layers[0].self_attn.batch_first`) can still be
    read: networks ask their blocks for such things, and count them by their class. Forward hooks stay: taps see the
    tokens.
    """

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What a block would return if it changed nothing."""
        return vars(self)["hands_on"](*args, **kwargs)

    @property
    def stands_for(self) -> Kind:
        """Class and parameters of the block that was here."""
        return vars(self)[REMOVED_KIND]

    def __reduce_ex__(self, _protocol: Any) -> tuple[Any, ...]:
        """How `copy` and `pickle` make another one: its class exists in memory alone."""
        state: Any = super().__getstate__  # untyped in torch; leaves out what `compile` has made
        return _empty, (self.stands_for.block_class,), state()


def removed_block(block: nn.Module, hands_on: Callable[..., Any]) -> RemovedBlock:
    """A stand-in for a block, which is left as it is.

    Args:
        block: The block.
        hands_on: Called with what the block is called with, gives what it is to return.
    """
    empty = _stand_in(block)
    state = vars(empty)
    for name in (*state["_parameters"], *state["_buffers"], *state["_modules"]):
        state[name] = getattr(empty, name)  # readable, and yet none of its parts
    state |= {"_parameters": {}, "_buffers": {}, "_modules": {}, "_non_persistent_buffers_set": set()}
    state["hands_on"] = hands_on
    return empty


def removed_list(block: nn.Module, branches: dict[str, nn.Module]) -> RemovedBlock:
    """A stand-in for a block that is a mere list of branches, which its network calls one by one.

    Args:
        block: A `nn.ModuleList` or `nn.ModuleDict`.
        branches: What stands for each of its members.
    """
    empty = _stand_in(block)
    vars(empty)["_modules"] = branches
    return empty


def _stand_in(block: nn.Module) -> RemovedBlock:
    """The block without its weights, of a class that hands on."""
    state = {name: value for name, value in vars(block).items() if name != "forward"}
    state["_modules"] = copy.deepcopy(state["_modules"], _without_weights_and_hooks(block))
    for kind in ("_parameters", "_buffers"):
        state[kind] = {name: None if weight is None else _hollow(weight) for name, weight in state[kind].items()}
    state |= {name: OrderedDict() for name in state if name.endswith(("state_dict_hooks", "state_dict_pre_hooks"))}
    state[REMOVED_KIND] = kind_of(block)
    empty = _empty(type(block))
    vars(empty).update(state)
    return empty


def _without_weights_and_hooks(block: nn.Module) -> dict[int, Any]:
    """What `deepcopy` takes for copied already: hollow weights, and no hooks, which may know the whole network."""
    weights: dict[int, Any] = {id(weight): _hollow(weight) for weight in chain(block.parameters(), block.buffers())}
    states = [vars(part) for part in block.modules() if part is not block]
    return weights | {id(state[name]): OrderedDict() for state in states for name in state if name.endswith("_hooks")}


def _hollow(weight: Tensor) -> Tensor:
    """One zero in the shape of a weight: `nn.TransformerEncoder` asks whether its first layer's take gradients."""
    return weight.detach().new_zeros(()).expand(weight.shape).requires_grad_(weight.requires_grad)


def _empty(block_class: Any) -> RemovedBlock:
    made: Any = _class_of_removed(block_class)
    return made.__new__(made)


@cache
def _class_of_removed(block_class: type[nn.Module]) -> type:
    return new_class("RemovedBlock", (RemovedBlock, block_class), exec_body=_in_this_module)


def _in_this_module(namespace: dict[str, Any]) -> None:
    namespace["__module__"] = __name__
    namespace["__doc__"] = RemovedBlock.__doc__
