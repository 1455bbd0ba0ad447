from trimformer.training.batches import EpochSampler


def order(sampler: EpochSampler, epoch: int) -> list[int]:
    sampler.set_epoch(epoch)
    return list(sampler)


def test_every_slice_comes_once_an_epoch_in_an_order_that_seed_and_epoch_decide() -> None:
    sampler, again, other = EpochSampler(20, seed=1), EpochSampler(20, seed=1), EpochSampler(20, seed=2)
    assert sorted(order(sampler, 0)) == list(range(20))
    assert order(sampler, 3) == order(again, 3)
    assert len({tuple(order(sampler, 0)), tuple(order(sampler, 1)), tuple(order(other, 0))}) == 3
