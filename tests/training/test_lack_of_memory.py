from pathlib import Path

import pytest
from interrupted import small_training

from trimformer.records.errors import UserError
from trimformer.training import train
from trimformer.training.memory import shortage_named


@pytest.mark.parametrize("mishap", ["memory", "gpu memory"])
def test_a_lack_of_memory_names_the_settings(tmp_path: Path, mishap: str) -> None:
    with pytest.raises(UserError, match="memory") as told:
        train(small_training({"fails_at": 1, "mishap": mishap}), tmp_path / "run")
    assert told.value.found.startswith("training.batch_size=16, data.image_size=16: ")
    for name in ("training.batch_size", "training.accumulate", "training.checkpoint_blocks", "data.image_size"):
        assert name in told.value.next_step


def test_what_helps_is_only_what_can_still_be_changed() -> None:
    with pytest.raises(UserError) as told, shortage_named(small_training(batch_size=1, checkpoint_blocks=True)):
        raise MemoryError
    assert "batch_size" not in told.value.next_step
    assert "checkpoint_blocks" not in told.value.next_step
    assert told.value.found.endswith(": MemoryError")


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(RuntimeError, match="shapes"), shortage_named(small_training()):
        raise RuntimeError("shapes differ")
