"""What a criterion is, and what it may read."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from trimformer.records.depth import DepthChoice
from trimformer.records.far_sight import FarSight
from trimformer.records.patient_measures import PatientMeasures
from trimformer.records.profile import AttentionProfile
from trimformer.records.skipped_blocks import SkippedBlocks


class ModelMeasures(ABC):
    """What was measured of one model; a criterion asks for no more than it reads.

    Each may raise a `UserError` where it is not there and cannot be made.
    """

    @property
    @abstractmethod
    def num_blocks(self) -> int:
        """Blocks of the model."""

    @property
    @abstractmethod
    def profile(self) -> AttentionProfile:
        """What every block's attention looks at."""

    @property
    @abstractmethod
    def receptive_field(self) -> PatientMeasures | None:
        """The effective receptive field; None where it was not measured: the rule then leaves its gate open."""

    @property
    @abstractmethod
    def similarity(self) -> PatientMeasures:
        """CKA between depths, and the influence of every block."""

    @property
    @abstractmethod
    def skipped_blocks(self) -> SkippedBlocks:
        """The Dice with the blocks after the first few skipped."""

    @property
    @abstractmethod
    def far_sight(self) -> FarSight:
        """The Dice with blocks that see no further than their neighbours."""


Decide = Callable[[ModelMeasures, "Criterion"], DepthChoice]


@dataclass(frozen=True)
class Criterion:
    """One way to choose a depth; `dataclasses.replace(criterion, threshold=...)` is the same with another threshold."""

    title: str
    """Which depth it answers."""
    threshold: float
    threshold_of: str
    """What the threshold is held against."""
    others: tuple[float, ...]
    """Thresholds at which the answer is told as well, so that one sees whether it hangs on the threshold."""
    source: str
    """Who proposed it."""
    reads: tuple[str, ...]
    """The properties of `ModelMeasures` that it looks at."""
    decide: Decide

    @property
    def threshold_key(self) -> str:
        """The threshold as it stands in `DepthChoice.sensitivity`."""
        return f"{self.threshold:g}"

    def choose(self, measures: ModelMeasures) -> DepthChoice:
        """The depth, or "inconclusive" with its reason; the verdict in words is left to whoever knows the run.

        Raises:
            UserError: What it reads is not there and cannot be made.
        """
        return self.decide(measures, self)
