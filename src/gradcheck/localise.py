"""Where a gradient is wrong, and where it has no slope: by halving, without knowing the whole true gradient.

The error along a direction is linear, so the error on a set is that on its left half plus that on its right
half: one evaluation a halving finds one wrong entry of n in log2(n) evaluations. Two moments, with weights 1
and i/n, find a lone wrong entry in three, where the error is large enough beside rounding.
"""

from collections.abc import Callable

import numpy as np

from gradcheck.direction import only, slope
from gradcheck.problem import EPS, Array, Problem

BUDGET = 400


def halving(v: Array, holds: Callable[[Array], bool], budget: int) -> list[int]:
    """Return the flat indices that ``holds`` for, asked with the direction v on ever smaller sets of them.

    A set that it does not hold for is passed over. Where the budget of questions does not suffice, all are returned.
    """
    found: list[int] = []
    stack, asked = [np.arange(v.size)], 0
    while stack:
        part = stack.pop()
        asked += 1
        if asked > budget:
            return list(range(v.size))
        if not holds(only(v, part)):
            continue
        if part.size == 1:
            found.append(int(part[0]))
        else:
            stack += [part[: part.size // 2], part[part.size // 2 :]]
    return sorted(found)


def wrong_entries(problem: Problem, name: str, answer: Array, v: Array, error: float) -> dict[int, float] | None:
    """Return the true value of each wrong entry by flat index, None when there are too many to look for.

    ``error`` is the error along the direction ``v``, already known. Entries where v is 0 are not looked at.
    """
    flat, weight = np.asarray(answer, dtype=np.float64).ravel(), v.ravel()
    places = np.flatnonzero(weight)
    n, spent = places.size, 0

    def wrong_by(piece: Array) -> float:
        return float(piece.ravel() @ flat) - slope(problem, {name: piece})

    def tolerance(part: Array) -> float:
        return 200 * EPS * float(np.linalg.norm(flat[part]))

    if tolerance(places) * n < 0.1 * abs(error):
        ramp = np.zeros(v.size)
        ramp[places] = np.arange(1, n + 1) / n
        k = round(n * wrong_by(v * ramp.reshape(v.shape)) / error) - 1
        if 0 <= k < n:
            place = int(places[k])
            alone = wrong_by(only(v, place))
            if abs(alone - error) <= tolerance(places) + 1e-9 * abs(error):
                return {place: float(flat[place] - alone / weight[place])}
    found: dict[int, float] = {}
    stack = [(places, error, tolerance(places))]
    while stack:
        part, wrong, noise = stack.pop()
        if abs(wrong) <= noise:
            continue
        if part.size == 1:
            found[int(part[0])] = float(flat[part[0]] - wrong / weight[part[0]])
            continue
        spent += 1
        if spent > BUDGET:
            return None
        left, right = part[: part.size // 2], part[part.size // 2 :]
        wrong_left = wrong_by(only(v, left))
        stack += [(right, wrong - wrong_left, noise), (left, wrong_left, tolerance(left))]
    return found
