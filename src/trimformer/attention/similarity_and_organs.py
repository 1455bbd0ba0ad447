"""Similarity of blocks and what organs look at, measured in the forward passes of a profile."""

from collections.abc import Mapping

from torch import Tensor, nn

from trimformer.attention.beside import Beside
from trimformer.attention.measures.measure_sums import MeasureSums
from trimformer.attention.measures.organs import OrganWatcher, empty_organs
from trimformer.attention.measures.regions import Regions
from trimformer.attention.measures.similarity import SimilarityWatcher, empty_similarity
from trimformer.attention.transformer.blocks import Transformer
from trimformer.data.batch import Batch


class SimilarityAndOrgans:
    """Sums both over the batches of a model (a `BesideOf`); organs of those batches that have labels."""

    def __init__(self, model: nn.Module, organs: Mapping[int, str]) -> None:
        self.sums: dict[str, MeasureSums] = {}
        self.organs = organs
        self._model = model

    def __call__(self, batch: Batch, transformer: Transformer, regions: Regions) -> Beside:
        """Whom to tell what happens to one batch."""
        similarity = SimilarityWatcher.of(regions, transformer)
        similarities = self.sums.setdefault("similarity", empty_similarity(self._model, transformer))
        if batch.labels is None:
            return Beside(_nothing, similarity, lambda: similarity.add_to(similarities.means, batch.patient_ids))
        organs = OrganWatcher.of(batch, transformer, self.organs)
        masses = self.sums.setdefault("organs", empty_organs(self._model, transformer, self.organs))

        def add() -> None:
            similarity.add_to(similarities.means, batch.patient_ids)
            organs.add_to(masses.means, batch.patient_ids)

        return Beside(organs.image, similarity, add)


def _nothing(_image: int, _maps: Tensor) -> None:
    """Nobody asks for the attention."""
