from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimformer.data.splitting.draw import draw_folds, draw_stratified, split_patients
from trimformer.data.splitting.sides import refuse_overlap
from trimformer.records.errors import UserError

PATIENTS = [f"p{index:02d}" for index in range(20)]
SIZES = {"training": 12, "selection": 2, "validation": 6}


def test_every_patient_is_on_one_side() -> None:
    split = split_patients(PATIENTS, SIZES, seed=0)
    assert {side: len(ids) for side, ids in split.items()} == SIZES
    assert sorted(patient for side in split.values() for patient in side) == PATIENTS


def test_the_seed_decides_and_the_order_does_not() -> None:
    split = split_patients(PATIENTS, SIZES, seed=0)
    assert split_patients(PATIENTS[::-1], SIZES, seed=0) == split
    assert split_patients(PATIENTS, SIZES, seed=1) != split


@pytest.mark.parametrize("sizes", [{"a": 20, "b": 0}, {"a": 12, "b": 9}, {"a": 12, "b": 7}])
def test_sizes_that_do_not_use_up_the_patients_are_refused(sizes: dict[str, int]) -> None:
    with pytest.raises(UserError, match="at least one patient"):
        split_patients(PATIENTS, sizes, seed=0)


def test_a_patient_on_two_sides_is_named() -> None:
    with pytest.raises(UserError, match="found p1, p3"):
        refuse_overlap([["p1", "p2", "p3"], ["p3", "p1"]])


groups = st.dictionaries(st.text("abcdef", min_size=1), st.sampled_from(["P", "N", ""]), min_size=2, max_size=40)


@given(groups, st.data())
def test_a_stratified_draw_has_its_size_and_keeps_proportions(groups: dict[str, str], data: st.DataObject) -> None:
    count = data.draw(st.integers(1, len(groups) - 1))
    drawn = draw_stratified(groups, count, seed=data.draw(st.integers(0, 5)))
    assert len(drawn) == len(set(drawn)) == count
    assert set(drawn) <= set(groups)
    for name in set(groups.values()):
        members = [patient for patient, group in groups.items() if group == name]
        share = count * len(members) / len(groups)
        assert abs(len(set(drawn) & set(members)) - share) < 1


@given(groups, st.data())
def test_folds_hold_every_patient_once_and_differ_by_one_at_most(groups: dict[str, str], data: st.DataObject) -> None:
    folds = draw_folds(groups, data.draw(st.integers(2, len(groups))), seed=0)
    assert sorted(patient for fold in folds for patient in fold) == sorted(groups)
    for name in {None, *groups.values()}:
        sizes = [sum(name is None or groups[patient] == name for patient in fold) for fold in folds]
        assert max(sizes) - min(sizes) <= 1


@given(groups, st.randoms())
def test_the_order_of_the_patients_changes_no_draw(groups: dict[str, str], random: Random) -> None:
    shuffled = list(groups.items())
    random.shuffle(shuffled)
    assert draw_stratified(dict(shuffled), 1, seed=3) == draw_stratified(groups, 1, seed=3)
    assert draw_folds(dict(shuffled), 2, seed=3) == draw_folds(groups, 2, seed=3)


def test_emidecs_proportions_by_hand() -> None:
    patients = {f"P{index:02d}": "P" for index in range(67)} | {f"N{index:02d}": "N" for index in range(33)}
    drawn = draw_stratified(patients, 20, seed=0)
    assert sum(patient.startswith("P") for patient in drawn) == 13  # 13.4 of 67
    assert sum(patient.startswith("N") for patient in drawn) == 7  # 6.6 of 33
    assert draw_stratified(patients, 20, seed=1) != drawn


@pytest.mark.parametrize("count", [0, 2, 3])
def test_a_draw_that_leaves_nobody_is_refused(count: int) -> None:
    with pytest.raises(UserError, match="of 2 patients"):
        draw_stratified({"a": "", "b": ""}, count, seed=0)


def test_more_folds_than_patients_are_refused() -> None:
    with pytest.raises(UserError, match="3 folds of 2 patients"):
        draw_folds({"a": "", "b": ""}, 3, seed=0)
