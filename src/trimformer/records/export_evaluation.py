"""The scores of an exported model, beside its file."""

from pathlib import Path

from trimformer.records.evaluation import Evaluation
from trimformer.records.frozen import Frozen, read_record


class ExportEvaluation(Frozen):
    """What an export scored; `digest` tells it from an export that was later written under the same name."""

    digest: str
    evaluation: Evaluation

    @classmethod
    def load(cls, path: Path) -> "ExportEvaluation":
        """Read the scores of an export.

        Raises:
            UserError: The file is missing or holds something else.
        """
        return read_record(cls, path, "the evaluation of an export", "Remove it: compare makes it again.")
