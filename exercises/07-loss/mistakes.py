"""Typical wrong answers of exercise 7, so that the checks can call them by name."""

import numpy as np


def mse_summed(P, Y):
    return np.sum((P - Y) ** 2), (P, Y)


def mse_over_rows(P, Y):
    return np.sum((P - Y) ** 2) / len(P), (P, Y)


def mse_halved(P, Y):
    return np.mean((P - Y) ** 2) / 2, (P, Y)


def mse_absolute(P, Y):
    return np.mean(np.abs(P - Y)), (P, Y)


def mse_root(P, Y):
    return np.sqrt(np.mean((P - Y) ** 2)), (P, Y)


def mse_square_of_mean(P, Y):
    return np.mean(P - Y) ** 2, (P, Y)


def mse_one_per_example(P, Y):
    return np.mean((P - Y) ** 2, axis=1), (P, Y)


def mse_difference_cached(P, Y):
    return np.mean((P - Y) ** 2), (P - Y, Y)


def mse_swapped_cache(P, Y):
    return np.mean((P - Y) ** 2), (Y, P)


def bce(p, y):
    return -(y * np.log(p) + (1 - y) * np.log(1 - p))


def clipped(p):
    return np.clip(p, 1e-12, 1 - 1e-12)


def bce_not_clipped(p, y):
    return np.mean(bce(p, y)), (p, y)


def bce_caches_p_as_it_came(p, y):
    return np.mean(bce(clipped(p), y)), (p, y)


def bce_small_number_added(p, y):
    return -np.mean(y * np.log(p + 1e-12) + (1 - y) * np.log(1 - p + 1e-12)), (p, y)


def bce_clipped_too_far(p, y):
    p = np.clip(p, 1e-7, 1 - 1e-7)
    return np.mean(bce(p, y)), (p, y)


def bce_clipped_below_only(p, y):
    p = np.maximum(p, 1e-12)
    return np.mean(bce(p, y)), (p, y)


def bce_sign(p, y):
    return -np.mean(bce(clipped(p), y)), (clipped(p), y)


def bce_summed(p, y):
    return np.sum(bce(clipped(p), y)), (clipped(p), y)


def bce_only_yes(p, y):
    return -np.mean(y * np.log(clipped(p))), (clipped(p), y)


def bce_swapped(p, y):
    return np.mean(bce(clipped(p), 1 - y)), (clipped(p), y)


def bce_base_two(p, y):
    return np.mean(bce(clipped(p), y)) / np.log(2), (clipped(p), y)


def bce_base_ten(p, y):
    return np.mean(bce(clipped(p), y)) / np.log(10), (clipped(p), y)


def bce_minus_between(p, y):
    p = clipped(p)
    return -np.mean(y * np.log(p) - (1 - y) * np.log(1 - p)), (p, y)


def refuse(Z, y):
    if np.any((y < 0) | (y >= Z.shape[1])):
        raise ValueError("class out of range")


def softmax(Z):
    E = np.exp(Z - Z.max(axis=1, keepdims=True))
    return E / E.sum(axis=1, keepdims=True)


def losses(Z, y):
    m = Z.max(axis=1)
    return m + np.log(np.exp(Z - m[:, None]).sum(axis=1)) - Z[np.arange(len(Z)), y]


def xent_not_shifted(Z, y):
    refuse(Z, y)
    E = np.exp(Z)
    total = E.sum(axis=1, keepdims=True)
    return np.mean(np.log(total[:, 0]) - Z[np.arange(len(Z)), y]), (E / total, y)


def xent_in_two_steps(Z, y):
    refuse(Z, y)
    P = softmax(Z)
    return -np.mean(np.log(P[np.arange(len(Z)), y])), (P, y)


def xent_two_steps_clipped(Z, y):
    refuse(Z, y)
    P = softmax(Z)
    return -np.mean(np.log(np.clip(P[np.arange(len(Z)), y], 1e-12, 1 - 1e-12))), (P, y)


def xent_kept_from_zero(Z, y):
    refuse(Z, y)
    P = softmax(Z)
    return -np.mean(np.log(np.maximum(P[np.arange(len(Z)), y], 1e-12))), (P, y)


def xent_shifted_by_one_for_all(Z, y):
    refuse(Z, y)
    E = np.exp(Z - Z.max())
    total = E.sum(axis=1, keepdims=True)
    return np.mean(Z.max() + np.log(total[:, 0]) - Z[np.arange(len(Z)), y]), (E / total, y)


def xent_of_whole_columns(Z, y):
    refuse(Z, y)
    m = Z.max(axis=1)
    return np.mean(m + np.log(np.exp(Z - m[:, None]).sum(axis=1)) - Z[:, y]), (softmax(Z), y)


def xent_of_whole_columns_of_p(Z, y):
    refuse(Z, y)
    return -np.mean(np.log(softmax(Z)[:, y])), (softmax(Z), y)


def xent_over_columns(Z, y):
    refuse(Z, y)
    E = np.exp(Z - Z.max(axis=0))
    P = E / E.sum(axis=0)
    return -np.mean(np.log(P[np.arange(len(Z)), y])), (P, y)


def xent_over_entries(Z, y):
    refuse(Z, y)
    return np.sum(losses(Z, y)) / Z.size, (softmax(Z), y)


def xent_summed(Z, y):
    refuse(Z, y)
    return np.sum(losses(Z, y)), (softmax(Z), y)


def xent_sign(Z, y):
    refuse(Z, y)
    return -np.mean(losses(Z, y)), (softmax(Z), y)


def xent_maximum_lost(Z, y):
    refuse(Z, y)
    m = Z.max(axis=1, keepdims=True)
    return np.mean(np.log(np.exp(Z - m).sum(axis=1)) - Z[np.arange(len(Z)), y]), (softmax(Z), y)


def xent_logits_cached(Z, y):
    refuse(Z, y)
    return np.mean(losses(Z, y)), (Z, y)


MISTAKES = {
    "mse_forward": {
        "the sum of the squares instead of their mean": mse_summed,
        "divided by the number of rows, not by the number of entries": mse_over_rows,
        "halved; the loss of this course has no factor 1/2": mse_halved,
        "the absolute errors instead of their squares": mse_absolute,
        "a square root too much": mse_root,
        "the square of the mean error, in which errors cancel": mse_square_of_mean,
        "one loss for each example, not averaged over the batch": mse_one_per_example,
        "the difference P - Y in the cache instead of P": mse_difference_cached,
        "P and Y change places in the cache": mse_swapped_cache,
    },
    "bce_forward": {
        "p is clipped below but not above, so that log(1 - p) is log(0)": bce_clipped_below_only,
        "p is not clipped, so that log(0) is taken": bce_not_clipped,
        "a small number is added inside the logarithms; p itself is to be clipped": bce_small_number_added,
        "p is clipped to [1e-7, 1 - 1e-7] instead of [1e-12, 1 - 1e-12]": bce_clipped_too_far,
        "the loss uses the clipped p, the cache holds p as it came": bce_caches_p_as_it_came,
        "the minus sign is missing": bce_sign,
        "the sum over the batch instead of the mean": bce_summed,
        "only the term of y = 1; examples with y = 0 cost nothing": bce_only_yes,
        "y and 1 - y change places": bce_swapped,
        "the logarithm to base 2": bce_base_two,
        "the logarithm to base 10": bce_base_ten,
        "a minus between the two terms": bce_minus_between,
    },
    "softmax_xent_forward": {
        "the softmax first and then its logarithm, which is log(0) for large logits": xent_in_two_steps,
        "the probability is clipped, which limits the loss of large logits": xent_two_steps_clipped,
        "the probability is kept above 1e-12, so that no row can cost more than 27.6": xent_kept_from_zero,
        "one largest logit for the whole batch instead of one for each row": xent_shifted_by_one_for_all,
        "the largest logit is not subtracted before exp": xent_not_shifted,
        "Z[:, y] takes whole columns, not one entry of each row": xent_of_whole_columns,
        "P[:, y] takes whole columns, not one entry of each row": xent_of_whole_columns_of_p,
        "the softmax runs over the columns, not over the rows": xent_over_columns,
        "divided by the number of entries, not by the number of rows": xent_over_entries,
        "the sum over the batch instead of the mean": xent_summed,
        "the sign is flipped": xent_sign,
        "the largest logit is subtracted inside but not added back": xent_maximum_lost,
        "the logits in the cache instead of the probabilities": xent_logits_cached,
    },
}
