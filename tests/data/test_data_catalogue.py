import shutil
from pathlib import Path

import numpy as np
import pytest
from made_layout import made_layout

from trimformer.data import catalogue
from trimformer.data.catalogue import FINDERS, find_layout, load_dataset
from trimformer.data.preparation.index import PreparedIndex
from trimformer.data.preparation.prepare import prepare_dataset
from trimformer.records.errors import UserError
from trimformer.records.settings import DataSettings


@pytest.mark.parametrize(
    ("num_patients", "selection", "sizes"),
    [(None, 2, (12, 2, 6)), (20, 4, (10, 4, 6)), (10, 2, (5, 2, 3)), (4, 2, (1, 2, 1)), (4, 1, (2, 1, 1))],
)
def test_brain_is_dealt_to_three_sides(num_patients: int | None, selection: int, sizes: tuple[int, int, int]) -> None:
    layout = find_layout(DataSettings(num_patients=num_patients, selection_patients=selection))
    assert tuple(len(layout.listed[side]) for side in ("training", "selection", "validation")) == sizes
    assert layout.class_names == {1: "csf", 2: "gray_matter", 3: "white_matter"}
    assert "one averaged brain" in layout.note


def test_too_few_patients_are_refused() -> None:
    with pytest.raises(UserError, match="left to train on"):
        find_layout(DataSettings(num_patients=4, selection_patients=3))


def test_an_unknown_name_lists_the_valid_ones() -> None:
    with pytest.raises(UserError, match=r"'brian'.*Valid names: ibsr18, emidec, synapse, nnunet, brain, phantom\."):
        find_layout(DataSettings(dataset="brian"))


@pytest.mark.parametrize("name", sorted(set(FINDERS) - {"brain", "phantom"}))
@pytest.mark.parametrize("root", [None, "nowhere"])
def test_a_dataset_of_files_needs_its_root(tmp_path: Path, name: str, root: str | None) -> None:
    with pytest.raises(UserError, match="The root of a dataset is a folder that exists"):
        find_layout(DataSettings(dataset=name, root=root and str(tmp_path / root)))


class TestLoading:
    """A made-up dataset beside the real ones."""

    @pytest.fixture(autouse=True)
    def _made(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.raw = tmp_path / "raw"
        self.layout = made_layout(self.raw, count=5)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        monkeypatch.setitem(catalogue.FINDERS, "made", lambda _: self.layout)

    def settings(self, **changes: object) -> DataSettings:
        return DataSettings.model_validate({"dataset": "made", "root": str(self.raw), "image_size": 16} | changes)

    def test_files_are_prepared_on_the_way_and_only_once(self) -> None:
        told: list[str] = []
        dataset = load_dataset(self.settings(), lambda task, _, __: told.append(task))
        assert [len(side) for side in (dataset.training, dataset.selection, dataset.validation)] == [2, 2, 1]
        assert told == ["preparing made"] * 5
        assert (dataset.num_channels, dataset.layout) == (1, "pairs")
        assert dataset.preprocessing is not None
        assert dataset.preprocessing["image_size"] == 16
        again = load_dataset(self.settings())
        assert again.fingerprint == dataset.fingerprint
        assert isinstance(again.training[0].images, np.memmap)

    def test_a_prepared_folder_is_enough(self, tmp_path: Path) -> None:
        prepare_dataset(self.layout, tmp_path / "prepared")
        beside = load_dataset(self.settings())
        shutil.rmtree(self.raw)
        moved = (tmp_path / "prepared").rename(tmp_path / "on the cluster")
        dataset = load_dataset(self.settings(root=None, prepared=str(moved)))
        assert dataset.fingerprint == beside.fingerprint
        assert dataset.labels == {1: "one", 2: "two"}

    @pytest.mark.parametrize(
        ("change", "found"),
        [
            ({"image_size": 32}, "data.image_size = 32, and 16"),
            ({"slice_axis": 1}, "data.slice_axis = 1, and 2"),
            ({"clip": [0, 9]}, "data.clip = [0.0, 9.0], and None"),
            ({"dataset": "brain"}, "data.dataset = 'brain', and 'made'"),
        ],
    )
    def test_what_was_prepared_otherwise_is_refused(
        self, tmp_path: Path, change: dict[str, object], found: str
    ) -> None:
        prepare_dataset(self.layout, tmp_path / "prepared")
        with pytest.raises(UserError) as error:
            load_dataset(self.settings(root=None, prepared=str(tmp_path / "prepared"), **change))
        assert found in error.value.found

    def test_a_folder_without_an_index_is_not_prepared(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="trimformer data prepare"):
            load_dataset(self.settings(prepared=str(tmp_path)))

    def test_arrays_that_are_gone_are_told(self, tmp_path: Path) -> None:
        prepare_dataset(self.layout, tmp_path / "prepared")
        index = PreparedIndex.load(tmp_path / "prepared")
        for patient in index.patients:
            (tmp_path / "prepared" / patient.folder / "images.npy").unlink()
        with pytest.raises(UserError, match="A prepared array is whole"):
            load_dataset(self.settings(prepared=str(tmp_path / "prepared")))

    def test_folds_use_the_same_arrays(self) -> None:
        folds = [load_dataset(self.settings(folds=5, fold=fold, selection_patients=1)) for fold in range(5)]
        validated = sorted(patient.patient_id for fold in folds for patient in fold.validation)
        assert validated == ["p0", "p1", "p2", "p3", "p4"]
