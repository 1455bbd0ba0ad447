import pytest
import torch

from trimformer.training.deterministic import lightning_deterministic, own_mode


def test_the_mode_is_as_it_was_after_a_training() -> None:
    with own_mode():
        torch.use_deterministic_algorithms(True)
    assert not torch.are_deterministic_algorithms_enabled()


def test_a_gpu_warns_where_an_operation_has_no_such_algorithm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert lightning_deterministic(True) == "warn"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert lightning_deterministic(True) is True
    assert lightning_deterministic(False) is None
