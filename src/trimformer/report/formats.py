"""Figures as a reader expects them: a true minus sign, fixed decimals, a dash where there is none."""

from collections.abc import Sequence

import numpy as np

from trimformer.records.evaluation import Interval


def blocks(count: int | None) -> str:
    """A number of blocks in words: `1 block`, `3 blocks`."""
    return f"{count} block{'' if count == 1 else 's'}"


def number(value: float | None, digits: int = 3) -> str:
    """A figure with fixed decimals; a dash where there is none."""
    return "–" if value is None or not np.isfinite(value) else f"{value:.{digits}f}".replace("-", "−")


def signed(value: float, digits: int = 3) -> str:
    """A change with its sign, and without a sign when it rounds to zero."""
    text = f"{value:+.{digits}f}"
    return text[1:] if float(text) == 0 else text.replace("-", "−")


def sentence(text: str) -> str:
    """The text with a capital at its start, a full stop at its end, and no percent sign torn from its number."""
    text = text.strip().replace(" %", "\u00a0%")
    return f"{text[:1].upper()}{text[1:]}{'' if not text or text[-1] in '.!?' else '.'}"


def compact(value: int | None) -> str:
    """A count of parameters, in millions from ten thousand on."""
    if value is None:
        return "–"
    return f"{value / 1e6:.2f} M" if value >= 1e4 else f"{value:,}"


def lower_first(text: str) -> str:
    """The text as it goes on in the middle of a sentence."""
    return f"{text[:1].lower()}{text[1:]}"


def plain(name: str) -> str:
    """The name of a label as it is said: `gray_matter` becomes `gray matter`."""
    return name.replace("_", " ")


def percent(value: float, digits: int = 1) -> str:
    """A share with its sign."""
    return f"{number(value, digits)} %"


def interval(ci95: Interval | None) -> str:
    """The bounds of an interval; empty where there is none."""
    return "" if ci95 is None else f"{number(ci95[0])} – {number(ci95[1])}"


def signed_interval(ci95: Interval | None) -> str:
    """The bounds of a change; empty where there is none."""
    return "" if ci95 is None else f"{signed(ci95[0])} to {signed(ci95[1])}"


def p_value(value: float | None) -> str:
    """A p-value with three decimals, never written as zero; a dash where no test was made."""
    return "< 0.001" if value is not None and value < 0.001 else number(value)


def giga(count: int | None) -> str:
    """A count of operations in thousand millions, or millions where it is small."""
    if count is None:
        return "–"
    return f"{count / 1e9:.2f} G" if count >= 1e7 else f"{count / 1e6:.2f} M"


def listed(words: Sequence[str]) -> str:
    """Several words as a sentence has them: `a, b and c`."""
    return " and ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)
