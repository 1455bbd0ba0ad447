"""The attention profile of one model: what every block's attention looks at, per patient."""

from dataclasses import dataclass
from pathlib import Path

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

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class AttentionProfile:
    """Measures of every block and head, with the reference lines beside them.

    `model` and `twin` (the same network, every weight tensor permuted) hold the same keys:
    `"{region}/{measure}"` -> (patients, blocks, heads) and
    `"{region}/{field}/{field measure}"` -> (patients, blocks).
    `uniform` holds `"{region}/{measure}"` -> (patients,), the same measure of uniform attention.
    A value that a patient cannot give (no foreground) is NaN. Distances are in pixels of the model's grid and in mm.
    """

    patient_ids: tuple[str, ...]
    block_names: tuple[str, ...]
    num_heads: int
    grid_size: tuple[int, int]
    model: Arrays
    twin: Arrays
    uniform: Arrays
    example: Arrays
    """One slice to look at: `image` and `foreground` (rows, columns); `maps` (blocks, queries, keys), head mean."""
    twin_slices: tuple[int, ...] = ()
    """How many slices of each patient the twin saw: a stratified sample, while the model saw every slice."""

    @property
    def num_blocks(self) -> int:
        """How many blocks were measured."""
        return len(self.block_names)

    def save(self, summary_file: Path, arrays_file: Path) -> None:
        """Write `attention.json` (means and 95 % intervals over patients) and `attention.npz` (per patient)."""
        groups = {"model": self.model, "twin": self.twin, "uniform": self.uniform}
        write_arrays(
            arrays_file,
            {f"{group}/{key}": array for group, arrays in groups.items() for key, array in arrays.items()}
            | {f"example/{key}": array for key, array in self.example.items()},
        )
        write_json(
            summary_file,
            {
                "patient_ids": self.patient_ids,
                "block_names": self.block_names,
                "num_heads": self.num_heads,
                "grid_size": self.grid_size,
                "twin_slices": self.twin_slices,
            }
            | {
                group: {key: summarise_patients(array) for key, array in arrays.items()}
                for group, arrays in groups.items()
            },
        )

    @classmethod
    def load(cls, summary_file: Path, arrays_file: Path) -> "AttentionProfile":
        """Read a profile.

        Raises:
            UserError: A file is missing or damaged.
        """
        next_step = "Run trimformer inspect on that run."
        summary = read_json(summary_file, next_step)
        groups: dict[str, Arrays] = {"model": {}, "twin": {}, "uniform": {}, "example": {}}
        for name, array in read_arrays(arrays_file, next_step).items():
            group, _, key = name.partition("/")
            groups.setdefault(group, {})[key] = array
        try:
            return cls(
                tuple(summary["patient_ids"]),
                tuple(summary["block_names"]),
                summary["num_heads"],
                tuple(summary["grid_size"]),
                **groups,
                twin_slices=tuple(summary.get("twin_slices", ())),
            )
        except (KeyError, TypeError):
            raise UserError("The file must be an attention profile", summary_file, next_step) from None
