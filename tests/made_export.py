"""Runs that nobody trained, with logits as far apart as a trained network's, and exports of one convolution."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from trimformer.data.preprocessing import Preprocessing
from trimformer.deploy.export.carried import Carried
from trimformer.deploy.export.provenance import Provenance, Reported
from trimformer.models import SegmentationModel, create_model, save_model
from trimformer.records.run_folder import RunFolder

LABELS = {1: "bright", 2: "brighter"}
SIZE = 32

PROVENANCE = Provenance(
    run_digest="d" * 64,
    trained_with="0.1.0",
    dataset="made",
    fingerprint="f",
    num_training=3,
    seed=0,
    network="unetr",
    num_blocks=1,
    decoder="full",
    began_with="pretrained",
    weights_files={"ViT-B_16.npz": "a" * 64},
)

REPORTED = Reported(
    split="validation", num_patients=4, mean_dice=0.8, ci95=(0.7, 0.9), dice={"bright": 0.75, "brighter": 0.85}
)


def made_carried(**changes: Any) -> Carried:
    given: dict[str, Any] = {
        "name": "made",
        "labels": LABELS,
        "num_channels": 1,
        "preprocessing": Preprocessing(SIZE),
        "orientations": ("LAS",),
        "intensities": ((0.0, 900.0),),
        "precision": "fp32",
        "provenance": PROVENANCE,
        "reported": REPORTED,
    }
    return Carried(**(given | changes))


def made_onnx(
    file: Path,
    carried: str | None = None,
    weights: Any = None,
    key: str = "trimformer",
    shape: tuple[int, ...] = (1, SIZE, SIZE),
) -> Path:
    """An export whose network is one convolution from the channels to three classes.

    Args:
        file: To write.
        carried: What stands in its metadata; as `made_carried` makes it if left out.
        weights: A tensor of ONNX (classes, channels, 1, 1); 0, 1 and 2 times the channel if left out.
        key: Under which the metadata stand.
        shape: Of a slice: channels, rows, columns.
    """
    weights = weights or numpy_helper.from_array(np.array([0, 1, 2], np.float32).reshape(3, 1, 1, 1), "weights")
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", *shape])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", None, *shape[1:]])
    node = helper.make_node("Conv", ["image", "weights"], ["logits"])
    graph = helper.make_graph([node], "made", [image], [logits], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    helper.set_model_props(model, {key: made_carried().document() if carried is None else carried})
    file.write_bytes(model.SerializeToString())
    return file


def made_run(folder: Path, *, channels: int = 1, preprocessing: Preprocessing | None = None, **model: Any) -> RunFolder:
    """A run folder without history, checkpoints and evaluation; `model` says what `create_model` is to make."""
    preprocessing = preprocessing or Preprocessing(SIZE)
    given: dict[str, Any] = {
        "name": "unetr",
        "size": "tiny",
        "num_blocks": 1,
        "patch_size": 8,
        "weights": "none",
    } | model
    run = RunFolder(folder)
    folder.mkdir(parents=True)
    size = preprocessing.image_size
    named = {key: value for key, value in given.items() if value is not None}
    experiment = {"name": "made", "data": {"dataset": "nnunet", "root": "/made", "image_size": size}, "model": named}
    run.experiment_file.write_text(tomli_w.dumps(experiment))
    data = {
        "dataset": "made",
        "labels": {str(value): name for value, name in LABELS.items()},
        "channels": channels,
        "preprocessing": preprocessing.document(),
        "orientations": {"LAS": 3, "RAS": 1},
        "intensities": [[0.0, 900.0]] * channels,
        **{"fingerprint": "f", "training": ["a", "b", "c"], "selection": ["d"], "validation": ["e"]},
    }
    run.manifest_file.write_text(json.dumps({"trimformer": "0.1.0", "data": data, "weights": {"files": []}}))
    own = {key: value for key, value in given.items() if key not in ("name", "weights")}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = create_model(
            given["name"], num_classes=3, image_size=size, in_channels=channels, weights=None, **own
        ).eval()
        _spread_logits(made, torch.randn(2, channels, size, size))
    save_model(made, run.weights_file, run.model_file)
    return run


@torch.no_grad()
def _spread_logits(model: SegmentationModel, images: torch.Tensor) -> None:
    """Let every class win somewhere: each class's logits get mean 0 and deviation 1."""
    head = getattr(model, "head", None)
    if isinstance(head, nn.Conv2d) and head.bias is not None:
        logits = model(images).transpose(0, 1).flatten(1)
        head.weight /= logits.std(1)[:, None, None, None]
        head.bias.copy_((head.bias - logits.mean(1)) / logits.std(1))
