import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimformer.data.rules import LISTED
from trimformer.data.splitting.file import read_split, write_split
from trimformer.data.splitting.roster import Member, Roster, Split
from trimformer.data.splitting.sides import deal_sides
from trimformer.records.errors import UserError
from trimformer.records.settings import DataSettings

TEN = Roster("made", tuple(Member(f"p{index}", group="PN"[index % 2]) for index in range(10)))


def listed(training: tuple[str, ...], validation: tuple[str, ...], there: tuple[str, ...]) -> Roster:
    return Roster("made", tuple(map(Member, there)), {"training": training, "validation": validation})


def test_a_published_list_is_kept_and_selection_comes_from_its_training_side() -> None:
    roster = listed(("a", "b", "c"), ("d",), there=("a", "b", "c", "d", "unused"))
    split = deal_sides(roster, DataSettings(selection_patients=1))
    assert sorted(split["training"] + split["selection"]) == ["a", "b", "c"]
    assert len(split["selection"]) == 1
    assert split["validation"] == ("d",)


def test_a_listed_patient_who_is_not_there_is_named() -> None:
    with pytest.raises(UserError) as error:
        deal_sides(listed(("a", "b"), ("c",), there=("a", "c")), DataSettings())
    assert error.value.rule == LISTED.sentence
    assert "no labelled case b" in error.value.found


def test_without_a_list_a_fifth_validates_in_proportion() -> None:
    split = deal_sides(TEN, DataSettings(selection_patients=2))
    assert {side: len(patients) for side, patients in split.items()} == {"training": 6, "selection": 2, "validation": 2}
    for side in ("selection", "validation"):
        assert sorted(int(patient[1]) % 2 for patient in split[side]) == [0, 1]
    assert deal_sides(TEN, DataSettings(split_seed=7)) != split


def test_every_patient_validates_in_one_fold() -> None:
    splits = [deal_sides(TEN, DataSettings(folds=5, fold=fold, selection_patients=1)) for fold in range(5)]
    assert sorted(patient for split in splits for patient in split["validation"]) == list(TEN.patient_ids)
    assert all(sum(map(len, split.values())) == 10 for split in splits)


def test_folds_leave_a_published_list_aside() -> None:
    roster = listed(("a", "b", "c"), ("d",), there=("a", "b", "c", "d"))
    split = deal_sides(roster, DataSettings(folds=4, fold=0, selection_patients=1))
    assert sum(map(len, split.values())) == 4


def test_a_fold_beyond_the_last_is_refused() -> None:
    with pytest.raises(UserError, match="5 of 5"):
        deal_sides(TEN, DataSettings(folds=5, fold=5))


@given(st.permutations(TEN.patient_ids), st.integers(1, 8), st.integers(1, 2))
def test_a_file_of_sides_is_written_edited_and_read(
    tmp_path_factory: pytest.TempPathFactory, order: list[str], training: int, validation: int
) -> None:
    file = tmp_path_factory.mktemp("split") / "split.json"
    split: Split = {
        "training": tuple(sorted(order[:training])),
        "validation": tuple(sorted(order[training : training + validation])),
    }
    write_split(file, [split, split | {"selection": split["validation"]}])
    assert read_split(file, fold=0) == split
    assert read_split(file, fold=1) == split | {"selection": split["validation"]}
    if training > 2:
        assert deal_sides(TEN, DataSettings(split=str(file)))["validation"] == split["validation"]


def test_nnunets_own_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "splits_final.json"
    file.write_text(json.dumps([{"train": ["p0", "p1", "p2"], "val": ["p3"]}, {"train": ["p3"], "val": ["p0"]}]))
    split = deal_sides(TEN, DataSettings(split=str(file), selection_patients=1))
    assert split["validation"] == ("p3",)
    assert read_split(file, fold=1) == {"training": ("p3",), "validation": ("p0",)}


def test_a_file_and_a_setting_that_ask_for_other_numbers_of_selection_patients_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "sides.json"
    write_split(file, [{"training": ("p0",), "selection": ("p1",), "validation": ("p2",)}])
    for agreeing in (DataSettings(split=str(file)), DataSettings(split=str(file), selection_patients=1)):
        assert deal_sides(TEN, agreeing)["selection"] == ("p1",)
    with pytest.raises(UserError, match=r"data\.selection_patients = 6, and 1 in"):
        deal_sides(TEN, DataSettings(split=str(file), selection_patients=6))


@pytest.mark.parametrize(
    ("document", "found"),
    [
        ({"training": ["p0"], "validation": ["p0"]}, "p0"),
        ({"training": ["p0", "p0", "p1"], "validation": ["p2"]}, "p0"),
        ({"training": ["p0", "p1", "p2"], "selection": ["p2"], "validation": ["p3"]}, "p2"),
        ({"training": ["p0", "p1", "stranger"], "validation": ["p2"]}, "no labelled case stranger"),
        ({"training": ["p0", "p1", "p2"]}, "nobody on the side validation"),
        ({"training": [], "validation": ["p2"]}, "nobody on the side training"),
        ({"training": ["p0"], "validation": ["p1"], "test": ["p2"]}, "the key 'test'"),
        ({"training": "p0", "validation": ["p1"]}, "training: not a list"),
        ({"training": [0, 1], "validation": ["p1"]}, "training: not a list"),
        (["p0", "p1"], "str"),
        ([], "0, of 0"),
        ({"training": ["p0", "p1"], "validation": ["p2"]}, "2 of 2 patients"),
    ],
)
def test_a_file_that_is_no_split_is_refused(tmp_path: Path, document: Any, found: str) -> None:
    file = tmp_path / "split.json"
    file.write_text(json.dumps(document))
    with pytest.raises(UserError) as error:
        deal_sides(TEN, DataSettings(split=str(file)))
    assert found in error.value.found


def test_no_file_and_no_json_are_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="must exist"):
        read_split(tmp_path / "none.json", fold=0)
    (tmp_path / "split.json").write_text("training: p0")
    with pytest.raises(UserError, match="must be JSON"):
        read_split(tmp_path / "split.json", fold=0)
