"""What an experiment decides, section by section, each value with its rule and its default."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PositiveFloat,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from trimformer.records.choices import BatchNorm, Decoder, SpacingFrom
from trimformer.records.model_names import HYBRIDS, OWN_NETWORKS, plain_name

MAX_BLOCKS = 12
"""Blocks of the hybrids as they were published."""

_Factor = Annotated[float, Field(ge=0.1, le=10)]
"""By how much something grows; 1 changes nothing."""


_Path = Annotated[str, AfterValidator(lambda path: str(Path(path).expanduser().absolute()))]


def _rising(numbers: tuple[int, ...]) -> tuple[int, ...]:
    if list(numbers) != sorted(set(numbers)):
        raise PydanticCustomError("rising", "blocks are named once each, rising")
    return numbers


_BlockNumbers = Annotated[tuple[Annotated[int, Field(ge=0)], ...], AfterValidator(_rising)]


class Settings(BaseModel):
    """Values that are read strictly and never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class DataSettings(Settings):
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
    hops: int | None = Field(
        None, ge=0, le=3, description="phantom: how many pointers lead from a question to its class"
    )
    selection_patients: int = Field(
        2, ge=1, description="training patients set aside to select the best epoch, never reported"
    )

    @field_validator("hops")
    @classmethod
    def _only_the_phantom_has_hops(cls, hops: int | None, given: Any) -> int | None:
        if hops is not None and given.data.get("dataset") != "phantom":
            raise PydanticCustomError("no_hops", "only the dataset phantom has hops")
        return hops


def _default_name(given: dict[str, Any]) -> str | None:
    return None if given.get("target") else "unetr"


def _default_blocks(given: dict[str, Any]) -> int | None:
    return MAX_BLOCKS if given.get("name") in HYBRIDS else None


def _default_weights(given: dict[str, Any]) -> str:
    return "imagenet21k" if given.get("name") in HYBRIDS else "none"


def _own_name_plain(name: Any) -> Any:
    """`UNETR` and `Trans_UNet` are ours as well, as `trimformer.create_model` reads them."""
    return plain_name(name) if isinstance(name, str) and plain_name(name) in OWN_NETWORKS else name


class ModelSettings(Settings):
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
    source_blocks: _BlockNumbers | None = Field(
        None, description="hybrids: which blocks of weights the blocks 0, 1, ... take; the first ones if left out"
    )
    permuted_blocks: bool = Field(
        False,
        description="hybrids: a control; the entries of every tensor that the blocks take of weights are shuffled",
    )
    kept_blocks: _BlockNumbers | None = Field(
        None, description="targets, MONAI's networks: which blocks stay; the others become identities in their places"
    )
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

    @field_validator("source_blocks")
    @classmethod
    def _one_source_for_each_block(cls, source_blocks: tuple[int, ...] | None, given: Any) -> tuple[int, ...] | None:
        if source_blocks is None:
            return None
        if given.data.get("name") not in HYBRIDS or given.data.get("weights") == "none":
            raise PydanticCustomError("no_source", "source_blocks are blocks of the weights that a hybrid begins with")
        if len(source_blocks) != given.data.get("num_blocks"):
            raise PydanticCustomError("source_count", "source_blocks has one number for each of num_blocks")
        return source_blocks

    @field_validator("permuted_blocks")
    @classmethod
    def _what_is_permuted_comes_from_weights(cls, permuted: bool, given: Any) -> bool:
        if permuted and (given.data.get("name") not in HYBRIDS or given.data.get("weights") == "none"):
            raise PydanticCustomError("none_to_permute", "permuted_blocks is for hybrids that begin with weights")
        return permuted

    @field_validator("kept_blocks")
    @classmethod
    def _hybrids_have_as_many_blocks_as_they_keep(cls, kept: tuple[int, ...] | None, given: Any) -> Any:
        if kept is not None and given.data.get("name") in OWN_NETWORKS:
            raise PydanticCustomError(
                "kept_in_place", "kept_blocks is for targets and MONAI's networks; a hybrid has num_blocks"
            )
        return kept

    @property
    def blocks_left(self) -> int | None:
        """How many blocks the network runs; None where nobody said and none was taken out."""
        return self.num_blocks if self.kept_blocks is None else len(self.kept_blocks)


class TrainingSettings(Settings):
    """How the weights are found; the defaults are the paper's protocol."""

    epochs: int = Field(80, ge=1)
    batch_size: int = Field(8, ge=1)
    accumulate: int = Field(1, ge=1, description="batches whose gradients are averaged before one step is taken")
    learning_rate: float = Field(1e-4, gt=0)
    weight_decay: float = Field(0.0, ge=0)
    beta2: float = Field(
        0.999, ge=0, lt=1, description="how slowly AdamW forgets how large gradients were: over 1 / (1 - beta2) steps"
    )
    schedule: Literal["constant", "one_cycle", "cosine", "polynomial"] = Field(
        "constant", description="the learning rate over all epochs; the last two fall to 0"
    )
    muon_learning_rate: float | None = Field(
        None, gt=0, description="Muon moves the weights of linear layers, at this rate; none: AdamW moves all weights"
    )
    warmup_epochs: int = Field(0, ge=0, description="epochs in which the learning rate rises from 0, in a line")
    patience: int | None = Field(
        None, ge=1, description="training stops after so many epochs without a better Dice on the selection patients"
    )
    sampling: Literal["uniform", "class_balanced"] = Field(
        "uniform", description="every slice once an epoch, or slices drawn so that every class is shown equally often"
    )
    batch_norm: BatchNorm = Field(
        "batch",
        description="batch: statistics of each batch; precise: taken anew after each epoch too, for what predicts; "
        "frozen: those that the weights came with, left alone",
    )
    precision: Annotated[Literal["auto", "32", "bf16"], BeforeValidator(str)] = "auto"
    loader_workers: Literal["auto"] | Annotated[int, Field(ge=0)] = Field(
        "auto", description="processes that read slices ahead; auto: 0 without a graphics card, else up to 4"
    )
    checkpoint_blocks: bool = Field(
        False, description="activations of transformer blocks are computed again on the way back, not kept in memory"
    )
    compile: bool = Field(
        False, description="the network is compiled, and its numbers held against those of the plain one"
    )
    deterministic: bool = Field(False, description="torch takes algorithms that give the same bits each time")
    checkpoint_minutes: float | None = Field(
        None, gt=0, description="checkpoints inside an epoch too, so many minutes apart; none: after each epoch alone"
    )

    @field_validator("muon_learning_rate")
    @classmethod
    def _muon_has_a_schedule_of_two_rates(cls, rate: float | None, given: Any) -> float | None:
        if rate is not None and given.data.get("schedule") == "one_cycle":
            raise PydanticCustomError(
                "one_rate", "one_cycle knows one learning rate; take cosine, polynomial or constant"
            )
        return rate

    @field_validator("warmup_epochs")
    @classmethod
    def _warmup_leaves_epochs_to_a_schedule_without_a_rise(cls, warmup_epochs: int, given: Any) -> int:
        if warmup_epochs and given.data.get("schedule") == "one_cycle":
            raise PydanticCustomError("two_rises", "one_cycle has a rise of its own and takes no warmup_epochs")
        if warmup_epochs >= given.data.get("epochs", warmup_epochs + 1):
            raise PydanticCustomError("long_warmup", "warmup_epochs are fewer than epochs")
        return warmup_epochs


class DistillationSettings(Settings):
    """How a model learns from a trained one beside the labels: (1 - weight) of the loss is the labels'."""

    teacher: _Path = Field(description="the run folder of the trained model")
    weight: float = Field(0.5, ge=0, le=1, description="the teacher's share of the loss on the logits")
    temperature: float = Field(2.0, gt=0, description="by what logits are divided before the softmax of both models")
    features: float = Field(
        0.0, ge=0, description="factor of the squared error between both models' last token maps; 0: not compared"
    )


class AugmentationSettings(Settings):
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
