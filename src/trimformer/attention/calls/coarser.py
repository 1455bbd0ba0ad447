"""Where the outputs of a convolution or a pooling stand."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from trimformer.attention.calls.product_places import Coordinates


class _Window(NamedTuple):
    """What one output stands for along an axis: `width` inputs from `start + stride * output` on."""

    start: int
    width: int
    stride: int


def places_of_windows(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], known: Coordinates, shape: torch.Size
) -> Coordinates | None:
    """The mean place of the inputs that each output stands for; None where none of them can be said.

    With a kernel as large as its stride these are the inputs it sees; a smaller one passes over the rest. Of a larger
    one, padded at the border, each output stands for its own share, `stride` inputs, so that tokens of stride 4 are
    patches of 4 pixels whatever the kernel; without padding the shares lie in the middle of the kernels.
    """
    sizes, outputs = known[0].shape[2:], shape[2:]
    if len(sizes) != len(outputs) or any(new > old for new, old in zip(outputs, sizes, strict=True)):
        return None
    windows = _windows(function, args, kwargs, sizes, outputs)
    if any(window.start < 0 for window in windows):
        return None
    return tuple(
        _means(axis[:, :1], windows)[(slice(None), slice(None), *map(slice, outputs))].expand(shape) for axis in known
    )


def _means(axis: Tensor, windows: Sequence[_Window]) -> Tensor:
    """Mean over each window of what has a place; 0 where nothing has."""
    for dim, window in enumerate(windows, start=2):
        axis = axis.narrow(dim, window.start, axis.shape[dim] - window.start)
    if all(window.width == window.stride == 1 for window in windows):
        return axis
    pool = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)[len(windows) - 1]
    widths, strides = ([getattr(window, name) for window in windows] for name in ("width", "stride"))
    sums, counts = (pool(each, widths, strides, ceil_mode=True) for each in (axis, (axis != 0).to(axis.dtype)))
    return sums / counts.where(counts > 0, 1)


def _windows(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    sizes: Sequence[int],
    outputs: Sequence[int],
) -> list[_Window]:
    if "adaptive" in function.__name__:
        return [_Window(0, *[_share(old, new)] * 2) for old, new in zip(sizes, outputs, strict=True)]
    is_convolution = "conv" in function.__name__
    names = ("input", "weight", "bias") if is_convolution else ("input", "kernel_size")
    given = dict(zip((*names, "stride", "padding", "dilation"), args, strict=False)) | kwargs
    kernel = given["weight"].shape[2:] if is_convolution else given["kernel_size"]
    # the sixth argument of an average pooling is no dilation
    dilation = 1 if function.__name__.startswith("avg") else given.get("dilation", 1)
    stride = given.get("stride") or (1 if is_convolution else kernel)
    each = (_per_axis(value, len(sizes)) for value in (kernel, stride, given.get("padding", 0), dilation))
    return [
        _window(dilation * (kernel - 1) + 1, stride, padding)
        for kernel, stride, padding, dilation in zip(*each, strict=True)
    ]


def _window(extent: int, stride: int, padding: int | str) -> _Window:
    """The inputs that an output of a kernel of that extent stands for."""
    width = min(extent, stride)
    outside = {"same": (extent - 1) / 2, "valid": 0}[padding] if isinstance(padding, str) else padding
    start = (extent - width) / 2 - outside
    if extent >= stride and abs(start) < stride / 2:
        return _Window(0, width, stride)
    if extent < stride and start < 0:  # its first kernel lies partly outside: the middle of each alone
        start, width = (extent - 1) / 2 - outside, 1
    return _Window(int(start // 1), width + (start % 1 != 0), stride)


def _per_axis(value: Any, axes: int) -> list[Any]:
    values = list(value) if isinstance(value, tuple | list) else [value]
    return values * axes if len(values) == 1 else values


def _share(old: int, new: int) -> int:
    """How many of the old one of the new stands for."""
    floor = old // new
    return floor if old // floor == new else -(-old // new)
