"""A MONAI bundle: its files, checked before anybody sees them."""

from importlib.metadata import distribution
from pathlib import Path

import torch.nn.functional as F
from torch import Tensor

from trimformer.deploy.export.agreement import refuse_other_scores
from trimformer.deploy.export.bundle.archive import ARCHIVE, WEIGHTS, read_archive, write_archive
from trimformer.deploy.export.bundle.inference import POSTFIX, inference_config
from trimformer.deploy.export.bundle.metadata import bundle_metadata
from trimformer.deploy.export.bundle.slice_network import SliceNetwork
from trimformer.deploy.export.model_card import model_card
from trimformer.deploy.export.subject import Subject
from trimformer.inference.predict import model_network
from trimformer.models.foreign import in_one_line
from trimformer.records.errors import UserError
from trimformer.records.files import write_json

CONFIGS, MODELS, DOCS = "configs", "models", "docs"

FILES = (
    *(f"{CONFIGS}/inference.json", f"{CONFIGS}/metadata.json"),
    *(f"{MODELS}/{ARCHIVE}", f"{MODELS}/{WEIGHTS}"),
    *(f"{DOCS}/README.md", f"{DOCS}/data_license.txt", f"{DOCS}/trimformer.json"),
    "LICENSE",
)
"""All that is in a bundle; no name comes from the run."""

USAGE = f"""In this folder, with MONAI and torch, and nothing of Trimformer:

```
pip install "monai[fire,ignite,nibabel]"
python -m monai.bundle run --config_file configs/inference.json --dataset_dir SCANS --output_dir LABELS
```

segments every .nii and .nii.gz of the folder SCANS; several channels stand along the last axis of one file.
NAME.nii.gz becomes NAME_{POSTFIX}.nii.gz with the shape and affine of the scan. Nothing is refused: a scan of another
kind gets labels too, and files that are there are overwritten.

To run a bundle is to run its authors' program: MONAI evaluates every text of `configs/inference.json` that begins with
$ as Python, and `models/{ARCHIVE}` is TorchScript. Do so only if you trust whoever gave it to you. `models/{WEIGHTS}`
holds the weights once more, as MONAI's specification wants; `inference.json` does not read it."""


def write_bundle(subject: Subject, folder: Path) -> None:
    """Fill an empty folder with a bundle, and hold the network that torch reads from it against the run's.

    Raises:
        UserError: The network cannot be traced, or gives other scores then.
    """
    for name in (CONFIGS, MODELS, DOCS):
        (folder / name).mkdir()
    carried = subject.carried
    metadata = bundle_metadata(carried)
    write_json(folder / CONFIGS / "metadata.json", metadata)
    write_json(folder / CONFIGS / "inference.json", inference_config(carried.trained_on()))
    network = SliceNetwork(subject.model, carried.preprocessing).eval()
    small, large = _planes(subject)
    write_archive(network, small, metadata, folder / MODELS)
    read_back = model_network(read_archive(folder / MODELS))
    try:
        refuse_other_scores(model_network(network), read_back, (small, large), folder / MODELS / ARCHIVE)
    except RuntimeError as error:  # of shapes that a trace took for fixed
        raise UserError(
            "A network to export takes any number of slices",
            in_one_line(error),
            "Write its shapes without len() and int() of the batch: flatten, unflatten, or reshape with -1.",
        ) from None
    _write_texts(subject, folder)


def _planes(subject: Subject) -> tuple[Tensor, Tensor]:
    """Two slices smaller and three larger than the model's, none of them square: what a trace has fixed is seen."""
    rows, columns = (subject.carried.image_size // part for part in (4, 8))
    return subject.noise(2)[:, :, rows:, columns:], F.pad(subject.noise(3), (0, columns, 0, rows))


def _write_texts(subject: Subject, folder: Path) -> None:
    carried = subject.carried
    licence = distribution("trimformer").read_text("licenses/LICENSE")
    texts = {
        f"{DOCS}/README.md": model_card(carried, USAGE),
        f"{DOCS}/data_license.txt": f"{carried.weights_terms}\n",
        f"{DOCS}/trimformer.json": f"{carried.document()}\n",
        "LICENSE": licence or f"{carried.code_licence}\n",
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
