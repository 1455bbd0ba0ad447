"""`trimformer models`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from trimformer.cli.terminal import JsonOption, print_json, print_table, progress_bars, say, scaled
from trimformer.records.choices import Decoder

if TYPE_CHECKING:
    from trimformer.models.anatomy.facts import ModelFacts

COLUMNS = ("model", "total", "transformer", "MACs", "taps", "weights")


def models(  # noqa: PLR0917 - options, which are typed by name
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="One model, or a 2D network of MONAI; all if left out.")
    ] = None,
    blocks: Annotated[int, typer.Option(help="Transformer blocks, 0 to 12.")] = 12,
    decoder: Annotated[Decoder, typer.Option(help="The decoder of a hybrid.")] = "full",
    trunk: Annotated[
        str | None, typer.Option(help="The trunk of cats, of timm; without NAME the paper's three.")
    ] = None,
    size: Annotated[Literal["base", "small", "tiny"], typer.Option(help="How wide.")] = "base",
    patch_size: Annotated[int, typer.Option(help="16 or 8 pixels.")] = 16,
    image_size: Annotated[int, typer.Option(help="Rows = columns of a slice.")] = 224,
    num_classes: Annotated[int, typer.Option(help="Classes, background counted.")] = 4,
    figure: Annotated[Path | None, typer.Option(help="Draw the model NAME into a .png, .svg or .pdf file.")] = None,
    json: JsonOption = False,
) -> None:
    """List the models: parameters, multiply-accumulates, taps, weights; or show one of them, and draw it."""
    settings = {
        "num_classes": num_classes,
        "num_blocks": blocks,
        "decoder": decoder,
        "size": size,
        "patch_size": patch_size,
        "image_size": image_size,
    }
    if name is None:
        _check_no_figure(figure)
        _list_all(settings, trunk, json)
    else:
        _show_one(settings | {"name": name, "trunk": trunk}, figure, json)


def _check_no_figure(figure: Path | None) -> None:
    from trimformer.records.errors import UserError

    if figure is not None:
        raise UserError("A figure shows one model", f"--figure {figure} without NAME", "Say which model to draw.")


def _list_all(settings: dict[str, Any], trunk: str | None, json: bool) -> None:
    from trimformer.models import CATALOGUE, MONAI_CONTROLS
    from trimformer.models.anatomy.facts import create_without_data, model_facts
    from trimformer.records.errors import UserError

    wanted = [
        {"name": name, "trunk": one_trunk}
        for name, entry in CATALOGUE.items()
        for one_trunk in ((trunk,) if trunk and entry.trunks else entry.trunks or (None,))
    ]
    wanted += [{"name": name, "trunk": None} for name in MONAI_CONTROLS]
    facts, refused = [], []
    with progress_bars(shown=not json) as progress:
        for index, choice in enumerate(wanted, start=1):
            try:
                facts.append(model_facts(create_without_data(**settings, **choice)))
            except UserError as error:
                refused.append(error)
            progress("counting", index, len(wanted))
    if not facts:
        raise refused[0]
    if json:
        print_json({"models": [one.document() for one in facts]})
        return
    title = (
        "Parameters in all and in the transformer, multiply-accumulates of one slice, blocks that the decoder reads"
        " after, whether imagenet21k weights are published."
        f"\nSize {settings['size']}, {settings['num_blocks']} blocks, {settings['decoder']} decoder,"
        f" {settings['image_size']} pixels in patches of {settings['patch_size']}, {settings['num_classes']} classes"
    )
    print_table(title, COLUMNS, map(_row, facts))
    for reason in refused:
        say(f"Left out: {reason}")


def _row(facts: "ModelFacts") -> list[str]:
    settings = facts.settings
    return [
        " ".join(filter(None, (settings["name"], settings["trunk"]))),
        scaled(facts.parameters.total),
        scaled(facts.parameters.transformer),
        scaled(facts.operations.by_call),
        " ".join(map(str, facts.taps)) or "-",
        "yes" if facts.weights else "-",
    ]


def _show_one(settings: dict[str, Any], figure: Path | None, json: bool) -> None:
    from trimformer.report.architecture.draw import draw_architecture
    from trimformer.report.saving import check_suffix

    if figure is not None:
        check_suffix(figure)
    from trimformer.models.anatomy.description import describe_model
    from trimformer.models.anatomy.facts import create_without_data, model_facts

    model = create_without_data(**settings)
    facts = model_facts(model)
    if figure is not None:
        draw_architecture(describe_model(model), figure)
    if json:
        print_json(facts.document() | {"figure": figure and str(figure)})
        return
    print_table(_row(facts)[0], ("property", "value"), _details(facts))
    if figure is not None:
        say(f"Figure: {figure.resolve()}")


def _details(facts: "ModelFacts") -> list[tuple[str, str]]:
    document, operations = facts.document(), facts.operations
    shown = {key: value for key, value in facts.settings.items() if value not in (None, {}) and key != "name"}
    agree = "both counts agree" if operations.agree else f"{operations.by_kernel:,} counted by kernel"
    weights = [(f"imagenet21k, {part}", name) for part, name in facts.weights.items()]
    return [
        *((key.replace("_", " "), str(value)) for key, value in shown.items()),
        *((f"parameters, {part}", f"{count:,}") for part, count in document["parameters"].items() if count),
        ("multiply-accumulates a slice", f"{operations.by_call:,} ({agree})"),
        ("decoder reads after blocks", ", ".join(map(str, facts.taps)) or "-"),
        ("tokens", " × ".join(map(str, facts.token_grid or ())) or "-"),
        *(weights or [("imagenet21k", "-")]),
    ]
