"""A model on disk: its weights as safetensors, its description as JSON.

Neither file can hold code; the description of a user's own network names the module whose code builds it.
"""

from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from trimformer.models.anatomy.parameters import count_parameters
from trimformer.models.catalogue import create_model
from trimformer.models.segmentation_model import SegmentationModel
from trimformer.records.errors import UserError
from trimformer.records.files import read_json, write_json, write_whole
from trimformer.records.run_folder import RunFolder

NEXT_STEP = "Give a run folder whose training has finished, or train again."
BUILD_IT = "Build it with create_model; your own class comes in as its target."


def save_model(model: SegmentationModel, weights_file: Path, description_file: Path) -> None:
    """Write the weights and what rebuilds the model; each file whole or not at all.

    Args:
        model: A model that `create_model` made.
        weights_file: For the safetensors.
        description_file: For the JSON: settings, version, parameters by part, and for a hybrid after how many blocks
            its decoder reads.

    Raises:
        UserError: A file cannot be written, or `create_model` did not make the model.
    """
    if not hasattr(model, "settings"):
        raise UserError(
            "A model to save is one that create_model made", f"a {type(model).__name__} without settings", BUILD_IT
        )
    weights = {name: _copy_of(tensor) for name, tensor in model.state_dict().items()}
    parameters = count_parameters(model)
    is_hybrid = hasattr(model, "transformer")
    write_whole(weights_file, lambda temporary: _write_weights(weights, temporary))
    write_json(
        description_file,
        {
            "settings": model.settings,
            "trimformer_version": version("trimformer"),
            "parameters": asdict(parameters) | {"total": parameters.total},
            "taps": list(model.transformer.taps) if is_hybrid else None,
        },
    )


def _copy_of(tensor: Tensor) -> Tensor:
    """Rows last and memory of its own, which safetensors asks for; a network may share one tensor under two names."""
    return tensor.detach().cpu().clone(memory_format=torch.contiguous_format)


def load_model(run_folder: Path | str, checkpoint: Literal["best", "last"] = "best") -> SegmentationModel:
    """Rebuild the model of a run with its weights, ready to predict (eval mode).

    The random state stays as it is. A run of the user's own network (`target`) imports and calls the module that it
    names: load such runs from people only whose programs you would start.

    Args:
        run_folder: The folder with `model.json` and the safetensors beside it.
        checkpoint: `best` epoch on the selection patients, or `last`.

    Raises:
        UserError: A file is missing, damaged, or does not fit the other.
    """
    run = RunFolder(Path(run_folder))
    weights_file = run.weights_file if checkpoint == "best" else run.last_weights_file
    model = _rebuild(run.model_file)
    weights = _read_weights(weights_file)
    _check_fit(weights, model.state_dict(), weights_file)
    model.load_state_dict(weights)
    return model.eval()


def _rebuild(description_file: Path) -> SegmentationModel:
    description = read_json(description_file, NEXT_STEP)
    try:
        # Built as any model is: what a constructor computes without storing it must be there.
        with torch.random.fork_rng(devices=[]):
            return create_model(**description["settings"])
    except (KeyError, TypeError) as error:
        raise UserError("The file must describe a model", f"{description_file}: {error}", NEXT_STEP) from None
    except UserError as error:
        raise UserError(error.rule, f"{error.found} in {description_file}", error.next_step) from None


def _read_weights(weights_file: Path) -> dict[str, Tensor]:
    try:
        return load_file(weights_file)
    except (OSError, SafetensorError) as error:
        raise UserError("The file must be whole safetensors", f"{weights_file}: {error}", NEXT_STEP) from None


def _check_fit(weights: dict[str, Tensor], expected: dict[str, Tensor], weights_file: Path) -> None:
    """Name the first tensor that is missing, superfluous or of another shape."""
    for key in [*expected, *weights]:
        in_file, in_model = (tuple(one[key].shape) if key in one else None for one in (weights, expected))
        if in_file != in_model:
            found = f"{key} in {weights_file}: {_told(in_file)} in the file, {_told(in_model)} in model.json's model"
            raise UserError("The weights must fit the model that is described beside them", found, NEXT_STEP)


def _told(shape: tuple[int, ...] | None) -> str:
    return "nothing" if shape is None else f"shape {shape}"


def _write_weights(weights: dict[str, Tensor], path: Path) -> None:
    try:
        save_file(weights, path)
    except SafetensorError as error:
        raise OSError(str(error)) from error
