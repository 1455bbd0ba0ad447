"""Which figures there are of one model, and of several, and how each is drawn."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from matplotlib.figure import Figure

from trimformer.records.attention_example import FIELD_NAMES, AttentionExample
from trimformer.records.measured_run import MeasuredRun
from trimformer.records.profile import AttentionProfile
from trimformer.report.attention import between, charts, effective_field, remaining, slices
from trimformer.report.attention.paper import CHART_DOTS, PICTURE_DOTS, main_region, regions
from trimformer.report.attention.relevance import relevance
from trimformer.report.attention.sheets import Sheet, draw_sheet


@dataclass(frozen=True)
class Drawing:
    """One figure: its file's name without suffix, how it is drawn, and the dots an inch of its PNG."""

    file: str
    draw: Callable[[], Figure]
    dots: int = CHART_DOTS


@dataclass(frozen=True)
class Model:
    """What is known of one model, by the name that stands on its figures."""

    name: str
    profile: AttentionProfile
    example: AttentionExample | None
    measured: MeasuredRun


def of_one(model: Model, blocks: Sequence[int], head: int | None) -> Iterator[Drawing]:
    """The figures of one model; grids and heads of the named blocks as figures of their own."""
    name, profile = model.name, model.profile
    yield Drawing("distance-by-head", partial(charts.distance_by_head, profile, name, main_region(profile)))
    for region in regions(profile):
        yield Drawing(f"measures-{region}", partial(charts.measures, profile, name, region))
        yield Drawing(f"rollout-measures-{region}", partial(charts.fields, profile, name, region))
    yield from _of_measured(name, model.measured)
    if model.example is not None:
        yield from _of_example(name, model.example, blocks, head)


def of_several(models: Sequence[Model], head: int | None) -> Iterator[Drawing]:
    """What compares models; their maps only where all show the same slice."""
    yield Drawing("compared-measures", partial(charts.compared_measures, {each.name: each.profile for each in models}))
    radii = {each.name: each.measured.causal_radius for each in models if each.measured.causal_radius}
    skipped = {each.name: each.measured.skipped_blocks for each in models if each.measured.skipped_blocks}
    if len(radii) > 1 or len(skipped) > 1:
        yield Drawing("compared-remaining-dice", partial(remaining.compared_remaining, radii, skipped))
    examples = {each.name: each.example for each in models if each.example is not None}
    first = next(iter(examples.values()), None)
    if first is None or len(examples) < len(models) or not all(map(first.shows_the_slice_of, examples.values())):
        return
    yield _sheet(f"compared-maps{_of_head(head)}", partial(slices.compared_grids, examples, head))
    yield _sheet("compared-rollout", partial(slices.compared_rollouts, examples))


def _of_measured(name: str, measured: MeasuredRun) -> Iterator[Drawing]:
    if measured.receptive_field is not None:
        yield Drawing("receptive-field", partial(effective_field.far_field, measured.receptive_field, name))
        yield _sheet("receptive-field-maps", partial(effective_field.field_maps, measured.receptive_field, name))
    if measured.similarity is not None:
        yield Drawing("similarity", partial(between.similarity, measured.similarity, name))
    if measured.organs is not None:
        yield Drawing("organs", partial(between.organs, measured.organs, name))
    if measured.causal_radius is not None:
        yield Drawing("causal-radius", partial(remaining.causal_radius, measured.causal_radius, name))
    if measured.skipped_blocks is not None:
        yield Drawing("first-blocks", partial(remaining.skipped_blocks, measured.skipped_blocks, name))


def _of_example(name: str, example: AttentionExample, blocks: Sequence[int], head: int | None) -> Iterator[Drawing]:
    shown = slices.paper_blocks(example.num_blocks)
    yield _sheet(f"maps{_of_head(head)}", partial(slices.grids, name, example, shown, head))
    for block in blocks:
        yield _sheet(f"maps-block-{block}{_of_head(head)}", partial(slices.one_grid, name, example, block, head))
        if example.has_heads:
            yield _sheet(f"heads-block-{block}", partial(slices.all_heads, name, example, block))
    field = next(field for field in FIELD_NAMES if field in example.fields)
    yield _sheet("rollout", partial(slices.rollouts, name, example, field))
    if example.relevance:
        yield _sheet("relevance", partial(relevance, name, example))
    if len(example.components):
        yield _sheet("feature-maps", partial(slices.feature_maps, name, example))


def _sheet(file: str, make: Callable[[], Sheet]) -> Drawing:
    return Drawing(file, lambda: draw_sheet(make()), PICTURE_DOTS)


def _of_head(head: int | None) -> str:
    return "" if head is None else f"-head-{head}"
