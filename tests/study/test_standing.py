from pathlib import Path

import pytest

from trimformer.study.standing import Standing, read_standing, standing_told_in


def test_a_run_tells_how_far_it_is_until_it_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("trimformer.study.standing.time.monotonic", lambda: now)
    file = tmp_path / "standing.json"
    assert read_standing(file) is None
    with standing_told_in(file) as progress:
        assert read_standing(file) == Standing("preparing", 0, 1, 0.0, None)
        now = 110.0
        progress("training a", 30, 80)  # resumed: 30 steps were done before
        assert read_standing(file) == Standing("training a", 30, 80, 10.0, None)
        now = 110.9
        progress("training a", 31, 80)
        assert read_standing(file) == Standing("training a", 30, 80, 10.0, None), "told too often"
        now = 120.0
        progress("training a", 40, 80)  # 10 steps in 10 seconds, and 40 to go
        assert read_standing(file) == Standing("training a", 40, 80, 20.0, 40.0)
        now = 120.1
        progress("evaluating a", 1, 3)
        assert read_standing(file) == Standing("evaluating a", 1, 3, 20.1, None)
    assert read_standing(file) is None


def test_it_is_not_told_in_halves_and_never_stops_a_run(tmp_path: Path) -> None:
    file = tmp_path / "standing.json"
    for text in ("", "{", "[]", '{"task": "training"}'):
        file.write_text(text)
        assert read_standing(file) is None
    no_folder = tmp_path / "standing.json" / "standing.json"
    with standing_told_in(no_folder) as progress:
        progress("training", 1, 2)
    with pytest.raises(KeyError), standing_told_in(file):
        raise KeyError
    assert not file.exists()
