"""Typical wrong backward functions of losses, normalisations, pooling, recurrent and deep networks, and attention.

Each backward takes the name of a slip, and is right without one.
"""

import functools

import numpy as np
from slips import Setting, Slip, sigmoid, sizes, softmax


# --- softmax, its logarithm, losses ----------------------------------------------------------------------------
def softmax_forward(Z):
    P = softmax(Z)
    return P, P


def softmax_backward(d, P, slip=""):
    total = (d * P).sum(axis=1, keepdims=True)
    if slip == "the other axis":
        total = (d * P).sum(axis=0, keepdims=True)
    if slip == "one sum for all":
        total = (d * P).sum()
    if slip == "a mean":
        total = total / P.shape[1]
    if slip == "plus":
        total = -total
    return P * (d - total)


def log_softmax_forward(Z):
    S = Z - Z.max(axis=1, keepdims=True)
    logs = S - np.log(np.exp(S).sum(axis=1, keepdims=True))
    return logs, np.exp(logs)


def log_softmax_backward(d, P, slip=""):
    total = d.sum(axis=1, keepdims=True)
    if slip == "the other axis":
        total = d.sum(axis=0, keepdims=True)
    if slip == "one sum for all":
        total = d.sum()
    if slip == "plus":
        total = -total
    if slip == "no sum":
        total = 1.0
    if slip == "diagonal":
        return d * (1 - P)
    return d - P * total


def rows_draw(rng):
    N, n = sizes(rng, 2)
    return {"Z": rng.normal(size=(N, n))}


def hinge_forward(s, y):
    return np.maximum(0, 1 - y * s).mean(), (s, y)


def hinge_backward(cache, slip=""):
    s, y = cache
    counts = y * s > 1 if slip == "turned" else np.ones(s.shape, bool) if slip == "everywhere" else y * s < 1
    return np.where(counts, -y, 0) / len(s)


def hinge_draw(rng):
    return {"s": 2 * rng.normal(size=9), "y": np.array([-1, 1, 1, -1, 1, -1, -1, 1, 1])}


def logistic_forward(X, w, b, y):
    a = sigmoid(X @ w + b)
    return -(y * np.log(a) + (1 - y) * np.log(1 - a)).mean(), (X, a, y)


def logistic_backward(cache, slip=""):
    X, a, y = cache
    dz = (a - y) / len(X)
    if slip == "loss by a alone":
        dz = dz / (a * (1 - a))
    if slip == "activation twice":
        dz = dz * a * (1 - a)
    return X.T @ dz, dz.sum()


def logistic_draw(rng):
    N, n = sizes(rng, 2)
    return {"X": rng.normal(size=(N, n)), "w": rng.normal(size=n), "b": float(rng.normal()), "y": np.arange(N) % 2}


def regression_forward(X, w, b, y):
    r = X @ w + b - y
    return (r**2).mean(), (X, r)


def regression_backward(cache, slip=""):
    X, r = cache
    dw = X[-1] * r[-1] if slip == "the last example" else X.T @ r
    return 2 * dw / len(r), 2 * r.mean()


def regression_draw(rng):
    N, n = sizes(rng, 2)
    return {"X": rng.normal(size=(N, n)), "w": rng.normal(size=n), "b": float(rng.normal()), "y": rng.normal(size=N)}


KEPT = {
    "first example left out": slice(1, None),
    "last example left out": slice(-1),
    "first example alone": slice(1),
    "last example alone": slice(-1, None),
}


def rows_forward(X, W, b):
    return X @ W + b, (X, W)


def rows_backward(dZ, cache, slip=""):
    (X, W), kept = cache, KEPT.get(slip, slice(None))
    return dZ @ W.T, X[kept].T @ dZ[kept], dZ[kept].sum(axis=0, keepdims=True)


def dense_draw(rng):
    n, m, N = sizes(rng, 3) + np.array([0, 0, 1])
    return {"X": rng.normal(size=(N, n)), "W": rng.normal(size=(n, m)), "b": rng.normal(size=(1, m))}


def columns_forward(X, W, b):
    return W @ X + b, (X, W)


def columns_backward(dZ, cache, slip=""):
    (X, W), kept = cache, KEPT.get(slip, slice(None))
    return W.T @ dZ, dZ[:, kept] @ X[:, kept].T, dZ[:, kept].sum(axis=1, keepdims=True)


def columns_draw(rng):
    return {name: value.T for name, value in dense_draw(rng).items()}


# --- pooling, normalisation --------------------------------------------------------------------------------------
def pool_forward(X):
    windows = X.reshape(len(X), -1, 2)
    return windows.max(axis=2), windows == windows.max(axis=2, keepdims=True)


def pool_backward(d, largest, slip=""):
    if slip == "to all":
        largest = np.ones(largest.shape)
    if slip == "shared out":
        largest = np.full(largest.shape, 0.5)
    if slip == "turned":
        largest = ~largest
    return (d[:, :, None] * largest).reshape(len(d), -1)


def pool_draw(rng):
    return {"X": rng.normal(size=(3, 8))}


def two_pass_forward(X, gamma, beta):
    mu = np.mean(X, axis=0)
    variance = np.mean((X - mu) ** 2, axis=0)
    std = np.sqrt(variance + 1e-5)
    xhat = (X - mu) / std
    return gamma * xhat + beta, (X, mu, std, xhat, gamma)


def two_pass_backward(d, cache, slip=""):
    X, mu, std, xhat, gamma = cache
    N, dxhat = len(X), d * gamma
    dvariance = (dxhat * (X - mu)).sum(axis=0) * -0.5 / std**3
    dmu = -(dxhat / std).sum(axis=0)
    if slip == "variance turned":
        dvariance = -dvariance
    if slip == "no half":
        dvariance = 2 * dvariance
    if slip in ("no variance", "neither"):
        dvariance = 0
    if slip in ("no mean", "neither"):
        dmu = 0
    if slip == "sums for means":
        dvariance = N * dvariance
    share = N * dmu if slip in ("mean not divided", "sums for means") else dmu
    return dxhat / std + dvariance * 2 * (X - mu) / N + share / N, (d * xhat).sum(axis=0), d.sum(axis=0)


def two_pass_draw(rng):
    N, n = sizes(rng, 2)
    return {"X": rng.normal(size=(N + 3, n)), "gamma": rng.normal(size=n), "beta": rng.normal(size=n)}


# --- networks ----------------------------------------------------------------------------------------------------
def residual_forward(X, W):
    A = np.tanh(X @ W)
    return X + A, (X, W, A)


def residual_backward(d, cache, slip=""):
    X, W, A = cache
    dZ = d if slip == "no activation" else d * (1 - A**2)
    inner = dZ @ W if slip == "no transpose" else dZ @ W.T
    return (0 if slip == "no skip" else d) + (0 if slip == "skip alone" else inner), X.T @ dZ


def residual_draw(rng):
    N, n = sizes(rng, 2)
    return {"X": rng.normal(size=(N, n)), "W": rng.normal(size=(n, n))}


def chain_forward(w1, b1, w2, b2, x, y):
    z1 = w1 * x + b1
    a1 = sigmoid(z1)
    a2 = sigmoid(w2 * a1 + b2)
    return (a2 - y) ** 2, (w2, x, y, z1, a1, a2)


def chain_backward(cache, slip=""):
    w2, x, y, z1, a1, a2 = cache
    output = slip in ("no activation at the output", "no activation")
    dz2 = 2 * (a2 - y) * (1 if output else a2 * (1 - a2))
    dz1 = dz2 * w2 * (1 if slip in ("no hidden activation", "no activation") else a1 * (1 - a1))
    return dz1 * x, dz1, dz2 * (z1 if slip == "z1 for a1" else a1), dz2


def chain_draw(rng):
    weights = {name: float(rng.normal()) for name in ("w1", "b1", "w2", "b2")}
    return {**weights, "x": 0.8, "y": 1.0}


def deep_forward(X, W1, b1, W2, b2, W3, b3, Y):
    Z1 = X @ W1 + b1
    A1 = np.tanh(Z1)
    Z2 = A1 @ W2 + b2
    A2 = np.tanh(Z2)
    P = sigmoid(A2 @ W3 + b3)
    return ((P - Y) ** 2).mean(), (X, Z1, A1, Z2, A2, P, W2, W3, Y)


def deep_backward(cache, slip=""):
    X, Z1, A1, Z2, A2, P, W2, W3, Y = cache
    hidden = [1 - Z**2 for Z in (Z1, Z2)] if slip == "z for a" else [1 - A**2 for A in (A1, A2)]
    if slip in ("no hidden activation", "no activation"):
        hidden = [1, 1]
    if slip == "1 + a**2":
        hidden = [1 + A**2 for A in (A1, A2)]
    if slip == "derivative at another layer":
        hidden = [1 - A2**2, 1 - A2**2]
    dZ3 = 2 * (P - Y) / Y.size * (1 if slip in ("no activation at the output", "no activation") else P * (1 - P))
    if slip == "updated on the way":
        W3 = W3 - 0.1 * A2.T @ dZ3
    dZ2 = dZ3 @ W3.T * hidden[1]
    if slip == "updated on the way":
        W2 = W2 - 0.1 * A1.T @ dZ2
    dZ1 = dZ2 @ (W2 if slip == "no transpose" else W2.T) * hidden[0]
    db1 = (dZ2 if slip == "db1 from dZ2" else dZ1).sum(axis=0)
    dW2 = A1.T @ (dZ1 if slip == "dW2 from dZ1" else dZ2)
    return X.T @ dZ1, db1, dW2, dZ2.sum(axis=0), A2.T @ dZ3, dZ3.sum(axis=0)


def deep_draw(rng):
    N, n, h, m = sizes(rng, 4)
    shapes = {"X": (N, n), "W1": (n, h), "b1": (h,), "W2": (h, h), "b2": (h,), "W3": (h, m), "b3": (m,), "Y": (N, m)}
    return {name: 0.7 * rng.normal(size=shape) for name, shape in shapes.items()}


def square_layers_forward(X, W1, W2, W3):
    A1 = np.tanh(X @ W1)
    A2 = np.tanh(A1 @ W2)
    return A2 @ W3, (X, A1, A2, W2, W3)


def square_layers_backward(d, cache, slip=""):
    X, A1, A2, W2, W3 = cache
    dZ2 = d @ W3.T * (1 - A2**2)
    dZ1 = dZ2 @ (W3 if slip == "weights of another layer" else W2).T * (1 - A1**2)
    return X.T @ dZ1, (X if slip == "X for A1" else A1).T @ dZ2, A2.T @ d


def square_layers_draw(rng):
    N, n = sizes(rng, 2)
    return {"X": rng.normal(size=(N, n)), **{name: rng.normal(size=(n, n)) / 2 for name in ("W1", "W2", "W3")}}


def by_copy_forward(Z):
    A = Z.copy()
    A[Z.real < 0] = 0
    return A, Z


def by_absolute_value_forward(Z):
    return (np.abs(Z) + Z) / 2, Z


def relu_backward(d, Z, slip=""):
    return d * {"turned": Z < 0, "of dout": d > 0, "none": 1.0}.get(slip, Z > 0)


def linear_output_forward(X, W1, b1, W2, b2, Y):
    A = np.tanh(X @ W1 + b1)
    P = A @ W2 + b2
    return ((P - Y) ** 2).mean(), (X, A, W2, P, Y)


def linear_output_backward(cache, slip=""):
    X, A, W2, P, Y = cache
    dP = 2 * (P - Y) / Y.size
    if slip == "activation at the output":
        dP = dP * (1 - P**2)
    dA = dP @ W2.T
    dZ = dA * (1 - A**2)
    return X.T @ (dA if slip == "dW1 from dA" else dZ), dZ.sum(axis=0), A.T @ dP, dP.sum(axis=0)


def linear_output_draw(rng):
    N, n, h, m = sizes(rng, 4)
    shapes = {"X": (N, n), "W1": (n, h), "b1": (h,), "W2": (h, m), "b2": (m,), "Y": (N, m)}
    return {name: rng.normal(size=shape) for name, shape in shapes.items()}


def decayed_forward(X, W1, b1, W2, b2, Y):
    A = np.maximum(0, X @ W1 + b1)
    P = softmax(A @ W2 + b2)
    return -(Y * np.log(P)).sum() / len(X) + 0.05 * ((W1**2).sum() + (W2**2).sum()), (X, W1, A, W2, P, Y)


def decayed_backward(cache, slip=""):
    X, W1, A, W2, P, Y = cache
    dZ2 = P - Y if slip == "no 1/N" else (P - Y) / len(X)
    dZ1 = dZ2 @ W2.T * (A > 0)
    rate = {"no decay": 0.0, "decay / N": 0.1 / len(X), "decay turned": -0.1, "no rate": 1.0}.get(slip, 0.1)
    return X.T @ dZ1 + rate * W1, dZ1.sum(axis=0), A.T @ dZ2 + rate * W2, dZ2.sum(axis=0)


def decayed_draw(rng):
    N, n, h, m = sizes(rng, 4)
    shapes = {"X": (N, n), "W1": (n, h), "b1": (h,), "W2": (h, m), "b2": (m,)}
    return {name: rng.normal(size=shape) for name, shape in shapes.items()} | {"Y": np.eye(m)[rng.integers(0, m, N)]}


def recurrent_forward(X, Wx, Wh, b):
    h = np.zeros((len(X), len(Wh)))
    states = [h]
    for t in range(X.shape[1]):
        h = np.tanh(X[:, t] @ Wx + h @ Wh + b)
        states.append(h)
    return h, (X, Wx, Wh, states)


def recurrent_backward(dh, cache, slip=""):
    X, Wx, Wh, states = cache
    dX, dWx, dWh, db = np.zeros(X.shape), np.zeros(Wx.shape), np.zeros(Wh.shape), np.zeros(len(Wh))
    keep = 0 if slip == "overwritten" else 1
    for t in reversed(range(X.shape[1])):
        dz = dh if slip == "no activation" else dh * (1 - states[t + 1] ** 2)
        dX[:, t] = dz @ Wx.T
        dWx, dWh, db = keep * dWx + X[:, t].T @ dz, keep * dWh + states[t].T @ dz, keep * db + dz.sum(axis=0)
        dh = dz @ (Wh if slip == "no transpose" else Wh.T)
        if slip == "the last step alone":
            break
    return dX, dWx, dWh, db


def in_columns_forward(X, W1, b1, W2, b2, Y):
    A1 = np.tanh(W1 @ X + b1)
    A2 = sigmoid(np.dot(W2, A1) + b2)
    loss = -(Y * np.log(A2) + (1 - Y) * np.log(1 - A2)).sum() / Y.shape[1]
    return loss + 0.1 * (np.sum(W1 * W1) + np.sum(W2 * W2)), (X, A1, A2, W1, W2, Y, np.arctanh(A1))


def in_columns_backward(cache, slip=""):
    X, A1, A2, W1, W2, Y, Z1 = cache
    m, decay = (
        Y.shape[1],
        {"decay doubled": 0.4, "decay halved": 0.1, "no decay": 0.0, "decay turned": -0.2}.get(slip, 0.2),
    )
    dZ2 = (A2 - Y) / (1 if slip == "no 1/m" else m)
    dW2 = dZ2 @ (Z1 if slip == "Z1 for A1" else A1).T + decay * W2
    before = W2 - 0.03 * dW2 if slip == "updated on the way" else W2
    dZ1 = before.T @ dZ2 * (1 if slip == "no activation" else 1 - A1**2)
    dW1 = dZ1 @ X.T + decay * W1
    return dW1, dZ1.sum(axis=1, keepdims=True), dW2, dZ2.sum(axis=1, keepdims=True)


def in_columns_draw(rng):
    n, h, m = sizes(rng, 3)
    shapes = {"X": (n, m), "W1": (h, n), "b1": (h, 1), "W2": (1, h), "b2": (1, 1)}
    return {name: rng.normal(size=shape) for name, shape in shapes.items()} | {"Y": rng.integers(0, 2, (1, m))}


def recurrent_draw(rng):
    N, T, n, h = sizes(rng, 4)
    return {
        "X": rng.normal(size=(N, T + 1, n)),
        "Wx": rng.normal(size=(n, h)),
        "Wh": rng.normal(size=(h, h)) / 2,
        "b": rng.normal(size=h),
    }


def attention_forward(Q, K, V):
    P = softmax(Q @ K.T / np.sqrt(Q.shape[1]))
    return P @ V, (Q, K, V, P)


def attention_backward(d, cache, slip=""):
    Q, K, V, P = cache
    dP = d @ V.T
    dS = P * dP * (1 - P) if slip == "diagonal" else P * (dP - (dP * P).sum(axis=1, keepdims=True))
    if slip != "not scaled":
        dS = dS / np.sqrt(Q.shape[1])
    return dS @ K, (dS if slip == "dS for dS.T" else dS.T) @ Q, (P if slip == "P for P.T" else P.T) @ d


def attention_draw(rng):
    N, n, m = sizes(rng, 3)
    return {"Q": rng.normal(size=(N, n)), "K": rng.normal(size=(N, n)), "V": rng.normal(size=(N, m))}


# --- one example, a vector; a batch of sequences; a slope that is learned --------------------------------------
def one_row_forward(x, W1, b1, W2, b2):
    a1 = np.tanh(x @ W1 + b1)
    return a1 @ W2 + b2, (x, a1, W1, W2)


def one_row_backward(d, cache, slip=""):
    x, a1, W1, W2 = cache
    da1 = d @ W2 if slip == "no transpose" else W2 @ d
    dz1 = da1 if slip == "no activation" else da1 * (1 - a1**2)
    dW2 = np.outer({"x for a1": x}.get(slip, a1), d)
    dx = {"W1 not turned": dz1 @ W1, "W2 for W1": W2 @ dz1}.get(slip, W1 @ dz1)
    return dx, np.outer(x, dz1), dz1, dW2.T if slip == "outer turned" else dW2, d


def one_column_forward(x, W1, b1, W2, b2):
    a1 = sigmoid(W1 @ x + b1)
    return W2 @ a1 + b2, (x, a1, W1, W2)


def one_column_backward(d, cache, slip=""):
    x, a1, W1, W2 = cache
    da1 = W2 @ d if slip == "no transpose" else W2.T @ d
    dz1 = da1 if slip == "no activation" else da1 * a1 * (1 - a1)
    dW1 = np.outer(dz1, {"a1 for x": a1}.get(slip, x))
    return (W1 if slip == "W1 not turned" else W1.T) @ dz1, dW1, dz1, np.outer(d, a1), d


def one_example_draw(rng):
    n = 3 + int(rng.integers(4))
    shapes = {"x": (n,), "W1": (n, n), "b1": (n,), "W2": (n, n), "b2": (n,)}
    return {name: rng.normal(size=shape) for name, shape in shapes.items()}


def sequences_forward(X, Wq, Wk, Wv):
    Q, K, V = X @ Wq, X @ Wk, X @ Wv
    S = Q @ K.transpose(0, 2, 1) / np.sqrt(Q.shape[-1])
    E = np.exp(S - S.max(axis=-1, keepdims=True))
    P = E / E.sum(axis=-1, keepdims=True)
    return P @ V, (X, Wq, Wk, Wv, Q, K, V, P)


def sequences_backward(d, cache, slip=""):
    X, Wq, Wk, Wv, Q, K, V, P = cache
    dV = (P if slip == "P for P.T" else P.transpose(0, 2, 1)) @ d
    dP = d @ (V if slip == "V for V.T" else V.transpose(0, 2, 1))
    dS = P * (dP - (dP * P).sum(axis=-1, keepdims=True))
    if slip != "not scaled":
        dS = dS / np.sqrt(Q.shape[-1])
    dQ, dK = dS @ K, (dS if slip == "dS for dS.T" else dS.transpose(0, 2, 1)) @ Q
    dX = dQ @ Wq.T + dK @ Wk.T + dV @ Wv.T
    if slip == "one not turned":
        dX = dQ @ Wq.T + dK @ Wk + dV @ Wv.T
    if slip == "none turned":
        dX = dQ @ Wq + dK @ Wk + dV @ Wv
    if slip == "through Q alone":
        dX = dQ @ Wq.T
    return dX, *(np.einsum("nti,ntj->ij", X, dA) for dA in (dQ, dK, dV))


def sequences_draw(rng):
    n = 2 + int(rng.integers(3))
    return {"X": rng.normal(size=(3, n, n)), **{name: rng.normal(size=(n, n)) for name in ("Wq", "Wk", "Wv")}}


def prelu_forward(X, a):
    return np.where(X > 0, X, a * X), (X, a)


def prelu_backward(d, cache, slip=""):
    X, a = cache
    dX = d * np.where(X > 0, 1.0, a)
    if slip == "slopes turned":
        dX = d * np.where(X > 0, a, 1.0)
    if slip == "one side alone":
        dX = d * (X > 0)
    mask = {"da everywhere": np.ones(X.shape), "da turned": X > 0}.get(slip, X <= 0)
    return dX, (d * X * mask).sum(axis=0)


def prelu_draw(rng):
    N, n, _ = sizes(rng, 3)
    return {"X": rng.normal(size=(N + 4, n)), "a": rng.uniform(0.1, 0.4, n)}


SETTINGS = {
    "softmax alone": Setting(softmax_forward, softmax_backward, rows_draw),
    "log-softmax": Setting(log_softmax_forward, log_softmax_backward, rows_draw),
    "hinge": Setting(hinge_forward, hinge_backward, hinge_draw),
    "logistic regression": Setting(logistic_forward, logistic_backward, logistic_draw, ("w", "b")),
    "linear regression": Setting(regression_forward, regression_backward, regression_draw, ("w", "b")),
    "examples in rows": Setting(rows_forward, rows_backward, dense_draw),
    "examples in columns": Setting(columns_forward, columns_backward, columns_draw),
    "network in columns": Setting(in_columns_forward, in_columns_backward, in_columns_draw, ("W1", "b1", "W2", "b2")),
    "max pooling": Setting(pool_forward, pool_backward, pool_draw),
    "two-pass batch norm": Setting(two_pass_forward, two_pass_backward, two_pass_draw),
    "residual": Setting(residual_forward, residual_backward, residual_draw),
    "two neurons": Setting(chain_forward, chain_backward, chain_draw, ("w1", "b1", "w2", "b2")),
    "deep sigmoid": Setting(deep_forward, deep_backward, deep_draw, ("W1", "b1", "W2", "b2", "W3", "b3")),
    "square layers": Setting(square_layers_forward, square_layers_backward, square_layers_draw, ("W1", "W2", "W3")),
    "relu by a copy": Setting(by_copy_forward, relu_backward, rows_draw),
    "relu by np.abs": Setting(by_absolute_value_forward, relu_backward, rows_draw),
    "linear output": Setting(
        linear_output_forward, linear_output_backward, linear_output_draw, ("W1", "b1", "W2", "b2")
    ),
    "decayed": Setting(decayed_forward, decayed_backward, decayed_draw, ("W1", "b1", "W2", "b2")),
    "recurrent": Setting(recurrent_forward, recurrent_backward, recurrent_draw),
    "attention": Setting(attention_forward, attention_backward, attention_draw),
    "one example in a row": Setting(one_row_forward, one_row_backward, one_example_draw),
    "one example in a column": Setting(one_column_forward, one_column_backward, one_example_draw),
    "attention in a batch": Setting(sequences_forward, sequences_backward, sequences_draw),
    "learned slope": Setting(prelu_forward, prelu_backward, prelu_draw),
}


# setting, slip, the right names for it, the gradients that it spoils
TABLE = (
    ("softmax alone", "the other axis", "wrong-axis", "dZ"),
    ("softmax alone", "one sum for all", "wrong-axis", "dZ"),
    ("softmax alone", "a mean", "constant-factor", "dZ"),
    ("softmax alone", "plus", "sign", "dZ"),
    ("log-softmax", "the other axis", "wrong-axis", "dZ"),
    ("log-softmax", "one sum for all", "wrong-axis", "dZ"),
    ("log-softmax", "plus", "sign", "dZ"),
    ("log-softmax", "no sum", "missing-upstream", "dZ"),
    ("log-softmax", "diagonal", "diagonal-jacobian", "dZ"),
    ("hinge", "turned", "wrong-mask", "ds"),
    ("hinge", "everywhere", "wrong-mask missing-activation-derivative", "ds"),
    ("logistic regression", "loss by a alone", "missing-activation-derivative", "dw db"),
    ("logistic regression", "activation twice", "wrong-variable", "dw db"),
    ("linear regression", "the last example", "overwritten-branch", "dw"),
    ("examples in rows", "first example left out", "not-summed", "dW db"),
    ("examples in rows", "last example left out", "not-summed", "dW db"),
    ("examples in rows", "first example alone", "overwritten-branch not-summed", "dW db"),
    ("examples in columns", "first example left out", "not-summed", "dW db"),
    ("examples in columns", "last example left out", "not-summed", "dW db"),
    ("examples in columns", "last example alone", "overwritten-branch not-summed", "dW db"),
    ("relu by a copy", "turned", "wrong-mask", "dZ"),
    ("relu by a copy", "of dout", "wrong-mask", "dZ"),
    ("relu by a copy", "none", "missing-activation-derivative", "dZ"),
    ("relu by np.abs", "turned", "wrong-mask", "dZ"),
    ("relu by np.abs", "of dout", "wrong-mask", "dZ"),
    ("relu by np.abs", "none", "missing-activation-derivative", "dZ"),
    ("max pooling", "to all", "wrong-mask", "dX"),
    ("max pooling", "shared out", "wrong-mask", "dX"),
    ("max pooling", "turned", "wrong-mask", "dX"),
    ("two-pass batch norm", "no variance", "missing-path", "dX"),
    ("two-pass batch norm", "no mean", "missing-path", "dX"),
    ("two-pass batch norm", "neither", "missing-path", "dX"),
    ("two-pass batch norm", "variance turned", "sign", "dX"),
    ("two-pass batch norm", "no half", "constant-factor", "dX"),
    ("two-pass batch norm", "mean not divided", "constant-factor", "dX"),
    ("two-pass batch norm", "sums for means", "constant-factor", "dX"),
    ("residual", "no skip", "overwritten-branch", "dX"),
    ("residual", "skip alone", "overwritten-branch", "dX"),
    ("residual", "no activation", "missing-activation-derivative", "dX dW"),
    ("residual", "no transpose", "missing-transpose", "dX"),
    ("two neurons", "no activation", "missing-activation-derivative", "dw1 db1 dw2 db2"),
    ("two neurons", "no activation at the output", "missing-activation-derivative", "dw1 db1 dw2 db2"),
    ("two neurons", "no hidden activation", "missing-activation-derivative", "dw1 db1"),
    ("two neurons", "z1 for a1", "wrong-variable", "dw2"),
    ("deep sigmoid", "no activation", "missing-activation-derivative", "dW1 db1 dW2 db2 dW3 db3"),
    ("deep sigmoid", "no activation at the output", "missing-activation-derivative", "dW1 db1 dW2 db2 dW3 db3"),
    ("deep sigmoid", "no hidden activation", "missing-activation-derivative", "dW1 db1 dW2 db2"),
    ("deep sigmoid", "z for a", "wrong-variable", "dW1 db1 dW2 db2"),
    ("deep sigmoid", "no transpose", "missing-transpose", "dW1 db1"),
    ("deep sigmoid", "derivative at another layer", "off-by-one-layer", "dW1 db1"),
    ("deep sigmoid", "updated on the way", "updated-weights", "dW1 db1 dW2 db2"),
    ("deep sigmoid", "1 + a**2", "sign", "dW1 db1 dW2 db2"),
    ("deep sigmoid", "db1 from dZ2", "off-by-one-layer", "db1"),
    ("deep sigmoid", "dW2 from dZ1", "off-by-one-layer", "dW2"),
    ("square layers", "weights of another layer", "off-by-one-layer", "dW1"),
    ("square layers", "X for A1", "off-by-one-layer", "dW2"),
    ("linear output", "activation at the output", "wrong-variable", "dW1 db1 dW2 db2"),
    ("linear output", "dW1 from dA", "missing-activation-derivative", "dW1"),
    ("decayed", "no 1/N", "constant-factor", "dW1 db1 dW2 db2"),
    ("decayed", "no decay", "missing-term", "dW1 dW2"),
    ("decayed", "decay / N", "constant-factor", "dW1 dW2"),
    ("decayed", "decay turned", "sign", "dW1 dW2"),
    ("decayed", "no rate", "constant-factor", "dW1 dW2"),
    ("network in columns", "no 1/m", "constant-factor", "dW1 db1 dW2 db2"),
    ("network in columns", "decay doubled", "constant-factor", "dW1 dW2"),
    ("network in columns", "decay halved", "constant-factor", "dW1 dW2"),
    ("network in columns", "no decay", "missing-term", "dW1 dW2"),
    ("network in columns", "decay turned", "sign", "dW1 dW2"),
    ("network in columns", "Z1 for A1", "wrong-variable", "dW2"),
    ("network in columns", "updated on the way", "updated-weights", "dW1 db1"),
    ("network in columns", "no activation", "missing-activation-derivative", "dW1 db1"),
    ("recurrent", "overwritten", "overwritten-branch", "dWx dWh db"),
    ("recurrent", "the last step alone", "overwritten-branch", "dX dWx dWh db"),
    ("recurrent", "no activation", "missing-activation-derivative", "dX dWx dWh db"),
    ("recurrent", "no transpose", "missing-transpose", "dX dWx dWh db"),
    ("attention", "diagonal", "diagonal-jacobian", "dQ dK"),
    ("attention", "not scaled", "constant-factor", "dQ dK"),
    ("attention", "dS for dS.T", "missing-transpose", "dK"),
    ("attention", "P for P.T", "missing-transpose", "dV"),
    ("one example in a row", "no transpose", "missing-transpose", "dx dW1 db1"),
    ("one example in a row", "no activation", "missing-activation-derivative", "dx dW1 db1"),
    ("one example in a row", "x for a1", "off-by-one-layer", "dW2"),
    ("one example in a row", "W1 not turned", "missing-transpose", "dx"),
    ("one example in a row", "W2 for W1", "off-by-one-layer", "dx"),
    ("one example in a row", "outer turned", "transposed", "dW2"),
    ("one example in a column", "no transpose", "missing-transpose", "dx dW1 db1"),
    ("one example in a column", "no activation", "missing-activation-derivative", "dx dW1 db1"),
    ("one example in a column", "a1 for x", "off-by-one-layer", "dW1"),
    ("one example in a column", "W1 not turned", "missing-transpose", "dx"),
    ("attention in a batch", "P for P.T", "missing-transpose", "dX dWv"),
    ("attention in a batch", "V for V.T", "missing-transpose", "dX dWq dWk"),
    ("attention in a batch", "not scaled", "constant-factor", "dX dWq dWk"),
    ("attention in a batch", "dS for dS.T", "missing-transpose", "dX dWk"),
    ("attention in a batch", "one not turned", "missing-transpose", "dX"),
    ("attention in a batch", "none turned", "missing-transpose", "dX"),
    ("attention in a batch", "through Q alone", "overwritten-branch", "dX"),
    ("learned slope", "slopes turned", "wrong-mask", "dX"),
    ("learned slope", "one side alone", "wrong-mask", "dX"),
    ("learned slope", "da everywhere", "wrong-mask", "da"),
    ("learned slope", "da turned", "wrong-mask", "da"),
)


def listed() -> list[Slip]:
    """Return the slips of the table."""
    found = []
    for name, slip, causes, spoilt in TABLE:
        wrong = functools.partial(SETTINGS[name].right, slip=slip)
        found.append(Slip(name, slip, wrong, tuple(causes.split()), tuple(spoilt.split())))
    return found
