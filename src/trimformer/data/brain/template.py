"""The averaged brain that every simulated patient is made from."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

MARGIN = 4
"""Empty voxels kept around the head, so that interpolation sees the background."""

CSF_RIM = 2
"""The template is stripped at the cortex; so many millimetres of CSF around it are put back."""

REACH_MM = 3.0
"""How far the pull of a CSF space reaches into the tissue."""


@dataclass(frozen=True, eq=False)
class Anatomy:
    """A brain without its skull on a grid of 1 mm.

    `intensity` (x, y, z) float32 in [0, 1]; `tissues` (3, x, y, z) float32, the shares of CSF, gray and white matter in
    each voxel, which add up to one in the head and to zero around it. `towards_csf` (3, x, y, z) float32 points to the
    nearest CSF, nearly one long beside it and fading away from it: the way tissue gives way when ventricles and sulci
    widen. `centre_mm` is where the grid's middle lies, RAS+.
    """

    intensity: np.ndarray
    tissues: np.ndarray
    towards_csf: np.ndarray
    centre_mm: np.ndarray


def load_mni152() -> Anatomy:
    """The T1 template of the ICBM 152 average brain (Fonov 2011), as nilearn ships it; nothing is downloaded.

    What is neither gray nor white matter in the brain mask, and in a rim around it, is CSF.
    """
    from nilearn import datasets, image

    template = datasets.load_mni152_template(resolution=1)
    gray = image.get_data(datasets.load_mni152_gm_template(resolution=1))
    white = image.get_data(datasets.load_mni152_wm_template(resolution=1))
    brain = image.get_data(datasets.load_mni152_brain_mask(resolution=1)) > 0
    head = ndimage.binary_dilation(brain, iterations=CSF_RIM)
    start, end = _box(head)
    box = tuple(slice(low, high) for low, high in zip(start, end, strict=True))
    tissues = tissue_shares(gray[box], white[box], brain[box], head[box])
    intensity = sharpened(image.get_data(template)[box].astype(np.float32), tissues, brain[box])
    centre_mm = template.affine[:3, :3] @ ((start + end - 1) / 2) + template.affine[:3, 3]
    return Anatomy(intensity, tissues, towards(tissues[0]), centre_mm)


def tissue_shares(gray: np.ndarray, white: np.ndarray, brain: np.ndarray, head: np.ndarray) -> np.ndarray:
    """Shares (3, x, y, z) float32 of CSF, gray and white matter: in the rim all is CSF, outside the head nothing is."""
    gray, white = gray * brain, white * brain
    return np.stack([1 - gray - white, gray, white]).astype(np.float32) * head


def sharpened(intensity: np.ndarray, tissues: np.ndarray, brain: np.ndarray) -> np.ndarray:
    """Intensity (x, y, z) halfway to the mean of its tissue, and that of CSF in the rim around the brain.

    The borders of one person's brain are sharper than those of an average of 152.
    """
    main = tissues.argmax(axis=0)
    means = np.array([intensity[brain & (main == tissue)].mean() for tissue in range(3)], np.float32)
    rim = ~brain & (tissues.sum(axis=0) > 0)
    sharp = np.where(brain, (intensity + means[main]) / 2, intensity)
    return np.where(rim, means[0], sharp)


def towards(share: np.ndarray) -> np.ndarray:
    """Direction (3, x, y, z) float32 in which the smoothed share grows, with a length under one."""
    slope = np.stack([np.gradient(ndimage.gaussian_filter(share, REACH_MM), axis=axis) for axis in range(3)])
    steepness = np.linalg.norm(slope, axis=0)
    # The length saturates, so that thin sulci are followed nearly as well as wide ventricles.
    return np.asarray(slope / (steepness + 0.2 * steepness.max()), dtype=np.float32)


def _box(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    inside = np.argwhere(mask)
    start = np.maximum(inside.min(axis=0) - MARGIN, 0)
    end = np.minimum(inside.max(axis=0) + 1 + MARGIN, mask.shape)
    return start, end
