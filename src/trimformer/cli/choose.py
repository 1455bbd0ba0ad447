"""`trimformer choose`."""

from pathlib import Path
from typing import Annotated

import typer

from trimformer.cli.terminal import JsonOption, print_json, say


def choose(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder that inspect has measured.")],
    json: JsonOption = False,
) -> None:
    """Choose how many blocks to keep, or say that the profile does not tell."""
    from trimformer.records.run_folder import RunFolder

    folder = RunFolder.open(run)
    from trimformer.depth.choose_run import choose_run

    choice = choose_run(folder)
    if json:
        print_json(choice.model_dump(mode="json"))
        return
    say(f"Keep {choice.num_blocks} blocks." if choice.status == "chosen" else "Inconclusive.")
    say(choice.reason)
    for gate in choice.evidence["gates"]:
        say(f"  {_word(gate['passed'])}: {gate['name']} ({gate['detail']})")
    say("First global block at other thresholds: " + ", ".join(f"{t}: {n}" for t, n in choice.sensitivity.items()))


def _word(passed: bool | None) -> str:
    return "not checked" if passed is None else ("passed" if passed else "failed")
