"""`trimformer export`."""

from pathlib import Path
from typing import Annotated

import typer

from trimformer.cli.terminal import JsonOption, print_json, progress_bars, say
from trimformer.records.choices import ExportFormat, Precision


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A trained run.")],
    kind: Annotated[ExportFormat, typer.Option("--format", help="What to write.")] = "onnx",
    precision: Annotated[
        Precision, typer.Option(help="Of the weights; int8 (openvino) is calibrated on the run's training scans.")
    ] = "fp32",
    out: Annotated[
        Path | None,
        typer.Option(
            help="The file, or a folder for it; by default NAME.onnx, NAME.xml or NAME-int8.xml in RUN/exports."
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an export and its card.")] = False,
    orientation: Annotated[
        str | None, typer.Option(metavar="CODES", help="Turn scans to these axes, RAS say, whatever the run says.")
    ] = None,
    trust_target: Annotated[
        bool, typer.Option("--trust-target", help="Import the program of the run's own network (model.target).")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Write a run's model into a file that carries all it needs, with a model card beside it."""
    from trimformer.records.run_folder import RunFolder

    folder = RunFolder.open(run)
    from trimformer.deploy.export.export import export_run

    with progress_bars(shown=not json) as progress:
        file = export_run(
            folder,
            kind,
            out,
            precision=precision,
            orientation=orientation,
            trust_target=trust_target,
            overwrite=overwrite,
            progress=progress,
        )
    size = _bytes(file)
    if json:
        print_json({"run": str(folder.path), "format": kind, "export": str(file), "bytes": size})
        return
    if file.is_dir():
        say(f"Exported: {file}, {size / 1e6:.1f} MB; its docs/README.md says how MONAI runs it")
        return
    say(f"Exported: {file}, {size / 1e6:.1f} MB, with {file.name}.md beside it")
    say(f"Next: trimformer predict {file} SCAN OUTPUT")


def _bytes(export: Path) -> int:
    from trimformer.deploy.exported.open import files_of

    files = export.rglob("*") if export.is_dir() else files_of(export)
    return sum(file.stat().st_size for file in files if file.is_file())
