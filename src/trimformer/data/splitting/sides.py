"""Who is on which side: by a user's file, by folds, by a published list, or by a draw, in this order."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from trimformer.data.rules import LISTED
from trimformer.data.splitting.draw import draw_folds, draw_stratified
from trimformer.data.splitting.file import read_split
from trimformer.data.splitting.roster import Roster, Split
from trimformer.records.errors import UserError
from trimformer.records.settings import DataSettings

VALIDATION_SHARE = 0.2
"""Of a dataset that has no published list: EMIDEC's 20 of 100."""


def deal_sides(roster: Roster, settings: DataSettings) -> Split:
    """The patients of every side, sorted; selection patients are drawn from training where nobody named them.

    Raises:
        UserError: A listed patient is not there, one stands on two sides, there are too few for three sides, or the
            user's file names other than the number of selection patients that was asked for.
    """
    split = _training_and_validation(roster, settings)
    refuse_overlap(split.values())
    if "selection" in split:
        _refuse_two_numbers(split["selection"], settings)
        return split
    groups = {patient: roster.groups[patient] for patient in split["training"]}
    selection = draw_stratified(groups, settings.selection_patients, settings.split_seed)
    training = tuple(patient for patient in split["training"] if patient not in selection)
    return {"training": training, "selection": selection, "validation": split["validation"]}


def refuse_overlap(sides: Iterable[Sequence[str]]) -> None:
    """Check that every patient stands on one side, once.

    Raises:
        UserError: Names the patients that stand twice.
    """
    counts = Counter(patient_id for side in sides for patient_id in side)
    twice = sorted(patient_id for patient_id, count in counts.items() if count > 1)
    if twice:
        raise UserError(
            "A patient is on one side of a split, once", ", ".join(twice), "Take those patients off one side."
        )


def _refuse_two_numbers(selection: Sequence[str], settings: DataSettings) -> None:
    """A number that was left out is the default's, and asks for nothing."""
    asked, left_out = settings.selection_patients, DataSettings.model_fields["selection_patients"].default
    if settings.split is not None and asked not in {left_out, len(selection)}:
        raise UserError(
            "A file of sides that names selection patients decides how many they are",
            f"data.selection_patients = {asked}, and {len(selection)} in {settings.split}",
            "Leave data.selection_patients out, or edit the file.",
        )


def _training_and_validation(roster: Roster, settings: DataSettings) -> Split:
    if settings.split is not None:
        split = read_split(Path(settings.split), settings.fold)
        _check_there(roster, split.values(), settings.split)
        return split
    if settings.folds is not None:
        return _fold(roster, settings.folds, settings.fold, settings.split_seed)
    if roster.listed:
        _check_there(roster, roster.listed.values(), f"the published list of {roster.dataset}")
        return dict(roster.listed)
    count = max(1, round(VALIDATION_SHARE * len(roster.members)))
    return _rest_trains(roster, draw_stratified(roster.groups, count, settings.split_seed))


def _fold(roster: Roster, folds: int, fold: int, seed: int) -> Split:
    if fold >= folds:
        raise UserError("data.fold counts from 0 and stays below data.folds", f"{fold} of {folds}", "Lower data.fold.")
    return _rest_trains(roster, draw_folds(roster.groups, folds, seed)[fold])


def _rest_trains(roster: Roster, validation: tuple[str, ...]) -> Split:
    training = tuple(sorted(set(roster.patient_ids) - set(validation)))
    return {"training": training, "validation": validation}


def _check_there(roster: Roster, sides: Iterable[Sequence[str]], source: str) -> None:
    there = set(roster.patient_ids)
    missing = sorted({patient for side in sides for patient in side} - there)
    if missing:
        raise LISTED.broken(source, f"no labelled case {', '.join(missing)}")
