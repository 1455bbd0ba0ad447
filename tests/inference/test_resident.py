import os
from functools import partial

import pytest
import torch
from torch import Tensor

from trimformer.inference.predict import Network
from trimformer.inference.resident import resident_bytes, resident_growth_mb

MILLION = 1_000_000


def holding(weights_mb: int, working_mb: int, loading_mb: int) -> Network:
    """A network that holds, and for a moment needs, so many megabytes; called in the other process."""
    torch.ones(loading_mb * MILLION // 4)
    weights = torch.ones(weights_mb * MILLION // 4)

    def work(images: Tensor) -> Tensor:
        assert tuple(images.shape) == (8, 2, 16, 16)
        return images + torch.ones(working_mb * MILLION // 4)[0] + weights[0]

    return work


def ending() -> Network:
    """What a system without memory does to a process."""
    os._exit(9)


def test_a_process_grows_by_the_weights_and_the_work_but_not_by_the_loading() -> None:
    before = resident_bytes("VmRSS")
    assert resident_growth_mb(partial(holding, 100, 200, 500), 2, 16) == pytest.approx(300, abs=30)
    assert resident_bytes("VmRSS") - before < 50 * MILLION


def test_a_process_that_is_ended_has_no_figure() -> None:
    assert resident_growth_mb(ending, 2, 16) is None


def test_the_system_tells_what_this_process_holds() -> None:
    held = torch.ones(25 * MILLION)
    assert resident_bytes("VmHWM") >= resident_bytes("VmRSS") >= held.nbytes
    assert resident_bytes("VmNothing") == 0
