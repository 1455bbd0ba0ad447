r"""Tables as LaTeX that compiles with nothing but the base: `\input{models.tex}` in any document."""

import textwrap
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from math import ceil

from trimformer.report.tables.table import Cell, Table

LINE = 84
"""About so many characters of the smaller script, with the gaps, fit between the margins of an article."""

GAP = 2
"""Characters' worth of space between two columns."""

SMALLER = 0.75
"""Width of a character of the smaller line beneath, over that of the figure above it."""

SPECIAL = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": "$<$", ">": "$>$", "|": "$|$", '"': r"''",
    "[": "{[}", "*": "{*}",  # after the end of a row, these two would be read as its options
    "−": "$-$", "–": "--", "—": "---", "×": r"$\times$", "·": r"$\cdot$", "±": r"$\pm$", "≤": r"$\leq$",
    "≥": r"$\geq$", "°": r"$^\circ$", "µ": r"$\mu$", "…": r"\ldots{}", "›": "$>$", "’": "'", "‘": "`", "“": "``",
    "”": "''", "\u00a0": "~", "ß": r"\ss{}", "æ": r"\ae{}", "Æ": r"\AE{}", "ø": r"\o{}", "Ø": r"\O{}", "ł": r"\l{}",
    "Ł": r"\L{}", "œ": r"\oe{}", "Œ": r"\OE{}", "ı": r"\i{}",
}  # fmt: skip

MELTING = "-'`,?!"
"""Two of these in a row would be set as one other sign."""

ACCENTS = {
    "\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0304": "=", "\u0306": "u", "\u0307": ".",
    "\u0308": '"', "\u030a": "r", "\u030b": "H", "\u030c": "v", "\u0327": "c", "\u0323": "d", "\u0331": "b",
}  # fmt: skip
"""Combining marks with the command that sets them."""


def to_latex(tables: Sequence[Table]) -> str:
    r"""A `table` with a plain `tabular` each; what is too wide becomes several, each with the first column."""
    return "\n".join(_floating(table, part, total) for table in tables for part, total in _parts(table))


def escape(text: str) -> str:
    r"""Text of any kind as LaTeX source that prints it; a sign that the base cannot print becomes its code point.

    Example:
        >>> escape("50 % of α_1")
        '50 \\% of {[}U+03B1]\\_1'
    """
    signs = unicodedata.normalize("NFC", text)
    return "".join(_escaped(sign, following) for sign, following in zip_longest(signs, signs[1:], fillvalue=""))


def _escaped(sign: str, following: str) -> str:
    if sign in SPECIAL:
        return SPECIAL[sign]
    if sign.isspace():
        return " "
    if sign in MELTING and following and following in MELTING:
        return f"{sign}{{}}"
    return sign if " " < sign <= "~" else _accented(sign)


def _accented(sign: str) -> str:
    base, marks = (parted := unicodedata.normalize("NFD", sign))[0], parted[1:]
    if base.isascii() and base.isalpha() and marks in ACCENTS:
        return f"\\{ACCENTS[marks]}{{{base}}}"
    return f"{{[}}U+{ord(sign):04X}]"


def _parts(table: Table) -> Iterator[tuple[Sequence[int], str]]:
    """The columns of each tabular, and which part of how many it is, in words."""
    parts: list[list[int]] = [[0]]
    first = _width(table, 0)
    room = LINE - first
    for column in range(1, len(table.titles)):
        needed = _width(table, column) + GAP
        if needed > room and len(parts[-1]) > 1:
            parts.append([0])
            room = LINE - first
        parts[-1].append(column)
        room -= needed
    for number, part in enumerate(parts, 1):
        yield part, f" ({number} of {len(parts)})" if len(parts) > 1 else ""


def _width(table: Table, column: int) -> int:
    cells = [row[column] for row in table.rows]
    figures = [len(text) for text in (*_stacked(table.titles[column]), *(cell.text for cell in cells))]
    return max(*figures, *(ceil(SMALLER * len(cell.note)) for cell in cells), 0)


def _stacked(title: str) -> list[str]:
    return textwrap.wrap(title, 10, break_long_words=False) or [""]


def _heading(title: str) -> str:
    lines = r"\\".join(escape(line) for line in _stacked(title))
    return rf"\shortstack{{{lines}}}"


def _floating(table: Table, columns: Sequence[int], part: str) -> str:
    caption = " ".join([f"{table.title}{part}.", *table.notes])
    lines = [
        r"\begin{table}[tbp]",
        r"\centering\scriptsize\setlength{\tabcolsep}{3pt}",
        rf"\caption{{{escape(caption)}}}",
        rf"\begin{{tabular}}{{l{'r' * (len(columns) - 1)}}}",
        r"\hline",
        _row([_heading(table.titles[column]) for column in columns]),
        r"\hline",
        *(line for row in table.rows for line in _lines([row[column] for column in columns])),
        r"\hline",
        r"\end{tabular}",
        r"\end{table}",
        "",
    ]
    return "\n".join(lines)


def _lines(cells: Sequence[Cell]) -> Iterator[str]:
    """The figures of a row, and beneath them the smaller line where any cell has one."""
    yield _row([escape(cell.text) for cell in cells])
    if any(cell.note for cell in cells):
        yield _row([rf"{{\tiny {escape(cell.note)}}}" if cell.note else "" for cell in cells])


def _row(cells: Sequence[str]) -> str:
    return rf"{' & '.join(cells)} \\"
