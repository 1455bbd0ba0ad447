"""The page in real Chromium: quiet, complete, readable, wide and narrow, light and dark."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from made_comparison import write_comparison
from made_paper import write_study
from playwright.sync_api import Browser, Page, sync_playwright

from trimformer.records.study_results import FailedRun
from trimformer.report import write_report, write_study_report

QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
EVERY_VIEW = [(width, scheme) for width in (1280, 400) for scheme in ("light", "dark")]

# Contrast after WCAG 2.2: relative luminance of the text's colour against the nearest opaque background.
LOW_CONTRAST = """() => {
  const parse = text => text.match(/[\\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => [r, g, b]
    .map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = node => {
    for (let at = node; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  return [...document.body.querySelectorAll('*')]
    .filter(node => [...node.childNodes].some(child => child.nodeType === 3 && child.textContent.trim()))
    .map(node => {
      const pair = [luminance(parse(getComputedStyle(node).color)), luminance(behind(node))].sort((a, b) => b - a);
      return [node.textContent.trim().slice(0, 40), (pair[0] + 0.05) / (pair[1] + 0.05)];
    })
    .filter(([, ratio]) => ratio < 4.5);
}"""

IMAGES = """() => [...document.images].map(image => {
  const box = image.getBoundingClientRect();
  return {alt: image.alt, pixels: image.naturalWidth, width: box.width, height: box.height,
          left: box.left, right: box.right};
})"""


@pytest.fixture(scope="module")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    write_comparison(folder)
    return write_report(folder)


@pytest.fixture(scope="module", params=["made_up", pytest.param("fast_demo", marks=pytest.mark.slow)])
def page(request: pytest.FixtureRequest) -> Path:
    """The report of made-up figures, and that of a real, fast demo."""
    made: Path = request.getfixturevalue(request.param)
    return made if request.param == "made_up" else made / "report.html"


def chromium_path() -> str:
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    found = next((path for name in names if (path := shutil.which(name))), None)
    assert found, f"This test opens the page in a real browser: install Chromium; none of {names} is on the PATH."
    return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=chromium_path(), args=QUIET)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module", params=EVERY_VIEW, ids=[f"{width}-{scheme}" for width, scheme in EVERY_VIEW])
def view(request: pytest.FixtureRequest, browser: Browser, page: Path) -> Iterator[tuple[Page, list[str]]]:
    """The opened page, and what it said and asked for while it opened."""
    width: int
    scheme: Literal["light", "dark"]
    width, scheme = request.param
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    opened = context.new_page()
    noise: list[str] = []
    opened.on("console", lambda message: noise.append(f"console: {message.text}"))
    opened.on("pageerror", lambda error: noise.append(f"error: {error}"))
    address = page.resolve().as_uri()
    opened.on(
        "request",
        lambda request: (
            None if request.url == address or request.url.startswith("data:") else noise.append(request.url)
        ),
    )
    opened.goto(address)
    opened.wait_for_load_state("networkidle")
    yield opened, noise
    context.close()


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The top page of a study with a failed run whose problem is one long word."""
    folder = tmp_path_factory.mktemp("study")
    write_study(folder, FailedRun(run="unetr-3-seed1", problem="/data/" + 30 * "very_long_folder_name/"))
    return write_study_report(folder)


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (400, "dark")])
def test_a_study_is_readable_wide_and_narrow(
    width: int, scheme: Literal["light", "dark"], browser: Browser, study: Path
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.goto(study.resolve().as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("[...document.querySelectorAll('.scroll')].every(box => box.scrollWidth <= box.clientWidth)")
    assert page.evaluate(LOW_CONTRAST) == []
    page.close()


View = tuple[Page, list[str]]


def test_it_says_nothing_and_asks_for_nothing(view: View) -> None:
    assert view[1] == []


def test_every_picture_is_visible_and_described(view: View) -> None:
    images = view[0].evaluate(IMAGES)
    assert len(images) >= 30
    for image in images:
        assert image["pixels"] > 0, image
        assert min(image["width"], image["height"]) >= 8, image
        assert len(image["alt"]) > 10, image


def test_nothing_is_wider_than_the_window(view: View) -> None:
    page = view[0]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert all(image["left"] >= 0 and image["right"] <= page.evaluate("innerWidth") for image in page.evaluate(IMAGES))


def test_text_stands_out_from_its_background(view: View) -> None:
    page = view[0]
    page.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")
    assert page.evaluate(LOW_CONTRAST) == []


def test_charts_follow_width_and_theme(view: View) -> None:
    page = view[0]
    chosen = page.evaluate("document.querySelector('.chart img').currentSrc")
    sources = page.evaluate("[...document.querySelectorAll('.chart')[0].querySelectorAll('source')].map(s => s.srcset)")
    variants = [*sources, page.evaluate("document.querySelector('.chart img').src")]
    narrow = page.evaluate("innerWidth <= 900")
    dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    assert chosen == variants[(0 if dark else 1) if narrow else (2 if dark else 3)]
    assert len(set(variants)) == 4
