"""What a model must know of the scans it was trained on, to take others without the dataset."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from trimformer.data.preparation.intensities import Span
from trimformer.data.preprocessing import Preprocessing, read_preprocessing
from trimformer.data.scan import axis_codes
from trimformer.records.errors import UserError
from trimformer.records.run_folder import NEXT_STEP, RunFolder

FAR = 0.5
"""Of the width of the training range: beyond its ends by more, intensities are of another kind."""


@dataclass(frozen=True)
class TrainedOn:
    """The labels, channels, preprocessing, orientations and intensities of the training scans.

    `orientations` are their axis codes, the most frequent first; `intensities` is the usual range of each channel, None
    where the run does not say.
    """

    labels: Mapping[int, str]
    num_channels: int
    preprocessing: Preprocessing
    orientations: tuple[str, ...]
    intensities: tuple[Span, ...] | None

    def preprocessing_of(self, affine: Any) -> Preprocessing:
        """How a scan with this affine (4, 4) is brought to the way the training scans were lying.

        A scan that lies as some training scan did stays as it is; any other is turned to where most of them lay.
        """
        if self.preprocessing.orientation is not None:
            return self.preprocessing
        own = axis_codes(affine)
        return replace(self.preprocessing, orientation=own if own in self.orientations else self.orientations[0])

    def doubts(self, intensities: tuple[Span, ...]) -> tuple[str, ...]:
        """Why a scan whose channels have these usual ranges may be none for this model, a sentence each."""
        if self.intensities is None:
            return ("The run does not say which intensities it was trained on, so that nobody can tell if these are.",)
        pairs = zip(intensities, self.intensities, strict=True)
        return tuple(_told(channel, own, known) for channel, (own, known) in enumerate(pairs) if _is_far(own, known))


def trained_on(run: RunFolder, orientation: str | None = None) -> TrainedOn:
    """What a run's manifest says about its training scans.

    Args:
        run: A run that is trained.
        orientation: Axis codes to turn every scan to, in place of what the run says.

    Raises:
        UserError: The manifest is damaged or of a version that did not say enough, or the codes are none.
    """
    data = run.manifest_of_data()
    preprocessing = _preprocessing(run, data)
    try:
        known = turned_to(_known(data, preprocessing), orientation)
    except (TypeError, ValueError, AttributeError) as error:
        raise UserError("A run's manifest is whole", f"{run.manifest_file}: {error}", NEXT_STEP) from None
    if known.preprocessing.orientation is None and not known.orientations:
        raise UserError(
            "A run says where the axes of its training scans led",
            f"{run.manifest_file} without data.orientations: made by an older version, or from files without geometry",
            "Say it yourself, --orientation RAS or another, or train that run again.",
        )
    return known


def turned_to(known: TrainedOn, orientation: str | None) -> TrainedOn:
    """The same, but with every scan turned to these axis codes; None changes nothing.

    Raises:
        UserError: The codes are none.
    """
    if orientation is None:
        return known
    if not is_orientation(orientation):
        raise UserError(
            "An orientation is three letters, one each of L or R, A or P, S or I", repr(orientation), "Write, say, RAS."
        )
    return replace(known, preprocessing=replace(known.preprocessing, orientation=orientation))


def is_orientation(codes: str) -> bool:
    """Whether each of the three axes of space is named once.

    Example:
        >>> is_orientation("LAS"), is_orientation("LLS")
        (True, False)
    """
    pairs = ("LR", "PA", "SI")
    return len(codes) == len(pairs) and all(sum(code in pair for code in codes) == 1 for pair in pairs)


def _known(data: Mapping[str, Any], preprocessing: Preprocessing) -> TrainedOn:
    orientations: dict[str, int] = data.get("orientations") or {}
    spans: list[list[float]] | None = data.get("intensities")
    return TrainedOn(
        labels={int(value): name for value, name in data["labels"].items()},
        num_channels=int(data.get("channels", 1)),
        preprocessing=preprocessing,
        orientations=tuple(sorted(orientations, key=lambda codes: -orientations[codes])),
        intensities=None if spans is None else tuple((float(low), float(high)) for low, high in spans),
    )


def _preprocessing(run: RunFolder, data: Mapping[str, Any]) -> Preprocessing:
    try:
        return read_preprocessing(data.get("preprocessing") or {})
    except TypeError as error:
        raise UserError(
            "A run says how its scans were prepared",
            f"data.preprocessing in {run.manifest_file}: {error}",
            "Train that run again.",
        ) from None


def _is_far(own: Span, known: Span) -> bool:
    reach = FAR * (known[1] - known[0])
    return own[0] < known[0] - reach or own[1] > known[1] + reach


def _told(channel: int, own: Span, known: Span) -> str:
    where = f" of channel {channel}" if channel else ""
    return (
        f"Intensities{where} from {own[0]:g} to {own[1]:g} are far outside those of training, {known[0]:g} to"
        f" {known[1]:g}: another kind of scan?"
    )
