"""`trimformer study`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trimformer.cli.compared import print_comparison
from trimformer.cli.judged import print_judgement
from trimformer.cli.run_table import shown
from trimformer.cli.terminal import JsonOption, duration, print_json, print_table, progress_bars, say, scaled

if TYPE_CHECKING:
    from trimformer.records.judgement import Judgement
    from trimformer.records.progress import Progress
    from trimformer.records.study_results import StudyResults
    from trimformer.study.estimate import RunEstimate, StudyEstimate
    from trimformer.study.execute import Executor
    from trimformer.study.plan import Plan

PARTLY_FAILED = 3

COLUMNS = ("run", "parameters", "operations", "epochs × steps", "time", "state")

TITLE = "{study}: {runs} runs. Operations are multiply-accumulates of one slice."


def study(  # noqa: PLR0917 - options, which are typed by name
    file: Annotated[Path, typer.Argument(metavar="STUDY.toml", help="The study file.")],
    out: Annotated[Path | None, typer.Option(help="Folder for the runs and the report; by default study-NAME.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the runs and what they would cost.")] = False,
    changes: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a setting of every run.")
    ] = None,
    root: Annotated[
        list[str] | None, typer.Option(metavar="DATASET=DIR", help="The folder of a dataset; once for each.")
    ] = None,
    only: Annotated[
        str | None, typer.Option(metavar="PATTERN", help="Only runs of such names, and what they need: 'ibsr18-*'.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Runs at a time on this machine; by default 1.")
    ] = None,
    ray: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Run on a Ray cluster: host:port, auto, or local.")
    ] = None,
    cpus_per_run: Annotated[int | None, typer.Option(min=1, help="With --ray: CPUs of one run; by default 1.")] = None,
    gpus_per_run: Annotated[
        float | None,
        typer.Option(min=0, help="With --ray: GPUs of one run, 0.5 for two on one; by default 1 if there are any."),
    ] = None,
    retries: Annotated[int, typer.Option(min=0, help="How often a run goes on whose process or machine was lost.")] = 3,
    judge: Annotated[
        bool,
        typer.Option(
            "--judge",
            help="Then ask every criterion of depth about the deepest runs, and hold the answers against the Dice of "
            "all depths.",
        ),
    ] = False,
    keep_undertrained: Annotated[
        bool,
        typer.Option("--keep-undertrained", help="With --judge: judge runs that were still learning as well."),
    ] = False,
    json: JsonOption = False,
) -> None:
    """Train, evaluate and compare a list of runs; what is done is not done again."""
    _refuse_options(workers, ray, cpus_per_run, gpus_per_run)
    _refuse_judging(judge, keep_undertrained, dry_run)
    from trimformer.records.study import read_study

    read = read_study(file)
    folder = out or Path(f"study-{read.name}")
    roots = _roots(root or [])
    from trimformer.study.plan import plan_study

    plan = plan_study(read, folder, overrides=changes or (), roots=roots, only=only)
    if judge:
        from trimformer.depth.judgement.judge import sweeps_to_judge

        sweeps_to_judge(plan)  # before anything is trained
    if dry_run:
        _estimate(plan, json)
    else:
        from trimformer.study.cluster import Share, on_ray
        from trimformer.study.processes import on_this_machine

        share = Share(cpus_per_run or 1, gpus_per_run)
        executor = on_ray(ray, share, retries) if ray else on_this_machine(workers or 1, retries)
        _run(plan, executor, json, _Judging(judge, keep_undertrained))


def _refuse_options(workers: int | None, ray: str | None, cpus: int | None, gpus: float | None) -> None:
    from trimformer.records.errors import UserError

    if ray and workers:
        raise UserError(
            "--workers counts the runs of this machine, and on a cluster as many run as there is room for",
            f"--workers {workers} with --ray {ray}",
            "Leave one out, or give each run its share with --cpus-per-run and --gpus-per-run.",
        )
    if not ray and (cpus or gpus is not None):
        raise UserError(
            "--cpus-per-run and --gpus-per-run are shares of a cluster",
            "no --ray",
            "Type --ray local for this machine, or --workers N, which share it evenly.",
        )


def _refuse_judging(judge: bool, keep_undertrained: bool, dry_run: bool) -> None:
    from trimformer.records.errors import UserError

    if judge and dry_run:
        raise UserError("What is judged was trained", "--judge with --dry-run", "Leave one of them out.")
    if keep_undertrained and not judge:
        raise UserError("--keep-undertrained belongs to --judge", "no --judge", "Add --judge, or leave it out.")


def _roots(given: list[str]) -> dict[str, str]:
    from trimformer.records.errors import UserError

    roots = {}
    for text in given:
        dataset, equals, folder = text.partition("=")
        if not (dataset and equals and folder):
            raise UserError("--root takes DATASET=DIR", text, "Write, say, --root ibsr18=/data/IBSR18.")
        roots[dataset] = folder
    return roots


def _estimate(plan: "Plan", json: bool) -> None:
    from trimformer.study.estimate import estimate_study

    with progress_bars(shown=not json) as progress:
        estimate = estimate_study(plan, progress)
    if json:
        print_json(estimate.document())
        return
    print_table(TITLE.format(study=estimate.study, runs=len(estimate.runs)), COLUMNS, map(_row, estimate.runs))
    for problem in estimate.problems:
        say(f"Not known without data: {problem}")
    say(_told(estimate))


def _row(run: "RunEstimate") -> list[str]:
    return [
        run.name,
        "-" if run.parameters is None else f"{run.parameters:,}",
        "-" if run.multiply_accumulates is None else scaled(run.multiply_accumulates),
        f"{run.epochs} × {'-' if run.steps_per_epoch is None else run.steps_per_epoch}",
        "-" if run.seconds is None else duration(run.seconds),
        run.state,
    ]


def _told(estimate: "StudyEstimate") -> str:
    unknown = sum(run.seconds is None for run in estimate.runs)
    if unknown == len(estimate.runs):
        return "No time can be told without the slices to train on: give their folder with --root DATASET=DIR."
    but = f" ({unknown} runs without data left out)" if unknown else ""
    return (
        f"In all {duration(estimate.seconds)} of training{but}, if every step takes as long as one of its model took"
        " here just now, a run at a time. Evaluation is left out."
    )


@dataclass(frozen=True)
class _Judging:
    """Whether criteria are held against the runs at the end, and whether those still learning count."""

    wanted: bool
    keep_undertrained: bool


def _run(plan: "Plan", execute: "Executor", json: bool, judging: _Judging) -> None:
    from trimformer.report import write_pages
    from trimformer.study.run import run_study

    with progress_bars(shown=not json) as progress:
        results = run_study(plan, progress, execute if json else shown(execute, plan))
        page = write_pages(plan.folder)
        judgement = _judge(plan, judging, progress) if judging.wanted else None
    if json:
        told = {} if judgement is None else {"judgement": judgement.model_dump(mode="json")}
        print_json(results.model_dump(mode="json") | told)
    else:
        _tell(plan, results)
        say(f"Report: {page.resolve()}")
        if judgement is not None:
            print_judgement(judgement)
            say(f"Judgement: {(plan.folder / 'judgement.json').resolve()}, and CSV and figures beside it")
    not_asked = {job.name for job in plan.jobs} - set(plan.selected)
    if any(failure.run not in not_asked for failure in results.failed):
        raise typer.Exit(PARTLY_FAILED)


def _judge(plan: "Plan", judging: _Judging, progress: "Progress") -> "Judgement":
    from trimformer.depth.judgement.judge import judge_study
    from trimformer.report.judgement.write import write_judgement

    judgement = judge_study(plan, keep_undertrained=judging.keep_undertrained, progress=progress)
    write_judgement(plan.folder, judgement)
    return judgement


def _tell(plan: "Plan", results: "StudyResults") -> None:
    from trimformer.records.words import some_of

    for comparison in results.comparisons:
        print_comparison(plan.folder / comparison.folder)
    failed = {failure.run for failure in results.failed}
    missing = [job.name for job in plan.jobs if not job.is_done and job.name not in failed]
    if missing:
        say(f"Not run yet, and so in no table: {some_of(missing)}")
    for failure in results.failed:
        say(f"Failed: {failure.run}: {failure.problem}")
