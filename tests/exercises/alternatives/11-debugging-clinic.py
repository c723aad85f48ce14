"""Other right answers of exercise 11, which must get full marks without a remark."""

import numpy as np


def dense_by_einsum(dZ, cache):
    X, W = cache
    return np.einsum("nj,kj->nk", dZ, W), np.einsum("nk,nj->kj", X, dZ), np.einsum("nj->j", dZ)


def dense_by_outer_products(dZ, cache):
    X, W = cache
    dW = np.zeros_like(W)
    for x, d in zip(X, dZ, strict=True):
        dW += np.outer(x, d)
    return dZ @ W.T, dW, sum(dZ)


def leaky_on_a_copy(dA, cache):
    dZ = dA.copy()
    dZ[cache <= 0] *= 0.01
    return dZ


def leaky_by_maximum(dA, cache):
    return np.where(cache > 0, dA, dA / 100)


def centre_by_jacobian(dY, cache):
    n = dY.shape[1]
    return dY @ (np.eye(n) - np.full((n, n), 1 / n))


def centre_row_by_row(dY, cache):
    return np.array([row - sum(row) / len(row) for row in dY])


def neighbours_in_the_whole_loop(dY, cache):
    X = cache
    dX = np.zeros_like(X)
    for j in range(dY.shape[1]):
        dX[:, j] += dY[:, j] * X[:, j + 1]
        dX[:, j + 1] += dY[:, j] * X[:, j]
    return dX


def neighbours_padded(dY, cache):
    padded = np.pad(dY, ((0, 0), (1, 1)))
    around = np.pad(cache, ((0, 0), (1, 1)))
    return padded[:, 1:] * around[:, 2:] + padded[:, :-1] * around[:, :-2]


def softplus_from_its_output(dA, cache):
    _, A = cache
    return dA * -np.expm1(-A)


def softplus_by_scipy(dA, cache):
    from scipy.special import expit

    return dA * expit(cache[0])


def deep_layer_by_layer(dZ, cache):
    (X, A1, A2, _), (_, W2, W3) = cache
    dZ2 = dZ @ W3.T / np.cosh(np.arctanh(A2)) ** 2
    dZ1 = dZ2 @ W2.T * (1 - A1 * A1)
    return {
        "dW1": X.T @ dZ1,
        "db1": dZ1.sum(0),
        "dW2": A1.T @ dZ2,
        "db2": dZ2.sum(0),
        "dW3": A2.T @ dZ,
        "db3": dZ.sum(0),
    }


ALTERNATIVES = {
    "dense_backward": {"einsum": dense_by_einsum, "outer products": dense_by_outer_products},
    "leaky_relu_backward": {"on a copy": leaky_on_a_copy, "where": leaky_by_maximum},
    "centre_backward": {"jacobian": centre_by_jacobian, "row by row": centre_row_by_row},
    "neighbours_backward": {"the whole loop": neighbours_in_the_whole_loop, "padded": neighbours_padded},
    "softplus_backward": {"from its output": softplus_from_its_output, "scipy": softplus_by_scipy},
    "deep_backward": {"layer by layer": deep_layer_by_layer},
}
