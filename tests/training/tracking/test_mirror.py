from collections.abc import Mapping
from pathlib import Path

import pytest

from trimformer.records.history import COLUMNS, write_history
from trimformer.records.run_folder import RunFolder
from trimformer.training.tracking import mirror as mirror_module
from trimformer.training.tracking.mirror import Mirror
from trimformer.training.tracking.store import Status


class MadeStore:
    """Keeps what it is sent, unless it is away."""

    def __init__(self, run_id: str = "first") -> None:
        self.run_id = run_id
        self.steps: list[int] = []
        self.statuses: list[Status] = []
        self.asked: list[str | None] = []
        self.is_away = False

    def opened(self, run_id: str | None) -> "MadeStore":
        self.asked.append(run_id)
        if self.is_away:
            raise ConnectionError("connection refused\nand many lines more")
        return self

    def scalars(self, _: Mapping[str, float], step: int) -> None:
        if self.is_away:
            raise ConnectionError("gone")
        self.steps.append(step)

    def unexpected(self, *_: object) -> None:
        raise AssertionError("this run has epochs alone")

    parameters = text = table = picture = unexpected

    def flush(self) -> None:
        """What was sent is there."""

    def end(self, status: Status) -> None:
        self.statuses.append(status)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / "made")


def train_until(run: RunFolder, epochs: int) -> None:
    rows = [dict.fromkeys(COLUMNS, 0.5) | {"epoch": float(epoch)} for epoch in range(epochs)]
    write_history(run.history_file, rows)


def test_each_epoch_is_sent_once_also_by_the_next_process(run: RunFolder) -> None:
    store = MadeStore()
    mirror = Mirror(run, "a store", store.opened)
    mirror.update()
    assert store.asked == []  # nothing to send: it is not even reached
    for epochs in (1, 2, 2):
        train_until(run, epochs)
        mirror.update()
    train_until(run, 3)
    Mirror(run, "a store", store.opened).update()
    assert store.steps == [0, 1, 2]
    assert store.asked == [None, "first"]


def test_a_store_that_goes_away_is_named_once_and_gets_what_it_missed(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirror_module, "PATIENCE", 0)
    store = MadeStore()
    mirror = Mirror(run, "a store", store.opened)
    train_until(run, 1)
    mirror.update()
    store.is_away = True
    train_until(run, 2)
    with pytest.warns(
        UserWarning, match=r"a store does not take what made sends: gone\. .*\(epoch 1, and what follows"
    ):
        mirror.update()
    train_until(run, 3)
    mirror.update()  # a second warning would be an error here
    store.is_away = False
    mirror.end("FINISHED")
    assert store.steps == [0, 1, 2]
    assert store.statuses == ["FINISHED"]


def test_waiting_for_a_store_costs_a_hundredth_of_the_time(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("trimformer.training.tracking.mirror.time.monotonic", lambda: now[0])
    store = MadeStore()
    store.is_away = True

    def hangs(run_id: str | None) -> MadeStore:
        now[0] += 10
        return store.opened(run_id)

    mirror = Mirror(run, "a store", hangs)
    train_until(run, 1)
    with pytest.warns(UserWarning, match="connection refused. The run goes on"):
        mirror.update()
    for _ in range(99):
        now[0] += 10
        mirror.update()
    assert len(store.asked) == 1
    now[0] += 10
    mirror.update()
    assert len(store.asked) == 2


def test_a_store_is_told_the_end_once_and_that_the_run_goes_on(run: RunFolder) -> None:
    store = MadeStore()
    train_until(run, 1)
    for _ in range(2):
        Mirror(run, "a store", store.opened).end("FAILED")
    assert store.statuses == ["FAILED"]
    train_until(run, 2)
    Mirror(run, "a store", store.opened).update()
    Mirror(run, "a store", store.opened).end("FAILED")
    assert store.statuses == ["FAILED", "FAILED"]


def test_a_store_that_has_lost_the_run_gets_all_of_it(run: RunFolder) -> None:
    first, second = MadeStore(), MadeStore("second")
    train_until(run, 2)
    Mirror(run, "a store", first.opened).update()
    train_until(run, 3)
    Mirror(run, "a store", second.opened).update()
    assert second.asked == ["first"]
    assert second.steps == [0, 1, 2]


def test_a_damaged_note_is_a_warning(run: RunFolder) -> None:
    train_until(run, 1)
    run.tracking_file.write_text("{")
    with pytest.warns(UserWarning, match=r"tracking\.json"):
        Mirror(run, "a store", MadeStore().opened).update()
