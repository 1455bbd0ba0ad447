"""The depth of a trained run, chosen from what was measured of it and written into its folder."""

from trimformer.depth.criteria.catalogue import CRITERIA, DEFAULT, criterion_named
from trimformer.depth.run_measures import MeasuresOfRun
from trimformer.depth.verdict import still_learning, unraced
from trimformer.records.depth import DepthChoice
from trimformer.records.errors import UserError
from trimformer.records.files import write_json
from trimformer.records.history import change_over_last_third, read_history
from trimformer.records.progress import Progress, silent
from trimformer.records.run_folder import RunFolder


def choose_run(run: RunFolder, criterion: str = DEFAULT, progress: Progress = silent) -> DepthChoice:
    """Choose by one criterion of the catalogue and write the choice into the run's folder.

    Raises:
        UserError: There is no such criterion, or what it reads is missing and dear, damaged, or of other blocks.
    """
    choice = _told(criterion_named(criterion).choose(MeasuresOfRun(run, progress)), run)
    choice.save(run.depth_file)
    return choice


def choose_by_all(run: RunFolder, progress: Progress = silent) -> dict[str, DepthChoice]:
    """Choose by every criterion of the catalogue, and write all choices into the folder; `depth.json` is the default's.

    A criterion that cannot read what it needs is inconclusive, and its reason says why.

    Raises:
        UserError: The default criterion cannot read what it needs.
    """
    measures = MeasuresOfRun(run, progress)
    choices = {name: _told(_answer(name, measures), run) for name in CRITERIA}
    write_json(run.criteria_file, {name: choice.model_dump(mode="json") for name, choice in choices.items()})
    choices[DEFAULT].save(run.depth_file)
    return choices


def _answer(name: str, measures: MeasuresOfRun) -> DepthChoice:
    criterion = CRITERIA[name]
    try:
        return criterion.choose(measures)
    except UserError as error:
        if name == DEFAULT:
            raise
        return DepthChoice(
            status="inconclusive",
            num_blocks=None,
            reason=str(error),
            criterion=criterion.title,
            evidence={"threshold": criterion.threshold, "gates": []},
            sensitivity={},
        )


def _told(choice: DepthChoice, run: RunFolder) -> DepthChoice:
    said = (unraced(choice.evidence.get("patients")), still_learning(_last_change(run)))
    return choice.model_copy(update={"verdict": " ".join(filter(None, said))})


def _last_change(run: RunFolder) -> float | None:
    if not run.history_file.is_file():
        return None
    return change_over_last_third(read_history(run.history_file)["selection_dice"])
