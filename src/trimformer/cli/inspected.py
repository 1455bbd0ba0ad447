"""What `trimformer inspect` says of the runs it has measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trimformer.cli.terminal import print_table, say

if TYPE_CHECKING:
    import numpy as np

    from trimformer.attention.run_measures import RunMeasures
    from trimformer.records.errors import UserError
    from trimformer.records.profile import AttentionProfile

COLUMNS = {  # no word so long that a terminal of 80 columns breaks it
    "mean mm": "foreground/distance_mm",
    "times uniform": "foreground/distance_ratio",
    "far field F": "foreground/far_field_ratio",
    "mixing": "foreground/mixing",
    "entropy": "foreground/entropy",
    "query-key info": "foreground/query_key_information",
}
CUMULATIVE = "foreground/norm_weighted/far_field_ratio"

HOLDS = {
    "profile": "what every block and head looks at; attention.npz beside it has every patient",
    "similarity": "how alike the blocks' states are (CKA), and how much each block changes them",
    "organs": "how much each organ attends to each other one",
    "receptive_field": "which pixels change a token, before the first block and after each",
    "causal_radius": "the Dice that remains when attention beyond a radius is masked",
    "skipped_blocks": "the Dice that remains when the last blocks are skipped",
    "explorer": "the page to click through",
}


@dataclass(frozen=True)
class Inspected:
    """One run: what was measured, which files hold it, and what was left out, with the reason."""

    measured: "RunMeasures"
    files: dict[str, Path]
    left_out: dict[str, str]


def document(
    inspected: Mapping[str, Inspected],
    failures: Mapping[str, "UserError"],
    figures: Sequence[Path] | None,
    single: bool,
) -> dict[str, Any]:
    """One run as it is, several by their names with those that failed; the figures where they were asked for."""
    runs = {name: _of_one(one) for name, one in inspected.items()}
    failed = {
        name: {"rule": error.rule, "found": error.found, "next_step": error.next_step}
        for name, error in failures.items()
    }
    told = dict(next(iter(runs.values()))) if single else {"runs": runs, "failed": failed}
    return told if figures is None else told | {"figures": [str(file) for file in figures]}


def print_inspected(name: str, inspected: Inspected) -> None:
    """Tables for people, with the run's name before their titles."""
    before = f"{name}: " if name else ""
    _print_profile(inspected.measured.profile, before)
    if first := inspected.measured.first_blocks():
        rows = [
            [organ, *("–" if block is None else str(block) for block in row.values())] for organ, row in first.items()
        ]
        print_table(
            f"{before}First block in which the row's organ attends to the column's more than uniform attention would",
            ("", *first),
            rows,
        )
    say(f"{before}Written to {next(iter(inspected.files.values())).parent.resolve()}:")
    for what, file in inspected.files.items():
        say(f"  {file.name:<22}{HOLDS[what]}")
    for what, why in inspected.left_out.items():
        say(f"{before}{what.replace('_', ' ')} is left out: {why}")


def _of_one(inspected: Inspected) -> dict[str, Any]:
    profile = inspected.files["profile"]
    files = {name: str(file) for name, file in inspected.files.items()} | {"arrays": str(profile.with_suffix(".npz"))}
    return files | {"left_out": inspected.left_out, "first_blocks": inspected.measured.first_blocks()}


def _print_profile(profile: "AttentionProfile", before: str) -> None:
    means = {title: _by_block(profile.model[key]) for title, key in COLUMNS.items()}
    if CUMULATIVE in profile.model:
        means["rollout F"] = _by_block(profile.model[CUMULATIVE])
    rows = [
        [str(block + 1), *(f"{values[block]:.3f}" for values in means.values())] for block in range(profile.num_blocks)
    ]
    patients = len(profile.patient_ids)
    title = f"{before}Foreground queries and keys, means over {patients} patients and {profile.num_heads} heads"
    print_table(title, ("block", *means), rows)


def _by_block(values: "np.ndarray") -> list[float]:
    """The mean over those patients and heads that have a value."""
    import numpy as np

    found = [values[:, block][np.isfinite(values[:, block])] for block in range(values.shape[1])]
    return [float(block.mean()) if block.size else float("nan") for block in found]
