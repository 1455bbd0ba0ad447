"""Training slices changed at random: what other patients, positions and scanners would have looked like."""

import math
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from monai.transforms import AdjustContrast, AffineGrid, RandBiasField, RandGaussianNoise, Resample
from monai.utils import convert_to_tensor
from torch import Tensor

from trimformer.records.settings import AugmentationSettings

AXES = {"rows": -2, "columns": -1}

CONTROL_POINTS = 8
"""Along each axis of a slice; a seventh of it lies between two."""

REFERENCE_SIZE = 224
"""Rows of the slice in whose pixels an elastic deformation is given."""

BIAS_DEGREE = 3

Image = Float[Tensor, "channels rows columns"]
Labels = UInt8[Tensor, "rows columns"]


class Augmentation:
    """The transforms of some settings, drawn anew from every seed.

    Flips are exact. Rotation, scaling and elastic deformation are one resampling, bilinear for the image and nearest
    for its labels, both at the same places; beyond the border lies the border's own value, for zero is no background
    in a z-scored image. Then come bias field, contrast (each channel its own) and noise.

    A bias field and an exponent act on intensities from zero up, and z-scored ones are no such thing: each channel is
    shifted to begin at zero, changed, and brought back to the mean and the standard deviation that it had. A scanner
    with that field or contrast would have made a volume that is z-scored as well.

    Every transform has random numbers of its own, so that to turn one off changes nothing in the others. No global
    random state is read or changed.
    """

    def __init__(self, settings: AugmentationSettings) -> None:
        self.settings = settings

    def __call__(self, image: Image, labels: Labels, seed: int) -> tuple[Image, Labels]:
        """The image (z-scored, float32) and its labels, changed as `seed` decides: the same seed, the same bytes."""
        flip, move, bias, contrast, noise = map(_random, np.random.SeedSequence(seed).generate_state(5))
        image, labels = self._flipped(image, labels, flip)
        image, labels = self._moved(image, labels, move)
        image = self._biased(image, bias)
        image = self._with_contrast(image, contrast)
        return self._with_noise(image, noise), labels

    def _flipped(self, image: Image, labels: Labels, random: np.random.RandomState) -> tuple[Image, Labels]:
        happens = {axis: self._happens(random) for axis in AXES}
        axes = [AXES[axis] for axis in self.settings.flip_axes if happens[axis]]
        return (image.flip(axes), labels.flip(axes)) if axes else (image, labels)

    def _moved(self, image: Image, labels: Labels, random: np.random.RandomState) -> tuple[Image, Labels]:
        settings, rows = self.settings, image.shape[1]
        rotates, scales, deforms = (self._happens(random) for _ in range(3))
        degrees = random.uniform(-settings.rotation_degrees, settings.rotation_degrees) if rotates else 0.0
        factor = random.uniform(*settings.scaling) if scales else 1.0
        deviation = random.uniform(0, settings.elastic_px) * rows / REFERENCE_SIZE if deforms else 0.0
        if degrees == 0 and factor == 1 and deviation == 0:
            return image, labels
        # The grid says from where each pixel is taken, so a larger picture comes from a smaller grid.
        affine = AffineGrid(rotate_params=math.radians(degrees), scale_params=(1 / factor, 1 / factor))
        grid = _plain(affine(spatial_size=image.shape[1:])[0])
        if deviation > 0:
            grid[:2] += _displacements(image.shape[1:], deviation, random)
        resample = Resample(padding_mode="border", dtype=np.float32)
        moved = _plain(resample(labels[None].float(), grid, mode="nearest"))
        return _plain(resample(image, grid, mode="bilinear")), moved[0].to(labels.dtype)

    def _biased(self, image: Image, random: np.random.RandomState) -> Image:
        if not self._happens(random) or self.settings.bias == 0:
            return image
        field = RandBiasField(BIAS_DEGREE, (-self.settings.bias, self.settings.bias), prob=1.0)
        field.set_random_state(state=random)
        return _standardised_as(image, _plain(field(image - image.amin(dim=(1, 2), keepdim=True))))

    def _with_contrast(self, image: Image, random: np.random.RandomState) -> Image:
        lowest, highest = self.settings.gamma
        if not self._happens(random) or lowest == highest == 1:
            return image
        changed = [_plain(AdjustContrast(random.uniform(lowest, highest))(channel)) for channel in image]
        return _standardised_as(image, torch.stack(changed))

    def _with_noise(self, image: Image, random: np.random.RandomState) -> Image:
        if not self._happens(random) or self.settings.noise == 0:
            return image
        return _plain(RandGaussianNoise(prob=1.0, std=self.settings.noise).set_random_state(state=random)(image))

    def _happens(self, random: np.random.RandomState) -> bool:
        return bool(random.random_sample() < self.settings.probability)


def _random(word: np.uint32) -> np.random.RandomState:
    # MONAI draws through this older interface; a seed of its own kind would take five times as long.
    return np.random.RandomState(np.random.PCG64(int(word)))


def _displacements(
    size: torch.Size, deviation: float, random: np.random.RandomState
) -> Float[Tensor, "2 rows columns"]:
    """Smooth displacements along rows and columns, in pixels, from independent ones at the control points."""
    at_points = random.normal(scale=deviation, size=(1, 2, CONTROL_POINTS, CONTROL_POINTS))
    points = torch.from_numpy(at_points.astype(np.float32))
    return F.interpolate(points, size=tuple(size), mode="bicubic", align_corners=True)[0]


def _standardised_as(image: Image, changed: Image) -> Image:
    """`changed`, each channel with the mean and standard deviation that it has in `image`."""
    # NumPy sums in one thread: torch's sums depend on the number of threads, and a worker has another than its parent.
    before, after = image.numpy(), changed.numpy()
    over: dict[str, Any] = {"axis": (1, 2), "keepdims": True, "dtype": np.float64}
    scale = before.std(**over) / np.maximum(after.std(**over), 1e-12)
    shift = before.mean(**over) - after.mean(**over) * scale
    return changed * torch.from_numpy(scale).float() + torch.from_numpy(shift).float()


def _plain(tensor: Tensor) -> Tensor:
    """Without the metadata that MONAI adds."""
    return convert_to_tensor(tensor, track_meta=False)
