"""What reading and preparing patients costs, as ratios measured in one process: `python benchmarks/data.py`.

Prints one line a figure: what was measured, and the bound that it is held to. Ends with 1 where a bound is broken.
"""

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import nibabel
import numpy as np
import torch
from scipy import ndimage

from trimformer.data.layout import Case, Layout
from trimformer.data.preparation.prepare import prepare_dataset
from trimformer.data.preparation.store import read_slices
from trimformer.data.preprocessing import Preprocessing
from trimformer.data.reading.pairs import read_pair
from trimformer.data.training_set import SliceDataset
from trimformer.inference.resident import resident_bytes

IMAGE_SIZE = 224
NUM_CLASSES = 9
ROUNDS = 4


@dataclass(frozen=True)
class Figure:
    """One measured value and its bound, a floor or a ceiling."""

    name: str
    value: float
    bound: float
    is_floor: bool

    @property
    def holds(self) -> bool:
        """Whether the bound is kept."""
        return self.value >= self.bound if self.is_floor else self.value <= self.bound

    def __str__(self) -> str:
        sign = ">=" if self.is_floor else "<="
        return f"{'ok  ' if self.holds else 'FAIL'}  {self.name}: {self.value:.2f} ({sign} {self.bound:g})"


def main() -> None:
    """Make patients, prepare them, read them, and print every figure."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--in-plane", type=int, default=512, help="rows = columns of a slice of the made-up CT")
    arguments.add_argument("--slices", type=int, default=96, help="slices of a volume")
    arguments.add_argument("--volumes", type=int, default=4, help="volumes of the smaller of the two sets")
    arguments.add_argument("--json", action="store_true", help="print one JSON document")
    given = arguments.parse_args()
    torch.set_num_threads(1)  # as in a worker of a data loader
    with tempfile.TemporaryDirectory() as folder:
        layout = made_cohort(Path(folder) / "raw", (given.in_plane, given.in_plane, given.slices), 2 * given.volumes)
        figures = [*preparing(layout, Path(folder), given.volumes), *reading(Path(folder))]
    if given.json:
        print(json.dumps([figure.__dict__ | {"holds": figure.holds} for figure in figures], indent=2))
    else:
        print(*figures, sep="\n")
    sys.exit(not all(figure.holds for figure in figures))


def made_cohort(root: Path, shape: tuple[int, int, int], count: int) -> Layout:
    """Volumes of int16 noise on smooth shapes, with labels, as compressed NIfTI."""
    root.mkdir()
    random = np.random.default_rng(0)
    coarse = random.random((8, 8, 8))
    smooth = ndimage.zoom(coarse, [size / 8 for size in shape], order=1)
    labels = np.digitize(smooth, np.linspace(0.3, 0.7, NUM_CLASSES - 1)).astype(np.uint8)
    cases = []
    for index in range(count):
        image = (labels * 40 + 12 * random.standard_normal(shape, np.float32)).astype(np.int16)
        files = [root / f"{index}-{name}.nii.gz" for name in ("image", "labels")]
        for file, voxels in zip(files, (image, labels), strict=True):
            nibabel.save(nibabel.Nifti1Image(voxels, np.diag([0.8, 0.8, 3.0, 1.0])), file)
        cases.append(Case(f"p{index}", (files[0],), (files[1],)))
    names = {value: f"class {value}" for value in range(1, NUM_CLASSES)}
    values = {value: value for value in range(NUM_CLASSES)}
    return Layout("made", "pairs", "Made up.", tuple(cases), names, values, Preprocessing(IMAGE_SIZE), read_pair)


def preparing(layout: Layout, folder: Path, volumes: int) -> list[Figure]:
    """Memory of one worker, time for twice the volumes, size of the cache."""
    few = replace(layout, cases=layout.cases[:volumes])
    prepare_dataset(replace(layout, cases=layout.cases[:1]), folder / "warm")  # libraries are loaded once
    voxels = int(np.prod(nibabel.load(layout.cases[0].images[0]).shape))
    memory = peak_growth(lambda: prepare_dataset(few, folder / "one worker", workers=1)) / (voxels * 4)
    once = seconds(lambda: prepare_dataset(few, folder / "few"))
    twice = seconds(lambda: prepare_dataset(layout, folder / "prepared"))
    entries = [read_slices(path.parent) for path in (folder / "prepared").glob("*/patient.json")]
    arrays = sum(entry.images.nbytes + entry.labels.nbytes for entry in entries if entry.labels is not None)
    size = sum(file.stat().st_size for file in (folder / "prepared").rglob("*") if file.is_file())
    return [
        Figure("peak memory of one worker, in volumes of float32", memory, 3, is_floor=False),
        Figure("time for twice the volumes, in times of once", twice / once, 2.2, is_floor=False),
        Figure("size of the cache, in its float16 images and uint8 labels", size / arrays, 1.5, is_floor=False),
    ]


def reading(folder: Path) -> list[Figure]:
    """Slices a second from a warm cache, beside a loader that opens an npz a slice and zooms it."""
    patients = [read_slices(path.parent) for path in sorted((folder / "prepared").glob("*/patient.json"))]
    dataset = SliceDataset(patients)
    order = np.random.default_rng(0).permutation(len(dataset)).tolist()
    files = npz_slices(folder)
    # In turn, and the best round of each: the first warms the cache, and a neighbour slows both alike.
    rounds = [
        (seconds(lambda: [dataset[index] for index in order]), seconds(lambda: [zoom_npz(file) for file in files]))
        for _ in range(ROUNDS)
    ]
    reads, zooms = zip(*rounds, strict=True)
    read, zoomed = len(order) / min(reads), len(files) / min(zooms)
    return [
        Figure("prepared slices a second, image and labels, one process", read, 2000, is_floor=True),
        Figure("of a loader that zooms an npz a slice with SciPy", read / zoomed, 20, is_floor=True),
    ]


def npz_slices(folder: Path, count: int = 24) -> list[Path]:
    """Slices of the first volume, one npz file each, as TransUNet's training set is handed out."""
    image = np.asarray(nibabel.load(folder / "raw" / "0-image.nii.gz").dataobj).astype(np.float32)
    labels = np.asarray(nibabel.load(folder / "raw" / "0-labels.nii.gz").dataobj).astype(np.float32)
    files = [folder / f"slice{index:03d}.npz" for index in range(min(count, image.shape[2]))]
    for index, file in enumerate(files):
        np.savez(file, image=image[..., index], label=labels[..., index])
    return files


def zoom_npz(file: Path) -> tuple[np.ndarray, np.ndarray]:
    """One slice at 224 x 224: cubic for the image, nearest for the labels."""
    with np.load(file) as arrays:
        image, labels = arrays["image"], arrays["label"]
    factors = [IMAGE_SIZE / size for size in image.shape]
    return ndimage.zoom(image, factors, order=3), ndimage.zoom(labels, factors, order=0)


def seconds(work: Callable[[], object]) -> float:
    """Wall seconds of one call."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def peak_growth(work: Callable[[], object]) -> float:
    """Bytes by which the process's largest resident size exceeds what it had before."""
    before = resident_bytes("VmRSS") or largest_ever()
    return peak(work) - before


def peak(work: Callable[[], object]) -> float:
    """Bytes of the process's largest resident size during `work`, whatever it had before counted in."""
    clear = Path("/proc/self/clear_refs")
    if clear.exists():
        clear.write_text("5")  # Linux: the peak is counted anew
    work()
    return resident_bytes("VmHWM") or largest_ever()


def largest_ever() -> int:
    """Bytes of the process's largest resident size since it began."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main()
