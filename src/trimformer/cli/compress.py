"""`trimformer compress`."""

from pathlib import Path
from typing import Annotated

import typer

from trimformer.cli.terminal import JsonOption, print_json, progress_bars, say
from trimformer.records.choices import Decoder, Recovery


def compress(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The trained run to make smaller.")],
    blocks: Annotated[
        str, typer.Option(help="Which blocks to keep: 3 or first3, last3, 0,3,7, or auto: as many as choose said.")
    ],
    decoder: Annotated[
        Decoder | None, typer.Option(help="The decoder of the smaller model; by default the run's.")
    ] = None,
    weights: Annotated[
        Recovery,
        typer.Option(
            help="Where its weights come from: what the run began from, the run, the run which also teaches, nowhere."
        ),
    ] = "inherited",
    epochs: Annotated[int | None, typer.Option(help="Epochs to train it; by default the run's.")] = None,
    changes: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a setting, as for train.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Run folder; by default beside the run.")] = None,
    json: JsonOption = False,
) -> None:
    """Make a run's model smaller and train it again."""
    from trimformer.records.run_folder import RunFolder

    folder = RunFolder.open(run)
    from trimformer.compression.chosen_blocks import chosen_blocks
    from trimformer.compression.compress import compressed_experiment, own_blocks
    from trimformer.training import train

    kept = chosen_blocks(blocks, folder, own_blocks(folder))
    overrides = [*(changes or ()), *([] if epochs is None else [f"training.epochs={epochs}"])]
    experiment = compressed_experiment(folder, kept, decoder, weights, overrides)
    with progress_bars(shown=not json) as progress:
        smaller = train(experiment, out or folder.path.parent / experiment.name, progress)
    if json:
        print_json({"run": str(smaller.path), "num_blocks": len(kept), "blocks": list(kept)})
        return
    say(f"Weights at the start: {smaller.manifest()['weights']['summary']}")
    say(f"Compressed: {smaller.path}\nNext: trimformer compare {folder.path} {smaller.path}")
