"""The exact slope along a direction: the complex step.

For a forward in plain NumPy, ``Im L(x + i·h·v) / h`` is the derivative of L along v to about 1e-16, with one
evaluation and no step size to choose, since nothing is subtracted (Squire and Trapp, *SIAM Review* 40, 1998;
Martins, Sturdza and Alonso, *ACM TOMS* 29, 2003).
"""

import contextlib
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.exceptions import ComplexWarning

from gradcheck.problem import Array, Direction, Problem

# So small that its square is 0: a product of two values that both move stays on its kink where it is 0.
STEP = 1e-170


class NotExact(Exception):
    """The forward does not carry complex numbers through: finite differences must do."""


def slope(problem: Problem, direction: Direction, inputs: Direction | None = None) -> float:
    """Return the derivative of L along the direction (input name -> array), at other inputs where given.

    Raises NotExact where the route is lost. A real output counts as the slope 0: the forward may ignore this input,
    or drop the imaginary part without a warning, as ``np.abs`` does. The recorded steps of forward and the second
    opinion of finite differences tell the two apart; where the steps show that a part is lost, the step goes through
    them.
    """
    moved = {
        name: value + 1j * STEP * direction[name] if name in direction else value
        for name, value in (problem.inputs if inputs is None else inputs).items()
    }
    with warnings.catch_warnings():
        warnings.simplefilter("error", ComplexWarning)
        try:
            through = problem.loss_of_steps
            value: Any = problem.loss(moved) if through is None else through(moved, inputs)
        except (Exception, SystemExit) as error:
            raise NotExact(f"{type(error).__name__}: {error}") from error
    result = float(np.imag(value)) / STEP
    if not np.isfinite(result):
        raise NotExact("the complex step is not finite")
    return result


def only(v: Array, part: Any) -> Array:
    """Return the direction v in the flat indices of a part, 0 elsewhere."""
    kept = np.zeros(v.shape)
    kept.reshape(-1)[part] = v.reshape(-1)[part]
    return kept


def jacobian(problem: Problem, name: str) -> Array | None:
    """Return d(out)/d(name), flat output by flat input; by differences where not exact, None where it is large."""
    x = problem.inputs[name]
    if x.size > 400 or x.size * problem.dout.size > 200_000 or x.size > problem.affordable:
        return None
    h = 1e-6 * (float(np.abs(x).max()) or 1.0)

    def out(moved: Any) -> Array:
        return np.asarray(problem.run({**problem.inputs, name: moved})[0]).ravel()

    def column(unit: Array) -> Array:
        with warnings.catch_warnings():
            warnings.simplefilter("error", ComplexWarning)
            with contextlib.suppress(Exception):
                moved = out(x + 1j * STEP * unit)
                if np.iscomplexobj(moved):
                    return np.asarray(moved.imag / STEP)
        return np.asarray((out(x + h * unit) - out(x - h * unit)) / (2 * h))

    try:
        return np.array([column(only(np.ones(x.shape), k)) for k in range(x.size)]).T
    except Exception:
        return None


def entry_by_entry(problem: Problem, name: str, along: Callable[[Problem, Direction], float] = slope) -> Array:
    """Return dL/d(name) from one slope for each entry."""
    units = np.eye(problem.inputs[name].size).reshape(-1, *problem.inputs[name].shape)
    return np.array([along(problem, {name: unit}) for unit in units]).reshape(problem.inputs[name].shape)
