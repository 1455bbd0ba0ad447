"""From 32 bits to 8: weights and activations become integers (Jacob et al. 2018), without a training."""

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from typing import Any

import numpy as np

from trimformer.deploy.exported.openvino_library import load_nncf
from trimformer.inference.predict import Images
from trimformer.records.progress import Progress, silent


def quantised(model: Any, slices: Images, progress: Progress = silent) -> Any:
    """An OpenVINO model in int8, by NNCF's quantisation after training.

    Convolutions and matrix products take integers, with a scale for every channel of their weights; norms, softmax,
    activations and the sums of residuals stay as they are, and so do the convolutions that take the image itself: 256
    steps from its darkest to its brightest voxel leave few between two tissues. Before, outliers of activations are
    moved into the weights of matrix products (Xiao et al. 2023, SmoothQuant); after, the mean error of every layer is
    taken off its bias.

    Args:
        model: In 32 bits; it is not changed.
        slices: What the ranges of the activations are measured on.
        progress: Told of every slice, in each of the passes over them.
    """
    nncf = load_nncf()
    with _quiet():
        return nncf.quantize(
            model,
            nncf.Dataset(_Told(slices, progress)),
            subset_size=len(slices),
            model_type=nncf.ModelType.TRANSFORMER,
            ignored_scope=nncf.IgnoredScope(names=sorted(set(_takers(model.inputs[0].get_node().output(0))))),
        )


def _takers(output: Any) -> Iterator[str]:
    """The convolutions and products that numbers reach without passing another."""
    for end in output.get_target_inputs():
        node = end.get_node()
        if node.get_type_name() in ("Convolution", "GroupConvolution", "MatMul"):
            yield node.get_friendly_name()
        elif node.get_type_name() != "ShapeOf":
            for each in node.outputs():
                yield from _takers(each)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without bars of NNCF's own, and without what torch says of a CUDA that nobody asked for."""
    compiler = logging.getLogger("torch.utils.cpp_extension")
    level = compiler.level
    compiler.setLevel(logging.ERROR)
    try:
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        compiler.setLevel(level)


@dataclass(frozen=True)
class _Told:
    """Slices one by one, as often as they are wanted."""

    slices: Images
    progress: Progress

    def __len__(self) -> int:
        return len(self.slices)

    def __iter__(self) -> Iterator[np.ndarray]:
        for done, image in enumerate(self.slices, start=1):
            self.progress("calibrating", done, len(self.slices))
            yield image[None].numpy()
