from pathlib import Path

import pytest

from trimformer.deploy.outputs import Outputs, place_outputs
from trimformer.records.errors import UserError


def test_a_file_is_named_by_the_user_and_files_in_a_folder_by_their_scans(tmp_path: Path) -> None:
    for name in ("labels.nii", "labels.nii.gz", "LABELS.NII.GZ"):
        assert place_outputs(tmp_path / name, is_batch=False)("scan").label_map == tmp_path / name
    for folder in (tmp_path, tmp_path / "new", tmp_path / "of.2026"):
        assert place_outputs(folder, is_batch=True)("scan").label_map == folder / "scan.nii.gz"
    (tmp_path / "odd.nii").mkdir()
    assert place_outputs(tmp_path / "odd.nii", is_batch=True)("scan").label_map == tmp_path / "odd.nii" / "scan.nii.gz"


def test_files_of_one_scan_share_a_stem() -> None:
    files = Outputs(Path("out/case.1.nii.gz"))
    assert (files.description, files.preview) == (Path("out/case.1.json"), Path("out/case.1.png"))
    assert files.probabilities == Path("out/case.1_probabilities.nii.gz")
    assert Outputs(Path("a.nii")).probabilities == Path("a_probabilities.nii")


def test_an_output_that_cannot_be_meant_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("")
    for name, is_batch in (("out.nii", True), ("out.nrrd", False), ("out.png", True), ("notes", False)):
        with pytest.raises(UserError, match=r"\.nii|folder"):
            place_outputs(tmp_path / name, is_batch)
