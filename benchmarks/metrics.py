"""What surface scores cost beside MedPy, as a ratio measured in one process: `python benchmarks/metrics.py`.

Prints one line a figure: what was measured, and the bound that it is held to. Ends with 1 where a bound is broken.
"Ours" is all that one patient is scored by: Dice, HD95 and surface Dice of every organ, found in the label maps.
"MedPy" is its Dice and HD95 of every organ on the whole volume, as TransUNet's test program calls it.
"""

import argparse
import json
import sys
from functools import partial

import numpy as np
from data import Figure, peak_growth, seconds
from medpy.metric.binary import dc
from medpy.metric.binary import hd95 as medpys_hd95
from scipy import ndimage

from trimformer.data.patient import Patient
from trimformer.data.preparation.slices import PatientSlices, to_slices
from trimformer.data.preprocessing import Preprocessing
from trimformer.evaluation.scores import score_patient

SPACING_MM = (0.8, 0.8, 3.0)
ORGANS = (  # centre and half axes, in shares of the volume: from a liver to an oesophagus
    ((0.35, 0.45, 0.6), (0.19, 0.16, 0.22)),
    ((0.68, 0.5, 0.65), (0.07, 0.09, 0.12)),
    ((0.38, 0.62, 0.4), (0.06, 0.06, 0.15)),
    ((0.62, 0.62, 0.4), (0.06, 0.06, 0.15)),
    ((0.55, 0.35, 0.6), (0.10, 0.08, 0.12)),
    ((0.50, 0.55, 0.3), (0.025, 0.025, 0.28)),
)
SHIFT = (5, -4, 1)
"""Voxels by which the prediction lies beside the truth."""


def main() -> None:
    """Score one made-up CT in both ways and print every figure."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--in-plane", type=int, default=512, help="rows = columns of a slice")
    arguments.add_argument("--slices", type=int, default=150, help="slices of the volume")
    arguments.add_argument("--organs", type=int, default=len(ORGANS), help="how many of the organs")
    arguments.add_argument("--json", action="store_true", help="print one JSON document")
    given = arguments.parse_args()
    figures = beside_medpy((given.in_plane, given.in_plane, given.slices), given.organs)
    if given.json:
        print(json.dumps([figure.__dict__ | {"holds": figure.holds} for figure in figures], indent=2))
    else:
        print(*figures, sep="\n")
    sys.exit(not all(figure.holds for figure in figures))


def beside_medpy(shape: tuple[int, int, int], organs: int) -> list[Figure]:
    """Time and memory of one patient's scores, in MedPy's."""
    truth = made_organs(shape, organs)
    prediction = roughened(truth)
    patient = made_patient(truth)
    labels = {value: f"organ {value}" for value in range(1, organs + 1)}
    ours, theirs = partial(score_patient, prediction, patient, labels), partial(by_medpy, prediction, truth, organs)
    memory = [peak_growth(ours)]
    times = [min(seconds(ours) for _ in range(3))]
    memory.append(peak_growth(lambda: times.append(seconds(theirs))))  # minutes: once is enough
    size = "x".join(map(str, shape))
    return [
        Figure(f"time of {organs} organs at {size}, in MedPy's", times[0] / times[1], 0.2, is_floor=False),
        Figure(
            f"memory of the same, in MedPy's ({memory[1] / 1e6:.0f} MB)", memory[0] / memory[1], 0.2, is_floor=False
        ),
    ]


def by_medpy(prediction: np.ndarray, truth: np.ndarray, organs: int) -> list[tuple[float, float]]:
    """Dice and HD95 of every organ."""
    pairs = [(prediction == value, truth == value) for value in range(1, organs + 1)]
    return [(dc(one, other), medpys_hd95(one, other, voxelspacing=SPACING_MM)) for one, other in pairs]


def made_organs(shape: tuple[int, int, int], organs: int) -> np.ndarray:
    """Ellipsoids, numbered from 1."""
    labels = np.zeros(shape, np.uint8)
    axes = np.ogrid[tuple(slice(0, 1, complex(0, size)) for size in shape)]
    for value, (centre, half) in enumerate(ORGANS[:organs], start=1):
        distance = sum(((axis - c) / h) ** 2 for axis, c, h in zip(axes, centre, half, strict=True))
        labels[distance <= 1] = value
    return labels


def roughened(labels: np.ndarray) -> np.ndarray:
    """The organs a little aside, with a border that noise has eaten at and specks far away, as networks draw them."""
    moved = np.roll(labels, SHIFT, axis=(0, 1, 2))
    random = np.random.default_rng(0)
    border = moved != ndimage.grey_erosion(moved, size=(3, 3, 1))
    moved[border & (random.random(labels.shape, np.float32) < 0.5)] = 0
    specks = random.random(labels.shape, np.float32) < 2e-6
    moved[specks] = random.integers(1, labels.max() + 1, np.count_nonzero(specks))
    return moved


def made_patient(truth: np.ndarray) -> PatientSlices:
    """A patient with these labels; the image does not matter here."""
    image = np.zeros(truth.shape, np.float32)
    image[0] = 1
    return to_slices(Patient("made", image, truth, np.diag([*SPACING_MM, 1.0])), Preprocessing(16))


if __name__ == "__main__":
    main()
