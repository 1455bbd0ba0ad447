"""An OpenVINO model of `trimformer export`, two files, as a model that is ready for scans."""

import hashlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from trimformer.deploy.deployed import Deployed
from trimformer.deploy.export.carried import KEY, Carried, read_carried
from trimformer.deploy.export.extra import refuse_missing_extra
from trimformer.deploy.exported.openvino_library import load_openvino
from trimformer.inference.predict import Network
from trimformer.models.foreign import in_one_line
from trimformer.records.choices import Precision
from trimformer.records.errors import UserError

INPUT, OUTPUT = "image", "logits"

CARRIED, WEIGHTS = (KEY, "carried"), (KEY, "weights_sha256")
"""Where the .xml holds what an export carries, and the digest of the .bin that belongs to it."""

RULE = "An export to OpenVINO is an .xml and its .bin, as trimformer export writes them"
NEXT_STEP = "Export the run again, or copy both files once more."


def open_openvino(file: Path) -> Deployed:
    """Read an export; it holds operations and numbers, and nothing that could be executed otherwise.

    Args:
        file: The .xml; the .bin of the same name lies beside it.

    Raises:
        UserError: A file is damaged or belongs to another, was made by another program or a newer version, or OpenVINO
            is missing.
    """
    refuse_missing_extra(("openvino",))
    described, weights = (_content(path) for path in (file, weights_file(file)))
    model = _model(described, weights, file)
    carried = read_carried(_told(model, CARRIED), file)
    if _told(model, WEIGHTS) != hashlib.sha256(weights).hexdigest():
        raise UserError(RULE, f"{weights_file(file)}, which is damaged or belongs to another .xml", NEXT_STEP)
    _check_shapes(model, carried, file)
    digest = hashlib.sha256(described + weights).hexdigest()
    try:
        network = openvino_network(model, carried.precision)
    except RuntimeError as error:
        raise UserError(RULE, f"{file}: {in_one_line(error)}", NEXT_STEP) from None
    made_of = carried.provenance.run_digest
    return Deployed(carried.name, digest, carried.trained_on(), network, made_of, carried.precision)


def weights_file(file: Path) -> Path:
    """The numbers that belong to an .xml."""
    return file.with_suffix(".bin")


def openvino_network(model: Any, precision: Precision) -> Network:
    """A network of OpenVINO's as a function of slices, on as many threads as torch takes.

    Args:
        model: With one input and one output.
        precision: In fp32 everything is computed in 32 bits. In int8 what is not quantised is in bf16 where the
            processor has that, which is what OpenVINO itself would choose.
    """
    settings: dict[str, Any] = {"INFERENCE_NUM_THREADS": torch.get_num_threads(), "ENABLE_CPU_PINNING": False}
    if precision == "fp32":
        settings["INFERENCE_PRECISION_HINT"] = "f32"
    request = load_openvino().Core().compile_model(model, "CPU", settings).create_infer_request()

    def scores(images: Tensor) -> Tensor:
        found = request.infer({0: images.numpy()}, share_inputs=True)
        return torch.from_numpy(found[0])

    return scores


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError("The file must exist and be readable", f"{path}: {error.strerror}", NEXT_STEP) from None


def _model(described: bytes, weights: bytes, file: Path) -> Any:
    openvino = load_openvino()
    try:
        return openvino.Core().read_model(described, weights)
    except RuntimeError as error:
        raise UserError(RULE, f"{file}: {in_one_line(error)}", NEXT_STEP) from None


def _told(model: Any, path: tuple[str, ...]) -> str | None:
    return model.get_rt_info(list(path)).astype(str) if model.has_rt_info(list(path)) else None


def _check_shapes(model: Any, carried: Carried, file: Path) -> None:
    size = carried.image_size
    expected = {INPUT: [-1, carried.num_channels, size, size], OUTPUT: [-1, carried.num_classes, size, size]}
    ends = (*model.inputs, *model.outputs)
    found = {end.any_name: [axis.to_string() for axis in end.partial_shape] for end in ends if end.names}
    if found != {name: ["?", *map(str, shape[1:])] for name, shape in expected.items()}:
        raise UserError(f"An export of this model has {expected}", f"{found} in {file}", NEXT_STEP)
