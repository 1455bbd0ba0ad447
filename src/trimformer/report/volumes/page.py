"""The volumes of a comparison in, one page out that asks nothing of the network."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from trimformer.records.shown_volumes import ShownVolume
from trimformer.report.explorer.document import inline
from trimformer.report.galleries import label_names, legend
from trimformer.report.sources import Sources
from trimformer.report.templating import page_template
from trimformer.report.volumes.document import document, patient_words
from trimformer.report.volumes.gathered import Gathered, gather
from trimformer.report.volumes.stills import Still, stills
from trimformer.report.volumes.viewer import VERSION, licences, packed_viewer

CONVENTION = (
    "Radiological convention: in the axial and the coronal plane the patient's right (R) is on the left of the "
    "picture, in the sagittal plane the face (A) looks to the left."
)


@dataclass(frozen=True)
class StillPatient:
    """The pictures of a patient that need no program: the truth, and what the first model drew."""

    name: str
    words: tuple[str, ...]
    has_geometry: bool
    rows: tuple[tuple[str, tuple[Still, ...]], ...]


def render_volumes(folder: Path, sources: Sources) -> str | None:
    """The page as HTML; None where no run of the comparison in this folder has volumes.

    Names from outside reach it as escaped text or JSON alone.

    Raises:
        UserError: A run's volumes are damaged.
    """
    shown = gather(folder, sources)
    if shown is None:
        return None
    labels = label_names(sources.models)
    return page_template("volumes.html.j2").render(
        results=sources.results,
        shown=shown,
        convention=CONVENTION,
        legend=legend(labels),
        stills=[_still_patient(volume, shown.models[0].name, labels) for volume in shown.patients],
        document=inline(document(shown, labels)),
        parts=_parts(shown),
        viewer=packed_viewer(),
        version=VERSION,
        licences=licences(),
    )


def _still_patient(volume: ShownVolume, model: str, labels: Mapping[int, str]) -> StillPatient:
    maps = {"Truth": volume.truth, model: volume.prediction}
    rows = tuple((name, tuple(stills(volume, drawn, list(labels)))) for name, drawn in maps.items())
    return StillPatient(volume.patient_id, tuple(patient_words(volume)), volume.has_geometry, rows)


def _parts(shown: Gathered) -> dict[str, str]:
    """Element ids and files in base64; the first patient's first, so that it is drawn while the rest is parsed."""
    parts: dict[str, str] = {}
    for place, (scan, truth) in enumerate(zip(shown.scans, shown.truths, strict=True)):
        parts |= {f"scan-{place}": scan, f"truth-{place}": truth}
        parts |= {
            f"prediction-{place}-{number}": model.files[place]
            for number, model in enumerate(shown.models)
            if place in model.files
        }
    return parts
