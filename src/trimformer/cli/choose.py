"""`trimformer choose`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trimformer.cli.terminal import JsonOption, print_json, print_table, progress_bars, say, scaled

if TYPE_CHECKING:
    from trimformer.records.depth import DepthChoice
    from trimformer.records.run_folder import RunFolder

ALL = "all"


def choose(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder that was trained.")],
    criterion: Annotated[
        str,
        typer.Option(
            help="Who chooses: far-sighted, rule, distance, entropy, cka, block-influence, identity-ablation, "
            "causal-radius, fixed; or all, as a table. With --verify: who proposes.",
        ),
    ] = "far-sighted",
    verify: Annotated[
        bool,
        typer.Option(
            "--verify",
            help="Train the proposed depth, its neighbours, none and all for a few epochs from the run's weights, and "
            "answer the smallest that is not inferior. Run again, it goes on.",
        ),
    ] = False,
    margin: Annotated[
        float | None, typer.Option(help="With --verify: the loss of Dice that does not matter; 0.02.")
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(min=1, help="With --verify: epochs of every depth, not as many as 15 % of a sweep hold."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Choose how many blocks to keep, or say that what was measured does not tell."""
    _check(criterion, verify, margin, epochs)
    from trimformer.records.run_folder import RunFolder

    folder = RunFolder.open(run)
    if criterion == ALL:
        _choose_by_all(folder, json)
        return
    with progress_bars(shown=not json) as progress:
        if verify:
            from trimformer.depth.race.race import race
            from trimformer.evaluation.compare import MARGIN

            choice = race(
                folder, criterion, margin=MARGIN if margin is None else margin, epochs=epochs, progress=progress
            )
        else:
            from trimformer.depth.choose_run import choose_run

            choice = choose_run(folder, criterion, progress)
    if json:
        print_json(choice.model_dump(mode="json"))
    else:
        _print(choice)


def _check(criterion: str, verify: bool, margin: float | None, epochs: int | None) -> None:
    """Refuse options that would have no effect."""
    from trimformer.records.errors import UserError

    for name, value in (("margin", margin), ("epochs", epochs)):
        if value is not None and not verify:
            raise UserError(f"--{name} belongs to --verify", f"--{name} without it", "Add --verify, or leave it out.")
    if verify and criterion == ALL:
        raise UserError("One criterion proposes the depth to verify", "--criterion all", "Name one criterion.")


def _choose_by_all(folder: "RunFolder", json: bool) -> None:
    from trimformer.depth.choose_run import choose_by_all

    with progress_bars(shown=not json) as progress:
        choices = choose_by_all(folder, progress)
    if json:
        print_json({name: choice.model_dump(mode="json") for name, choice in choices.items()})
        return
    rows = [[name, *_cells(choice)] for name, choice in choices.items()]
    print_table("What each criterion chooses", ("criterion", "blocks", "threshold", "patients", "at others"), rows)
    for name, choice in choices.items():
        say(f"{name}: {choice.reason}")
    say(next(iter(choices.values())).verdict)


def _cells(choice: "DepthChoice") -> list[str]:
    threshold = choice.evidence.get("threshold", choice.evidence.get("tau"))
    return [
        "inconclusive" if choice.num_blocks is None else str(choice.num_blocks),
        f"{threshold:g}",
        str(choice.evidence.get("patients", "-")),
        _sensitivity(choice) or "-",
    ]


def _print(choice: "DepthChoice") -> None:
    from trimformer.report.formats import blocks

    say(f"Keep {blocks(choice.num_blocks)}." if choice.status == "chosen" else "Inconclusive.")
    say(choice.reason)
    for gate in choice.evidence["gates"]:
        say(f"  {_word(gate['passed'])}: {gate['name']} ({gate['detail']})")
    if "rounds" in choice.evidence:
        _print_race(choice)
    elif "tau" in choice.evidence:
        say(f"First global block at other thresholds: {_sensitivity(choice)}")
    elif choice.sensitivity:
        say(f"Depth at other thresholds: {_sensitivity(choice)}")
    say(choice.verdict)


def _print_race(choice: "DepthChoice") -> None:
    for number, of_round in enumerate(choice.evidence["rounds"], start=1):
        epochs = of_round["epochs"]
        title = f"Round {number}, {epochs} epoch{'' if epochs == 1 else 's'}"
        *others, full = sorted(of_round["depths"], key=lambda each: each["num_blocks"])
        rows = [[*_figures(each), each["verdict"]] for each in others] + [[*_figures(full), "the full depth"]]
        print_table(title, ("blocks", "Dice", "difference", "verdict"), rows)
    if (cost := choice.evidence["cost"]) is not None:
        say(_cost(cost))
        say(f"Depth at other margins: {_sensitivity(choice)}")


def _figures(standing: dict[str, Any]) -> list[str]:
    dice, difference = standing["dice"], standing["difference"]["mean"]
    return [
        str(standing["num_blocks"]),
        "-" if dice is None else f"{dice:.3f}",
        "-" if difference is None else f"{difference:+.3f}",
    ]


def _cost(cost: dict[str, Any]) -> str:
    swept = ", ".join(map(str, cost["sweep_depths"]))
    return (
        f"Cost: {cost['steps']} steps, {scaled(cost['multiply_accumulates'])} multiply-accumulates. "
        f"A sweep of {swept} blocks, {cost['sweep_epochs']} epochs each: {cost['sweep_steps']} steps, "
        f"{scaled(cost['sweep_multiply_accumulates'])}. The race is {_share(cost['share'])}."
    )


def _share(share: float) -> str:
    from trimformer.depth.race.plan import SHARE

    told = f"{100 * share:.1f} % of it"
    few = f", more than {100 * SHARE:.0f} %: the run has few epochs, or --epochs asked for many"
    return told if share <= SHARE else told + few


def _sensitivity(choice: "DepthChoice") -> str:
    return ", ".join(
        f"{threshold}: {'-' if depth is None else depth}" for threshold, depth in choice.sensitivity.items()
    )


def _word(passed: bool | None) -> str:
    return "not checked" if passed is None else ("passed" if passed else "failed")
