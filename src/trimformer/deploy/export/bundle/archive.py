"""A network as a TorchScript archive, which torch alone loads, and its weights as a state dictionary."""

import json
import shutil
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, ZipFile

import torch
from torch import Tensor, nn

from trimformer.models.foreign import in_one_line
from trimformer.records.errors import UserError

ARCHIVE = "model.ts"
WEIGHTS = "model.pt"

INSIDE = "metadata.json"
"""Under which MONAI's `load_net_with_metadata` looks for a bundle's metadata in an archive."""

SOURCES = ".debug_pkl"
"""Ending of the entries that name lines of programs, with the paths of the machine that traced them."""


def write_archive(network: nn.Module, example: Tensor, metadata: Mapping[str, Any], folder: Path) -> None:
    """Write `model.ts`, a trace of a network in eval mode, and `model.pt`, its state dictionary, into a folder.

    TorchScript is deprecated in favour of torch.export, whose archives MONAI cannot run: their module refuses `eval()`,
    and loading one may unpickle objects, which is to execute what the file says.

    Args:
        network: Takes (slices, channels, rows, columns); no step of it may depend on values or fix these sizes.
        example: What it is traced with.
        metadata: That of the bundle.
        folder: Is there.

    Raises:
        UserError: The network cannot be traced.
    """
    with quiet_torchscript():
        traced = _traced(network, example)
        with_sources = folder / f"{ARCHIVE}.traced"
        torch.jit.save(traced, with_sources, _extra_files={INSIDE: json.dumps(metadata)})
    _copy_without_sources(with_sources, folder / ARCHIVE)
    with_sources.unlink()
    torch.save(traced.state_dict(), folder / WEIGHTS)


def read_archive(folder: Path) -> nn.Module:
    """The network that `write_archive` wrote, from a folder of this process's own: TorchScript is a program."""
    with quiet_torchscript():
        loaded: nn.Module = torch.jit.load(folder / ARCHIVE, map_location="cpu")
    return loaded


@contextmanager
def quiet_torchscript() -> Iterator[None]:
    """Without torch's word that TorchScript is old, and that a trace is no proof: what is written is tried."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=FutureWarning, message=".*torch.jit")
        warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)  # type: ignore[attr-defined]
        yield


def _traced(network: nn.Module, example: Tensor) -> Any:
    try:
        with torch.no_grad():
            return torch.jit.trace(network.eval(), example, check_trace=False)
    except RuntimeError as error:
        raise UserError(
            "A network can be traced by TorchScript", in_one_line(error), "Export it as ONNX instead."
        ) from None


def _copy_without_sources(given: Path, file: Path) -> None:
    with ZipFile(given) as archive, ZipFile(file, "w", ZIP_STORED) as copy:
        for entry in archive.infolist():
            if not entry.filename.endswith(SOURCES):
                with archive.open(entry) as source, copy.open(entry, "w", force_zip64=True) as target:
                    shutil.copyfileobj(source, target)
