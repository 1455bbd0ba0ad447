"""The findings in words, a paragraph a model; no sentence claims more than its interval says."""

from trimformer.records.results import ModelRow, PairedTest, Results
from trimformer.report.evidence import depth_choice, who_chose
from trimformer.report.families import families
from trimformer.report.formats import blocks, lower_first, number, sentence, signed


def findings(results: Results) -> list[str]:
    """What was found, one paragraph for the chosen depth and one for each model beside the reference."""
    paragraphs = [_depth_finding(results), *(_row_finding(row, results) for row in results.models[1:])]
    return [paragraph for paragraph in paragraphs if paragraph]


def _depth_finding(results: Results) -> str:
    choice = depth_choice(None, results)
    if choice is None:
        return ""
    chose = f"chooses {blocks(choice.num_blocks)}" if choice.status == "chosen" else "does not choose a depth"
    opening = f"Looking at {results.models[0].name} alone, {lower_first(who_chose(choice))} {chose}."
    return " ".join(part for part in (opening, sentence(choice.reason)) if part)


def _row_finding(row: ModelRow, results: Results) -> str:
    if row.role == "intensity":
        return f"Brightness alone, without a network, reaches a mean Dice of {number(row.dice.mean)}."
    several = len(families(results)) > 1
    if row.unscored:
        return f"{row.name} has costs, but no Dice: {row.unscored}"
    test = row.versus_reference
    if test is None:
        return f"{_subject(row, several)}: mean Dice {number(row.dice.mean)}, not compared with the reference."
    against = row.reference if (several or row.exports) and row.reference else "the reference"
    numbers = f"mean Dice {number(row.dice.mean)}, {signed(test.mean_difference)} against {against}"
    meaning = f"{_meaning(row, test, results.margin)}{_speed(row, results) if row.exports else ''}"
    return f"{_subject(row, several)}: {numbers}{_interval_words(test)}. {meaning}"


def _speed(row: ModelRow, results: Results) -> str:
    """How many times as fast an export is as the model that it is compared with."""
    times = {other.name: other.milliseconds_per_slice for other in results.models}
    own, other = row.milliseconds_per_slice, times.get(row.reference or "")
    return f" It takes {number(own, 1)} ms a slice, {row.reference} {number(other, 1)} ms." if own and other else ""


def _subject(row: ModelRow, several: bool) -> str:
    """What the row is, in words; by its name where models of several kinds have the same role."""
    subject = {
        "chosen depth": f"With the chosen {blocks(row.num_blocks)}",
        "paper's depth": f"With the {blocks(row.num_blocks)} of the paper",
        "zero blocks": "Without any transformer block",
        "plain U-Net": "A plain U-Net trained alike",
    }.get(row.role, row.name)
    return f"{row.name}, {lower_first(subject)}" if several and subject != row.name else subject


def _interval_words(test: PairedTest) -> str:
    pairs = f"{test.pairs} patient{'' if test.pairs == 1 else 's'}"
    if test.ci95 is None:
        return f" on {pairs}, too few for an interval"
    return f" (95\u00a0% interval {signed(test.ci95[0])} to {signed(test.ci95[1])}, {pairs})"


def _meaning(row: ModelRow, test: PairedTest, margin: float) -> str:
    if row.role == "plain U-Net":
        return _unet_meaning(test)
    if row.role == "zero blocks":
        return _zero_meaning(test, trained_once=len(row.seeds) < 2)
    if _is_higher(test):
        return "It does better."
    if _is_lower(test):
        return f"It scores lower; whether by more than a margin of {margin:g} Dice is undecided."
    return {
        "not inferior": f"It is not inferior, within a margin of {margin:g} Dice.",
        "inferior": "It is inferior.",
        "undecided": f"Whether it stays within a margin of {margin:g} Dice is undecided.",
        "too few patients": "There are too few patients for a test.",
    }[test.verdict]


def _is_higher(test: PairedTest) -> bool:
    """Whether the whole interval says that the model scores higher."""
    return test.ci95 is not None and test.ci95[0] > 0 and test.verdict == "not inferior"


def _is_lower(test: PairedTest) -> bool:
    """Whether the whole interval says that the model scores lower, though perhaps by less than the margin."""
    return test.ci95 is not None and test.ci95[1] < 0 and test.verdict == "undecided"


def _unet_meaning(test: PairedTest) -> str:
    if _is_higher(test):
        return "So here a plain U-Net scores higher than the hybrid."
    if _is_lower(test):
        return "So here the hybrid scores higher than a plain U-Net; whether by more than the margin is undecided."
    if test.verdict == "not inferior":
        return "So a plain U-Net does as well as the hybrid, within the margin."
    if test.verdict == "inferior":
        return "So here the hybrid scores higher than a plain U-Net."
    tested = "undecided" if test.verdict == "undecided" else "not tested, for want of patients"
    if test.mean_difference >= 0:
        return f"So a plain U-Net scores at least as high as the hybrid; whether that is more than chance is {tested}."
    return f"Whether the hybrid is better than a plain U-Net is {tested}."


def _zero_meaning(test: PairedTest, trained_once: bool) -> str:
    if _is_higher(test):
        doubt = "; another seed may turn that round" if trained_once else ""
        return f"So here it scores higher than with all blocks{doubt}."
    if _is_lower(test):
        return "So the transformer adds something on these data; whether more than the margin is undecided."
    return {
        "not inferior": "So the transformer adds nothing measurable here beyond the margin.",
        "inferior": "So the transformer adds something on these data.",
        "undecided": "Whether the transformer adds anything is undecided.",
        "too few patients": "Whether the transformer adds anything cannot be tested on so few patients.",
    }[test.verdict]
