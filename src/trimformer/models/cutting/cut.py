"""Some blocks of a network kept, the others replaced in their places."""

import copy
import operator
from collections.abc import Iterable

import torch
from torch import nn

from trimformer.models.cutting.adapter import BlockAdapter
from trimformer.models.cutting.find import all_paths, find_blocks, own_adapter
from trimformer.models.cutting.removed import RemovedBlock
from trimformer.models.cutting.trial import stand_in
from trimformer.records.errors import UserError


def copied(network: nn.Module) -> nn.Module:
    """A copy of a network that shares nothing with it.

    Raises:
        UserError: It is scripted, or holds what cannot be copied.
    """
    if isinstance(network, torch.jit.ScriptModule):
        raise UserError(
            "Blocks are taken out of a network of modules", "a scripted module", "Give the network that was scripted."
        )
    try:
        return copy.deepcopy(network)
    except RuntimeError as error:
        raise UserError(
            "A network that is cut must be one that copy.deepcopy copies",
            f"{type(network).__name__}: {' '.join(str(error).split())[:200]}",
            "Remove stored results with gradients from it, or give a fresh network with its weights.",
        ) from error


def keep_in_place(network: nn.Module, blocks: Iterable[int], adapter: BlockAdapter | None = None) -> None:
    """Change a network: the blocks that are not kept become parameter-free and hand on what they are given.

    Args:
        network: Any network.
        blocks: Which blocks to keep, counted from 0 in the network as it was made, rising.
        adapter: Where the blocks are; else the network's own `block_adapter`; else they are found.

    Raises:
        UserError: No blocks are found, or a block is not there, or it is unknown what a removed one returns.
    """
    adapter = adapter or own_adapter(network)
    names = find_blocks(network, adapter)
    gone = {index for index, name in enumerate(names) if isinstance(network.get_submodule(name), RemovedBlock)}
    kept = check_blocks(blocks, len(names), gone)
    stand_ins = {
        name: stand_in(network.get_submodule(name), name, network, adapter)
        for index, name in enumerate(names)
        if index not in gone and index not in kept
    }
    for name, replacement in stand_ins.items():
        parent, _, key = name.rpartition(".")
        replacement.train(network.get_submodule(name).training)
        network.get_submodule(parent)._modules[key] = replacement


def check_blocks(blocks: Iterable[int], available: int, gone: Iterable[int] = ()) -> list[int]:
    """The numbers of the blocks to keep, if they are rising and there.

    Raises:
        UserError: Names the first number that is not.
    """
    rule = f"Blocks to keep are rising numbers from 0 to {available - 1}" if available else "There is no block to keep"
    try:
        numbers = [operator.index(block) for block in blocks]
    except TypeError:
        raise UserError(rule, repr(blocks), "Give a list of whole numbers.") from None
    removed = set(gone)
    for place, number in enumerate(numbers):
        if not 0 <= number < available:
            raise UserError(rule, f"block {number} in {numbers}", "Name blocks that are there.")
        if number in removed:
            raise UserError(
                "Blocks to keep are still in the network",
                f"block {number}, which was removed before",
                "Cut the original network.",
            )
        if place and number <= numbers[place - 1]:
            raise UserError(rule, f"block {number} after {numbers[place - 1]} in {numbers}", "Name each block once.")
    return numbers


def removed_names(network: nn.Module) -> tuple[str, ...]:
    """The paths of blocks that were removed."""
    return tuple(name for name, module in all_paths(network) if isinstance(module, RemovedBlock))
