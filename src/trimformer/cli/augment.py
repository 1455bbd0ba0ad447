"""`trimformer data augmentation`."""

from pathlib import Path
from typing import Annotated

import typer

from trimformer.cli.terminal import JsonOption, print_json, progress_bars, say


def augmentation(
    experiment: Annotated[Path, typer.Argument(metavar="EXPERIMENT.toml", help="The experiment file.")],
    out: Annotated[Path, typer.Option(help="Draw the preview into this .png file.")],
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a setting: augmentation.noise=0.2."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Draw one training slice as an experiment's augmentation changes it."""
    from trimformer.records.experiment import read_experiment
    from trimformer.report.augmentation_preview import draw_augmentation
    from trimformer.report.contact_sheet import check_png

    resolved = read_experiment(experiment, changes or ())
    check_png(out)
    from trimformer.data.augmentation_examples import augmentation_preview
    from trimformer.data.catalogue import load_dataset

    with progress_bars(shown=not json) as progress:
        dataset = load_dataset(resolved.data, progress)
        preview = augmentation_preview(dataset.training, resolved.augmentation, resolved.seed)
    draw_augmentation(preview, dataset.labels, out)
    if json:
        print_json({"preview": str(out), "enabled": preview.enabled, "patient": preview.patient_id})
        return
    say(f"Preview: {out.resolve()}")
    if not preview.enabled:
        say("Training would not use any of it: augmentation.enabled is false.")
