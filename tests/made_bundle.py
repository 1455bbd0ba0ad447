"""What a bundle is checked with: the rules of MONAI's specification, and scans that lie oddly."""

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform

AFFINE = np.array([[-1.1, 0.2, 0.1, 20.5], [0.1, 0.9, -0.3, -31.25], [0.05, 0.2, 2.4, 7.125], [0, 0, 0, 1]])
"""Askew and anisotropic, nearest to L, A and S."""

TEXTS = (
    *("schema", "version", "monai_version", "pytorch_version", "numpy_version"),
    *("task", "description", "authors", "copyright"),
)

TENSOR = {
    "type": "object",
    "required": ["type", "format", "num_channels", "spatial_shape", "dtype", "value_range"],
    "properties": {
        **{name: {"type": "string"} for name in ("type", "format", "modality", "dtype")},
        "num_channels": {"type": "integer", "minimum": 1},
        "spatial_shape": {"type": "array", "items": {"type": ["string", "integer"]}},
        "value_range": {"type": "array", "items": {"type": "number"}},
        "is_patch_data": {"type": "boolean"},
        "channel_def": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}


def schema() -> dict[str, Any]:
    """A JSON schema of what the specification of the bundles' metadata asks for."""
    tensors = {"type": "object", "minProperties": 1, "additionalProperties": TENSOR}
    formats = {
        "type": "object",
        "required": ["inputs", "outputs"],
        "properties": dict.fromkeys(("inputs", "outputs", "post_processed_outputs"), tensors),
    }
    return {
        "type": "object",
        "required": [*TEXTS, "required_packages_version", "network_data_format"],
        "properties": {
            **{name: {"type": "string"} for name in TEXTS},
            "required_packages_version": {"type": "object", "additionalProperties": {"type": "string"}},
            "eval_metrics": {"type": "object"},
            "network_data_format": formats,
        },
    }


def write_scan(file: Path, shape: tuple[int, ...], codes: str, channels: int = 1) -> Path:
    """A smooth int16 volume with a bright corner and some noise, whose axes lead to `codes`."""
    generator = np.random.default_rng(0)
    x, y, z = np.meshgrid(*(np.linspace(0, 1, size) for size in shape), indexing="ij")
    bright = 900 * np.exp(-3 * (x**2 + 2 * y**2 + 3 * (z - 0.2) ** 2))
    voxels = [(bright + 60 * generator.normal(size=shape)).astype(np.int16) for _ in range(channels)]
    image = nibabel.Nifti1Image(voxels[0] if channels == 1 else np.stack(voxels, axis=-1), AFFINE)
    file.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(image.as_reoriented(ornt_transform(io_orientation(AFFINE), axcodes2ornt(codes))), file)
    return file
