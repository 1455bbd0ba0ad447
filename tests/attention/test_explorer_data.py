import copy
from itertools import product

import numpy as np
import pytest
import torch
from torch import nn

from trimformer import create_model, record_attention
from trimformer.attention.showing.explorer_data import explorer_of_run, spread_slices
from trimformer.attention.showing.explorer_slice import record_slice
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
    voxels = np.stack(np.indices((SIZE, SIZE, SIZE)), axis=-1)
    right, anterior, superior = np.moveaxis(voxels @ affine[:3, :3].T, -1, 0)
    image = (right + 37 * anterior / 2 + 5 * superior / 3).astype(np.float32)
    labels = (right > right.mean()).astype(np.uint8)
    preprocessing = Preprocessing(image_size=SIZE, slice_axis=slice_axis)
    return to_slices(Patient("turned", image, labels, affine), preprocessing)


@pytest.fixture(scope="module")
def model() -> nn.Module:
    torch.manual_seed(0)
    return create_model("unetr", num_classes=2, num_blocks=2, size="tiny", image_size=SIZE, patch_size=8).eval()


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
    return image.astype(np.float64).reshape(4, 8, 4, 8).mean(axis=(1, 3)).ravel()


@pytest.mark.parametrize("codes", ["LPS", "ARS"])
def test_attention_is_turned_with_the_slice(codes: str, model: nn.Module) -> None:
    patient = turned_patient(codes)
    shown = record_slice(model, patient, 4)
    images = patient.image_tensor(slice(4, 5))
    with record_attention(model) as recording, torch.no_grad():
        model(images)
    stored, page = patch_means(images[0, 0].numpy()), patch_means(shown.image)
    token = [int(np.abs(stored - value).argmin()) for value in page]  # every patch has a mean of its own
    assert sorted(token) == list(range(16))
    for block, head in product(range(2), range(shown.maps.shape[1])):
        maps = recording.maps[f"blocks.{block}"][0, head].numpy()
        expected = [[maps[query, key] for key in token] for query in token]
        assert np.allclose(shown.maps[block, head], expected, atol=1e-6)
    assert np.allclose(shown.rollout.sum(axis=-1), 1, atol=1e-5)


def test_each_depth_is_predicted_with_the_blocks_after_it_skipped(model: nn.Module) -> None:
    patient = turned_patient("RAS")
    shown, images = record_slice(model, patient, 7), patient.image_tensor(slice(7, 8))
    for depth in range(3):
        cut = copy.deepcopy(model)
        cut.transformer.blocks = nn.ModuleList([*cut.transformer.blocks[:depth], *[nn.Identity()] * (2 - depth)])
        with torch.no_grad():
            expected = cut(images).argmax(dim=1)[0].numpy()
        assert np.array_equal(shown.predictions[depth], expected.T[::-1, ::-1])


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
    assert told == [("recording slices", done, 3) for done in (1, 2, 3)]
    assert record.labels == dataset.labels
    assert (record.num_blocks, record.slices[0].grid_size) == (2, (6, 6))
    assert record.slices[0].predictions.shape == (3, 48, 48)
    assert record.profile_distance_mm is None
    with pytest.raises(UserError, match="at least one slice"):
        explorer_of_run(trained_run, 0)
