import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from trimformer.models import create_model
from trimformer.records.errors import UserError

MODULE = """
from torch import nn

import targets_of_this_test_neighbour

not_callable = 3


def net(num_classes, in_channels, width=4):
    return nn.Sequential(nn.Conv2d(in_channels, width, 3, padding=1), nn.Conv2d(width, num_classes, 1))


def deep(num_classes, num_blocks=5):
    blocks = [nn.Conv2d(1, 1, 3, padding=1) for _ in range(num_blocks)]
    return nn.Sequential(*blocks, nn.Conv2d(1, num_classes, 1))


def told_everything(**words):
    network = net(words["num_classes"], words["in_channels"])
    network.words = words
    return network


class Network(nn.Conv2d):
    def __init__(self, in_channels, num_classes):
        super().__init__(in_channels, num_classes, 1)


def raises(num_classes):
    raise ValueError("no network today")


def no_network(num_classes):
    return num_classes


def half(num_classes):
    return nn.Conv2d(1, num_classes, 1, stride=2)


from os import system
"""


@pytest.fixture(autouse=True)
def _in_the_users_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "targets_of_this_test.py").write_text(MODULE)
    (tmp_path / "targets_of_this_test_neighbour.py").write_text("")
    (tmp_path / "targets_of_this_test_broken.py").write_text("import nowhere_to_be_found")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield
    for name in [name for name in sys.modules if name.startswith("targets_of_this_test")]:
        del sys.modules[name]


def own(factory: str, **settings: Any) -> Any:
    return create_model(target=f"targets_of_this_test:{factory}", **{"num_classes": 3, "image_size": 16, **settings})


def test_a_factory_gets_the_words_that_it_takes_and_the_options() -> None:
    network = own("net", in_channels=2, options={"width": 7}).network
    assert [tuple(layer.weight.shape) for layer in network] == [(7, 2, 3, 3), (3, 7, 1, 1)]
    assert own("Network", in_channels=2).network.weight.shape == (3, 2, 1, 1)


def test_a_factory_of_any_words_gets_all_of_them() -> None:
    words = {"num_classes": 3, "in_channels": 1, "image_size": 16}
    assert own("told_everything").network.words == words
    assert own("told_everything", num_blocks=2, options={"depth": 1}).network.words == words | {
        "num_blocks": 2,
        "depth": 1,
    }


@pytest.mark.parametrize(("num_blocks", "built"), [(None, 5), (2, 2), (0, 0), (15, 15)])
def test_the_number_of_blocks_is_the_factorys_unless_it_is_given(num_blocks: int | None, built: int) -> None:
    model = own("deep", num_blocks=num_blocks)
    assert len(model.network) == built + 1
    assert model.settings["num_blocks"] == num_blocks


def test_the_settings_rebuild_it() -> None:
    settings = own("net", options={"width": 5}).settings
    assert settings == {
        "name": None, "target": "targets_of_this_test:net", "num_classes": 3, "num_blocks": None, "decoder": None,
        "size": None, "image_size": 16, "patch_size": None, "in_channels": 1, "trunk": None, "options": {"width": 5},
        "kept_blocks": None,
    }  # fmt: skip
    assert create_model(**settings).settings == settings


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("targets_of_this_test", "A target is package.module:factory"),
        (":net", "A target is package.module:factory"),
        ("targets_of_this_test:missing", "must be a function or class; found nothing of that name"),
        ("targets_of_this_test:not_callable", "found a int"),
        ("targets_of_this_test_broken:net", "found ModuleNotFoundError: No module named 'nowhere_to_be_found'"),
        ("nowhere_to_be_found:net", "importable, installed or from the current folder"),
        ("targets_of_this_test:raises", "must return a network; found ValueError: no network today"),
        ("targets_of_this_test:no_network", "must return an nn.Module; found int"),
        ("targets_of_this_test:half", r"into logits \(1, 3, 16, 16\); found \(1, 3, 8, 8\)"),
        ("os:system", "which is of os"),
        ("builtins:eval", "which is of builtins"),
        ("torch.hub:load", "which is of torch"),
        ("targets_of_this_test:system", "which is of posix"),
    ],
)
def test_what_is_no_network_is_told(target: str, told: str) -> None:
    with pytest.raises(UserError, match=told):
        create_model(target=target, num_classes=3, image_size=16)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"num_blocks": 3}, "has no argument num_blocks; found num_blocks = 3"),
        ({"num_blocks": -1}, "num_blocks must be a whole number from 0 on"),
        ({"options": {"hight": 3}}, "unexpected keyword argument 'hight'"),
        ({"trunk": "resnet50"}, "trunk can be chosen for cats only"),
        ({"name": "unet"}, "either a name or a target"),
        ({"target": None}, "either a name or a target; found neither"),
    ],
)
def test_settings_that_do_not_fit_a_target_are_told(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError, match=told):
        create_model(**{"target": "targets_of_this_test:net", "num_classes": 3, "image_size": 16, **settings})
