"""The user's own networks, named as `package.module:factory`."""

import inspect
import sys
from collections.abc import Callable, Sequence
from importlib import import_module, invalidate_caches
from pathlib import Path
from typing import Any

from torch import nn

from trimformer.models.foreign import ForeignNetwork, in_one_line
from trimformer.records.errors import UserError

REFUSED_PACKAGES = frozenset({*sys.stdlib_module_names, "torch", "pip", "setuptools"})
"""A `model.json` from elsewhere names what is called when it is loaded; these hold no networks, but commands."""


def target_network(
    target: str,
    *,
    num_classes: int,
    num_blocks: int | None,
    image_size: int,
    in_channels: int,
    options: dict[str, Any],
    kept_blocks: Sequence[int] | None = None,
) -> ForeignNetwork:
    """What the user's factory makes, as one of our models.

    Naming a target imports its module and calls the factory, and so does loading a run that was trained with it: load
    such runs from people only whose programs you would start. The module is looked for among the installed packages,
    then in the current folder.

    Args:
        target: `package.module:factory`; the factory is a function or class that returns an `nn.Module` from images
            (batch, in_channels, rows, columns) to logits (batch, num_classes, rows, columns). It is called with those
            of `num_classes`, `in_channels`, `image_size` and `num_blocks` that it takes (all for `**kwargs`).
        num_classes: Classes, background counted.
        num_blocks: Transformer blocks; None leaves them to the factory.
        image_size: Rows = columns of the slices, in pixels.
        in_channels: Channels of the slices, exactly.
        options: More arguments of the factory.
        kept_blocks: Which of the blocks that the factory makes stay; None: all.

    Raises:
        UserError: The target cannot be imported or called so, or what it makes is no such network.
    """
    factory = _import_factory(target)
    words = {"num_classes": num_classes, "in_channels": in_channels, "image_size": image_size, "num_blocks": num_blocks}
    try:
        network = factory(**_taken(factory, words, target), **options)
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"The factory {target} must return a network", in_one_line(error), "Mend the factory."
        ) from error
    if not isinstance(network, nn.Module):
        raise UserError(f"The factory {target} must return an nn.Module", type(network).__name__, "Mend the factory.")
    return ForeignNetwork(
        network,
        name=target,
        num_classes=num_classes,
        image_size=image_size,
        in_channels=in_channels,
        next_step="Mend the network, or change image_size.",
        kept_blocks=kept_blocks,
    )


def _taken(factory: Callable[..., Any], words: dict[str, int | None], target: str) -> dict[str, int]:
    """Those of the words that the factory takes; the number of blocks only where one is given."""
    parameters = inspect.signature(factory).parameters
    takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    if words["num_blocks"] is not None and not takes_all and "num_blocks" not in parameters:
        raise UserError(
            f"The factory {target} has no argument num_blocks",
            f"num_blocks = {words['num_blocks']}",
            "Leave num_blocks out, or give the factory that argument.",
        )
    return {word: value for word, value in words.items() if value is not None and (takes_all or word in parameters)}


def _import_factory(target: str) -> Callable[..., Any]:
    module_name, colon, attribute = target.partition(":")
    if not (colon and module_name and attribute):
        raise UserError(
            "A target is package.module:factory", repr(target), "Name the module and, behind a colon, the factory."
        )
    _check_package(module_name, target)
    factory = getattr(_import(module_name, target), attribute, None)
    if not callable(factory):
        problem = "nothing of that name" if factory is None else f"a {type(factory).__name__}"
        raise UserError(f"The target {target} must be a function or class", problem, f"Look into {module_name}.")
    _check_package(getattr(factory, "__module__", None) or "builtins", target)
    return factory


def _check_package(module_name: str, target: str) -> None:
    package = module_name.partition(".")[0]
    if package in REFUSED_PACKAGES:
        raise UserError(
            "A target lies in a module that holds networks",
            f"{target}, which is of {package}",
            "Write your own factory.",
        )


def _import(module_name: str, target: str) -> Any:
    folder = str(Path.cwd())
    if folder not in sys.path:
        # For good, since the module may import its neighbours when the network runs; last, so that it hides nothing.
        sys.path.append(folder)
    invalidate_caches()
    try:
        return import_module(module_name)
    except Exception as error:
        raise UserError(
            f"The module of the target {target} must be importable, installed or from the current folder",
            in_one_line(error),
            "Install it, or start from the folder that holds it.",
        ) from error
