"""One slice with the attention of every block and head, the relevance of every class, the prediction at every depth."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from trimformer.attention.ablation.skip import skipped_blocks
from trimformer.attention.measures.geometry import covering_tokens, token_distances
from trimformer.attention.measures.relevance import class_relevance
from trimformer.attention.showing.examples import record_example
from trimformer.attention.transformer.blocks import Transformer, find_transformer, own_transformer
from trimformer.attention.transformer.evaluating import evaluating
from trimformer.data.preparation.native_grid import NativeGrid
from trimformer.data.preparation.slices import PatientSlices
from trimformer.data.upright import upright, way_to_ras
from trimformer.inference.predict import predict_scores
from trimformer.records.attention_example import AttentionExample
from trimformer.records.errors import UserError
from trimformer.records.explorer import ExplorerRelevance, ExplorerSlice

Found = TypeVar("Found")
Images = Float[Tensor, "1 channels rows columns"]


def record_slice(
    model: nn.Module,
    patient: PatientSlices,
    index: int,
    values: Sequence[int] = (),
    left_out: dict[str, str] | None = None,
) -> ExplorerSlice:
    """One slice with all that the explorer shows of it; the model's mode is kept.

    Args:
        model: A network with one sequence of transformer blocks.
        patient: Whose slice.
        index: Which slice, counted from 0.
        values: The classes whose relevance is asked for.
        left_out: Told what a network that is not ours cannot show, and why.

    Raises:
        UserError: The model has no block, or its attention cannot be seen.
    """
    left_out = {} if left_out is None else left_out
    images = patient.image_tensor(slice(index, index + 1))
    there = images.to(next(model.parameters()).device)

    def told(what: str, find: Callable[[], Found]) -> Found | None:
        return find() if own_transformer(model) else _unless_refused(what, find, left_out)

    with evaluating(model):
        transformer = find_transformer(model, there)
        example = record_example(model, there[0], spacing_mm=patient.spacing_mm)
        each = told("The depth slider", lambda: predict_each_depth(model, images, transformer))
        predictions = each or [predict(model, images)]
        relevance = told(
            "Relevance",
            lambda: relevance_of_classes(model, there, transformer, values, predictions[-1], patient.spacing_mm),
        )
    return _on_page(patient, index, example, predictions, relevance)


def _on_page(
    patient: PatientSlices,
    index: int,
    example: AttentionExample,
    predictions: list[np.ndarray],
    relevance: ExplorerRelevance | None,
) -> ExplorerSlice:
    """All that was kept of a slice, turned the way it is looked at."""
    grid = patient.grid
    order = on_page(np.arange(example.maps.shape[-1]).reshape(example.grid_size), grid)
    tokens = order.ravel()
    (row, column), _, swap = way_to_ras(grid)
    row_mm, column_mm = patient.spacing_mm
    return ExplorerSlice(
        patient_id=patient.patient_id,
        slice_index=index,
        num_slices=len(patient.images),
        image=on_page(example.image, grid),
        labels=None if patient.labels is None else on_page(np.array(patient.labels[index]), grid),
        predictions=np.stack([on_page(labels, grid) for labels in predictions]),
        maps=example.maps[..., tokens[:, None], tokens],
        rollout=example.fields["norm_weighted"][..., tokens[:, None], tokens],
        grid_size=(order.shape[0], order.shape[1]),
        spacing_mm=(row_mm, column_mm) if swap else (column_mm, row_mm),
        left=column if swap else row,
        top=row if swap else column,
        relevance=None if relevance is None else replace(relevance, patches=relevance.patches[..., tokens]),
    )


def on_page(plane: np.ndarray, grid: NativeGrid) -> np.ndarray:
    """A plane (rows, columns) of slices as the page shows it: right, or anterior, at its left edge, radiologically."""
    return np.ascontiguousarray(upright(plane, grid).T[::-1, ::-1])


def predict(model: nn.Module, images: Float[Tensor, "slices channels rows columns"]) -> np.ndarray:
    """The label map of one slice (rows, columns) uint8, or of the first of several."""
    labels: np.ndarray = predict_scores(model, images).argmax(dim=1)[0].numpy().astype(np.uint8)
    return labels


def predict_each_depth(
    model: nn.Module, images: Images, transformer: Transformer
) -> list[UInt8[np.ndarray, "rows columns"]]:
    """The label map with the blocks after 0, 1, ... of them skipped, without training again; the last is the model's.

    Raises:
        UserError: The network cannot run without its blocks.
    """
    predictions = []
    for depth in range(len(transformer.blocks) + 1):
        with skipped_blocks(model, depth, transformer):
            predictions.append(predict(model, images))
    return predictions


def relevance_of_classes(
    model: nn.Module,
    images: Images,
    transformer: Transformer,
    values: Sequence[int],
    prediction: UInt8[np.ndarray, "rows columns"],
    spacing_mm: tuple[float, float],
) -> ExplorerRelevance:
    """Chefer relevance after every block of each class where it is predicted, and how far it reaches.

    Of R - I after every block, the rows are those of the patches that the class's pixels touch.

    Raises:
        UserError: The model gives no logits on the grid of its images, or a block's attention has no gradient.
    """
    grid, prefix, blocks = transformer.grid, transformer.grid.num_prefix_tokens, len(transformer.blocks)
    row_mm, column_mm = (pixels * mm for pixels, mm in zip(grid.patch_sizes, spacing_mm, strict=True))
    distances = token_distances(grid.grid_size, (row_mm, column_mm)).numpy()
    patches = np.full((len(values), blocks, grid.num_patches), np.nan)
    distance, uniform = np.full((len(values), blocks), np.nan), np.full(len(values), np.nan)
    for place, value in enumerate(values):
        mask = torch.from_numpy(prediction == value)[None]
        if not mask.any():
            continue
        covered = covering_tokens(mask, grid.patch_sizes)[0].numpy()
        after = class_relevance(model, images, value, mask).after_blocks[:, 0].double().cpu().numpy()
        rows = (after - np.eye(after.shape[-1]))[:, prefix:, prefix:][:, covered]
        with np.errstate(invalid="ignore"):
            patches[place] = rows.sum(axis=1) / rows.sum(axis=(1, 2))[:, None]
            distance[place] = (rows * distances[covered]).sum(axis=(1, 2)) / rows.sum(axis=(1, 2))
        uniform[place] = distances[covered].mean()
    return ExplorerRelevance(patches.astype(np.float32), distance, uniform)


def _unless_refused(what: str, find: Callable[[], Found], left_out: dict[str, str]) -> Found | None:
    """What is found, or None where a network that is not ours does not allow it, and the reason in `left_out`."""
    try:
        return find()
    except UserError as error:
        left_out[what] = f"{error.rule}; found {error.found}."
    except Exception as error:  # whatever a network that we do not know raises
        left_out[what] = f"the network does not run so ({_in_one_line(error)})."
    return None


def _in_one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:160]
