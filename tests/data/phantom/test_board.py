from collections import Counter

import numpy as np
import pytest

from trimformer.data.phantom.board import (
    MOST_HOPS,
    NAMES,
    NUM_CLASSES,
    QUESTION,
    Board,
    draw_board,
    name_symbol,
    needed_blocks,
)

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


@pytest.mark.parametrize(("hops", "blocks"), [(0, 0), (1, 1), (2, 2), (3, 2)])
def test_markers_that_take_what_those_know_whom_they_point_to_need_as_many_rounds(hops: int, blocks: int) -> None:
    (board,) = boards(hops, count=1)
    knows = board.says.copy()
    rounds = 0
    while (knows != board.labels)[board.questions].any():
        known = knows.copy()
        for name in np.unique(known[known > NUM_CLASSES]):
            (value,) = np.unique(known[board.names == name])
            knows[known == name] = value
        rounds += 1
    assert rounds == needed_blocks(hops) == blocks


@pytest.mark.parametrize(
    ("hops", "questions"), [(0, {0: 14}), (1, {1: 14}), (2, {1: 7, 2: 7}), (3, {1: 4, 2: 4, 3: 6})]
)
def test_as_many_questions_of_each_number_of_hops_show_each_symbol(hops: int, questions: dict[int, int]) -> None:
    for board in boards(hops):
        asked = Counter(zip(board.hops[board.questions].tolist(), board.says[board.questions].tolist(), strict=True))
        assert Counter(
            {needed: len([key for key in asked if key[0] == needed]) for needed in questions}
        ) == dict.fromkeys(questions, NAMES)
        assert all(count == questions[needed] for (needed, _), count in asked.items())


@pytest.mark.parametrize("hops", HOPS)
def test_every_slice_has_the_same_names_as_often(hops: int) -> None:
    assert len({tuple(np.bincount(board.names.ravel())) for board in boards(hops)}) == 1


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


@pytest.mark.parametrize(("hops", "level"), [(1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2)])
def test_two_names_of_a_level_show_the_same_and_which_is_drawn(hops: int, level: int) -> None:
    alike: Counter[tuple[int, ...]] = Counter()
    twice: Counter[int] = Counter()
    for board in boards(hops, count=600):
        names = [name_symbol(level, place) for place in range(NAMES)]
        shown = []
        for name in names:
            (says,) = set(board.says[board.names == name].tolist())  # signposts of one name agree
            shown.append(says)
        ((symbol, count),) = Counter(shown).most_common(1)
        assert (count, len(set(shown))) == (2, 3)
        alike[tuple(place for place, says in enumerate(shown) if says == symbol)] += 1
        twice[symbol] += 1
    assert len(alike) == 6
    assert all(abs(number - 100) < 4 * 100**0.5 for number in alike.values())  # four standard deviations
    assert len(twice) == NAMES
    assert all(abs(number - 150) < 4 * 150**0.5 for number in twice.values())


@pytest.mark.parametrize(("hops", "level"), [(2, 0), (2, 1), (3, 0), (3, 1), (3, 2)])
def test_what_one_name_shows_tells_little_of_the_class_of_the_deepest(hops: int, level: int) -> None:
    """What the first name of a level shows, beside the class of the first pointer of the deepest questions."""
    together = np.zeros((QUESTION, NUM_CLASSES + 1))
    for board in boards(hops, count=800):
        (shown,) = set(board.says[board.names == name_symbol(level, 0)].tolist())
        (label,) = set(board.labels[board.questions & (board.says == name_symbol(hops - 1, 0))].tolist())
        together[shown, label] += 1
    assert together.max(axis=1).sum() / 800 < 0.5  # how often the best guess from it is right


@pytest.mark.parametrize(("hops", "right"), [(1, 0.5), (2, 0.583), (3, 0.653)])
def test_the_best_guess_without_following_a_pointer_is_far_from_right(hops: int, right: float) -> None:
    """Who knew the classes of all questions of one slice together would be right so often by naming the commonest."""
    shares = []
    for board in boards(hops, count=800):
        asked = board.labels[board.questions & (board.hops == hops)]
        shares.append(np.bincount(asked).max() / len(asked))
    assert np.mean(shares) == pytest.approx(right, abs=0.02)


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
