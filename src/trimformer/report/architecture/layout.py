"""Where the pieces of a model stand in its drawing: finer grids above coarser ones, data flowing to the right."""

from collections import defaultdict
from dataclasses import dataclass
from itertools import accumulate
from math import log2

from trimformer.records.description import ArchitectureDescription, Edge, Node

BOX_HEIGHT, CONVOLUTION_WIDTH, TRIANGLE_WIDTH, JOINT_WIDTH = 40.0, 11.0, 16.0, 17.0
MAX_BARS = 4
JOINTS = ("concatenation", "addition", "operation")
LEFT_MARGIN, GAP, TRACK = 112.0, 26.0, 7.0
LANE_HEIGHT, NOTE_HEIGHT, LEVEL_PADDING, LEVEL_GAP = 68.0, 28.0, 5.0, 7.0
"""All lengths are in pixels of the drawing, 100 an inch."""

Point = tuple[float, float]


@dataclass(frozen=True)
class Level:
    """A band of one resolution; y grows downwards."""

    top: float
    bottom: float
    rows: int
    columns: int
    factor: int
    """Pixels of the image along one side of a position."""


@dataclass(frozen=True)
class Route:
    """The corners of a line from one piece to another."""

    edge: Edge
    corners: tuple[Point, ...]


@dataclass(frozen=True)
class Layout:
    """The drawing without ink."""

    width: float
    height: float
    levels: tuple[Level, ...]
    centres: dict[str, Point]
    routes: tuple[Route, ...]
    notes: dict[str, str]
    """What stands below a piece."""

    @property
    def entered_from_above(self) -> frozenset[str]:
        """Joints that a line comes down to, so that nothing can stand right above them."""
        bent = (route for route in self.routes if len(route.corners) == 3)
        return frozenset(route.edge.target for route in bent if route.corners[1][1] < route.corners[2][1])


def glyph_width(node: Node, height: float = BOX_HEIGHT) -> float:
    """How wide a piece is drawn where a box is as high as given."""
    if node.kind in JOINTS:
        return JOINT_WIDTH
    if node.kind == "upsampling":
        return TRIANGLE_WIDTH + 6
    if node.kind == "convolutions":
        bars = min(node.convolutions, MAX_BARS) * (CONVOLUTION_WIDTH + 2) - 2
        return bars + (TRIANGLE_WIDTH + 3 if node.upsampling else 0)
    return 0.7 * height


def lay_out(description: ArchitectureDescription) -> Layout:
    """Place every piece and every line: columns by the longest way from the image, lanes so that nothing overlaps."""
    return _LayoutMaker(description).layout()


class _LayoutMaker:
    """Columns, levels, lanes and lines of one drawing, each found from those before it."""

    def __init__(self, description: ArchitectureDescription) -> None:
        self.nodes = {node.name: node for node in description.nodes}
        self.edges = description.edges
        self.inputs: defaultdict[str, list[str]] = defaultdict(list)
        self.outputs: defaultdict[str, list[str]] = defaultdict(list)
        for edge in self.edges:
            self.inputs[edge.target].append(edge.source)
            self.outputs[edge.source].append(edge.target)
        self.rank: dict[str, int] = {}
        for name in self.nodes:
            self.rank[name] = max((self.rank[source] + 1 for source in self.inputs[name]), default=0)
        full = description.nodes[0].shape.rows
        self.level = {name: _level(full, node.shape.rows) for name, node in self.nodes.items()}
        self.lane = self._choose_lanes()
        self.notes = self._write_notes()

    def layout(self) -> Layout:
        """All places in pixels."""
        levels, lane_y = self._stack_levels()
        self.y = {name: lane_y[self.level[name], self.lane[name]] for name in self.nodes}
        tracks = self._choose_tracks()
        self._space_columns(tracks)
        centres = {name: (self.x[self.rank[name]], self.y[name]) for name in self.nodes}
        routes = tuple(self._route(edge, tracks) for edge in self.edges)
        last = max(self.rank.values())
        return Layout(self.x[last] + self.half[last] + 30, levels[-1].bottom, levels, centres, routes, self.notes)

    def _choose_lanes(self) -> dict[str, int]:
        """In every level, give each piece a lane that is free from its column to that of its last reader."""
        lane: dict[str, int] = {}
        free_from: defaultdict[int, list[int]] = defaultdict(list)

        def continued(name: str) -> list[int]:
            ends = free_from[self.level[name]]
            known = [lane[source] for source in self.inputs[name] if self.level[source] == self.level[name]]
            return sorted(number for number in known if ends[number] <= self.rank[name])

        for rank in range(max(self.rank.values()) + 1):
            waiting = [name for name in self.nodes if self.rank[name] == rank]
            # Whoever continues a line goes first, so that nobody takes its lane.
            for name in sorted(waiting, key=lambda name: not continued(name)):
                ends = free_from[self.level[name]]
                open_lanes = continued(name) + [number for number, end in enumerate(ends) if end <= rank]
                chosen = open_lanes[0] if open_lanes else len(ends)
                end = max((self.rank[target] for target in self.outputs[name]), default=rank + 1)
                ends[chosen : chosen + 1] = [end]
                lane[name] = chosen
        return lane

    def _write_notes(self) -> dict[str, str]:
        notes = {}
        usual = self._usual_grids()
        for name, node in self.nodes.items():
            grid = (node.shape.rows, node.shape.columns)
            read = any(self.nodes[target].kind != "block" for target in self.outputs[name])
            if node.kind in ("patches", "block") and read:
                notes[name] = f"after\nblock {node.block}" if node.block else "after\n0 blocks"
            elif node.kind in ("image", "logits"):
                notes[name] = node.kind
            elif grid != usual[self.level[name]]:
                notes[name] = f"{grid[0]} × {grid[1]}"
        return notes

    def _usual_grids(self) -> dict[int, tuple[int, int]]:
        grids: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
        for name, node in self.nodes.items():
            grids[self.level[name]].append((node.shape.rows, node.shape.columns))
        return {level: max(sorted(found), key=found.count) for level, found in grids.items()}

    def _stack_levels(self) -> tuple[tuple[Level, ...], dict[tuple[int, int], float]]:
        levels, lane_y, y = [], {}, 0.0
        for level, (rows, columns) in sorted(self._usual_grids().items()):
            top = y
            y += LEVEL_PADDING
            members = [name for name in self.nodes if self.level[name] == level]
            for lane in range(max(self.lane[name] for name in members) + 1):
                lane_y[level, lane] = y + LANE_HEIGHT - BOX_HEIGHT / 2 - 8
                noted = any(name in self.notes for name in members if self.lane[name] == lane)
                y += LANE_HEIGHT + (NOTE_HEIGHT if noted else 0)
            y += LEVEL_PADDING
            levels.append(Level(top, y, rows, columns, 2**level))
            y += LEVEL_GAP
        return tuple(levels), lane_y

    def _joins_from_its_own_column(self, edge: Edge) -> bool:
        """Whether a line can end from above or below in a joint, no piece being in its way."""
        source, target = edge.source, edge.target
        if self.nodes[target].kind not in ("concatenation", "addition") or self.level[source] != self.level[target]:
            return False
        low, high = sorted((self.y[source], self.y[target]))
        column = [name for name in self.nodes if self.rank[name] == self.rank[target]]
        return not any(low < self.y[name] < high or self.y[name] == self.y[source] for name in column)

    def _choose_tracks(self) -> dict[tuple[int, str], int]:
        """Which vertical of the gap before a column a source uses there; lines that overlap get different ones."""
        spans: defaultdict[tuple[int, str], list[float]] = defaultdict(list)
        for edge in self.edges:
            if self.y[edge.source] != self.y[edge.target] and not self._joins_from_its_own_column(edge):
                spans[self.rank[edge.target], edge.source] += [self.y[edge.source], self.y[edge.target]]
        tracks: dict[tuple[int, str], int] = {}
        for rank, source in sorted(spans, key=lambda key: self._leaves_where_another_enters(key, spans)):
            ys = spans[rank, source]
            taken = {
                track
                for (other, name), track in tracks.items()
                if other == rank and min(ys) <= max(spans[other, name]) and max(ys) >= min(spans[other, name])
            }
            tracks[rank, source] = next(number for number in range(len(taken) + 1) if number not in taken)
        return tracks

    def _leaves_where_another_enters(self, key: tuple[int, str], spans: dict[tuple[int, str], list[float]]) -> bool:
        """Whether another line comes into the lane that this one leaves: it must then turn before the other does."""
        rank, source = key
        return any(self.y[source] in ys for (other, name), ys in spans.items() if other == rank and name != source)

    def _space_columns(self, tracks: dict[tuple[int, str], int]) -> None:
        ranks = range(max(self.rank.values()) + 1)
        self.half = [max(glyph_width(self.nodes[n]) for n in self.nodes if self.rank[n] == rank) / 2 for rank in ranks]
        extra = [max((track for (other, _), track in tracks.items() if other == rank), default=0) for rank in ranks]
        steps = [LEFT_MARGIN + 20 + self.half[0]] + [
            self.half[rank - 1] + GAP + TRACK * extra[rank] + self.half[rank] for rank in ranks[1:]
        ]
        self.x = list(accumulate(steps))

    def _route(self, edge: Edge, tracks: dict[tuple[int, str], int]) -> Route:
        source, target = self.nodes[edge.source], self.nodes[edge.target]
        x0, y0 = self.x[self.rank[edge.source]] + glyph_width(source) / 2, self.y[edge.source]
        x1, y1 = self.x[self.rank[edge.target]] - glyph_width(target) / 2, self.y[edge.target]
        if y0 == y1:
            return Route(edge, ((x0, y0), (x1, y1)))
        if self._joins_from_its_own_column(edge):
            centre = self.x[self.rank[edge.target]]
            edge_of_joint = y1 + (JOINT_WIDTH / 2 if y0 > y1 else -JOINT_WIDTH / 2)
            return Route(edge, ((x0, y0), (centre, y0), (centre, edge_of_joint)))
        rank = self.rank[edge.target]
        turn = self.x[rank] - self.half[rank] - 13 - TRACK * tracks[rank, edge.source]
        return Route(edge, ((x0, y0), (turn, y0), (turn, y1), (x1, y1)))


def _level(full: int, rows: int) -> int:
    return max(round(log2(full / rows)), 0)
