"""What became of every weight when a model was begun: copied, resampled, permuted, left random, or not used."""

from dataclasses import dataclass, replace
from typing import Any

from trimformer.models.weights.checks import block_index

STATES = {
    "loaded": "from {source}",
    "permuted": "from {source}, the blocks permuted",
    "partly random": "in part from {source}, in part random",
    "random": "random",
}
"""What a part of a model can be, and how it is told."""


@dataclass(frozen=True)
class WeightsFile:
    """One file that weights came from, known by its content."""

    origin: str
    """The path, or the hub's name for it."""
    sha256: str


@dataclass(frozen=True)
class WeightsReport:
    """Where a model's weights come from; every name is listed, none is passed over."""

    source: str
    """As the user named it; `none` for random weights."""
    files: tuple[WeightsFile, ...] = ()
    copied: tuple[str, ...] = ()
    """The model's tensors that were taken as they are, running statistics included."""
    resampled: tuple[str, ...] = ()
    """Those that were brought to another grid, patch size or number of input channels."""
    permuted: tuple[str, ...] = ()
    """Those of blocks that were taken with their entries shuffled."""
    initialised: tuple[str, ...] = ()
    """Those left as they were initialised: random."""
    unused: tuple[str, ...] = ()
    """Keys of the files that the model has no use for."""

    def with_permuted_blocks(self) -> "WeightsReport":
        """The report of a model whose blocks were shuffled after they were copied."""
        blocks = tuple(name for name in self.copied if block_index(name) is not None)
        return replace(self, copied=tuple(name for name in self.copied if name not in blocks), permuted=blocks)

    def parts(self) -> dict[str, str]:
        """In a word or two for each part of the model: `loaded`, `permuted`, `random`, or `partly random`."""
        return {part: self._state(names) for part, names in self._names_by_part().items()}

    def summary(self) -> str:
        """One line for people: which parts come from where, and which are random."""
        states = self.parts()
        by_state = {state: ", ".join(part for part in states if states[part] == state) for state in STATES}
        told = [f"{parts} {words}" for state, words in STATES.items() if (parts := by_state[state])]
        return "; ".join(told).format(source=" and ".join(file.origin for file in self.files) or self.source)

    def document(self) -> dict[str, Any]:
        """The report as JSON holds it."""
        return {
            "summary": self.summary(),
            "source": self.source,
            "files": [{"origin": file.origin, "sha256": file.sha256} for file in self.files],
            "parts": self.parts(),
            "resampled": list(self.resampled),
            "permuted": list(self.permuted),
            "left_random": list(self.initialised),
            "unused": list(self.unused),
        }

    def _names_by_part(self) -> dict[str, list[str]]:
        parts: dict[str, list[str]] = {}
        for name in (*self.copied, *self.resampled, *self.permuted, *self.initialised):
            parts.setdefault(name.split(".")[0], []).append(name)
        return parts

    def _state(self, names: list[str]) -> str:
        random = set(self.initialised).intersection(names)
        if not random:
            return "permuted" if set(self.permuted).intersection(names) else "loaded"
        return "random" if len(random) == len(names) else "partly random"
