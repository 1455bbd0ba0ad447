"""What is told beside a predicted label map: volumes, doubts, and of which scan and model it is."""

from pathlib import Path

from trimformer.records.frozen import Frozen, read_record


class Prediction(Frozen):
    """One predicted scan.

    `digest` changes with the content of the scan, the model, and how the scan is brought to it; `files` are the names
    of all that was written of the two. `labels` are the values in the label map and their names, `volumes_ml` is by
    name, `doubts` says why the scan may be none for the model. `metadata` is what DICOM says about the patient, None
    unless it was asked for.
    """

    name: str
    run: str
    trimformer: str
    digest: str
    files: tuple[str, ...]
    labels: dict[int, str]
    volumes_ml: dict[str, float]
    shape: tuple[int, ...]
    spacing_mm: tuple[float, float, float]
    axes: str
    doubts: tuple[str, ...]
    metadata: dict[str, str] | None = None

    @classmethod
    def load(cls, path: Path) -> "Prediction":
        """Read what `save` wrote.

        Raises:
            UserError: The file is missing, or something else.
        """
        return read_record(cls, path, "what trimformer predict writes beside a label map", "Predict that scan again.")
