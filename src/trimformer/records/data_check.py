"""What `trimformer data check` found: a dataset in figures, and every rule that its files break."""

from pathlib import Path
from typing import Any

from trimformer.records.errors import FileError, UserError
from trimformer.records.frozen import Frozen, read_record

Range = tuple[float, float]


class Problem(Frozen):
    """One rule that one file breaks, what was found there, and what to do now."""

    file: str
    rule: str
    found: str
    fix: str

    @classmethod
    def of(cls, error: UserError, root: str) -> "Problem":
        """What an error says; one that names no file is the folder's."""
        if isinstance(error, FileError):
            return cls(file=error.file, rule=error.rule, found=error.value, fix=error.next_step)
        return cls(file=root, rule=error.rule, found=error.found, fix=error.next_step)


class LabelCount(Frozen):
    """A value that a model learns: its name, and its voxels over all labelled cases that can be read."""

    name: str
    voxels: int


class CheckedCase(Frozen):
    """One case that breaks no rule.

    `shape`, `spacing_mm` and `axes` (the directions in which indices grow, such as RAS) are those of the array as it is
    stored; `slices` are counted along the slice axis. `intensities` are the lowest and highest value of each channel;
    `voxels` maps label values to counts, None where nobody labelled the case.
    """

    patient_id: str
    split: str
    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    axes: str
    slices: int
    intensities: tuple[Range, ...]
    voxels: dict[int, int] | None

    def millilitres(self, value: int) -> float | None:
        """The volume of a label, None where nobody labelled the case."""
        if self.voxels is None:
            return None
        x, y, z = self.spacing_mm
        return self.voxels[value] * x * y * z / 1000


class DataCheck(Frozen):
    """The content of the JSON; `cases` counts what the folder holds, `slices` what of it can be read, both by split.

    The split `training` counts the patients who select the best epoch as well; `unused` are labelled cases on no side.
    `label_volumes_ml`, `spacing_mm` and `intensities` hold the lowest and the highest value over `patients`.
    """

    dataset: str
    layout: str
    note: str
    cases: dict[str, int]
    slices: dict[str, int]
    labels: dict[int, LabelCount]
    label_volumes_ml: dict[int, Range]
    spacing_mm: tuple[Range, Range, Range] | None
    intensities: Range | None
    preprocessing: dict[str, Any]
    patients: tuple[CheckedCase, ...]
    problems: tuple[Problem, ...]

    @classmethod
    def of_nothing(cls, dataset: str, root: str, error: UserError) -> "DataCheck":
        """The check of a folder in which no case can be listed."""
        return cls(
            dataset=dataset, layout="none", note="", cases={}, slices={}, labels={}, label_volumes_ml={},
            spacing_mm=None, intensities=None, preprocessing={}, patients=(), problems=(Problem.of(error, root),),
        )  # fmt: skip

    @classmethod
    def load(cls, path: Path) -> "DataCheck":
        """Read a check.

        Raises:
            UserError: The file is missing or is not a check.
        """
        return read_record(cls, path, "a check of a dataset", "Run trimformer data check with --json.")
