"""The content of `judgement.json`: what criteria of depth answered, held against what every depth of a sweep scored."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from trimformer.records.evaluation import Finite, Interval, Share
from trimformer.records.frozen import Frozen, read_record

Depth = Annotated[int, Field(ge=0)]


class Estimated(Frozen):
    """A mean over patients crossed with seeds, and its 95 % interval; None where one patient tells none."""

    mean: Finite
    ci95: Interval | None


class JudgedDepth(Frozen):
    """What one depth really scored; `minus_full` is paired with the deepest one."""

    depth: Depth
    dice: Estimated
    dice_by_seed: dict[int, Finite]
    minus_full: Estimated
    verdict: Literal["not inferior", "inferior", "undecided", "too few patients", "full depth"]
    chance_enough: Share | None
    """Share of resamples of patients and seeds in which it loses no more than the margin; None from few patients."""
    chance_smallest: Share | None
    """Share in which it is the smallest such depth."""
    enough_at: dict[str, Share] = Field(default_factory=dict)
    """`chance_enough` by the margin; empty from few patients."""


class AtThreshold(Frozen):
    """What a criterion answers at one threshold, and what that costs in Dice."""

    answers: dict[int, Depth | None]
    """By seed; None is inconclusive, and counts as the full depth."""
    regret: Estimated
    blocks: Finite
    """Mean of the answers."""


class JudgedCriterion(Frozen):
    """What one criterion answered for every seed, and what that costs in Dice."""

    criterion: str
    answers: dict[int, Depth | None]
    """By seed; None is inconclusive, and counts as the full depth."""
    kept: dict[int, Depth]
    """The smallest trained depth at the answer or above."""
    inconclusive: Share
    regret: Estimated
    """Dice of the best depth minus that of the depth kept."""
    minus_full: Estimated
    """Dice of the depth kept minus that of the full one."""
    minus_default: Estimated
    """Dice of the depth kept minus that of the depth which the default criterion keeps."""
    blocks_off: Finite | None
    """Mean distance of the answers from the smallest depth that is enough; None where that is not known."""
    within_one: Share | None
    within_one_of_needed: Share | None
    """Of the depth that following the hops of a phantom takes by construction; None for all other data."""
    chance_enough: Share | None
    seconds: Finite | None
    """To measure what it reads, a seed; None where something was there before, and nobody took the time."""
    cost: Finite | None
    """The same over the seconds of the trainings of all depths, a seed."""
    by_threshold: dict[str, AtThreshold]
    """At each threshold that it told answers for."""


class ExcludedRun(Frozen):
    """A run that is not judged, and why."""

    run: str
    reason: str


class JudgedSweep(Frozen):
    """Runs that differ in depth and seed only. Without a seed that counts, there are no depths and no criteria."""

    name: str
    task: str
    model: str
    seeds: tuple[int, ...]
    patients: int
    depths: tuple[JudgedDepth, ...] = ()
    best_depth: Depth | None = None
    admissible: tuple[Depth, ...] = ()
    """The full depth, and every depth that is not inferior to it."""
    smallest_enough: Depth | None = None
    """The smallest of these; None from too few patients."""
    needed: Depth | None = None
    """By construction, to follow the hops of a phantom."""
    criteria: tuple[JudgedCriterion, ...] = ()
    excluded: tuple[ExcludedRun, ...] = ()
    notes: tuple[str, ...] = ()
    verdict: str


class BlocksAndRegret(Frozen):
    """What a criterion answers and loses over several sweeps at one threshold; a sweep counts as much as another."""

    criterion: str
    threshold: str
    is_catalogues: bool
    """Whether it is the one that `choose` asks with."""
    blocks: Finite
    """Mean of the answers."""
    regret: Finite
    """Mean, in Dice."""
    worst_regret: Finite
    """The largest of any sweep, in Dice."""


class LeftOut(Frozen):
    """A criterion's threshold, fitted on the other sweeps, and what it costs on the sweeps left out."""

    left_out: str
    """The task or model."""
    kind: Literal["task", "model"]
    criterion: str
    threshold: str
    worst_of_others: Finite
    """The largest regret of any of the other sweeps at that threshold."""
    regret: Finite
    blocks: Finite
    regret_of_default: Finite
    """On the sweeps left out, of the threshold in the catalogue; like the others without the rule's gates."""
    blocks_of_default: Finite


class Judgement(Frozen):
    """All sweeps of a study."""

    study: str
    default: str
    """The criterion that the product answers with."""
    margin: Annotated[float, Field(gt=0)]
    sweeps: tuple[JudgedSweep, ...]
    left_out: tuple[ExcludedRun, ...] = ()
    """Runs that are in no sweep."""
    thresholds: tuple[LeftOut, ...] = ()

    @classmethod
    def load(cls, path: Path) -> "Judgement":
        """Read a judgement.

        Raises:
            UserError: The file is missing or is not a judgement.
        """
        return read_record(cls, path, "a judgement", "Run trimformer study STUDY.toml --judge.")
