"""How much memory tensors hold while slices are segmented."""

import weakref
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

MEGABYTE = 1e6


@torch.inference_mode()
def peak_memory_mb(model: nn.Module, in_channels: int, image_size: int, batch_size: int = 8) -> float:
    """The most that tensors hold at once in one forward pass, in megabytes of 10^6 bytes.

    Weights, images and everything that lies between two operations count; what a kernel needs for itself and gives back
    does not on a CPU. On a GPU the figure is that of torch's allocator, which knows of both.

    Args:
        model: Takes (batch, in_channels, image_size, image_size), on the device where its weights are.
        in_channels: Channels of a slice.
        image_size: Rows and columns of the slices, in pixels.
        batch_size: Slices a forward pass.
    """
    weights = [*model.parameters(), *model.buffers()]
    device = weights[0].device if weights else torch.device("cpu")
    images = torch.zeros(batch_size, in_channels, image_size, image_size, device=device)
    forward = model.eval()
    if device.type == "cuda":
        return _held([*weights, images]) / MEGABYTE + _growth_on_gpu(lambda: forward(images), device) / MEGABYTE
    with _Watch([*weights, images]) as watch:
        forward(images)
    return watch.peak / MEGABYTE


def _growth_on_gpu(work: Callable[[], object], device: torch.device) -> int:
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    work()
    return torch.cuda.max_memory_allocated(device) - before


def _held(tensors: Iterable[Tensor]) -> int:
    storages = {tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in tensors}
    return sum(storages.values())


class _Watch(TorchDispatchMode):
    """Sees the result of every operation, and when the memory of each is given back."""

    def __init__(self, there: Iterable[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.held = self.peak = 0
        self._known: dict[int, Any] = {}
        self._note(there)

    def __torch_dispatch__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = function(*args, **(kwargs or {}))
        self._note(leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor))
        return result

    def _note(self, tensors: Iterable[Tensor]) -> None:
        for tensor in tensors:
            storage = tensor.untyped_storage()
            key, size = id(storage), storage.nbytes()
            if key not in self._known:
                self._known[key] = weakref.finalize(storage, self._gone, key, size)
                self.held += size
        self.peak = max(self.peak, self.held)

    def _gone(self, key: int, size: int) -> None:
        del self._known[key]
        self.held -= size
