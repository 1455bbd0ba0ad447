import pytest
import torch

from trimformer.training.precision import lightning_precision


def test_a_named_precision_is_used_as_it_is() -> None:
    assert lightning_precision("32") == "32-true"
    assert lightning_precision("bf16") == "bf16-mixed"


@pytest.mark.parametrize(("native", "expected"), [(True, "bf16-mixed"), (False, "32-true")])
def test_auto_is_bf16_only_where_the_processor_has_it(
    monkeypatch: pytest.MonkeyPatch, native: bool, expected: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: native)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    assert lightning_precision("auto") == expected
