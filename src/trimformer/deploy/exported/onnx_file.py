"""An ONNX file of `trimformer export` as a model that is ready for scans, run by ONNX Runtime."""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from trimformer.deploy.deployed import Deployed
from trimformer.deploy.export.carried import KEY, Carried, read_carried
from trimformer.deploy.export.extra import refuse_missing_extra
from trimformer.inference.predict import Network
from trimformer.models.foreign import in_one_line
from trimformer.records.errors import UserError

INPUT, OUTPUT = "image", "logits"

RULE = "An export is one whole ONNX file, as trimformer export writes it"
NEXT_STEP = "Export the run again, or copy the file once more."

SILENT = 4
"""ONNX Runtime's level of logging: what is wrong with a file comes as an exception already."""


def open_onnx(file: Path) -> Deployed:
    """Read an export; it holds operations and numbers, and nothing that could be executed otherwise.

    Raises:
        UserError: The file is damaged, was made by another program or a newer version, or a library is missing.
    """
    refuse_missing_extra(("onnx", "onnxruntime"))
    try:
        content = file.read_bytes()
    except OSError as error:
        raise UserError("The file must exist and be readable", f"{file}: {error.strerror}", NEXT_STEP) from None
    carried = _carried(content, file)
    session, shapes = _session(content, file)
    _check_shapes(shapes, carried, file)
    digest, network = hashlib.sha256(content).hexdigest(), _network(session, carried, file)
    made_of = carried.provenance.run_digest
    return Deployed(carried.name, digest, carried.trained_on(), network, made_of, carried.precision)


def _carried(content: bytes, file: Path) -> Carried:
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load_model_from_string(content)
    except DecodeError as error:
        raise UserError(RULE, f"{file}: {in_one_line(error)}", NEXT_STEP) from None
    # Whatever ONNX Runtime would look for, and where: an export has all its numbers in itself.
    graphs = (model.graph, *model.functions)
    if any(onnx.external_data_helper.uses_external_data(tensor) for graph in graphs for tensor in _tensors(graph)):
        raise UserError(RULE, f"{file}, which takes numbers from other files", NEXT_STEP)
    told = {entry.key: entry.value for entry in model.metadata_props}
    return read_carried(told.get(KEY), file)


def _tensors(graph: Any) -> Iterator[Any]:
    """All numbers of a graph or function, also those inside its branches and loops."""
    yield from getattr(graph, "initializer", ())
    for sparse in getattr(graph, "sparse_initializer", ()):
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        yield from _tensors_of_attributes(node.attribute)


def _tensors_of_attributes(attributes: Iterable[Any]) -> Iterator[Any]:
    for attribute in attributes:
        yield from (attribute.t, *attribute.tensors)
        for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
            yield from (sparse.values, sparse.indices)
        for graph in (attribute.g, *attribute.graphs):
            yield from _tensors(graph)


def _session(content: bytes, file: Path) -> tuple[Any, dict[str, Any]]:
    """ONNX Runtime with the file's operations, and the shape of a slice at each of their ends."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = SILENT
    options.intra_op_num_threads = torch.get_num_threads()  # as the network has where torch computes it
    try:
        # Its fallback would try the same once more, and print that.
        session = onnxruntime.InferenceSession(
            content, options, providers=["CPUExecutionProvider"], enable_fallback=False
        )
        ends = (*session.get_inputs(), *session.get_outputs())
        shapes = {end.name: list(end.shape[1:]) if end.type == "tensor(float)" else end.type for end in ends}
    except Exception as error:  # each of its kinds is a class of its own, straight below Exception
        raise UserError(RULE, f"{file}: {in_one_line(error)}", NEXT_STEP) from None
    return session, shapes


def _check_shapes(found: dict[str, Any], carried: Carried, file: Path) -> None:
    size = carried.image_size
    expected = {INPUT: [carried.num_channels, size, size], OUTPUT: [carried.num_classes, size, size]}
    if found != expected:
        raise UserError(f"An export of this model has {_told(expected)}", f"{_told(found)} in {file}", NEXT_STEP)


def _network(session: Any, carried: Carried, file: Path) -> Network:
    shape = (carried.num_classes, carried.image_size, carried.image_size)

    def scores(images: Tensor) -> Tensor:
        try:
            (logits,) = session.run([OUTPUT], {INPUT: images.numpy()})
        except Exception as error:  # as above
            raise UserError(RULE, f"{file}: {in_one_line(error)}", NEXT_STEP) from None
        if logits.shape != (len(images), *shape):
            raise UserError(RULE, f"{file}, which makes {logits.shape} of {tuple(images.shape)}", NEXT_STEP)
        return torch.from_numpy(logits)

    return scores


def _told(shapes: dict[str, Any]) -> str:
    return ", ".join(f"{name} {shape}" for name, shape in shapes.items())
