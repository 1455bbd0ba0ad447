"""What a prepared folder says of itself: enough to train without the files that it was made from."""

from pathlib import Path
from typing import Any

from pydantic import Field

from trimformer.data.layout import Layout
from trimformer.data.preprocessing import refuse_other_settings
from trimformer.data.splitting.roster import Member, Roster, Side
from trimformer.records.errors import UserError
from trimformer.records.frozen import Frozen, read_record
from trimformer.records.settings import DataSettings

NAME = "prepared.json"


class PreparedPatient(Frozen):
    """One patient, and the folder beside the index that holds their slices."""

    patient_id: str
    folder: str
    side: Side | None
    group: str


class PreparedIndex(Frozen):
    """The dataset, what was done to it, and who is there."""

    dataset: str
    layout: str
    note: str
    class_names: dict[int, str]
    num_channels: int
    preprocessing: dict[str, Any]
    listed: dict[Side, tuple[str, ...]]
    patients: tuple[PreparedPatient, ...]
    has_geometry: bool | None = Field(None, description="None where an older version prepared the data")

    @classmethod
    def of(cls, layout: Layout, folders: dict[str, str]) -> "PreparedIndex":
        """The index of a layout whose labelled patients (id -> name of their folder) have been prepared."""
        return cls(
            dataset=layout.dataset,
            layout=layout.name,
            note=layout.note,
            class_names=dict(layout.class_names),
            num_channels=layout.num_channels,
            preprocessing=layout.preprocessing.document(),
            has_geometry=layout.has_geometry,
            listed={side: tuple(patients) for side, patients in layout.listed.items()},
            patients=tuple(
                PreparedPatient(
                    patient_id=case.patient_id, folder=folders[case.patient_id], side=case.side, group=case.group
                )
                for case in layout.labelled
            ),
        )

    @classmethod
    def load(cls, folder: Path) -> "PreparedIndex":
        """Read the index of a prepared folder.

        Raises:
            UserError: It is not there, or it is not an index.
        """
        return read_record(
            cls, folder / NAME, "the index of a prepared dataset", "Make it with `trimformer data prepare`."
        )

    @property
    def roster(self) -> Roster:
        """Who can be dealt to the sides of a split."""
        members = tuple(Member(patient.patient_id, patient.side, patient.group) for patient in self.patients)
        return Roster(self.dataset, members, self.listed)

    def refuse_other_settings(self, settings: DataSettings) -> None:
        """Check that an experiment asks for what was prepared.

        Raises:
            UserError: The dataset or a setting of its preprocessing differs.
        """
        if settings.dataset != self.dataset:
            raise UserError(
                "An experiment names the dataset that was prepared",
                f"data.dataset = {settings.dataset!r}, and {self.dataset!r} in {settings.prepared}",
                f"Set data.dataset to {self.dataset!r}, or give another folder.",
            )
        refuse_other_settings(self.preprocessing, settings)
