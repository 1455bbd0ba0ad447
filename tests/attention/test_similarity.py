import pickle
from dataclasses import replace
from itertools import permutations
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from trimformer.attention.measures.geometry import covering_tokens
from trimformer.attention.measures.similarity import (
    SimilarityWatcher,
    cka,
    gram,
    measure_similarity,
    similarity_sums,
    unbiased_hsic,
)
from trimformer.data.batch import Batch
from trimformer.models import SegmentationModel, create_model
from trimformer.records.errors import UserError


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def brute_force_hsic(first: np.ndarray, second: np.ndarray) -> float:
    """The U-statistic itself: a mean over all ordered quadruples of different tokens."""
    k, m = first @ first.T, second @ second.T
    terms = [k[i, j] * (m[i, j] + m[q, r] - 2 * m[i, q]) for i, j, q, r in permutations(range(len(k)), 4)]
    return float(np.mean(terms))


def test_unbiased_hsic_is_the_mean_over_all_quadruples_of_different_tokens() -> None:
    states = [draw(2, 9, 5, seed=1) + 3, draw(2, 9, 4, seed=2) - 5]
    tokens = torch.ones(2, 9, dtype=torch.bool)
    tokens[1, [0, 4]] = False
    found = unbiased_hsic(torch.stack([gram(state) for state in states]), tokens)
    for index in range(2):
        kept = [state[index, tokens[index]].double().numpy() for state in states]
        expected = [[brute_force_hsic(first, second) for second in kept] for first in kept]
        assert found[index].numpy() == pytest.approx(np.array(expected), rel=1e-4, abs=1e-5)


def test_cka_is_one_for_a_rotated_copy_and_near_zero_for_unrelated_states() -> None:
    states = draw(1, 64, 96, seed=3)
    rotation = torch.linalg.qr(draw(96, 96, seed=4))[0]
    others = [states, 3 * states @ rotation + 7, draw(1, 64, 96, seed=5)]
    hsic = unbiased_hsic(torch.stack([gram(other) for other in others]), torch.ones(1, 64, dtype=torch.bool))
    found = cka(hsic.numpy())[0]
    assert found[0, 1] == pytest.approx(1, abs=1e-5)
    assert abs(found[0, 2]) < 0.1  # with bias it would be 0.6
    constant = torch.zeros(1, 64, 64)
    assert np.isnan(cka(unbiased_hsic(constant[None], torch.ones(1, 64, dtype=torch.bool)).numpy())).all()


def test_influence_is_0_for_a_longer_state_1_for_one_at_right_angles_and_2_for_its_opposite() -> None:
    tokens = {"all": torch.ones(1, 8, dtype=torch.bool)}
    tokens["all"][0, 0] = False
    watcher = SimilarityWatcher(tokens, num_prefix_tokens=1)
    state = draw(1, 9, 2)
    turned = torch.stack([-state[..., 1], state[..., 0]], dim=-1)
    for depth, told in enumerate((state, 2 * state, turned, -turned)):
        watcher(depth, told)
    assert watcher.values()["all/block_influence"][0].tolist() == pytest.approx([0, 1, 2], abs=1e-6)


SMALL: Any = {"num_classes": 3, "size": "tiny", "image_size": 48, "patch_size": 8}


def tiny() -> SegmentationModel:
    torch.manual_seed(0)
    return create_model("unetr", **SMALL, num_blocks=3).eval()


def batch_of(patients: str, seed: int, foreground: bool = True) -> Batch:
    labels = torch.zeros(len(patients), 48, 48, dtype=torch.uint8)
    labels[:, 8:40, 10:38] = int(foreground)
    return Batch(draw(len(patients), 1, 48, 48, seed=seed), labels, tuple(patients))


def test_a_models_similarity_equals_float64_sums_over_its_own_states() -> None:
    model, batches = tiny(), [batch_of("aab", 1), batch_of("b", 2), batch_of("a", 3)]
    found = measure_similarity(model, batches)
    assert found.patient_ids == ("a", "b")
    images = torch.cat([batches[0].images[:2], batches[2].images])
    states = own_states(model, images)
    region = covering_tokens(batches[0].foreground[:1], 8)[0].numpy()  # type: ignore[index]
    for name, kept in (("foreground", region), ("all", np.ones(36, dtype=bool))):
        sums = sum(np.array([[hsic(x[kept], y[kept]) for y in image] for x in image]) for image in states)
        scale = np.sqrt(np.diagonal(sums))
        assert found.measures[f"{name}/cka"][0] == pytest.approx(sums / np.outer(scale, scale), abs=1e-5)
        cosines = [[cosine(image[i][kept], image[i + 1][kept]) for i in range(3)] for image in states]
        assert found.measures[f"{name}/block_influence"][0] == pytest.approx(1 - np.mean(cosines, axis=0), abs=1e-6)


def own_states(model: SegmentationModel, images: Tensor) -> np.ndarray:
    """(images, depths, tokens, width) in float64, by running the parts one after the other."""
    transformer = model.transformer
    with torch.no_grad():
        tokens = transformer.patch_embed(model.prepare(images)).flatten(2).transpose(1, 2) + transformer.pos_embed
        states = [tokens]
        for block in transformer.blocks:
            states.append(block(states[-1]))
    return torch.stack(states, dim=1).double().numpy()


def hsic(x: np.ndarray, y: np.ndarray) -> float:
    """By centring each matrix of products without its diagonal (Szekely and Rizzo's U-centring)."""
    n, centred = len(x), []
    for states in (x, y):
        k = states @ states.T
        np.fill_diagonal(k, 0)
        rows = k.sum(axis=1) / (n - 2)
        u = k - rows[:, None] - rows[None, :] + k.sum() / ((n - 1) * (n - 2))
        np.fill_diagonal(u, 0)
        centred.append(u)
    return float((centred[0] * centred[1]).sum() / (n * (n - 3)))


def cosine(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.mean((x * y).sum(axis=1) / np.linalg.norm(x, axis=1) / np.linalg.norm(y, axis=1)))


def test_two_halves_merged_and_other_batches_equal_the_whole() -> None:
    model, batches = tiny().double(), [batch_of("aab", 1), batch_of("bc", 2)]
    batches = [replace(batch, images=batch.images.double()) for batch in batches]
    whole = measure_similarity(model, batches).measures
    slices = [
        Batch(batch.images[[index]], batch.labels[[index]], (patient,))  # type: ignore[index]
        for batch in batches
        for index, patient in enumerate(batch.patient_ids)
    ]
    parts = similarity_sums(model, slices[:1])
    for one in slices[1:]:
        parts.merge(pickle.loads(pickle.dumps(similarity_sums(model, [one]))))
    merged = parts.measures()
    assert merged.patient_ids == ("a", "b", "c")
    for name, values in whole.items():
        assert merged.measures[name] == pytest.approx(values, abs=1e-6), name
    with pytest.raises(UserError, match="same measure, weights and settings"):
        parts.merge(similarity_sums(create_model("unetr", **SMALL, num_blocks=2).double(), slices[:1]))


def test_without_foreground_there_is_no_value_and_without_batches_an_error() -> None:
    found = measure_similarity(tiny(), [batch_of("a", 1, foreground=False)]).measures
    assert np.isnan(found["foreground/cka"]).all()
    assert np.isnan(found["foreground/block_influence"]).all()
    assert np.isfinite(found["all/cka"]).all()
    with pytest.raises(UserError, match="at least one batch"):
        measure_similarity(tiny(), [])
