"""The finite-difference route: central differences with a measured error.

It gives the second opinion on the complex step, and takes over where that cannot go. Source of the
extrapolation: Ridders, *Advances in Engineering Software* 4, 1982; of the noise estimate: Moré and Wild,
*SIAM Journal on Scientific Computing* 33, 2011.
"""

from typing import NamedTuple

import numpy as np

from gradcheck.problem import EPS, Direction, Problem

LARGEST, SHRINK, STEPS = 2.0**-6, 8.0, 9
# One at x, 36 for the noise, two for each step.
EVALUATIONS_OF_A_MEASUREMENT = 1 + 36 + 2 * STEPS
# No input counts as smaller, so that a step is never rounded to nothing.
SMALLEST = 1e-300


class Measured(NamedTuple):
    """A slope, a bound on its error, the gap between the slopes to both sides, the rounding noise of L."""

    slope: float
    error: float
    gap: float
    noise: float

    @property
    def kink(self) -> bool:
        """True where the slopes to both sides stay apart however small the step."""
        return self.gap > 0.0


def shifted(problem: Problem, direction: Direction, h: float) -> float:
    """Return L at x + h·v; NaN where forward raises there, as math.log does beyond 0."""
    moved = {name: problem.inputs[name] + h * v for name, v in direction.items()}
    try:
        return float(problem.loss({**problem.inputs, **moved}))
    except (Exception, SystemExit):
        return np.nan


def spread(problem: Problem, direction: Direction) -> float:
    """Return the length that counts as one step along v: the size of the inputs beside the size of v."""
    moving = [np.abs(problem.inputs[name][v != 0]).max(initial=0.0) for name, v in direction.items()]
    longest = max(np.abs(v).max(initial=0.0) for v in direction.values())
    return max(float(max(moving) or 1.0), SMALLEST) / float(longest or 1.0)


def quick(problem: Problem, direction: Direction, h: float = 1e-6) -> float:
    """Return one central difference, with a step of ``h`` times the size of the inputs."""
    step = h * spread(problem, direction)
    return (shifted(problem, direction, step) - shifted(problem, direction, -step)) / (2 * step)


def rounding(problem: Problem, direction: Direction, length: float, at_x: float) -> float:
    """Return the rounding noise of L beside x, from sixth differences: smooth functions have next to none.

    Where several values in a row are equal, L moves in stairs (float32 inside?) and the spacing is too fine
    to tell.
    """
    levels: list[float] = []
    for spacing in (1e-3, 1e-5, 1e-7, 1e-9):
        values = [shifted(problem, direction, k * spacing * length) for k in range(-4, 5)]
        if levels and np.count_nonzero(np.diff(values) == 0.0) > 2:
            break
        levels.append(float(np.abs(np.diff(values, 6)).max()) / np.sqrt(924.0))
    return max(float(min(filter(np.isfinite, levels), default=0.0)), EPS * abs(at_x))


def measure(problem: Problem, direction: Direction) -> Measured:
    """Return the slope of L along v by central differences, h from 2⁻⁶ down by factors of 8, and its error.

    Two neighbouring steps are extrapolated (Richardson) only where the slopes to both sides approach each
    other in proportion to h, twice in a row; at a kink they do not, and the error is then the whole gap
    between them. A step that a smaller one contradicts is too large for this function and does not count.
    """
    length = spread(problem, direction)
    at_x = shifted(problem, direction, 0.0)
    noise = rounding(problem, direction, length, at_x)
    tried: list[Measured] = []
    last_slope = last_gap = np.nan
    last_smooth = False
    for k in range(STEPS):
        h = length * LARGEST / SHRINK**k
        above, below = shifted(problem, direction, h), shifted(problem, direction, -h)
        central, gap = (above - below) / (2 * h), abs((above - at_x) + (below - at_x)) / h
        smooth = gap <= 0.25 * last_gap + 8 * noise / h
        if smooth and last_smooth:
            value = (SHRINK**2 * central - last_slope) / (SHRINK**2 - 1)
            tried.append(Measured(value, abs(value - central) + 4 * noise / h, 0.0, noise))
        elif k:
            error = abs(central - last_slope) + gap + 4 * noise / h
            tried.append(Measured(central, error, 0.0 if smooth else gap, noise))
        last_slope, last_gap, last_smooth = central, gap, smooth
    held = [
        one
        for k, one in enumerate(tried)
        if all(abs(one.slope - finer.slope) <= one.error + finer.error for finer in tried[k + 1 :])
    ]
    return min(held, key=lambda one: one.error if np.isfinite(one.error) else np.inf)


def measured_slope(problem: Problem, direction: Direction) -> float:
    """Return the slope of L along a direction by finite differences."""
    return measure(problem, direction).slope
