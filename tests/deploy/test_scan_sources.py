from pathlib import Path

import numpy as np
import pytest
from made_deployed import made_scan, save
from made_dicom import PATIENT, write_series

from trimformer.deploy.sources import find_sources
from trimformer.records.errors import UserError

VOXELS = np.arange(24, dtype=np.int16).reshape(2, 3, 4)


def names(place: Path, num_channels: int = 1) -> list[str | None]:
    return [source.name for source in find_sources(place, num_channels)]


def test_a_folder_has_its_volumes_and_the_series_of_every_folder_below(tmp_path: Path) -> None:
    for name in ("b.nii.gz", "a.nii", "._a.nii", "sub/c.nii", ".hidden/d.nii"):
        save(tmp_path / name, made_scan())
    (tmp_path / "notes.txt").write_text("no scan")
    write_series(tmp_path / "patient" / "study" / "series", VOXELS, name=lambda index: f"{PATIENT}{index}")
    write_series(tmp_path / "another", VOXELS, uid="1.2.3")
    sources = find_sources(tmp_path, 1)
    assert [source.name for source in sources] == ["a", "b", None, None]
    assert [source.told for source in sources[2:]] == ["DICOM folder 1 of 2", "DICOM folder 2 of 2"]
    assert [source.is_dicom for source in sources] == [False, False, True, True]
    series = sources[3]
    assert series.told_file(series.files[1]) == "DICOM folder 2 of 2, file 2 of 4 in the order of their names"
    kept = find_sources(tmp_path, 1, keep_metadata=True)[3]
    assert (kept.name, kept.told_file(series.files[1])) == ("series", str(series.files[1]))


def test_channels_are_files_of_one_scan_where_the_model_takes_several(tmp_path: Path) -> None:
    for name in ("anna_0000", "anna_0001", "bert", "carl_0000", "carl_0001"):
        save(tmp_path / f"{name}.nii.gz", made_scan())
    assert names(tmp_path, 2) == ["anna", "bert", "carl"]
    assert names(tmp_path, 1) == ["anna_0000", "anna_0001", "bert", "carl_0000", "carl_0001"]
    (source,) = find_sources(tmp_path / "carl_0001.nii.gz", 2)
    assert [file.name for file in source.files] == ["carl_0000.nii.gz", "carl_0001.nii.gz"]
    assert names(tmp_path / "carl_0001.nii.gz", 1) == ["carl_0001"]


def test_a_missing_channel_is_told(tmp_path: Path) -> None:
    for name in ("anna_0000", "anna_0002"):
        save(tmp_path / f"{name}.nii.gz", made_scan())
    with pytest.raises(UserError, match="anna with 0000, 0002"):
        find_sources(tmp_path, 2)


def test_two_scans_of_one_name_are_refused(tmp_path: Path) -> None:
    for name in ("a.nii", "a.nii.gz"):
        save(tmp_path / name, made_scan())
    with pytest.raises(UserError, match=r"a\.nii and a\.nii\.gz"):
        find_sources(tmp_path, 1)
    assert names(tmp_path / "a.nii") == ["a"]


def test_what_is_no_scan_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    for place in (tmp_path, tmp_path / "a.png", tmp_path / "nothing"):
        with pytest.raises(UserError, match="The input"):
            find_sources(place, 1)


def test_a_single_dicom_file_is_not_named(tmp_path: Path) -> None:
    file, *_ = write_series(tmp_path, VOXELS, name=lambda index: f"{PATIENT}{index}.dcm")
    with pytest.raises(UserError, match="Give the folder of its series") as error:
        find_sources(file, 1)
    assert PATIENT not in str(error.value)
