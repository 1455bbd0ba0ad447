"""`trimformer compress`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trimformer.cli.terminal import JsonOption, print_json, progress_bars, say
from trimformer.records.choices import Decoder, Recovery

if TYPE_CHECKING:
    from trimformer.records.run_folder import RunFolder


def compress(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The trained run to make smaller.")],
    blocks: Annotated[str, typer.Option(help="How many blocks to keep, or auto: what choose said.")],
    decoder: Annotated[Decoder, typer.Option(help="The decoder of the smaller model.")] = "full",
    weights: Annotated[Recovery, typer.Option(help="Where its weights come from.")] = "inherited",
    out: Annotated[Path | None, typer.Option(help="Run folder; by default beside the run.")] = None,
    json: JsonOption = False,
) -> None:
    """Make a run's model smaller and train it again."""
    from trimformer.records.run_folder import RunFolder

    folder = RunFolder.open(run)
    num_blocks = _parse_blocks(blocks, folder)
    from trimformer.compression.compress import compress as compress_run
    from trimformer.compression.compress import compressed_experiment

    name = compressed_experiment(folder, num_blocks, decoder, weights).name
    target = out or folder.path.parent / name
    with progress_bars(shown=not json) as progress:
        smaller = compress_run(folder, num_blocks, target, decoder, weights, progress)
    if json:
        print_json({"run": str(smaller.path), "num_blocks": num_blocks})
        return
    say(f"Compressed: {smaller.path}\nNext: trimformer compare {folder.path} {smaller.path}")


def _parse_blocks(blocks: str, run: "RunFolder") -> int:
    from trimformer.records.depth import DepthChoice
    from trimformer.records.errors import UserError

    if blocks.isdecimal():
        return int(blocks)
    if blocks != "auto":
        raise UserError("--blocks is a whole number or auto", repr(blocks), "Write, say, --blocks 3.")
    choice = DepthChoice.load(run.depth_file)
    if choice.num_blocks is None:
        raise UserError("--blocks auto needs a chosen depth", f"inconclusive: {choice.reason}", "Give a number.")
    return choice.num_blocks
