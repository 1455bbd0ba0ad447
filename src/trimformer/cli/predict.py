"""`trimformer predict`."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trimformer.cli.terminal import JsonOption, complain, print_json, progress_bars, say

if TYPE_CHECKING:
    from trimformer.deploy.predict import Outcome
    from trimformer.records.case_picture import CasePicture

FAILED, PARTLY_FAILED = 2, 3


def predict(  # noqa: PLR0917 - options, which are typed by name
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A trained run, or an export (.onnx, .xml).")],
    given: Annotated[
        Path, typer.Argument(metavar="INPUT", help="A NIfTI file, a DICOM series' folder, or a folder of either.")
    ],
    output: Annotated[Path, typer.Argument(metavar="OUTPUT", help="A .nii or .nii.gz file for one scan, or a folder.")],
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="Write every class's probability too.")
    ] = False,
    preview: Annotated[bool, typer.Option("--preview", help="Draw some slices with their labels into a .png.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace outputs of another scan or model.")] = False,
    keep_metadata: Annotated[
        bool, typer.Option("--keep-metadata", help="Let names and whatever else DICOM says of the patient through.")
    ] = False,
    orientation: Annotated[
        str | None, typer.Option(metavar="CODES", help="Turn scans to these axes, RAS say, whatever the model says.")
    ] = None,
    trust_target: Annotated[
        bool, typer.Option("--trust-target", help="Import the program of the run's own network (model.target).")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Draw a model's labels on scans, each on its own grid; done again, it goes on where it stopped."""
    from trimformer.deploy.open_model import open_model
    from trimformer.deploy.outputs import place_outputs
    from trimformer.deploy.predict import predict_scans
    from trimformer.deploy.sources import find_sources
    from trimformer.deploy.written import Wanted

    deployed = open_model(model, orientation, trust_target)
    known = deployed.trained_on
    sources = find_sources(given, known.num_channels, keep_metadata)
    outputs_of = place_outputs(output, is_batch=len(sources) > 1)
    draw = _drawing(known.labels, deployed.name) if preview else None
    wanted = Wanted(probabilities, draw, keep_metadata, overwrite)
    with progress_bars(shown=not json) as progress:
        outcomes = list(predict_scans(deployed, sources, outputs_of, wanted, progress))
    failed = [outcome for outcome in outcomes if outcome.error]
    if len(sources) == 1 and failed and failed[0].error:
        raise failed[0].error
    if json:
        print_json({"run": str(model), "scans": [_document(outcome) for outcome in outcomes]})
    _tell(outcomes, quiet=json)
    if failed:
        raise typer.Exit(FAILED if len(failed) == len(outcomes) else PARTLY_FAILED)


def _drawing(labels: Mapping[int, str], run: str) -> "Callable[[Sequence[CasePicture], Path], None]":
    from trimformer.report.contact_sheet import draw_contact_sheet

    def draw(pictures: "Sequence[CasePicture]", path: Path) -> None:
        shown = f"{len(pictures)} of {pictures[0].num_slices} slices, labels as predicted by {run}"
        draw_contact_sheet(pictures, labels, pictures[0].patient_id, f"{shown}  ·  not for diagnosis", path)

    return draw


def _tell(outcomes: "Sequence[Outcome]", quiet: bool) -> None:
    for outcome in outcomes:
        if outcome.error:
            complain(outcome.error.rule, outcome.error.found, outcome.error.next_step)
        elif outcome.prediction and outcome.outputs:
            if not quiet:
                volumes = ", ".join(f"{name} {volume:.4g} ml" for name, volume in outcome.prediction.volumes_ml.items())
                origin = "" if outcome.source.keeps_names else f" ({outcome.source.told})"
                say(f"{outcome.state}: {outcome.outputs.label_map}{origin}: {volumes}")
            for doubt in outcome.prediction.doubts:
                typer.secho(f"Warning: {outcome.prediction.name}: {doubt}", fg="yellow", err=True)


def _document(outcome: "Outcome") -> dict[str, Any]:
    document: dict[str, Any] = {"scan": outcome.source.told, "state": outcome.state}
    if outcome.error:
        return document | {
            "error": {"rule": outcome.error.rule, "found": outcome.error.found, "next": outcome.error.next_step}
        }
    assert outcome.prediction is not None
    assert outcome.outputs is not None
    return document | {"label_map": str(outcome.outputs.label_map)} | outcome.prediction.model_dump(mode="json")
