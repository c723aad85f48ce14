"""Other right answers to the exercise on batch normalisation."""

import numpy as np


def numpy_statistics(X, gamma, beta, eps=1e-5):
    mu, var = np.mean(X, axis=0), np.var(X, axis=0)
    return gamma * (X - mu) / np.sqrt(var + eps) + beta, (X, gamma, mu, var, eps)


def column_by_column(X, gamma, beta, eps=1e-5):
    mu, var, out = np.zeros_like(gamma), np.zeros_like(gamma), np.zeros_like(X)
    for k in range(X.shape[1]):
        mu[k] = sum(X[:, k]) / len(X)
        var[k] = sum((X[:, k] - mu[k]) ** 2) / len(X)
        out[:, k] = gamma[k] * (X[:, k] - mu[k]) * (var[k] + eps) ** -0.5 + beta[k]
    return out, (X, gamma, mu, var, eps)


def einsum_variance(X, gamma, beta, eps=1e-5):
    mu = X.sum(axis=0) / X.shape[0]
    var = np.einsum("ij,ij->j", X - mu, X - mu) / X.shape[0]
    return (X - mu) * (gamma / np.sqrt(var + eps)) + beta, (X, gamma, mu, var, eps)


def nine_stages(dout, cache):
    X, gamma, mu, var, eps = cache
    N, D = X.shape
    xmu = X - mu
    sqrtvar = np.sqrt(var + eps)
    ivar = 1.0 / sqrtvar
    dbeta = np.sum(dout, axis=0)
    dgamma = np.sum(dout * xmu * ivar, axis=0)
    dxhat = dout * gamma
    divar = np.sum(dxhat * xmu, axis=0)
    dxmu1 = dxhat * ivar
    dsqrtvar = -1.0 / sqrtvar**2 * divar
    dvar = 0.5 * dsqrtvar / np.sqrt(var + eps)
    dsq = np.ones((N, D)) / N * dvar
    dxmu2 = 2 * xmu * dsq
    dx1 = dxmu1 + dxmu2
    dmu = -np.sum(dx1, axis=0)
    return dx1 + np.ones((N, D)) / N * dmu, dgamma, dbeta


def one_line_from_the_large_cache(dout, cache):
    X, gamma, mu, var, eps = cache
    std, N = np.sqrt(var + eps), len(X)
    X_hat = (X - mu) / std
    d = dout * gamma
    dX = (N * d - d.sum(axis=0) - X_hat * np.sum(d * X_hat, axis=0)) / (N * std)
    return dX, np.einsum("ij,ij->j", dout, X_hat), np.einsum("ij->j", dout)


def explicit_jacobian(dout, cache):
    X, gamma, mu, var, eps = cache
    N, D = X.shape
    dX, dgamma, dbeta = np.zeros((N, D)), np.zeros(D), np.zeros(D)
    for k in range(D):
        x_hat = (X[:, k] - mu[k]) / np.sqrt(var[k] + eps)
        J = (np.eye(N) - 1 / N - np.outer(x_hat, x_hat) / N) / np.sqrt(var[k] + eps)
        dX[:, k] = J.T @ (dout[:, k] * gamma[k])
        dgamma[k], dbeta[k] = dout[:, k] @ x_hat, dout[:, k].sum()
    return dX, dgamma, dbeta


def all_in_one_line(dout, cache):
    X_hat, gamma, inv_std = cache
    N = X_hat.shape[0]
    return (
        (1.0 / N) * gamma * inv_std * (N * dout - dout.sum(0) - X_hat * (dout * X_hat).sum(0)),
        (dout * X_hat).sum(0),
        dout.sum(0),
    )


def means_in_place_of_sums(dout, cache):
    X_hat, gamma, inv_std = cache
    d = np.asfortranarray(dout * gamma)
    dX = (d - d.mean(axis=0) - X_hat * np.mean(d * X_hat, axis=0)) * inv_std
    return dX, np.diagonal(dout.T @ X_hat), dout.sum(axis=0)


ALTERNATIVES = {
    "batchnorm_forward": {
        "np.mean and np.var": numpy_statistics,
        "column by column": column_by_column,
        "einsum": einsum_variance,
    },
    "batchnorm_backward": {
        "nine stages": nine_stages,
        "one line": one_line_from_the_large_cache,
        "explicit Jacobian": explicit_jacobian,
    },
    "batchnorm_backward_compact": {
        "one expression": all_in_one_line,
        "means, and a view as dgamma": means_in_place_of_sums,
    },
}
