import sys
from collections.abc import Callable

import pytest

from trimformer.cli.app import main

Typed = Callable[..., tuple[int, str, str]]


@pytest.fixture
def trimformer(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Typed:
    """Type a command: its exit code, what it prints for people and what it complains."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["trimformer", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return run
