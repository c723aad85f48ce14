"""Typical wrong backward functions, one line away from the right one, and correct alternatives."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Make = Callable[[np.random.Generator], dict[str, Any]]


@dataclass(frozen=True)
class Setting:
    """A forward, its right backward, and how to draw its inputs (pairwise distinct sizes)."""

    forward: Callable[..., Any]
    right: Callable[..., Any]
    draw: Make
    wrt: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Slip:
    """A wrong backward; ``causes`` are the right names for it, ``where`` the findings that must be wrong."""

    setting: str
    name: str
    wrong: Callable[..., Any]
    causes: tuple[str, ...]
    where: tuple[str, ...]
    published: bool = True

    @property
    def id(self) -> str:
        return f"{self.setting}: {self.name}"


def sizes(rng: np.random.Generator, count: int) -> list[int]:
    """Return pairwise distinct sizes from 2 to 9."""
    return [int(n) for n in rng.choice(np.arange(2, 10), count, replace=False)]


# --- linear --------------------------------------------------------------------------------------------------
def linear_forward(X, W, b):
    return X @ W + b, (X, W, b)


def linear_backward(d, cache):
    X, W, _ = cache
    return d @ W.T, X.T @ d, d.sum(axis=0)


def linear_draw(rng):
    N, n_in, n_out = sizes(rng, 3)
    return {"X": rng.normal(size=(N, n_in)), "W": rng.normal(size=(n_in, n_out)), "b": rng.normal(size=n_out)}


def square_draw(rng):
    N, n = sizes(rng, 2)
    return {"X": rng.normal(size=(N, n)), "W": rng.normal(size=(n, n)), "b": rng.normal(size=n)}


# --- activations ---------------------------------------------------------------------------------------------
def matrix_draw(rng):
    N, n = sizes(rng, 2)
    return {"Z": rng.normal(size=(N, n))}


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def sigmoid_forward(Z):
    A = sigmoid(Z)
    return A, (Z, A)


def tanh_forward(Z):
    A = np.tanh(Z)
    return A, (Z, A)


def relu_forward(Z):
    return np.maximum(Z, 0), Z


def leaky_forward(Z):
    return np.where(Z > 0, Z, 0.1 * Z), Z


def softmax(Z):
    E = np.exp(Z - Z.max(axis=1, keepdims=True))
    return E / E.sum(axis=1, keepdims=True)


def softmax_forward(Z):
    P = softmax(Z)
    return P, P


def softmax_backward(d, P):
    return P * (d - (d * P).sum(axis=1, keepdims=True))


def relu_overwrites_upstream(d, Z):
    d[Z <= 0] = 0
    return d


def relu_overwrites_cache(d, Z):
    Z[Z < 0] = 0
    return d * (Z > 0)


# --- losses --------------------------------------------------------------------------------------------------
def mse_forward(P, Y):
    return np.mean((P - Y) ** 2), (P, Y)


def mse_draw(rng):
    N, n = sizes(rng, 2)
    return {"P": rng.normal(size=(N, n)), "Y": rng.normal(size=(N, n))}


def bce_forward(p, y):
    p = np.clip(p, 1e-12, 1 - 1e-12)
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)), (p, y)


def bce_backward(cache):
    p, y = cache
    return (-y / p + (1 - y) / (1 - p)) / len(p)


def bce_draw(rng):
    (N,) = sizes(rng, 1)
    N += 2
    y = (np.arange(N) % 2).astype(float)[:, None]
    return {"p": rng.uniform(0.05, 0.95, size=(N, 1)), "y": y}


def xent_forward(Z, y):
    S = Z - Z.max(axis=1, keepdims=True)
    logs = S - np.log(np.exp(S).sum(axis=1, keepdims=True))
    return -logs[np.arange(len(y)), y].mean(), (softmax(np.asarray(Z).real), y)


def xent_backward(cache):
    P, y = cache
    return (P - np.eye(P.shape[1])[y]) / len(y)


def xent_draw(rng):
    N, C = sizes(rng, 2)
    return {"Z": rng.normal(size=(N, C)), "y": rng.integers(0, C, N)}


def ridge_forward(X, W, Y):
    R = X @ W - Y
    return np.mean(R**2) + 0.5 * 0.3 * np.sum(W**2), (X, W, R)


def ridge_backward(cache):
    X, W, R = cache
    return 2 * X.T @ R / R.size + 0.3 * W


def ridge_draw(rng):
    N, n, m = sizes(rng, 3)
    return {"X": rng.normal(size=(N, n)), "W": rng.normal(size=(n, m)), "Y": rng.normal(size=(N, m))}


# --- others --------------------------------------------------------------------------------------------------
def dropout_setting(rng):
    N, n = sizes(rng, 2)
    return {"X": rng.normal(size=(N, n)), "mask": (np.arange(N * n).reshape(N, n) % 3 > 0).astype(np.int64)}


KEEP = 0.7


def dropout_forward(X, mask):
    return X * mask / KEEP, mask


def fork_forward(x, y):
    return x * y + np.sin(x), (x, y)


def fork_draw(rng):
    (n,) = sizes(rng, 1)
    return {"x": rng.normal(size=n), "y": rng.normal(size=n)}


def gate_forward(x, y):
    return x * y + x**2, (x, y)


def gate_draw(rng):
    return {"x": float(rng.normal()), "y": float(rng.normal())}


def batchnorm_forward(X, gamma, beta):
    mu = X.mean(axis=0)
    centred = X - mu
    inv_std = 1 / np.sqrt((centred**2).mean(axis=0) + 1e-5)
    xhat = centred * inv_std
    return gamma * xhat + beta, (xhat, inv_std, gamma)


def batchnorm_backward(d, cache):
    xhat, inv_std, gamma = cache
    dx = gamma * inv_std * (d - d.mean(axis=0) - xhat * (d * xhat).mean(axis=0))
    return dx, (d * xhat).sum(axis=0), d.sum(axis=0)


def batchnorm_draw(rng):
    N, D = sizes(rng, 2)
    N += 3
    return {"X": rng.normal(size=(N, D)), "gamma": rng.normal(size=D), "beta": rng.normal(size=D)}


def conv_forward(X, w, b):
    k = len(w)
    columns = [(X[:, t : t + k] * w).sum(axis=1) + b for t in range(X.shape[1] - k + 1)]
    return np.stack(columns, axis=1), (X, w)


def conv_backward(d, cache, overwrite=False):
    X, w = cache
    k = len(w)
    dX, dw = np.zeros(X.shape), np.zeros(w.shape)
    for t in range(d.shape[1]):
        part = d[:, t : t + 1] * w
        dX[:, t : t + k] = part if overwrite else dX[:, t : t + k] + part
        dw += (d[:, t : t + 1] * X[:, t : t + k]).sum(axis=0)
    return dX, dw, d.sum()


def conv_draw(rng):
    return {"X": rng.normal(size=(3, 8)), "w": rng.normal(size=4), "b": float(rng.normal())}


def neuron_forward(x, w, b):
    a = sigmoid(w @ x + b)
    return a, (x, w, a)


def neuron_backward(d, cache):
    x, w, a = cache
    dz = d * a * (1 - a)
    return dz * w, dz * x, dz


def neuron_draw(rng):
    (n,) = sizes(rng, 1)
    return {"x": rng.normal(size=n), "w": rng.normal(size=n), "b": float(rng.normal())}


# --- networks ------------------------------------------------------------------------------------------------
def two_layer_forward(X, W1, b1, W2, b2, y):
    Z1 = X @ W1 + b1
    A1 = np.tanh(Z1)
    Z2 = A1 @ W2 + b2
    p = sigmoid(Z2)
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)), (X, W1, Z1, A1, W2, Z2, p, y)


def two_layer_backward(cache, slip=""):
    X, W1, Z1, A1, W2, Z2, p, y = cache
    dZ2 = (p - y) / len(X)
    dW2, db2 = A1.T @ dZ2, dZ2.sum(axis=0)
    if slip == "updated":
        W2 = W2 - 0.1 * dW2
    if slip == "Z1 for A1":
        dW2 = Z1.T @ dZ2
    dA1 = dZ2 @ W2.T
    dZ1 = dA1 if slip == "no activation" else dA1 * (1 - (Z1 if slip == "Z1" else A1) ** 2)
    if slip == "twice":
        dZ1 = dZ1 * (1 - A1**2)
    if slip == "upstream":
        dZ1 = 1 - A1**2
    return {"dW1": X.T @ dZ1, "db1": dZ1.sum(axis=0), "dW2": dW2, "db2": db2}


def two_layer_draw(rng):
    N, n, h = sizes(rng, 3)
    return {
        "X": rng.normal(size=(N, n)),
        "W1": rng.normal(size=(n, h)),
        "b1": rng.normal(size=h),
        "W2": rng.normal(size=(h, 1)),
        "b2": rng.normal(size=1),
        "y": rng.integers(0, 2, size=(N, 1)),
    }


def relu_net_forward(X, W1, b1, W2, b2):
    Z1 = X @ W1 + b1
    A1 = np.maximum(Z1, 0)
    return A1 @ W2 + b2, (X, Z1, A1, W2)


def relu_net_backward(d, cache, mask=lambda Z: Z > 0):
    X, Z1, A1, W2 = cache
    dZ1 = (d @ W2.T) * mask(Z1)
    return X.T @ dZ1, dZ1.sum(axis=0), A1.T @ d, d.sum(axis=0)


def relu_net_draw(rng):
    N, n, h, m = sizes(rng, 4)
    return {
        "X": rng.normal(size=(N, n)),
        "W1": rng.normal(size=(n, h)),
        "b1": rng.normal(size=h),
        "W2": rng.normal(size=(h, m)),
        "b2": rng.normal(size=m),
    }


def deep_forward(X, W1, b1, W2, b2, W3, b3):
    A1 = np.tanh(X @ W1 + b1)
    A2 = np.tanh(A1 @ W2 + b2)
    Z3 = A2 @ W3 + b3
    return Z3, (X, A1, A2, Z3, W2, W3)


def deep_backward(d, cache, slip=""):
    X, A1, A2, Z3, W2, W3 = cache
    if slip == "output":
        d = d * (1 - np.tanh(Z3) ** 2)
    if slip == "output by its value":
        d = d * (1 - Z3**2)
    dZ2 = (d @ W3.T) * (1 - A2**2)
    dZ1 = (dZ2 @ W2.T) * (1 - A1**2)
    inputs = [A1, A2, Z3] if slip == "off by one" else [X, A1, A2]
    grads = [{"dW": A.T @ dZ, "db": dZ.sum(axis=0)} for A, dZ in zip(inputs, [dZ1, dZ2, d], strict=True)]
    return grads


def deep_draw(rng):
    N, n, h, m = sizes(rng, 4)
    shapes = {"X": (N, n), "W1": (n, h), "b1": (h,), "W2": (h, h), "b2": (h,), "W3": (h, m), "b3": (m,)}
    return {name: rng.normal(size=shape) for name, shape in shapes.items()}


SETTINGS = {
    "linear": Setting(linear_forward, linear_backward, linear_draw),
    "square linear": Setting(linear_forward, linear_backward, square_draw),
    "sigmoid": Setting(sigmoid_forward, lambda d, c: d * c[1] * (1 - c[1]), matrix_draw),
    "tanh": Setting(tanh_forward, lambda d, c: d * (1 - c[1] ** 2), matrix_draw),
    "relu": Setting(relu_forward, lambda d, Z: d * (Z > 0), matrix_draw),
    "leaky relu": Setting(leaky_forward, lambda d, Z: d * np.where(Z > 0, 1.0, 0.1), matrix_draw),
    "softmax": Setting(softmax_forward, softmax_backward, matrix_draw),
    "mse": Setting(mse_forward, lambda c: 2 * (c[0] - c[1]) / c[0].size, mse_draw, ("P",)),
    "bce": Setting(bce_forward, bce_backward, bce_draw, ("p",)),
    "cross-entropy": Setting(xent_forward, xent_backward, xent_draw),
    "ridge": Setting(ridge_forward, ridge_backward, ridge_draw, ("W",)),
    "dropout": Setting(dropout_forward, lambda d, mask: d * mask / KEEP, dropout_setting),
    "fork": Setting(fork_forward, lambda d, c: (d * (c[1] + np.cos(c[0])), d * c[0]), fork_draw),
    "gate": Setting(gate_forward, lambda d, c: (d * (c[1] + 2 * c[0]), d * c[0]), gate_draw),
    "batch norm": Setting(batchnorm_forward, batchnorm_backward, batchnorm_draw),
    "convolution": Setting(conv_forward, conv_backward, conv_draw),
    "neuron": Setting(neuron_forward, neuron_backward, neuron_draw),
    "two layers": Setting(two_layer_forward, two_layer_backward, two_layer_draw, ("W1", "b1", "W2", "b2")),
    "relu network": Setting(relu_net_forward, relu_net_backward, relu_net_draw, ("W1", "b1", "W2", "b2")),
    "deep network": Setting(deep_forward, deep_backward, deep_draw, ("W1", "b1", "W2", "b2", "W3", "b3")),
}


def onehot(P, y):
    return np.eye(P.shape[1])[y]


def published() -> list[Slip]:
    """Return the slips of the published slips."""
    right = linear_backward

    def swap(place, value):
        def wrong(d, cache):
            answers = list(right(d, cache))
            answers[place] = value(d, cache)
            return tuple(answers)

        return wrong

    return [
        Slip("square linear", "dX = d @ W", swap(0, lambda d, c: d @ c[1]), ("missing-transpose",), ("dX",)),
        Slip("linear", "dW = d.T @ X", swap(1, lambda d, c: d.T @ c[0]), ("transposed",), ("dW",)),
        Slip("linear", "dW = X.T * d", swap(1, lambda d, c: c[0].T * d), ("elementwise-product",), ("dX", "dW", "db")),
        Slip("linear", "db = d", swap(2, lambda d, c: d), ("not-summed",), ("db",)),
        Slip(
            "linear",
            "db keeps its dimension",
            swap(2, lambda d, c: d.sum(0, keepdims=True)),
            ("extra-dimension",),
            ("db",),
        ),
        Slip("linear", "dW = X.T @ d / N", swap(1, lambda d, c: c[0].T @ d / len(d)), ("constant-factor",), ("dW",)),
        Slip("linear", "dW = -X.T @ d", swap(1, lambda d, c: -c[0].T @ d), ("sign",), ("dW",)),
        Slip(
            "linear",
            "return dW, dX, db",
            lambda d, c: tuple(right(d, c)[k] for k in (1, 0, 2)),
            ("order",),
            ("dX", "dW"),
        ),
        Slip("linear", "dW = lr * X.T @ d", swap(1, lambda d, c: 0.01 * c[0].T @ d), ("constant-factor",), ("dW",)),
        Slip("linear", "dX = zeros", swap(0, lambda d, c: np.zeros_like(c[0])), ("placeholder",), ("dX",)),
        Slip("linear", "dX = None", swap(0, lambda d, c: None), ("none", "placeholder"), ("dX",)),
        Slip(
            "linear", "db = full(N)", swap(2, lambda d, c: np.full(d.shape[1], len(d))), ("missing-upstream",), ("db",)
        ),
        Slip("sigmoid", "d * z * (1 - z)", lambda d, c: d * c[0] * (1 - c[0]), ("wrong-variable",), ("dZ",)),
        Slip("sigmoid", "return d", lambda d, c: d, ("missing-activation-derivative",), ("dZ",)),
        Slip("tanh", "return d", lambda d, c: d, ("missing-activation-derivative",), ("dZ",)),
        Slip("relu", "return d", lambda d, c: d, ("missing-activation-derivative",), ("dZ",)),
        Slip("sigmoid", "return a * (1 - a)", lambda d, c: c[1] * (1 - c[1]), ("missing-upstream",), ("dZ",)),
        Slip("tanh", "d * (1 - z**2)", lambda d, c: d * (1 - c[0] ** 2), ("wrong-variable",), ("dZ",)),
        Slip("relu", "d[z <= 0] = 0", relu_overwrites_upstream, ("modifies-upstream",), ("dout",)),
        Slip("relu", "z[z < 0] = 0", relu_overwrites_cache, ("modifies-cache",), ("cache",)),
        Slip("relu", "(z > 0) * 1.0", lambda d, c: (c > 0) * 1.0, ("missing-upstream",), ("dZ",)),
        Slip("softmax", "d * p * (1 - p)", lambda d, P: d * P * (1 - P), ("diagonal-jacobian",), ("dZ",)),
        Slip("mse", "no factor 2", lambda c: (c[0] - c[1]) / c[0].size, ("constant-factor",), ("dP",)),
        Slip("mse", "no division", lambda c: 2 * (c[0] - c[1]), ("constant-factor",), ("dP",)),
        Slip("mse", "2 * (y - p) / size", lambda c: 2 * (c[1] - c[0]) / c[0].size, ("sign",), ("dP",)),
        Slip("bce", "(p - y) / N", lambda c: (c[0] - c[1]) / len(c[0]), ("wrong-variable",), ("dp",)),
        Slip("bce", "no / N", lambda c: bce_backward(c) * len(c[0]), ("constant-factor",), ("dp",)),
        Slip(
            "bce",
            "-(y/p + (1-y)/(1-p)) / N",
            lambda c: -(c[1] / c[0] + (1 - c[1]) / (1 - c[0])) / len(c[0]),
            ("sign",),
            ("dp",),
        ),
        Slip("cross-entropy", "p - Y", lambda c: c[0] - onehot(*c), ("constant-factor",), ("dZ",)),
        Slip("cross-entropy", "(Y - p) / N", lambda c: (onehot(*c) - c[0]) / len(c[1]), ("sign",), ("dZ",)),
        Slip("ridge", "no lam * W", lambda c: 2 * c[0].T @ c[2] / c[2].size, ("missing-term",), ("dW",)),
        Slip("dropout", "d / keep", lambda d, mask: d / KEEP, ("wrong-mask",), ("dX",)),
        Slip(
            "fork",
            "the second branch alone",
            lambda d, c: (d * np.cos(c[0]), d * c[0]),
            ("overwritten-branch",),
            ("dx",),
        ),
        Slip(
            "gate", "the second branch alone", lambda d, c: (d * 2 * c[0], d * c[0]), ("overwritten-branch",), ("dx",)
        ),
        Slip(
            "batch norm",
            "dx = gamma * inv_std * d",
            lambda d, c: (c[2] * c[1] * d, *batchnorm_backward(d, c)[1:]),
            ("missing-path",),
            ("dX",),
        ),
        Slip(
            "convolution", "dx[window] = ...", lambda d, c: conv_backward(d, c, True), ("overwritten-branch",), ("dX",)
        ),
        Slip(
            "two layers",
            "W2 updated before dA1",
            lambda c: two_layer_backward(c, "updated"),
            ("updated-weights",),
            ("dW1", "db1"),
        ),
        Slip(
            "two layers",
            "dZ1 = dZ2 @ W2.T",
            lambda c: two_layer_backward(c, "no activation"),
            ("missing-activation-derivative",),
            ("dW1", "db1"),
        ),
        Slip(
            "relu network",
            "dZ1 = dZ2 @ W2.T",
            lambda d, c: relu_net_backward(d, c, lambda Z: 1.0),
            ("missing-activation-derivative",),
            ("dW1", "db1"),
        ),
        Slip(
            "deep network",
            "dW[l] = A[l].T @ dZ[l]",
            lambda d, c: deep_backward(d, c, "off by one"),
            ("off-by-one-layer",),
            ("dW1", "dW2", "dW3"),
        ),
        Slip(
            "deep network",
            "activation derivative at the output",
            lambda d, c: deep_backward(d, c, "output"),
            ("wrong-variable",),
            ("dW1", "db1", "dW2", "db2", "dW3", "db3"),
        ),
    ]


def accumulating():
    totals = {}

    def backward(d, cache):
        total = totals.setdefault(d.tobytes(), [0.0, 0.0, 0.0])
        for k, part in enumerate(linear_backward(d, cache)):
            total[k] = total[k] + part
        return tuple(total)

    return backward


def embedding_forward(E, idx):
    return E[idx], (E.shape, idx)


def embedding_backward(d, cache):
    dE = np.zeros(cache[0])
    np.add.at(dE, cache[1], d)
    return dE


def embedding_overwrites(d, cache):
    dE = np.zeros(cache[0])
    dE[cache[1]] += d
    return dE


def embedding_draw(rng):
    return {"E": rng.normal(size=(5, 3)), "idx": np.array([1, 4, 1, 0, 4, 1, 2])}


def l2_forward(W, b):
    return 0.5 * 0.3 * np.sum(W**2), (W, b)


def l2_draw(rng):
    n, m = sizes(rng, 2)
    return {"W": rng.normal(size=(n, m)), "b": rng.normal(size=m)}


def entropy_net_forward(X, W, b, y):
    P = softmax(X @ W + b)
    return -np.mean(np.log(P[np.arange(len(y)), y])), (X, W, P, y)


def entropy_net_backward(cache, slip=""):
    X, W, P, y = cache
    dZ = P - np.eye(P.shape[1])[y]
    if slip == "diagonal":
        dP = -np.eye(P.shape[1])[y] / P / len(y)
        return X.T @ (dP * P * (1 - P)), (dP * P * (1 - P)).sum(axis=0)
    dZ = dZ if slip == "no N" else dZ / len(y)
    return X.T @ dZ, dZ.sum(axis=0)


def entropy_net_draw(rng):
    N, n, C = sizes(rng, 3)
    return {
        "X": rng.normal(size=(N, n)),
        "W": rng.normal(size=(n, C)),
        "b": rng.normal(size=C),
        "y": rng.integers(0, C, N),
    }


SETTINGS |= {
    "embedding": Setting(embedding_forward, embedding_backward, embedding_draw),
    "l2": Setting(l2_forward, lambda c: (0.3 * c[0], np.zeros_like(c[1])), l2_draw),
    "softmax classifier": Setting(entropy_net_forward, entropy_net_backward, entropy_net_draw, ("W", "b")),
}


def further() -> list[Slip]:
    """Return slips that the published catalogue does not list."""
    right = linear_backward

    def swap(setting, place, value):
        def wrong(d, cache):
            answers = list(SETTINGS[setting].right(d, cache))
            answers[place] = value(d, cache)
            return tuple(answers)

        return wrong

    def first_row_zero(G):
        G = G.copy()
        G[0] = 0
        return G

    def one_more(G):
        G = G.copy()
        G[1, 1] += 1e-3
        return G

    def batch(d, c, mean, var):
        xhat, inv_std, gamma = c
        lost = (d.mean(axis=0) if mean else 0) + (xhat * (d * xhat).mean(axis=0) if var else 0)
        return gamma * inv_std * (d - lost)

    all_linear = ("dX", "dW", "db")
    deep = ("dW1", "db1", "dW2", "db2", "dW3", "db3")
    return [
        Slip("linear", "dX = d @ W", swap("linear", 0, lambda d, c: d @ c[1]), ("missing-transpose",), all_linear),
        Slip("linear", "db = d.sum(1)", swap("linear", 2, lambda d, c: d.sum(1)), ("wrong-axis",), ("db",)),
        Slip("linear", "db = d.sum()", swap("linear", 2, lambda d, c: d.sum()), ("wrong-axis",), ("db",)),
        Slip("linear", "db = d.mean(0)", swap("linear", 2, lambda d, c: d.mean(0)), ("constant-factor",), ("db",)),
        Slip("linear", "db = d[0]", swap("linear", 2, lambda d, c: d[0]), ("not-summed",), ("db",)),
        Slip(
            "linear",
            "dW = X.T @ ones",
            swap("linear", 1, lambda d, c: c[0].T @ np.ones_like(d)),
            ("missing-upstream",),
            ("dW",),
        ),
        Slip(
            "linear", "dX summed", swap("linear", 0, lambda d, c: (d @ c[1].T).sum(0)), ("summed-over-batch",), ("dX",)
        ),
        Slip("linear", "two of three", lambda d, c: right(d, c)[:2], ("wrong-count",), all_linear),
        Slip("linear", "four", lambda d, c: (*right(d, c), 0.0), ("wrong-count",), all_linear),
        Slip("linear", "dX as a list", swap("linear", 0, lambda d, c: (d @ c[1].T).tolist()), ("wrong-type",), ("dX",)),
        Slip("linear", "dX complex", swap("linear", 0, lambda d, c: d @ c[1].T + 0j), ("wrong-type",), ("dX",)),
        Slip(
            "linear",
            "dX rounded to integers",
            swap("linear", 0, lambda d, c: (10 * d @ c[1].T).astype(int)),
            ("integer-dtype",),
            ("dX",),
        ),
        Slip("linear", "dW with NaN", swap("linear", 1, lambda d, c: c[0].T @ d * np.nan), ("not-finite",), ("dW",)),
        Slip(
            "linear",
            "dW lacks a row",
            swap("linear", 1, lambda d, c: first_row_zero(c[0].T @ d)),
            ("one-row",),
            ("dW",),
        ),
        Slip(
            "linear",
            "dW lacks a column",
            swap("linear", 1, lambda d, c: first_row_zero(d.T @ c[0]).T),
            ("one-column",),
            ("dW",),
        ),
        Slip(
            "linear",
            "dW off in one entry",
            swap("linear", 1, lambda d, c: one_more(c[0].T @ d)),
            ("one-entry",),
            ("dW",),
        ),
        Slip(
            "linear",
            "dW doubled and turned",
            swap("linear", 1, lambda d, c: -2 * c[0].T @ d),
            ("constant-factor",),
            ("dW",),
        ),
        Slip("linear", "accumulates", accumulating(), ("accumulates",), ("repeat dX", "repeat dW", "repeat db")),
        Slip(
            "square linear",
            "dW of the first example",
            swap("square linear", 1, lambda d, c: c[0][:1].T @ d[:1]),
            ("overwritten-branch",),
            ("dW",),
        ),
        Slip(
            "square linear",
            "dW transposed",
            swap("square linear", 1, lambda d, c: d.T @ c[0]),
            ("transposed",),
            ("dW",),
        ),
        Slip("sigmoid", "applied twice", lambda d, c: d * (c[1] * (1 - c[1])) ** 2, ("wrong-variable",), ("dZ",)),
        Slip(
            "sigmoid",
            "sigmoid of a",
            lambda d, c: d * sigmoid(c[1]) * (1 - sigmoid(c[1])),
            ("wrong-variable",),
            ("dZ",),
        ),
        Slip("sigmoid", "turned", lambda d, c: d * c[1] * (c[1] - 1), ("sign",), ("dZ",)),
        Slip("sigmoid", "d * a", lambda d, c: d * c[1], ("unknown",), ("dZ",)),
        Slip("tanh", "tanh of a", lambda d, c: d * (1 - np.tanh(c[1]) ** 2), ("wrong-variable",), ("dZ",)),
        Slip("tanh", "1 - a", lambda d, c: d * (1 - c[1]), ("unknown",), ("dZ",)),
        Slip("tanh", "no upstream", lambda d, c: 1 - c[1] ** 2, ("missing-upstream",), ("dZ",)),
        Slip("tanh", "sigmoid's formula", lambda d, c: d * c[1] * (1 - c[1]), ("unknown",), ("dZ",)),
        Slip("relu", "mask of d", lambda d, Z: d * (d > 0), ("wrong-mask",), ("dZ",)),
        Slip("relu", "mask turned", lambda d, Z: d * (Z < 0), ("wrong-mask",), ("dZ",)),
        Slip("relu", "d * Z", lambda d, Z: d * Z, ("wrong-mask",), ("dZ",)),
        Slip("leaky relu", "no slope", lambda d, Z: d * (Z > 0), ("wrong-mask",), ("dZ",)),
        Slip("leaky relu", "turned", lambda d, Z: d * np.where(Z > 0, 0.1, 1), ("wrong-mask",), ("dZ",)),
        Slip("leaky relu", "return d", lambda d, Z: d, ("missing-activation-derivative",), ("dZ",)),
        Slip("softmax", "p * (1 - p)", lambda d, P: P * (1 - P), ("diagonal-jacobian",), ("dZ",)),
        Slip("softmax", "d * p", lambda d, P: d * P, ("missing-path",), ("dZ",)),
        Slip("softmax", "return d", lambda d, P: d, ("missing-activation-derivative",), ("dZ",)),
        Slip("mse", "divided by N", lambda c: 2 * (c[0] - c[1]) / len(c[0]), ("constant-factor",), ("dP",)),
        Slip("mse", "the error itself", lambda c: (c[0] - c[1]) ** 2 / c[0].size, ("unknown",), ("dP",)),
        Slip(
            "ridge",
            "lam * W doubled",
            lambda c: 2 * c[0].T @ c[2] / c[2].size + 0.6 * c[0 + 1],
            ("constant-factor",),
            ("dW",),
        ),
        Slip("ridge", "lam * W turned", lambda c: 2 * c[0].T @ c[2] / c[2].size - 0.3 * c[1], ("sign",), ("dW",)),
        Slip(
            "ridge",
            "only lam * W",
            lambda c: 0.3 * c[1],
            ("missing-path", "missing-term", "overwritten-branch"),
            ("dW",),
        ),
        Slip("l2", "no lam", lambda c: (c[0], np.zeros_like(c[1])), ("constant-factor",), ("dW",)),
        Slip("l2", "bias too", lambda c: (0.3 * c[0], 0.3 * c[1]), ("unknown",), ("db",)),
        Slip("dropout", "mask turned", lambda d, m: d * (1 - m) / KEEP, ("wrong-mask",), ("dX",)),
        Slip("dropout", "no / keep", lambda d, m: d * m, ("constant-factor",), ("dX",)),
        Slip("fork", "the first branch alone", lambda d, c: (d * c[1], d * c[0]), ("overwritten-branch",), ("dx",)),
        Slip("fork", "one sign turned", lambda d, c: (d * (c[1] - np.cos(c[0])), d * c[0]), ("sign",), ("dx",)),
        Slip(
            "fork",
            "x for y",
            lambda d, c: (d * (c[0] + np.cos(c[0])), d * c[0]),
            ("unknown", "wrong-variable"),
            ("dx",),
        ),
        Slip("gate", "no upstream", lambda d, c: (c[1] + 2 * c[0], c[0]), ("missing-upstream",), ("dx", "dy")),
        Slip("gate", "x for 2 x", lambda d, c: (d * (c[1] + c[0]), d * c[0]), ("constant-factor",), ("dx",)),
        Slip(
            "batch norm",
            "no path through the mean",
            lambda d, c: (batch(d, c, False, True), *batchnorm_backward(d, c)[1:]),
            ("missing-path",),
            ("dX",),
        ),
        Slip(
            "batch norm",
            "no path through the variance",
            lambda d, c: (batch(d, c, True, False), *batchnorm_backward(d, c)[1:]),
            ("missing-path",),
            ("dX",),
        ),
        Slip(
            "batch norm",
            "dgamma = dbeta",
            lambda d, c: (batchnorm_backward(d, c)[0], d.sum(0), d.sum(0)),
            ("unknown",),
            ("dgamma",),
        ),
        Slip(
            "convolution",
            "dw reversed",
            swap("convolution", 1, lambda d, c: conv_backward(d, c)[1][::-1]),
            ("unknown",),
            ("dw",),
        ),
        Slip("embedding", "dE[idx] += d", embedding_overwrites, ("overwritten-branch",), ("dE",)),
        Slip(
            "neuron",
            "no activation",
            lambda d, c: (d * c[1], d * c[0], d),
            ("missing-activation-derivative",),
            ("dx", "dw", "db"),
        ),
        Slip("neuron", "no upstream", lambda d, c: neuron_backward(1.0, c), ("missing-upstream",), ("dx", "dw", "db")),
        Slip(
            "neuron",
            "swapped",
            lambda d, c: tuple(neuron_backward(d, c)[k] for k in (1, 0, 2)),
            ("order",),
            ("dx", "dw"),
        ),
        Slip(
            "two layers",
            "z for a in 1 - a**2",
            lambda c: two_layer_backward(c, "Z1"),
            ("wrong-variable",),
            ("dW1", "db1"),
        ),
        Slip("two layers", "twice", lambda c: two_layer_backward(c, "twice"), ("wrong-variable",), ("dW1", "db1")),
        Slip("two layers", "Z1 for A1", lambda c: two_layer_backward(c, "Z1 for A1"), ("wrong-variable",), ("dW2",)),
        Slip(
            "two layers",
            "no upstream",
            lambda c: two_layer_backward(c, "upstream"),
            ("missing-upstream",),
            ("dW1", "db1"),
        ),
        Slip(
            "relu network",
            "mask turned",
            lambda d, c: relu_net_backward(d, c, lambda Z: Z < 0),
            ("wrong-mask",),
            ("dW1", "db1"),
        ),
        Slip(
            "deep network",
            "derivative at the output by its value",
            lambda d, c: deep_backward(d, c, "output by its value"),
            ("wrong-variable",),
            deep,
        ),
        Slip(
            "softmax classifier", "no N", lambda c: entropy_net_backward(c, "no N"), ("constant-factor",), ("dW", "db")
        ),
        Slip(
            "softmax classifier",
            "diagonal",
            lambda c: entropy_net_backward(c, "diagonal"),
            ("diagonal-jacobian", "unknown"),
            ("dW", "db"),
        ),
    ]


# --- correct alternatives --------------------------------------------------------------------------------------
def linear_with(backward):
    return lambda rng: (linear_forward, backward, linear_draw(rng))


def by_loops(d, cache):
    X, W, b = cache
    dX, dW, db = np.zeros_like(X), np.zeros_like(W), np.zeros_like(b)
    for x, dx, row in zip(X, dX, d, strict=True):
        dW += np.outer(x, row)
        db += row
        dx += W @ row
    return dX, dW, db


def by_einsum(d, cache):
    X, W, _ = cache
    return np.einsum("nk,ik->ni", d, W), np.einsum("ni,nk->ik", X, d), np.einsum("nk->k", d)


def by_rows_of_the_jacobian(d, P):
    return np.stack([(np.diag(p) - np.outer(p, p)) @ row for p, row in zip(P, d, strict=True)])


def views(d, cache):
    answer = np.empty((2, *d.shape))
    answer[1] = d * (1 - cache[1] ** 2)
    return answer[1]


def staged_batchnorm_forward(X, gamma, beta):
    mu = X.mean(axis=0)
    centred = X - mu
    variance = (centred**2).mean(axis=0)
    std = np.sqrt(variance + 1e-5)
    xhat = centred / std
    return gamma * xhat + beta, (centred, std, xhat, gamma)


def staged_batchnorm_backward(d, cache):
    centred, std, xhat, gamma = cache
    N = len(d)
    dxhat = d * gamma
    dvariance = (dxhat * centred).sum(axis=0) * -0.5 / std**3
    dcentred = dxhat / std + dvariance * 2 * centred / N
    return dcentred - dcentred.sum(axis=0) / N, (d * xhat).sum(axis=0), d.sum(axis=0)


def convolve_rows_forward(X, w, b):
    return np.stack([np.convolve(x, w[::-1], "valid") for x in X]) + b, (X, w)


def convolve_rows_backward(d, cache):
    X, w = cache
    dX = np.stack([np.convolve(row, w) for row in d])
    dw = sum(np.convolve(x, row[::-1], "valid") for x, row in zip(X, d, strict=True))
    return dX, dw, d.sum()


def shifted(rng):
    Z = rng.normal(size=(4, 3))
    return {"Z": np.where(np.abs(Z) < 0.1, 0.5, Z)}


ALTERNATIVES = {
    "einsum": linear_with(by_einsum),
    "loops with np.outer": linear_with(by_loops),
    "Fortran order": linear_with(lambda d, c: tuple(np.asfortranarray(g) for g in linear_backward(d, c))),
    "a list": linear_with(lambda d, c: list(linear_backward(d, c))),
    "exp(-z) / (1 + exp(-z))**2": lambda rng: (
        sigmoid_forward,
        lambda d, c: d * np.exp(-c[0]) / (1 + np.exp(-c[0])) ** 2,
        matrix_draw(rng),
    ),
    "1 / cosh(z)**2": lambda rng: (tanh_forward, lambda d, c: d / np.cosh(c[0]) ** 2, matrix_draw(rng)),
    "z >= 0": lambda rng: (relu_forward, lambda d, Z: d * (Z >= 0), shifted(rng)),
    "np.where": lambda rng: (relu_forward, lambda d, Z: np.where(Z > 0, d, 0.0), shifted(rng)),
    "Jacobian by rows": lambda rng: (softmax_forward, by_rows_of_the_jacobian, matrix_draw(rng)),
    "staged batch normalisation": lambda rng: (
        staged_batchnorm_forward,
        staged_batchnorm_backward,
        batchnorm_draw(rng),
    ),
    "np.convolve by rows": lambda rng: (convolve_rows_forward, convolve_rows_backward, conv_draw(rng)),
    "views": lambda rng: (tanh_forward, views, matrix_draw(rng)),
    "float64 from float32": lambda rng: (
        tanh_forward,
        lambda d, c: d * (1 - c[1] ** 2),
        {"Z": rng.normal(size=(3, 4)).astype(np.float32)},
    ),
    "bare in a tuple": lambda rng: (tanh_forward, lambda d, c: (d * (1 - c[1] ** 2),), matrix_draw(rng)),
    "a numpy scalar": lambda rng: (
        gate_forward,
        lambda d, c: (np.array(d * (c[1] + 2 * c[0])), float(d * c[0])),
        gate_draw(rng),
    ),
}
