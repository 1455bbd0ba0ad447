"""What of a run folder is shown elsewhere, piece by piece."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from trimformer.records.evaluation import Evaluation
from trimformer.records.files import read_arrays
from trimformer.records.history import read_history
from trimformer.records.run_folder import RunFolder
from trimformer.records.slice_pixels import overlay_pixels, scan_pixels
from trimformer.training.tracking.store import Cell, Parameter, Store

MANY_EXAMPLES = 8
"""Of how many patients an example is shown."""

TABLE = ("class", "dice", "ci95_low", "ci95_high", "absent", "missed", "false_alarm")


@dataclass(frozen=True)
class Part:
    """A piece of a run: `version` is another where it has changed since it was sent, `send` brings it into a store."""

    name: str
    version: str
    send: Callable[[Store], None]


def parts_of(run: RunFolder) -> Iterator[Part]:
    """Everything that the folder holds by now, in the order in which it came into being."""
    if run.manifest_file.exists():
        yield Part("parameters", "", lambda store: store.parameters(parameters(run)))
        for file in (run.experiment_file, run.manifest_file):
            yield Part(file.name, _digest(file), partial(_send_text, file))
    yield from _epochs(run)
    for file, prefix in ((run.evaluation_file, "dice"), (run.last_evaluation_file, "dice-last")):
        if file.exists():
            yield Part(file.name, _digest(file), partial(_send_evaluation, run, file, prefix))
    if run.examples_file.exists():
        yield Part(run.examples_file.name, _digest(run.examples_file), partial(_send_examples, run))
    for file in sorted(run.figures.glob("*.png")):
        yield Part(f"figures/{file.name}", _digest(file), partial(_send_figure, file))


def parameters(run: RunFolder) -> dict[str, Parameter]:
    """The resolved experiment under the names of `--set`, the data's fingerprint and what became of the weights."""
    document = run.experiment().model_dump(mode="json", exclude_none=True, exclude={"tracking"})
    flat: dict[str, Parameter] = {}
    for key, value in document.items():
        entries = {f"{key}.{name}": entry for name, entry in value.items()} if isinstance(value, dict) else {key: value}
        flat.update((name, _plain_value(entry)) for name, entry in entries.items())
    manifest = run.manifest()
    weights: Mapping[str, Any] = manifest["weights"]
    return flat | {
        "data.fingerprint": manifest["data"]["fingerprint"],
        "weights.source": str(weights["source"]),
        "weights.summary": weights["summary"],
        "precision": manifest["precision"],
        "trimformer": manifest["trimformer"],
    }


def _plain_value(value: Any) -> Parameter:
    return value if isinstance(value, Parameter) else json.dumps(value)


def _epochs(run: RunFolder) -> Iterator[Part]:
    """One part an epoch; one that a resumed run has trained again is the same and is not sent again."""
    if not run.history_file.exists():
        return
    columns = read_history(run.history_file)
    for index, epoch in enumerate(columns.pop("epoch")):
        row = {name: float(values[index]) for name, values in columns.items() if not np.isnan(values[index])}
        yield Part(f"epoch {epoch:.0f}", "", partial(_send_scalars, row, int(epoch)))


def _send_scalars(values: Mapping[str, float], step: int, store: Store) -> None:
    store.scalars(values, step)


def _send_text(file: Path, store: Store) -> None:
    store.text(file.name, file.read_text())


def _send_evaluation(run: RunFolder, file: Path, prefix: str, store: Store) -> None:
    """Mean Dice as points at the last epoch, the table by class, and the whole file."""
    evaluation = Evaluation.load(file)
    means = {f"{prefix}/{name}": label.mean for name, label in evaluation.summary.items()}
    means[f"{prefix}/mean"] = evaluation.mean
    last_epoch = int(read_history(run.history_file)["epoch"][-1]) if run.history_file.exists() else 0
    store.scalars({name: mean for name, mean in means.items() if mean is not None}, last_epoch)
    store.table(f"table-{file.stem}", TABLE, evaluation_rows(evaluation))
    _send_text(file, store)


def evaluation_rows(evaluation: Evaluation) -> Sequence[Sequence[Cell]]:
    """One row a class, in the columns of `TABLE`, and their mean."""
    rows: list[list[Cell]] = [
        [name, label.mean, *(label.ci95 or (None, None)), label.absent, label.missed, label.false_alarm]
        for name, label in evaluation.summary.items()
    ]
    return [*rows, ["mean", evaluation.mean, *(evaluation.ci95 or (None, None)), None, None, None]]


def _send_examples(run: RunFolder, store: Store) -> None:
    """Scan, truth and prediction side by side, of the first patients."""
    examples = read_arrays(run.examples_file, f"Run trimformer evaluate {run.path}.")
    values = [value for value in sorted(Evaluation.load(run.evaluation_file).labels) if value != 0]
    for index, patient in enumerate(examples["patient_ids"][:MANY_EXAMPLES]):
        image = examples["images"][index]
        overlays = [overlay_pixels(image, examples[name][index], values) for name in ("truth", "prediction")]
        store.picture(f"examples/{patient}", np.concatenate([scan_pixels(image), *overlays], axis=1))


def _send_figure(file: Path, store: Store) -> None:
    with Image.open(file) as figure:
        store.picture(f"figures/{file.stem}", np.array(figure.convert("RGB")))


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16]
