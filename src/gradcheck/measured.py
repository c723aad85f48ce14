"""Whether an answer that is right to 1e-6 shows the error of a finite difference: measured, not derived."""

from dataclasses import replace

import numpy as np

from gradcheck.difference import numerical_vjp
from gradcheck.direction import NotExact, entry_by_entry
from gradcheck.problem import EPS, Array, Problem

LARGEST, DRAWS = 300, 3
COARSEST = 1e-3
# The steps of the quotients that are tried, and whether these are central or from x up.
QUOTIENTS = tuple((h, central) for h in (COARSEST, 1e-4, 1e-5, 1e-6, 1e-7) for central in (True, False))


def looks_measured(problem: Problem, name: str) -> bool:
    """Return whether an answer that is right to 1e-6 is a difference quotient, or has the error of one."""
    size = problem.inputs[name].size
    if problem.loss_of_steps is not None or size > LARGEST or 2 * size * len(QUOTIENTS) > problem.affordable:
        return False
    try:
        return is_quotient(problem, name) or has_errors_of_one(problem, name)
    except (NotExact, Exception):
        return False


def is_quotient(problem: Problem, name: str) -> bool:
    """Return whether the answer is what numerical_vjp gives, to a hundredth of its error."""
    yours, true = problem.answers()[name], entry_by_entry(problem, name)
    most = float(np.abs(yours - true).max())
    return most <= 1e-6 * np.abs(true).max() and any(
        np.abs(yours - quotient(problem, name, h, central)).max() <= 1e-2 * most for h, central in QUOTIENTS
    )


def has_errors_of_one(problem: Problem, name: str) -> bool:
    """Return whether in three draws the answer has the error of one difference quotient.

    In each draw the inputs are moved by a thousandth. The error of a quotient grows with h², or with h where it is not
    central: that of the answer must be the same, up to the rounding of the quotient. What is left then is a small part
    of the error, or unlike from draw to draw, as rounding is: a term that was forgotten stays.
    """
    left: dict[tuple[float, bool], list[Array]] = {candidate: [] for candidate in QUOTIENTS}
    most = 0.0
    for _ in range(DRAWS):
        there = moved(problem)
        out, there.cache = there.run(there.inputs)
        yours, true = there.answers()[name], entry_by_entry(there, name)
        error, largest = yours - true, float(np.abs(true).max())
        most = float(np.abs(error).max())
        if not well_conditioned(there, name, true):
            return False
        if most > 1e-6 * largest or np.median(np.abs(error[true != 0])) < 1e-15 * largest:
            return False
        noise = EPS * float(np.abs(there.dout * out).sum())
        bends = {central: quotient(there, name, COARSEST, central) - true for central in (True, False)}
        for (h, central), rests in [*left.items()]:
            grown = (h / COARSEST) ** (2 if central else 1)
            rests.append(error - grown * bends[central])
            # The error must stand out of the rounding of such a quotient somewhat, and of what is foretold clearly.
            stands_out = most >= max(1e-2 * noise / h, 30 * grown * noise / COARSEST)
            if not stands_out or np.abs(rests[-1]).max() > 10 * noise / h:
                del left[h, central]
    return any(
        np.abs(rests).max() <= 1e-2 * most or np.ptp(rests, axis=0).max() >= 0.1 * np.abs(rests).max()
        for rests in left.values()
    )


def moved(problem: Problem) -> Problem:
    """Return the problem beside its inputs."""
    inputs = {
        key: value * (1 + 1e-3 * problem.rng.uniform(-1, 1, value.shape)) if value.dtype.kind == "f" else value
        for key, value in problem.inputs.items()
    }
    return replace(problem, inputs=inputs)


def well_conditioned(problem: Problem, name: str, true: Array) -> bool:
    """Return whether a change of the inputs in their last digits leaves the gradient alone to 1e-13."""
    beside = entry_by_entry(replace(problem, inputs=problem.beside()), name)
    return float(np.abs(beside - true).max()) <= 1e-13 * float(np.abs(true).max())


def quotient(problem: Problem, name: str, h: float, central: bool) -> Array:
    """Return what numerical_vjp gives as the gradient of L by an input, or the same with differences from x up."""
    x = problem.inputs[name]

    def out(moved: Array) -> Array:
        return np.asarray(problem.run({**problem.inputs, name: moved if central else np.maximum(moved, x)})[0])

    return (1 if central else 2) * numerical_vjp(out, x, problem.dout, h)
