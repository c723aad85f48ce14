"""Other right answers to the exercise on measured slopes."""

import math

import numpy as np


def central_from_two_sides(f, x, h=1e-5):
    right, left = (f(x + h) - f(x)) / h, (f(x) - f(x - h)) / h
    return (right + left) / 2


def central_from_the_actual_run(f, x, h=1e-5):
    right, left = x + h, x - h
    return float((f(right) - f(left)) / (right - left))


def vjp_flat(f, X, dout, h=1e-5):
    flat, slopes = X.flatten(), np.empty(X.size)
    for k in range(X.size):
        old = flat[k]
        flat[k] = old + h
        above = f(flat.reshape(X.shape))
        flat[k] = old - h
        below = f(flat.reshape(X.shape))
        flat[k] = old
        slopes[k] = (dout * (above - below)).sum() / (2 * h)
    return slopes.reshape(X.shape)


def vjp_in_place_and_put_back(f, X, dout, h=1e-5):
    slopes = np.zeros_like(X)
    for index in np.ndindex(*X.shape):
        old = X[index]
        X[index] = old + h
        above = np.sum(f(X) * dout)
        X[index] = old - h
        below = np.sum(f(X) * dout)
        X[index] = old
        slopes[index] = (above - below) / (2 * h)
    return slopes


def vjp_nditer(f, X, dout, h=1e-5):
    slopes = np.zeros_like(X)
    walk = np.nditer(X, flags=["multi_index"])
    for _ in walk:
        unit = np.zeros_like(X)
        unit[walk.multi_index] = h
        slopes[walk.multi_index] = np.vdot(dout, f(X + unit) - f(X - unit)) / (2 * h)
    return slopes


def vjp_by_central_difference(f, X, dout, h=1e-5):
    def slope(index):
        def along(t):
            moved = X.copy()
            moved[index] = t
            return np.sum(dout * f(moved))

        return (along(X[index] + h) - along(X[index] - h)) / (2 * h)

    return np.array([slope(index) for index in np.ndindex(X.shape)]).reshape(X.shape)


def error_in_plain_python(a, n):
    if np.shape(a) != np.shape(n):
        return math.inf
    pairs = list(zip(np.ravel(a).tolist(), np.ravel(n).tolist(), strict=True))
    if not all(math.isfinite(x) and math.isfinite(y) for x, y in pairs):
        return math.inf
    size = max(max(abs(x), abs(y)) for x, y in pairs)
    return 0.0 if size == 0 else max(abs(x - y) for x, y in pairs) / size


def error_as_numpy_scalar(a, n):
    a, n = np.asarray(a), np.asarray(n)
    if a.shape != n.shape or np.isnan(a).any() or np.isnan(n).any() or np.isinf(a).any() or np.isinf(n).any():
        return np.inf
    scale = np.maximum(np.abs(a), np.abs(n)).max()
    return np.abs(a - n).max() / (scale if scale > 0 else 1.0)


def error_with_a_whole_zero(a, n):
    if np.shape(a) != np.shape(n) or not (np.isfinite(a).all() and np.isfinite(n).all()):
        return np.inf
    if not np.any(a) and not np.any(n):
        return 0
    return np.max(np.abs(a - n)) / max(np.max(np.abs(a)), np.max(np.abs(n)))


ALTERNATIVES = {
    "central_difference": {
        "mean of both one-sided slopes": central_from_two_sides,
        "divided by the run as rounded": central_from_the_actual_run,
    },
    "numerical_vjp": {
        "flat copy": vjp_flat,
        "in place, old value put back": vjp_in_place_and_put_back,
        "nditer and unit arrays": vjp_nditer,
        "by a central difference along each entry": vjp_by_central_difference,
    },
    "relative_error": {
        "plain Python": error_in_plain_python,
        "a NumPy scalar": error_as_numpy_scalar,
        "a whole 0 where both are zero": error_with_a_whole_zero,
    },
}
