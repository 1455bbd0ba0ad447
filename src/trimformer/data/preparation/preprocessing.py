"""How a dataset is read and brought to a model's grid: its own defaults, changed where the experiment says so."""

from dataclasses import asdict, dataclass
from typing import Any

from trimformer.data.reading.volume import SpacingFrom
from trimformer.records.experiment import DataSettings


@dataclass(frozen=True)
class Preprocessing:
    """Every choice between a file and the array that a model sees.

    `spacing_from` and `spacing_mm` say whom to believe about voxel sizes. A volume is turned to `orientation` (axis codes
    such as RAS; None leaves it as it is stored) and cut into slices along `slice_axis`. Intensities are clipped to `clip`
    first where that is given; the middle `crop` x `crop` pixels of each slice are kept where that is given; slices end up
    `image_size` squared.
    """

    image_size: int
    slice_axis: int = 2
    orientation: str | None = None
    spacing_from: SpacingFrom = "affine"
    spacing_mm: tuple[float, float, float] | None = None
    clip: tuple[float, float] | None = None
    crop: int | None = None

    @classmethod
    def of(cls, settings: DataSettings, **defaults: Any) -> "Preprocessing":
        """The dataset's `defaults`, and the experiment's own values wherever it has some."""
        keys = ("slice_axis", "orientation", "spacing_from", "spacing_mm", "clip", "crop")
        given = {key: value for key in keys if (value := getattr(settings, key)) is not None}
        return cls(image_size=settings.image_size, **(defaults | given))

    def document(self) -> dict[str, Any]:
        """As it stands in JSON."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}
