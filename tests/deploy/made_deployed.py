"""A model without a training: it labels what is brighter than the mean, and what is much brighter."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import torch

from trimformer.data.preprocessing import Preprocessing
from trimformer.deploy.deployed import Deployed
from trimformer.deploy.outputs import Outputs, place_outputs
from trimformer.deploy.predict import Outcome, predict_scans
from trimformer.deploy.sources import find_sources
from trimformer.deploy.trained_on import TrainedOn
from trimformer.deploy.written import Wanted

LABELS = {1: "bright", 2: "brighter"}

SHAPE = (22, 18, 9)
"""Of the made scan, in RAS; no two axes alike."""

AFFINE = np.array([[-1.1, 0.2, 0.1, 20.5], [0.1, 0.9, -0.3, -31.25], [0.05, 0.2, 2.4, 7.125], [0, 0, 0, 1]])
"""Askew, as a slice that follows an organ is; its axes are nearest to L, A and S."""

KNOWN = TrainedOn(LABELS, 1, Preprocessing(16), ("LAS",), ((-1000.0, 2000.0),))


def brightness(images: torch.Tensor) -> torch.Tensor:
    """Scores of background, bright and brighter, from the first channel."""
    first = images[:, :1]
    return torch.cat([torch.zeros_like(first), 4 * first, 8 * first - 6], dim=1)


def made_deployed(digest: str = "one", **changes: Any) -> Deployed:
    return Deployed("made", digest, replace(KNOWN, **changes), brightness)


def made_scan(seed: int = 0) -> np.ndarray:
    """Smooth int16 voxels with a bright corner: no axis can be flipped or swapped unseen."""
    x, y, z = np.meshgrid(*(np.linspace(0, 1, size) for size in SHAPE), indexing="ij")
    noise = np.random.default_rng(seed).normal(size=SHAPE)
    return (900 * np.exp(-3 * (x**2 + 2 * y**2 + 3 * (z - 0.2) ** 2)) + 10 * noise).astype(np.int16)


def save(path: Path, voxels: np.ndarray, affine: np.ndarray = AFFINE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(voxels, affine), path)
    return path


def predicted(
    given: Path, output: Path, deployed: Deployed | None = None, wanted: Wanted | None = None, **changes: Any
) -> list[Outcome]:
    deployed, wanted = deployed or made_deployed(**changes), wanted or Wanted()
    sources = find_sources(given, deployed.trained_on.num_channels, wanted.keep_metadata)
    return list(predict_scans(deployed, sources, _placed(output, sources), wanted))


def _placed(output: Path, sources: Iterable[Any]) -> Callable[[str], Outputs]:
    return place_outputs(output, is_batch=len(list(sources)) > 1)


def labels_in(file: Path) -> np.ndarray:
    return np.asarray(nibabel.load(file).dataobj)
