"""The volumes page in real Chromium with software WebGL2: every control, checked on the pixels that it draws."""

import io
import re
from collections.abc import Iterator
from typing import Literal

import numpy as np
import pytest
from made_volumes import made_volume, write_volume_runs
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright
from test_explorer_in_browser import UNNAMED, Opened
from test_page_in_browser import LOW_CONTRAST, QUIET, chromium_path

from trimformer.report import write_report

HOSTILE = "sub-02 </script><script>document.title = 'hacked'</script>"
LIVER, KIDNEY, DIFFERENCE = (0x56, 0xB4, 0xE9), (0xE6, 0x9F, 0x00), (0xFF, 0x2F, 0xB3)
AXIAL = 80 / 260
"""Of the picture's width: the axial and the coronal plane are 80 mm wide, the sagittal one 100 mm."""

GRAPHICS = [flag for flag in QUIET if flag != "--disable-gpu"] + [
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("volumes")
    patients = [made_volume("sub-01", "LPS"), made_volume(HOSTILE, "SAR"), made_volume("sub-03", "RAS")]
    patients[2] = made_volume("sub-03", "RAS", has_geometry=False)
    write_volume_runs(folder, {"unetr-12": patients, "unetr-1": [made_volume("sub-01", "LPS", outside=7)]})
    write_report(folder)
    return (folder / "volumes.html").resolve().as_uri()


@pytest.fixture(scope="module")
def graphics() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=chromium_path(), args=GRAPHICS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def opened(graphics: Browser, address: str) -> Iterator[Opened]:
    page = graphics.new_page(viewport={"width": 1280, "height": 1000})
    yield Opened(page, address, ready=" mm: ")
    page.close()


@pytest.fixture
def page(opened: Opened) -> Page:
    """The page as it is first seen."""
    page = opened.page
    page.select_option("#patient", "0")
    page.select_option("#model", "0")
    page.locator("#all").click()
    choose(page, "Prediction")
    page.locator("#opacity").fill("100")
    put_aside(page)
    page.locator("#planes").focus()
    return page


def put_aside(page: Page) -> None:
    """Let the cross lie over air, in an axial plane that has everything in it."""
    page.locator("#stage[aria-busy=false]").wait_for()
    for axis, place in enumerate(("2", "2", "14")):
        page.locator(f"#place-{axis}").fill(place)


def choose(page: Page, labels: str) -> None:
    page.locator(".choice label", has_text=labels).click()


def picture(page: Page) -> np.ndarray:
    """What the canvas shows, (rows, columns, 3), once it is at rest."""
    page.locator("#stage[aria-busy=false]").wait_for()
    page.wait_for_timeout(200)
    shown = Image.open(io.BytesIO(page.locator("#planes").screenshot()))
    return np.asarray(shown.convert("RGB")).astype(int)


def places(pixels: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    """Where the axial plane has this colour, as (row, column) in parts of it."""
    axial = pixels[:, : int(pixels.shape[1] * AXIAL)]
    return np.argwhere((abs(axial - colour) < 24).all(axis=2)) / axial.shape[:2]


def test_it_is_quiet_and_says_what_is_under_the_cross(opened: Opened, page: Page) -> None:
    for patient in ("1", "0"):
        page.select_option("#patient", patient)
        picture(page)
    assert opened.noise == []
    assert page.title() == "Volumes of brain – Trimformer"
    assert page.locator("#trouble").is_hidden()
    assert page.locator("#stills").is_hidden()
    words = page.inner_text("#words")
    assert words == "R 22.0, A 0.0, S 28.0 mm: scan −230 HU, truth liver, unetr-12 no label"


def test_the_patients_right_is_on_the_left_whatever_the_file(page: Page) -> None:
    choose(page, "Truth")
    for patient in ("0", "1"):
        page.select_option("#patient", patient)
        put_aside(page)
        pixels = picture(page)
        liver, kidney = places(pixels, LIVER), places(pixels, KIDNEY)
        assert liver[:, 1].mean() == pytest.approx(1 - 30 / 40, abs=0.02)
        assert kidney[:, 1].mean() == pytest.approx(1 - 9 / 40, abs=0.02)
        assert len(liver) > len(kidney) > 200


def test_truth_prediction_and_differences_are_what_they_are(page: Page) -> None:
    choose(page, "Truth")
    truth = picture(page)
    choose(page, "Prediction")
    prediction = picture(page)
    assert len(places(prediction, KIDNEY)) == 0
    forward = places(truth, LIVER)[:, 0].mean() - places(prediction, LIVER)[:, 0].mean()
    assert forward == pytest.approx(2 / 120, abs=0.003)
    choose(page, "Differences")
    differences = picture(page)
    assert len(places(differences, LIVER)) == len(places(differences, KIDNEY)) == 0
    assert len(places(differences, DIFFERENCE)) > len(places(truth, KIDNEY))
    choose(page, "None")
    assert all(len(places(picture(page), colour)) == 0 for colour in (LIVER, KIDNEY, DIFFERENCE))


def test_labels_are_turned_off_and_on_by_box_and_by_key(page: Page) -> None:
    page.keyboard.press("t")
    page.locator("#labels input").first.uncheck()
    pixels = picture(page)
    assert len(places(pixels, LIVER)) == 0 < len(places(pixels, KIDNEY))
    page.locator("#planes").focus()
    page.keyboard.press("1")
    page.keyboard.press("2")
    pixels = picture(page)
    assert len(places(pixels, KIDNEY)) == 0 < len(places(pixels, LIVER))
    assert [box.is_checked() for box in page.locator("#labels input").all()] == [True, False]
    page.locator("#none").click()
    assert len(places(picture(page), LIVER)) == 0


def test_the_cross_is_moved_by_key_slider_and_pointer(page: Page) -> None:
    page.locator("#place-0").fill("20")
    page.locator("#place-1").fill("20")
    page.locator("#place-2").fill("10")
    page.locator("#planes").focus()
    for key in ("ArrowLeft", "ArrowUp", "ArrowUp", "PageUp", "v", "c"):
        page.keyboard.press(key)
    assert page.inner_text("#words").startswith("R 12.0, A 4.0, S 24.0 mm: ")
    assert page.inner_text("#place-2-value") == "12 of 30"
    box = page.locator("#planes").bounding_box()
    assert box
    page.locator("#planes").click(position={"x": box["width"] * AXIAL * 0.25, "y": box["height"] * 0.3})
    assert re.match(r"R (28|30|32)\.0, A (22|24|26)\.0, S 24\.0 mm", page.inner_text("#words")), page.inner_text(
        "#words"
    )


def test_a_window_changes_the_greys(page: Page) -> None:
    choose(page, "None")
    assert page.locator("#window option").all_inner_texts()[0] == "Soft tissue, −160 to 240 HU"
    dark = picture(page)
    page.select_option("#window", label="Everything kept, −1024 to 1000 HU")
    bright = picture(page)
    middle = bright[bright.shape[0] // 4, int(bright.shape[1] * AXIAL / 2.5)]
    assert middle == pytest.approx([100, 100, 100], abs=3)
    assert dark.mean() < bright.mean() / 3
    page.select_option("#window", "0")


def test_letters_are_left_out_where_nobody_knows_the_axes(page: Page) -> None:
    def white() -> int:
        put_aside(page)
        pixels = picture(page)[8:-8]
        return int((pixels[:, 4 : int(pixels.shape[1] * AXIAL) - 4].min(axis=2) > 150).sum())

    choose(page, "None")
    lettered = white()
    page.select_option("#patient", "2")
    assert white() < lettered - 60
    assert "no letters at the edges" in page.inner_text("#patient-words")
    assert re.match(r"[\d.−]+, [\d.−]+, [\d.−]+ mm: ", page.inner_text("#words"))


def test_another_model_has_its_own_scores_and_gaps(page: Page) -> None:
    page.keyboard.press("m")
    page.locator("#stage[aria-busy=false]").wait_for()
    assert "unetr-1 labels 7 voxels in the air that is left out." in page.inner_text("#patient-words")
    assert page.locator("#labels td.chosen").all_inner_texts() == ["0.900", "missed: 0", "0.450"]
    page.select_option("#patient", "1")
    page.locator("#stage[aria-busy=false]").wait_for()
    assert "unetr-1 not in this page" in page.inner_text("#words")
    assert page.locator("#labels td.chosen").all_inner_texts() == ["–", "–", "–"]
    assert len(places(picture(page), LIVER)) == 0
    assert page.title() == "Volumes of brain – Trimformer"
    assert page.locator("#patient option").nth(1).inner_text() == HOSTILE


BAR_INSIDE = """() => {
  const bar = document.getElementById("bar").getBoundingClientRect();
  const stage = document.getElementById("stage").getBoundingClientRect();
  return Math.abs(bar.left - stage.left) < 20 && bar.bottom <= stage.bottom;
}"""
"""At the left, where the axial plane lies in every layout."""


def test_a_bar_says_how_large_things_are(page: Page) -> None:
    picture(page)
    assert page.inner_text("#bar") == "20 mm"
    width = page.evaluate("document.querySelector('#bar i').getBoundingClientRect().width")
    canvas = page.evaluate("document.getElementById('planes').getBoundingClientRect().width")
    assert width == pytest.approx(canvas * 20 / 260, rel=0.05)


@pytest.mark.parametrize(("width", "scheme"), [(1280, "dark"), (400, "light")])
def test_it_is_readable_wide_and_narrow(
    width: int, scheme: Literal["light", "dark"], graphics: Browser, address: str
) -> None:
    page = graphics.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    opened = Opened(page, address, ready=" mm: ")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate(BAR_INSIDE)
    assert page.evaluate(LOW_CONTRAST) == []
    assert page.evaluate(UNNAMED) == []
    assert opened.noise == []
    page.close()


def test_without_webgl2_there_are_words_and_still_pictures(graphics: Browser, address: str) -> None:
    launch = graphics.browser_type.launch
    with launch(executable_path=chromium_path(), args=[*QUIET, "--disable-3d-apis"]) as chromium:
        page = chromium.new_page(viewport={"width": 900, "height": 900})
        page.goto(address)
        page.locator("#trouble", has_text="This browser cannot draw volumes").wait_for()
        assert page.locator("#live-view").is_hidden()
        assert page.locator("#stills img").count() == 18
        assert page.evaluate("[...document.images].every(image => image.naturalWidth > 0 && image.clientWidth > 50)")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.evaluate(LOW_CONTRAST) == []
