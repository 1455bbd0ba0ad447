"""The finding in one sentence, and how sure it is, made by rules from the numbers."""

from trimformer.records.results import ModelRow, Results
from trimformer.report.families import VERDICTS, Family, families, family_sentence
from trimformer.report.formats import signed
from trimformer.report.remarks import trainings


def headline(results: Results) -> str:
    """The one sentence to remember, or one for each kind of model where there are several."""
    kinds = families(results)
    if len(kinds) > 1:
        return _families_headline(results, kinds)
    told = _row_of_the_headline(results)
    if told is not None and told.role == "zero blocks":
        return "No transformer block is needed on these data: the model without any is not inferior."
    if results.depth is None:
        return _families_headline(results, kinds)
    if results.depth.get("status") != "chosen":
        return "How many blocks are needed cannot be told: the choice is inconclusive on these data."
    return _chosen_headline(results, results.depth.get("num_blocks"))


def certainty(results: Results) -> str:
    """How sure the headline is, in one line."""
    trained = f"{_trainings(results)}, {_patients(results)}"
    row = None if len(families(results)) > 1 else _row_of_the_headline(results)
    test = row.versus_reference if row else None
    if test is None and any(row.versus_reference and row.versus_reference.ci95 for row in results.models):
        return (
            f"{trained}. Not inferior means: the 95\u00a0% interval of the difference in Dice lies above "
            f"{signed(-results.margin, 2)}. {_of_seeds(results)}"
        )
    if row is None or test is None or test.ci95 is None:
        return f"{trained}: a first look, not a proof."
    low, high = (signed(bound) for bound in test.ci95)
    against = row.reference or results.models[0].name
    return (
        f"{trained}: {signed(test.mean_difference)} Dice against {against}, 95\u00a0% interval {low} to "
        f"{high}, where {signed(-results.margin, 2)} is allowed. {_of_seeds(results)}"
    )


def row_with_role(results: Results, role: str) -> ModelRow | None:
    """The first row that is there for this purpose."""
    return next((row for row in results.models if row.role == role), None)


def _families_headline(results: Results, kinds: list[Family]) -> str:
    sentences = [sentence for sentence in map(family_sentence, kinds) if sentence]
    if sentences:
        return " ".join(sentences)
    count = len(results.models)
    return f"{count} model{'' if count == 1 else 's'} compared on {results.dataset}; no depth was chosen."


def _row_of_the_headline(results: Results) -> ModelRow | None:
    zero = row_with_role(results, "zero blocks")
    if zero is not None and _verdict(zero) == "not inferior":
        return zero
    return row_with_role(results, "chosen depth")


def _chosen_headline(results: Results, kept: int | None) -> str:
    full = results.models[0].num_blocks
    row = row_with_role(results, "zero blocks" if kept == 0 else "chosen depth")
    if kept == full:
        return f"All {full} blocks are kept: there is nothing to cut."
    chosen = f"{kept} of {full} blocks {'is' if kept == 1 else 'are'} chosen"
    if row is None:
        return f"{chosen}; what that costs has not been measured."
    return {
        "not inferior": f"{kept} of {full} blocks {'is' if kept == 1 else 'are'} enough on these data: "
        "the smaller model is not inferior.",
        "inferior": f"{chosen}, but that is too few on these data: the smaller model is inferior.",
        "undecided": f"{chosen}; whether that is enough is undecided on these data.",
        "too few patients": f"{chosen}; there are too few patients to say whether that is enough.",
    }[_verdict(row)]


def _trainings(results: Results) -> str:
    fewest, most = trainings(results)
    if most == 1:
        return "One training of each model"
    return f"{most if fewest == most else f'{fewest} to {most}'} trainings of each model"


def _patients(results: Results) -> str:
    count = results.patients.validation
    return f"{count} unseen patient{'' if count == 1 else 's'}"


def _of_seeds(results: Results) -> str:
    if trainings(results)[0] == 1:
        return "Another seed may move this as much."
    return "The interval holds the variation between patients and between these trainings."


def _verdict(row: ModelRow) -> str:
    return row.versus_reference.verdict if row.versus_reference else next(reversed(VERDICTS))
