import pytest

from trimformer.processes.share import (
    agreed,
    as_the_first_sees,
    first_alone,
    first_before_others,
    gathered,
    share_of,
    shared_out,
)
from trimformer.records.errors import FileError


@pytest.mark.parametrize(("items", "processes"), [(7, 3), (2, 4), (8, 1), (0, 2)])
def test_shares_put_together_are_all_items_in_order(items: int, processes: int) -> None:
    shares = [list(range(items))[share_of(items, rank, processes)] for rank in range(processes)]
    assert [item for share in shares for item in share] == list(range(items))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_one_process_does_everything_itself() -> None:
    told: list[tuple[int, int]] = []
    assert shared_out([3, 4], lambda item: item * item, lambda *step: told.append(step)) == [9, 16]
    assert told == [(1, 2), (2, 2)]
    done: list[str] = []
    first_alone(lambda: done.append("written"))
    assert first_before_others(lambda: "loaded") == "loaded"
    assert (done, gathered(5), as_the_first_sees(6)) == (["written"], [5], 6)


def test_one_process_raises_its_mistakes_as_they_are() -> None:
    def fail() -> None:
        raise FileError("scan.nii", "A scan has three axes", "two", "Mend it.")

    with pytest.raises(FileError):
        agreed(fail)
