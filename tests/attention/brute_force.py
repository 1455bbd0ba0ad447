"""The measures of one head's map of one slice, written as sums over pairs in float64, slowly and plainly."""

import math
from statistics import median

import numpy as np

Matrix = np.ndarray


def positions(rows: int, columns: int, height: float, width: float) -> list[tuple[float, float]]:
    return [(r * height, c * width) for r in range(rows) for c in range(columns)]


def restricted(attention: Matrix, tokens: list[int]) -> Matrix:
    small = attention[np.ix_(tokens, tokens)].astype(np.float64)
    rows: Matrix = small / small.sum(axis=1, keepdims=True)
    return rows


def mean_distance(attention: Matrix, points: list[tuple[float, float]]) -> float:
    n = len(points)
    return float(sum(attention[i, j] * math.dist(points[i], points[j]) for i in range(n) for j in range(n)) / n)


def distance_ratio(attention: Matrix, points: list[tuple[float, float]]) -> float:
    n, total = len(points), 0.0
    for i in range(n):
        distances = [math.dist(points[i], point) for point in points]
        total += sum(attention[i, j] * distances[j] for j in range(n)) / (sum(distances) / n)
    return total / n


def far_ratios(
    attention: Matrix, points: list[tuple[float, float]], removed: frozenset[int] = frozenset()
) -> list[float]:
    n, ratios = len(points), []
    for i in range(n):
        others = [j for j in range(n) if j != i]
        middle = median(math.dist(points[i], points[j]) for j in others)
        kept = [j for j in others if j not in removed]
        far = [j for j in kept if math.dist(points[i], points[j]) > middle]
        mass = sum(attention[i, j] for j in kept)
        share = sum(attention[i, j] for j in far) / mass if mass > 0 else 0.0
        ratios.append(share / (len(far) / len(kept)))
    return ratios


def entropy(row: Matrix) -> float:
    return -sum(float(value) * math.log(value) for value in row if value > 0)


def normalised_entropy(attention: Matrix) -> float:
    return sum(entropy(row) for row in attention) / len(attention) / math.log(len(attention))


def query_key_information(attention: Matrix) -> float:
    of_mean = entropy(attention.mean(axis=0))
    if of_mean == 0:
        return 0.0
    of_rows = sum(entropy(row) for row in attention) / len(attention)
    return (of_mean - of_rows) / math.sqrt(math.log(len(attention)) * of_mean)


def sink_ratio(attention: Matrix) -> float:
    columns = attention.sum(axis=0)
    return float(columns.max() / median(columns))
