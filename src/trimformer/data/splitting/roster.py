"""The labelled patients of a dataset, as far as a split has to know them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Side = Literal["training", "selection", "validation"]
"""Models are fitted on the first, their best epoch is chosen on the second, only the third is reported."""

Split = dict[Side, tuple[str, ...]]
"""Side -> the ids of its patients, sorted."""


@dataclass(frozen=True)
class Member:
    """A labelled patient, the side that a published list gives them, and the group that is kept in proportion."""

    patient_id: str
    side: Side | None = None
    group: str = ""


@dataclass(frozen=True)
class Roster:
    """The labelled patients that are there, and the published list of those that ought to be."""

    dataset: str
    members: tuple[Member, ...]
    listed: Mapping[Side, tuple[str, ...]] = field(default_factory=dict)

    @property
    def patient_ids(self) -> tuple[str, ...]:
        """Everyone who is there."""
        return tuple(member.patient_id for member in self.members)

    @property
    def groups(self) -> dict[str, str]:
        """Patient -> group."""
        return {member.patient_id: member.group for member in self.members}
