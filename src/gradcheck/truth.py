"""The true gradient as a whole, for the diagnosis of a wrong one."""

import numpy as np

from gradcheck.direction import STEP, NotExact, slope
from gradcheck.finite import measure
from gradcheck.problem import Array, Problem
from gradcheck.trace import Tape, Untraceable

LARGEST_EXACT, LARGEST_MEASURED = 600, 200


def true_gradients(problem: Problem, tape: Tape | None, exact: bool, wrong: list[str]) -> dict[str, Array]:
    """Return the gradients that can be had: replayed from the recorded steps, or entry by entry where small.

    Those that are not wrong are only of interest for answers in the wrong order, so they are had when all are
    small.
    """
    small = sum(problem.inputs[name].size for name in problem.wrt) <= LARGEST_MEASURED
    truths: dict[str, Array] = {}
    rng = np.random.default_rng(0)
    replayed: dict[str, Array] = {}
    if tape is not None:
        try:
            replayed = tape.backprop(problem.dout)
        except (Untraceable, ValueError, TypeError):
            replayed = {}
    for name in problem.wrt:
        x = problem.inputs[name]
        if name in replayed:
            v = rng.choice([-1.0, 1.0], x.shape) * rng.uniform(0.5, 1.5, x.shape)
            there = slope(problem, {name: v}) if exact else measure(problem, {name: v}).slope
            mine = float((replayed[name] * v).sum())
            if abs(mine - there) <= (1e-9 if exact else 1e-5) * float(np.linalg.norm(replayed[name])) + 1e-300:
                truths[name] = np.asarray(replayed[name], dtype=np.float64)
                continue
        if (name in wrong or small) and x.size <= (LARGEST_EXACT if exact else LARGEST_MEASURED):
            truths[name] = entry_by_entry(problem, name, exact)
    return truths


def entry_by_entry(problem: Problem, name: str, exact: bool) -> Array:
    """Return dL/d(name) from one slope for each entry."""
    x = problem.inputs[name]
    gradient = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        unit = np.zeros(x.shape)
        unit[index] = 1.0
        gradient[index] = slope(problem, {name: unit}) if exact else measure(problem, {name: unit}).slope
    return gradient


def jacobian(problem: Problem, name: str) -> Array | None:
    """Return d(out)/d(name), flat output by flat input, None where large or not exact."""
    x = problem.inputs[name]
    if x.size > 400 or x.size * problem.dout.size > 200_000:
        return None
    columns = []
    for k in range(x.size):
        moved = x.astype(np.complex128)
        moved.reshape(-1)[k] += 1j * STEP
        try:
            out = np.asarray(problem.run({**problem.inputs, name: moved})[0])
        except Exception:
            return None
        if out.dtype.kind != "c":
            return None
        columns.append(out.imag.ravel() / STEP)
    return np.array(columns).T


__all__ = ["NotExact", "entry_by_entry", "jacobian", "true_gradients"]
