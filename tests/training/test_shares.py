import pytest

from trimformer.training.shares import BatchesInTurn, share_of_batches

ORDER = [7, 3, 1, 0, 9, 4, 8, 2, 6, 5]


@pytest.mark.parametrize("processes", [1, 2, 4])
def test_the_shares_of_every_batch_are_the_batch_of_one_process(processes: int) -> None:
    shares = [share_of_batches(ORDER, 4, rank, processes) for rank in range(processes)]
    own = 4 // processes
    joint = [draw for start in (0, own) for share in shares for draw in share[start : start + own]]
    assert joint == ORDER[:8], "the incomplete third batch is left out"


def test_an_incomplete_batch_is_left_out_unless_it_is_the_only_one() -> None:
    assert share_of_batches(ORDER[:7], 8, 0, 1) == ORDER[:7]
    assert [share_of_batches(ORDER[:7], 4, rank, 2) for rank in range(2)] == [[7, 3], [1, 0]]


@pytest.mark.parametrize(("processes", "turns"), [(1, 4), (2, 2), (3, 2), (8, 1)])
def test_whole_batches_are_dealt_in_turn_and_each_counts_once(processes: int, turns: int) -> None:
    counted = []
    for rank in range(processes):
        sampler = BatchesInTurn(ORDER, 3, rank, processes)
        batches = list(sampler)
        assert len(batches) == len(sampler) == turns
        counted += [(turn, rank, batch) for turn, batch in enumerate(batches) if sampler.counts(turn)]
    assert [batch for *_, batch in sorted(counted)] == [[7, 3, 1], [0, 9, 4], [8, 2, 6], [5]]


def test_a_process_without_a_batch_of_its_own_sees_one_that_does_not_count() -> None:
    sampler = BatchesInTurn([0, 1], 3, rank=2, processes=3)
    assert list(sampler) == [[0, 1]]
    assert not sampler.counts(0)
