"""The depth of a trained run, chosen from what was measured of it and written into its folder."""

from trimformer.depth.criteria.catalogue import CRITERIA, DEFAULT, criterion_named
from trimformer.depth.criteria.criterion import Criterion
from trimformer.depth.run_measures import MeasuresOfRun
from trimformer.depth.still_learning import still_learning
from trimformer.depth.verdict import unraced
from trimformer.records.depth import DepthChoice
from trimformer.records.errors import NotWritableError, UserError
from trimformer.records.files import write_json
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
        UserError: The model has no block, or no criterion at all can read what it needs.
        NotWritableError: The disk is full or the folder cannot be written.
    """
    measures, problems = MeasuresOfRun(run, progress), dict[str, UserError]()
    choices = {}
    for name, criterion in CRITERIA.items():
        try:
            choice = criterion.choose(measures)
        except NotWritableError:
            raise
        except UserError as error:
            choice, problems[name] = _inconclusive(criterion, error), error
        choices[name] = _told(choice, run)
    if all(name in problems for name, criterion in CRITERIA.items() if criterion.reads):
        raise problems[DEFAULT]
    write_json(run.criteria_file, {name: choice.model_dump(mode="json") for name, choice in choices.items()})
    choices[DEFAULT].save(run.depth_file)
    return choices


def _inconclusive(criterion: Criterion, error: UserError) -> DepthChoice:
    return DepthChoice(
        status="inconclusive",
        num_blocks=None,
        reason=str(error),
        criterion=criterion.title,
        evidence={"threshold": criterion.threshold, "gates": []},
        sensitivity={},
    )


def _told(choice: DepthChoice, run: RunFolder) -> DepthChoice:
    judges = len(run.manifest_of_data()["selection"]) if run.manifest_file.is_file() else None
    said = (unraced(judges), still_learning(run))
    return choice.model_copy(update={"verdict": " ".join(filter(None, said))})
