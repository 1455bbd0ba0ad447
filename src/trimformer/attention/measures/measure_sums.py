"""What a measure has summed of every patient: it grows batch by batch, travels between machines, and merges exactly."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np
from torch import nn

from trimformer.attention.fingerprint import fingerprint
from trimformer.attention.measures.sums import PatientMeans
from trimformer.attention.transformer.blocks import Transformer
from trimformer.records.errors import UserError
from trimformer.records.patient_measures import PatientMeasures

Arrays = dict[str, np.ndarray]

Finish = Callable[[tuple[str, ...], Arrays, Mapping[str, Any]], PatientMeasures]
"""Makes a measure of the patients' ids, their means, and what is known about them."""


@dataclass
class MeasureSums:
    """The sums of one measure over some slices of some patients.

    Sums of two parts of the data, measured anywhere with the same model and settings, merge to the sums of the whole,
    even where a patient's slices are in both parts. They can be pickled.

    Example:
        >>> import torch
        >>> import trimformer as tf
        >>> model = tf.create_model("unetr", num_classes=2, num_blocks=2, size="tiny", image_size=32, patch_size=8)
        >>> images = torch.randn(4, 1, 32, 32)
        >>> sums = tf.similarity_sums(model, [images[:2]])
        >>> sums.merge(tf.similarity_sums(model, [images[2:]]))
        >>> whole = tf.measure_similarity(model, [images])
        >>> np.allclose(sums.measures().measures["all/cka"], whole.measures["all/cka"], atol=1e-6)
        True
    """

    finish: Finish
    about: Mapping[str, Any]
    """Names of the blocks, the token grid, the fingerprint of the weights, and the settings of the measure."""
    means: PatientMeans = field(default_factory=PatientMeans)

    def merge(self, other: "MeasureSums") -> None:
        """Add everything that `other` has seen.

        Raises:
            UserError: It is another measure, or was made with other weights or settings.
        """
        if other.finish is not self.finish or dict(other.about) != dict(self.about):
            raise UserError(
                "Sums of the same measure, weights and settings merge",
                f"{dict(other.about)} beside {dict(self.about)}",
                "Measure every part of the data in the same way.",
            )
        self.means.merge(other.means)

    def measures(self) -> PatientMeasures:
        """The measure of every patient seen so far."""
        return self.finish(self.means.patient_ids, self.means.means(), self.about)


def merged_sums(parts: Iterable[Mapping[str, MeasureSums]]) -> dict[str, MeasureSums]:
    """The sums of each measure over all parts, by name; a measure may be missing in some of them."""
    merged: dict[str, MeasureSums] = {}
    for name, sums in chain.from_iterable(part.items() for part in parts):
        if name in merged:
            merged[name].merge(sums)
        else:
            merged[name] = sums
    return merged


def known_of(model: nn.Module, transformer: Transformer) -> dict[str, Any]:
    """What every measure says of the model it was made with."""
    return {
        "block_names": list(transformer.names),
        "grid_size": list(transformer.grid.grid_size),
        "fingerprint": fingerprint(model),
    }
