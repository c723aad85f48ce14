"""Typical wrong answers to the exercise on measured slopes, each under a short name that says the slip."""

import numpy as np


def forward_difference(f, x, h=1e-5):
    return (f(x + h) - f(x)) / h


def backward_difference(f, x, h=1e-5):
    return (f(x) - f(x - h)) / h


def divided_by_h(f, x, h=1e-5):
    return (f(x + h) - f(x - h)) / h


def brackets_around_2h(f, x, h=1e-5):
    return (f(x + h) - f(x - h)) / 2 * h


def brackets_around_the_rise(f, x, h=1e-5):
    return f(x + h) - f(x - h) / (2 * h)


def left_minus_right(f, x, h=1e-5):
    return (f(x - h) - f(x + h)) / (2 * h)


def fixed_step(f, x, h=1e-5):
    return (f(x + 1e-5) - f(x - 1e-5)) / 2e-5


def half_the_distance(f, x, h=1e-5):
    return (f(x + h / 2) - f(x - h / 2)) / h


def plus_for_minus(f, x, h=1e-5):
    return (f(x + h) + f(x - h)) / (2 * h)


def only_the_rise(f, x, h=1e-5):
    return f(x + h) - f(x - h)


def one_sided(f, X, dout, h=1e-5):
    slopes = np.zeros(X.shape)
    middle = np.sum(dout * f(X))
    for index in np.ndindex(X.shape):
        nudged = X.copy()
        nudged[index] += h
        slopes[index] = (np.sum(dout * f(nudged)) - middle) / h
    return slopes


def left_nudged(f, X, dout, h=1e-5):
    slopes = np.zeros(X.shape)
    for index in np.ndindex(X.shape):
        X[index] += h
        above = np.sum(dout * f(X))
        X[index] -= 2 * h
        below = np.sum(dout * f(X))
        slopes[index] = (above - below) / (2 * h)
    return slopes


def copy_left_nudged(f, X, dout, h=1e-5):
    return left_nudged(f, X.copy(), dout, h)


def put_back_by_adding(f, X, dout, h=1e-5):
    slopes = np.zeros(X.shape)
    for index in np.ndindex(X.shape):
        X[index] += h
        above = np.sum(dout * f(X))
        X[index] -= 2 * h
        below = np.sum(dout * f(X))
        X[index] += h
        slopes[index] = (above - below) / (2 * h)
    return slopes


def without_dout(f, X, dout, h=1e-5):
    slopes = np.zeros(X.shape)
    for index in np.ndindex(X.shape):
        up, down = X.copy(), X.copy()
        up[index] += h
        down[index] -= h
        slopes[index] = np.sum(f(up) - f(down)) / (2 * h)
    return slopes


def all_at_once(f, X, dout, h=1e-5):
    return np.full(X.shape, np.sum(dout * (f(X + h) - f(X - h))) / (2 * h))


def all_at_once_one_number(f, X, dout, h=1e-5):
    return np.sum(dout * (f(X + h) - f(X - h))) / (2 * h)


def whole_rows(f, X, dout, h=1e-5):
    slopes = np.zeros(X.shape)
    for index in range(len(X)):
        up, down = X.copy(), X.copy()
        up[index] += h
        down[index] -= h
        slopes[index] = np.sum(dout * (f(up) - f(down))) / (2 * h)
    return slopes


def first_entry_alone(f, X, dout, h=1e-5):
    slopes = np.zeros(X.shape)
    for index in np.ndindex(X.shape):
        up, down = X.copy(), X.copy()
        up[index] += h
        down[index] -= h
        slopes[index] = np.sum(dout * (f(up) - f(down))) / (2 * h)
        return slopes


def copied_once(f, X, dout, h=1e-5):
    slopes = np.zeros(X.shape)
    up, down = X.copy(), X.copy()
    for index in np.ndindex(X.shape):
        up[index] += h
        down[index] -= h
        slopes[index] = np.sum(dout * (f(up) - f(down))) / (2 * h)
    return slopes


def not_copied(f, X, dout, h=1e-5):
    slopes = np.zeros(X.shape)
    for index in np.ndindex(X.shape):
        up, down = X, X
        up[index] += h
        down[index] -= h
        slopes[index] = np.sum(dout * (f(up) - f(down))) / (2 * h)
    return slopes


def one_array_twice(f, X, dout, h=1e-5):
    slopes = np.zeros(X.shape)
    for index in np.ndindex(X.shape):
        up = down = X.copy()
        up[index] += h
        down[index] -= h
        slopes[index] = np.sum(dout * (f(up) - f(down))) / (2 * h)
    return slopes


def run_of_h(f, X, dout, h=1e-5):
    slopes = np.zeros(X.shape)
    for index in np.ndindex(X.shape):
        up, down = X.copy(), X.copy()
        up[index] += h
        down[index] -= h
        slopes[index] = np.sum(dout * (f(up) - f(down))) / h
    return slopes


def ignores_h(f, X, dout, h=1e-5):
    slopes = np.zeros(X.shape)
    for index in np.ndindex(X.shape):
        up, down = X.copy(), X.copy()
        up[index] += 1e-5
        down[index] -= 1e-5
        slopes[index] = np.sum(dout * (f(up) - f(down))) / 2e-5
    return slopes


def mean_of_outputs(f, X, dout, h=1e-5):
    slopes = np.zeros(X.shape)
    for index in np.ndindex(X.shape):
        up, down = X.copy(), X.copy()
        up[index] += h
        down[index] -= h
        slopes[index] = np.mean(dout * (f(up) - f(down))) / (2 * h)
    return slopes


def one_long_row(f, X, dout, h=1e-5):
    slopes = []
    for index in np.ndindex(X.shape):
        up, down = X.copy(), X.copy()
        up[index] += h
        down[index] -= h
        slopes.append(np.sum(dout * (f(up) - f(down))) / (2 * h))
    return np.array(slopes)


def no_special_cases(a, n):
    return np.max(np.abs(a - n)) / max(np.max(np.abs(a)), np.max(np.abs(n)))


def shapes_not_compared(a, n):
    if not (np.isfinite(a).all() and np.isfinite(n).all()):
        return float("inf")
    largest = max(np.max(np.abs(a)), np.max(np.abs(n)))
    return np.max(np.abs(a - n)) / largest if largest > 0 else 0.0


def nan_passes(a, n):
    if np.shape(a) != np.shape(n):
        return float("inf")
    largest = max(np.max(np.abs(a)), np.max(np.abs(n)))
    return np.max(np.abs(a - n)) / largest if largest != 0 else 0.0


def nan_skipped(a, n):
    if np.shape(a) != np.shape(n):
        return float("inf")
    largest = max(np.nanmax(np.abs(a)), np.nanmax(np.abs(n)))
    return np.nanmax(np.abs(a - n)) / largest if largest > 0 else 0.0


def is_special(a, n):
    """Return what the special cases ask for, None where there is none."""
    if np.shape(a) != np.shape(n) or not (np.isfinite(a).all() and np.isfinite(n).all()):
        return float("inf")
    return None if np.any(a) or np.any(n) else 0.0


def divided_by_the_sum(a, n):
    special = is_special(a, n)
    return np.max(np.abs(a - n)) / (np.max(np.abs(a)) + np.max(np.abs(n))) if special is None else special


def entry_by_entry(a, n):
    special = is_special(a, n)
    with np.errstate(invalid="ignore"):
        return np.nanmax(np.abs(a - n) / np.maximum(np.abs(a), np.abs(n))) if special is None else special


def absolute_error(a, n):
    special = is_special(a, n)
    return np.max(np.abs(a - n)) if special is None else special


def divided_by_n(a, n):
    special = is_special(a, n)
    return np.max(np.abs(a - n)) / np.max(np.abs(n)) if special is None else special


def signed_difference(a, n):
    special = is_special(a, n)
    return np.max(a - n) / max(np.max(np.abs(a)), np.max(np.abs(n))) if special is None else special


def signed_size(a, n):
    special = is_special(a, n)
    return np.max(np.abs(a - n)) / max(np.max(a), np.max(n)) if special is None else special


def mean_difference(a, n):
    special = is_special(a, n)
    return np.mean(np.abs(a - n)) / max(np.max(np.abs(a)), np.max(np.abs(n))) if special is None else special


def ratio_of_norms(a, n):
    special = is_special(a, n)
    size = np.sqrt(np.sum(np.square(a))) + np.sqrt(np.sum(np.square(n)))
    return np.sqrt(np.sum(np.square(a - n))) / size if special is None else special


def never_divides_by_zero(a, n):
    special = is_special(a, n)
    return np.max(np.abs(a - n)) / (1e-8 + max(np.max(np.abs(a)), np.max(np.abs(n)))) if special is None else special


MISTAKES = {
    "central_difference": {
        "a forward difference, one-sided: f(x) itself stands in the place of f(x - h)": forward_difference,
        "a backward difference, one-sided: f(x) itself stands in the place of f(x + h)": backward_difference,
        "divided by h, but from x - h to x + h it is 2h": divided_by_h,
        "without brackets, / 2 * h divides by 2 and then multiplies by h": brackets_around_2h,
        "without brackets around the rise, only f(x - h) is divided": brackets_around_the_rise,
        "left minus right: the slope is turned around": left_minus_right,
        "the step is fixed at 1e-5, whatever h says": fixed_step,
        "the rise alone, not divided by the run": only_the_rise,
        "the two points lie h / 2 from x; they are to be at x - h and x + h": half_the_distance,
        "the two values are added; the rise is their difference": plus_for_minus,
    },
    "numerical_vjp": {
        "one-sided differences, from X to X + h": one_sided,
        "put back by adding h again, which rounds: keep the old value and write that back": put_back_by_adding,
        "h is not put back: the copy keeps every earlier nudge": copy_left_nudged,
        "h is not put back: every entry of the caller's X stays nudged": left_nudged,
        "the upstream gradient dout is left out, as if it were all ones": without_dout,
        "all entries are nudged at once instead of one after the other": all_at_once,
        "all entries are nudged at once, and one number comes back for all of them": all_at_once_one_number,
        "whole rows are nudged: X[i] is a row of X; np.ndindex(X.shape) gives the index of each entry": whole_rows,
        "only the first entry is measured: does return stand inside the loop?": first_entry_alone,
        "the copies are made once, before the loop, so that every earlier nudge stays in them": copied_once,
        "up and down are both X itself; an array of their own comes from X.copy()": not_copied,
        "up and down are the same array, so the two nudges cancel": one_array_twice,
        "divided by h, but from one nudge to the other it is 2h (entry by entry)": run_of_h,
        "the nudge is fixed at 1e-5, whatever h says": ignores_h,
        "a mean over the outputs instead of a sum": mean_of_outputs,
        "the slopes come as one long row instead of the shape of X": one_long_row,
    },
    "relative_error": {
        "shapes are not compared, and NumPy broadcasts one against the other": shapes_not_compared,
        "NaN goes through: a NaN result passes any test that asks whether it is too large": nan_passes,
        "nanmax skips NaN entries, so a gradient full of them can pass": nan_skipped,
        "none of the special cases is decided: 0/0, NaN and unequal shapes go through": no_special_cases,
        "the sum of both sizes in the denominator instead of the larger one": divided_by_the_sum,
        "each entry is divided by its own size, so tiny entries decide": entry_by_entry,
        "the difference is not divided by anything: an absolute error": absolute_error,
        "divided by the size of n alone": divided_by_n,
        "no absolute value around a - n": signed_difference,
        "no absolute value in the denominator": signed_size,
        "a mean of the differences instead of the largest": mean_difference,
        "a ratio of norms, in which one wrong entry hides among many": ratio_of_norms,
        "a fixed 1e-8 in the denominator, which swallows small gradients": never_divides_by_zero,
    },
}
