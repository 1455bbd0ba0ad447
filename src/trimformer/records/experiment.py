"""An experiment: everything that decides a training, read strictly from TOML."""

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

import tomli_w
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PositiveFloat,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from trimformer.records.choices import Decoder, SpacingFrom
from trimformer.records.errors import UserError
from trimformer.records.files import read_text, write_text
from trimformer.records.model_names import HYBRIDS, OWN_NETWORKS, plain_name

MAX_BLOCKS = 12
"""Blocks of the hybrids as they were published."""

EPOCHS = {"ibsr18": 80, "emidec": 100, "synapse": 80}
"""Epochs of the paper, by dataset; elsewhere 80."""


_Factor = Annotated[float, Field(ge=0.1, le=10)]
"""By how much something grows; 1 changes nothing."""


_Path = Annotated[str, AfterValidator(lambda path: str(Path(path).expanduser().absolute()))]


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class DataSettings(_Settings):
    """Which patients, how their files are read, and on which grid the model sees their slices.

    What is left out of `slice_axis`, `orientation`, `spacing_from`, `clip`, `crop` and `label_order` follows the
    dataset. Paths are kept from the root of the file system, so that a run folder can be read from anywhere.
    """

    dataset: str = "brain"
    root: _Path | None = Field(None, description="the folder of the dataset, as it was downloaded")
    prepared: _Path | None = Field(None, description="a folder that `trimformer data prepare` made, in place of root")
    image_size: int = Field(224, ge=16, description="rows = columns of the slices that the model sees, in pixels")
    slice_axis: Literal[0, 1, 2] | None = Field(None, description="the array axis along which slices are cut")
    orientation: str | None = Field(None, pattern="^[LRAPSI]{3}$", description="axis codes to turn volumes to: RAS")
    spacing_from: SpacingFrom | None = None
    spacing_mm: tuple[PositiveFloat, PositiveFloat, PositiveFloat] | None = Field(
        None, description="voxel sizes along the array axes, in place of what every file says"
    )
    clip: tuple[float, float] | None = Field(None, description="intensities outside are set to these limits")
    crop: int | None = Field(
        None, ge=16, description="pixels of the middle of each slice that are kept, rows = columns"
    )
    label_order: Literal["transunet", "spleen-first"] | None = Field(
        None, description="synapse: which of the two orders its eight organs are numbered in; transunet if left out"
    )
    split: _Path | None = Field(None, description="a file of sides, in place of the published or drawn ones")
    folds: int | None = Field(None, ge=2, description="cross-validation: into how many parts the patients are dealt")
    fold: int = Field(0, ge=0, description="which part validates, or which entry of the split file counts")
    split_seed: int = Field(0, ge=0, description="decides every draw of sides")
    num_patients: int | None = Field(None, ge=4, description="how many patients a simulated cohort has")
    selection_patients: int = Field(
        2, ge=1, description="training patients set aside to select the best epoch, never reported"
    )


def _default_name(given: dict[str, Any]) -> str | None:
    return None if given.get("target") else "unetr"


def _default_blocks(given: dict[str, Any]) -> int | None:
    return MAX_BLOCKS if given.get("name") in HYBRIDS else None


def _default_weights(given: dict[str, Any]) -> str:
    return "imagenet21k" if given.get("name") in HYBRIDS else "none"


def _own_name_plain(name: Any) -> Any:
    """`UNETR` and `Trans_UNet` are ours as well, as `trimformer.create_model` reads them."""
    return plain_name(name) if isinstance(name, str) and plain_name(name) in OWN_NETWORKS else name


class ModelSettings(_Settings):
    """Which network; the words are those of `trimformer.create_model`."""

    target: str | None = Field(None, description="package.module:factory, the user's own network instead of a name")
    name: Annotated[str | None, BeforeValidator(_own_name_plain)] = Field(
        default_factory=_default_name, pattern=r"^[A-Za-z][A-Za-z0-9_.]*$"
    )
    size: Literal["base", "small", "tiny"] = "base"
    num_blocks: int | None = Field(default_factory=_default_blocks, ge=0)
    patch_size: Literal[16, 8] = 16
    decoder: Decoder = "full"
    trunk: str | None = None
    weights: str = Field(default_factory=_default_weights, description="imagenet21k, none, a file or a run folder")
    trunk_weights: str | None = None
    options: dict[str, Any] = Field({}, description="more arguments of the target's factory or of MONAI's network")

    @model_validator(mode="before")
    @classmethod
    def _only_hybrids_and_targets_have_blocks(cls, values: Any) -> Any:
        if not isinstance(values, dict) or values.get("target"):
            return values
        is_hybrid = _own_name_plain(values.get("name") or "unetr") in HYBRIDS
        return values if is_hybrid else {**values, "num_blocks": None}

    @field_validator("name")
    @classmethod
    def _either_name_or_target(cls, name: str | None, given: Any) -> str | None:
        if (name is None) == (given.data.get("target") is None):
            raise PydanticCustomError("name_or_target", "a model has either a name or a target")
        return name

    @field_validator("num_blocks")
    @classmethod
    def _a_hybrid_has_twelve_at_most(cls, num_blocks: int | None, given: Any) -> int | None:
        if given.data.get("name") in HYBRIDS and (num_blocks or 0) > MAX_BLOCKS:
            raise PydanticCustomError("too_many_blocks", f"a hybrid has {MAX_BLOCKS} blocks at most")
        return num_blocks


class TrainingSettings(_Settings):
    """How the weights are found; the defaults are the paper's protocol."""

    epochs: int = Field(80, ge=1)
    batch_size: int = Field(8, ge=1)
    learning_rate: float = Field(1e-4, gt=0)
    weight_decay: float = Field(0.0, ge=0)
    schedule: Literal["constant", "one_cycle"] = "constant"
    precision: Annotated[Literal["auto", "32", "bf16"], BeforeValidator(str)] = "auto"


class AugmentationSettings(_Settings):
    """How training slices are changed at random each time they are drawn; off in the paper's study.

    Every transform happens by itself with `probability`. 0, or a range from 1 to 1, turns one off.
    """

    enabled: bool = Field(False, description="whether training uses any of this")
    probability: float = Field(0.3, ge=0, le=1, description="of each transform, at each slice that is drawn")
    flip_axes: tuple[Literal["rows", "columns"], ...] = Field(
        (), description="array axes that may be mirrored; none, since left and right differ in most bodies"
    )
    rotation_degrees: float = Field(15.0, ge=0, le=180, description="the largest angle in the plane, either way")
    scaling: tuple[_Factor, _Factor] = Field((0.85, 1.2), description="smallest and largest magnification")
    elastic_px: float = Field(
        4.0,
        ge=0,
        le=10,
        description="elastic deformation: largest standard deviation of the displacements at control points that lie a"
        " seventh of the slice apart, in pixels of a slice of 224; other sizes in proportion",
    )
    gamma: tuple[_Factor, _Factor] = Field(
        (0.7, 1.5), description="smallest and largest exponent of intensities, taken from 0 to 1"
    )
    bias: float = Field(
        0.3, ge=0, le=1, description="bias field: largest coefficient of its logarithm, a polynomial of degree 3"
    )
    noise: float = Field(
        0.1, ge=0, le=10, description="largest standard deviation of Gaussian noise, in those of the z-scored image"
    )

    @field_validator("scaling", "gamma")
    @classmethod
    def _smallest_first(cls, limits: tuple[float, float]) -> tuple[float, float]:
        if limits[0] > limits[1]:
            raise PydanticCustomError("range", "a range has its smallest value first")
        return limits


class Experiment(_Settings):
    """One training: a name, a seed, the data, the model, the recipe and the augmentation."""

    name: str = Field("experiment", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    seed: int = Field(0, ge=0, lt=2**31)
    data: DataSettings = DataSettings()
    model: ModelSettings = ModelSettings()
    training: TrainingSettings = TrainingSettings()
    augmentation: AugmentationSettings = AugmentationSettings()

    @model_validator(mode="before")
    @classmethod
    def _epochs_follow_the_dataset(cls, values: Any) -> Any:
        if not isinstance(values, dict) or not isinstance(values.get("data", {}), dict):
            return values
        training = values.get("training", {})
        epochs = EPOCHS.get(values.get("data", {}).get("dataset"))
        if epochs is None or not isinstance(training, dict):
            return values
        return {**values, "training": {"epochs": epochs, **training}}

    def with_changes(self, **changes: dict[str, Any] | str | int) -> "Experiment":
        """A new experiment in which single settings differ; defaults that depend on them follow.

        Example:
            >>> Experiment().with_changes(model={"num_blocks": 3}).model.num_blocks
            3
        """
        document = self.model_dump(exclude_unset=True)
        for key, value in changes.items():
            document[key] = {**document.get(key, {}), **value} if isinstance(value, dict) else value
        return parse_experiment(document, source="the changed experiment")

    def save(self, path: Path) -> None:
        """Write the resolved experiment as TOML; settings without a value are left out."""
        document = self.model_dump(exclude_none=True)
        if not self.model.options:
            del document["model"]["options"]
        write_text(path, tomli_w.dumps(document))


def read_experiment(path: Path, overrides: Iterable[str] = ()) -> Experiment:
    """Read an experiment file, with `key=value` overrides such as `model.num_blocks=3`.

    Raises:
        UserError: The file is missing or no TOML, a key is unknown, or a value is outside its rule.
    """
    text = read_text(path, "Give the path of an experiment file.")
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError("An experiment file must be TOML", f"{path}: {error}", "Mend that line.") from None
    for override in overrides:
        _apply(override, document)
    return parse_experiment(document, source=str(path))


def read_data_settings(dataset: str, root: str | None, overrides: Iterable[str] = ()) -> DataSettings:
    """The section `[data]` as it is typed on a command line: `slice_axis=1` there is `data.slice_axis=1` elsewhere.

    Raises:
        UserError: A key is unknown, or a value is outside its rule.
    """
    document: dict[str, Any] = {"data": {"dataset": dataset} | ({} if root is None else {"root": root})}
    for override in overrides:
        _apply(f"data.{override.removeprefix('data.')}", document)
    return parse_experiment(document, source="the command line").data


def parse_experiment(document: dict[str, Any], source: str) -> Experiment:
    """Check a document against every rule of `Experiment`.

    Raises:
        UserError: Names the first key that breaks a rule, the value found and what would be valid.
    """
    try:
        return Experiment.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            valid = ", ".join(_fields_at(first["loc"][:-1]))
            raise UserError(
                "An experiment has no unknown keys", f"{key} in {source}", f"Valid keys there: {valid}."
            ) from None
        raise UserError(
            f"{key or 'The experiment'}: {first['msg'].lower()}",
            f"{first['input']!r} in {source}",
            "Change that value.",
        ) from None


def _fields_at(location: tuple[int | str, ...]) -> list[str]:
    settings: type[BaseModel] = Experiment
    for part in location:
        annotation = settings.model_fields[str(part)].annotation
        assert isinstance(annotation, type)
        settings = annotation
    return list(settings.model_fields)


def _apply(override: str, document: dict[str, Any]) -> None:
    key, equals, value = override.partition("=")
    if not equals or not key:
        raise UserError("--set takes key=value", override, "Write, say, --set model.num_blocks=3.")
    *sections, last = key.split(".")
    for section in sections:
        document = document.setdefault(section, {})
        if not isinstance(document, dict):
            raise UserError("--set names a key inside a section", override, "Write, say, model.num_blocks=3.")
    document[last] = _toml_value(value)


def _toml_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
