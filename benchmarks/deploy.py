"""What prediction costs beside the model, and what exports gain and lose: `python benchmarks/deploy.py`.

Prints one line a figure: what was measured, and the bound that it is held to. Ends with 1 where a bound is broken.
"""

import argparse
import gzip
import json
import sys
import tempfile
import time
from pathlib import Path

import nibabel
import numpy as np
import torch
from data import Figure, peak_growth
from exported import against_its_run, speed
from torch import Tensor

from trimformer.data.preprocessing import Preprocessing
from trimformer.deploy.deployed import Deployed
from trimformer.deploy.outputs import place_outputs
from trimformer.deploy.predict import predict_scans
from trimformer.deploy.sources import find_sources
from trimformer.deploy.trained_on import TrainedOn
from trimformer.deploy.written import Wanted
from trimformer.inference.predict import BATCH_SIZE, Network, model_network
from trimformer.models import create_model
from trimformer.records.run_folder import RunFolder

IMAGE_SIZE = 224
NUM_CLASSES = 4
SPACING_MM = (0.8, 0.8, 1.5)
VOLUME = (256, 256, 128)
LARGE = (512, 512, 600)
GIBIBYTE = 2**30
INTENSITIES = (-1024.0, 2000.0)


class Timed:
    """A network that knows how long it was at work."""

    def __init__(self, network: Network) -> None:
        self.network, self.seconds = network, 0.0

    def __call__(self, images: Tensor) -> Tensor:
        """The scores of a batch."""
        begin = time.perf_counter()
        scores = self.network(images)
        self.seconds += time.perf_counter() - begin
        return scores


def main() -> None:
    """Measure what is asked for, and print every figure."""
    given = arguments().parse_args()
    with tempfile.TemporaryDirectory() as name:
        measured = figures(given, Path(name))
    if given.json:
        print(json.dumps([figure.__dict__ | {"holds": figure.holds} for figure in measured], indent=2))
    else:
        print(*measured, sep="\n")
    sys.exit(not all(figure.holds for figure in measured))


def arguments() -> argparse.ArgumentParser:
    """What can be asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="unetr", help="unetr, cats or transunet")
    parser.add_argument("--blocks", type=int, help="transformer blocks; 1, and for the speed what the paper keeps")
    parser.add_argument("--size", default="base", help="base, small or tiny")
    parser.add_argument("--only", choices=("time", "memory", "speed", "dice"), help="one of the figures")
    parser.add_argument("--run", help="a trained run, whose exports are held against it (dice)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    return parser


def figures(given: argparse.Namespace, folder: Path) -> list[Figure]:
    """All that was asked for; Dice where there is a run."""
    wanted = (given.only,) if given.only else ("time", "memory", "speed", *(["dice"] if given.run else []))
    measured: list[Figure] = []
    if "time" in wanted or "memory" in wanted:
        model = create_model(given.model, num_classes=NUM_CLASSES, num_blocks=given.blocks or 1, size=given.size)
        measured += [time_outside_the_model(model_network(model), folder)] if "time" in wanted else []
        measured += memory(model_network(model), folder) if "memory" in wanted else []
    if "speed" in wanted:
        measured.append(speed(given.model, given.size, given.blocks, IMAGE_SIZE))
    if "dice" in wanted:
        measured += against_its_run(RunFolder.open(given.run), folder)
    return measured


def time_outside_the_model(network: Network, folder: Path) -> Figure:
    """Reading, bringing to the model's grid, bringing back and writing, of all that a prediction takes."""
    network(torch.zeros(BATCH_SIZE, 1, IMAGE_SIZE, IMAGE_SIZE))  # libraries are loaded once
    timed = Timed(network)
    predict(timed, made_volume(folder / "warm.nii.gz", (64, 64, 16)), folder / "out")
    timed.seconds = 0
    volume = made_volume(folder / "volume.nii.gz", VOLUME)
    begin = time.perf_counter()
    predict(timed, volume, folder / "out")
    whole = time.perf_counter() - begin
    name = f"{_told(VOLUME)}: share of the time outside the model, of {whole:.1f} s"
    return Figure(name, (whole - timed.seconds) / whole, 0.2, is_floor=False)


def memory(network: Network, folder: Path) -> list[Figure]:
    """Growth of the process's largest resident size over what it has with the model loaded."""
    volume = made_volume(folder / "large.nii.gz", LARGE)
    one_batch = peak_growth(lambda: network(torch.zeros(BATCH_SIZE, 1, IMAGE_SIZE, IMAGE_SIZE)))
    whole = peak_growth(lambda: predict(network, volume, folder / "out"))
    limit = 1.5
    return [
        Figure(f"{BATCH_SIZE} slices through the model: peak memory in GiB", one_batch / GIBIBYTE, limit, False),
        Figure(f"{_told(LARGE)}: peak memory over the model in GiB", whole / GIBIBYTE, limit, is_floor=False),
    ]


def predict(network: Network, volume: Path, folder: Path) -> None:
    """What the command does with one file."""
    labels = {value: f"class {value}" for value in range(1, NUM_CLASSES)}
    known = TrainedOn(labels, 1, Preprocessing(IMAGE_SIZE, clip=(-125.0, 275.0)), ("RAS",), (INTENSITIES,))
    deployed = Deployed("made", "made", known, network)
    (outcome,) = predict_scans(deployed, find_sources(volume, 1), place_outputs(folder, is_batch=False), Wanted())
    assert outcome.state == "predicted", outcome.error


def made_volume(path: Path, shape: tuple[int, int, int]) -> Path:
    """A body of noise in air, as int16, written slice by slice so that making it needs no memory."""
    random, header = np.random.default_rng(0), nibabel.Nifti1Header()
    header.set_data_shape(shape)
    header.set_data_dtype(np.int16)
    header.set_sform(np.diag([*SPACING_MM, 1]), 1)
    header["vox_offset"] = header.single_vox_offset
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    body = (rows / shape[0] - 0.5) ** 2 + (columns / shape[1] - 0.5) ** 2 < 0.2
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(header.binaryblock + bytes(4))
        for _ in range(shape[2]):
            plane = np.where(body, 40 + 20 * random.standard_normal(shape[:2], np.float32), -1000)
            file.write(plane.astype("<i2").tobytes(order="F"))
    return path


def _told(shape: tuple[int, int, int]) -> str:
    return " x ".join(map(str, shape))


if __name__ == "__main__":
    main()
