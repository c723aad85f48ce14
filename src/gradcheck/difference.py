"""The taught difference: slopes measured by nudging one number at a time, and how far gradients are apart."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def central_difference(f: Callable[[float], Any], x: float, h: float = 1e-5) -> float:
    """Return the slope of ``f`` at ``x``: ``(f(x + h) - f(x - h)) / (2 h)``.

    ``f`` takes and returns one number. The error is ``h²/6 · f'''`` from the formula plus about ``1e-16 · |f|
    / h`` from rounding; h = 1e-5 is near the smallest sum of both. Source: any text on numerical analysis,
    for instance Nocedal and Wright, *Numerical Optimization*, section 8.1.
    """
    return float((f(x + h) - f(x - h)) / (2 * h))


def numerical_vjp(
    f: Callable[[NDArray[Any]], Any], X: ArrayLike, dout: ArrayLike, h: float = 1e-5
) -> NDArray[np.float64]:
    """Return the gradient of ``sum(dout * f(X))`` by X, one central difference for each entry; shape of X.

    ``dout`` is the upstream gradient, in the shape of ``f(X)``. X itself is left untouched: ``f`` gets a copy
    with one entry nudged by ``h`` up, then down. That is two evaluations of ``f`` for each entry.
    """
    nudged = np.array(X, dtype=np.float64)
    gradient = np.zeros_like(nudged)
    for index in np.ndindex(nudged.shape):
        middle = nudged[index]
        nudged[index] = middle + h
        above = np.asarray(f(nudged.copy()))
        nudged[index] = middle - h
        below = np.asarray(f(nudged.copy()))
        nudged[index] = middle
        gradient[index] = np.sum(dout * (above - below)) / (2 * h)
    return gradient


def numerical_gradient(f: Callable[[NDArray[Any]], Any], x: ArrayLike, h: float = 1e-5) -> NDArray[np.float64]:
    """Return the gradient of a function with one value, ``numerical_vjp(f, x, 1.0)``; shape of x."""
    return numerical_vjp(f, x, 1.0, h)


def relative_error(analytic: ArrayLike, numerical: ArrayLike) -> float:
    """Return ``max|a - n| / max(max|a|, max|n|)``, a number from 0 to 2.

    0 when both are zero everywhere (or empty); ``inf`` when the shapes differ or either holds NaN or
    infinity, so that no comparison with a bound can pass by accident.
    """
    try:
        a, n = np.asarray(analytic, dtype=np.float64), np.asarray(numerical, dtype=np.float64)
    except (TypeError, ValueError):
        return float("inf")
    if a.shape != n.shape or not (np.isfinite(a).all() and np.isfinite(n).all()):
        return float("inf")
    largest = max(np.abs(a).max(initial=0.0), np.abs(n).max(initial=0.0))
    return float(np.abs(a / largest - n / largest).max()) if largest > 0 else 0.0
