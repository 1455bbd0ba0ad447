"""Networks that are not ours, brought to the terms of our own."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from trimformer.models.cutting import BlockAdapter, keep_in_place
from trimformer.models.segmentation_model import Images, SegmentationModel
from trimformer.records.errors import UserError


class ForeignNetwork(SegmentationModel):
    """Any network from slices to logits, held as `network`; it is tried on an empty slice at once.

    Where a network gives several outputs (deep supervision), the logits are the last of those on the images' own grid.

    Args:
        network: Takes images (batch, in_channels, rows, columns), gives logits (batch, num_classes, rows, columns).
        name: What messages call it.
        num_classes: Classes, background counted.
        image_size: Rows = columns of the slices, in pixels.
        in_channels: Channels of the slices, exactly.
        next_step: What the user can do where the network does not fit.
        kept_blocks: Which transformer blocks stay; the others become identities in their places. None: all.

    Raises:
        UserError: A block is not there, or the network fails on such a slice, or gives logits of another shape.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        name: str,
        num_classes: int,
        image_size: int,
        in_channels: int,
        next_step: str,
        kept_blocks: Sequence[int] | None = None,
    ) -> None:
        super().__init__(image_size, in_channels, stride=1, repeats_grey=False)
        self.network = network
        if kept_blocks is not None:
            keep_in_place(network, kept_blocks)
        expected = (1, num_classes, image_size, image_size)
        rule = f"{name} must turn slices {(1, in_channels, image_size, image_size)} into logits {expected}"
        try:
            found = _shape_for_an_empty_slice(self)
        except Exception as error:
            raise UserError(rule, in_one_line(error), next_step) from error
        if found != expected:
            raise UserError(rule, found, next_step)

    def keep(self, blocks: Sequence[int], adapter: BlockAdapter | None = None) -> None:
        """Replace all other blocks by identities, and say so in the settings.

        Raises:
            UserError: As `trimformer.models.cutting.keep_in_place`.
        """
        keep_in_place(self.network, blocks, adapter)
        self.settings = {**self.settings, "kept_blocks": list(blocks)}

    def forward(self, images: Images) -> Tensor:
        """Logits (batch, classes, rows, columns) of images (batch, in_channels, rows, columns)."""
        return _full_size(self.network(self.prepare(images)), images.shape[2:])


def in_one_line(error: Exception) -> str:
    """What other people's code raised, for a message: its kind and the beginning of its text."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300].rstrip('.')}"


@torch.no_grad()
def _shape_for_an_empty_slice(model: SegmentationModel) -> tuple[int, ...]:
    logits = model.eval()(torch.zeros(1, model.in_channels, model.image_size, model.image_size))
    model.train()
    return tuple(logits.shape)


def _full_size(outputs: Any, grid: torch.Size) -> Tensor:
    if isinstance(outputs, Tensor):
        # MONAI's DynUNet under deep supervision stacks its outputs behind the batch while it trains, the finest first.
        return outputs[:, 0] if outputs.ndim == 5 else outputs
    fitting = [output for output in outputs if isinstance(output, Tensor) and output.shape[2:] == grid]
    if not fitting:
        raise UserError(
            "A network's logits are a tensor on the grid of the images",
            f"a {type(outputs).__name__} without one",
            "Return the logits alone.",
        )
    return fitting[-1]
