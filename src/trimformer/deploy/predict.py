"""Scans -> label maps on their own grids, one scan after the other; what is done is not done again."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from trimformer.deploy.deployed import Deployed
from trimformer.deploy.opened import OpenedScan, open_scan
from trimformer.deploy.outputs import Outputs
from trimformer.deploy.sources import Source
from trimformer.deploy.written import PreparedScan, Wanted, write_outputs
from trimformer.records.errors import NotWritableError, UserError
from trimformer.records.prediction import Prediction
from trimformer.records.progress import Progress, silent

VERSION = 1
"""To be raised when the label map that the same scan and model give changes in any way."""


@dataclass(frozen=True)
class Outcome:
    """What became of one scan; of a failed one there is the `error` alone."""

    source: Source
    state: Literal["predicted", "kept", "failed"]
    outputs: Outputs | None = None
    prediction: Prediction | None = None
    error: UserError | None = None


def predict_scans(
    deployed: Deployed,
    sources: Sequence[Source],
    outputs_of: Callable[[str], Outputs],
    wanted: Wanted,
    progress: Progress = silent,
) -> Iterator[Outcome]:
    """Predict scan after scan; one that cannot be used stops none of the others.

    Progress is told in slices for a single scan, in scans for several.

    Raises:
        NotWritableError: The disk is full or the outputs' folder cannot be written.
    """
    inputs = [file for source in sources for file in source.files]
    is_single = len(sources) == 1
    for done, source in enumerate(sources, start=1):
        try:
            yield predict_scan(deployed, source, outputs_of, wanted, inputs, progress if is_single else silent)
        except NotWritableError:
            raise
        except UserError as error:
            yield Outcome(source, "failed", error=error)
        if not is_single:
            progress("predicting scans", done, len(sources))


def predict_scan(
    deployed: Deployed,
    source: Source,
    outputs_of: Callable[[str], Outputs],
    wanted: Wanted,
    inputs: Iterable[Path],
    progress: Progress = silent,
) -> Outcome:
    """Predict one scan, unless this model did so before.

    Args:
        deployed: The model.
        source: The scan.
        outputs_of: Where the outputs of a scan of this name go.
        wanted: What is written, and what may be lost.
        inputs: Files that are never overwritten.
        progress: Told after each batch of slices.

    Raises:
        UserError: The scan is damaged or breaks a rule, something is in the way of its outputs, or the disk is full.
    """
    scan = open_scan(source, deployed.trained_on)
    outputs, digest = outputs_of(scan.name), _digest(deployed, scan, wanted)
    files = wanted.files(outputs)
    if outputs.hold(digest, files):
        return Outcome(source, "kept", outputs, Prediction.load(outputs.description))
    outputs.refuse_loss(digest, files, inputs, wanted.overwrite)
    prepared = PreparedScan.of(scan, deployed.trained_on, wanted.keep_metadata)
    write_outputs(outputs, deployed, prepared, wanted, digest, progress)
    return Outcome(source, "predicted", outputs, Prediction.load(outputs.description))


def _digest(deployed: Deployed, scan: OpenedScan, wanted: Wanted) -> str:
    """SHA-256 of all that decides the outputs of a scan."""
    known = deployed.trained_on
    told = [VERSION, deployed.digest, known.preprocessing.document(), known.orientations, wanted.keep_metadata]
    return hashlib.sha256(json.dumps([*told, scan.digest()]).encode()).hexdigest()
