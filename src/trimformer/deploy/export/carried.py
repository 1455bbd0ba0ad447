"""What an export carries with it: all that predicting needs, and what a stranger asks about a model."""

import json
import math
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, model_validator

from trimformer.data.preprocessing import Preprocessing
from trimformer.deploy.export.provenance import Provenance, Reported
from trimformer.deploy.trained_on import TrainedOn, is_orientation
from trimformer.records.choices import Precision
from trimformer.records.errors import UserError
from trimformer.records.frozen import Frozen
from trimformer.records.run_folder import RunFolder

KEY = "trimformer"
"""Under which a file's own metadata hold the JSON."""

FORMAT = 1
"""To be raised when an older reader would misunderstand a newer export."""

MOST_PIXELS = 4096
"""Rows and columns beyond which an export is no model for slices, but a mistake or an attack on memory."""

MOST_CHANNELS = 64

USE = "For research. Not for diagnosis."

CODE_LICENCE = "Apache-2.0"

WEIGHTS_TERMS = (
    "The weights were made from the training scans and from the weights that the training began with: the terms of both"
    " apply to them. Trimformer knows neither."
)

Label = Annotated[int, Field(ge=1, le=255)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class Carried(Frozen):
    """The metadata of an export.

    `format` is the version of this record, `name` that of the run, and `precision` that of the weights in the file.
    `labels`, `num_channels`, `preprocessing`, `orientations` and `intensities` are those of `TrainedOn`. `reported` is
    how the run was evaluated, None where it was not.
    """

    format: int = FORMAT
    name: str
    labels: dict[Label, str] = Field(min_length=1)
    num_channels: int = Field(ge=1, le=MOST_CHANNELS)
    preprocessing: Preprocessing
    orientations: tuple[str, ...]
    intensities: tuple[tuple[Finite, Finite], ...] | None
    precision: Precision
    provenance: Provenance
    reported: Reported | None
    use: str = USE
    code_licence: str = CODE_LICENCE
    weights_terms: str = WEIGHTS_TERMS

    @model_validator(mode="after")
    def _can_be_followed(self) -> "Carried":
        broken = [key for key, holds in _rules(self).items() if not holds]
        if broken:
            raise ValueError(f"{broken[0]} makes no sense")
        return self

    @classmethod
    def of(cls, run: RunFolder, known: TrainedOn, precision: Precision = "fp32") -> "Carried":
        """What an export of a trained run carries.

        Raises:
            UserError: The run is damaged.
        """
        return cls(
            name=run.name,
            labels=dict(known.labels),
            num_channels=known.num_channels,
            preprocessing=known.preprocessing,
            orientations=known.orientations,
            intensities=known.intensities,
            precision=precision,
            provenance=Provenance.of(run),
            reported=Reported.of(run),
        )

    @property
    def num_classes(self) -> int:
        """Of the logits, background counted."""
        return 1 + max(self.labels)

    @property
    def image_size(self) -> int:
        """Rows = columns of the slices that the model takes, in pixels."""
        return self.preprocessing.image_size

    def trained_on(self) -> TrainedOn:
        """What the model must know of the scans it was trained on."""
        return TrainedOn(self.labels, self.num_channels, self.preprocessing, self.orientations, self.intensities)

    def document(self) -> str:
        """JSON on one line, as a file's metadata hold it."""
        return self.model_dump_json()


def read_carried(document: str | None, file: Path) -> Carried:
    """What `Carried.document` wrote into a file; None where the file holds no such thing.

    Raises:
        UserError: The file was made by another program or by a newer version, or is damaged.
    """
    rule, again = "An export says itself how to predict with it", "Export the run again with trimformer export."
    if document is None:
        raise UserError(rule, f"{file}, which another program has made", again)
    try:
        content: Any = json.loads(document)
        version = content["format"]
        if isinstance(version, int) and version > FORMAT:
            raise UserError(
                f"An export is of format {FORMAT} or older", f"{file}: format {version}", "Install a newer trimformer."
            )
        return Carried.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "metadata"
        raise UserError(rule, f"{file}: {where}: {first['msg'].lower()}", again) from None
    except (ValueError, TypeError, KeyError, RecursionError):
        raise UserError(rule, f"{file} with damaged metadata", again) from None


def _rules(carried: Carried) -> dict[str, bool]:
    """What preprocessing must be able to follow, whatever a file says."""
    told = carried.preprocessing
    clip, spacing, crop = told.clip, told.spacing_mm, told.crop
    turns = [*carried.orientations, *([] if told.orientation is None else [told.orientation])]
    return {
        "format": carried.format == FORMAT,
        "preprocessing.image_size": 1 <= told.image_size <= MOST_PIXELS,
        "preprocessing.slice_axis": told.slice_axis in (0, 1, 2),
        "preprocessing.crop": crop is None or 1 <= crop <= MOST_PIXELS,
        "preprocessing.clip": clip is None or (all(map(math.isfinite, clip)) and clip[0] < clip[1]),
        "preprocessing.spacing_mm": spacing is None or all(math.isfinite(size) and size > 0 for size in spacing),
        "orientations": bool(turns) and all(map(is_orientation, turns)),
        "intensities": carried.intensities is None or len(carried.intensities) == carried.num_channels,
    }
