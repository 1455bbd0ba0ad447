"""One simulated patient: another head shape and another scanner around the same averaged brain."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from monai.networks.layers import GaussianFilter
from monai.transforms import AdjustContrast, RandBiasField, RandRicianNoise, Resample
from scipy.spatial.transform import Rotation
from torch import Tensor

from trimformer.data.brain.recipe import Recipe
from trimformer.data.brain.template import Anatomy
from trimformer.data.patient import Patient

SUBSLICES = 4
"""A thick slice is the average of so many thin ones."""


@dataclass(frozen=True, eq=False)
class Geometry:
    """Where the voxels of one scan lie: `rotation` (3, 3), `spacing_mm` (3,), voxels per axis, centre (3,) in mm."""

    rotation: np.ndarray
    spacing_mm: np.ndarray
    shape: tuple[int, int, int]
    centre_mm: np.ndarray

    @property
    def affine(self) -> np.ndarray:
        """Voxel indices -> mm, RAS+."""
        affine = np.eye(4)
        affine[:3, :3] = self.rotation * self.spacing_mm
        affine[:3, 3] = self.centre_mm - affine[:3, :3] @ ((np.array(self.shape) - 1) / 2)
        return affine

    def thin(self) -> "Geometry":
        """The same field of view in thin slices."""
        rows, columns, slices = self.shape
        spacing = self.spacing_mm / (1, 1, SUBSLICES)
        return Geometry(self.rotation, spacing, (rows, columns, slices * SUBSLICES), self.centre_mm)

    def offsets_mm(self) -> Float[Tensor, "3 x y z"]:
        """Position of each voxel relative to the centre."""
        axes = [
            torch.from_numpy((np.arange(count) - (count - 1) / 2) * step).float()
            for count, step in zip(self.shape, self.spacing_mm, strict=True)
        ]
        return torch.einsum(
            "ij,j...->i...",
            torch.from_numpy(self.rotation).float(),
            torch.stack(torch.meshgrid(*axes, indexing="ij")),
        )


def simulate_patient(anatomy: Anatomy, patient_id: str, seed: tuple[int, int], recipe: Recipe) -> Patient:
    """Draw one patient; the same seed gives the same bytes.

    The head is scaled, warped and cut into thick slices, in which intensities and tissue shares are averaged: a voxel
    of the head takes the label of its largest share. The scan gets a contrast curve, a bias field and Rician noise;
    its intensities are whole numbers, as from a scanner.
    """
    random = np.random.default_rng(seed)
    head_scale = random.uniform(*recipe.head_scale, 3)
    geometry = _draw_geometry(anatomy, head_scale, random, recipe)
    gamma = AdjustContrast(random.uniform(*recipe.gamma))
    channels = torch.cat([gamma(torch.from_numpy(anatomy.intensity)[None]), torch.from_numpy(anatomy.tissues)])
    positions = _template_positions(geometry.thin(), head_scale, random, recipe)
    positions += random.uniform(*recipe.atrophy_mm) * _sample(torch.from_numpy(anatomy.towards_csf), positions)
    signal, shares = _thick_slices(_sample(channels, positions)).split([1, 3])
    labels = torch.where(shares.sum(dim=0) > 0.5, shares.argmax(dim=0) + 1, 0)
    image = _scan(signal, random, recipe)
    return Patient(patient_id, image, labels.numpy().astype(np.uint8), geometry.affine)


def _draw_geometry(anatomy: Anatomy, head_scale: np.ndarray, random: np.random.Generator, recipe: Recipe) -> Geometry:
    tilt = random.uniform(-recipe.tilt_degrees, recipe.tilt_degrees, 3)
    in_plane = random.uniform(*recipe.in_plane_mm)
    spacing = np.array([in_plane, in_plane, random.uniform(*recipe.slice_mm)])
    field = np.array(anatomy.intensity.shape) * head_scale + recipe.field_margin_mm
    rows, columns, slices = (int(count) for count in np.ceil(field / spacing))
    rotation = Rotation.from_euler("xyz", tilt, degrees=True).as_matrix()
    return Geometry(rotation, spacing, (rows, columns, slices), anatomy.centre_mm)


def _template_positions(
    geometry: Geometry, head_scale: np.ndarray, random: np.random.Generator, recipe: Recipe
) -> Float[Tensor, "3 x y z"]:
    positions = geometry.offsets_mm() / torch.from_numpy(head_scale).float()[:, None, None, None]
    for smoothness_mm, displacement_mm in recipe.warps:
        positions += displacement_mm * _smooth_field(geometry, smoothness_mm, random)
    return positions


def _smooth_field(geometry: Geometry, smoothness_mm: float, random: np.random.Generator) -> Float[Tensor, "3 x y z"]:
    # Drawn on a coarse grid: at 2.5 nodes a smoothing radius, straight lines between nodes are as good as a curve.
    sigma = 2.5
    node_mm = smoothness_mm / sigma
    field_mm = np.array(geometry.shape) * geometry.spacing_mm
    nodes = tuple(int(count) for count in np.ceil(field_mm / node_mm) + 2)
    noise = torch.from_numpy(random.standard_normal((1, 3, *nodes), dtype=np.float32))
    smooth = GaussianFilter(3, sigma)(noise)
    # Without its mean, the field bends the head but does not move it out of view.
    smooth = (smooth - smooth.mean(dim=(2, 3, 4), keepdim=True)) / smooth.std()
    return F.interpolate(smooth, size=geometry.shape, mode="trilinear", align_corners=True)[0]


def _sample(
    channels: Float[Tensor, "channels x y z"], positions: Float[Tensor, "3 rows columns slices"]
) -> Float[Tensor, "channels rows columns slices"]:
    # MONAI counts positions from the middle of the grid, in voxels: on the template's grid, in mm.
    sampled: Tensor = Resample(padding_mode="zeros", dtype=np.float32)(channels, positions)
    return sampled


def _thick_slices(channels: Float[Tensor, "channels x y thin"]) -> Float[Tensor, "channels x y thick"]:
    return channels.unflatten(-1, (-1, SUBSLICES)).mean(dim=-1)


def _scan(signal: Float[Tensor, "1 x y z"], random: np.random.Generator, recipe: Recipe) -> np.ndarray:
    bias = RandBiasField(degree=2, coeff_range=(-recipe.bias, recipe.bias), prob=1.0)
    noise = RandRicianNoise(std=random.uniform(*recipe.noise), sample_std=False, prob=1.0)
    for transform in (bias, noise):
        transform.set_random_state(seed=int(random.integers(2**31)))
    # Stripped of the skull, as the template is: noise is kept only where the head has signal.
    scan = torch.where(signal > 0.1, noise(bias(signal)), 0.0)
    return (scan[0] * random.uniform(*recipe.brightest)).round().numpy().astype(np.float32)
