"""What a study has come to: one comparison for each data section, made of the runs that are done."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from trimformer.evaluation.compare import compare
from trimformer.evaluation.rows import Candidate
from trimformer.records.errors import UserError
from trimformer.records.progress import Progress, silent
from trimformer.records.run_folder import RunFolder
from trimformer.records.settings import DataSettings
from trimformer.records.study_results import FailedRun, StudyComparison, StudyResults
from trimformer.study.plan import Job, Plan


def compare_study(plan: Plan, problems: Mapping[str, str], progress: Progress = silent) -> StudyResults:
    """Compare the runs that are done, on the same data section each, in the order of the file.

    A run that is not done is among the failures where `problems` says why, or its folder, from an earlier time.

    A comparison's results.json lies in a folder named after its dataset, the study's own at the top. A comparison that
    its runs do not allow is named among the failures and stops nothing else.
    """
    made, refused = [], []
    for name, jobs in _by_data(plan.jobs).items():
        done = [job for job in jobs if job.is_done]
        if not done:
            continue
        try:
            _compare(done, plan.folder / name, progress)
        except UserError as error:
            refused.append(FailedRun(run=f"comparison {name}", problem=str(error)))
        else:
            made.append(StudyComparison(dataset=jobs[0].experiment.data.dataset, folder=name))
    reasons = {job.name: problems.get(job.name) or job.failure for job in plan.jobs if not job.is_done}
    failed = [FailedRun(run=name, problem=problem) for name, problem in reasons.items() if problem]
    results = StudyResults(
        study=plan.study,
        comparisons=tuple(made),
        failed=(*failed, *refused),
        done=sum(job.is_done for job in plan.jobs),
    )
    results.save(plan.folder / "results.json")
    return results


def _compare(jobs: Sequence[Job], folder: Path, progress: Progress) -> None:
    candidates = [Candidate.of(RunFolder(job.folder), is_reference=index == 0) for index, job in enumerate(jobs)]
    compare(candidates, folder, progress=progress).save(folder / "results.json")


def _by_data(jobs: Sequence[Job]) -> dict[str, list[Job]]:
    """Runs by the name of their comparison: the dataset's, with a number from the second of its sections on."""
    names: dict[DataSettings, str] = {}
    groups: dict[str, list[Job]] = {}
    for job in jobs:
        section = job.experiment.data
        if section not in names:
            count = 1 + sum(other.dataset == section.dataset for other in names)
            names[section] = section.dataset if count == 1 else f"{section.dataset}-{count}"
        groups.setdefault(names[section], []).append(job)
    return groups
