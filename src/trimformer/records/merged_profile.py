"""One profile from profiles of parts of the data, each measured by itself on a machine of its own."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from trimformer.records.errors import UserError
from trimformer.records.profile import REGIONS, TWIN_SHARE, Arrays, AttentionProfile

SAME = ("block_names", "num_heads", "grid_size", "block_heads", "block_grids", "seed", "fingerprint")
"""What profiles of parts of the data have in common."""


def merge_profiles(profiles: Sequence[AttentionProfile]) -> AttentionProfile:
    """The profile of all slices that went into these, as if they had been measured in one pass, to 1e-6.

    A patient may have slices in several of them; no slice may be in two. The sample of slices that the twin sees
    depends on each slice alone, so the twin's values, too, are those of one pass.

    Raises:
        UserError: There is no profile; they are of different models, token grids or seeds; or one was measured by a
            version that did not keep the weights of its means.

    Example:
        >>> import torch
        >>> import trimformer as tf
        >>> model = tf.create_model("unetr", num_classes=2, num_blocks=2, size="tiny", image_size=32, patch_size=8)
        >>> images = torch.randn(4, 1, 32, 32)
        >>> merged = merge_profiles([tf.profile_attention(model, [half]) for half in (images[:1], images[1:])])
        >>> whole = tf.profile_attention(model, [images])
        >>> bool(np.allclose(merged.model["all/entropy"], whole.model["all/entropy"], atol=1e-6))
        True
    """
    if not profiles:
        raise UserError("Profiles are merged from at least one", "none", "Give profiles.")
    for profile in profiles[1:]:
        _check_same(profiles[0], profile)
    merged = profiles[0]
    for profile in profiles[1:]:
        merged = _pair(merged, profile)
    return merged


def _check_same(first: AttentionProfile, other: AttentionProfile) -> None:
    for name in SAME:
        if getattr(first, name) != getattr(other, name):
            raise UserError(
                "Profiles that are merged are of one model, one token grid and one seed",
                f"{name} {getattr(other, name)} after {getattr(first, name)}",
                "Profile every part of the data with the same model and seed.",
            )
    if not (first.weights and other.weights):
        raise UserError(
            "Profiles that are merged know how much each patient counts",
            "a profile without weights",
            "Profile the data again with this version.",
        )


def _pair(first: AttentionProfile, other: AttentionProfile) -> AttentionProfile:
    patients = tuple(dict.fromkeys((*first.patient_ids, *other.patient_ids)))
    parts = [_Part(profile, patients) for profile in (first, other)]
    kept = {region: _counting(parts, region) for region in REGIONS}
    groups: dict[str, Arrays] = {"model": {}, "twin": {}, "uniform": {}}
    weights: Arrays = {}
    for group, merged in groups.items():
        for key in getattr(first, group):
            counts = kept[key.partition("/")[0]] if group == "twin" else [np.ones(len(patients))] * 2
            merged[key], weights[f"{group}/{key}"] = _means(parts, group, key, counts)
    return replace(
        first,
        patient_ids=patients,
        model=groups["model"],
        twin=groups["twin"],
        uniform=groups["uniform"],
        weights=weights,
        example=max((first.example, other.example), key=_marked),
        twin_draws={region: np.minimum(*[part.draws(region) for part in parts]) for region in first.twin_draws},
        twin_slices=tuple(map(int, sum(part.twin_slices() * at for part, at in zip(parts, kept["all"], strict=True)))),
    )


class _Part:
    """One profile, read for all patients of both."""

    def __init__(self, profile: AttentionProfile, patients: Sequence[str]) -> None:
        self.profile = profile
        self._rows = [profile.patient_ids.index(name) if name in profile.patient_ids else -1 for name in patients]

    def rows(self, array: np.ndarray, missing: float) -> np.ndarray:
        """The patients' entries of an array, another number for those of whom there is none."""
        found = array[self._rows].astype(np.float64)
        found[np.array(self._rows) < 0] = missing
        return found

    def draws(self, region: str) -> np.ndarray:
        return self.rows(self.profile.twin_draws[region], np.inf)

    def twin_slices(self) -> np.ndarray:
        return self.rows(np.array(self.profile.twin_slices), 0.0)


def _counting(parts: Sequence[_Part], region: str) -> list[np.ndarray]:
    """Of each part, the patients (1 or 0) whose twin values count: drawn slices, else the one with the lowest draw."""
    first, other = (part.draws(region) for part in parts)
    both = (first < TWIN_SHARE) & (other < TWIN_SHARE)
    return [(both | (first <= other)).astype(float), (both | (other < first)).astype(float)]


def _means(parts: Sequence[_Part], group: str, key: str, counts: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The weighted mean of two parts' values, and its weight."""
    total: np.ndarray = np.zeros(())
    weight: np.ndarray = np.zeros(())
    for part, count in zip(parts, counts, strict=True):
        values = part.rows(getattr(part.profile, group)[key], np.nan)
        amount = part.rows(part.profile.weights[f"{group}/{key}"], 0.0)
        amount = amount * count.reshape(-1, *[1] * (amount.ndim - 1))
        total = total + np.where(amount > 0, values, 0) * amount
        weight = weight + amount
    mean = np.divide(total, weight, out=np.full(total.shape, np.nan), where=np.broadcast_to(weight > 0, total.shape))
    return mean, weight


def _marked(example: Arrays) -> int:
    """How much foreground an example shows; -1 where there is none."""
    return int(example["foreground"].sum()) if "foreground" in example else -1
