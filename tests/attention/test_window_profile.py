"""The profile of networks with windows, stages and reduced keys, against sums over pairs of tokens in float64."""

import math
from collections.abc import Sequence
from statistics import median
from typing import Any

import brute_force
import numpy as np
import pytest
import torch
from monai.networks.nets.swin_unetr import SwinTransformer as MonaiSwin
from timm.models.levit import Levit
from timm.models.swin_transformer import SwinTransformer
from torch import Tensor, nn

import trimformer as tf
from trimformer.attention.calls.token_places import TokenPlaces
from trimformer.attention.measures import token_set, window_measures
from trimformer.attention.twin import permuted_twin
from trimformer.records.profile import FIELD_MEASURES, MEASURES, AttentionProfile


class ReducedKeys(nn.Module):
    """A block as SegFormer's: each key stands for four tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.reduce = nn.Conv2d(1, 8, 4, 4), nn.Conv2d(8, 8, 2, 2)
        self.query, self.key_value = nn.Linear(8, 8), nn.Linear(8, 16)

    def forward(self, images: Tensor) -> Tensor:
        features = self.embed(images)
        tokens = features.flatten(2).transpose(1, 2)
        query = self.query(tokens).unflatten(-1, (2, 4)).transpose(1, 2)
        reduced = self.reduce(features).flatten(2).transpose(1, 2)
        key, value = self.key_value(reduced).unflatten(-1, (2, 2, 4)).permute(2, 0, 3, 1, 4)
        mixed: Tensor = nn.functional.scaled_dot_product_attention(query, key, value)
        return mixed.transpose(1, 2).flatten(2)


def swin() -> Any:
    return SwinTransformer(
        img_size=32, patch_size=2, in_chans=1, embed_dim=12, depths=(2, 1), num_heads=(2, 3), window_size=4
    )


def monai(dims: int) -> Any:
    settings: dict[str, Any] = {"depths": (2, 1, 1, 1), "num_heads": (1, 2, 2, 2), "spatial_dims": dims}
    return MonaiSwin(in_chans=1, embed_dim=8, window_size=(3,) * dims, patch_size=(2,) * dims, **settings)


def levit() -> Any:
    return Levit(img_size=64, in_chans=1, embed_dim=(16, 24), key_dim=8, depth=(1, 1), num_heads=(2, 3))


NETWORKS: dict[str, tuple[Any, tuple[int, ...]]] = {
    "timm Swin": (swin, (32, 32)),
    "MONAI Swin 2D": (lambda: monai(2), (32, 32)),
    "MONAI Swin 3D": (lambda: monai(3), (12, 12, 12)),
    "LeViT": (levit, (64, 64)),
    "reduced keys": (ReducedKeys, (32, 32)),
}


def sharpened(name: str) -> nn.Module:
    torch.manual_seed(0)
    network: nn.Module = NETWORKS[name][0]()
    with torch.no_grad():
        for key, parameter in network.named_parameters():
            if any(word in key for word in ("qkv", "position_bias", "attention_biases", "query", "key_value")):
                parameter.copy_(0.5 * torch.randn_like(parameter))
    return network.eval()


def batch(name: str, images: int = 2) -> tf.Batch:
    """Volumes and slices with a box of foreground, larger in the second image."""
    size = NETWORKS[name][1]
    pixels = torch.randn(images, 1, *size, generator=torch.Generator().manual_seed(1))
    foreground = torch.zeros(images, *size, dtype=torch.bool)
    for index in range(images):
        box: Any = (index, *[slice(size[0] // 8, size[0] // 2 + 3 + 4 * index)] * len(size))
        foreground[box] = True
    return tf.Batch(pixels, None, tuple("ab"[:images]), (1.5, 2.0, 1.25)[: len(size)], foreground)


class Expected:
    """One head of one block on one image and region: a matrix of all its queries by all keys of the image."""

    def __init__(self, maps: np.ndarray, places: TokenPlaces, spacing: Sequence[float], marked: np.ndarray) -> None:
        query, key = (each.double().numpy() for each in (places.query_px, places.key_px))
        self.square = query.shape == key.shape and np.array_equal(query, key, equal_nan=True)
        keys = [tuple(p) for window in key for p in window if counts(p, key, marked)]
        number = {place: index for index, place in enumerate(keys)}
        rows, queries, windows = [], [], []
        for window, weights in enumerate(maps):
            for q, place in enumerate(query[window]):
                row = np.zeros(len(keys))
                for k, p in enumerate(key[window]):
                    if tuple(p) in number and weights[q, k] > 1e-30:
                        row[number[tuple(p)]] = weights[q, k]
                if counts(place, query, marked) and row.any():
                    rows.append(row / row.sum())
                    queries.append(place)
                    windows.append(window)
        self.rows, self.windows = np.array(rows), np.array(windows)
        self.px = apart(np.array(queries), np.array(keys), [1.0] * len(spacing))
        self.mm = apart(np.array(queries), np.array(keys), spacing)

    def far(self, removed: np.ndarray) -> list[float]:
        found = []
        for row, mm in zip(self.rows, self.mm, strict=True):
            beyond = mm > median(mm[mm > 0])
            others = (mm > 0) & ~removed
            if row[others].sum() > 0:
                share = row[others & beyond].sum() / row[others].sum()
                found.append(share / beyond[others].mean())
            elif not removed.any():
                found.append(0.0)
        return found

    def information(self) -> float:
        values: list[float] = []
        sizes: list[int] = []
        for window in set(self.windows):
            rows = self.rows[self.windows == window]
            if len(rows) < 2:
                continue
            of_mean = brute_force.entropy(rows.mean(axis=0))
            of_rows = float(np.mean([brute_force.entropy(row) for row in rows]))
            flat = of_mean < 1e-5
            values.append(0.0 if flat else (of_mean - of_rows) / math.sqrt(math.log(len(rows)) * of_mean))
            sizes.append(len(rows))
        return float(np.average(values, weights=sizes)) if values else math.nan

    def measures(self) -> dict[str, Any]:
        entropies = [brute_force.entropy(row) / math.log((row > 0).sum()) for row in self.rows if (row > 0).sum() > 1]
        columns = self.rows.sum(axis=0)
        return {
            "distance_px": np.mean((self.rows * self.px).sum(axis=1)),
            "distance_mm": np.mean((self.rows * self.mm).sum(axis=1)),
            "distance_ratio": np.mean((self.rows * self.mm).sum(axis=1) / self.mm.mean(axis=1)),
            "far_field_ratio": np.mean(self.far(columns < 0)),
            "mixing": 1 - np.mean((self.rows * (self.mm == 0)).sum(axis=1)) if self.square else math.nan,
            "entropy": np.mean(entropies) if entropies else math.nan,
            "query_key_information": self.information(),
            "sink_ratio": columns.max() / median(columns) if median(columns) else math.inf,
        }

    def field(self) -> dict[str, Any]:
        columns = self.rows.sum(axis=0)
        far, without = self.far(columns < 0), self.far(columns > 5 * median(columns))
        values = (np.mean(far), np.mean([each >= 0.25 for each in far]), np.mean(without))
        return dict(zip(FIELD_MEASURES, values, strict=True))


def counts(place: np.ndarray, places: np.ndarray, marked: np.ndarray) -> bool:
    """Whether a token's box, as wide as tokens are apart, holds a marked pixel."""
    if np.isnan(place).any():
        return False
    box = []
    for axis, middle in enumerate(place):
        known = np.unique(places[..., axis][~np.isnan(places[..., axis])])
        step = known[1] - known[0] if len(known) > 1 else 2 * known[0]
        box.append(slice(max(0, round(middle - step / 2)), round(middle + step / 2)))
    return bool(marked[tuple(box)].any())


def apart(queries: np.ndarray, keys: np.ndarray, sides: Sequence[float]) -> np.ndarray:
    """Rounded, so that equal distances are equal."""
    differences = (queries[:, None] - keys[None]) * np.array(sides)
    distances: np.ndarray = np.round(np.sqrt((differences**2).sum(axis=-1)), 9)
    return distances


@pytest.mark.parametrize("name", NETWORKS)
def test_measures_of_windows_equal_sums_over_pairs(name: str) -> None:
    network, given = sharpened(name), batch(name)
    profile = tf.profile_attention(network, [given])
    with tf.record_attention(network) as recording, torch.no_grad():
        network(given.images)
    assert profile.block_names == tuple(recording.maps)
    assert profile.fields == ("per_block",)
    assert profile.block_grids == tuple(recording.grids[block].grid_size for block in profile.block_names)
    assert given.foreground is not None
    for number, (block, maps) in enumerate(recording.maps.items()):
        places, num_heads = recording.grids[block], maps.shape[1]
        assert profile.block_heads[number] == num_heads
        image, head = 1, num_heads - 1
        of_image = maps.unflatten(0, (-1, places.num_windows))[image].double().numpy()
        for region, marked in (
            ("all", np.ones(given.images.shape[2:])),
            ("foreground", given.foreground[image].numpy()),
        ):
            found = {key: values[image, number] for key, values in profile.model.items() if key.startswith(region)}
            of_head = Expected(of_image[:, head], places, given.spacing_mm, marked)
            if min(len(of_head.rows), of_head.mm.shape[-1]) < 8:
                assert all(np.isnan(value).all() for value in found.values())
                continue
            for key, expected in of_head.measures().items():
                value = found[f"{region}/{key}"][head]
                assert value == pytest.approx(expected, rel=2e-4, abs=2e-5, nan_ok=True), (block, region, key)
            assert np.isnan(found[f"{region}/entropy"][num_heads:]).all()
            of_mean = Expected(of_image.mean(axis=1), places, given.spacing_mm, marked)
            for key, expected in of_mean.field().items():
                assert found[f"{region}/per_block/{key}"] == pytest.approx(expected, rel=2e-4, abs=2e-5), (block, key)
            uniform = {key: values[image, number] for key, values in profile.uniform.items() if key.startswith(region)}
            assert uniform[f"{region}/distance_mm"] == pytest.approx(of_head.mm.mean(), rel=1e-5)
            assert uniform[f"{region}/far_field_ratio"] == 1


def test_a_profile_of_windows_holds_every_measure_and_reads_back(tmp_path: Any) -> None:
    network, given = sharpened("timm Swin"), batch("timm Swin")
    profile = tf.profile_attention(network, [given], seed=4)
    assert {key.partition("/")[2] for key in profile.model} == {
        *MEASURES,
        *(f"per_block/{name}" for name in FIELD_MEASURES),
    }
    assert profile.twin.keys() == profile.model.keys()
    of_twin = tf.profile_attention(permuted_twin(network, 4), [given]).model
    np.testing.assert_allclose(profile.twin["all/entropy"], of_twin["all/entropy"], atol=1e-6)
    profile.save(tmp_path / "attention.json", tmp_path / "attention.npz")
    read = AttentionProfile.load(tmp_path / "attention.json", tmp_path / "attention.npz")
    about = ("block_heads", "block_grids", "no_rollout", "num_heads", "grid_size", "seed", "fingerprint")
    assert [getattr(read, name) for name in about] == [getattr(profile, name) for name in about]
    assert "2 attentions in layers.0" in read.no_rollout
    for key, values in profile.model.items():
        np.testing.assert_array_equal(read.model[key], values)
    choice = tf.choose_depth(read)
    assert (choice.status, choice.num_blocks) == ("inconclusive", None)
    assert "no cumulative field" in choice.reason


@pytest.mark.parametrize("name", ["MONAI Swin 2D", "reduced keys"])
def test_how_many_windows_and_images_are_measured_at_once_changes_nothing(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, given = sharpened(name), batch(name)
    whole = tf.profile_attention(network, [given]).model
    monkeypatch.setattr(window_measures, "ENTRIES_AT_ONCE", 300)
    each = [
        tf.Batch(given.images[i : i + 1], None, (given.patient_ids[i],), given.spacing_mm, given.foreground[i : i + 1])  # type: ignore[index]
        for i in range(2)
    ]
    for key, values in tf.profile_attention(network, each).model.items():
        np.testing.assert_allclose(values, whole[key], rtol=1e-4, atol=1e-6, err_msg=key)


def test_of_many_keys_a_sample_gives_nearly_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    places = torch.cartesian_prod(torch.arange(24.0), torch.arange(24.0))[None]
    tokens = token_set.Tokens.of(places + 0.5)
    every = torch.ones(576, dtype=torch.bool)
    exact = token_set.horizon_of(tokens, tokens, (1.0, 1.5), (every, every))
    monkeypatch.setattr(token_set, "MAX_REFERENCE", 200)
    sampled = token_set.horizon_of(tokens, tokens, (1.0, 1.5), (every, every))
    torch.testing.assert_close(sampled.distance_mm, exact.distance_mm, rtol=0.03, atol=0)
    torch.testing.assert_close(sampled.median_mm, exact.median_mm, rtol=0.06, atol=0.5)
    assert (sampled.num_others == exact.num_others).all()


def test_attention_whose_places_are_unknown_has_the_measures_that_need_none() -> None:
    class Shuffled(nn.Module):
        """The tokens come from nowhere: learned queries."""

        def __init__(self) -> None:
            super().__init__()
            self.queries = nn.Parameter(torch.randn(1, 9, 8))
            self.first, self.second = (nn.MultiheadAttention(8, 2, batch_first=True) for _ in range(2))

        def forward(self, images: Tensor) -> Tensor:
            tokens = self.queries.expand(len(images), -1, -1)
            once = self.first(tokens, tokens, tokens)[0]
            again: Tensor = self.second(once, once, once)[0]
            return again

    torch.manual_seed(0)
    profile = tf.profile_attention(Shuffled().eval(), [torch.randn(2, 1, 8, 8)])
    assert profile.block_grids == ((), ())
    assert np.isfinite(profile.model["all/entropy"]).all()
    assert np.isfinite(profile.model["all/mixing"]).all()
    assert np.isnan(profile.model["all/distance_px"]).all()
    assert np.isnan(profile.model["all/per_block/far_field_ratio"]).all()


def test_images_of_another_size_are_refused() -> None:
    network = sharpened("reduced keys")
    with pytest.raises(tf.UserError, match="one size"):
        tf.profile_attention(network, [torch.randn(1, 1, 32, 32), torch.randn(1, 1, 40, 32)])
