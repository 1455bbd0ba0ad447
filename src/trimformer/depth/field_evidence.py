"""What the rule looks at in the measured receptive field: before the first block, and after each."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from trimformer.depth.evidence import Estimate
from trimformer.records.errors import UserError
from trimformer.records.patient_measures import PatientMeasures
from trimformer.records.profile import AttentionProfile

MIN_RECEPTIVE_FIELD = 0.5
"""The far-field ratio from which an effective receptive field counts as global, whatever the rollout's tau."""


@dataclass(frozen=True)
class FieldEvidence:
    """The far-field ratio of the effective receptive field, one estimate a depth."""

    num_patients: int
    far_field_ratio: tuple[Estimate, ...]
    """Depth 0 is what enters the first block: the trunk alone."""

    @classmethod
    def of(cls, measured: PatientMeasures, profile: AttentionProfile, region: str) -> "FieldEvidence":
        """Read the measures; patients without a value (no foreground) do not count.

        Raises:
            UserError: They are of other blocks or weights than the profile.
        """
        ratios = measured.measures.get(f"{region}/far_field_ratio", np.zeros((0, 0)))
        names = list(measured.about.get("block_names", ()))
        if names != list(profile.block_names) or ratios.shape[1] != profile.num_blocks + 1:
            raise UserError(
                "The receptive field and the attention profile are of the same blocks",
                f"{len(names)} blocks beside {profile.num_blocks}",
                "Run trimformer inspect on that run: it measures both.",
            )
        weights = measured.about.get("fingerprint")
        if weights and profile.fingerprint and weights != profile.fingerprint:
            raise UserError(
                "The receptive field and the attention profile are of the same weights",
                f"weights {weights} beside {profile.fingerprint}",
                "Run trimformer inspect on that run: it measures both.",
            )
        ratios = ratios[np.isfinite(ratios).all(axis=1)]
        return cls(len(ratios), tuple(Estimate.of(column) for column in ratios.T))

    def is_global(self, depth: int) -> bool:
        """Whether the lower bound after so many blocks reaches the threshold; a missing number never does."""
        return self.far_field_ratio[depth].low >= MIN_RECEPTIVE_FIELD

    def as_json(self) -> dict[str, Any]:
        """One entry a depth."""
        depths = [
            {"depth": depth, "far_field_ratio": ratio.as_json(), "is_global": self.is_global(depth)}
            for depth, ratio in enumerate(self.far_field_ratio)
        ]
        return {"patients": self.num_patients, "threshold": MIN_RECEPTIVE_FIELD, "depths": depths}
