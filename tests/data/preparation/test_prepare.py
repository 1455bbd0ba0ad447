import json
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
from made_layout import SHAPE, made_layout, write_case

from trimformer.data.preparation.content import content_key
from trimformer.data.preparation.index import NAME, PreparedIndex
from trimformer.data.preparation.prepare import prepare_dataset
from trimformer.data.preparation.slices import to_slices
from trimformer.data.preparation.store import is_whole, read_slices
from trimformer.data.preprocessing import Preprocessing
from trimformer.data.reading.case import read_case
from trimformer.data.rules import FILE_EXISTS, LISTED, READABLE
from trimformer.records.errors import FileError, UserError


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_every_case_is_kept_as_it_was_prepared(tmp_path: Path) -> None:
    layout = made_layout(tmp_path / "raw")
    index = prepare_dataset(layout, tmp_path / "out")
    assert [patient.patient_id for patient in index.patients] == ["p0", "p1", "p2"]
    assert PreparedIndex.load(tmp_path / "out") == index
    for case, prepared in zip(layout.cases, index.patients, strict=True):
        patient = read_case(layout, case)
        made, kept = to_slices(patient, layout.preprocessing), read_slices(tmp_path / "out" / prepared.folder)
        assert isinstance(kept.images, np.memmap)
        assert made.labels is not None
        np.testing.assert_array_equal(made.images, kept.images)
        np.testing.assert_array_equal(made.labels, kept.labels)
        assert (kept.patient_id, kept.spacing_mm) == (case.patient_id, made.spacing_mm)
        assert kept.grid.document() == made.grid.document()
        assert kept.true_labels is not None
        np.testing.assert_array_equal(kept.true_labels(), patient.labels)


def test_a_second_run_touches_nothing(tmp_path: Path) -> None:
    layout = made_layout(tmp_path / "raw")
    prepare_dataset(layout, tmp_path / "out")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("p*/*")}
    assert len(before) == 12
    prepare_dataset(layout, tmp_path / "out")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("p*/*")} == before


def test_what_an_older_version_prepared_is_completed(tmp_path: Path) -> None:
    layout = made_layout(tmp_path / "raw", count=1)
    (patient,) = prepare_dataset(layout, tmp_path / "out").patients
    file = tmp_path / "out" / patient.folder / "patient.json"
    document = json.loads(file.read_text())
    del document["intensities"]
    file.write_text(json.dumps(document))
    assert read_slices(file.parent).intensities is None
    assert prepare_dataset(layout, tmp_path / "out").patients == (patient,)
    assert (
        read_slices(file.parent).intensities
        == to_slices(read_case(layout, layout.cases[0]), layout.preprocessing).intensities
    )


def test_the_same_files_give_the_same_bytes_wherever_they_lie_and_however_many_work(tmp_path: Path) -> None:
    for name, workers in (("a", 1), ("b", 4)):
        prepare_dataset(made_layout(tmp_path / f"raw-{name}", count=6), tmp_path / name, workers=workers)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_a_file_that_changed_is_prepared_again_and_the_old_arrays_go(tmp_path: Path) -> None:
    layout = made_layout(tmp_path / "raw")
    before = prepare_dataset(layout, tmp_path / "out")
    write_case(tmp_path / "raw", "p1", seed=77)
    after = prepare_dataset(layout, tmp_path / "out")
    changed = [a.patient_id for a, b in zip(after.patients, before.patients, strict=True) if a.folder != b.folder]
    assert changed == ["p1"]
    assert sorted(path.name for path in (tmp_path / "out").glob("p*-*")) == sorted(p.folder for p in after.patients)


@pytest.mark.parametrize("file", ["images.npy", "labels.npy", "true_labels.npz", "patient.json"])
@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_a_damaged_array_is_not_read_but_made_again(tmp_path: Path, file: str, damage: str) -> None:
    layout = made_layout(tmp_path / "raw")
    index = prepare_dataset(layout, tmp_path / "out")
    before = contents(tmp_path / "out")
    path = tmp_path / "out" / index.patients[1].folder / file
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-9])
    assert not is_whole(path.parent)
    prepare_dataset(layout, tmp_path / "out")
    assert contents(tmp_path / "out") == before


def test_one_broken_case_stops_no_other_and_leaves_no_index(tmp_path: Path) -> None:
    layout = made_layout(tmp_path / "raw", count=4)
    image = layout.cases[1].images[0]
    image.write_bytes(image.read_bytes()[:300])
    with pytest.raises(FileError) as error:
        prepare_dataset(layout, tmp_path / "out")
    assert (error.value.rule, error.value.file) == (READABLE.sentence, str(image))
    assert sorted(path.name[:2] for path in (tmp_path / "out").iterdir()) == [".l", "p0", "p2", "p3"]
    assert all(is_whole(path) for path in (tmp_path / "out").glob("p*"))


def test_of_several_problems_the_first_is_told_and_the_others_are_counted(tmp_path: Path) -> None:
    layout = made_layout(tmp_path / "raw", count=4)
    for case in layout.cases[1:]:
        case.images[0].unlink()
    with pytest.raises(UserError, match="`trimformer data check` lists 2 more problems") as error:
        prepare_dataset(layout, tmp_path / "out")
    assert error.value.rule == FILE_EXISTS.sentence
    assert str(layout.cases[1].images[0]) in error.value.found


def test_what_names_alone_show_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    layout = replace(made_layout(tmp_path / "raw"), problems=(LISTED.broken("dataset.json", "no p9"),))
    with pytest.raises(FileError, match="no p9"):
        prepare_dataset(layout, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_dataset_without_labelled_cases_is_refused(tmp_path: Path) -> None:
    layout = made_layout(tmp_path / "raw", count=1)
    unlabelled = replace(layout, cases=(replace(layout.cases[0], labels=None),))
    with pytest.raises(FileError, match="A dataset has labelled cases"):
        prepare_dataset(unlabelled, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_other_settings_or_other_files_do_not_go_into_the_same_folder(tmp_path: Path) -> None:
    layout = made_layout(tmp_path / "raw")
    prepare_dataset(layout, tmp_path / "out")
    before = contents(tmp_path / "out")
    for other in (replace(layout, preprocessing=Preprocessing(32)), replace(layout, dataset="another")):
        with pytest.raises(UserError, match="one preparation of one dataset"):
            prepare_dataset(other, tmp_path / "out")
    assert contents(tmp_path / "out") == before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match=r"mine with thesis\.tex"):
        prepare_dataset(layout, tmp_path / "mine")
    assert contents(tmp_path / "mine") == {"thesis.tex": b"years of work"}


def test_settings_change_every_key(tmp_path: Path) -> None:
    layout = made_layout(tmp_path / "raw", count=1)
    changes: list[Preprocessing] = [
        Preprocessing(16),
        Preprocessing(17),
        Preprocessing(16, slice_axis=0),
        Preprocessing(16, orientation="RAS"),
        Preprocessing(16, clip=(0.0, 100.0)),
        Preprocessing(16, crop=16),
        Preprocessing(16, spacing_mm=(1.0, 1.0, 1.0)),
        Preprocessing(16, spacing_from="header"),
    ]
    layouts = [replace(layout, preprocessing=each) for each in changes]
    layouts.append(replace(layout, label_values={0: 0, 1: 2, 2: 1}))
    keys = {content_key(each, each.cases[0]) for each in layouts}
    assert len(keys) == len(layouts)


def test_a_changed_pair_of_an_analyze_header_changes_the_key(tmp_path: Path) -> None:
    layout = made_layout(tmp_path / "raw", count=1)
    nibabel.save(nibabel.Nifti1Pair(np.ones(SHAPE, np.float32), np.eye(4)), tmp_path / "scan.hdr")
    case = replace(layout.cases[0], images=(tmp_path / "scan.hdr",))
    before = content_key(layout, case)
    voxels = bytearray((tmp_path / "scan.img").read_bytes())
    voxels[-1] ^= 1
    (tmp_path / "scan.img").write_bytes(voxels)
    assert content_key(layout, case) != before


def test_two_at_once_do_the_work_once(tmp_path: Path) -> None:
    layout = made_layout(tmp_path / "raw", count=6)
    prepare_dataset(layout, tmp_path / "alone")
    at_once = [threading.Thread(target=prepare_dataset, args=(layout, tmp_path / "out")) for _ in range(2)]
    for thread in at_once:
        thread.start()
    for thread in at_once:
        thread.join()
    assert contents(tmp_path / "out") == contents(tmp_path / "alone")


def test_progress_counts_the_cases(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    prepare_dataset(made_layout(tmp_path / "raw"), tmp_path / "out", lambda *step: told.append(step))
    assert told == [("preparing made", done, 3) for done in (1, 2, 3)]


PREPARE = """
import resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from made_layout import made_layout
from trimformer.data.preparation.prepare import prepare_dataset
from trimformer.records.errors import UserError
layout = made_layout(Path(sys.argv[2]), count=12, image_size=256)
print("ready", flush=True)
if len(sys.argv) > 4:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[4]), resource.RLIM_INFINITY))
try:
    prepare_dataset(layout, Path(sys.argv[3]), workers=2)
except UserError as error:
    sys.exit(f"{error.rule}|{error.found}|{error.next_step}")
"""


def preparing(tmp_path: Path, out: Path, *limit: str) -> "subprocess.Popen[str]":
    here = str(Path(__file__).parents[2])
    command = [sys.executable, "-c", PREPARE, here, str(tmp_path / "raw"), str(out), *limit]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_killed_at_any_moment_and_run_again_the_bytes_are_the_same(tmp_path: Path) -> None:
    layout = made_layout(tmp_path / "raw", count=12, image_size=256)
    prepare_dataset(layout, tmp_path / "alone")
    out = tmp_path / "out"
    for entries in (0, 4, 9):
        process = preparing(tmp_path, out)
        assert process.stdout is not None
        process.stdout.readline()
        while len(list(out.glob("p*-*/patient.json"))) < entries or not list(out.glob(".p*")):
            assert process.poll() is None, "killed too late"
            time.sleep(0.0005)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert not (out / NAME).exists()
        assert all(is_whole(entry) for entry in out.glob("p*"))
    prepare_dataset(layout, out)
    assert contents(out) == contents(tmp_path / "alone")
    assert not [path for path in out.rglob(".*") if path.name != ".lock"]


@pytest.mark.slow
def test_a_full_disk_is_one_clear_error_and_nothing_half_written_stays(tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = preparing(tmp_path, out, "200000")  # no file may grow beyond that: writing fails as on a full disk
    _, complaint = process.communicate()
    assert process.returncode == 1
    assert complaint.startswith("The output must be writable|")
    assert "Free some space" in complaint
    assert [path.name for path in out.iterdir()] == [".lock"]
    prepare_dataset(made_layout(tmp_path / "raw", count=12, image_size=256), out)
    assert len(PreparedIndex.load(out).patients) == 12


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(UserError, match="must be writable"):
        prepare_dataset(made_layout(tmp_path / "raw"), tmp_path / "file" / "out")


def test_the_cache_is_little_larger_than_its_arrays(tmp_path: Path) -> None:
    prepare_dataset(made_layout(tmp_path / "raw", image_size=224), tmp_path / "out")
    arrays = 3 * SHAPE[2] * 224 * 224 * (2 + 1)
    assert sum(map(len, contents(tmp_path / "out").values())) < 1.1 * arrays
