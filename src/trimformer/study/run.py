"""A study from its plan to its results."""

from contextlib import closing

from trimformer.records.progress import Progress, silent
from trimformer.records.study_results import StudyResults
from trimformer.study.check import refuse_impossible
from trimformer.study.comparisons import compare_study
from trimformer.study.execute import Executor
from trimformer.study.plan import Plan
from trimformer.study.processes import on_this_machine


def run_study(plan: Plan, progress: Progress = silent, execute: Executor | None = None) -> StudyResults:
    """Train and evaluate the selected runs that are not done yet, then compare all that are.

    A run that fails does not stop the rest: its reason is kept in failure.txt in its folder, and the results name it.

    Args:
        plan: What to do.
        progress: Told every step before and after the runs.
        execute: Who executes the runs; by default this machine, one at a time.

    Raises:
        UserError: A run cannot be: its settings break a rule or describe no model, its data are not there or broken.
            Every fault of every run is told, and nothing has run.
    """
    refuse_impossible(plan, progress)
    waiting = [job for job in plan.to_execute if not job.is_done]
    for job in waiting:
        job.standing_file.unlink(missing_ok=True)  # of a process that was killed
    with closing((execute or on_this_machine())(waiting)) as outcomes:
        problems = {outcome.name: outcome.problem for outcome in outcomes if outcome.problem is not None}
    return compare_study(plan, problems, progress)
