from collections.abc import Callable

import pytest

Typed = Callable[..., tuple[int, str, str]]

STARTED = {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0", "MASTER_ADDR": "localhost", "MASTER_PORT": "29500"}


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """As torchrun starts one of two processes."""

    def start(rank: int) -> None:
        for name, value in (STARTED | {"RANK": str(rank)}).items():
            monkeypatch.setenv(name, value)

    return start


def test_a_command_of_one_process_is_refused_before_the_others_are_waited_for(
    started: Callable[[int], None], trimformer: Typed
) -> None:
    started(0)
    code, out, complained = trimformer("study", "study.toml")
    assert (code, out) == (2, "")
    assert "study in 2 processes" in complained
    assert "without torchrun or srun" in complained


def test_the_first_process_alone_speaks(started: Callable[[int], None], trimformer: Typed) -> None:
    started(1)
    assert trimformer("study", "study.toml") == (2, "", "")
    code, out, complained = trimformer("--version")
    assert (code, out, complained) == (0, "", "")
