"""The finite-difference route: central differences with a measured error, where the complex step cannot go."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from gradcheck.problem import Array, Problem

LARGEST, SHRINK, STEPS = 2.0**-6, 8.0, 9


class Measured(NamedTuple):
    """A slope, a bound on its error, and whether the slopes to both sides stay apart (a kink)."""

    slope: float
    error: float
    kink: bool


def shifted(problem: Problem, direction: Mapping[str, Array], h: float) -> float:
    """Return L at x + h·v."""
    moved = {
        name: value + h * direction[name] if name in direction else value
        for name, value in problem.inputs.items()
    }
    return float(problem.loss(moved))


def spread(problem: Problem, direction: Mapping[str, Array]) -> float:
    """Return the length that counts as one step along v: the size of the inputs beside the size of v."""
    top = max((float(np.abs(problem.inputs[name]).max(initial=0.0)) for name in direction), default=0.0)
    longest = max((float(np.abs(v).max(initial=0.0)) for v in direction.values()), default=0.0)
    return (top or 1.0) / (longest or 1.0)


def rounding(problem: Problem, direction: Mapping[str, Array], length: float, at_x: float) -> float:
    """Return the rounding noise of L beside x, from sixth differences: smooth functions have next to none."""
    levels = []
    for spacing in (1e-3 * length, 1e-5 * length):
        values = [shifted(problem, direction, k * spacing) for k in range(-4, 5)]
        levels.append(float(np.abs(np.diff(values, 6)).max()) / np.sqrt(924.0))
    return max(min(levels), np.finfo(np.float64).eps * abs(at_x))


def measure(problem: Problem, direction: Mapping[str, Array]) -> Measured:
    """Return the slope of L along v by central differences, h from 2⁻⁶ down by factors of 8, and its error.

    Two neighbouring steps are extrapolated (Richardson) only where the slopes to both sides approach each other
    in proportion to h, since at a kink they do not.
    """
    length = spread(problem, direction)
    at_x = shifted(problem, direction, 0.0)
    noise = rounding(problem, direction, length, at_x)
    best = Measured(0.0, np.inf, False)
    last_slope = last_gap = np.nan
    for k in range(STEPS):
        h = length * LARGEST / SHRINK**k
        above, below = shifted(problem, direction, h), shifted(problem, direction, -h)
        central, gap = (above - below) / (2 * h), abs(above + below - 2 * at_x) / h
        if k:
            smooth = gap <= 0.25 * last_gap + 8 * noise / h
            better = (SHRINK**2 * central - last_slope) / (SHRINK**2 - 1) if smooth else central
            error = abs(better - central) if smooth else abs(central - last_slope)
            error += 4 * noise / h
            if error < best.error:
                best = Measured(better, error, not smooth and gap > 32 * noise / h)
        last_slope, last_gap = central, gap
    return best
