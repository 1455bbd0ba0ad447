"""The content of `results.json` at the top of a study: where its comparisons lie, and which runs failed."""

from pathlib import Path

from trimformer.records.frozen import Frozen, read_record


class StudyComparison(Frozen):
    """The runs of one dataset side by side."""

    dataset: str
    folder: str
    """The folder with the comparison's own results.json and report.html, relative to the study's."""


class FailedRun(Frozen):
    """A run that ended in a problem while the others went on."""

    run: str
    problem: str


class StudyResults(Frozen):
    """What a study has made so far."""

    study: str
    comparisons: tuple[StudyComparison, ...]
    failed: tuple[FailedRun, ...] = ()
    done: int
    """How many runs are trained and evaluated."""

    @classmethod
    def load(cls, path: Path) -> "StudyResults":
        """Read the results of a study.

        Raises:
            UserError: The file is missing or does not belong to a study.
        """
        return read_record(cls, path, "the results of a study", "Give a folder that trimformer study made.")
