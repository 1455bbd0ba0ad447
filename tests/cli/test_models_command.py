import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from trimformer.models import CATALOGUE, MONAI_CONTROLS

Typed = Callable[..., tuple[int, str, str]]
TINY = ("--size", "tiny", "--image-size", "64", "--blocks", "2")


@pytest.fixture
def models(trimformer: Typed, monkeypatch: pytest.MonkeyPatch) -> Typed:
    """Type `trimformer models ...` in a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    return partial(trimformer, "models")


def test_the_table_fits_and_has_a_row_for_every_model_and_trunk(models: Typed) -> None:
    code, printed, complaint = models("--blocks", 3, "--decoder", "compressed")
    assert code == 0, complaint
    assert max(map(len, printed.splitlines())) <= 80
    for row in (
        ["transunet", "41.49 M", "22.20 M", "16.17 G", "3", "yes"],
        ["cats resnet50", "53.15 M", "22.01 M", "26.95 G", "3", "yes"],
        ["cats resnet34", "37.05 M"],
        ["cats densenet121", "48.87 M"],
        ["unetr", "27.81 M"],
        ["unet", "6.50 M", "-", "2.32 G", "-", "-"],
        ["SwinUNETR", "25.14 M"],
    ):
        assert any([cell.strip() for cell in line.split("│")[1:]][: len(row)] == row for line in printed.splitlines())


def test_json_is_one_document_with_both_counts(models: Typed) -> None:
    code, printed, _ = models(*TINY, "--json")
    assert code == 0
    documents = json.loads(printed)["models"]
    assert [document["name"] for document in documents] == [
        *(name for name, entry in CATALOGUE.items() for _ in entry.trunks or (None,)),
        *MONAI_CONTROLS,
    ]
    for document in documents:
        counts = document["multiply_accumulates"]
        assert counts["by_kernel"] == counts["by_call"] > 0
        *parts, total = document["parameters"].values()
        assert sum(parts) == total
        assert document["settings"]["size"] == "tiny"
    assert documents[-1]["taps"] == []
    unetr = next(document for document in documents if document["name"] == "unetr")
    assert (unetr["taps"], unetr["token_grid"]) == ([1, 1, 2, 2], [4, 4])
    assert list(unetr["weights"]) in ([], ["transformer"])


def test_what_cannot_be_so_is_left_out_with_its_reason(models: Typed) -> None:
    code, printed, _ = models("--size", "tiny", "--image-size", 48, "--blocks", 1)
    assert code == 0
    assert "Left out: MONAI's SwinUNETR" in printed


def test_what_no_model_can_be_is_a_mistake(models: Typed) -> None:
    code, _, complaint = models("--num-classes", 1)
    assert code == 2
    assert "num_classes" in complaint


def test_a_trunk_can_be_asked_for(models: Typed) -> None:
    code, printed, _ = models(*TINY, "--trunk", "resnet34", "--json")
    assert code == 0
    trunks = [document["settings"]["trunk"] for document in json.loads(printed)["models"]]
    assert trunks == [None, "resnet34", None, None, None, None, None, None]


def test_one_model_in_detail_with_its_drawing(models: Typed, tmp_path: Path) -> None:
    figure = tmp_path / "figures" / "cats.svg"
    code, printed, complaint = models(
        "cats", "--blocks", 3, "--decoder", "compressed", "--trunk", "resnet34", "--figure", figure
    )
    assert code == 0, complaint
    assert "37,046,020" in printed
    assert "both counts agree" in printed
    assert str(figure.resolve()) in printed.replace("\n", "")
    assert "37.0 M parameters" in figure.read_text(encoding="utf-8")


def test_one_model_as_json_tells_the_figure(models: Typed, tmp_path: Path) -> None:
    code, printed, _ = models(
        "unetr", *TINY, "--patch-size", 8, "--num-classes", 2, "--json", "--figure", tmp_path / "u.png"
    )
    document = json.loads(printed)
    assert code == 0
    assert (document["token_grid"], document["settings"]["num_classes"]) == ([8, 8], 2)
    assert document["figure"] == str(tmp_path / "u.png")
    assert (tmp_path / "u.png").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["unetrr"], ["unetrr", "transunet"]),
        (["unetr", "--blocks", "13"], ["num_blocks", "13"]),
        (["unetr", "--image-size", "100"], ["multiple of 16", "100"]),
        (["unetr", "--trunk", "resnet50"], ["trunk", "cats"]),
        (["unetr", "--figure", "drawing.gif"], [".png, .svg or .pdf", "drawing.gif"]),
        (["unetr", "--figure", "file/drawing.png"], ["writable", "drawing.png"]),
        (["--figure", "drawing.png"], ["one model", "drawing.png"]),
    ],
    ids=" ".join,
)
def test_a_users_mistake_is_one_message_and_exit_code_2(
    models: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    code, printed, complaint = models(*arguments)
    assert (code, printed) == (2, "")
    assert all(word in complaint for word in words)
    assert "Traceback" not in complaint
