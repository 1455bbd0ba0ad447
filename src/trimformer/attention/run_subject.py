"""A trained run as its attention is measured: its best weights and the patients that it learnt from."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from torch import nn

from trimformer.data.batch import Batch, profile_batches
from trimformer.data.catalogue import load_dataset
from trimformer.data.preparation.slices import PatientSlices
from trimformer.inference.device import default_device
from trimformer.models import load_model
from trimformer.processes.share import first_before_others, own_share
from trimformer.records.progress import Progress
from trimformer.records.run_folder import RunFolder

BATCH_SIZE = 8


@dataclass(frozen=True)
class RunSubject:
    """What is measured of a run; never the patients that are reported."""

    model: nn.Module
    patients: tuple[PatientSlices, ...]
    """Those trained on, then those that chose the best epoch."""
    labels: Mapping[int, str]
    seed: int

    @classmethod
    def of(cls, run: RunFolder) -> "RunSubject":
        """Load a run.

        Raises:
            UserError: It has no weights yet, or its data cannot be read.
        """
        experiment = run.experiment()
        model = load_model(run.path).to(default_device())
        dataset = first_before_others(lambda: load_dataset(experiment.data))
        return cls(model, (*dataset.training, *dataset.selection), dataset.labels, experiment.seed)

    def share(self) -> "RunSubject":
        """The same with this process's share of the patients, perhaps none."""
        return replace(self, patients=tuple(own_share(self.patients)))

    def batches(self, doing: str, progress: Progress, slices: int | None = None) -> Iterator[Batch]:
        """Every slice of every patient once, or so many slices of each."""
        if slices is not None:
            return self.spread_batches(slices, doing, progress)
        total = sum(-(-len(patient.images) // BATCH_SIZE) for patient in self.patients)
        return _telling(profile_batches(self.patients, BATCH_SIZE), doing, total, progress)

    def spread_batches(self, count: int, doing: str, progress: Progress) -> Iterator[Batch]:
        """A few slices of every patient, a batch a patient."""
        return _telling(spread_slices(self.patients, count), doing, len(self.patients), progress)


def spread_slices(patients: Iterable[PatientSlices], count: int) -> Iterator[Batch]:
    """Of each patient one batch of `count` slices, spread evenly over those that have a label, or over all."""
    for patient in patients:
        chosen = patient.spread_places(count)
        named = (patient.patient_id,) * len(chosen)
        yield Batch(patient.image_tensor(chosen), patient.label_tensor(chosen), named, patient.spacing_mm)


def _telling(batches: Iterable[Batch], doing: str, total: int, progress: Progress) -> Iterator[Batch]:
    for done, batch in enumerate(batches, start=1):
        yield batch
        progress(doing, done, total)
