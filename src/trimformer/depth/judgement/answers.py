"""What every criterion answers for a run: asked once, kept in its folder, and asked again when it is measured again."""

from trimformer.depth.choose_run import choose_by_all
from trimformer.depth.criteria.catalogue import CRITERIA
from trimformer.depth.judgement.measure import is_measured, last_measured, measure_missing
from trimformer.records.depth import DepthChoice, read_choices
from trimformer.records.progress import Progress, silent
from trimformer.records.run_folder import RunFolder


def answers_of(run: RunFolder, progress: Progress = silent) -> dict[str, DepthChoice]:
    """The choice of every criterion of the catalogue; what they read is measured where it is missing.

    Raises:
        UserError: The run has no weights, or what lies in its folder is damaged.
    """
    if not is_measured(run):
        measure_missing(run, progress)
        return choose_by_all(run, progress)
    file = run.criteria_file
    is_newer = file.exists() and file.stat().st_mtime_ns >= last_measured(run)
    kept = read_choices(file) if is_newer else {}
    return kept if _are_of_this_catalogue(kept) else choose_by_all(run, progress)


def _are_of_this_catalogue(choices: dict[str, DepthChoice]) -> bool:
    """Whether they are of these criteria with these thresholds; another version may have asked others."""
    told = {name: (choice.criterion, _threshold(choice)) for name, choice in choices.items()}
    return told == {name: (criterion.title, criterion.threshold) for name, criterion in CRITERIA.items()}


def _threshold(choice: DepthChoice) -> float | None:
    return choice.evidence.get("threshold", choice.evidence.get("tau"))
