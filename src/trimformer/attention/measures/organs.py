"""Which organ looks at which: the attention of queries that cover one, on keys that cover another."""

from collections.abc import Iterable, Mapping

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from trimformer.attention.measures.geometry import covering_tokens
from trimformer.attention.measures.sums import PatientMeans
from trimformer.attention.transformer.blocks import Transformer
from trimformer.attention.transformer.evaluating import evaluating
from trimformer.attention.transformer.observe import AttentionCall, observe_attention
from trimformer.attention.transformer.passes import batches_with_transformer
from trimformer.attention.transformer.states import run_blocks
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
    """
    transformer, told = batches_with_transformer(model, batches)
    sums = OrganSums()
    with evaluating(model), torch.inference_mode():
        for batch in told:
            cover = cover_of(batch, tuple(organs), transformer.grid.patch_size)
            sums.add(batch.patient_ids, _masses(model, transformer, batch, cover), cover)
    return sums.measures(organs, transformer.names)


def _masses(model: nn.Module, transformer: Transformer, batch: Batch, cover: Cover) -> Tensor:
    masses: list[Tensor] = []

    def measure(call: AttentionCall) -> None:
        masses.append(organ_mass(transformer.grid.of_patches(call.maps()), cover))

    with observe_attention(transformer.blocks, measure):
        run_blocks(model, transformer, batch.images, lambda *_: None)
    return torch.stack(masses, dim=1)


def cover_of(batch: Batch, organs: tuple[int, ...], patch_size: int) -> Cover:
    """Which patches cover which organ.

    Raises:
        UserError: The batch has no labels.
    """
    if batch.labels is None:
        raise UserError("Organs are told apart by their labels", "a batch without labels", "Give Batch(labels=...).")
    tokens: list[Bool[Tensor, "batch tokens"]] = [
        covering_tokens(batch.labels == organ, patch_size) for organ in organs
    ]
    return torch.stack(tokens, dim=-1).float()


def organ_mass(
    maps: Float[Tensor, "batch heads queries keys"], cover: Cover
) -> Float[Tensor, "batch heads query_organs key_organs"]:
    """The attention of all queries on organ a that lies on keys of organ b, summed over those queries."""
    cover = cover.to(maps.dtype)
    return cover.transpose(1, 2)[:, None] @ (maps @ cover[:, None])


def uniform_mass(cover: Cover) -> Float[Tensor, "batch query_organs key_organs"]:
    """The same sums under uniform attention: the queries of organ a times organ b's share of all keys."""
    counts = cover.sum(dim=1)
    return counts[:, :, None] * counts[:, None, :] / cover.shape[1]


class OrganSums:
    """Sums of attention per patient; those of two halves merge to the whole."""

    def __init__(self) -> None:
        self._means = PatientMeans()

    def add(
        self,
        patient_ids: tuple[str, ...],
        masses: Float[Tensor, "batch blocks heads query_organs key_organs"],
        cover: Cover,
    ) -> None:
        """Add the slices of one batch; every query counts once, whatever its slice."""
        values = {"mass": masses, "uniform": uniform_mass(cover), "queries": cover.sum(dim=1)}
        self._means.add(patient_ids, values, torch.ones(len(cover)))

    def merge(self, other: "OrganSums") -> None:
        """Add everything that `other` has seen."""
        self._means.merge(other._means)

    def measures(self, organs: Mapping[int, str], block_names: tuple[str, ...]) -> PatientMeasures:
        """What `measure_organs` returns."""
        found = self._means.means()
        mass, uniform, queries = (
            found["mass"],
            found["uniform"][:, None, None],
            found["queries"][:, None, None, :, None],
        )
        return PatientMeasures(
            patient_ids=self._means.patient_ids,
            measures={"share": _over(mass, queries), "over_uniform": _over(mass, uniform)},
            about={"organs": list(organs.values()), "block_names": list(block_names)},
        )


def _over(mass: np.ndarray, amount: np.ndarray) -> np.ndarray:
    amount = np.broadcast_to(amount, mass.shape)
    return np.divide(mass, amount, out=np.full_like(mass, np.nan), where=amount > 0)
