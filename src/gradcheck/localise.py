"""Where a gradient is wrong, without knowing the whole true gradient.

The error along a direction is linear, so the error on a set is that on its left half plus that on its right
half: one evaluation a halving finds one wrong entry of n in log2(n) evaluations. Two moments, with weights 1
and i/n, find a lone wrong entry in three, where the error is large enough beside rounding.
"""

import numpy as np

from gradcheck.direction import slope
from gradcheck.finite import EPS
from gradcheck.problem import Array, Problem

BUDGET = 400


def wrong_entries(problem: Problem, name: str, answer: Array, v: Array, error: float) -> dict[int, float] | None:
    """Return the true value of each wrong entry by flat index, None when there are too many to look for.

    ``error`` is the error along the direction ``v``, already known. Entries where v is 0 are not looked at.
    """
    flat, weight = np.asarray(answer, dtype=np.float64).ravel(), v.ravel()
    places = np.flatnonzero(weight)
    spent = 0

    def wrong_by(part: Array, scale: Array | float = 1.0) -> float:
        nonlocal spent
        spent += 1
        piece = np.zeros(weight.shape)
        piece[part] = weight[part] * scale
        return float(piece @ flat) - slope(problem, {name: piece.reshape(answer.shape)})

    def tolerance(part: Array) -> float:
        return 200 * EPS * float(np.linalg.norm(flat[part]))

    n = places.size
    if tolerance(places) * n < 0.1 * abs(error):
        moment = wrong_by(places, np.arange(1, n + 1) / n)
        k = round(n * moment / error) - 1
        if 0 <= k < n:
            alone = wrong_by(places[k : k + 1])
            if abs(alone - error) <= tolerance(places) + 1e-9 * abs(error):
                return {int(places[k]): float(flat[places[k]] - alone / weight[places[k]])}
    found: dict[int, float] = {}
    stack = [(places, error, tolerance(places))]
    while stack:
        part, wrong, noise = stack.pop()
        if abs(wrong) <= noise:
            continue
        if part.size == 1:
            found[int(part[0])] = float(flat[part[0]] - wrong / weight[part[0]])
            continue
        if spent >= BUDGET:
            return None
        left, right = part[: part.size // 2], part[part.size // 2 :]
        wrong_left = wrong_by(left)
        stack += [(right, wrong - wrong_left, noise), (left, wrong_left, tolerance(left))]
    return found
