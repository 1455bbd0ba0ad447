"""All figures of one or several profiles, written into a folder."""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path

import matplotlib

from trimformer.records.attention_example import AttentionExample
from trimformer.records.errors import UserError
from trimformer.records.measured_run import MeasuredRun
from trimformer.records.profile import AttentionProfile
from trimformer.records.run_folder import RunFolder
from trimformer.report.attention.drawings import Drawing, Model, of_one, of_several
from trimformer.report.attention.paper import PAPER_STYLE
from trimformer.report.saving import SUFFIXES, save_figure

FORMATS = tuple(suffix[1:] for suffix in SUFFIXES)


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
    examples, measured = examples or {}, measured or {}
    models = [
        Model(
            name, profile, examples.get(name) or AttentionExample.of_profile(profile), measured.get(name, MeasuredRun())
        )
        for name, profile in profiles.items()
    ]
    with matplotlib.rc_context(PAPER_STYLE):
        if len(models) == 1:
            return _save(of_one(models[0], blocks, head), folder, formats)
        alone = [_save(of_one(each, blocks, head), folder / file_name(each.name), formats) for each in models]
        return [*chain.from_iterable(alone), *_save(of_several(models, head), folder, formats)]


def file_name(name: str) -> str:
    """A model's name as a file may be called.

    Example:
        >>> file_name("UNETR, 12 blocks")
        'UNETR-12-blocks'
    """
    return re.sub(r"[^\w.]+", "-", name).strip("-.") or "model"


def _save(drawings: Iterable[Drawing], folder: Path, formats: Sequence[str]) -> list[Path]:
    paths = []
    for drawing in drawings:
        figure = drawing.draw()
        for suffix in formats:
            paths.append(folder / f"{drawing.file}.{suffix}")
            save_figure(figure, paths[-1], drawing.dots)
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
