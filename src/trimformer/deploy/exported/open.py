"""Any export, told by the ending of its name, as a model that is ready for scans."""

from collections.abc import Callable
from pathlib import Path

from trimformer.deploy.deployed import Deployed
from trimformer.deploy.exported.onnx_file import open_onnx
from trimformer.deploy.exported.openvino_file import open_openvino, weights_file

READERS: dict[str, Callable[[Path], Deployed]] = {".onnx": open_onnx, ".xml": open_openvino}


def is_export(path: Path) -> bool:
    """Whether a path is called as exports are; nothing is read."""
    return path.suffix.lower() in READERS and not path.is_dir()


def open_export(path: Path) -> Deployed:
    """Read an export; nothing that it holds is executed but its operations on numbers.

    Args:
        path: For which `is_export` holds.

    Raises:
        UserError: The file is damaged, was made by another program or a newer version, or a library is missing.
    """
    return READERS[path.suffix.lower()](path)


def files_of(path: Path) -> tuple[Path, ...]:
    """All files of an export, the one that is opened first."""
    return (path, weights_file(path)) if READERS[path.suffix.lower()] is open_openvino else (path,)
