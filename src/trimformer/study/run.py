"""A study from its plan to its results."""

from collections.abc import Sequence

from trimformer.records.progress import Progress, silent
from trimformer.records.study_results import StudyResults
from trimformer.study.comparisons import compare_study
from trimformer.study.costs import costs_of_data, model_without_data
from trimformer.study.execute import Executor, one_after_another
from trimformer.study.plan import Job, Plan


def run_study(plan: Plan, progress: Progress = silent, execute: Executor = one_after_another) -> StudyResults:
    """Train and evaluate the selected runs that are not done yet, then compare all that are.

    A run that fails does not stop the rest: its reason is kept in failure.txt in its folder, and the results name it.

    Args:
        plan: What to do.
        progress: Told every step.
        execute: Who executes the runs.

    Raises:
        UserError: The data of a run are not there or broken, or its settings describe no model; nothing has run then.
    """
    waiting = [job for job in plan.to_execute if not job.is_done]
    _check(waiting, progress)
    outcomes = execute(waiting, progress)
    problems = {outcome.name: outcome.problem for outcome in outcomes if outcome.problem is not None}
    return compare_study(plan, problems, progress)


def _check(jobs: Sequence[Job], progress: Progress) -> None:
    """Prepare all data and make every model without its numbers: what is wrong there is told before hours of work."""
    data = costs_of_data((job.experiment.data for job in jobs), progress)
    for cost in data.values():
        if cost.error is not None:
            raise cost.error
    for job in jobs:
        model_without_data(job.experiment, data[job.experiment.data])
