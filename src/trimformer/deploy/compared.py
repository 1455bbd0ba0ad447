"""Runs and exports as a comparison takes them: an export is scored where the run that it was made of is at hand."""

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

from trimformer.deploy.deployed import Deployed, run_digest
from trimformer.deploy.exported.open import is_export, open_export
from trimformer.evaluation.exports import Export, Unscored
from trimformer.evaluation.rows import Candidate
from trimformer.inference.memory import MEGABYTE
from trimformer.inference.predict import Network
from trimformer.inference.sized_network import SizedNetwork
from trimformer.records.errors import UserError
from trimformer.records.progress import Progress, silent
from trimformer.records.run_folder import RunFolder

KINDS = {".onnx": "ONNX", ".xml": "OpenVINO"}
"""What an export is called, by its ending."""

LIBRARIES = {".onnx": ("onnx", "onnxruntime"), ".xml": ("openvino",)}
"""What computes it."""


def open_compared(paths: Sequence[Path], progress: Progress = silent) -> tuple[list[Candidate], list[Unscored]]:
    """What a comparison of these run folders and exports is made of, and the exports of which only costs can be told.

    The run of an export is one of those given, or the folder in which the folder of the export lies, as `trimformer
    export` would have it. Scores of exports that are not there yet are made and written beside them.

    Raises:
        UserError: A path is neither a run nor an export, one is damaged, or nothing is left that has a Dice.
    """
    runs = [RunFolder.open(path) for path in paths if not is_export(path)]
    candidates: list[Candidate] = []
    unscored: list[Unscored] = []
    for path in paths:
        if not is_export(path):
            candidates.append(Candidate.of(RunFolder(path), is_reference=not candidates))
            continue
        made = _candidate(path, runs, progress)
        (unscored if isinstance(made, Unscored) else candidates).append(made)  # type: ignore[arg-type]
    if not candidates:
        raise UserError(
            "A comparison holds a model whose Dice is known: a run, or an export whose run is at hand",
            "; ".join(f"{one.export.file}: {one.reason}" for one in unscored),
            "Give the run folder too.",
        )
    return candidates, unscored


def _candidate(path: Path, runs: Iterable[RunFolder], progress: Progress) -> Candidate | Unscored:
    deployed = open_export(path)
    export = _export(path, deployed)
    run = _made_of(deployed, [*runs, RunFolder(path.resolve().parent.parent)])
    if run is None:
        return Unscored(export, f"The run that it was made of, {deployed.name!r}, is not at hand or has changed since.")
    candidate = Candidate(run, export.kind, export)
    try:
        candidate.evaluation(progress)
    except UserError as error:
        return Unscored(export, f"{error.rule}; found {error.found}.")
    return candidate


def _export(path: Path, deployed: Deployed) -> Export:
    known = deployed.trained_on
    files = (path, path.with_suffix(".bin")) if path.suffix.lower() == ".xml" else (path,)
    return Export(
        file=path,
        kind=f"{KINDS[path.suffix.lower()]} {deployed.precision}",
        digest=deployed.digest,
        network=SizedNetwork(deployed.network, known.num_channels, known.preprocessing.image_size),
        file_size_mb=sum(file.stat().st_size for file in files) / MEGABYTE,
        reopen=partial(_reopen, path),
        libraries=LIBRARIES[path.suffix.lower()],
    )


def _reopen(path: Path) -> Network:
    return open_export(path).network


def _made_of(deployed: Deployed, runs: Iterable[RunFolder]) -> RunFolder | None:
    """The run whose weights and description have the digest that the export carries."""
    there = (run for run in runs if all(file.is_file() for file in (run.model_file, run.weights_file)))
    return next((run for run in there if run_digest(run) == deployed.made_of), None)
