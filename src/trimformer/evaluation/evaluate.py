"""Evaluate a predictor, or a run, on patients that never chose anything."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

import numpy as np
import torch
from torch import nn

from trimformer.data.catalogue import load_dataset
from trimformer.data.dataset import Dataset
from trimformer.data.preparation.slices import PatientSlices
from trimformer.evaluation.refusals import refuse_seen_patients
from trimformer.evaluation.scores import SURFACE_TOLERANCE_MM, mean_over_classes, score_patient, summarise_label
from trimformer.evaluation.shown_volumes import VolumeKeeper
from trimformer.evaluation.slice_scores import score_slices
from trimformer.inference.device import default_device
from trimformer.inference.predict import Predictor, network_predictor, predict_scores
from trimformer.models import load_model
from trimformer.processes.share import first_alone, first_before_others, shared_out
from trimformer.records.evaluation import Empty, Evaluation, Unit
from trimformer.records.files import write_arrays
from trimformer.records.progress import Progress, silent, under_name
from trimformer.records.run_folder import RunFolder
from trimformer.records.shown_volumes import ShownVolume, write_volumes


def evaluate(
    predict: Predictor,
    patients: Iterable[PatientSlices],
    labels: Mapping[int, str],
    progress: Progress = silent,
    *,
    unit: Unit = "volume",
    empty: Empty = "left_out",
) -> Evaluation:
    """Score a predictor on every patient's own grid; several processes share the patients and all return the same.

    Args:
        predict: Gives a label map on the patient's own grid.
        patients: With their true labels.
        labels: Label values and their names; background is not scored.
        progress: Told after every patient of this process.
        unit: What one Dice is taken over.
        empty: What an empty mask counts.
    """
    patients = tuple(patients)
    score = score_patient if unit == "volume" else score_slices
    found = shared_out(
        patients, lambda patient: score(predict(patient), patient, labels, empty), partial(progress, "evaluating")
    )
    scores = {patient.patient_id: each for patient, each in zip(patients, found, strict=True)}
    summary = {name: summarise_label(entry[name] for entry in scores.values()) for name in labels.values()}
    mean, interval = mean_over_classes(scores)
    return Evaluation(
        labels=dict(labels),
        grid="native",
        split="validation",
        checkpoint="best",
        patients=scores,
        summary=summary,
        mean=mean,
        ci95=interval,
        surface_tolerance_mm=SURFACE_TOLERANCE_MM,
        unit=unit,
        empty=empty,
    )


def evaluate_run(run: RunFolder, progress: Progress = silent) -> Evaluation:
    """Evaluate the best and the last weights of a run and write both; the best ones' scores are returned.

    Beside them stand one slice of every patient and the volumes of a few, for the report's pictures.

    Raises:
        UserError: The run has no weights yet, they are damaged, or the run has seen a patient that it is judged on.
    """
    device = default_device()
    models = {"best": load_model(run.path, "best").to(device), "last": load_model(run.path, "last").to(device)}
    dataset = unseen_patients(run)
    told = under_name(progress, f"evaluating {run.name}")
    keeper = VolumeKeeper(dataset, run.experiment().data)
    best = evaluate(keeper.watching(network_predictor(models["best"])), dataset.validation, dataset.labels, told)
    volumes = keeper.all()
    last = best
    if not _same_weights(models["best"], models["last"]):
        told = under_name(progress, f"evaluating {run.name}, last epoch")
        last = evaluate(network_predictor(models["last"]), dataset.validation, dataset.labels, told)
    first_alone(lambda: _write_pictures(run, _examples(models["best"], dataset), volumes))
    first_alone(lambda: _write_scores(run, best, last))
    return best


def _write_pictures(run: RunFolder, examples: dict[str, np.ndarray], volumes: Sequence[ShownVolume]) -> None:
    write_arrays(run.examples_file, examples)
    write_volumes(run.volumes_file, volumes)


def _write_scores(run: RunFolder, best: Evaluation, last: Evaluation) -> None:
    last.model_copy(update={"checkpoint": "last"}).save(run.last_evaluation_file)
    best.save(run.evaluation_file)


def evaluate_otherwise(run: RunFolder, unit: Unit, empty: Empty, progress: Progress = silent) -> Evaluation:
    """Evaluate the best weights of a run by slice or with another rule for empty masks, for comparison with print.

    The scores are written beside `evaluation.json`; no comparison reads them.

    Raises:
        UserError: The run has no weights yet, they are damaged, or the run has seen a patient that it is judged on.
    """
    predict = network_predictor(load_model(run.path, "best").to(default_device()))
    dataset = unseen_patients(run)
    told = under_name(progress, f"evaluating {run.name}")
    evaluation = evaluate(predict, dataset.validation, dataset.labels, told, unit=unit, empty=empty)
    first_alone(lambda: evaluation.save(run.counted_otherwise_file(unit, empty)))
    return evaluation


def unseen_patients(run: RunFolder) -> Dataset:
    """The run's dataset, once it is sure that the run has seen none of the patients to be reported.

    Sides are dealt anew from the files, so that patients who were added since may have moved others.

    Raises:
        UserError: The data are not where they were or are damaged, or the run has seen one of the patients.
    """
    dataset = first_before_others(lambda: load_dataset(run.experiment().data))
    refuse_seen_patients([patient.patient_id for patient in dataset.validation], run)
    return dataset


def _same_weights(one: nn.Module, other: nn.Module) -> bool:
    """Whether the best epoch was the last, so that nothing need be evaluated twice."""
    weights = other.state_dict()
    return all(torch.equal(tensor, weights[name]) for name, tensor in one.state_dict().items())


def _examples(model: nn.Module, dataset: Dataset) -> dict[str, np.ndarray]:
    """The slice with the most foreground of every patient, with truth and prediction, on the model's grid."""
    columns: dict[str, list[np.ndarray]] = {"images": [], "truth": [], "prediction": [], "slice_index": []}
    for patient in dataset.validation:
        assert patient.labels is not None
        index = int(np.count_nonzero(patient.labels, axis=(1, 2)).argmax())
        images = patient.image_tensor(slice(index, index + 1))
        scores = predict_scores(model, images)
        columns["images"].append(images[0, 0].numpy())
        columns["truth"].append(patient.labels[index])
        columns["prediction"].append(scores.argmax(dim=1)[0].numpy().astype(np.uint8))
        columns["slice_index"].append(np.array(index))
    arrays = {name: np.stack(entries) for name, entries in columns.items()}
    return arrays | {"patient_ids": np.array([patient.patient_id for patient in dataset.validation])}
