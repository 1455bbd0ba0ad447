"""The attention profile of one model: what every block's attention looks at, per patient."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from trimformer.records.errors import UserError
from trimformer.records.files import read_arrays, read_json, write_arrays, write_json
from trimformer.records.intervals import summarise_patients

REGIONS = ("foreground", "all")
"""Queries and keys: tokens that cover a labelled pixel (the main figure), or every token."""

MEASURES = (
    "distance_px",
    "distance_mm",
    "distance_ratio",
    "far_field_ratio",
    "mixing",
    "entropy",
    "query_key_information",
    "sink_ratio",
)
"""Measures per patient, block and head: arrays (patients, blocks, heads)."""

FIELDS = ("norm_weighted", "half_residual", "per_block")
"""Receptive fields: two cumulative rollouts, and each block's own attention (the paper's view)."""

FIELD_MEASURES = ("far_field_ratio", "far_query_share", "far_field_ratio_without_sinks")
"""Per patient and block for a field: mean F, share of queries with F_i >= 0.25, F with sink columns removed."""

TWIN_SHARE = 1 / 32
"""Of the slices the permuted twin sees those whose draw, made from the slice itself, is below this."""

NEXT_STEP = "Run trimformer inspect on that run."

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class AttentionProfile:
    """Measures of every block and head, with the reference lines beside them.

    `model` and `twin` (the same network, every weight tensor permuted) hold the same keys:
    `"{region}/{measure}"` -> (patients, blocks, heads) and
    `"{region}/{field}/{field measure}"` -> (patients, blocks).
    `uniform` holds `"{region}/{measure}"` -> (patients,), the same measure of uniform attention.
    A value that a patient cannot give (no foreground) is NaN. Distances are in pixels of the model's grid and in mm.

    Of attention in windows, stages or to reduced keys, `block_heads` and `block_grids` tell each block's heads and
    token grid; heads that a block has not are NaN, `uniform` is (patients, blocks), the field is `per_block` alone, and
    `no_rollout` says why: to roll out a window's tokens over a volume would take a matrix of all tokens by all tokens.
    """

    patient_ids: tuple[str, ...]
    block_names: tuple[str, ...]
    num_heads: int
    """Of every block, or of the block that has most."""
    grid_size: tuple[int, ...]
    """Tokens along each axis, of the first block where blocks differ."""
    model: Arrays
    twin: Arrays
    uniform: Arrays
    example: Arrays
    """One slice to look at: `image` and `foreground` (rows, columns); `maps` (blocks, queries, keys), head mean. Empty
    for volumes and for attention in windows."""
    twin_slices: tuple[int, ...] = ()
    """How many slices of each patient the twin saw: a sample, while the model saw every slice."""
    weights: Arrays = field(default_factory=dict)
    """How much each patient's value counts when profiles are merged: by group and key, of a shape that broadcasts."""
    twin_draws: Arrays = field(default_factory=dict)
    """The lowest draw of each patient's slices, by region: see `trimformer.attention.twin_sample`."""
    block_heads: tuple[int, ...] = ()
    block_grids: tuple[tuple[int, ...], ...] = ()
    no_rollout: str = ""
    """Why there is no cumulative field; empty where there is one."""
    seed: int = 0
    """Of the permuted twin."""
    fingerprint: str = ""
    """Of the model's weights."""

    @property
    def num_blocks(self) -> int:
        """How many blocks were measured."""
        return len(self.block_names)

    @property
    def fields(self) -> tuple[str, ...]:
        """The receptive fields that were measured, of `FIELDS`."""
        measured = {key.split("/")[1] for key in self.model if key.count("/") == 2}
        return tuple(name for name in FIELDS if name in measured)

    def save(self, summary_file: Path, arrays_file: Path) -> None:
        """Write `attention.json` (means and 95 % intervals over patients) and `attention.npz` (per patient)."""
        groups = {name: getattr(self, name) for name in ("model", "twin", "uniform")}
        stored = groups | {name: getattr(self, name) for name in ("example", "weights", "twin_draws")}
        write_arrays(
            arrays_file, {f"{group}/{key}": array for group, arrays in stored.items() for key, array in arrays.items()}
        )
        means = {
            group: {key: summarise_patients(array) for key, array in arrays.items()} for group, arrays in groups.items()
        }
        write_json(summary_file, self._about() | means)

    def _about(self) -> dict[str, Any]:
        """All that is no array."""
        return {name: value for name, value in vars(self).items() if not isinstance(value, dict)}

    @classmethod
    def load(cls, summary_file: Path, arrays_file: Path) -> "AttentionProfile":
        """Read a profile.

        Raises:
            UserError: A file is missing or damaged.
        """
        summary = read_json(summary_file, NEXT_STEP)
        groups: dict[str, Arrays] = {"model": {}, "twin": {}, "uniform": {}, "example": {}}
        for name, array in read_arrays(arrays_file, NEXT_STEP).items():
            group, _, key = name.partition("/")
            groups.setdefault(group, {})[key] = array
        try:
            about: dict[str, Any] = {key: _tuples(value) for key, value in summary.items() if key not in groups}
            return cls(**about | groups)
        except (AttributeError, TypeError):
            raise UserError("The file must be an attention profile", summary_file, NEXT_STEP) from None


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
