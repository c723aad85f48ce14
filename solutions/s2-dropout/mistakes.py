"""Typical wrong answers to the exercise on dropout, by function, each under a name that says the slip."""

import numpy as np


def p_as_probability_to_keep(X, p, rng):
    kept = rng.random(X.shape) < p
    return X * kept / p, (kept, p)


def dropped_where_p_keeps(X, p, rng):
    kept = rng.random(X.shape) < p
    return X * kept / (1 - p), (kept, p)


def kept_entries_not_scaled(X, p, rng):
    kept = rng.random(X.shape) >= p
    return X * kept, (kept, p)


def divided_by_p(X, p, rng):
    kept = rng.random(X.shape) >= p
    return X * kept / p, (kept, p)


def multiplied_instead_of_divided(X, p, rng):
    kept = rng.random(X.shape) >= p
    return X * kept * (1 - p), (kept, p)


def one_number_for_each_row(X, p, rng):
    kept = np.broadcast_to(rng.random((len(X), 1)) >= p, X.shape)
    return X * kept / (1 - p), (kept, p)


def one_number_for_each_column(X, p, rng):
    kept = np.broadcast_to(rng.random(X.shape[1]) >= p, X.shape)
    return X * kept / (1 - p), (kept, p)


def one_mask_for_all_rows(X, p, rng):
    kept = rng.random(X.shape[1]) >= p
    return X * kept / (1 - p), (kept, p)


def kept_below_one_minus_p(X, p, rng):
    kept = rng.random(X.shape) < 1 - p
    return X * kept / (1 - p), (kept, p)


def dropped_entries_cached(X, p, rng):
    dropped = rng.random(X.shape) < p
    return X * ~dropped / (1 - p), (dropped, p)


def scale_in_the_cached_mask(X, p, rng):
    kept = (rng.random(X.shape) >= p) / (1 - p)
    return X * kept, (kept, p)


def normal_numbers(X, p, rng):
    kept = rng.normal(size=X.shape) >= p
    return X * kept / (1 - p), (kept, p)


def scaled_not_masked(dout, cache):
    _, p = cache
    return dout / (1 - p)


def masked_not_scaled(dout, cache):
    kept, _ = cache
    return dout * kept


def new_mask(dout, cache):
    _, p = cache
    return dout * (np.random.default_rng(0).random(dout.shape) >= p) / (1 - p)


def mask_upside_down(dout, cache):
    kept, p = cache
    return dout * np.logical_not(kept) / (1 - p)


def scaled_by_p(dout, cache):
    kept, p = cache
    return dout * kept / p


def scaled_down(dout, cache):
    kept, p = cache
    return dout * kept * (1 - p)


def scaled_twice(dout, cache):
    kept, p = cache
    return dout * kept / (1 - p) ** 2


def mask_alone(dout, cache):
    kept, p = cache
    return kept / (1 - p)


def as_in_inference(dout, cache):
    return dout.copy()


MISTAKES = {
    "dropout_forward": {
        "p is taken as the probability to keep": p_as_probability_to_keep,
        "the dropped entries are kept, and the kept ones dropped": dropped_where_p_keeps,
        "the kept entries are not scaled": kept_entries_not_scaled,
        "divided by p, not by the probability to keep": divided_by_p,
        "multiplied by the probability to keep, not divided": multiplied_instead_of_divided,
        "one random number for a whole row": one_number_for_each_row,
        "one random number for a whole column": one_number_for_each_column,
        "one mask of shape (n,) for all rows": one_mask_for_all_rows,
        "kept below 1 - p; the contract says dropped below p, which takes other entries": kept_below_one_minus_p,
        "the cache says which entries were dropped, not which were kept": dropped_entries_cached,
        "the mask in the cache is scaled already; it must be True and False": scale_in_the_cached_mask,
        "normal random numbers instead of uniform ones": normal_numbers,
    },
    "dropout_backward": {
        "the gradient is scaled but not masked": scaled_not_masked,
        "the gradient is masked but not scaled": masked_not_scaled,
        "the backward pass draws a new mask": new_mask,
        "the dropped entries get the gradient, not the kept ones": mask_upside_down,
        "divided by p, not by the probability to keep": scaled_by_p,
        "multiplied by the probability to keep, not divided": scaled_down,
        "scaled twice": scaled_twice,
        "the scaled mask without the upstream gradient": mask_alone,
        "handed on unchanged, as if nothing had been dropped": as_in_inference,
    },
}
