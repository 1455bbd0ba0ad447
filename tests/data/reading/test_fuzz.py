"""Whole cases in every format, damaged in every way: refused under the right rule, or read and right."""

import signal
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType

import numpy as np
import pytest
from fuzz_cases import KINDS, all_mistakes, by_rote
from fuzz_damages import READ, Damage
from fuzz_expected import Expected
from fuzz_made import Kind

from trimformer.data.patient import Patient
from trimformer.data.preparation.prepare import prepare_dataset
from trimformer.data.preparation.store import read_slices
from trimformer.data.reading.case import read_case
from trimformer.data.rules import (
    FILE_EXISTS,
    FINITE,
    GREY,
    HAS_SPACING,
    KNOWN_LABELS,
    NOT_CONSTANT,
    NOT_EMPTY,
    READABLE,
    SAME_SHAPE,
    SAME_SPACING,
    THREE_AXES,
    WHOLE_LABELS,
    Rule,
)
from trimformer.records.errors import FileError

MISTAKES = all_mistakes()
BY_ROTE = {damage.name: damage for damage in by_rote()}
DAMAGES = [*MISTAKES, *BY_ROTE.values()]
RULES_OF_A_CASE = (
    *(FILE_EXISTS, READABLE, GREY, THREE_AXES, NOT_EMPTY, HAS_SPACING, FINITE, NOT_CONSTANT),
    *(SAME_SHAPE, SAME_SPACING, WHOLE_LABELS, KNOWN_LABELS),
)
LONGEST = 5
"""Seconds for a case that takes milliseconds."""
MOST_MEMORY = 8e6
"""Bytes for a case of 120 voxels, libraries and their buffers included."""


class TookTooLongError(BaseException):
    """No `except` of the product stops this one."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all: pytest's own takes longer the more of them there are."""
    return tmp_path_factory.mktemp("fuzz")


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise TookTooLongError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def written(root: Path, damage: Damage) -> Path:
    for path in damage.kind.files:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
    for path, content in damage.files.items():
        (root / path).write_bytes(content)
    return root


def verdict(damage: Damage) -> Expected:
    """What the independent readers say, narrowed to what a person expects where that was stated."""
    expected = damage.kind.judge(damage.files)
    if isinstance(damage.stated, Rule):
        assert damage.stated in expected.rules
        return Expected(frozenset({damage.stated}))
    if damage.stated == READ:
        assert expected.image is not None
        return replace(expected, rules=frozenset())
    return expected


def outcome(kind: Kind, root: Path) -> Patient | FileError:
    """What becomes of the case on its way into the product."""
    try:
        with at_most(LONGEST):
            layout = kind.layout(root)
            for problem in layout.problems:
                raise problem
            return read_case(layout, layout.cases[0])
    except FileError as error:
        return error


def check(damage: Damage, folder: Path) -> None:
    """Compare what becomes of a damaged case with what must."""
    expected = verdict(damage)
    found = outcome(damage.kind, written(folder / damage.name, damage))
    if isinstance(found, FileError):
        assert found.rule in {rule.sentence for rule in expected.rules}, found
        return
    assert expected.image is not None, "read, though it should be refused"
    assert expected.spacing is not None
    assert found.labels is not None
    assert found.image.dtype == np.float32
    assert found.labels.dtype == np.uint8
    if not any(np.array_equal(found.image[0], other) for other in expected.or_images):
        np.testing.assert_array_equal(found.image[0], expected.image)
    np.testing.assert_array_equal(found.labels, expected.labels)
    np.testing.assert_allclose(np.array(found.spacing_mm), expected.spacing, rtol=1e-5)
    if expected.affine is not None:
        np.testing.assert_allclose(found.affine, expected.affine, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("damage", MISTAKES, ids=lambda damage: damage.name)
def test_a_mistake_is_refused_under_its_rule_or_read_as_it_is(folder: Path, damage: Damage) -> None:
    check(damage, folder)


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_byte_changes_the_case_is_refused_or_read_as_it_is(folder: Path, kind: str) -> None:
    wrong = []
    for damage in (damage for damage in BY_ROTE.values() if damage.kind.name == kind):
        try:
            check(damage, folder)
        except Exception as error:  # every damage is told, by a name that repeats it
            wrong.append(f"{damage.name}: {type(error).__name__} {error}")
    assert not wrong, "\n".join(wrong)


def test_there_are_enough_of_them_and_of_each_verdict() -> None:
    assert len(DAMAGES) >= 500
    verdicts = [verdict(damage) for damage in DAMAGES]
    assert sum(expected.image is None for expected in verdicts) >= 500
    assert sum(not expected.rules for expected in verdicts) >= 500
    assert {damage.stated for damage in DAMAGES} == {*RULES_OF_A_CASE, READ, None}


@pytest.mark.parametrize("name", [damage.name for damage in DAMAGES if "huge" in damage.name])
def test_no_header_is_believed_that_promises_more_than_there_is(tmp_path: Path, name: str) -> None:
    (damage,) = (damage for damage in DAMAGES if damage.name == name)
    root = written(tmp_path, damage)
    outcome(damage.kind, root)  # imports are not counted
    tracemalloc.start()
    outcome(damage.kind, root)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < MOST_MEMORY


@pytest.mark.parametrize("damage", DAMAGES[::20], ids=lambda damage: damage.name)
def test_preparing_a_refused_case_leaves_nothing(tmp_path: Path, damage: Damage) -> None:
    layout = damage.kind.layout(written(tmp_path / "root", damage))
    out = tmp_path / "prepared"
    found = outcome(damage.kind, tmp_path / "root")
    if isinstance(found, FileError):
        with pytest.raises(FileError) as error:
            prepare_dataset(layout, out, workers=1)
        assert (error.value.rule, error.value.file) == (found.rule, found.file)
        assert {path.name for path in out.glob("*")} <= {".lock"}
        return
    (patient,) = prepare_dataset(layout, out, workers=1).patients
    kept = read_slices(out / patient.folder)
    assert found.labels is not None
    assert kept.true_labels is not None
    np.testing.assert_array_equal(kept.true_labels(), found.labels)
