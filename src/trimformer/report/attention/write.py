"""All figures of one or several profiles, written into a folder."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from trimformer.records.attention_example import FIELD_NAMES, AttentionExample
from trimformer.records.errors import UserError
from trimformer.records.measured_run import MeasuredRun
from trimformer.records.profile import AttentionProfile
from trimformer.records.run_folder import RunFolder
from trimformer.report.attention import charts, slices
from trimformer.report.attention.paper import CHART_DOTS, PAPER_STYLE, PICTURE_DOTS, main_region, regions
from trimformer.report.attention.sheets import draw_sheet
from trimformer.report.saving import SUFFIXES, save_figure

FORMATS = tuple(suffix[1:] for suffix in SUFFIXES)

Drawing = tuple[str, int, Callable[[], Figure]]
"""The file's name without suffix, the dots an inch of its PNG, and how to draw it."""


def write_run_figures(
    runs: Mapping[str, RunFolder],
    folder: Path,
    formats: Sequence[str] = FORMATS,
    *,
    examples: Mapping[str, AttentionExample] | None = None,
    blocks: Sequence[int] = (),
    head: int | None = None,
) -> list[Path]:
    """Draw everything about attention that run folders hold; what was not measured is left out.

    As `write_attention_figures`, of the profile, receptive field, similarity, organs, causal radius and skipped blocks
    that lie in each folder.

    Args:
        runs: By the names that stand on the figures; each with an attention profile.
        folder: Where the files go.
        formats: Any of png, svg and pdf.
        examples: Slices with the maps of all heads, from `examples_of_runs`.
        blocks: Blocks, counted from 1, that are drawn as figures of their own.
        head: The head, counted from 1, whose maps are drawn; without it their mean.

    Raises:
        UserError: A run has no profile, or as for `write_attention_figures`.
    """
    profiles = {name: AttentionProfile.load(run.profile_file, run.profile_arrays) for name, run in runs.items()}
    measured = {name: MeasuredRun.of(run) for name, run in runs.items()}
    return write_attention_figures(
        profiles, folder, formats, examples=examples, measured=measured, blocks=blocks, head=head
    )


def write_attention_figures(
    profiles: Mapping[str, AttentionProfile],
    folder: Path,
    formats: Sequence[str] = FORMATS,
    *,
    examples: Mapping[str, AttentionExample] | None = None,
    measured: Mapping[str, MeasuredRun] | None = None,
    blocks: Sequence[int] = (),
    head: int | None = None,
) -> list[Path]:
    """Draw what a model's attention looks at, in the widths of a paper's columns.

    One profile's figures lie in the folder itself. Of several, each has a folder of its name, and what compares them
    lies in the folder; their maps are compared where their examples show the same slice.

    Args:
        profiles: By the model's name, which stands on the figures.
        folder: Where the files go; existing ones are replaced.
        formats: Any of png, svg and pdf.
        examples: Slices with the maps of all heads; without one the slice that the profile keeps is shown, which has
            head means and no feature maps.
        measured: What else was measured of the models.
        blocks: Blocks, counted from 1, whose grids of maps and single heads are drawn as figures of their own.
        head: The head, counted from 1, whose maps stand in the grids; without it their mean.

    Returns:
        The files, in the order in which they were written.

    Raises:
        UserError: No profile, two names that make one file name, an unknown format, block or head, or a file cannot be
            written.
    """
    _check(profiles, formats)
    shown = _shown_examples(profiles, examples or {})
    drawings: list[Drawing] = []
    for name, profile in profiles.items():
        within = f"{file_name(name)}/" if len(profiles) > 1 else ""
        drawings += [
            (within + file, dots, draw) for file, dots, draw in _of_one(name, profile, shown.get(name), blocks, head)
        ]
    if len(profiles) > 1:
        drawings += _of_several(profiles, shown, head)
    with matplotlib.rc_context(PAPER_STYLE):
        return [path for drawing in drawings for path in _save(drawing, folder, formats)]


def file_name(name: str) -> str:
    """A model's name as a file may be called.

    Example:
        >>> file_name("UNETR, 12 blocks")
        'UNETR-12-blocks'
    """
    return re.sub(r"[^\w.]+", "-", name).strip("-.") or "model"


def _of_one(
    name: str, profile: AttentionProfile, example: AttentionExample | None, blocks: Sequence[int], head: int | None
) -> Iterator[Drawing]:
    yield "distance-by-head", CHART_DOTS, lambda: charts.distance_by_head(profile, name, main_region(profile))
    for region in regions(profile):
        yield f"measures-{region}", CHART_DOTS, lambda region=region: charts.measures(profile, name, region)
        yield f"receptive-field-{region}", CHART_DOTS, lambda region=region: charts.fields(profile, name, region)
    if example is None:
        return
    of_head = "" if head is None else f"-head-{head}"
    shown = slices.paper_blocks(example.num_blocks)
    yield f"maps{of_head}", PICTURE_DOTS, lambda: draw_sheet(slices.grids(name, example, shown, head))
    for block in blocks:
        one = f"maps-block-{block}{of_head}"
        yield one, PICTURE_DOTS, lambda block=block: draw_sheet(slices.one_grid(name, example, block, head))
        if example.has_heads:
            heads = f"heads-block-{block}"
            yield heads, PICTURE_DOTS, lambda block=block: draw_sheet(slices.all_heads(name, example, block))
    field = next(field for field in FIELD_NAMES if field in example.fields)
    yield "rollout", PICTURE_DOTS, lambda: draw_sheet(slices.rollouts(name, example, field))
    if len(example.components):
        yield "feature-maps", PICTURE_DOTS, lambda: draw_sheet(slices.feature_maps(name, example))


def _of_several(
    profiles: Mapping[str, AttentionProfile], examples: Mapping[str, AttentionExample], head: int | None
) -> Iterator[Drawing]:
    yield "compared-measures", CHART_DOTS, lambda: charts.compared_measures(profiles)
    shown = list(examples.values())
    if len(shown) < len(profiles) or not all(example.shows_the_slice_of(shown[0]) for example in shown):
        return
    of_head = "" if head is None else f"-head-{head}"
    yield f"compared-maps{of_head}", PICTURE_DOTS, lambda: draw_sheet(slices.compared_grids(examples, head))
    yield "compared-rollout", PICTURE_DOTS, lambda: draw_sheet(slices.compared_rollouts(examples))


def _shown_examples(
    profiles: Mapping[str, AttentionProfile], examples: Mapping[str, AttentionExample]
) -> dict[str, AttentionExample]:
    found = {name: examples.get(name) or AttentionExample.of_profile(profile) for name, profile in profiles.items()}
    return {name: example for name, example in found.items() if example is not None}


def _save(drawing: Drawing, folder: Path, formats: Sequence[str]) -> list[Path]:
    name, dots, draw = drawing
    figure = draw()
    paths = [folder / f"{name}.{suffix}" for suffix in formats]
    for path in paths:
        save_figure(figure, path, dots)
    return paths


def _check(profiles: Mapping[str, AttentionProfile], formats: Sequence[str]) -> None:
    if not profiles:
        raise UserError("Figures are drawn of at least one profile", "none", "Give a model's profile.")
    check_formats(formats)
    files = [file_name(name) for name in profiles]
    if len(set(files)) < len(files):
        raise UserError("Each model has a name of its own", ", ".join(profiles), "Rename one of them.")


def check_formats(formats: Sequence[str]) -> None:
    """Refuse a format in which no figure is written.

    Raises:
        UserError: One of them is none of png, svg and pdf.
    """
    if unknown := [name for name in formats if name not in FORMATS]:
        raise UserError("A figure is a png, svg or pdf file", ", ".join(unknown), "Choose among these three.")
