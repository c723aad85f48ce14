"""Whether an answer that is right to 1e-6 shows the error of a finite difference: measured, not derived."""

from dataclasses import replace

import numpy as np

from gradcheck.difference import numerical_gradient
from gradcheck.direction import NotExact, entry_by_entry
from gradcheck.problem import EPS, Array, Problem

LARGEST, DRAWS = 300, 3


def looks_measured(problem: Problem, name: str) -> bool:
    """Return whether in three draws the answer is right to 1e-6 with the error of one difference quotient.

    In each draw the inputs are moved by a thousandth. The quotients tried are central and one-sided ones with h from
    1e-2 to 1e-7; one of them must reproduce the answer to its own rounding every time. Where that rounding is larger
    than the error, the errors of two draws must be unlike, as rounding is: a term that was forgotten stays.
    """
    candidates = {(10.0**-k, central) for k in range(2, 8) for central in (True, False)}
    size = problem.inputs[name].size
    if problem.loss_of_steps is not None or size > LARGEST or 2 * size * len(candidates) * DRAWS > problem.affordable:
        return False
    relative: list[Array] = []
    errors: list[Array] = []
    try:
        for _ in range(DRAWS):
            there = moved(problem)
            out, there.cache = there.run(there.inputs)
            yours, true = there.answers()[name], entry_by_entry(there, name)
            error, largest = np.abs(yours - true), float(np.abs(true).max())
            if not well_conditioned(there, name, true):
                return False
            if error.max() > 1e-6 * largest or np.median(error[true != 0]) < 1e-15 * largest:
                return False
            relative.append((yours / true - 1)[true != 0])
            noise = EPS * float(np.abs(there.dout * out).sum())
            errors.append(yours - true)
            alike = len(errors) > 1 and np.abs(errors[-1] - errors[-2]).max() < 0.1 * error.max()
            candidates = {
                (h, central)
                for h, central in candidates
                for left in (float(np.abs(yours - quotient(there, name, h, central)).max()),)
                # The quotient is the answer up to its rounding, and that is not too coarse.
                if left <= 10 * noise / h and error.max() >= 1e-2 * noise / h
                if left <= 0.1 * error.max() or not alike
            }
            if not candidates:
                return False
    except (NotExact, Exception):
        return False
    scatter = np.concatenate(relative)
    return float(np.std(scatter)) > 1e-4 * float(np.abs(scatter).max(initial=0.0))


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
    """Return the difference quotient of L for each entry of an input, central or from x up."""

    def loss(x: Array) -> float:
        return float(problem.loss({**problem.inputs, name: x}))

    if central:
        return numerical_gradient(loss, problem.inputs[name], h)
    return 2 * numerical_gradient(lambda x: loss(np.maximum(x, problem.inputs[name])), problem.inputs[name], h)
