"""Typical wrong answers to the exercise on embedding, by function, each under a name that says the slip."""

import numpy as np


def counted_from_one(E, idx):
    return E[np.clip(idx, 0, len(E)) - 1], (E, idx)


def lookup_sorted(E, idx):
    return E[np.sort(idx, axis=-1)], (E, idx)


def lookup_from_the_end(E, idx):
    return E[len(E) - 1 - idx], (E, idx)


def lookup_averaged(E, idx):
    return E[idx].mean(axis=0), (E, idx)


def all_in_one_list(E, idx):
    return E[idx].reshape(-1, E.shape[1])[: len(idx)], (E, idx)


def rows_scaled_to_length_one(E, idx):
    return E[idx] / np.linalg.norm(E[idx], axis=-1, keepdims=True), (E, idx)


def repeats_overwritten(dout, cache):
    E, idx = cache
    dE = np.zeros_like(E)
    dE[idx] += dout
    return dE


def first_occurrence_only(dout, cache):
    E, idx = cache
    dE = np.zeros_like(E)
    rows, places = np.unique(idx, return_index=True)
    dE[rows] = dout.reshape(-1, E.shape[1])[places]
    return dE


def repeats_in_a_row_overwritten(dout, cache):
    E, idx = cache
    dE = np.zeros_like(E)
    for n in range(len(idx)):
        dE[idx[n]] += dout[n]
    return dE


def sums_in_order(dout, cache):
    E, idx = cache
    dE = np.zeros_like(E)
    np.add.at(dE, idx, dout)
    return dE


def repeats_averaged(dout, cache):
    E, idx = cache
    counts = np.bincount(idx.ravel(), minlength=len(E))
    return sums_in_order(dout, cache) / np.maximum(counts, 1)[:, None]


def repeats_counted_twice(dout, cache):
    E, idx = cache
    counts = np.bincount(idx.ravel(), minlength=len(E))
    return sums_in_order(dout, cache) * counts[:, None]


def counts_without_upstream(dout, cache):
    return sums_in_order(np.ones_like(dout), cache)


def averaged_over_the_batch(dout, cache):
    return sums_in_order(dout, cache) / cache[1].size


def rows_from_the_top(dout, cache):
    E, idx = cache
    dE, sums = np.zeros_like(E), sums_in_order(dout, cache)
    used = np.unique(idx)
    dE[: len(used)] = sums[used]
    return dE


def every_row_gets_all(dout, cache):
    E, _ = cache
    return np.zeros_like(E) + dout.reshape(-1, E.shape[1]).sum(axis=0)


def table_added(dout, cache):
    E, _ = cache
    return E + sums_in_order(dout, cache)


def looked_up_again(dout, cache):
    E, idx = cache
    return sums_in_order(E[idx], cache)


def one_row_late(dout, cache):
    return np.roll(sums_in_order(dout, cache), 1, axis=0)


def dout_itself(dout, cache):
    return dout.copy()


MISTAKES = {
    "embedding_forward": {
        "the rows are counted from 1": counted_from_one,
        "the indices are sorted first": lookup_sorted,
        "the rows are counted from the end": lookup_from_the_end,
        "the rows are averaged": lookup_averaged,
        "a table of indices gives one list of rows": all_in_one_list,
        "the rows are scaled to length 1": rows_scaled_to_length_one,
    },
    "embedding_backward": {
        "a repeated index keeps only its last gradient": repeats_overwritten,
        "an index that repeats within a row keeps only its last gradient there": repeats_in_a_row_overwritten,
        "a repeated index keeps only its first gradient": first_occurrence_only,
        "the gradients of a repeated index are averaged": repeats_averaged,
        "the sum is multiplied by the number of repetitions": repeats_counted_twice,
        "it counts the lookups: the upstream gradient is missing": counts_without_upstream,
        "divided by the number of lookups": averaged_over_the_batch,
        "the sums stand in the first rows, not in the rows of their index": rows_from_the_top,
        "every row of the table gets the whole gradient": every_row_gets_all,
        "the table itself is added": table_added,
        "the rows of the table are added up, not the upstream gradient": looked_up_again,
        "every sum is one row too low": one_row_late,
        "the upstream gradient itself": dout_itself,
    },
}
