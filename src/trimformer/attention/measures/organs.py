"""Which organ looks at which: the attention of queries that cover one, on keys that cover another."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from trimformer.attention.calls.fused import part_of
from trimformer.attention.measures.geometry import covering_tokens
from trimformer.attention.measures.measure_sums import Arrays, MeasureSums, known_of
from trimformer.attention.measures.sums import PatientMeans
from trimformer.attention.transformer.blocks import Transformer
from trimformer.attention.transformer.evaluating import evaluating
from trimformer.attention.transformer.observe import AttentionCall, observe_attention
from trimformer.attention.transformer.passes import batches_with_transformer
from trimformer.attention.transformer.states import run_blocks
from trimformer.attention.transformer.token_grid import TokenGrid
from trimformer.data.batch import Batch
from trimformer.records.errors import UserError
from trimformer.records.patient_measures import PatientMeasures

Cover = Float[Tensor, "batch tokens organs"]
"""1 where a patch covers at least one pixel of the organ; a patch may cover several."""


def measure_organs(model: nn.Module, batches: Iterable[Batch], organs: Mapping[int, str]) -> PatientMeasures:
    """For every block and head, how much the queries on one organ attend to keys on another, per patient.

    One pass without gradients up to the last block; memory does not grow with the number of slices.

    Args:
        model: Any network with one sequence of transformer blocks.
        batches: Batches with labels.
        organs: The labels to tell apart, with their names.

    Returns:
        `"share"` (patients, blocks, heads, query organs, key organs), the mean share of a query's attention;
        `"over_uniform"`, the same divided by the share under uniform attention. A patch that covers two organs counts
        for both, a query is one of its own keys, and prefix tokens are left out, rows renormalised. NaN where a
        patient has no query of the organ, or no slice with both.

    Raises:
        UserError: There is no batch, no block, or a batch has no labels.

    Example:
        >>> import trimformer as tf
        >>> model = tf.create_model("unetr", num_classes=3, num_blocks=2, size="tiny", image_size=32, patch_size=8)
        >>> labels = torch.zeros(1, 32, 32, dtype=torch.uint8)
        >>> labels[:, :16], labels[:, 16:] = 1, 2
        >>> measured = measure_organs(model, [tf.Batch(torch.randn(1, 1, 32, 32), labels)], {1: "liver", 2: "spleen"})
        >>> measured.measures["share"].shape, measured.measures["share"][0, 0, 0].sum(axis=-1).round(5).tolist()
        ((1, 2, 3, 2, 2), [1.0, 1.0])
    """
    return organ_sums(model, batches, organs).measures()


def organ_sums(model: nn.Module, batches: Iterable[Batch], organs: Mapping[int, str]) -> MeasureSums:
    """What `measure_organs` sums, to be merged with what other machines have summed.

    Raises:
        UserError: As for `measure_organs`.
    """
    transformer, told = batches_with_transformer(model, batches)
    sums = empty_organs(model, transformer, organs)
    with evaluating(model), torch.inference_mode():
        for batch in told:
            watcher = OrganWatcher.of(batch, transformer, organs)
            with observe_attention(transformer.blocks, watcher):
                run_blocks(model, transformer, batch.images, lambda *_: None)
            watcher.add_to(sums.means, batch.patient_ids)
    return sums


def empty_organs(model: nn.Module, transformer: Transformer, organs: Mapping[int, str]) -> MeasureSums:
    """Sums of no slice yet."""
    return MeasureSums(_finish, {"organs": list(organs.values())} | known_of(model, transformer))


def _finish(patient_ids: tuple[str, ...], means: Arrays, about: Mapping[str, Any]) -> PatientMeasures:
    mass, uniform = means["mass"], means["uniform"][:, None, None]
    queries = means["queries"][:, None, None, :, None]
    measures = {"share": _over(mass, queries), "over_uniform": _over(mass, uniform)}
    return PatientMeasures(patient_ids, measures, about=about)


class OrganWatcher:
    """Sums the attention between organs in one forward pass, block after block."""

    def __init__(self, cover: Cover, grid: TokenGrid) -> None:
        self.cover = cover
        self._grid = grid
        self._masses: list[Tensor] = []

    @classmethod
    def of(cls, batch: Batch, transformer: Transformer, organs: Mapping[int, str]) -> "OrganWatcher":
        """The watcher of a batch.

        Raises:
            UserError: The batch has no labels.
        """
        return cls(cover_of(batch, tuple(organs), transformer.grid.patch_sizes), transformer.grid)

    def __call__(self, call: AttentionCall) -> None:
        """Sum the maps of one block."""
        for image in range(len(call.query)):
            self.image(image, part_of(call, slice(image, image + 1)).maps()[0])

    def image(self, image: int, maps: Float[Tensor, "heads queries keys"]) -> None:
        """Sum the maps of one image, counted in the batch, in one block; blocks come one after the other."""
        prefix = self._grid.num_prefix_tokens
        self._masses.append(organ_mass(maps[:, prefix:, prefix:], self.cover[image]))

    def add_to(self, means: PatientMeans, patient_ids: tuple[str, ...]) -> None:
        """Add the slices of this pass; every query counts once, whatever its slice."""
        masses = torch.stack(self._masses).unflatten(0, (-1, len(self.cover))).transpose(0, 1)
        values = {"mass": masses, "uniform": uniform_mass(self.cover), "queries": self.cover.sum(dim=1)}
        means.add(patient_ids, values, torch.ones(len(self.cover)))


def cover_of(batch: Batch, organs: tuple[int, ...], patch_sizes: tuple[int, ...]) -> Cover:
    """Which patches cover which organ.

    Raises:
        UserError: The batch has no labels.
    """
    if batch.labels is None:
        raise UserError("Organs are told apart by their labels", "a batch without labels", "Give Batch(labels=...).")
    tokens: list[Bool[Tensor, "batch tokens"]] = [
        covering_tokens(batch.labels == organ, patch_sizes) for organ in organs
    ]
    return torch.stack(tokens, dim=-1).float()


def organ_mass(
    maps: Float[Tensor, "heads queries keys"], cover: Float[Tensor, "tokens organs"]
) -> Float[Tensor, "heads query_organs key_organs"]:
    """The share of attention of all queries on organ a that lies on keys of organ b, summed over those queries."""
    cover = cover.to(maps.dtype)
    on_organs = maps @ cover
    return cover.T @ (on_organs / maps.sum(dim=-1, keepdim=True))


def uniform_mass(cover: Cover) -> Float[Tensor, "batch query_organs key_organs"]:
    """The same sums under uniform attention: the queries of organ a times organ b's share of all keys."""
    counts = cover.sum(dim=1)
    return counts[:, :, None] * counts[:, None, :] / cover.shape[1]


def _over(mass: np.ndarray, amount: np.ndarray) -> np.ndarray:
    amount = np.broadcast_to(amount, mass.shape)
    return np.divide(mass, amount, out=np.full_like(mass, np.nan), where=amount > 0)
