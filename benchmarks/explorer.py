"""How large the explorer page is and how fast it answers in headless Chromium: `python benchmarks/explorer.py`.

Prints one line a figure: what was measured, and the bound that it is held to. Ends with 1 where a bound is broken.
"""

import argparse
import json
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

from trimformer.records.explorer import Explorer, ExplorerRelevance, ExplorerSlice, ExplorerVolume
from trimformer.report.explorer import write_explorer

FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
ROUNDS = 3
"""Of clicks; the quickest counts, since what else the machine does only ever adds."""

CLICKS = """async () => {
  const canvas = document.getElementById('large'), times = [];
  for (let click = 0; click < 40; click++) {
    const box = canvas.getBoundingClientRect(), started = performance.now();
    const place = {clientX: box.left + box.width * (click * 7 % 40) / 40, clientY: box.top + box.height * click / 40};
    canvas.dispatchEvent(new MouseEvent('click', {...place, bubbles: true}));
    await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
    times.push(performance.now() - started);
  }
  return times;
}"""
"""From the click until the frame that shows its answer has been drawn, in ms."""


@dataclass(frozen=True)
class Figure:
    """One measured value and its ceiling."""

    name: str
    value: float
    bound: float

    @property
    def holds(self) -> bool:
        """Whether the bound is kept."""
        return self.value <= self.bound

    def __str__(self) -> str:
        return f"{'ok  ' if self.holds else 'FAIL'}  {self.name}: {self.value:.2f} (<= {self.bound:g})"


def main() -> None:
    """Make maps up, write the page, open it, click, and print every figure."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--blocks", type=int, default=12, help="transformer blocks")
    arguments.add_argument("--heads", type=int, default=12, help="heads of a block")
    arguments.add_argument("--slices", type=int, default=4, help="slices on the page")
    arguments.add_argument("--deviation", type=float, default=1.0, help="of the normal scores behind the softmax")
    arguments.add_argument("--json", action="store_true", help="print one JSON document")
    given = arguments.parse_args()
    slices = tuple(made_slice(index, given.blocks, given.heads, given.deviation) for index in range(given.slices))
    record = Explorer("made up", "Random maps.", {1: "disc"}, slices, volumes={"made-up": made_volume()})
    with tempfile.TemporaryDirectory() as folder:
        page = write_explorer(Path(folder) / "explorer.html", record)
        figures = [Figure("size, MB", page.stat().st_size / 1e6, 25.0), *answers(page)]
    if given.json:
        print(json.dumps([{**vars(figure), "holds": figure.holds} for figure in figures], indent=2))
    else:
        print("\n".join(map(str, figures)))
    sys.exit(0 if all(figure.holds for figure in figures) else 1)


def made_slice(index: int, blocks: int, heads: int, deviation: float, side: int = 14) -> ExplorerSlice:
    """A slice of 224 x 224 pixels whose maps are softmaxed normal scores: hardly anything compresses worse."""
    random = np.random.default_rng(index)
    weights = np.exp(random.normal(0, deviation, (blocks, heads, side**2, side**2)).astype(np.float32))
    maps = weights / weights.sum(axis=-1, keepdims=True)
    row, column = np.indices((16 * side, 16 * side)) - 8 * side
    labels = (np.hypot(row, column) < 6 * side).astype(np.uint8)
    return ExplorerSlice(
        patient_id="made-up",
        slice_index=index,
        num_slices=100,
        image=(labels + random.normal(0, 0.2, labels.shape)).astype(np.float32),
        labels=labels,
        predictions=np.stack([np.roll(labels, depth, axis=0) for depth in range(blocks + 1)]),
        maps=maps,
        rollout=maps.mean(axis=1),
        grid_size=(side, side),
        spacing_mm=(1.0, 1.0),
        left="R",
        top="A",
        relevance=ExplorerRelevance(maps[:, 0, :1].transpose(1, 0, 2), np.ones((1, blocks)), np.ones(1)),
    )


def made_volume(slices: int = 100, side: int = 112) -> ExplorerVolume:
    """A volume of noise in six bits."""
    images = np.random.default_rng(0).integers(0, 64, (slices, side, side)).astype(np.uint8)
    return ExplorerVolume(images, 0.0, 4.0, None, (images > 60).astype(np.uint8))


def answers(page: Path) -> list[Figure]:
    """Open the page once, and click on patches all over the slice."""
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    found = next((path for name in names if (path := shutil.which(name))), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        opened = browser.new_page(viewport={"width": 1280, "height": 900})
        opened.goto(page.resolve().as_uri())
        opened.locator("#words", has_text=" mm far").wait_for()
        shown = opened.evaluate("performance.now()")
        opened.wait_for_timeout(3000)  # the other slices are unpacked meanwhile
        rounds = [opened.evaluate(CLICKS) for _ in range(ROUNDS)]
        paint = opened.evaluate(FIRST_PAINT)
        browser.close()
    return [
        Figure("first paint, s", paint / 1000, 2.0),
        Figure("attention of the first slice shown, s", shown / 1000, 4.0),
        Figure("a click answered, median, ms", min(float(np.median(times)) for times in rounds), 50.0),
        Figure("38 of 40 clicks answered, ms", min(sorted(times)[37] for times in rounds), 100.0),
    ]


if __name__ == "__main__":
    main()
