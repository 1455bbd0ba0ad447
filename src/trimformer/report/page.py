"""One page from one comparison: everything is made in memory first, then written."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from trimformer.records.depth import DepthChoice
from trimformer.records.files import write_text, write_whole
from trimformer.records.profile import REGIONS, AttentionProfile
from trimformer.report import evidence, formats, words
from trimformer.report.charts import curve, plot_cumulative_field, plot_measures
from trimformer.report.comparisons import plot_differences, plot_training
from trimformer.report.findings import findings
from trimformer.report.galleries import attention_gallery, label_names, legend, patient_galleries
from trimformer.report.remarks import trainings, weights_remarks
from trimformer.report.sources import Sources, read_sources
from trimformer.report.sureness import sureness, undertrained
from trimformer.report.tables.models import model_tables
from trimformer.report.tables.paper import paper_tables
from trimformer.report.tables.write import write_tables
from trimformer.report.templating import page_template
from trimformer.report.themes import Chart, render
from trimformer.report.trade_off import describe_trade_off, plot_trade_off, scored_and_timed
from trimformer.report.volumes import render_volumes

DEFAULT_TAU = 0.5

VOLUMES = "volumes.html"

MAX_LISTED = 24
EXAMPLES = 3
"""Of a list longer than this in a manifest the page shows so many, the file has them all."""


def write_report(folder: Path) -> Path:
    """Write `report.html`, `tables/` and `figures/` into the folder of a comparison and return the page's path.

    Where its runs were evaluated with volumes there is `volumes.html` too. Each page is one file that asks nothing of
    the network.

    Raises:
        UserError: `results.json` is missing, a file of a run is damaged, or the folder cannot be written.
    """
    sources = read_sources(folder)
    charts = {chart.name: (chart, png) for chart, png in _charts(sources)}
    volumes = render_volumes(folder, sources)
    page = render_page(sources, {name: chart for name, (chart, _) in charts.items()}, VOLUMES if volumes else None)
    for name, (chart, png) in charts.items():
        write_text(folder / "figures" / f"{name}.svg", chart.wide)
        write_whole(folder / "figures" / f"{name}.png", partial(_put, content=png))
    write_tables(folder, [sources])
    if volumes:
        write_text(folder / VOLUMES, volumes)
    write_text(folder / "report.html", page)
    return folder / "report.html"


def _put(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _charts(sources: Sources) -> Iterator[tuple[Chart, bytes]]:
    compared = [row for row in sources.results.models if row.versus_reference and row.role != "intensity"]
    if compared:
        alt = "Difference in Dice to the reference, with 95 % interval: " + "; ".join(
            f"{row.name} {formats.signed(row.versus_reference.mean_difference)}"
            for row in compared
            if row.versus_reference
        )
        yield render("differences", alt, plot_differences(compared, sources.results.margin))
    timed = scored_and_timed(sources.results.models)
    if len(timed) > 1:
        yield render("trade-off", describe_trade_off(timed), plot_trade_off(timed))
    if sources.profile is not None:
        yield from _attention_charts(sources.profile, evidence.depth_choice(sources.depth, sources.results))
    histories = {model.row.name: model.history for model in sources.models if model.history is not None}
    if histories:
        alt = f"Loss and Dice on the selection patients against the epoch, for {', '.join(histories)}."
        yield render("training", alt, plot_training(histories))


def _attention_charts(profile: AttentionProfile, choice: DepthChoice | None) -> Iterator[tuple[Chart, bytes]]:
    for region in REGIONS:
        field = f"{region}/norm_weighted/far_field_ratio"
        if field not in profile.model:
            continue
        means = curve(profile.model[field]).mean
        alt = (
            f"Far-field ratio of the cumulative field, {region} patches: {formats.number(means[0], 2)} after block 1, "
            f"{formats.number(means[-1], 2)} after block {len(means)}; 1 is uniform attention."
        )
        chosen = choice.num_blocks if choice else None
        yield render(f"cumulative-{region}", alt, plot_cumulative_field(profile, region, _tau(choice), chosen))
        alt = (
            "Six measures of each block's attention against the block: far-field ratio, distance in millimetres, "
            f"mixing, entropy, query-key information and sink ratio, {region} patches."
        )
        yield render(f"measures-{region}", alt, plot_measures(profile, region))


def _tau(choice: DepthChoice | None) -> float:
    return float(choice.evidence.get("tau", DEFAULT_TAU)) if choice else DEFAULT_TAU


def render_page(sources: Sources, charts: Mapping[str, Chart], volumes: str | None = None) -> str:
    """The page as HTML; every name from outside is escaped by the template. `volumes` is the address of their page."""
    results, labels = sources.results, label_names(sources.models)
    choice = evidence.depth_choice(sources.depth, results)
    return page_template("report.html.j2").render(
        results=results,
        headline=words.headline(results),
        certainty=words.certainty(results),
        weights=weights_remarks(results),
        several_seeds=trainings(results)[1] > 1,
        findings=findings(results),
        sureness=sureness(results),
        tables=model_tables(results),
        paper=paper_tables(sources),
        charts=charts,
        choice=choice,
        chooser=evidence.who_chose(choice) if choice else "",
        tau=(evidence.threshold(choice) if choice else None) or DEFAULT_TAU,
        evidence_columns=evidence.evidence_columns(choice) if choice else [],
        evidence_rows=evidence.evidence_rows(choice) if choice else [],
        measured=evidence.what_was_measured(choice) if choice else "",
        gates=evidence.gates(choice) if choice else [],
        sensitivity=evidence.sensitivity(choice) if choice else [],
        profile=sources.profile,
        profiled=sources.profiled,
        chosen_for=sources.chosen_for,
        explorer=sources.explorer,
        attention=attention_gallery(sources.profile) if sources.profile else None,
        patients=patient_galleries(sources.models, labels),
        legend=legend(labels),
        volumes=volumes,
        unsettled=_unsettled(sources),
        provenance=list(flatten(results.provenance)),
        manifests=[(model.row.name, list(flatten(model.manifest))) for model in sources.models if model.manifest],
    )


def _unsettled(sources: Sources) -> list[tuple[str, str]]:
    histories = [(model.row.name, model.history) for model in sources.models if model.history is not None]
    warnings = [(name, undertrained(history["selection_dice"])) for name, history in histories]
    return [(name, warning) for name, warning in warnings if warning]


def flatten(document: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """A nested record as lines of text: `versions › torch`, `2.6`."""
    for key, value in document.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from flatten(value, f"{name} › ")
        else:
            yield name, _listed(value) if isinstance(value, list | tuple) else str(value)


def _listed(values: Sequence[Any]) -> str:
    """The values of a list; of a long one a few, and how many there are."""
    words = [" ".join(map(str, value.values())) if isinstance(value, Mapping) else str(value) for value in values]
    if len(words) > MAX_LISTED:
        return f"{len(words)}: {', '.join(words[:EXAMPLES])}, ..."
    return ", ".join(words) or "none"
