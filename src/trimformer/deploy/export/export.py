"""`trimformer export`: a run becomes an export with its model card, whole or not at all."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from trimformer.deploy.export.bundle.export_bundle import export_bundle
from trimformer.deploy.export.extra import refuse_missing_extra
from trimformer.deploy.export.model_card import model_card
from trimformer.deploy.export.onnx_file import write_onnx
from trimformer.deploy.export.openvino_file import write_openvino
from trimformer.deploy.export.subject import Subject
from trimformer.records.choices import ExportFormat, Precision
from trimformer.records.errors import UserError
from trimformer.records.files import write_together
from trimformer.records.progress import Progress, silent
from trimformer.records.run_folder import RunFolder


@dataclass(frozen=True)
class Format:
    """One kind of export.

    `endings` are those of its files, that of the one which is opened last; `libraries` must be installed. `write` puts
    them where the last one is to stand, checked; `usage` is told in the model card, with {file} for its name.
    `precisions` are those of the weights that it can hold.
    """

    endings: tuple[str, ...]
    libraries: tuple[str, ...]
    write: Callable[[Subject, Path], None]
    usage: str
    precisions: tuple[Precision, ...] = ("fp32",)


FORMATS: dict[ExportFormat, Format] = {
    "onnx": Format(
        (".onnx",),
        ("onnx", "onnxruntime", "onnxscript"),
        write_onnx,
        "`trimformer predict {file} scan.nii.gz labels.nii.gz`, or any program with ONNX Runtime: input `image`"
        " (batch, channels, rows, columns) float32, output `logits` (batch, classes, rows, columns).",
    ),
    "openvino": Format(
        (".bin", ".xml"),
        ("openvino", "nncf"),
        write_openvino,
        "`trimformer predict {file} scan.nii.gz labels.nii.gz`, or any program with OpenVINO; the .bin must lie beside"
        " it. Input `image` (batch, channels, rows, columns) float32, output `logits` (batch, classes, rows, columns).",
        ("fp32", "int8"),
    ),
}

STEPS = 3


def export_run(
    run: RunFolder,
    kind: ExportFormat,
    out: Path | None = None,
    *,
    precision: Precision = "fp32",
    orientation: str | None = None,
    trust_target: bool = False,
    overwrite: bool = False,
    progress: Progress = silent,
) -> Path:
    """Write an export of a run's best epoch, with a model card beside it.

    Args:
        run: A run that is trained.
        kind: Of the export.
        out: The file; by default in `exports` in the run folder, under the run's name.
        precision: Of the weights; in int8 the run's training scans must be at hand.
        orientation: Axis codes to turn every scan to, in place of what the run says.
        trust_target: Whether the user's own network may be imported that the run names.
        overwrite: Whether files that are there may be replaced.
        progress: Told after each of three steps: the run is loaded, written and checked, moved into place; and of every
            slice of a calibration.

    Returns:
        The file.

    Raises:
        UserError: The run is damaged, a library is missing, the network cannot be exported, or something is in the way.
    """
    _refuse_precision(kind, precision)
    if kind == "monai-bundle":
        return export_bundle(run, out, lambda: Subject.of(run, "fp32", orientation, trust_target), overwrite, progress)
    chosen = FORMATS[kind]
    refuse_missing_extra(chosen.libraries)
    file = _place(f"{run.name}{'' if precision == 'fp32' else f'-{precision}'}{chosen.endings[-1]}", run, out)
    card = file.with_name(f"{file.name}.md")
    files = [card, *(file.with_suffix(ending) for ending in chosen.endings)]
    _refuse_loss(files, overwrite)
    name = f"exporting {run.name}"
    progress(name, 0, STEPS)
    subject = replace(Subject.of(run, precision, orientation, trust_target), progress=progress)
    progress(name, 1, STEPS)

    def fill(folder: Path) -> None:
        chosen.write(subject, folder / file.name)
        told = model_card(subject.carried, chosen.usage.format(file=file.name))
        (folder / card.name).write_text(told, encoding="utf-8")
        progress(name, 2, STEPS)

    write_together(files, fill)
    progress(name, STEPS, STEPS)
    return file


def _refuse_precision(kind: ExportFormat, precision: Precision) -> None:
    known = FORMATS[kind].precisions if kind in FORMATS else ("fp32",)
    if precision not in known:
        able = next(name for name, other in FORMATS.items() if precision in other.precisions)
        raise UserError(
            f"An export to {kind} is in {' or '.join(known)}", f"--precision {precision}", f"Add --format {able}."
        )


def _place(name: str, run: RunFolder, out: Path | None) -> Path:
    ending = Path(name).suffix
    file = out or run.path / "exports" / name
    file = file / name if file.is_dir() else file
    if file.suffix != ending:
        raise UserError(f"The name of such an export ends in {ending}", file, "Change --out.")
    return file


def _refuse_loss(files: list[Path], overwrite: bool) -> None:
    for file in files:
        if file.is_dir():
            raise UserError("An export takes the place of no folder", file, "Choose another --out.")
        if os.path.lexists(file) and not overwrite:
            raise UserError("Nothing is overwritten unasked", file, "Choose another --out, or add --overwrite.")
