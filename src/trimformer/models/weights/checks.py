"""What is refused before a single tensor of a model is touched: another architecture, fewer blocks, other classes."""

import re
from collections.abc import Iterable, Mapping

from torch import Tensor

from trimformer.models.weights.translate import Entry, Translation
from trimformer.records.errors import UserError

NEXT_STEP = "Choose weights of this architecture, size and class count, or weights = none."

DECODER_PARTS = frozenset({"decoder", "head"})

Tensors = Mapping[str, Tensor]


def parts_to_fill(wanted: Tensors, translation: Translation) -> frozenset[str]:
    """The parts of the model that the file fills: `transformer`, `trunk`, `decoder`, `head`.

    Decoder and head are left out where the decoder is of another kind.

    Raises:
        UserError: Model and file do not have the same parts, or not the same classes.
    """
    in_model, in_file = _parts(wanted), _parts(translation.entries)
    differing = in_model ^ in_file if translation.layout.is_whole_model else in_file - in_model
    if differing:
        example = _example(wanted, translation, min(differing))
        raise UserError(
            "The weights must be of the model's architecture", f"{translation.origin}: {example}", NEXT_STEP
        )
    if _names_of(wanted, "decoder") == _names_of(translation.entries, "decoder"):
        return in_file
    if "head.weight" in translation.entries:
        refuse_shape("head.weight", wanted["head.weight"], translation)
    return in_file - DECODER_PARTS


def refuse_missing(wanted: Tensors, translation: Translation, parts: frozenset[str]) -> None:
    """Refuse a file without a tensor that one of these parts needs, under the key that the file would have it.

    Raises:
        UserError: Names key and shape, or both depths.
    """
    known = {key for entry in translation.entries.values() for key in entry.keys}
    depth = depth_of(translation.entries)
    for name, tensor in wanted.items():
        if part_of(name) not in parts or name in translation.entries or is_counter(name):
            continue
        keys = [key for key in translation.expected_keys(name) if key not in known] or [name]
        found = _told(keys, None, tensor, translation)
        if (block := block_index(name)) is not None and block >= depth:
            raise UserError(
                f"The weights must have as many blocks as the model, {depth_of(wanted)}, or more",
                f"{depth} blocks; {found}",
                f"Create the model with num_blocks <= {depth}, or choose deeper weights.",
            )
        raise UserError("Every tensor of the model must be in the file", found, NEXT_STEP)


def refuse_superfluous(
    wanted: Tensors, translation: Translation, parts: frozenset[str], removed: tuple[str, ...] = ()
) -> None:
    """Refuse a tensor without a place, which means another architecture.

    Blocks beyond the model's depth do not mean that, nor blocks `removed` from a network that is not ours.

    Raises:
        UserError: Names key and shape.
    """
    depth = depth_of(wanted)
    for name, entry in translation.entries.items():
        block = block_index(name)
        if name in wanted or part_of(name) not in parts or name.startswith(removed):
            continue
        if block is None or block < depth:
            found = _told(entry.keys, entry.tensor, None, translation)
            raise UserError("Every tensor of the file must have a place in the model", found, NEXT_STEP)


def refuse_shape(name: str, wanted: Tensor, translation: Translation) -> None:
    """Refuse a tensor whose shape is not the model's.

    Raises:
        UserError: Names the key and both shapes.
    """
    entry = translation.entries[name]
    if entry.tensor.shape != wanted.shape:
        found = _told(entry.keys, entry.tensor, wanted, translation)
        raise UserError("The weights must have the model's shapes", f"{found} ({name})", NEXT_STEP)


def part_of(name: str) -> str:
    """The part of the model that a tensor belongs to: the first word of its name."""
    return name.partition(".")[0]


def is_counter(name: str) -> bool:
    """Whether a tensor only counts the batches that a normalisation has seen; older files do not have it."""
    return name.endswith(".num_batches_tracked")


def _told(keys: Iterable[str], stored: Tensor | None, wanted: Tensor | None, translation: Translation) -> str:
    in_file, in_model = ("nothing" if one is None else f"shape {tuple(one.shape)}" for one in (stored, wanted))
    return f"{', '.join(keys)} in {translation.origin}: {in_file} in the file, {in_model} in the model"


def _example(wanted: Tensors, translation: Translation, part: str) -> str:
    """One tensor of a part that only the file or only the model has."""
    for name, entry in translation.entries.items():
        if part_of(name) == part:
            return f"{entry.keys[0]}, shape {tuple(entry.tensor.shape)}, has no place in the model"
    name = next(name for name in wanted if part_of(name) == part)
    return f"nothing for the model's {name}, shape {tuple(wanted[name].shape)}"


def _parts(names: Iterable[str]) -> frozenset[str]:
    return frozenset(part_of(name) for name in names)


def _names_of(names: Iterable[str], part: str) -> set[str]:
    return {name for name in names if part_of(name) == part and not is_counter(name)}


def depth_of(names: Mapping[str, Tensor] | Mapping[str, Entry]) -> int:
    """How many blocks a hybrid or a translated file has."""
    return 1 + max((index for name in names if (index := block_index(name)) is not None), default=-1)


def block_index(name: str) -> int | None:
    """Which block of a hybrid a tensor belongs to, if to one."""
    match = re.match(r"transformer\.blocks\.(\d+)\.", name)
    return int(match[1]) if match else None
