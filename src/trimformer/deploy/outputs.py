"""Where the outputs of a scan go: whole or not at all, never over anything that is not theirs."""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from trimformer.records.errors import UserError
from trimformer.records.prediction import Prediction

PACKED = ".nii.gz"
NIFTI = (PACKED, ".nii")
OTHER_FILES = (".nrrd", ".mha", ".mhd", ".dcm", ".png", ".json", ".gz", ".img", ".hdr", ".onnx")
"""Endings that a folder of outputs does not have: a file is meant, and it is none that is written."""


@dataclass(frozen=True)
class Outputs:
    """The files of one scan, in one folder, under one stem; `label_map` alone is always written."""

    label_map: Path

    @property
    def stem(self) -> str:
        """Their common name."""
        return next(self.label_map.name[: -len(end)] for end in NIFTI if self.label_map.name.lower().endswith(end))

    @property
    def description(self) -> Path:
        """Volumes by label, as JSON."""
        return self.label_map.with_name(f"{self.stem}.json")

    @property
    def preview(self) -> Path:
        """Some slices with their labels."""
        return self.label_map.with_name(f"{self.stem}.png")

    @property
    def probabilities(self) -> Path:
        """Every class's probability."""
        return self.label_map.with_name(f"{self.stem}_probabilities{self.label_map.name[len(self.stem) :]}")

    def hold(self, digest: str, wanted: Iterable[Path]) -> bool:
        """Whether all that is wanted is there, of this scan by this model."""
        own = self.own_files(digest)
        return all(file.name in own and file.is_file() for file in wanted)

    def own_files(self, digest: str) -> tuple[str, ...]:
        """The names of what was written of this scan by this model before; none where the description is another's."""
        try:
            known = Prediction.load(self.description)
        except UserError:
            return ()
        return known.files if known.digest == digest else ()

    def refuse_loss(self, digest: str, wanted: Iterable[Path], inputs: Iterable[Path], overwrite: bool) -> None:
        """Check that nothing is overwritten but what this scan and model have left there.

        Raises:
            UserError: An output is an input, whatever else was allowed, or is there and of another scan or model.
        """
        there, own = [file for file in wanted if os.path.lexists(file)], self.own_files(digest)
        for file in there:
            if any(_is_same(file, given) for given in inputs):
                raise UserError("An output is never the input", file, "Choose another output.")
            if file.name not in own and not overwrite:
                raise UserError(
                    "Nothing is overwritten that another scan, another model or another program has left",
                    file,
                    "Choose another output, or add --overwrite.",
                )


def place_outputs(output: Path, is_batch: bool) -> Callable[[str], Outputs]:
    """Where the outputs of a scan of some name go, if the user gave this file or folder.

    Raises:
        UserError: A file is given for several scans, or one that is no NIfTI.
    """
    is_file = output.name.lower().endswith(NIFTI) and not output.is_dir()
    if not is_file and not output.is_dir() and output.name.lower().endswith(OTHER_FILES):
        raise UserError("The output is a .nii or .nii.gz file, or a folder", output, "Change its name.")
    if is_file and is_batch:
        raise UserError("The outputs of several scans go into a folder", output, "Give a folder.")
    if output.is_file() and not is_file:
        raise UserError("The output is a .nii or .nii.gz file, or a folder", f"the file {output}", "Choose another.")
    return lambda name: Outputs(output if is_file else output / f"{name}{PACKED}")


def _is_same(file: Path, other: Path) -> bool:
    try:
        return file.samefile(other)
    except OSError:
        return False
