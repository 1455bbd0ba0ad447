import re
from dataclasses import replace
from pathlib import Path

import pytest
from made_comparison import make_choice, make_results, make_row, write_comparison

from trimformer.records.errors import UserError
from trimformer.report.page import flatten, render_page, write_report
from trimformer.report.sources import ModelSources, Sources, read_sources

HOSTILE = '<script>alert("x")</script> & $y$'


def bare(*names: str) -> Sources:
    results = make_results(*(make_row(name=name) for name in names))
    return Sources(results, tuple(ModelSources(row) for row in results.models), None, None)


def sections(page: str) -> list[str]:
    return re.findall(r'<section id="(\w+)"', page)


def test_a_whole_comparison_becomes_a_page_with_tables_and_figures(tmp_path: Path) -> None:
    write_comparison(tmp_path)
    page = write_report(tmp_path)
    assert page == tmp_path / "report.html"
    assert page.stat().st_size < 6e6
    text = page.read_text()
    assert sections(text) == ["finding", "models", "attention", "maps", "patients", "training", "provenance"]
    assert not re.search(r'(src|srcset|href)="(?!data:)', text)
    figures = {"differences", "trade-off", "training"} | {
        f"{kind}-{region}" for kind in ("cumulative", "measures") for region in ("foreground", "all")
    }
    assert {file.name for file in (tmp_path / "figures").iterdir()} == {
        f"{name}.{kind}" for name in figures for kind in ("png", "svg")
    }
    assert {file.name for file in (tmp_path / "tables").iterdir()} == {"models.csv", "models.md", "models.tex"}


def test_a_network_whose_tokens_have_no_known_places_has_a_page_as_well(tmp_path: Path) -> None:
    write_comparison(tmp_path)
    sources = read_sources(tmp_path)
    assert sources.profile is not None
    page = render_page(sources, {})
    assert " heads over 14 × 14 patches." in page
    assert "<h3>The choice for unetr-12 and its evidence</h3>" in page
    placeless = replace(sources.profile, grid_size=(), example={})
    assert " heads. Two lines" in render_page(replace(sources, profile=placeless), {})


def test_a_comparison_without_runs_says_what_is_missing(tmp_path: Path) -> None:
    make_results(make_row("plain U-Net", "unet", None)).save(tmp_path / "results.json")
    text = write_report(tmp_path).read_text()
    assert sections(text) == ["finding", "models", "attention", "patients", "provenance"]
    assert "No attention profile lies in these runs." in text
    assert "No example slices lie in these runs." in text
    assert not (tmp_path / "figures").exists()


def test_names_from_outside_are_escaped() -> None:
    text = render_page(bare(HOSTILE), {})
    assert "<script" not in text
    assert "&lt;script&gt;alert(&#34;x&#34;)&lt;/script&gt; &amp; $y$" in text


def test_hostile_names_pass_through_the_charts(tmp_path: Path) -> None:
    rows = make_row(), make_row("chosen depth", HOSTILE, 3, verdict="undecided")
    make_results(*rows).save(tmp_path / "results.json")
    assert "<script" not in write_report(tmp_path).read_text()
    assert "<script" not in (tmp_path / "figures/differences.svg").read_text()


def test_the_depth_of_the_comparison_suffices() -> None:
    depth: dict[str, object] = {
        "status": "inconclusive",
        "num_blocks": None,
        "reason": "No block passes.",
        "evidence": {},
    }
    results = make_results(depth=depth)
    text = render_page(Sources(results, (ModelSources(results.models[0]),), None, None), {})
    assert "The rule is inconclusive. No block passes." in text


def test_a_gate_nobody_checked_is_shown_as_such() -> None:
    sources = bare("m")
    text = render_page(Sources(sources.results, sources.models, None, make_choice()), {})
    assert '<li class="not-checked"><b>Effective receptive field</b> <span class="state">not checked</span>' in text


def test_a_damaged_run_leaves_no_page(tmp_path: Path) -> None:
    make_results().save(tmp_path / "results.json")
    (tmp_path / "runs/unetr-12").mkdir(parents=True)
    (tmp_path / "runs/unetr-12/evaluation.json").write_text("{")
    with pytest.raises(UserError, match=r"evaluation\.json"):
        write_report(tmp_path)
    assert not (tmp_path / "report.html").exists()


def test_a_long_list_is_counted_and_an_empty_one_is_said() -> None:
    files = [{"origin": "vit.npz", "sha256": "0af1"}]
    assert list(flatten({"random": ["a", "b", "c", "d"] * 10, "unused": [], "files": files})) == [
        ("random", "40: a, b, c, ..."),
        ("unused", "none"),
        ("files", "vit.npz 0af1"),
    ]


def test_a_nested_record_becomes_lines() -> None:
    assert list(flatten({"seed": 0, "versions": {"torch": "2.6"}, "classes": ["a", 1]})) == [
        ("seed", "0"), ("versions › torch", "2.6"), ("classes", "a, 1"),
    ]  # fmt: skip
