"""`examples/answers_counted.py`: answers for riddles in, how often each criterion was right out."""

import csv
import importlib
from pathlib import Path
from types import ModuleType

import pytest

from trimformer.depth.criteria.catalogue import CRITERIA


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, found as Python finds it."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "examples"))
    return importlib.import_module("answers_counted")


def _table(file: Path, runs: dict[tuple[str, int], dict[str, str]]) -> Path:
    """Answers by hops and seed; a criterion that is not named answers 2."""
    lines = [",".join(("run", "hops", "blocks", "seed", *CRITERIA))]
    for (hops, seed), answers in runs.items():
        told = [answers.get(name, "2") for name in CRITERIA]
        lines.append(",".join((f"hops-{hops}-12-seed{seed}", hops, "12", str(seed), *told)))
    file.write_text("\n".join(lines) + "\n")
    return file


def _counted(example: ModuleType, *files: Path) -> dict[str, dict[str, str]]:
    out = files[0].with_name("counted.csv")
    assert example.main([*map(str, files), "--out", str(out)]) == 0
    return {row["criterion"]: row for row in csv.DictReader(out.read_text().splitlines())}


def test_answers_are_held_against_what_the_hops_take(example: ModuleType, tmp_path: Path) -> None:
    right = {("0", seed): {"far-sighted": "0", "rule": "1"} for seed in range(3)}
    right |= {("3", seed): {"far-sighted": "2", "rule": "1", "entropy": "-"} for seed in range(3)}
    rows = _counted(example, _table(tmp_path / "answers.csv", right))
    default = rows["far-sighted"]
    assert [default[title] for title in ("models", "right", "within_one", "too_few", "too_many")] == list("66600")
    assert [default[title] for title in ("seeds", "seeds_right", "default_better")] == list("330")
    all_of_three = 0.025 ** (1 / 3)  # in closed form
    assert float(default["seeds_right_low"]) == pytest.approx(all_of_three, abs=5e-4)
    rule = rows["rule"]
    assert [rule[title] for title in ("right", "within_one", "too_few", "too_many", "seeds_right")] == list("06330")
    assert (rule["default_better"], rule["default_worse"], rule["p_value"]) == ("3", "0", "0.2500")  # 2 / 2^3
    assert rows["entropy"]["too_many"] == "6"  # inconclusive keeps all twelve


def test_a_seed_in_which_the_default_was_worse_counts_against_it(example: ModuleType, tmp_path: Path) -> None:
    runs = {("1", 0): {"far-sighted": "1"}, ("1", 1): {"far-sighted": "0", "rule": "1"}}
    rule = _counted(example, _table(tmp_path / "answers.csv", runs))["rule"]
    assert (rule["default_better"], rule["default_worse"], rule["p_value"]) == ("1", "1", "1.0000")


def test_tables_of_several_machines_are_counted_together(example: ModuleType, tmp_path: Path) -> None:
    one = _table(tmp_path / "one.csv", {("0", 0): {}})
    other = _table(tmp_path / "other.csv", {("0", 1): {}, ("-", 1): {}})
    assert _counted(example, one, other)["rule"]["models"] == "2"  # not the real patients


@pytest.mark.parametrize(
    ("made", "complaint"),
    [
        ({("0", 0): {"rule": "one"}}, "invalid literal"),
        ({("-", 0): {}}, "at least must hold runs of the phantom"),
        (None, "answers_together.py"),
    ],
)
def test_what_cannot_be_counted_is_one_message(
    example: ModuleType,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    made: dict[tuple[str, int], dict[str, str]] | None,
    complaint: str,
) -> None:
    file = tmp_path / "answers.csv"
    if made is not None:
        _table(file, made)
    assert example.main([str(file), "--out", str(tmp_path / "counted.csv")]) == 2
    assert complaint in capsys.readouterr().err
    assert not (tmp_path / "counted.csv").exists()


def test_a_table_that_cannot_be_written_is_one_message(
    example: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = _table(tmp_path / "answers.csv", {("0", 0): {}})
    assert example.main([str(file), "--out", str(file / "counted.csv")]) == 2
    told = capsys.readouterr()
    assert "counted.csv" in told.err
    assert not told.out


def test_a_run_told_twice_is_not_counted_twice(
    example: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = _table(tmp_path / "answers.csv", {("0", 0): {}})
    assert example.main([str(file), str(file)]) == 2
    assert "hops-0-12-seed0 is there twice" in capsys.readouterr().err
