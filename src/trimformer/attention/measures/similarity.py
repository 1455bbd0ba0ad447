"""How alike the token states are after any two blocks, and how much each block changes them."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from trimformer.attention.measures.measure_sums import Arrays, MeasureSums, known_of
from trimformer.attention.measures.region_measures import Values, named
from trimformer.attention.measures.regions import Regions, regions_of
from trimformer.attention.measures.sums import PatientMeans
from trimformer.attention.transformer.blocks import Transformer
from trimformer.attention.transformer.evaluating import evaluating
from trimformer.attention.transformer.passes import batches_with_transformer
from trimformer.attention.transformer.states import run_blocks
from trimformer.data.batch import Batch
from trimformer.records.patient_measures import PatientMeasures

Grams = Float[Tensor, "depths batch tokens tokens"]


def measure_similarity(model: nn.Module, batches: Iterable[Batch | Tensor]) -> PatientMeasures:
    """Debiased linear CKA between the states at every two depths, and the influence of every block, per patient.

    One pass without gradients up to the last block; memory does not grow with the number of slices.

    Args:
        model: Any network with one sequence of transformer blocks.
        batches: Batches, or plain image tensors, which count as one patient.

    Returns:
        `"{region}/cka"` (patients, depths, depths), depth 0 what enters the first block; region `foreground` or
        `all`; `"{region}/block_influence"` (patients, blocks). Prefix tokens are left out.

    Raises:
        UserError: There is no batch, or no block.

    Example:
        >>> import trimformer as tf
        >>> model = tf.create_model("unetr", num_classes=2, num_blocks=2, size="tiny", image_size=32, patch_size=8)
        >>> similarity = measure_similarity(model, [torch.randn(2, 1, 32, 32)])
        >>> similarity.measures["all/cka"].shape, similarity.measures["all/block_influence"].shape
        ((1, 3, 3), (1, 2))
    """
    return similarity_sums(model, batches).measures()


def similarity_sums(model: nn.Module, batches: Iterable[Batch | Tensor]) -> MeasureSums:
    """What `measure_similarity` sums, to be merged with what other machines have summed.

    Raises:
        UserError: As for `measure_similarity`.
    """
    transformer, told = batches_with_transformer(model, batches)
    sums = empty_similarity(model, transformer)
    with evaluating(model), torch.inference_mode():
        for batch in told:
            watcher = SimilarityWatcher.of(regions_of(batch, transformer.grid), transformer)
            run_blocks(model, transformer, batch.images, watcher)
            watcher.add_to(sums.means, batch.patient_ids)
    return sums


def empty_similarity(model: nn.Module, transformer: Transformer) -> MeasureSums:
    """Sums of no slice yet."""
    return MeasureSums(_finish, known_of(model, transformer))


def _finish(patient_ids: tuple[str, ...], means: Arrays, about: Mapping[str, Any]) -> PatientMeasures:
    hsics = {name.removesuffix("hsic"): array for name, array in means.items() if name.endswith("/hsic")}
    influences = {name: array for name, array in means.items() if name.endswith("/block_influence")}
    measures = {f"{region}cka": cka(hsic) for region, hsic in hsics.items()} | influences
    return PatientMeasures(patient_ids, measures, about=about)


class SimilarityWatcher:
    """Compares the states of one forward pass as they are told, depth after depth (a `StateObserver`)."""

    def __init__(self, tokens: Mapping[str, Bool[Tensor, "batch tokens"]], num_prefix_tokens: int = 0) -> None:
        self.tokens = tokens
        self._num_prefix_tokens = num_prefix_tokens
        self._grams: list[Tensor] = []
        self._cosines: list[Tensor] = []
        self._previous: Tensor | None = None

    @classmethod
    def of(cls, regions: Regions, transformer: Transformer) -> "SimilarityWatcher":
        """The watcher of a batch's foreground patches, and of all."""
        tokens = {name: measure.region.tokens for name, measure in regions.items()}
        return cls(tokens, transformer.grid.num_prefix_tokens)

    def __call__(self, _depth: int, states: Float[Tensor, "batch tokens width"]) -> None:
        """Keep what the comparison needs: products of tokens, not the states."""
        patches = states[:, self._num_prefix_tokens :]
        directions = F.normalize(patches.to(torch.promote_types(patches.dtype, torch.float32)), dim=-1)
        self._grams.append(gram(patches.to(directions.dtype)))
        if self._previous is not None:
            self._cosines.append(self._previous.mul_(directions).sum(dim=-1))
        self._previous = directions

    def values(self) -> Values:
        """`"{region}/hsic"` (batch, depths, depths) and `"{region}/block_influence"` (batch, blocks), NaN where empty.

        Block influence is 1 - the mean over tokens of cos(x_l, x_(l+1)) (Men et al. 2024, ShortGPT, equation 1).
        """
        grams, changes, values = torch.stack(self._grams), 1 - torch.stack(self._cosines, dim=1), Values()
        for region, tokens in self.tokens.items():
            counts = tokens.sum(dim=1)
            influence = (changes * tokens[:, None]).sum(dim=-1) / counts[:, None]
            values |= named(region, {"hsic": unbiased_hsic(grams, tokens), "block_influence": influence})
        return values

    def add_to(self, means: PatientMeans, patient_ids: tuple[str, ...]) -> None:
        """Add the slices of this pass; each counts by its number of tokens in the region."""
        values = self.values()
        for region, tokens in self.tokens.items():
            chosen = {name: value for name, value in values.items() if name.startswith(f"{region}/")}
            means.add(patient_ids, chosen, tokens.sum(dim=1))


def gram(patches: Float[Tensor, "batch tokens width"]) -> Float[Tensor, "batch tokens tokens"]:
    """Inner products of every slice's tokens, centred: HSIC does not change by it, and rounding is less."""
    centred = patches - patches.mean(dim=1, keepdim=True)
    return centred @ centred.transpose(1, 2)


def unbiased_hsic(grams: Grams, tokens: Bool[Tensor, "batch tokens"]) -> Float[Tensor, "batch depths depths"]:
    """The Hilbert-Schmidt independence criterion of any two depths on each slice's tokens, without bias.

    HSIC_1 of Song et al. (2012, equation 5) with linear kernels, the tokens of a slice as the sample:
    [tr(K L) + (1' K 1)(1' L 1) / ((n - 1)(n - 2)) - 2 / (n - 2) 1' K L 1] / (n (n - 3)), diagonals of K and L zero.
    NaN for a slice with fewer than 4 tokens.
    """
    return torch.stack(
        [_hsic(of_slice, of_tokens) for of_slice, of_tokens in zip(grams.unbind(dim=1), tokens, strict=True)]
    )


def _hsic(
    grams: Float[Tensor, "depths tokens tokens"], tokens: Bool[Tensor, " tokens"]
) -> Float[Tensor, "depths depths"]:
    """Of one slice: float64 is large."""
    n = int(tokens.sum())
    if n < 4:
        return grams.new_full((len(grams), len(grams)), torch.nan, dtype=torch.float64)
    kept = (grams if n == len(tokens) else grams[:, tokens][:, :, tokens]).to(torch.float64, copy=True)
    kept.diagonal(dim1=1, dim2=2).zero_()
    flat, rows = kept.flatten(1), kept.sum(dim=-1)
    traces, totals = flat @ flat.T, rows.sum(dim=-1)
    crossed = totals[:, None] * totals / ((n - 1) * (n - 2)) - 2 / (n - 2) * (rows @ rows.T)
    return (traces + crossed) / (n * (n - 3))


def cka(hsic: Float[np.ndarray, "*patients depths depths"]) -> Float[np.ndarray, "*patients depths depths"]:
    """HSIC(k, l) / sqrt(HSIC(k, k) HSIC(l, l)) of mean HSIC_1 over mini-batches (Nguyen et al. 2021, equation 3).

    A mini-batch is here one slice, whatever batches the model was run with. NaN where the states do not vary.
    """
    own = np.diagonal(hsic, axis1=-2, axis2=-1)
    own = np.sqrt(np.where(own > 0, own, np.nan))
    return hsic / (own[..., :, None] * own[..., None, :])
