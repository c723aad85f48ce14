"""Right answers of exercise 7 that look different from the solution."""

import math

import numpy as np
from scipy.special import log_softmax, logsumexp, softmax


def mse_in_loops(P, Y):
    total = 0.0
    for i in range(P.shape[0]):
        for j in range(P.shape[1]):
            total += (Y[i, j] - P[i, j]) ** 2
    return total / (P.shape[0] * P.shape[1]), (P, Y)


def mse_einsum(P, Y):
    difference = P - Y
    return np.einsum("ij,ij->", difference, difference) / P.size, (P, Y)


def mse_norm(P, Y):
    return float(np.linalg.norm(Y - P) ** 2 / P.size), (P, Y)


def bce_where(p, y):
    p = np.clip(p, 1e-12, 1 - 1e-12)
    return np.mean(-np.log(np.where(y == 1, p, 1 - p))), (p, y)


def bce_in_loops(p, y):
    p = np.minimum(np.maximum(p, 1e-12), 1 - 1e-12)
    total = 0.0
    for prob, label in zip(p[:, 0], y[:, 0], strict=True):
        total -= math.log(prob) if label == 1 else math.log(1 - prob)
    return total / len(p), (p, y)


def bce_log1p(p, y):
    p = np.clip(p, 1e-12, 1 - 1e-12)
    return -np.sum(y * np.log(p) + (1 - y) * np.log1p(-p)) / p.shape[0], (p, y)


def in_range(Z, y):
    if y.min() < 0 or y.max() >= Z.shape[1]:
        raise ValueError("there is no such class")


def xent_scipy(Z, y):
    in_range(Z, y)
    return np.mean(logsumexp(Z, axis=1) - Z[np.arange(len(y)), y]), (softmax(Z, axis=1), y)


def xent_log_softmax(Z, y):
    in_range(Z, y)
    log_p = log_softmax(Z, axis=1)
    return -log_p[range(len(y)), y].mean(), (np.exp(log_p), y)


def xent_one_hot(Z, y):
    in_range(Z, y)
    m = Z.max(axis=1, keepdims=True)
    log_p = Z - m - np.log(np.exp(Z - m).sum(axis=1, keepdims=True))
    return -np.sum(np.eye(Z.shape[1])[y] * log_p) / len(Z), (np.exp(log_p), y)


def xent_in_loops(Z, y):
    P, total = np.zeros_like(Z), 0.0
    for i, (row, label) in enumerate(zip(Z, y, strict=True)):
        if label not in range(len(row)):
            raise ValueError(f"row {i}: no class {label}")
        e = [math.exp(z - max(row)) for z in row]
        P[i] = [part / sum(e) for part in e]
        total += max(row) + math.log(sum(e)) - row[label]
    return total / len(Z), (P, y)


ALTERNATIVES = {
    "mse_forward": {"loops": mse_in_loops, "einsum": mse_einsum, "norm": mse_norm},
    "bce_forward": {"where": bce_where, "loops": bce_in_loops, "log1p": bce_log1p},
    "softmax_xent_forward": {
        "scipy logsumexp": xent_scipy,
        "scipy log_softmax": xent_log_softmax,
        "one-hot": xent_one_hot,
        "loops": xent_in_loops,
    },
}
