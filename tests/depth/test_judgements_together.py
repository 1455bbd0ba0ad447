"""`examples/judgements_together.py`: judged folders in, tables of all their sweeps out."""

import csv
import importlib
from pathlib import Path
from types import ModuleType

import pytest
from made_judged import Costs, sweep

from trimformer.records.judgement import Judgement


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, found as Python finds it."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "examples"))
    return importlib.import_module("judgements_together")


def judged(folder: Path, task: str, costs: Costs) -> str:
    judgement = Judgement(study=task, default="rule", margin=0.02, sweeps=(sweep(task, "unetr", costs),))
    judgement.save(folder / task / "judgement.json")
    return str(folder / task)


def test_folders_of_several_studies_make_tables_and_a_figure(
    example: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = judged(tmp_path, "brain", {"0.3": (0.02, 0.0), "0.5": (0.01, 1.0)})
    other = judged(tmp_path, "phantom", {"0.3": (0.0, 1.0), "0.5": (0.03, 2.0)})
    criteria, thresholds, regrets = (tmp_path / f"{name}.csv" for name in ("criteria", "thresholds", "regrets"))
    tables = ["--criteria", str(criteria), "--thresholds", str(thresholds), "--regrets", str(regrets)]
    assert example.main([one, other, *tables, "--figure", str(tmp_path / "regrets.png")]) == 0
    told = capsys.readouterr().out
    assert "without brain (task): rule at 0.3, 0.0 blocks and regret 0.020 there, worst regret 0.000 elsewhere" in told
    assert thresholds.read_text().splitlines()[1].startswith("brain,task,rule,0.3,")
    header, line = csv.reader(criteria.read_text().splitlines())
    assert dict(zip(header, line, strict=True)) == {
        "criterion": "rule",
        "sweeps": "2",
        "answer": "1.0",
        "kept": "2.0",
        "blocks_off": "",
        "regret": "0.02",
        "worst_regret": "0.03",
        "worst_task": "phantom",
        "worst_model": "unetr",
        "tolerated": "1",
    }
    assert regrets.read_text().splitlines() == [
        "criterion,threshold,is_catalogues,blocks,regret,worst_regret",
        "rule,0.3,False,0.5,0.01,0.02",
        "rule,0.5,True,1.5,0.02,0.03",
    ]
    assert (tmp_path / "regrets.png").read_bytes().startswith(b"\x89PNG")


def test_one_folder_has_nothing_to_leave_out_and_what_was_not_judged_or_cannot_be_written_is_said(
    example: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = judged(tmp_path, "brain", {"0.5": (0.01, 1.0)})
    assert example.main([one]) == 0
    assert "nothing to leave out" in capsys.readouterr().out
    assert example.main([str(tmp_path / "nowhere")]) == 2
    assert example.main([one, "--criteria", str(Path(one) / "judgement.json" / "criteria.csv")]) == 2
    assert example.main([one, "--figure", str(tmp_path / "regrets.gif")]) == 2
