"""Whether an answer that is right to 1e-6 shows the error of a finite difference: measured, not derived."""

import numpy as np

from gradcheck.direction import NotExact
from gradcheck.finite import EPS
from gradcheck.problem import Array, Problem, read_gradients
from gradcheck.truth import entry_by_entry

LARGEST, DRAWS = 300, 3
SENTENCE = (
    "Maybe this was measured by finite differences instead of derived: it is right to 1e-6, and off by "
    "just what a difference quotient is off."
)


def looks_measured(problem: Problem, name: str, rng: np.random.Generator) -> bool:
    """Return whether in three draws the answer is right to 1e-6 with the error of one difference quotient.

    Each draw has its own upstream gradient and inputs moved by a thousandth. The quotients tried are central
    and one-sided ones with h from 1e-2 to 1e-9; one of them must reproduce the answer to its own rounding
    every time.
    """
    if problem.inputs[name].size > LARGEST:
        return False
    candidates = {(k, central) for k in range(2, 8) for central in (True, False)}
    relative: list[float] = []
    inputs, dout, place = problem.inputs, problem.dout, problem.wrt.index(name)
    try:
        for _ in range(DRAWS):
            problem.inputs = {
                key: value * (1 + 1e-3 * rng.uniform(-1, 1, value.shape)) if value.dtype.kind == "f" else value
                for key, value in inputs.items()
            }
            problem.dout = (
                dout if problem.is_loss else rng.choice([-1, 1], dout.shape) * rng.uniform(0.5, 1.5, dout.shape)
            )
            out, cache = problem.run(problem.inputs)
            yours = np.asarray(read_gradients(problem.call_backward(cache), problem)[place], dtype=np.float64)
            true = entry_by_entry(problem, name, exact=True)
            error, largest = np.abs(yours - true), float(np.abs(true).max())
            if not well_conditioned(problem, name, true):
                return False
            if error.max() > 1e-6 * largest or np.median(error[true != 0]) < 1e-15 * largest:
                return False
            relative += [float(r) for r in ((yours - true)[true != 0] / true[true != 0])]
            noise = EPS * float(np.abs(problem.dout * out).sum())
            candidates = {
                (k, central)
                for k, central in candidates
                if explains(yours, error, quotient(problem, name, 10.0**-k, central), noise * 10**k)
            }
            if not candidates:
                return False
    except (NotExact, Exception):
        return False
    finally:
        problem.inputs, problem.dout = inputs, dout
    return float(np.std(relative)) > 1e-4 * float(np.abs(relative).max(initial=0.0))


def well_conditioned(problem: Problem, name: str, true: Array) -> bool:
    """Return whether a change of the input in its last digits leaves the gradient alone to 1e-13."""
    x = problem.inputs[name]
    inputs = problem.inputs
    try:
        problem.inputs = {
            **inputs,
            name: x * (1 + 4 * EPS * np.where(np.arange(x.size).reshape(x.shape) % 2, 1, -1)),
        }
        moved = entry_by_entry(problem, name, exact=True)
    finally:
        problem.inputs = inputs
    return float(np.abs(moved - true).max()) <= 1e-13 * float(np.abs(true).max())


def explains(yours: Array, error: Array, quotients: Array, noise: float) -> bool:
    """Return whether these quotients are the answer up to rounding, and their rounding is not too coarse."""
    return bool(np.abs(yours - quotients).max() <= 10 * noise and error.max() >= 1e-2 * noise)


def quotient(problem: Problem, name: str, h: float, central: bool) -> Array:
    """Return the difference quotient of L for each entry of an input."""
    x = problem.inputs[name]
    result = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        unit = np.zeros(x.shape)
        unit[index] = h
        above = float(problem.loss({**problem.inputs, name: x + unit}))
        below = float(problem.loss({**problem.inputs, name: x - unit if central else x}))
        result[index] = (above - below) / (2 * h if central else h)
    return result
