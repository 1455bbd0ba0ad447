"""Images that show where each pixel came from: a ramp, whose values are its own coordinates."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from trimformer.data.augmentation import Augmentation
from trimformer.records.settings import AugmentationSettings

SIZE = 64
SPATIAL: dict[str, Any] = {"rotation_degrees": 15, "scaling": (0.85, 1.2), "elastic_px": 4}
INTENSITY: dict[str, Any] = {"gamma": (0.7, 1.5), "bias": 0.3, "noise": 0.1}
OFF: dict[str, Any] = {
    **{"rotation_degrees": 0, "scaling": (1, 1), "elastic_px": 0},
    **{"gamma": (1, 1), "bias": 0, "noise": 0},
}


def augmentation(**changes: Any) -> Augmentation:
    """Only what is given here, and always."""
    return Augmentation(AugmentationSettings(probability=1, **(OFF | changes)))


def scan(channels: int = 1) -> Tensor:
    random = torch.randn(channels, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    return random.cumsum(1).cumsum(2) / SIZE  # neighbours resemble each other


def ramp(axis: int) -> Tensor:
    return torch.arange(SIZE).expand(SIZE, SIZE).movedim(1, axis).contiguous().to(torch.uint8)


def disc() -> Tensor:
    at = torch.arange(SIZE) - (SIZE - 1) / 2
    return (at[:, None] ** 2 + at**2 < 15**2).to(torch.uint8)


@contextmanager
def threads(number: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    yield
    torch.set_num_threads(before)


def global_states() -> tuple[str, list[int]]:
    return str(np.random.get_state(legacy=False)), torch.get_rng_state().tolist()  # noqa: NPY002 - as below


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("seed", range(5))
def test_labels_move_with_their_image(axis: int, seed: int) -> None:
    labels = ramp(axis)
    image, moved = augmentation(**SPATIAL, flip_axes=("rows", "columns"))(labels[None].float(), labels, seed)
    # Bilinear interpolation gives the very coordinate that was looked up, the nearest label its rounding.
    assert (image[0] - moved).abs().max() <= 0.5 + 1e-3
    assert (image[0] - labels).abs().max() > 2


@pytest.mark.parametrize("changes", [SPATIAL, INTENSITY, {"flip_axes": ("rows",)}, SPATIAL | INTENSITY])
def test_the_same_seed_gives_the_same_bytes_whatever_the_number_of_threads(changes: dict[str, Any]) -> None:
    image = torch.randn(1, 224, 224, generator=torch.Generator().manual_seed(1))
    labels = (image[0] > 0).to(torch.uint8)
    with threads(1):
        first = augmentation(**changes)(image, labels, seed=7)
    with threads(3):
        again = augmentation(**changes)(image, labels, seed=7)
    assert all(one.numpy().tobytes() == other.numpy().tobytes() for one, other in zip(first, again, strict=True))
    assert type(first[0]) is type(first[1]) is Tensor
    assert not torch.equal(first[0], image)


def test_other_seeds_look_different() -> None:
    augment = augmentation(**SPATIAL, **INTENSITY)
    assert len({augment(scan(), disc(), seed)[0].numpy().tobytes() for seed in range(10)}) == 10


def test_what_is_given_is_not_changed() -> None:
    image, labels = scan(), disc()
    augmentation(**SPATIAL, **INTENSITY, flip_axes=("rows",))(image, labels, seed=1)
    assert torch.equal(image, scan())
    assert torch.equal(labels, disc())


def test_no_global_random_numbers_are_read_or_drawn() -> None:
    results = []
    for state in (1, 2):
        np.random.seed(state)  # noqa: NPY002 - it is this state that must stay as it is
        torch.manual_seed(state)
        before = global_states()
        results.append(augmentation(**SPATIAL, **INTENSITY)(scan(), disc(), seed=1)[0])
        assert global_states() == before
    assert torch.equal(*results)


def test_labels_keep_their_type_and_gain_no_value() -> None:
    labels = torch.where(disc() == 1, 7, 0).to(torch.uint8)
    labels[20:30] = 3
    for seed in range(10):
        moved = augmentation(**SPATIAL)(scan(), labels, seed)[1]
        assert moved.dtype == torch.uint8
        assert set(moved.unique().tolist()) <= {0, 3, 7}


@pytest.mark.parametrize(("axes", "dims"), [(("rows",), [1]), (("columns",), [2]), (("columns", "rows"), [1, 2])])
def test_flips_are_exact(axes: tuple[str, ...], dims: list[int]) -> None:
    image, labels = augmentation(flip_axes=axes)(scan(), ramp(0), seed=0)
    assert torch.equal(image, scan().flip(dims))
    assert torch.equal(labels, ramp(0).flip([dim - 1 for dim in dims]))


@pytest.mark.parametrize("factor", [0.8, 1.25])
def test_scaling_is_the_magnification(factor: float) -> None:
    labels = augmentation(scaling=(factor, factor))(scan(), disc(), seed=0)[1]
    assert labels.sum() / disc().sum() == pytest.approx(factor**2, rel=0.03)


def test_rotation_turns_about_the_middle_and_stays_within_its_angle() -> None:
    needle = torch.zeros(SIZE, SIZE, dtype=torch.uint8)
    needle[31:33, 36:60] = 1
    angles = []
    for seed in range(30):
        rows, columns = augmentation(rotation_degrees=20)(scan(), needle, seed)[1].nonzero().double().mean(dim=0) - 31.5
        assert torch.hypot(rows, columns) == pytest.approx(16, abs=0.4)
        angles.append(float(torch.rad2deg(torch.atan2(rows, columns))))
    assert -21 < min(angles) < -12
    assert 12 < max(angles) < 21


@pytest.mark.parametrize("size", [48, 112])
def test_elastic_displacements_follow_the_size_of_the_slice(size: int) -> None:
    columns = torch.arange(size).expand(1, size, size).float()
    inner = slice(size // 4, -size // 4)
    labels = torch.zeros(size, size, dtype=torch.uint8)
    moved = [augmentation(elastic_px=8)(columns, labels, seed)[0] - columns for seed in range(40)]
    displacement = torch.stack(moved)[:, 0, inner, inner] * 224 / size
    # Strengths are uniform up to 8: sqrt(1/3) of it in the mean square; smoothing between control points takes some.
    assert 0.5 * 8 * 3**-0.5 < displacement.square().mean().sqrt() < 8 * 3**-0.5


def test_nothing_dark_comes_in_from_beyond_the_border() -> None:
    image = scan() - 5  # nowhere near zero, which would be the padding of a careless rotation
    turned = augmentation(rotation_degrees=45, scaling=(0.8, 0.8))(image, disc(), seed=3)[0]
    assert image.min() - 1e-4 <= turned.min() <= turned.max() <= image.max() + 1e-4


@pytest.mark.parametrize("changes", [{"gamma": (0.5, 0.6)}, {"bias": 0.5}])
def test_contrast_and_bias_keep_the_mean_and_deviation_of_each_channel(changes: dict[str, Any]) -> None:
    image = scan(2) * torch.tensor([1.0, 3.0])[:, None, None] - 2
    changed, labels = augmentation(**changes)(image, disc(), seed=4)
    torch.testing.assert_close(changed.mean(dim=(1, 2)), image.mean(dim=(1, 2)))
    torch.testing.assert_close(changed.std(dim=(1, 2)), image.std(dim=(1, 2)))
    assert (changed - image).abs().max() > 0.1
    assert torch.equal(labels, disc())


def test_an_exponent_keeps_the_order_of_intensities_and_is_the_power_of_them() -> None:
    image = torch.linspace(-1, 3, SIZE**2).reshape(1, SIZE, SIZE)
    changed = augmentation(gamma=(2, 2))(image, disc(), seed=0)[0].flatten()
    assert (changed.diff() > -1e-6).all()
    power = torch.linspace(0, 1, SIZE**2) ** 2
    expected = (power - power.mean()) / power.std() * image.std() + image.mean()
    torch.testing.assert_close(changed, expected, atol=1e-4, rtol=0)


def test_a_bias_field_multiplies_intensities_above_the_darkest() -> None:
    image = torch.full((1, SIZE, SIZE), 2.0)
    image[:, ::2] = 1.0
    image[:, ::4] = -3.0
    changed = augmentation(bias=0.4)(image, disc(), seed=2)[0][0]
    background = changed[::4]
    assert background.max() - background.min() < 1e-5  # air stays air
    above = changed - background[0, 0]
    one, two = above[2::4], above[1::4]
    assert (two / one).mean() == pytest.approx(5 / 4, abs=0.02)  # one field for both tissues
    assert two.max() / two.min() > 1.1


def test_noise_has_at_most_its_deviation_in_each_channel_by_itself() -> None:
    blank = torch.zeros(2, SIZE, SIZE)
    noises = [augmentation(noise=0.5)(blank, disc(), seed)[0] for seed in range(20)]
    deviations = [float(noise.std()) for noise in noises]
    assert 0.35 < max(deviations) < 0.53
    assert min(deviations) < 0.15
    assert abs(float(torch.corrcoef(noises[0].flatten(1))[0, 1])) < 0.1


def test_a_blank_slice_stays_finite_and_blank() -> None:
    blank = torch.full((1, SIZE, SIZE), -0.7)
    changed = augmentation(**SPATIAL, gamma=(0.7, 1.5), bias=0.3)(blank, disc(), seed=0)[0]
    torch.testing.assert_close(changed, blank)


@pytest.mark.parametrize("changes", [{"probability": 0, "flip_axes": ("rows",)}, {"probability": 1, **OFF}])
def test_what_never_happens_changes_nothing(changes: dict[str, Any]) -> None:
    augment = Augmentation(AugmentationSettings(**changes))
    for seed in range(5):
        image, labels = augment(scan(), disc(), seed)
        assert torch.equal(image, scan())
        assert torch.equal(labels, disc())


def test_each_transform_happens_as_often_as_its_probability_says() -> None:
    augment = Augmentation(AugmentationSettings(**(OFF | {"probability": 0.3, "noise": 1})))
    happened = [not torch.equal(augment(scan(), disc(), seed)[0], scan()) for seed in range(300)]
    assert 0.22 < np.mean(happened) < 0.38  # three standard deviations


def test_turning_one_off_leaves_the_others_as_they_were() -> None:
    turned = augmentation(rotation_degrees=15)
    both = augmentation(rotation_degrees=15, noise=0.3)
    flipped = augmentation(rotation_degrees=15, flip_axes=("rows",))
    assert torch.equal(turned(scan(), disc(), 5)[1], both(scan(), disc(), 5)[1])
    noise = both(scan(), disc(), 5)[0] - turned(scan(), disc(), 5)[0]
    alone = augmentation(noise=0.3)(scan(), disc(), 5)[0] - scan()
    torch.testing.assert_close(noise, alone, atol=1e-5, rtol=0)
    assert not torch.equal(flipped(scan(), disc(), 5)[0], turned(scan(), disc(), 5)[0])
