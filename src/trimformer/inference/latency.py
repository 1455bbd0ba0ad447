"""How long a slice takes, networks in turn in one process, so that ratios hold on a noisy machine."""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from trimformer.inference.predict import Images, Network
from trimformer.inference.sized_network import SizedNetwork
from trimformer.records.progress import Progress, silent

BATCH_SIZE = 8
"""Slices of a forward pass whose throughput is measured."""

ALONE = 3
"""Slices that go through by themselves for each batch."""

ROUNDS = 7

PAUSE_SECONDS = 0.01
"""Before each pass: threads of a library wait busily for more work for some milliseconds, and would slow the next."""


@dataclass(frozen=True)
class Latency:
    """Milliseconds of one slice by itself, median and 95th percentile, and slices a second in batches of 8."""

    median_ms: float
    p95_ms: float
    slices_per_second: float


def measure_latency(
    networks: Sequence[SizedNetwork], rounds: int = ROUNDS, progress: Progress = silent
) -> list[Latency]:
    """How long each network takes in float32, from slices in main memory to scores in main memory.

    The networks take turns slice by slice, so that a busy moment of the machine does not hit one alone. A first pass of
    each is not counted.

    Args:
        networks: What is timed, each on slices of its own size and channels.
        rounds: In each, every network takes `ALONE` slices by themselves and one batch of `BATCH_SIZE`.
        progress: Told after each round.
    """
    slices, batches = ([each.noise(count) for each in networks] for count in (1, BATCH_SIZE))
    _in_turn(networks, slices)
    _in_turn(networks, batches)
    alone, together = [], []
    for number in range(rounds):
        alone += [_in_turn(networks, slices) for _ in range(ALONE)]
        together.append(_in_turn(networks, batches))
        progress("timing models in turn", number + 1, rounds)
    return [_latency(*seconds) for seconds in zip(zip(*alone, strict=True), zip(*together, strict=True), strict=True)]


def _in_turn(networks: Sequence[SizedNetwork], images: Sequence[Tensor]) -> list[float]:
    return [_seconds(each.network, own) for each, own in zip(networks, images, strict=True)]


def _seconds(network: Network, images: Images) -> float:
    time.sleep(PAUSE_SECONDS)
    begin = time.perf_counter()
    network(images)
    return time.perf_counter() - begin


def _latency(alone: Sequence[float], together: Sequence[float]) -> Latency:
    return Latency(
        median_ms=1000 * statistics.median(alone),
        p95_ms=1000 * float(np.percentile(alone, 95)),
        slices_per_second=BATCH_SIZE / statistics.median(together),
    )
