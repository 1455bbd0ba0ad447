from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
from made_deployed import AFFINE, brightness, labels_in, made_deployed, made_scan, predicted, save

from trimformer.data.patient import Patient
from trimformer.data.preparation.slices import to_slices
from trimformer.data.preprocessing import Preprocessing
from trimformer.deploy.written import Wanted

STEP = 1 / 65535


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
@pytest.mark.parametrize("slice_axis", [0, 1, 2])
def test_they_are_the_softmax_of_the_scores_on_the_scans_own_grid(slice_axis: int, ending: str, tmp_path: Path) -> None:
    deployed = made_deployed(preprocessing=Preprocessing(16, slice_axis))
    output = tmp_path / f"out{ending}"
    predicted(save(tmp_path / "scan.nii", made_scan()), output, deployed, Wanted(probabilities=True))
    stored = nibabel.load(tmp_path / f"out_probabilities{ending}")
    probabilities = stored.get_fdata()
    slices = to_slices(Patient("", made_scan().astype(np.float32), None, AFFINE), Preprocessing(16, slice_axis))
    scores = torch.nn.functional.interpolate(
        brightness(slices.image_tensor()), slices.grid.slice_size, mode="bilinear", antialias=True
    )
    expected = np.stack([slices.grid.volume_of(plane.numpy()) for plane in scores.softmax(1).unbind(1)], axis=-1)
    np.testing.assert_allclose(probabilities, expected, atol=STEP)
    np.testing.assert_allclose(probabilities.sum(axis=-1), 1, atol=3 * STEP)
    np.testing.assert_array_equal(stored.affine, nibabel.load(output).affine)
    clear = np.ptp(np.sort(probabilities, axis=-1)[..., -2:], axis=-1) > 2 * STEP
    np.testing.assert_array_equal(probabilities.argmax(axis=-1)[clear], labels_in(output)[clear])
    assert clear.mean() > 0.9


def test_what_is_cropped_away_is_background(tmp_path: Path) -> None:
    deployed = made_deployed(preprocessing=Preprocessing(16, crop=16))
    predicted(save(tmp_path / "scan.nii", made_scan()), tmp_path / "out.nii", deployed, Wanted(probabilities=True))
    probabilities = nibabel.load(tmp_path / "out_probabilities.nii").get_fdata()
    np.testing.assert_allclose(probabilities[:3, :, :, 0], 1, rtol=1e-7)
    np.testing.assert_array_equal(probabilities[:3, :, :, 1:], 0)
    assert probabilities[3:19, 1:17, :, 1:].max() > 0.5
