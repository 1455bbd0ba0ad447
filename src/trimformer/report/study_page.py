"""The page at the top of a study: every comparison's tables, links to their own pages, and the runs that failed."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from trimformer.records.files import read_json, write_text
from trimformer.records.study_results import StudyResults
from trimformer.report.page import write_report
from trimformer.report.remarks import missing_controls, weights_remarks
from trimformer.report.sources import Sources, read_figures
from trimformer.report.tables.models import model_tables, summary_table
from trimformer.report.tables.paper import paper_tables
from trimformer.report.tables.table import Table
from trimformer.report.tables.write import write_tables
from trimformer.report.templating import page_template
from trimformer.report.words import certainty, headline


@dataclass(frozen=True)
class Part:
    """What the page shows of one comparison."""

    dataset: str
    address: str
    """Of the comparison's own page, seen from the study's folder."""
    headline: str
    certainty: str
    remarks: tuple[str, ...]
    summary: tuple[Table, ...]
    """The paper's tables beside ours where the data are the paper's, and the models in a few columns."""
    models: tuple[Table, ...]


def write_pages(folder: Path) -> Path:
    """Write all pages of a folder again, be it a comparison's, a demo's or a study's; returns the topmost one.

    Raises:
        UserError: `results.json` is missing, a file of a run is damaged, or the folder cannot be written.
    """
    path = folder / "results.json"
    document = read_json(path, "Give a folder that a demo, a comparison or a study made.")
    if not isinstance(document, dict) or "study" not in document:
        return write_report(folder)
    for comparison in StudyResults.load(path).comparisons:
        write_report(folder / comparison.folder)
    return write_study_report(folder)


def write_study_report(folder: Path) -> Path:
    """Write `report.html` and `tables/` at the top of a study and return the page's path.

    The pages of the comparisons themselves are left as they are.

    Raises:
        UserError: `results.json` of the study or of a comparison is missing, or the folder cannot be written.
    """
    study = StudyResults.load(folder / "results.json")
    comparisons = [read_figures(folder / comparison.folder) for comparison in study.comparisons]
    parts = [
        _part(sources, comparison.folder) for sources, comparison in zip(comparisons, study.comparisons, strict=True)
    ]
    page = page_template("study.html.j2").render(study=study, headline=study_headline(study), parts=parts)
    write_tables(folder, comparisons)
    write_text(folder / "report.html", page)
    return folder / "report.html"


def study_headline(study: StudyResults) -> str:
    """How many runs are done and how many failed."""
    done = f"{study.done} run{'' if study.done == 1 else 's'} done"
    failed = len(study.failed)
    return f"Study {study.study}: {done}, {f'{failed} failed' if failed else 'none failed'}."


def _part(sources: Sources, folder: str) -> Part:
    results = sources.results
    remarks = (missing_controls(results), *weights_remarks(results))
    return Part(
        dataset=results.dataset,
        address=f"{quote(Path(folder).as_posix())}/report.html",
        headline=headline(results),
        certainty=certainty(results),
        remarks=tuple(remark for remark in remarks if remark),
        summary=(*paper_tables(sources), summary_table(results)),
        models=tuple(model_tables(results)),
    )
