import time

import numpy as np
import pytest
import torch
from torch import Tensor

from trimformer.inference.latency import measure_latency
from trimformer.inference.sized_network import SizedNetwork

ROUND = [1, 1, 1, 8]
"""Slices of the passes of one round."""


class Clock:
    """A time that passes only while a network works, so that nothing here depends on the machine."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.order: list[str] = []
        monkeypatch.setattr(time, "perf_counter", lambda: self.now)
        monkeypatch.setattr("trimformer.inference.latency.PAUSE_SECONDS", 0)

    def network(self, name: str, seconds: list[float], image_size: int = 4) -> SizedNetwork:
        """Takes these seconds pass by pass, and the last of them from then on."""
        left = list(seconds)

        def work(images: Tensor) -> Tensor:
            assert tuple(images.shape[1:]) == (2, image_size, image_size)
            self.order.append(f"{name}{len(images)}")
            self.now += left.pop(0) if len(left) > 1 else left[0]
            return images

        return SizedNetwork(work, in_channels=2, image_size=image_size)


def test_latency_is_of_single_slices_and_throughput_of_batches_without_the_first_passes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    warm, rounds = [100.0, 100.0], [[0.010, 0.020, 0.040, 0.4], [0.030, 0.050, 0.060, 0.2], [0.070, 0.080, 0.090, 0.3]]
    network = Clock(monkeypatch).network("a", warm + [seconds for each in rounds for seconds in each])
    told: list[tuple[str, int, int]] = []
    [latency] = measure_latency([network], rounds=3, progress=lambda *each: told.append(each))
    assert latency.median_ms == pytest.approx(50)
    assert latency.p95_ms == pytest.approx(np.percentile([10, 20, 40, 30, 50, 60, 70, 80, 90], 95))
    assert latency.slices_per_second == pytest.approx(8 / 0.3)
    assert told[-1][1:] == (3, 3)


def test_the_networks_take_turns_pass_by_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    fast, slow = clock.network("a", [0.001]), clock.network("b", [0.01], image_size=8)
    latencies = measure_latency([fast, slow], rounds=2)
    assert clock.order == [f"{name}{count}" for count in [1, 8, *ROUND, *ROUND] for name in "ab"]
    assert [latency.median_ms for latency in latencies] == pytest.approx([1, 10])


def test_noise_is_the_same_each_time_and_leaves_the_random_state_alone() -> None:
    network = SizedNetwork(lambda images: images, in_channels=3, image_size=64)
    state = torch.random.get_rng_state()
    noise = network.noise(2)
    assert noise.shape == (2, 3, 64, 64)
    assert torch.equal(noise, network.noise(2))
    assert torch.equal(state, torch.random.get_rng_state())
    assert (float(noise.mean()), float(noise.std())) == pytest.approx((0, 1), abs=0.02)
