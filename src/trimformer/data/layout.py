"""A dataset as its files lie: which cases there are, and how they are to be read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from trimformer.data.preprocessing import Preprocessing
from trimformer.data.scan import Scan
from trimformer.data.splitting.roster import Member, Roster, Side
from trimformer.records.errors import UserError


@dataclass(frozen=True)
class Case:
    """One patient's files.

    `images` are the files of the image: one a channel, or one a slice, as the layout's `read` takes them; `labels` is
    None for a case that nobody labelled. `side` is where a published list puts the patient, None where there is no such
    list. `group` is what a split keeps in proportion (the diagnosis, say). `recipe` stands for the content of a case
    that is made and not read.
    """

    patient_id: str
    images: tuple[Path, ...]
    labels: tuple[Path, ...] | None
    side: Side | None = None
    group: str = ""
    recipe: str = ""


@dataclass(frozen=True, eq=False)
class Layout:
    """Everything that is known of a dataset before its voxels are looked at.

    `name` says which of the dataset's layouts was found; `note` is the one sentence that every report on these data
    carries. `class_names` maps the values that a model learns (1, 2, ...) to names, background left out; `label_values`
    maps each value that may stand in a file to what a model learns for it. `listed` is the published list of patients
    by side, if there is one. `read` opens the files of one case. `has_geometry` says whether the files tell where their
    axes lead. `problems` are those that names alone show, all of them.
    """

    dataset: str
    name: str
    note: str
    cases: tuple[Case, ...]
    class_names: Mapping[int, str]
    label_values: Mapping[int, int]
    preprocessing: Preprocessing
    read: Callable[[Case], Scan]
    num_channels: int = 1
    listed: Mapping[Side, tuple[str, ...]] = field(default_factory=dict)
    has_geometry: bool = True
    problems: tuple[UserError, ...] = ()

    @property
    def labelled(self) -> tuple[Case, ...]:
        """The cases that a model can be trained or judged on."""
        return tuple(case for case in self.cases if case.labels is not None)

    @property
    def roster(self) -> Roster:
        """Who can be dealt to the sides of a split."""
        members = tuple(Member(case.patient_id, case.side, case.group) for case in self.labelled)
        return Roster(self.dataset, members, self.listed)
