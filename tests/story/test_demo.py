"""The whole story, fast: the command a new user types, and the page it ends in, opened in a real browser."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from trimformer.records.results import Results

CHROMIUM_FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "out"
    command = [Path(sys.executable).parent / "trimformer", "demo", "--fast", "--json", "--out", folder]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout) == json.loads((folder / "results.json").read_text())
    return folder


def test_results_hold_what_the_interface_names(demo: Path) -> None:
    results = json.loads((demo / "results.json").read_text())
    assert results["dataset"] == "brain"
    assert results["patients"] == {"train": 7, "validation": 3}
    names = [row["name"] for row in results["models"]]
    assert names[0] == "unetr-12"
    assert names[2:] == ["unetr-0", "unet", "intensity"]
    assert [row["num_blocks"] for row in results["models"]][-3:] == [0, None, None]
    for row in results["models"][:-1]:
        assert 0 < row["dice"]["mean"] < 1
        assert set(row["dice"]["by_class"]) == {"csf", "gray_matter", "white_matter"}
        assert row["parameters"] > row["parameters_transformer"]
        assert row["milliseconds_per_slice"] > 0
    assert results["models"][-1]["dice"]["mean"] < 0.75
    assert results["depth"]["status"] in {"chosen", "inconclusive"}
    assert results["seconds"]["total"] > 0


def test_every_run_folder_is_complete(demo: Path) -> None:
    for name in ("unetr-12", "unetr-0", "unet"):
        files = {path.name for path in (demo / "runs" / name).iterdir()}
        assert files >= {"experiment.toml", "manifest.json", "history.csv", "model.safetensors", "evaluation.json"}
    assert {"attention.json", "attention.npz", "depth.json"} <= {p.name for p in (demo / "runs" / "unetr-12").iterdir()}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_the_page_opens_without_error_or_request_and_every_figure_is_there(demo: Path, width: int, scheme: str) -> None:
    chromium = shutil.which("chromium")
    assert chromium, "the page is tested in a real browser: apt-get install chromium"
    problems: list[str] = []
    page_uri = (demo / "report.html").as_uri()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(CHROMIUM_FLAGS))
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
        requests: list[str] = []
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(page_uri)
        images = page.evaluate("[...document.images].map(image => image.naturalWidth * image.clientWidth)")
        overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        browser.close()
    assert problems == []
    assert {url for url in requests if not url.startswith("data:")} == {page_uri}
    assert len(images) > 20
    assert min(images) > 0
    assert overflow <= 0


def test_the_page_says_that_the_anatomy_is_one_averaged_brain(demo: Path) -> None:
    assert "one averaged brain" in (demo / "report.html").read_text()
    assert "one averaged brain" in Results.load(demo / "results.json").dataset_note
