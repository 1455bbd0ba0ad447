from importlib.util import find_spec

import pytest

from trimformer.records.errors import UserError
from trimformer.records.tracking import TrackingSettings
from trimformer.training.tracking import extra
from trimformer.training.tracking.extra import refuse_missing_extra


def test_a_library_that_is_missing_is_named_with_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extra, "find_spec", lambda name: None if name == "mlflow" else find_spec(name))
    refuse_missing_extra(TrackingSettings(tensorboard=True))
    with pytest.raises(UserError, match=r"found mlflow not installed\. Run pip install 'trimformer\[tracking\]'"):
        refuse_missing_extra(TrackingSettings(tensorboard=True, mlflow="http://host"))


def test_who_asks_for_nothing_needs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extra, "find_spec", lambda _: None)
    refuse_missing_extra(TrackingSettings())
