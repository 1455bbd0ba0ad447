"""What docs/reading-attention.md quotes is what examples/reading_attention prints and draws."""

import re
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reading-attention.md").read_text()
TOLERANCE = 0.02
"""Random weights and sums differ a little from machine to machine."""


@pytest.fixture(scope="module")
def example() -> Any:
    """The modules of the example, found as `python examples/reading_attention` finds them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(ROOT / "examples/reading_attention"), *sys.path])
        yield {name: import_module(name) for name in ("lamp_measured", "told", "drawn")}


@pytest.fixture(scope="module")
def measured(example: Any) -> Any:
    return example["lamp_measured"].measured_lamp()


@pytest.fixture(scope="module")
def printed(example: Any, measured: Any) -> list[str]:
    return list(example["told"].all_lines(measured))


def test_the_page_quotes_every_line_that_is_printed(printed: list[str]) -> None:
    quoted = [line for block in re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
    assert sorted(map(_words, quoted)) == sorted(map(_words, printed))
    told = {_words(line): _numbers(line) for line in printed}
    for line in quoted:
        assert _numbers(line) == pytest.approx(told[_words(line)], abs=TOLERANCE, rel=1e-3), line


def test_the_numbers_in_the_sentences_are_printed(printed: list[str]) -> None:
    sentences = re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL)
    known = [number for line in printed for number in _numbers(line)]
    spoken = [float(number) for number in re.findall(r"\b\d+\.\d+\b", sentences)]
    assert len(spoken) > 10
    for number in spoken:
        assert min(abs(number - each) for each in known) < TOLERANCE, number


def test_every_picture_of_the_page_is_drawn(example: Any, measured: Any, tmp_path: Path) -> None:
    shown = set(re.findall(r"images/(attention-\w+\.png)", PAGE))
    example["drawn"].draw_all(tmp_path, measured, dots=30)
    assert {path.name for path in tmp_path.iterdir()} == shown
    kept = list((ROOT / "docs/images").glob("attention-*.png"))
    assert {path.name for path in kept} == shown
    assert sum(path.stat().st_size for path in kept) < 1.5e6


def test_the_snippet_of_the_page_runs() -> None:
    (snippet,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    known: dict[str, Any] = {}
    exec(snippet, known)
    assert known["recording"].maps["blocks.0"].shape == (2, 3, 16, 16)
    assert known["profile"].model["all/distance_mm"].shape == (1, 2, 3)


def _words(line: str) -> str:
    """A line without its measured numbers: whole numbers (block 1, sigma 2, 16 mm) tell which line it is."""
    return re.sub(r"\d+\.\d+", "#", " ".join(line.split()))


def _numbers(line: str) -> list[float]:
    return [float(number) for number in re.findall(r"\d+\.\d+", line)]
