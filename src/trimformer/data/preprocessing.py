"""How a dataset is read and brought to a model's grid: its own defaults, changed where the experiment says so."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from trimformer.records.choices import SpacingFrom
from trimformer.records.errors import UserError
from trimformer.records.settings import DataSettings


@dataclass(frozen=True)
class Preprocessing:
    """Every choice between a file and the array that a model sees.

    `spacing_from` and `spacing_mm` say whom to believe about voxel sizes. A volume is turned to `orientation` (axis
    codes such as RAS; None leaves it as it is stored) and cut into slices along `slice_axis`. Intensities are clipped
    to `clip` first where that is given; the middle `crop` x `crop` pixels of each slice are kept where that is given;
    slices end up `image_size` squared. `label_order` says in which of several known orders labels are numbered.
    """

    image_size: int
    slice_axis: int = 2
    orientation: str | None = None
    spacing_from: SpacingFrom = "affine"
    spacing_mm: tuple[float, float, float] | None = None
    clip: tuple[float, float] | None = None
    crop: int | None = None
    label_order: str | None = None

    @classmethod
    def of(cls, settings: DataSettings, **defaults: Any) -> "Preprocessing":
        """The dataset's `defaults`, and the experiment's own values wherever it has some."""
        return cls(**(defaults | given_settings(settings)))

    def document(self) -> dict[str, Any]:
        """As it stands in JSON."""
        return {key: _as_json(value) for key, value in asdict(self).items()}


def read_preprocessing(document: Mapping[str, Any]) -> Preprocessing:
    """What `Preprocessing.document` wrote down.

    Raises:
        TypeError: The document lacks a setting, or has one that is not known.
    """
    settings: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in document.items()
    }
    return Preprocessing(**settings)


def given_settings(settings: DataSettings) -> dict[str, Any]:
    """Those of the settings that an experiment decides for itself."""
    keys = (field.name for field in fields(Preprocessing))
    return {key: value for key in keys if (value := getattr(settings, key)) is not None}


def refuse_other_settings(prepared: dict[str, Any], settings: DataSettings) -> None:
    """Check that an experiment asks for data as they were prepared (a `Preprocessing.document`).

    Raises:
        UserError: Names the first setting that differs and both values.
    """
    for key, value in given_settings(settings).items():
        if _as_json(value) != prepared[key]:
            raise UserError(
                "An experiment asks for the data as they were prepared",
                f"data.{key} = {_as_json(value)}, and {prepared[key]} in {settings.prepared}",
                f"Set data.{key} to {prepared[key]}, or prepare the data once more into another folder.",
            )


def _as_json(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
