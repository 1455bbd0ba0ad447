"""Tables for a person at a terminal, and for a file."""

import pytest

from trimformer.cli.terminal import print_table

NAME = "a-name-of-a-run-that-is-longer-than-any-terminal-of-eighty-columns-" + "x" * 80


def test_in_a_file_no_cell_is_folded(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    print_table("Runs", ("name", "Dice"), [(NAME, "0.9")])
    printed = capsys.readouterr().out
    assert NAME in printed
    assert max(map(len, printed.splitlines())) < len(NAME) + 20  # and no line is wider than the table


def test_who_asks_for_a_width_gets_it(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    print_table("Runs", ("name", "Dice"), [(NAME, "0.9")])
    assert max(map(len, capsys.readouterr().out.splitlines())) == 60
