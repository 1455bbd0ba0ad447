"""Where the markers of one slice lie and what they show, before anything is painted."""

from dataclasses import dataclass

import numpy as np

GRID = 14
"""Rows = columns of patches; a marker fills one."""

NUM_CLASSES = 4

NAMES = 4
"""Of the signposts of each level: as many as there are symbols for them to show."""

SIGNPOST_ROWS = range(7)
QUESTION_ROWS = range(10, GRID)
"""Three empty rows lie between the two: a decoder of UNETR sees no farther from its patch (docs/phantom.md)."""

MOST_HOPS = 3

QUESTION = 1 + NUM_CLASSES + NAMES * MOST_HOPS
"""The symbol in the upper field of every question."""


@dataclass(frozen=True, eq=False)
class Board:
    """The markers of one slice, each array (rows, columns) of patches, 0 where there is none.

    `names` is the symbol in a marker's upper field: how others point to it, or `QUESTION`, to which nobody points.
    `says` is the symbol in its lower field: a class, or the name of the signposts that it points to. `labels` is the
    class at the end of the pointers, `hops` how many of them lead there.
    """

    names: np.ndarray
    says: np.ndarray
    labels: np.ndarray
    hops: np.ndarray

    @property
    def questions(self) -> np.ndarray:
        """Bool (rows, columns): the markers that are asked."""
        return np.asarray(self.names == QUESTION)


def needed_blocks(hops: int) -> int:
    """How many blocks following takes: each can double the pointers that were followed, so hops + 1 <= 2^blocks.

    In one block a question takes the next pointer while the signpost that it leads to takes what it points to itself
    (Sanford, Hsu and Telgarsky 2024, arXiv:2402.09268, section 4). That fewer do not is proven for long chains, under
    a conjecture. Of chains as short as these it holds for trainings as short as the study's: with more than three
    times the steps one block learns two hops (docs/phantom.md).
    """
    return hops.bit_length()


def name_symbol(level: int, place: int) -> int:
    """A name of signposts from which `level` hops lead to a class.

    Symbols count from 1: the classes, the names level by level, and the one of all questions.
    """
    return 1 + NUM_CLASSES + level * NAMES + place


def draw_board(random: np.random.Generator, hops: int) -> Board:
    """Draw one slice with questions of 1 to `hops` hops (all of 0 where `hops` is 0).

    On every slice the same names stand as often, and as many questions show each. Signposts of level 0 show a class,
    those of level l a name of level l - 1, and a question of n hops a name of level n - 1. Signposts of one name show
    the same. Only which name shows what is drawn, two of each level showing the same, and where all lie; the board is
    then turned and mirrored at random.
    """
    board = Board(*np.zeros((4, GRID, GRID), np.uint8))
    shown = [np.arange(1, 1 + NUM_CLASSES)]
    ends = [shown[0]]
    signposts = np.array_split(_shuffled_cells(random, SIGNPOST_ROWS), hops) if hops else []
    for level, cells in enumerate(signposts):
        drawn = _two_alike(random)
        names = np.array([name_symbol(level, place) for place in range(NAMES)])
        _put(board, cells, names, shown[-1][drawn], ends[-1][drawn], level)
        shown.append(names)
        ends.append(ends[-1][drawn])
    for needed, cells in _questions(random, hops):
        _put(board, cells, np.full(NAMES, QUESTION), shown[needed], ends[needed], needed)
    return _turned(board, random)


def _two_alike(random: np.random.Generator) -> np.ndarray:
    """Which of four symbols each name shows: two names the same one, so that nobody shows a fourth.

    With a permutation the mean over all signposts would be the same on every slice. Then nothing tells a network that
    begins by looking everywhere to look there, nor what to take from there, and the second hop is not found.
    """
    drawn = random.permutation(NAMES)
    drawn[0] = drawn[1]
    return random.permutation(drawn)


def _questions(random: np.random.Generator, hops: int) -> list[tuple[int, np.ndarray]]:
    """(hops, cells) of the questions, the same number for each but for what remains, which goes to the deepest."""
    cells = _shuffled_cells(random, QUESTION_ROWS)
    needed = range(1, hops + 1) if hops else range(1)
    each = len(cells) // (NAMES * len(needed)) * NAMES
    return list(zip(needed, np.split(cells, each * np.arange(1, len(needed))), strict=True))


def _shuffled_cells(random: np.random.Generator, rows: range) -> np.ndarray:
    """(cells, 2): row and column of every patch in these rows."""
    return random.permutation(np.stack(np.meshgrid(rows, range(GRID), indexing="ij"), axis=-1).reshape(-1, 2))


def _put(board: Board, cells: np.ndarray, names: np.ndarray, says: np.ndarray, labels: np.ndarray, hops: int) -> None:
    """Put markers into all of the cells, the four (names, says, labels) in turn."""
    kind = np.arange(len(cells) // NAMES * NAMES) % NAMES
    place = tuple(cells[: len(kind)].T)
    board.names[place], board.says[place], board.labels[place] = names[kind], says[kind], labels[kind]
    board.hops[place] = hops


def _turned(board: Board, random: np.random.Generator) -> Board:
    quarters, mirrored = int(random.integers(4)), bool(random.integers(2))
    turned = (np.rot90(plane, quarters) for plane in (board.names, board.says, board.labels, board.hops))
    return Board(*(plane.T if mirrored else plane for plane in turned))
