import pytest

from trimformer.records.errors import UserError
from trimformer.study.faults import Fault, noting, refuse


def test_without_faults_nothing_is_refused() -> None:
    refuse([])


def test_a_single_fault_is_told_as_it_is_with_its_runs() -> None:
    faults = [Fault(f"run{index}", UserError("A rule", "a value", "Do this.")) for index in range(5)]
    with pytest.raises(UserError) as refused:
        refuse(faults)
    error = refused.value
    assert (error.rule, error.found, error.next_step) == (
        "A rule",
        "a value, in run0, run1, run2 and 2 more",
        "Do this.",
    )


def test_all_faults_are_told_each_with_its_runs() -> None:
    faults: list[Fault] = []
    for run, value in (("a", "x"), ("b", "y"), ("c", "x")):
        with noting(faults, run):
            raise UserError("A rule", value, "Do this.")
    with pytest.raises(UserError) as refused:
        refuse(faults)
    assert refused.value.found.splitlines() == [
        "2 faults",
        "    a, c: A rule; found x. Do this.",
        "    b: A rule; found y. Do this.",
    ]


def test_only_mistakes_of_users_are_noted() -> None:
    with pytest.raises(ZeroDivisionError), noting([], "a"):
        _ = 1 / 0
