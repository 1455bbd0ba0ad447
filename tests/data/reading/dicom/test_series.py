"""Made series, held against SimpleITK's own reader of series, and damaged in every way that a hospital knows."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK
from made_dicom import PATIENT, SERIES, write_series
from pydicom.dataset import FileDataset
from pydicom.uid import RLELossless

from trimformer.data.reading.dicom.pixels import read_series
from trimformer.data.reading.dicom.rules import ALIKE, EVEN, ONE_SERIES, PLACED, SLICE_FILES
from trimformer.data.reading.dicom.series import Series, find_series
from trimformer.data.rules import GREY, HAS_SPACING, NOT_EMPTY, READABLE, Rule
from trimformer.data.scan import Volume
from trimformer.records.errors import FileError

SHAPE = (6, 5, 4)
VOXELS = np.random.default_rng(0).integers(-1000, 2000, SHAPE).astype(np.int16)
TURNED = ((0.8, 0.6, 0.0), (-0.36, 0.48, 0.8))
"""Directions of an oblique slice, at right angles."""

NORMAL = (0.48, -0.64, 0.6)


def told(file: Path) -> str:
    return f"file {file.stem[-2:]}"


def found(folder: Path) -> Series:
    return find_series("the folder", sorted(folder.iterdir()), told)


def read(folder: Path) -> Volume:
    return read_series(found(folder), told)


def by_simpleitk(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Voxels (x, y, z) and affine RAS+, as SimpleITK's reader of series gives them."""
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    image = reader.Execute()
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    return SimpleITK.GetArrayFromImage(image).T, np.diag([-1, -1, 1, 1]) @ affine


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"step": (0.0, 0.0, -2.5)},
        {"directions": ((0.0, 1.0, 0.0), (0.0, 0.0, -1.0)), "step": (1.25, 0.0, 0.0)},
        {"directions": TURNED, "step": tuple(3 * part for part in NORMAL)},
    ],
    ids=["axial", "head first", "sagittal", "oblique"],
)
def test_a_series_lies_where_simpleitk_says_whatever_its_files_are_called(
    options: dict[str, Any], tmp_path: Path
) -> None:
    write_series(tmp_path, VOXELS, **options)
    volume = read(tmp_path)
    voxels, affine = by_simpleitk(tmp_path)
    assert volume.voxels.dtype == np.float32
    np.testing.assert_array_equal(volume.voxels, voxels)
    np.testing.assert_allclose(volume.affine, affine, atol=1e-5)


def test_a_tilted_gantry_keeps_its_slices_askew(tmp_path: Path) -> None:
    step = (0.0, 0.9, 2.5)
    write_series(tmp_path, VOXELS, step=step)
    affine = read(tmp_path).affine
    np.testing.assert_allclose(affine[:3, 2], (0.0, -0.9, 2.5), atol=1e-9)
    np.testing.assert_allclose(affine @ (0, 0, 3, 1), (12.0, -7.5 - 2.7, 30.25 + 7.5, 1), atol=1e-9)


def test_values_are_those_that_the_files_rescale_to(tmp_path: Path) -> None:
    def change(index: int, dataset: FileDataset) -> None:
        dataset.RescaleSlope, dataset.RescaleIntercept = 0.5 * (index + 1), -1024

    write_series(tmp_path, VOXELS, change=change)
    np.testing.assert_array_equal(read(tmp_path).voxels, VOXELS * (0.5 * np.arange(1, 5)) - 1024)


def test_packed_pixels_are_read(tmp_path: Path) -> None:
    voxels = np.tile(VOXELS, (2, 2, 1))  # GDCM does not read runs of the odd number of pixels that VOXELS has
    write_series(tmp_path, voxels, change=lambda _, dataset: dataset.compress(RLELossless, generate_instance_uid=False))
    np.testing.assert_array_equal(read(tmp_path).voxels, voxels)


def test_one_slice_is_as_thick_as_its_file_says(tmp_path: Path) -> None:
    def change(_: int, dataset: FileDataset) -> None:
        dataset.SliceThickness = 5

    write_series(tmp_path, VOXELS[..., :1], change=change)
    np.testing.assert_allclose(found(tmp_path).affine[:3, 2], (0, 0, 5))


def test_a_report_beside_the_slices_is_passed_over(tmp_path: Path) -> None:
    def change(index: int, dataset: FileDataset) -> None:
        if index == 3:
            dataset.Modality, dataset.SeriesInstanceUID = "SR", f"{SERIES}.9"

    write_series(tmp_path, VOXELS, change=change)
    assert found(tmp_path).shape == (6, 5, 3)


def set_on(index: int, **values: Any) -> Callable[[int, FileDataset], None]:
    """Change these fields of one slice, or of all (-1); None removes a field."""

    def change(at: int, dataset: FileDataset) -> None:
        for name, value in values.items():
            if index not in (at, -1):
                continue
            if value is None:
                delattr(dataset, name)
            else:
                setattr(dataset, name, value)

    return change


COLOURS = {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PixelData": b"\0" * 180}

BROKEN: dict[str, tuple[Rule, Callable[[int, FileDataset], None], str]] = {
    "two series": (ONE_SERIES, set_on(2, SeriesInstanceUID="1.2.3"), "2 series, of 1 and 3 slices"),
    "another spacing": (ALIKE, set_on(2, PixelSpacing=[0.7, 0.9]), "pixel spacing"),
    "another direction": (ALIKE, set_on(1, ImageOrientationPatient=[0, 1, 0, 1, 0, 0]), "direction"),
    "another size": (ALIKE, set_on(1, Rows=4), "size (4, 6), and (5, 6)"),
    "a slice out of place": (
        EVEN,
        set_on(3, ImagePositionPatient=[-12.0, 7.5, 43.0]),
        "7.75 mm between slices 3 and 4",
    ),
    "a place twice": (EVEN, set_on(2, ImagePositionPatient=[-12.0, 7.5, 32.75]), "1 slices where another one lies"),
    "colours": (GREY, set_on(-1, **COLOURS), "3 samples a pixel, RGB"),
    "white for black": (GREY, set_on(-1, PhotometricInterpretation="MONOCHROME1"), "MONOCHROME1"),
    "frames": (SLICE_FILES, set_on(0, NumberOfFrames=20), "20 frames in one file"),
    "no position": (PLACED, set_on(1, ImagePositionPatient=None), "no ImagePositionPatient"),
    "no spacing": (PLACED, set_on(1, PixelSpacing=[0, 0.7]), "spacing [0.0, 0.7]"),
    "half a position": (READABLE, set_on(1, ImagePositionPatient=[1.0, 2.0]), "a damaged DICOM header"),
    "no pixels": (READABLE, set_on(1, Rows=None), "a DICOM header that is cut short"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_rule_is_told_without_the_patients_name(name: str, tmp_path: Path) -> None:
    rule, change, text = BROKEN[name]
    write_series(tmp_path, VOXELS, change=change, name=lambda index: f"{PATIENT}-{index:02d}")
    with pytest.raises(FileError) as told_error:
        read(tmp_path)
    error = told_error.value
    assert (error.rule, error.next_step) == (rule.sentence, rule.fix)
    assert text in error.found
    assert PATIENT not in str(error)
    assert str(tmp_path) not in str(error)


def test_a_missing_slice_leaves_a_gap(tmp_path: Path) -> None:
    files = write_series(tmp_path, VOXELS)
    files[1].unlink()
    with pytest.raises(FileError, match=r"5 mm between slices 1 and 2") as error:
        found(tmp_path)
    assert error.value.rule == EVEN.sentence


@pytest.mark.parametrize("left", [0, 100, 300, 700, -40])
def test_a_file_that_is_cut_short_is_refused(left: int, tmp_path: Path) -> None:
    files = write_series(tmp_path, VOXELS, name=lambda index: f"slice-{index:02d}.dcm")
    files[3].write_bytes(files[3].read_bytes()[:left])
    with pytest.raises(FileError, match="file 03") as error:
        read(tmp_path)
    assert error.value.rule == READABLE.sentence


def test_one_slice_of_unknown_thickness_has_no_spacing(tmp_path: Path) -> None:
    write_series(tmp_path, VOXELS[..., :1])
    with pytest.raises(FileError) as error:
        found(tmp_path)
    assert error.value.rule == HAS_SPACING.sentence


def test_a_folder_of_reports_has_no_scan(tmp_path: Path) -> None:
    write_series(tmp_path, VOXELS, change=set_on(-1, Modality="SR"))
    with pytest.raises(FileError) as error:
        found(tmp_path)
    assert error.value.rule == NOT_EMPTY.sentence
