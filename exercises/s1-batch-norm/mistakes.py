"""Typical wrong answers to the exercise on batch normalisation, by function, each under a name that says the slip."""

import numpy as np


def normalise(X, gamma, beta, eps, axis=0, keepdims=False):
    mu = X.mean(axis=axis, keepdims=keepdims)
    var = ((X - mu) ** 2).mean(axis=axis, keepdims=keepdims)
    return gamma * (X - mu) / np.sqrt(var + eps) + beta, (X, gamma, mu, var, eps)


def each_row_normalised(X, gamma, beta, eps=1e-5):
    return normalise(X, gamma, beta, eps, axis=1, keepdims=True)


def whole_array_normalised(X, gamma, beta, eps=1e-5):
    return normalise(X, gamma, beta, eps, axis=None)


def variance_over_n_minus_1(X, gamma, beta, eps=1e-5):
    mu, var = X.mean(axis=0), X.var(axis=0, ddof=1)
    return gamma * (X - mu) / np.sqrt(var + eps) + beta, (X, gamma, mu, var, eps)


def eps_outside_the_root(X, gamma, beta, eps=1e-5):
    mu, var = X.mean(axis=0), X.var(axis=0)
    return gamma * (X - mu) / (np.sqrt(var) + eps) + beta, (X, gamma, mu, var, eps)


def divided_by_the_variance(X, gamma, beta, eps=1e-5):
    mu, var = X.mean(axis=0), X.var(axis=0)
    return gamma * (X - mu) / (var + eps) + beta, (X, gamma, mu, var, eps)


def gamma_and_beta_swapped(X, gamma, beta, eps=1e-5):
    out, (X, _, mu, var, eps) = normalise(X, beta, gamma, eps)
    return out, (X, gamma, mu, var, eps)


def eps_in_the_cached_variance(X, gamma, beta, eps=1e-5):
    out, (X, gamma, mu, var, eps) = normalise(X, gamma, beta, eps)
    return out, (X, gamma, mu, var + eps, eps)


def normalised_batch_cached(X, gamma, beta, eps=1e-5):
    out, (X, gamma, mu, var, eps) = normalise(X, gamma, beta, eps)
    return out, ((X - mu) / np.sqrt(var + eps), gamma, mu, var, eps)


def eps_replaced_by_its_default(X, gamma, beta, eps=1e-5):
    out, (X, gamma, mu, var, _) = normalise(X, gamma, beta, 1e-5)
    return out, (X, gamma, mu, var, eps)


def unpacked(cache):
    X, gamma, mu, var, eps = cache
    inv_std = 1 / np.sqrt(var + eps)
    return (X - mu) * inv_std, gamma, inv_std


def assembled(dX, dout, X_hat):
    return dX, (dout * X_hat).sum(axis=0), dout.sum(axis=0)


def statistics_constant(dout, cache):
    X_hat, gamma, inv_std = unpacked(cache)
    return assembled(dout * gamma * inv_std, dout, X_hat)


def no_variance_path(dout, cache):
    X_hat, gamma, inv_std = unpacked(cache)
    d = dout * gamma
    return assembled((d - d.mean(axis=0)) * inv_std, dout, X_hat)


def no_mean_path(dout, cache):
    X_hat, gamma, inv_std = unpacked(cache)
    d = dout * gamma
    return assembled((d - X_hat * (d * X_hat).mean(axis=0)) * inv_std, dout, X_hat)


def variance_path_with_wrong_sign(dout, cache):
    X_hat, gamma, inv_std = unpacked(cache)
    d = dout * gamma
    return assembled((d - d.mean(axis=0) + X_hat * (d * X_hat).mean(axis=0)) * inv_std, dout, X_hat)


def variance_path_not_divided(dout, cache):
    X_hat, gamma, inv_std = unpacked(cache)
    d = dout * gamma
    return assembled((d - d.mean(axis=0) - X_hat * (d * X_hat).sum(axis=0)) * inv_std, dout, X_hat)


def variance_path_halved(dout, cache):
    X_hat, gamma, inv_std = unpacked(cache)
    d = dout * gamma
    return assembled((d - d.mean(axis=0) - X_hat * (d * X_hat).mean(axis=0) / 2) * inv_std, dout, X_hat)


def variance_path_with_wrong_power(dout, cache):
    X_hat, gamma, inv_std = unpacked(cache)
    d, centred = dout * gamma, X_hat / inv_std
    dvar = -0.5 * (d * centred).sum(axis=0) * inv_std
    dcentred = d * inv_std + 2 * dvar * centred / len(dout)
    return assembled(dcentred - dcentred.mean(axis=0), dout, X_hat)


def gamma_forgotten(dout, cache):
    X_hat, _, inv_std = unpacked(cache)
    dX = (dout - dout.mean(axis=0) - X_hat * (dout * X_hat).mean(axis=0)) * inv_std
    return assembled(dX, dout, X_hat)


def multiplied_by_the_standard_deviation(dout, cache):
    X_hat, gamma, inv_std = unpacked(cache)
    d = dout * gamma
    return assembled((d - d.mean(axis=0) - X_hat * (d * X_hat).mean(axis=0)) / inv_std, dout, X_hat)


def dgamma_from_raw_inputs(dout, cache):
    X, gamma, *_ = cache
    X_hat, _, inv_std = unpacked(cache)
    d = dout * gamma
    dX = (d - d.mean(axis=0) - X_hat * (d * X_hat).mean(axis=0)) * inv_std
    return dX, (dout * X).sum(axis=0), dout.sum(axis=0)


def sums_not_divided(dout, cache):
    X_hat, gamma, inv_std = cache
    d = dout * gamma
    return assembled((d - d.sum(axis=0) - X_hat * (d * X_hat).sum(axis=0)) * inv_std, dout, X_hat)


def whole_expression_times_n(dout, cache):
    X_hat, gamma, inv_std = cache
    d = dout * gamma
    dX = (len(dout) * d - d.sum(axis=0) - X_hat * (d * X_hat).sum(axis=0)) * inv_std
    return assembled(dX, dout, X_hat)


def second_sum_without_x_hat(dout, cache):
    X_hat, gamma, inv_std = cache
    d = dout * gamma
    return assembled((d - d.mean(axis=0) - X_hat * d.mean(axis=0)) * inv_std, dout, X_hat)


def last_factor_x_hat_lost(dout, cache):
    X_hat, gamma, inv_std = cache
    d = dout * gamma
    return assembled((d - d.mean(axis=0) - (d * X_hat).mean(axis=0)) * inv_std, dout, X_hat)


def mean_path_not_divided(dout, cache):
    X_hat, gamma, inv_std = unpacked(cache)
    d = dout * gamma
    return assembled(inv_std * (d - d.sum(axis=0) - X_hat * (d * X_hat).mean(axis=0)), dout, X_hat)


def compact_without_gamma(dout, cache):
    X_hat, _, inv_std = cache
    return assembled(inv_std * (dout - dout.mean(axis=0) - X_hat * (dout * X_hat).mean(axis=0)), dout, X_hat)


def compact_without_inv_std(dout, cache):
    X_hat, gamma, _ = cache
    d = dout * gamma
    return assembled(d - d.mean(axis=0) - X_hat * (d * X_hat).mean(axis=0), dout, X_hat)


def compact_gamma_everywhere(dout, cache):
    X_hat, gamma, inv_std = cache
    d = dout * gamma
    return assembled(inv_std * (d - d.mean(axis=0) - X_hat * (d * X_hat).mean(axis=0)), d, X_hat)


def compact_statistics_constant(dout, cache):
    X_hat, gamma, inv_std = cache
    return assembled(dout * gamma * inv_std, dout, X_hat)


def compact_divided_by_inv_std(dout, cache):
    X_hat, gamma, inv_std = cache
    d = dout * gamma
    return assembled((d - d.mean(axis=0) - X_hat * (d * X_hat).mean(axis=0)) / inv_std, dout, X_hat)


MISTAKES = {
    "batchnorm_forward": {
        "each example is normalised, not each feature": each_row_normalised,
        "one mean and one variance for the whole array": whole_array_normalised,
        "the variance is divided by N - 1": variance_over_n_minus_1,
        "eps is added outside the root": eps_outside_the_root,
        "divided by the variance, not by its root": divided_by_the_variance,
        "gamma and beta change places": gamma_and_beta_swapped,
        "eps is fixed inside, the argument is not used": eps_replaced_by_its_default,
        "the variance in the cache has eps in it already": eps_in_the_cached_variance,
        "the normalised X in the cache instead of X": normalised_batch_cached,
    },
    "batchnorm_backward": {
        "the mean and the variance are taken as constants": statistics_constant,
        "the path through the variance is missing": no_variance_path,
        "the path through the mean is missing": no_mean_path,
        "the path through the variance has the wrong sign": variance_path_with_wrong_sign,
        "the path through the variance lacks 1/N": variance_path_not_divided,
        "the path through the variance lacks the factor 2": variance_path_halved,
        "the slope of 1/sqrt(var + eps) has the wrong power": variance_path_with_wrong_power,
        "what reaches the mean is handed to every row whole, without 1/N": mean_path_not_divided,
        "gamma is missing in dX": gamma_forgotten,
        "dX is multiplied by the standard deviation, not divided": multiplied_by_the_standard_deviation,
        "dgamma uses X instead of the normalised X": dgamma_from_raw_inputs,
    },
    "batchnorm_backward_compact": {
        "the two sums are not divided by N": sums_not_divided,
        "the whole expression still has to be divided by N": whole_expression_times_n,
        "the second sum lacks X_hat inside": second_sum_without_x_hat,
        "the second sum is not multiplied by X_hat": last_factor_x_hat_lost,
        "mean and variance are taken as constants": compact_statistics_constant,
        "divided by inv_std instead of multiplied": compact_divided_by_inv_std,
        "gamma is missing in dX": compact_without_gamma,
        "inv_std is missing in dX": compact_without_inv_std,
        "gamma is multiplied into dgamma and dbeta too": compact_gamma_everywhere,
    },
}
