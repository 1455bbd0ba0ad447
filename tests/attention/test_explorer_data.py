import copy
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from trimformer import create_model, record_attention
from trimformer.attention.measures.relevance import class_relevance
from trimformer.attention.showing.explorer_data import explorer_of_run, spread_slices
from trimformer.attention.showing.explorer_slice import record_slice
from trimformer.attention.showing.explorer_volume import coarser_images, coarser_labels, record_volume
from trimformer.data.catalogue import load_dataset
from trimformer.data.patient import Patient
from trimformer.data.preparation.slices import PatientSlices, to_slices
from trimformer.data.preprocessing import Preprocessing
from trimformer.records.errors import UserError
from trimformer.records.run_folder import RunFolder

SIZE = 32


def turned_patient(codes: str, slice_axis: int = 2) -> PatientSlices:
    """A patient stored towards `codes` (R, A and S in any order and sign), whose voxels tell where they are."""
    affine = np.eye(4)
    affine[:3, :3] = 0
    for axis, code in enumerate(codes):
        world, sign = next(
            (index, 1 if code in "RAS" else -1) for index, pair in enumerate(("RL", "AP", "SI")) if code in pair
        )
        affine[world, axis] = sign * (1.0, 2.0, 3.0)[world]
    voxels = np.moveaxis(np.indices((SIZE, SIZE, SIZE)), 0, -1)
    right, anterior, superior = np.moveaxis(voxels @ affine[:3, :3].T, -1, 0)
    image = (right + 37 * anterior / 2 + 5 * superior / 3).astype(np.float32)
    labels = (right > right.mean()).astype(np.uint8)
    preprocessing = Preprocessing(image_size=SIZE, slice_axis=slice_axis)
    return to_slices(Patient("turned", image, labels, affine), preprocessing)


@pytest.fixture(scope="module")
def model() -> nn.Module:
    torch.manual_seed(0)
    made = create_model("unetr", num_classes=2, num_blocks=2, size="tiny", image_size=SIZE, patch_size=8)
    network: Any = made.eval()
    with torch.no_grad():  # both classes are drawn
        logits = network(turned_patient("RAS").image_tensor(slice(4, 5)))
        network.head.bias += torch.tensor([0, (logits[:, 0] - logits[:, 1]).median()])
    return made


@pytest.mark.parametrize("codes", ["RAS", "LPS", "ARS", "PLI"])
def test_an_axial_slice_has_the_patients_right_at_the_left_and_anterior_at_the_top(
    codes: str, model: nn.Module
) -> None:
    shown = record_slice(model, turned_patient(codes), 4)
    assert (shown.left, shown.top) == ("R", "A")
    assert shown.spacing_mm == pytest.approx((2.0, 1.0))
    assert shown.labels is not None
    assert shown.labels[:, : SIZE // 2].all()
    assert not shown.labels[:, SIZE // 2 :].any()
    assert (np.diff(shown.image[:, 0]) < 0).all()


@pytest.mark.parametrize(("codes", "sides"), [("SRA", ("R", "A")), ("ASR", ("A", "S")), ("RSA", ("R", "S"))])
def test_the_sides_follow_the_plane_that_is_sliced(codes: str, sides: tuple[str, str], model: nn.Module) -> None:
    axis = next(index for index, code in enumerate(codes) if code not in sides)
    shown = record_slice(model, turned_patient(codes, slice_axis=axis), 0)
    assert (shown.left, shown.top) == sides
    millimetres = dict(zip("RAS", (1.0, 2.0, 3.0), strict=True))
    assert shown.spacing_mm == pytest.approx((millimetres[sides[1]], millimetres[sides[0]]))


def patch_means(image: np.ndarray) -> np.ndarray:
    means: np.ndarray = image.astype(np.float64).reshape(4, 8, 4, 8).mean(axis=(1, 3)).ravel()
    return means


def stored_tokens(patient: PatientSlices, index: int, page: np.ndarray) -> list[int]:
    """Of every patch of the page, the token that it was, found by its mean: no two are alike."""
    stored = patch_means(patient.image_tensor(slice(index, index + 1))[0, 0].numpy())
    token = [int(np.abs(stored - value).argmin()) for value in patch_means(page)]
    assert sorted(token) == list(range(16))
    return token


@pytest.mark.parametrize("codes", ["LPS", "ARS"])
def test_attention_is_turned_with_the_slice(codes: str, model: nn.Module) -> None:
    patient = turned_patient(codes)
    shown = record_slice(model, patient, 4)
    images = patient.image_tensor(slice(4, 5))
    with record_attention(model) as recording, torch.no_grad():
        model(images)
    token = stored_tokens(patient, 4, shown.image)
    for block, head in product(range(2), range(shown.maps.shape[1])):
        maps = recording.maps[f"blocks.{block}"][0, head].numpy()
        expected = [[maps[query, key] for key in token] for query in token]
        assert np.allclose(shown.maps[block, head], expected, atol=1e-6)
    assert np.allclose(shown.rollout.sum(axis=-1), 1, atol=1e-5)


def test_each_depth_is_predicted_with_the_blocks_after_it_skipped(model: nn.Module) -> None:
    patient = turned_patient("RAS")
    shown, images = record_slice(model, patient, 7), patient.image_tensor(slice(7, 8))
    for depth in range(3):
        cut: Any = copy.deepcopy(model)
        cut.transformer.blocks = nn.ModuleList([*cut.transformer.blocks[:depth], *[nn.Identity()] * (2 - depth)])
        with torch.no_grad():
            expected = cut(images).argmax(dim=1)[0].numpy()
        assert np.array_equal(shown.predictions[depth], expected.T[::-1, ::-1])


@pytest.mark.parametrize("codes", ["RAS", "ARS"])
def test_relevance_of_a_class_is_that_of_its_predicted_pixels(codes: str, model: nn.Module) -> None:
    patient = turned_patient(codes)
    shown, images = record_slice(model, patient, 4, values=[1, 7, 0]), patient.image_tensor(slice(4, 5))
    with torch.no_grad():
        mask = model(images).argmax(dim=1) == 1
    assert mask.any()
    after = class_relevance(model, images, 1, mask).after_blocks[:, 0].double().numpy()
    touched = [query for query in range(16) if mask[0].view(4, 8, 4, 8)[query // 4, :, query % 4].any()]
    token, relevance = stored_tokens(patient, 4, shown.image), shown.relevance
    assert relevance is not None
    height, width = patient.spacing_mm
    for block in range(2):
        rows = {query: after[block, query] - np.eye(16)[query] for query in touched}
        total = sum(row.sum() for row in rows.values())
        expected = [sum(row[key] for row in rows.values()) / total for key in token]
        assert relevance.patches[0, block] == pytest.approx(expected, rel=1e-4)
        far = sum(
            row[key] * np.hypot((key // 4 - query // 4) * 8 * height, (key % 4 - query % 4) * 8 * width)
            for query, row in rows.items()
            for key in range(16)
        )
        assert relevance.distance_mm[0, block] == pytest.approx(far / total, rel=1e-5)
    assert np.isnan(relevance.patches[1]).all()  # class 7 is never predicted
    assert np.isnan(relevance.distance_mm[1]).all()
    assert np.isnan(relevance.uniform_mm[1])


class Block(nn.Module):
    """Plain attention, written as other people do; `pair` makes it return a tuple."""

    def __init__(self, pair: bool) -> None:
        super().__init__()
        self.norm, self.attend = nn.LayerNorm(12), nn.MultiheadAttention(12, 2, batch_first=True)
        self.pair = pair

    def forward(self, tokens: torch.Tensor) -> Any:
        normed = self.norm(tokens)
        tokens = tokens + self.attend(normed, normed, normed, need_weights=False)[0]
        return (tokens, None) if self.pair else tokens


class Foreign(nn.Module):
    """A network that is not ours; `refuses` names what it cannot do."""

    def __init__(self, refuses: str = "") -> None:
        super().__init__()
        self.refuses = refuses
        self.embed = nn.Conv2d(1, 12, 8, stride=8)
        self.blocks = nn.ModuleList([Block(pair=refuses == "skipping") for _ in range(2)])
        self.head = nn.ConvTranspose2d(12, 2, 8, stride=8)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.refuses != "gradients"):
            tokens = self.embed(images).flatten(2).transpose(1, 2)
            for block in self.blocks:
                tokens = block(tokens)[0] if self.refuses == "skipping" else block(tokens)
            logits: torch.Tensor = self.head(tokens.transpose(1, 2).unflatten(2, (4, 4)))
            return logits


@pytest.mark.parametrize(
    ("refuses", "told"), [("", []), ("gradients", ["Relevance"]), ("skipping", ["The depth slider"])]
)
def test_a_foreign_network_shows_what_it_can_and_says_what_is_left_out(refuses: str, told: list[str]) -> None:
    torch.manual_seed(0)
    network, left_out = Foreign(refuses).eval(), dict[str, str]()
    shown = record_slice(network, turned_patient("RAS"), 4, [0, 1], left_out)
    assert shown.maps.shape == (2, 2, 16, 16)
    assert np.allclose(shown.maps.sum(axis=-1), 1, atol=1e-5)
    assert list(left_out) == told
    assert all(left_out.values())
    assert len(shown.predictions) == (1 if refuses == "skipping" else 3)
    assert (shown.relevance is None) == (refuses == "gradients")
    assert not network.training


def test_a_volume_is_turned_and_coarse_enough_for_a_page(model: nn.Module) -> None:
    patient = turned_patient("LPS")
    told: list[tuple[str, int, int]] = []
    volume = record_volume(model, patient, lambda *step: told.append(step))
    shown = record_slice(model, patient, 4)
    assert volume.images.shape == (SIZE, SIZE, SIZE)
    assert volume.labels is not None
    assert shown.labels is not None
    assert np.array_equal(volume.labels[4], shown.labels)
    assert np.array_equal(volume.predictions[4], shown.predictions[-1])
    grey = volume.low + volume.images[4] / 255 * (volume.high - volume.low)
    assert np.abs(grey - shown.image.clip(volume.low, volume.high)).max() <= 0.51 / 255 * (volume.high - volume.low)
    assert told[-1] == ("drawing turned", SIZE, SIZE)


def test_large_slices_become_coarser_by_a_whole_factor() -> None:
    images = torch.arange(2 * 130 * 129, dtype=torch.float32).view(2, 130, 129)
    assert coarser_images(images).shape == (2, 65, 64)
    assert coarser_images(images)[1, 3, 2] == images[1, 6:8, 4:6].mean()
    labels = (images % 251).to(torch.uint8)
    assert coarser_labels(labels).shape == (2, 65, 64)
    assert coarser_labels(labels)[1, 3, 2] == labels[1, 7, 5]
    assert np.array_equal(coarser_images(images[:, :9, :9]), images[:, :9, :9])


def test_slices_are_spread_over_those_with_much_foreground() -> None:
    patient = turned_patient("RAS")
    assert patient.labels is not None
    amounts = np.array([0, 1, 5, 6, 7, 8, 9, 10, 6, 4, 0])
    labels = (np.arange(100) < 10 * amounts[:, None]).reshape(11, 10, 10).astype(np.uint8)
    chosen = PatientSlices("p", np.zeros((11, 1, 10, 10)), labels, patient.grid, (1.0, 1.0))
    assert spread_slices(chosen, 1) == [5]
    assert spread_slices(chosen, 7) == [2, 3, 4, 5, 6, 7, 8]
    assert spread_slices(chosen, 99) == [2, 3, 4, 5, 6, 7, 8]
    assert spread_slices(PatientSlices("p", chosen.images, None, patient.grid, (1.0, 1.0)), 2) == [2, 8]


def test_a_run_shows_patients_that_are_never_reported(trained_run: RunFolder) -> None:
    told: list[tuple[str, int, int]] = []
    record = explorer_of_run(trained_run, 3, lambda *step: told.append(step))
    dataset = load_dataset(trained_run.experiment().data)
    seen = [patient.patient_id for patient in (*dataset.selection, *dataset.training)]
    assert [shown.patient_id for shown in record.slices] == [seen[0], seen[0], seen[1]]
    assert told[:3] == [("recording slices", done, 3) for done in (1, 2, 3)]
    assert {task for task, _, _ in told[3:]} == {f"drawing {patient_id}" for patient_id in seen[:2]}
    assert record.labels == dataset.labels
    assert (record.num_blocks, record.slices[0].grid_size) == (2, (6, 6))
    assert record.slices[0].predictions.shape == (3, 48, 48)
    assert record.profile_distance_mm is None
    assert [volume.images.shape[1:] for volume in record.volumes.values()] == [(48, 48)] * 2
    assert list(record.volumes) == seen[:2]
    assert record.left_out == ()
    assert record.slices[0].relevance is not None
    assert record.slices[0].relevance.patches.shape == (len(record.labels), 2, 36)
    with pytest.raises(UserError, match="at least one slice"):
        explorer_of_run(trained_run, 0)
