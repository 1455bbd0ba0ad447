"""What a page can show of a comparison: the patients of its first model, and what the models drew on them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from trimformer.records.evaluation import Evaluation
from trimformer.records.run_folder import RunFolder
from trimformer.records.shown_volumes import ShownVolume, read_volumes
from trimformer.report.sources import ModelSources, Sources
from trimformer.report.volumes.nifti import label_file, scan_file
from trimformer.report.volumes.turned import towards_ras

MOST_MODELS = 6
"""Of a long table the first; each adds about a tenth of what a patient's scan takes."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """A model whose predictions the page has, as files in base64 by the number of the patient.

    `outside` counts, likewise, the voxels that it labels outside the part that is shown.
    """

    name: str
    role: str
    evaluation: Evaluation | None
    files: dict[int, str]
    outside: dict[int, int]


@dataclass(frozen=True, eq=False)
class Gathered:
    """The patients, their axes nearest to RAS+, with their files in base64, and the models.

    `left_out` counts models beyond the most.
    """

    patients: tuple[ShownVolume, ...]
    scans: tuple[str, ...]
    truths: tuple[str, ...]
    models: tuple[Drawn, ...]
    left_out: int


def gather(folder: Path, sources: Sources) -> Gathered | None:
    """The volumes of the runs that a comparison names; None where no run has any.

    Only the first run's volumes stay in memory; of the others their predictions do, packed.

    Raises:
        UserError: A run's volumes are damaged.
    """
    runs = [(model, run) for model, run in _runs(folder, sources.models) if run.volumes_file.is_file()]
    patients = _upright(runs[0][1]) if runs else []
    if not patients:
        return None
    drawn = tuple(_drawn(model, run, patients) for model, run in runs[:MOST_MODELS])
    return Gathered(
        tuple(patients),
        tuple(scan_file(volume) for volume in patients),
        tuple(label_file(volume.truth, volume) for volume in patients),
        drawn,
        len(runs) - len(drawn),
    )


def _runs(folder: Path, models: Sequence[ModelSources]) -> Iterator[tuple[ModelSources, RunFolder]]:
    for model in models:
        if model.row.run:
            yield model, RunFolder(folder / model.row.run)


def _upright(run: RunFolder) -> list[ShownVolume]:
    return [towards_ras(volume) for volume in read_volumes(run.volumes_file)]


def _drawn(model: ModelSources, run: RunFolder, patients: Sequence[ShownVolume]) -> Drawn:
    own = {volume.patient_id: volume for volume in _upright(run)}
    alike = {
        place: own[shown.patient_id]
        for place, shown in enumerate(patients)
        if shown.patient_id in own and own[shown.patient_id].is_of_the_same_voxels(shown)
    }
    files = {place: label_file(volume.prediction, volume) for place, volume in alike.items()}
    outside = {place: volume.outside for place, volume in alike.items()}
    return Drawn(model.row.name, model.row.role, model.evaluation, files, outside)
