"""The explorer in real Chromium: clicked, typed at, and its numbers compared with those of the record."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_explorer import made_explorer
from playwright.sync_api import Browser, Page
from test_page_in_browser import EVERY_VIEW, LOW_CONTRAST, browser

from trimformer.records.explorer import Explorer
from trimformer.report.explorer import write_explorer

__all__ = ["browser"]  # a fixture

UNNAMED = """() => [...document.querySelectorAll('button, select, input, canvas:not([aria-hidden])')]
  .filter(node => !(node.getAttribute('aria-label') || node.labels?.length || node.textContent.trim()))
  .map(node => node.outerHTML)"""


@pytest.fixture(scope="module")
def record() -> Explorer:
    return made_explorer()


@pytest.fixture(scope="module")
def explorer_file(record: Explorer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_explorer(tmp_path_factory.mktemp("explorer") / "explorer.html", record)


class Opened:
    """A page that is ready, and what it said and asked for."""

    def __init__(self, page: Page, address: str, ready: str = " mm far") -> None:
        self.page = page
        self.noise: list[str] = []
        page.on("console", lambda message: self.noise.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: self.noise.append(f"error: {error}"))
        file = address.partition("#")[0]
        page.on("request", lambda request: self._asked(request.url, file))
        page.goto(address)
        # Not wait_for_function: the page's policy forbids to evaluate text.
        page.locator("#words", has_text=re.compile(ready)).wait_for()

    def _asked(self, url: str, file: str) -> None:
        if url.partition("#")[0] != file and not url.startswith("data:"):
            self.noise.append(url)

    def settled(self) -> str:
        """What the page says once it is at rest; the address has followed."""
        self.page.wait_for_timeout(250)
        return self.page.inner_text("#words")

    def click_patch(self, row: int, column: int) -> str:
        box = self.page.locator("#large").bounding_box()
        assert box
        place = (column - 0.5) * box["width"] / 6, (row - 0.5) * box["height"] / 6
        self.page.locator("#large").click(position={"x": place[0], "y": place[1]})
        return self.settled()

    def cells(self, column: int) -> list[str]:
        return self.page.locator(f"#numbers tbody tr > :nth-child({column})").all_inner_texts()

    def values(self) -> list[str]:
        return self.page.locator(".panel .value").all_inner_texts()


@pytest.fixture(params=EVERY_VIEW, ids=[f"{width}-{scheme}" for width, scheme in EVERY_VIEW])
def view(request: pytest.FixtureRequest, browser: Browser, explorer_file: Path) -> Iterator[Opened]:
    width, scheme = request.param
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    yield Opened(context.new_page(), explorer_file.resolve().as_uri())
    context.close()


@pytest.fixture
def opened(browser: Browser, explorer_file: Path) -> Iterator[Opened]:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    yield Opened(page, explorer_file.resolve().as_uri())
    page.close()


def distances(record: Explorer, attention: np.ndarray, query: int, without: tuple[int, ...] = ()) -> list[float]:
    """Mean distance in mm of one query in (blocks, queries, keys), key by key, in float64."""
    found = []
    for rows in attention.astype(np.float64):
        weights = [0.0 if key in without else rows[query, key] for key in range(36)]
        far = [np.hypot((key // 6 - query // 6) * 8.0, (key % 6 - query % 6) * 12.0) for key in range(36)]
        found.append(sum(w * d for w, d in zip(weights, far, strict=True)) / sum(weights))
    assert len(found) == record.num_blocks
    return found


def test_it_is_quiet_readable_and_fits(view: Opened) -> None:
    page = view.page
    assert view.click_patch(3, 4).startswith(
        "Block 1, mean of 2 heads. The patch in row 3, column 4 (inner <b>disc</b>)"
    )
    for change in ("#view=relevance&depth=0&sinks=removed", "#page=40"):
        page.evaluate("address => { location.hash = address; }", change)
        view.settled()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.evaluate(LOW_CONTRAST) == []
        assert page.evaluate(UNNAMED) == []
    assert view.noise == []
    assert "attention is not a reason" in page.inner_text("header")


def test_a_click_shows_the_numbers_of_that_patch_for_every_block(opened: Opened, record: Explorer) -> None:
    words, query = opened.click_patch(2, 5), 10
    expected = distances(record, record.slices[0].maps.mean(axis=1), query)
    assert opened.values() == [f"{value:.1f} mm" for value in expected]
    assert opened.cells(2) == [f"{value:.1f}" for value in expected]
    mean = record.slices[0].maps[0].astype(np.float64).mean(axis=0)
    assert f"looks {expected[0]:.1f} mm far" in words
    assert f"{100 * mean[query, query]:.1f}\u00a0% stays on the patch itself" in words
    assert f"the largest weight, {100 * mean[query].max():.1f}\u00a0%" in words
    uniform = np.mean([np.hypot((key // 6 - 1) * 8.0, (key % 6 - 4) * 12.0) for key in range(36)])
    assert opened.cells(3) == [f"{value / uniform:.2f}" for value in expected]
    mean_maps = record.slices[0].maps.mean(axis=1)
    everywhere = np.mean([distances(record, mean_maps, place) for place in range(36)], axis=0)
    assert opened.cells(6) == [f"{value:.1f}" for value in everywhere]
    assert record.profile_distance_mm is not None
    assert opened.cells(7) == [f"{row.mean():.1f}" for row in record.profile_distance_mm]


def test_head_block_rollout_and_sinks_are_chosen(opened: Opened, record: Explorer) -> None:
    page, shown = opened.page, record.slices[0]
    opened.click_patch(4, 4)
    page.select_option("#head", label="Head 2")
    page.locator(".panel").nth(2).click()
    assert opened.settled().startswith("Block 3, head 2. ")
    assert opened.values() == [f"{value:.1f} mm" for value in distances(record, shown.maps[:, 1], 21)]
    page.get_by_label("Sinks removed").check()
    assert "1 sink patch is taken away" in opened.settled()
    assert opened.values() == [f"{value:.1f} mm" for value in distances(record, shown.maps[:, 1], 21, without=(0,))]
    page.get_by_label("Sinks removed").uncheck()
    page.get_by_label("Rollout").check()
    assert opened.settled().startswith("Rollout after block 3. ")
    assert page.is_disabled("#head")
    assert opened.values() == [f"{value:.1f} mm" for value in distances(record, shown.rollout, 21)]


def test_the_keyboard_moves_the_patch_the_block_and_the_slice(opened: Opened) -> None:
    page = opened.page
    opened.click_patch(1, 1)
    for key in ("ArrowUp", "ArrowRight", "ArrowDown", "ArrowRight", "ArrowLeft", "]", "]", "]", "["):
        page.keyboard.press(key)
    assert opened.settled().startswith("Block 2, mean of 2 heads. The patch in row 2, column 2 ")
    page.keyboard.press("PageDown")
    page.keyboard.press("PageDown")
    opened.settled()
    assert page.input_value("#slice") == "2"
    assert page.is_disabled("#next")
    assert page.inner_text("#live") == page.inner_text("#words")


def test_pointing_shows_a_patch_and_leaving_brings_the_chosen_one_back(opened: Opened) -> None:
    chosen = opened.click_patch(3, 3)
    box = opened.page.locator("#large").bounding_box()
    assert box
    opened.page.mouse.move(box["x"] + box["width"] - 4, box["y"] + box["height"] - 4)
    assert "row 6, column 6" in opened.settled()
    opened.page.mouse.move(2, 2)
    assert opened.settled() == chosen


def test_the_address_reproduces_the_view(opened: Opened, browser: Browser) -> None:
    page = opened.page
    opened.click_patch(5, 2)
    page.select_option("#slice", "2")
    page.select_option("#head", "1")
    page.select_option("#outlines", "labels")
    page.select_option("#window", "soft")
    page.locator(".panel").nth(1).click()
    page.locator("#depth").fill("1")
    words = opened.settled()
    again = browser.new_page(viewport={"width": 1280, "height": 900})
    other = Opened(again, page.url)
    assert other.settled() == words
    pixels = "document.getElementById('large').toDataURL()"
    assert again.evaluate(pixels) == page.evaluate(pixels)
    assert again.input_value("#depth") == "1"
    again.close()


def test_a_wrong_address_is_read_as_far_as_it_makes_sense(explorer_file: Path, browser: Browser) -> None:
    page = browser.new_page()
    wrong = "#slice=9&patch=7.99&block=-3&view=<b>&head=zero&depth=1e9&window=x&overlay=&outlines=all"
    opened = Opened(page, explorer_file.resolve().as_uri() + wrong)
    assert opened.settled().startswith("Block 1, mean of 2 heads. The patch in row 4, column 4 ")
    assert opened.noise == []
    page.evaluate("location.hash = '#block=2&patch=1.6'")
    assert opened.settled().startswith("Block 2, mean of 2 heads. The patch in row 1, column 6 ")
    page.close()


def test_the_depth_slider_tells_the_dice_of_that_depth(opened: Opened, record: Explorer) -> None:
    shown, page = record.slices[0], opened.page
    assert shown.labels is not None
    told = []
    for prediction in shown.predictions:
        pairs = [(prediction == value, shown.labels == value) for value in (1, 2)]
        told.append(f"{np.mean([2 * (a & b).sum() / (a.sum() + b.sum()) for a, b in pairs]):.3f}")
    whole = page.locator("#large").evaluate("canvas => canvas.toDataURL()")
    assert page.inner_text("#depth-words") == f"The prediction of the whole model: Dice {told[3]} on this slice."
    page.locator("#depth").focus()
    page.keyboard.press("ArrowLeft")
    opened.settled()
    assert page.inner_text("#depth-words") == (
        f"The prediction with the blocks after 2 skipped, not trained again: Dice {told[2]} on this slice; "
        f"the whole model has {told[3]}."
    )
    assert page.inner_text("#depth-value") == "2 of 3"
    assert page.locator("#large").evaluate("canvas => canvas.toDataURL()") != whole


def test_sides_scale_and_colours_are_those_of_the_slice(opened: Opened, record: Explorer) -> None:
    page = opened.page
    sides = {name: page.inner_text(f".side.{name}") for name in ("left", "right", "top", "bottom")}
    assert sides == {"left": "R", "right": "L", "top": "A", "bottom": "P"}
    box = page.locator("#large").bounding_box()
    assert box
    assert box["width"] / box["height"] == pytest.approx(1.5, rel=0.01)
    assert page.inner_text("#bar") == "20 mm"
    bar = page.locator("#bar i").bounding_box()
    assert bar
    assert bar["width"] / box["width"] == pytest.approx(20 / (48 * 1.5), rel=0.03)
    opened.click_patch(6, 6)
    page.select_option("#outlines", "none")
    page.locator("#overlay").fill("100")
    page.mouse.move(2, 2)
    opened.settled()
    brightness = page.evaluate(
        """() => { const canvas = document.getElementById('large'), pixels = canvas.getContext('2d');
        return Array.from({length: 36}, (_, key) => pixels.getImageData((key % 6 + 0.5) * canvas.width / 6,
          (Math.floor(key / 6) + 0.5) * canvas.height / 6, 1, 1).data.slice(0, 3).reduce((a, b) => a + b)); }"""
    )
    weights = record.slices[0].maps[0].mean(axis=0)[35]
    assert int(np.argmax(brightness)) == int(np.argmax(weights))
    assert brightness[0] > brightness[5]  # the sink against a corner as far away


def test_relevance_of_each_class_is_shown_for_every_block(opened: Opened, record: Explorer) -> None:
    page, relevance = opened.page, record.slices[0].relevance
    assert relevance is not None
    page.get_by_label("Relevance").check()
    words = opened.settled()
    distance, uniform = relevance.distance_mm[0], relevance.uniform_mm[0]
    assert words.startswith("Relevance for outer ring, after block 1. ")
    assert (
        f"lies {distance[0]:.1f} mm far from them on average; if all patches spoke alike it were {uniform:.1f}" in words
    )
    assert opened.values() == [f"{value:.1f} mm" for value in distance]
    assert opened.cells(3) == [f"{value / uniform:.2f}" for value in distance]
    most = relevance.patches[0, 0].argmax()
    assert f"row {most // 6 + 1}, column {most % 6 + 1}, has {100 * relevance.patches[0, 0, most]:.1f}" in words
    assert not page.is_visible("#head")
    page.get_by_label("Class").select_option(label="inner <b>disc</b>")
    assert "nothing to trace back" in opened.settled()
    assert opened.values() == ["– mm"] * 3
    assert opened.noise == []


def test_a_volume_is_paged_through(opened: Opened, record: Explorer) -> None:
    page, volume = opened.page, record.volumes["sub-01"]
    assert page.input_value("#page") == "30"
    page.locator("#page").focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert opened.settled() == (
        "Slice 29 of 60 of sub-01: image and outlines alone. "
        "Of this volume, slices 31 and 32 have attention to look at."
    )
    assert page.inner_text("#page-value") == "29 of 60"
    assert not page.is_visible("#panels")
    assert page.is_disabled("#depth")
    page.select_option("#outlines", "none")
    opened.settled()
    centre = "canvas => [...canvas.getContext('2d').getImageData(canvas.width / 2, canvas.height / 2, 1, 1).data]"
    low, high = np.percentile(np.stack([shown.image for shown in record.slices[:2]]), (1, 99.5))
    grey = 255 * (volume.low + volume.images[28, 12, 12] / 255 * (volume.high - volume.low) - low) / (high - low)
    assert page.locator("#large").evaluate(centre)[0] == pytest.approx(grey, abs=2)
    address = page.url
    page.locator("#large").focus()
    page.keyboard.press("PageDown")
    assert "mm far" in opened.settled()
    assert page.input_value("#slice") == "0"
    page.keyboard.press(".")
    assert "mm far" in opened.settled()
    assert page.input_value("#slice") == "1"
    page.goto("about:blank")
    assert Opened(page, address, "image and outlines alone").settled().startswith("Slice 29 of 60 ")
    page.select_option("#slice", "2")
    assert "mm far" in opened.settled()
    assert not page.is_visible("#page")  # that patient's volume is not there
    assert opened.noise == []


def test_hostile_names_stay_text(record: Explorer, browser: Browser, tmp_path: Path) -> None:
    hostile = "<img src=x onerror=alert(1)>"
    slices = tuple(replace(shown, patient_id=hostile) for shown in record.slices[:2])
    volumes = {hostile: record.volumes["sub-01"]}
    file = write_explorer(
        tmp_path / "hostile.html", Explorer(hostile, hostile, {1: hostile, 2: "'\"><script>"}, slices, None, volumes)
    )
    page = browser.new_page()
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    opened = Opened(page, file.resolve().as_uri())
    opened.click_patch(1, 3)
    page.get_by_label("Relevance").check()
    assert hostile in opened.settled()
    page.locator("#page").fill("3")
    assert hostile in opened.settled()
    assert page.locator("img").count() == 0
    assert opened.noise == []
    page.close()


def test_what_a_foreign_network_cannot_show_is_said_and_cannot_be_chosen(
    record: Explorer, browser: Browser, tmp_path: Path
) -> None:
    slices = tuple(replace(shown, relevance=None, predictions=shown.predictions[-1:]) for shown in record.slices)
    foreign = replace(record, slices=slices, left_out=("Relevance is left out: no gradient.",))
    page = browser.new_page()
    opened = Opened(page, write_explorer(tmp_path / "foreign.html", foreign).resolve().as_uri())
    assert page.is_visible("text=Relevance is left out: no gradient.")
    assert page.get_by_label("Relevance").is_disabled()
    assert page.is_disabled("#depth")
    assert page.inner_text("#depth-words").startswith("The prediction of the whole model: Dice ")
    assert opened.noise == []
    page.close()


def test_slices_without_labels_and_a_single_one_are_shown(
    record: Explorer,
    browser: Browser,
    tmp_path: Path,
) -> None:
    alone = replace(record, slices=(replace(record.slices[0], labels=None),), profile_distance_mm=None)
    page = browser.new_page()
    opened = Opened(page, write_explorer(tmp_path / "alone.html", alone).resolve().as_uri())
    assert "The patch in row 4, column 4 looks " in opened.settled()
    assert page.is_disabled("#previous")
    assert page.is_disabled("#next")
    assert page.inner_text("#depth-words") == "The prediction of the whole model."
    assert opened.noise == []
    page.close()
