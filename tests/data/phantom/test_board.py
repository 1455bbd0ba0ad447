from collections import Counter

import numpy as np
import pytest

from trimformer.data.phantom.board import MOST_HOPS, NAMES, NUM_CLASSES, QUESTION, Board, draw_board, name_symbol

HOPS = range(MOST_HOPS + 1)


def boards(hops: int, count: int = 20) -> list[Board]:
    random = np.random.default_rng(7)
    return [draw_board(random, hops) for _ in range(count)]


def followed(board: Board, row: int, column: int) -> tuple[int, int]:
    """The class at the end of a marker's pointers, and how many were followed: slow and plain."""
    says, hops = int(board.says[row, column]), 0
    while says > NUM_CLASSES:
        (says,) = set(board.says[board.names == says].tolist())  # signposts of one name agree
        hops += 1
    return says, hops


@pytest.mark.parametrize("hops", HOPS)
def test_labels_are_the_ends_of_the_pointers(hops: int) -> None:
    for board in boards(hops, count=5):
        for row, column in np.argwhere(board.names):
            assert followed(board, row, column) == (board.labels[row, column], board.hops[row, column])
        for field in (board.says, board.labels, board.hops):
            assert not field[board.names == 0].any()


@pytest.mark.parametrize(
    ("hops", "questions"), [(0, {0: 14}), (1, {1: 14}), (2, {1: 7, 2: 7}), (3, {1: 4, 2: 4, 3: 6})]
)
def test_questions_of_each_number_of_hops_have_every_class_as_often(hops: int, questions: dict[int, int]) -> None:
    expected = {(needed, label): count for needed, count in questions.items() for label in range(1, NUM_CLASSES + 1)}
    for board in boards(hops):
        asked = board.questions
        assert Counter(zip(board.hops[asked].tolist(), board.labels[asked].tolist(), strict=True)) == expected


@pytest.mark.parametrize("hops", HOPS)
def test_every_slice_shows_the_same_symbols_as_often(hops: int) -> None:
    for field in ("names", "says", "labels"):
        assert len({tuple(np.bincount(getattr(board, field).ravel())) for board in boards(hops)}) == 1


@pytest.mark.parametrize("hops", [1, 2, 3])
def test_what_a_question_shows_tells_nothing_of_its_class(hops: int) -> None:
    shares = np.zeros((QUESTION, NUM_CLASSES + 1))
    for board in boards(hops, count=400):
        np.add.at(
            shares, tuple(np.unique([board.says[board.questions], board.labels[board.questions]], axis=1)), 1 / 400
        )
    shown = shares[shares.any(axis=1), 1:]
    assert shown.shape == (NAMES * hops, NUM_CLASSES)
    assert np.abs(shown - 1 / NUM_CLASSES).max() < 0.09  # four standard errors


@pytest.mark.parametrize(("hops", "level"), [(2, 0), (2, 1), (3, 0), (3, 1), (3, 2)])
def test_one_level_alone_tells_nothing_of_the_class_of_the_deepest(hops: int, level: int) -> None:
    """What the first name of a level shows, beside the class of the first pointer of the deepest questions."""
    together: Counter[tuple[int, int]] = Counter()
    for board in boards(hops, count=800):
        (shown,) = set(board.says[board.names == name_symbol(level, 0)].tolist())
        (label,) = set(board.labels[board.questions & (board.says == name_symbol(hops - 1, 0))].tolist())
        together[shown, label] += 1
    assert len(together) == NAMES * NUM_CLASSES
    assert all(abs(count - 50) < 28 for count in together.values())  # four standard deviations


@pytest.mark.parametrize("hops", HOPS)
def test_questions_are_far_from_all_signposts(hops: int) -> None:
    for board in boards(hops):
        signposts = np.argwhere((board.names > 0) & ~board.questions)
        assert len(signposts) == (0, 96, 96, 96)[hops]
        for place in signposts:
            assert np.abs(np.argwhere(board.questions) - place).max(axis=1).min() >= 4


def test_boards_differ_and_are_turned_every_way() -> None:
    drawn = boards(1, count=60)
    assert len({board.names.tobytes() + board.says.tobytes() for board in drawn}) == 60
    corners = {tuple(board.questions[[0, 0, -1, -1], [0, -1, 0, -1]].tolist()) for board in drawn}
    assert len(corners) == 4
