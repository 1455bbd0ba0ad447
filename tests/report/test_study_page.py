import csv
import io
from pathlib import Path

import pytest
from made_comparison import make_results, make_row
from made_paper import write_study

from trimformer.records.errors import UserError
from trimformer.records.study_results import FailedRun, StudyResults
from trimformer.report import write_pages, write_report, write_study_report
from trimformer.report.study_page import study_headline

HOSTILE = '<script>alert("x")</script>'


def test_the_page_holds_every_comparison_and_links_to_its_own(tmp_path: Path) -> None:
    write_study(tmp_path)
    text = write_study_report(tmp_path).read_text()
    assert "Study paper: 9 runs done, none failed." in text
    assert text.count('<section class="comparison">') == 2
    assert text.count('href="brain/report.html"') == text.count('href="ibsr18/report.html"') == 2
    assert "Table 1 of the paper beside ours: ibsr18" in text
    assert "What failed" not in text
    assert text.split('<section class="comparison">')[2].split("<details>")[0].count("Weights differ") == 1
    assert {file.name for file in (tmp_path / "tables").iterdir()} == {
        f"{name}.{kind}" for name in ("models", "paper") for kind in ("csv", "md", "tex")
    }
    lines = list(csv.DictReader(io.StringIO((tmp_path / "tables/models.csv").read_text())))
    assert {line["dataset"] for line in lines} == {"brain", "ibsr18"}
    assert "## Dice, brain" in (tmp_path / "tables/models.md").read_text()


def test_a_failed_run_is_named_and_escaped(tmp_path: Path) -> None:
    study = write_study(tmp_path, FailedRun(run="unetr-3-seed1", problem=HOSTILE))
    text = write_study_report(tmp_path).read_text()
    assert study_headline(study) == "Study paper: 9 runs done, 1 failed."
    assert "unetr-3-seed1" in text
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_a_study_without_a_run_says_so(tmp_path: Path) -> None:
    StudyResults(study="none", comparisons=(), done=0).save(tmp_path / "results.json")
    assert "No run is done yet" in write_study_report(tmp_path).read_text()


def test_all_pages_of_a_study_are_written_again(tmp_path: Path) -> None:
    write_study(tmp_path)
    assert write_pages(tmp_path) == tmp_path / "report.html"
    for dataset in ("brain", "ibsr18"):
        assert (tmp_path / dataset / "report.html").is_file()
    assert (tmp_path / "ibsr18/tables/paper.tex").is_file()
    assert not (tmp_path / "brain/tables/paper.tex").exists()


def test_the_pages_of_a_comparison_are_its_own(tmp_path: Path) -> None:
    make_results(make_row()).save(tmp_path / "results.json")
    first = write_report(tmp_path).read_text()
    assert write_pages(tmp_path).read_text() == first


@pytest.mark.parametrize(("text", "told"), [("[]", "a comparison"), ('{"study": "a"}', "the results of a study")])
def test_a_file_of_another_kind_is_refused(text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(text)
    with pytest.raises(UserError, match=told):
        write_pages(tmp_path)
