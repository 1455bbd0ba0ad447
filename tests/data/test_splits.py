import pytest

from trimformer.data.splits import refuse_overlap, split_patients
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
        refuse_overlap({"training": ["p1", "p2", "p3"], "validation": ["p3", "p1"]})
    with pytest.raises(UserError, match="found p1"):
        split_patients(["p1", "p1"], {"a": 1, "b": 1}, seed=0)
