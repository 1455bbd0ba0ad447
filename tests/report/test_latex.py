"""LaTeX that compiles, seen by pdflatex itself with nothing but its base."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from made_comparison import demo_rows, make_results, make_row

from trimformer.records.paper import CLASSES, paper_figures
from trimformer.report.sources import ModelSources, Sources
from trimformer.report.tables.latex import escape, to_latex
from trimformer.report.tables.models import model_tables, summary_table
from trimformer.report.tables.paper import paper_tables
from trimformer.report.tables.table import Cell, Table

NASTY = (
    r"100% & #1 $x$ {a}_b^c ~d \input{secret} \\[2em] -- ``q'' <t> |u| [v] * ?` "
    "−3 – é ü ß Ł ñ ő α 中 🧠 \t\n\x07\u200b'"
)


def compiled(tex: str, folder: Path) -> str:
    """What pdflatex says about a document with these tables."""
    found = shutil.which("pdflatex")
    assert found, "This test compiles LaTeX: install pdflatex, apt-get install texlive-latex-base."
    (folder / "tables.tex").write_text(tex)
    (folder / "paper.tex").write_text(
        "\\documentclass{article}\n\\begin{document}\n\\input{tables.tex}\n\\end{document}\n"
    )
    command = [found, "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "paper.tex"]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", check=False)
    assert ended.returncode == 0, ended.stdout[-2000:]
    assert (folder / "paper.pdf").stat().st_size > 5000
    return (folder / "paper.log").read_text(errors="replace")


def test_names_of_any_kind_compile(tmp_path: Path) -> None:
    rows = tuple((Cell(text), Cell(NASTY, NASTY)) for text in ("[1em]", "*", NASTY, "", "&", "\\", "%", "{", "}"))
    table = Table("t", NASTY, (NASTY, "[x] *"), ("", ""), rows, notes=(NASTY,))
    log = compiled(to_latex([table]), tmp_path)
    assert "Missing character" not in log
    assert "secret" not in re.findall(r"\((\S+)", log)


def test_tables_of_a_comparison_compile_and_stay_between_the_margins(tmp_path: Path) -> None:
    tables = model_tables(make_results(*demo_rows()))
    log = compiled(to_latex([*tables, summary_table(make_results(*demo_rows()))]), tmp_path)
    assert "Overfull" not in log


@pytest.mark.parametrize(("name", "parts"), [("transunet-3", 2), ("transunet-keep3-compressed-inherited", 4)])
def test_a_table_of_many_classes_becomes_several_between_the_margins(name: str, parts: int, tmp_path: Path) -> None:
    organs = ("aorta", "gallbladder", "left_kidney", "right_kidney", "liver", "pancreas", "spleen", "stomach")
    row = make_row(name=name)
    scores = {"by_class": dict.fromkeys(organs, 0.812), "ci95_by_class": dict.fromkeys(organs, (0.751, 0.873))}
    dice = row.dice.model_copy(update=scores)
    tex = to_latex(model_tables(make_results(row.model_copy(update={"dice": dice}))))
    assert f"Dice ({parts} of {parts})." in tex
    assert tex.count(f"{name} &") == tex.count(r"\begin{tabular}")
    assert "Overfull" not in compiled(tex, tmp_path)


def test_the_papers_widest_table_stays_between_the_margins(tmp_path: Path) -> None:
    organs = CLASSES["synapse"]
    printed = paper_figures("synapse", organs, "transunet", None, 3, "full")
    row = make_row("3 blocks", "transunet-3", 3, verdict="undecided").model_copy(update={"paper": printed})
    results = make_results(make_row(), row)
    (table,) = paper_tables(Sources(results, tuple(map(ModelSources, results.models)), None, None))
    assert len(table.titles) == len(organs) + 8
    assert "Overfull" not in compiled(to_latex([table]), tmp_path)


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("50 % & more", r"50 \% \& more"),
        ("gray_matter", r"gray\_matter"),
        ("−0.02 – 0.3", r"$-$0.02 -- 0.3"),
        ("a\\b", r"a\textbackslash{}b"),
        ("a--b ''", "a-{}-b '{}'"),
        ("é Ł ő", r"\'{e} \L{} \H{o}"),
        ("e\u0301", r"\'{e}"),
        ("中", "{[}U+4E2D]"),
        ("", ""),
    ],
)
def test_signs_are_written_as_latex_reads_them(text: str, source: str) -> None:
    assert escape(text) == source


def test_a_table_by_hand() -> None:
    table = Table("t", "Dice", ("Model", "Mean"), ("", ""), ((Cell("a_b", "full"), Cell("0.9")),), notes=("Six of 8.",))
    assert to_latex([table]).splitlines() == [
        r"\begin{table}[tbp]",
        r"\centering\scriptsize\setlength{\tabcolsep}{3pt}",
        r"\caption{Dice. Six of 8.}",
        r"\begin{tabular}{lr}",
        r"\hline",
        r"\shortstack{Model} & \shortstack{Mean} \\",
        r"\hline",
        r"a\_b & 0.9 \\",
        r"{\tiny full} &  \\",
        r"\hline",
        r"\end{tabular}",
        r"\end{table}",
    ]
