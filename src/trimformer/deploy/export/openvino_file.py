"""A network as OpenVINO's two files, in 32 bits or in 8, that carry everything about themselves."""

import hashlib
from pathlib import Path
from typing import Any

import torch
from torch import nn

from trimformer.deploy.export.agreement import refuse_difference, refuse_other_labels
from trimformer.deploy.export.calibration import calibration_slices
from trimformer.deploy.export.integers import quantised
from trimformer.deploy.export.subject import Subject
from trimformer.deploy.exported.openvino_file import CARRIED, INPUT, OUTPUT, WEIGHTS, open_openvino, weights_file
from trimformer.deploy.exported.openvino_library import load_openvino
from trimformer.inference.predict import Images
from trimformer.models.foreign import in_one_line
from trimformer.records.errors import UserError

EXAMPLES = 2
"""Slices that the network is traced with; of one, a batch would be taken for fixed."""

JUDGED = 16
"""Slices at most on which labels in int8 are held against those of the run."""


def write_openvino(subject: Subject, file: Path) -> None:
    """Write a network with a dynamic batch; in fp32, hold what OpenVINO makes of it against torch.

    Args:
        subject: In int8, weights and activations of convolutions and products are integers, calibrated on slices of the
            run's training patients.
        file: The .xml; the .bin comes beside it.

    Raises:
        UserError: The network cannot be exported, or gives other scores or labels then, or in int8 the training scans
            are missing.
    """
    if subject.carried.precision == "fp32":
        _save(subject, openvino_model(subject.model, subject.noise(EXAMPLES)), file)
        refuse_difference(subject, open_openvino(file).network, file)
    else:
        slices = calibration_slices(subject.run, progress=subject.progress)
        model = openvino_model(subject.model, subject.noise(EXAMPLES))
        _save(subject, quantised(model, slices, subject.progress), file)
        refuse_other_labels(subject, open_openvino(file).network, slices[:: len(slices) // JUDGED + 1])


def openvino_model(model: nn.Module, examples: Images) -> Any:
    """A network in OpenVINO's operations, with 32 bits and a dynamic batch.

    Args:
        model: In eval mode.
        examples: Two slices at least, with which the network is traced; of one, a batch would be taken for fixed.

    Raises:
        UserError: The network does something that cannot be told in these operations.
    """
    openvino = load_openvino()
    try:
        program = torch.export.export(model, (examples,), dynamic_shapes=({0: torch.export.Dim("batch")},))
        converted = openvino.convert_model(program)
    except Exception as error:  # torch and OpenVINO have many, of no common kind
        raise UserError(
            "A network can be told in OpenVINO's operations, for any number of slices",
            in_one_line(error),
            "Write its shapes without len() and int() of the batch, or export another network.",
        ) from None
    converted.reshape({0: openvino.PartialShape([-1, *examples.shape[1:]])})
    converted.inputs[0].get_tensor().set_names({INPUT})
    converted.outputs[0].get_tensor().set_names({OUTPUT})
    return converted


def _save(subject: Subject, model: Any, file: Path) -> None:
    """Twice, since the .xml holds the digest of the .bin."""
    openvino = load_openvino()
    model.set_rt_info(subject.carried.document(), list(CARRIED))
    openvino.save_model(model, file, compress_to_fp16=False)
    model.set_rt_info(hashlib.sha256(weights_file(file).read_bytes()).hexdigest(), list(WEIGHTS))
    openvino.save_model(model, file, compress_to_fp16=False)
