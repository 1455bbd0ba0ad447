import json
from dataclasses import asdict
from pathlib import Path

import pytest

from trimformer.records.experiment import Experiment
from trimformer.records.history import write_history
from trimformer.study.execute import Outcome
from trimformer.study.plan import Job
from trimformer.study.standing import Standing
from trimformer.study.watch import RunView, Watch

ROWS = [
    {"epoch": float(epoch), "train_loss": 1.0, "selection_loss": 1.0, "selection_dice": dice, "seconds": 60.0}
    for epoch, dice in enumerate((0.5, 0.75, 0.7))
]


def test_every_run_is_seen_as_its_folder_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("trimformer.study.watch.time.monotonic", lambda: now)
    jobs = [Job(name, Experiment(name=name), tmp_path / name) for name in ("done", "begun", "new", "broken")]
    for job in jobs:
        job.folder.mkdir()
    write_history(jobs[0].folder / "history.csv", ROWS)
    write_history(jobs[1].folder / "history.csv", ROWS[:1])
    watch = Watch(jobs)
    assert [view.state for view in watch.views()] == ["waiting"] * 4
    jobs[1].standing_file.write_text(json.dumps(asdict(Standing("training begun", 3, 10, 30.0, 70.0))))
    now = 1.0
    watch.views()
    now = 6.0
    assert watch.end(Outcome("done", None)) == RunView("done", "done", "", 3, 80, 0.75, 180.0, None)
    watch.end(Outcome("broken", "It broke."))
    assert watch.views() == [
        RunView("done", "done", "", 3, 80, 0.75, 180.0, None),
        RunView("begun", "running", "training 30%", 1, 80, 0.5, 35.0, 65.0),
        RunView("new", "waiting", "", 0, 80, None, None, None),
        RunView("broken", "failed", "It broke.", 0, 80, None, None, None),
    ]
    now = 126.0
    assert watch.views()[1].task == "training 30%, silent for 2 min"
