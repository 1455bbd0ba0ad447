"""From the keys and shapes of a file to ours: renamed, projections fused, LayerScale folded."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from trimformer.models.weights.layouts import LAYOUTS, Layout
from trimformer.records.errors import UserError

PROJECTIONS = ("query", "key", "value")

SCALED_LAYERS = {"ls1": "attn.proj", "ls2": "mlp.fc2"}
"""The linear layer whose output each LayerScale multiplies."""


@dataclass(frozen=True)
class Entry:
    """A tensor under our name, with the keys that it has in its file."""

    keys: tuple[str, ...]
    tensor: Tensor


@dataclass(frozen=True)
class Translation:
    """What a file holds, by our names."""

    origin: str
    layout: Layout
    entries: Mapping[str, Entry]
    unused: tuple[str, ...]
    """Keys that no segmentation model has a use for."""
    source_blocks: tuple[int, ...] | None = None
    """The numbers that its blocks 0, 1, ... have in the file, if they are others."""

    def expected_keys(self, name: str) -> tuple[str, ...]:
        """The keys under which a file of this layout would hold one of our tensors."""
        name = self._numbered_as_in_file(name)
        if key := self.layout.key_of(name):
            return (key,)
        keys = (self.layout.key_of(name.replace(".qkv.", f".{projection}.")) for projection in PROJECTIONS)
        return tuple(key for key in keys if key)

    def _numbered_as_in_file(self, name: str) -> str:
        block = re.match(r"(transformer\.blocks\.)(\d+)(?=\.)", name)
        if block is None or self.source_blocks is None:
            return name
        return f"{block[1]}{self.source_blocks[int(block[2])]}{name[block.end() :]}"


def translate(tensors: Mapping[str, Tensor], origin: str) -> Translation:
    """Bring a file's tensors to our names and shapes.

    The three projections of query, key and value become one; LayerScale is folded into the linear layer before it,
    which leaves every output as it was.

    Raises:
        UserError: A key belongs to no part of the layout, so that the file is of another architecture.
    """
    layout = next(one for one in LAYOUTS if any(re.match(one.marker, key) for key in tensors))
    entries, unused = {}, []
    for key, tensor in tensors.items():
        if name := layout.name_of(key):
            entries[name] = Entry((key,), _converted(layout, name, key, tensor, origin))
        elif re.fullmatch(layout.unused, key):
            unused.append(key)
        else:
            raise UserError(
                f"A file in the layout of {layout.name} holds known keys only",
                f"{key} in {origin}, shape {tuple(tensor.shape)}",
                "It is of another architecture: choose other weights, or weights = none.",
            )
    return Translation(origin, layout, _folded(_fused(entries)), tuple(unused))


def _converted(layout: Layout, name: str, key: str, tensor: Tensor, origin: str) -> Tensor:
    try:
        return layout.convert(name, tensor)
    except (RuntimeError, IndexError) as error:
        raise UserError(
            f"The arrays of {layout.name} have known numbers of axes",
            f"{key} in {origin}: shape {tuple(tensor.shape)} ({error})",
            "The file is damaged or of another kind: choose other weights.",
        ) from None


def _fused(entries: dict[str, Entry]) -> dict[str, Entry]:
    """Query, key and value as one `qkv`, where all three are there."""
    fused = dict(entries)
    for name in entries:
        names = [name.replace(".query.", f".{projection}.") for projection in PROJECTIONS]
        if ".attn.query." in name and all(one in fused for one in names):
            parts = [fused.pop(one) for one in names]
            keys = tuple(key for part in parts for key in part.keys)
            fused[name.replace(".query.", ".qkv.")] = Entry(keys, torch.cat([part.tensor for part in parts]))
    return fused


def _folded(entries: dict[str, Entry]) -> dict[str, Entry]:
    """LayerScale multiplied into the layer whose output it scales."""
    folded = dict(entries)
    for name, gamma in entries.items():
        block, _, last = name.removesuffix(".gamma").rpartition(".")
        if last not in SCALED_LAYERS:
            continue
        for kind in ("weight", "bias"):
            scaled = f"{block}.{SCALED_LAYERS[last]}.{kind}"
            if before := folded.get(scaled):
                factor = gamma.tensor[:, None] if kind == "weight" else gamma.tensor
                folded[scaled] = Entry((*before.keys, *gamma.keys), before.tensor * factor)
        del folded[name]
    return folded
