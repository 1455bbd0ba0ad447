"""A network together with the slices that it takes: all that is needed to let it work and watch it."""

from dataclasses import dataclass

import torch

from trimformer.inference.predict import Images, Network, model_network
from trimformer.models.segmentation_model import SegmentationModel


@dataclass(frozen=True, eq=False)
class SizedNetwork:
    """A network, whatever computes it, with the channels and the rows = columns in pixels of its slices."""

    network: Network
    in_channels: int
    image_size: int

    @classmethod
    def of(cls, model: SegmentationModel) -> "SizedNetwork":
        """A model on the device where its weights are; slices come from the CPU and scores return there."""
        return cls(model_network(model), model.in_channels, model.image_size)

    def noise(self, count: int) -> Images:
        """As many slices of `noise_slices` as this network takes."""
        return noise_slices(count, self.in_channels, self.image_size)


def noise_slices(count: int, in_channels: int, image_size: int) -> Images:
    """Slices that are the same each time, of intensities spread as standardised ones are."""
    shape = (count, in_channels, image_size, image_size)
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))
