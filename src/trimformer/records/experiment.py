"""An experiment: everything that decides a training, read strictly from TOML."""

import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, get_args

import tomli_w
from pydantic import BaseModel, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from trimformer.records.errors import UserError
from trimformer.records.files import read_text, write_text
from trimformer.records.settings import (
    AugmentationSettings,
    DataSettings,
    DistillationSettings,
    ModelSettings,
    Settings,
    TrainingSettings,
)
from trimformer.records.tracking import TrackingSettings

EPOCHS = {"ibsr18": 80, "emidec": 100, "synapse": 80}
"""Epochs of the paper, by dataset; elsewhere 80."""


class Experiment(Settings):
    """One training: name, seed, data, model, recipe, augmentation, a teacher where there is one, and who is told."""

    name: str = Field("experiment", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    seed: int = Field(0, ge=0, lt=2**31)
    data: DataSettings = DataSettings()
    model: ModelSettings = ModelSettings()
    training: TrainingSettings = TrainingSettings()
    augmentation: AugmentationSettings = AugmentationSettings()
    distillation: DistillationSettings | None = None
    tracking: TrackingSettings = TrackingSettings()

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

    def with_changes(self, **changes: dict[str, Any] | str | int | None) -> "Experiment":
        """A new experiment in which single settings differ; defaults that depend on them follow.

        A section whose change is None is left out.

        Example:
            >>> Experiment().with_changes(model={"num_blocks": 3}).model.num_blocks
            3
        """
        document = self.model_dump(exclude_unset=True)
        for key, value in changes.items():
            document[key] = {**(document.get(key) or {}), **value} if isinstance(value, dict) else value
        return parse_experiment(document, source="the changed experiment")

    def without_tracking(self) -> "Experiment":
        """What makes the run what it is: two experiments that are equal in it are one training."""
        return self.model_copy(update={"tracking": TrackingSettings()})

    def first_difference(self, other: "Experiment") -> str:
        """One setting that the two do not share, with both values, tracking left out; empty where they are alike."""
        own, others = (each.without_tracking().model_dump(mode="json") for each in (self, other))
        return next(_differences(own, others), "")

    def with_overrides(self, overrides: Iterable[str]) -> "Experiment":
        """A new experiment with `key=value` overrides such as `training.epochs=4`.

        Raises:
            UserError: A key is unknown, or a value is outside its rule.
        """
        document = self.model_dump(exclude_unset=True, exclude_none=True)
        for override in overrides:
            apply_override(override, document)
        return parse_experiment(document, source="the command line")

    def save(self, path: Path) -> None:
        """Write the resolved experiment as TOML; settings without a value are left out."""
        document = self.model_dump(exclude_none=True)
        if not self.model.options:
            del document["model"]["options"]
        write_text(path, tomli_w.dumps(document))


def _differences(own: Any, other: Any, name: str = "") -> Iterator[str]:
    if not (isinstance(own, dict) and isinstance(other, dict)):
        if own != other:
            yield f"{name} is {own}, not {other}"
        return
    for key in own | other:
        yield from _differences(own.get(key), other.get(key), f"{name}.{key}" if name else key)


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
        apply_override(override, document)
    return parse_experiment(document, source=str(path))


def read_data_settings(dataset: str, root: str | None, overrides: Iterable[str] = ()) -> DataSettings:
    """The section `[data]` as it is typed on a command line: `slice_axis=1` there is `data.slice_axis=1` elsewhere.

    Raises:
        UserError: A key is unknown, or a value is outside its rule.
    """
    document: dict[str, Any] = {"data": {"dataset": dataset} | ({} if root is None else {"root": root})}
    for override in overrides:
        apply_override(f"data.{override.removeprefix('data.')}", document)
    return parse_experiment(document, source="the command line").data


def parse_experiment(document: dict[str, Any], source: str) -> Experiment:
    """Check a document against every rule of `Experiment`.

    Raises:
        UserError: Names the first key that breaks a rule, the value found and what would be valid.
    """
    try:
        return Experiment.model_validate(document)
    except ValidationError as error:
        raise _mistake(error.errors()[0], source) from None


def experiment_mistakes(document: dict[str, Any], source: str) -> tuple[UserError, ...]:
    """What `parse_experiment` would say of each key that breaks a rule, not of the first alone."""
    try:
        Experiment.model_validate(document)
    except ValidationError as error:
        return tuple(_mistake(one, source) for one in error.errors())
    return ()


def _mistake(error: ErrorDetails, source: str) -> UserError:
    key = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        valid = ", ".join(_fields_at(error["loc"][:-1]))
        return UserError("An experiment has no unknown keys", f"{key} in {source}", f"Valid keys there: {valid}.")
    rule = f"{key or 'The experiment'}: {error['msg'].lower()}"
    return UserError(rule, f"{error['input']!r} in {source}", "Change that value.")


def _fields_at(location: tuple[int | str, ...]) -> list[str]:
    settings: type[BaseModel] = Experiment
    for part in location:
        annotation = settings.model_fields[str(part)].annotation
        settings = next(kind for kind in (annotation, *get_args(annotation)) if _is_section(kind))
    return list(settings.model_fields)


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def apply_override(override: str, document: dict[str, Any]) -> None:
    """Put `key=value` (`model.num_blocks=3`) into a document; the value is TOML, or else a word.

    Raises:
        UserError: It is not of that form, or the key goes through something that is no section.
    """
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
