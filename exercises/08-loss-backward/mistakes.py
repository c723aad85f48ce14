"""Typical wrong answers of exercise 8, so that the checks can call them by name."""

import numpy as np


def mse_factor_two_missing(cache):
    P, Y = cache
    return (P - Y) / P.size


def mse_not_divided(cache):
    P, Y = cache
    return 2 * (P - Y)


def mse_divided_by_rows(cache):
    P, Y = cache
    return 2 * (P - Y) / len(P)


def mse_divided_by_columns(cache):
    P, Y = cache
    return 2 * (P - Y) / P.shape[1]


def mse_truth_minus_prediction(cache):
    P, Y = cache
    return 2 * (Y - P) / P.size


def mse_of_absolute(cache):
    P, Y = cache
    return np.sign(P - Y) / P.size


def mse_averaged(cache):
    P, Y = cache
    return np.mean(2 * (P - Y) / P.size, axis=0)


def mse_squared_again(cache):
    P, Y = cache
    return 2 * (P - Y) ** 2 / P.size


def mse_loss_itself(cache):
    P, Y = cache
    return (P - Y) ** 2 / P.size


def bce_by_the_logit(cache):
    p, y = cache
    return (p - y) / len(p)


def bce_not_divided(cache):
    p, y = cache
    return (p - y) / (p * (1 - p))


def bce_inner_sign(cache):
    p, y = cache
    return -(y / p + (1 - y) / (1 - p)) / len(p)


def bce_outer_sign(cache):
    p, y = cache
    return (y / p - (1 - y) / (1 - p)) / len(p)


def bce_only_yes(cache):
    p, y = cache
    return -(y / p) / len(p)


def bce_y_in_both_terms(cache):
    p, y = cache
    return (-y / p + y / (1 - p)) / len(p)


def bce_divided_by_p_only(cache):
    p, y = cache
    return (p - y) / p / len(p)


def bce_times_slope(cache):
    p, y = cache
    return (p - y) * p * (1 - p) / len(p)


def bce_logarithms_kept(cache):
    p, y = cache
    return -(y * np.log(p) + (1 - y) * np.log(1 - p)) / len(p)


def one_hot(P, y):
    T = np.zeros(P.shape)
    T[np.arange(len(y)), y] = 1
    return T


def xent_not_divided(cache):
    P, y = cache
    return P - one_hot(P, y)


def xent_truth_minus_prediction(cache):
    P, y = cache
    return (one_hot(P, y) - P) / len(P)


def xent_truth_missing(cache):
    P, y = cache
    return P / len(P)


def xent_divided_by_entries(cache):
    P, y = cache
    return (P - one_hot(P, y)) / P.size


def xent_one_from_whole_columns(cache):
    P, y = cache
    dZ = P.copy()
    dZ[:, y] -= 1
    return dZ / len(P)


def xent_one_from_every_entry(cache):
    P, _ = cache
    return (P - 1) / len(P)


def xent_class_number_subtracted(cache):
    P, y = cache
    return (P - y[:, None]) / len(P)


def xent_by_the_probabilities(cache):
    P, y = cache
    return -one_hot(P, y) / P / len(P)


def xent_diagonal_only(cache):
    P, y = cache
    return -one_hot(P, y) * (1 - P) / len(P)


def xent_divided_before_subtracting(cache):
    P, y = cache
    return P / len(P) - one_hot(P, y)


def xent_softmax_slope_again(cache):
    P, y = cache
    return (P - one_hot(P, y)) * P * (1 - P) / len(P)


MISTAKES = {
    "mse_backward": {
        "the factor 2 of the square is missing": mse_factor_two_missing,
        "not divided at all, although the loss is a mean": mse_not_divided,
        "divided by the number of rows, not by the number of entries": mse_divided_by_rows,
        "divided by the number of columns, not by the number of entries": mse_divided_by_columns,
        "truth minus prediction": mse_truth_minus_prediction,
        "the slope of the absolute error": mse_of_absolute,
        "averaged over the batch; every example has a row of its own": mse_averaged,
        "the square is still there, its slope is 2 (P - Y)": mse_squared_again,
        "the loss of each entry instead of its slope": mse_loss_itself,
    },
    "bce_backward": {
        "the slope by the logit; here p is the input": bce_by_the_logit,
        "the 1/N of the mean is missing": bce_not_divided,
        "the slope of log(1 - p) is -1/(1 - p), so one sign is wrong": bce_inner_sign,
        "the minus sign in front of the loss is lost": bce_outer_sign,
        "only the examples with y = 1 have a slope": bce_only_yes,
        "y stands in both terms; the second one has 1 - y": bce_y_in_both_terms,
        "divided by p where p (1 - p) belongs": bce_divided_by_p_only,
        "multiplied by p (1 - p) where it should be divided": bce_times_slope,
        "the loss of each example instead of its slope": bce_logarithms_kept,
    },
    "softmax_xent_backward": {
        "the 1/N of the mean is missing": xent_not_divided,
        "truth minus prediction": xent_truth_minus_prediction,
        "nothing is subtracted at the right class": xent_truth_missing,
        "divided by the number of entries, not by the number of rows": xent_divided_by_entries,
        "the 1 is subtracted from whole columns, [:, y], instead of one entry of each row": xent_one_from_whole_columns,
        "the 1 is subtracted from every entry instead of one entry of each row": xent_one_from_every_entry,
        "the number of the class is subtracted instead of a one-hot row": xent_class_number_subtracted,
        "the slope by the probabilities; it still has to go through the softmax": xent_by_the_probabilities,
        "only the right class has a slope (the diagonal of the softmax's Jacobian)": xent_diagonal_only,
        "P is divided by N, the 1 of the right class is not": xent_divided_before_subtracting,
        "the slope of a sigmoid multiplied in once more": xent_softmax_slope_again,
    },
}
