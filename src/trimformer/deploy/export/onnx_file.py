"""A network as one ONNX file that carries everything about itself."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from trimformer.deploy.export.agreement import refuse_difference
from trimformer.deploy.export.carried import KEY
from trimformer.deploy.export.subject import Subject
from trimformer.deploy.exported.onnx_file import INPUT, OUTPUT, open_onnx
from trimformer.models.foreign import in_one_line
from trimformer.records.errors import UserError

EXAMPLES = 2
"""Slices that the network is traced with; of one, a batch would be taken for fixed."""


def write_onnx(subject: Subject, file: Path) -> None:
    """Write a network with a dynamic batch, and hold what ONNX Runtime makes of it against torch.

    Raises:
        UserError: The network cannot be exported, or gives other scores then.
    """
    import onnx

    model = _traced(subject)
    _forget_sources(model)
    model.producer_name, model.producer_version = KEY, version(KEY)
    onnx.helper.set_model_props(model, {KEY: subject.carried.document()})
    try:
        onnx.save_model(model, file)
    except ValueError as error:  # beyond the 2 GiB of one protobuf
        raise UserError("A network fits into one ONNX file", in_one_line(error), "Export a smaller network.") from None
    refuse_difference(subject, open_onnx(file).network, file)


def _traced(subject: Subject) -> Any:
    """The network as an ONNX model in memory."""
    import torch

    batch = torch.export.Dim("batch")
    with _quiet():
        try:
            program = torch.onnx.export(
                subject.model,
                (subject.noise(EXAMPLES),),
                dynamo=True,
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_shapes=({0: batch},),
                verbose=False,
            )
        except torch.onnx.OnnxExporterError as error:
            raise UserError(
                "A network can be told in ONNX's operations", in_one_line(error), "Export another network."
            ) from None
    assert program is not None
    model = program.model_proto
    if not model.graph.input[0].type.tensor_type.shape.dim[0].dim_param:
        raise UserError(
            "A network to export takes any number of slices",
            f"its forward pass is made for {EXAMPLES} once it was traced with {EXAMPLES}",
            "Write its shapes without len() and int() of the batch: flatten, unflatten, or reshape with -1.",
        )
    return model


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's remarks on its own inner workings."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _forget_sources(model: Any) -> None:
    """Remove what the exporter noted for debugging: lines of programs, with the paths of this machine."""
    graph = model.graph
    for part in (graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""
