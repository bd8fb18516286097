"""The middle and the spread of what was measured."""

import math
import statistics
from collections.abc import Sequence
from typing import Any


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share (0 to 1) of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]


def spread(values: Sequence[float], digits: int = 3) -> dict[str, Any]:
    """Median, smallest and largest, and how many they are."""
    found = {"median": statistics.median(values), "smallest": min(values), "largest": max(values)}
    return {name: round(value, digits) for name, value in found.items()} | {"n": len(values)}


def tails(values: Sequence[float], digits: int = 3) -> dict[str, Any]:
    """p50, p95, p99 and largest, and how many they are."""
    found = {f"p{n}": percentile(values, n / 100) for n in (50, 95, 99)} | {"largest": max(values)}
    return {name: round(value, digits) for name, value in found.items()} | {"n": len(values)}


def ratios(pairs: Sequence[tuple[float, float]], digits: int = 3) -> dict[str, Any]:
    """The spread of the first to the second of each pair: pairs, because a machine is not as quick at all times."""
    return spread([a / b for a, b in pairs], digits)


def slope(points: Sequence[tuple[float, float]]) -> float:
    """How much the second rises with each unit of the first, by least squares."""
    return statistics.linear_regression(*zip(*points, strict=True)).slope
