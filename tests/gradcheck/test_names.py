"""What the report says of ordinary mistakes: the right name of each, and not the one that it once had."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pytest
from slips import sigmoid, softmax_forward

from gradcheck import check_layer


class Case(NamedTuple):
    """A forward, its backward (right but for the slip that it is told), how to draw the inputs, what is asked of it."""

    forward: Callable[..., Any]
    backward: Callable[..., Any]
    draw: Callable[[np.random.Generator], dict[str, Any]]
    wrt: str = ""


def normal(**shapes):
    """Return how to draw arrays of these shapes, or to take the arrays that are given."""
    return lambda rng: {n: rng.normal(size=s) if isinstance(s, tuple) else s for n, s in shapes.items()}


def network_forward(X, W1, W2):
    h = np.tanh(X @ W1)
    return h @ W2, (X, W1, W2, h)


def network_backward(d, cache, slip=""):
    X, W1, W2, h = cache
    dz = (d @ W2.T) * (1 - h**2)
    return dz @ W1.T, X.T @ dz, (h if slip == "h @ d" else h.T) @ d


def columns_forward(x, W1, b1, W2, b2):
    z1 = W1 @ x + b1
    a1 = np.maximum(0, z1)
    return W2 @ a1 + b2, (x, W1, W2, z1, a1)


def columns_backward(d, cache, slip=""):
    x, W1, W2, z1, a1 = cache
    dW2 = d @ (a1 if slip == "d @ a1" else a1.T)
    dz = (W2.T @ d) * (z1 > 0)
    return W1.T @ dz, dz @ x.T, dz.sum(axis=1, keepdims=True), dW2, d.sum(axis=1, keepdims=True)


def product_backward(d, cache, slip=""):
    X, W = cache
    return {"": X.T @ d, "1/N": d.T @ X / len(X), "turned": -d.T @ X, "updated": W - 0.1 * X.T @ d}[slip]


def dropout_forward(x, mask, W):
    return x * mask / 0.6 @ W, (x, mask, W)


def dropout_backward(d, cache, slip=""):
    x, mask, W = cache
    dx = d @ W.T if slip == "no mask" else d @ W.T * mask / 0.6
    return dx, {"no keep": x * mask, "x": x}.get(slip, x * mask / 0.6).T @ d


def candidate_forward(x, h, r, W, U):
    n = np.tanh(x @ W + (r * h) @ U)
    return n, (x, h, r, W, U, n)


def candidate_backward(d, cache, slip=""):
    x, h, r, W, U, n = cache
    dz = d * (1 - n**2)
    g = dz @ U.T
    return dz @ W.T, g * r, g * h, x.T @ dz, (h if slip == "h" else r * h).T @ dz


def scores_forward(X, Wq, Wk):
    Q, K = X @ Wq, X @ Wk
    return Q @ K.T, (X, Q, K)


def scores_backward(d, cache, slip=""):
    X, Q, K = cache
    return X.T @ (d @ K), X.T @ (d.T @ (K if slip == "K" else Q))


def scale_forward(x, gamma, beta):
    xhat = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-5)
    return gamma * xhat + beta, xhat


def scale_backward(d, xhat, slip=""):
    return (d * (1 if slip == "no xhat" else xhat)).sum(axis=0), d.sum(axis=0)


def gate_backward(d, cache, slip=""):
    a, g = cache
    return d * (a if slip == "own factor" else g), d * a


def glu_forward(x, Wa, Wb):
    a, g = x @ Wa, sigmoid(x @ Wb)
    return a * g, (x, Wa, Wb, a, g)


def glu_backward(d, cache, slip=""):
    x, Wa, Wb, a, g = cache
    da, dg = (d * a, d * g) if slip == "exchanged" else (d * g, d * a)
    dz = dg * g * (1 - g)
    return da @ Wa.T + dz @ Wb.T, x.T @ da, x.T @ dz


def states_forward(x, h0, Wx, Wh):
    h = [h0]
    for t in range(x.shape[1]):
        h.append(np.tanh(x[:, t] @ Wx + h[-1] @ Wh))
    return np.stack(h[1:], axis=1), (x, h, Wx, Wh)


def states_backward(d, cache, slip=""):
    x, h, Wx, Wh = cache
    T, carried, dx, dWx, dWh = x.shape[1], 0, 0 * x, 0 * Wx, 0 * Wh
    for t in reversed(range(T)):
        dz = (carried + d[:, t] * (slip != "last dout" or t == T - 1)) * (
            1 if slip == "no tanh'" else 1 - h[t + 1] ** 2
        )
        dx[:, t] = dz @ Wx.T
        dWx += x[:, t].T @ dz
        dWh += h[t].T @ dz
        carried = 0 if slip == "truncated" and t == T - 2 else dz @ Wh.T
    return dx, 0 * h[0] if slip == "no dh0" else carried, dWx, dWh


def losses_forward(x, y, Wx, Wh, Wy):
    _, steps = states_forward(x, np.zeros((len(x), len(Wh))), Wx, Wh)
    H = steps[1][1:]
    errors = [h @ Wy - y[:, t] for t, h in enumerate(H)]
    return sum(np.mean(e**2) for e in errors) / len(errors), (steps, H, Wy, errors)


def losses_backward(cache, slip=""):
    steps, H, Wy, errors = cache
    d = [2 * e / e.size / len(H) * (slip != "last step" or e is errors[-1]) for e in errors]
    _, _, dWx, dWh = states_backward(np.stack(d, axis=1) @ Wy.T, steps, slip)
    return dWx, dWh, sum(h.T @ do for h, do in zip(H, d, strict=True))


def lstm_forward(x, h, c, W, U, b):
    i, f, o, g = np.split(x @ W + h @ U + b, 4, axis=1)
    i, f, o, g = sigmoid(i), sigmoid(f), sigmoid(o), np.tanh(g)
    new = f * c + i * g
    return o * np.tanh(new), (x, h, c, W, U, i, f, o, g, new)


def lstm_backward(d, cache, slip=""):
    x, h, c, W, U, i, f, o, g, new = cache
    dc, do = d * o * (1 - np.tanh(new) ** 2), d * np.tanh(new)
    zi, zo = dc * g * (1 if slip == "no derivative" else i * (1 - i)), do * o * (1 - o)
    zf = dc * (new if slip == "new c" else c) * f * (1 - f)
    zg = dc * i * (g * (1 - g) if slip == "sigmoid's" else 1 - g**2)
    dz = np.concatenate([zi, zf, zg, zo] if slip == "i f g o" else [zi, zf, zo, zg], axis=1)
    return dz @ W.T, dz @ U.T, dc * f, x.T @ dz, h.T @ dz, dz.sum(axis=0)


def ridge_forward(X, y, w):
    r = X @ w - y
    return np.mean(r**2) + 0.1 * np.sum(w * w), (X, w, r)


def ridge_backward(cache, slip=""):
    X, w, r = cache
    half, part = {"none": 0, "half": 0.5, "1/N": 1 / len(X)}, 2 / len(X) * X.T @ r
    return part * (slip != "alone") + 0.2 * w * half.get(slip, 1)


def binary_forward(X, y, W1, b1, W2, b2):
    a1 = np.tanh(X @ W1 + b1)
    a2 = sigmoid(a1 @ W2 + b2)
    return -np.mean(y * np.log(a2) + (1 - y) * np.log(1 - a2)), (X, y, W2, a1, a2)


def binary_backward(cache, slip=""):
    X, y, W2, a1, a2 = cache
    d2 = (a2 - y) / len(X)
    d1 = d2 @ W2.T * (1 - a1**2)
    dW2 = a1.T @ (np.ones_like(d2) if slip == "no d2" else d2)
    return X.T @ d1, d1.sum(axis=0), dW2, np.ones(1) if slip == "ones" else d2.sum(axis=0)


def margins(loss, slopes, N):
    """Return a mean loss of the margins y * (X @ w + b), and its backward with the slope of the slip."""

    def forward(X, y, w, b):
        m = y * (X @ w + b)
        return np.mean(loss(m)), (X, y, m)

    def backward(cache, slip=""):
        X, y, m = cache
        d = y * slopes[slip](m) / len(X)
        return X.T @ d, d.sum()

    y = np.resize([1, -1, 1, 1, -1, -1, 1], N)
    return Case(forward, backward, normal(X=(N, 3), y=y, w=(3,), b=()), "w b")


def entropy_forward(Z, y):
    P = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
    return -np.log(P[np.arange(len(y)), y]).mean(), (Z, P, y)


def entropy_backward(cache, slip=""):
    Z, P, y = cache
    Y, several = np.eye(P.shape[1])[y], P.copy()
    several[:, y] -= 1
    return {"[:, y]": several, "P - 1": P - 1, "Z": Z - Y, "twice": (P - Y) * P * (1 - P)}.get(slip, P - Y) / len(y)


def words_forward(E, W, idx, y):
    loss, (_, P, _) = entropy_forward(E[idx] @ W, y)
    return loss, (E, W, idx, y, P)


def words_backward(cache, slip=""):
    E, W, idx, y, P = cache
    g, dE = (P - np.eye(P.shape[1])[y]) / len(y), np.zeros_like(E)
    if slip == "=":
        dE[idx] = g @ W.T
    elif slip == "+=":
        dE[idx] += g @ W.T
    else:
        np.add.at(dE, idx, g @ W.T)
    return dE, E[idx].T @ g


SLOPES = {"sigmoid": lambda z, a: a * (1 - a), "tanh": lambda z, a: 1 - a**2, "ReLU": lambda z, a: z > 0}


def layer(function, right):
    """Return a layer with an activation, and its backward with the slope that is right or the one of the slip."""

    def forward(X, W, b):
        a = function(X @ W + b)
        return a, (X, W, X @ W + b, a)

    def backward(d, cache, slip=right):
        X, W, z, a = cache
        dz = d * SLOPES[slip or right](z, a)
        return dz @ W.T, X.T @ dz, dz.sum(axis=0)

    return Case(forward, backward, normal(X=(6, 4), W=(4, 3), b=(3,)))


def softmax_backward(d, P, slip=""):
    total = (P * d).sum(axis=1, keepdims=True)
    if slip == "+":
        return P * (d * (1 - 2 * P) + total)
    return P * d - total if slip == "P * d" else P * (d - (d.sum(axis=1)[:, None] if slip == "sum(d)" else total))


def elu_forward(x):
    return np.where(x > 0, x, np.exp(np.minimum(x, 0)) - 1), x


def elu_backward(d, x, slip=""):
    return d * np.where(x > 0, 1, 0 if slip == "ReLU" else np.exp(np.minimum(x, 0)))


def standard_forward(X, W):
    S = (X - X.mean(axis=0)) / X.std(axis=0)
    return S @ W, {"": S, "raw X": X}


def logsumexp_forward(z):
    m = z.max(axis=1, keepdims=True)
    return np.log(np.exp(z - m).sum(axis=1)) + m[:, 0], z


def logsumexp_backward(d, z, slip=""):
    return (d / np.exp(z).sum(axis=1))[:, None] * np.exp(z if slip == "" else 0 * z)


DROPOUT = normal(x=(5, 4), mask=(np.arange(20.0).reshape(5, 4) % 5 > 1) * 1.0, W=(4, 3))
XOR = {"X": np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), "y": np.array([[0.0], [1], [1], [0]])}
BINARY = normal(**XOR, W1=(2, 3), b1=(3,), W2=(3, 1), b2=(1,))
WORDS = normal(E=(7, 3), W=(3, 4), idx=np.array([0, 2, 2, 5, 1, 2]), y=np.array([0, 1, 2, 3, 0, 1]))
RECURRENT = normal(x=(3, 4, 2), y=(3, 4, 2), Wx=(2, 5), Wh=(5, 5), Wy=(5, 2))
LSTM = normal(x=(4, 3), h=(4, 3), c=(4, 3), W=(3, 12), U=(3, 12), b=(12,))
HINGE = {"": lambda m: -1.0 * (m < 1), "turned": lambda m: -1.0 * (m > 1), "perceptron": lambda m: -1.0 * (m < 0)}
SQUARED = {"": lambda m: -2 * np.maximum(0, 1 - m), "no h": lambda m: -2 * (m < 1)}
LOGISTIC = {"": lambda m: -np.exp(-m) / (1 + np.exp(-m)), "no log": lambda m: -np.exp(-m)}
CASES = {
    "network": Case(network_forward, network_backward, normal(X=(4, 4), W1=(4, 4), W2=(4, 4))),
    "columns": Case(columns_forward, columns_backward, normal(x=(5, 6), W1=(4, 5), b1=(4, 1), W2=(3, 4), b2=(3, 1))),
    "product": Case(lambda X, W: (X @ W, (X, W)), product_backward, normal(X=(5, 4), W=(4, 3)), "W"),
    "square": Case(lambda X, W: (X @ W, (X, W)), product_backward, normal(X=(5, 4), W=(4, 4)), "W"),
    "standard": Case(standard_forward, lambda d, c, slip="": c[slip].T @ d, normal(X=(6, 3), W=(3, 2)), "W"),
    "dropout": Case(dropout_forward, dropout_backward, DROPOUT, "x W"),
    "GRU": Case(candidate_forward, candidate_backward, normal(x=(4, 3), h=(4, 5), r=(4, 5), W=(3, 5), U=(5, 5))),
    "attention": Case(scores_forward, scores_backward, normal(X=(5, 3), Wq=(3, 4), Wk=(3, 4)), "Wq Wk"),
    "scale": Case(scale_forward, scale_backward, normal(x=(6, 4), gamma=(4,), beta=(4,)), "gamma beta"),
    "gate": Case(lambda a, g: (a * g, (a, g)), gate_backward, normal(a=(5, 3), g=(5, 3))),
    "GLU": Case(glu_forward, glu_backward, normal(x=(5, 4), Wa=(4, 3), Wb=(4, 3))),
    "losses": Case(losses_forward, losses_backward, RECURRENT, "Wx Wh Wy"),
    "states": Case(states_forward, states_backward, normal(x=(3, 3, 4), h0=(3, 4), Wx=(4, 4), Wh=(4, 4))),
    "LSTM": Case(lstm_forward, lstm_backward, LSTM),
    "ridge": Case(ridge_forward, ridge_backward, normal(X=(7, 3), y=(7,), w=(3,)), "w"),
    "binary": Case(binary_forward, binary_backward, BINARY, "W1 b1 W2 b2"),
    "hinge": margins(lambda m: np.maximum(0, 1 - m), HINGE, 17),
    "squared hinge": margins(lambda m: np.maximum(0, 1 - m) ** 2, SQUARED, 7),
    "logistic": margins(lambda m: np.log(1 + np.exp(-m)), LOGISTIC, 7),
    "entropy": Case(entropy_forward, entropy_backward, normal(Z=(5, 4), y=np.array([0, 3, 1, 1, 0])), "Z"),
    "words": Case(words_forward, words_backward, WORDS, "E W"),
    "ELU": Case(elu_forward, elu_backward, normal(x=(4, 5))),
    "sigmoid": layer(sigmoid, "sigmoid"),
    "tanh": layer(np.tanh, "tanh"),
    "softmax": Case(softmax_forward, softmax_backward, normal(Z=(5, 4))),
    "log-sum-exp": Case(logsumexp_forward, logsumexp_backward, normal(z=(5, 4))),
}

LAST, DOUT = "Only the last of the terms that make up the loss", "The upstream gradient arrives at the last step alone"
TURNED, OTHER = "The mask is the wrong way round", "The derivative of another activation is used:"
IN_W, PICKED = "The term of dw in w alone, such as that of a regularisation, counts", "np.add.at(dX,"
LOST, UNKNOWN = "The derivative of the activation is missing", "in a way that I do not recognise"
# The case, the slip, the gradients that are wrong, the cause, words that must be said of each, words that must not.
ROWS = [
    ("network", "h @ d", "dW2", "missing-transpose", "by the first factor of the product with W2, not by its", "X"),
    ("columns", "d @ a1", "dx", "missing-transpose", "second factor of the product with W2, not by its", "accident"),
    ("product", "1/N", "dW", "transposed", "two ways: it is transposed, and it is 0.2 times", "must have"),
    ("square", "turned", "dW", "transposed", "two ways: it is transposed, and its sign is flipped", UNKNOWN),
    ("product", "updated", "dW", "updated-weights", "W after a step of gradient descent, W - 0.1 * dW", UNKNOWN),
    ("standard", "raw X", "dW", "unknown", "X is used where the other factor belongs", UNKNOWN),
    ("dropout", "no mask", "dx", "wrong-mask", "The mask and the factor 1.66667 that comes with it are not", UNKNOWN),
    ("dropout", "no keep", "dW", "constant-factor", "dW is 0.6 times the true gradient", "pre-activation"),
    ("dropout", "x", "dW", "wrong-variable", "x is used where what follows from it entry by entry", "pre-activation"),
    ("GRU", "h", "dU", "unknown", "h is used where the other factor belongs", "layer"),
    ("attention", "K", "dWk", "unknown", "Another array is used where the other factor belongs", "layer"),
    ("scale", "no xhat", "dgamma", "unknown", "to gamma the other factor of a product is missing", "dbeta"),
    ("gate", "own factor", "da", "wrong-variable", "a product, g, is needed; yours has a itself", "place of"),
    ("GLU", "exchanged", "dWa dWb", "wrong-variable", "the other factor of a product is needed", UNKNOWN),
    ("losses", "last step", "dWx dWh dWy", "missing-term", LAST, "regularisation"),
    ("losses", "truncated", "dWx dWh", "overwritten-branch", "only one use is counted", "of the loss"),
    ("losses", "no tanh'", "dWx dWh", "missing-activation-derivative", LOST, UNKNOWN),
    ("states", "no dh0", "dh0", "placeholder", "Every entry of dh0 is 0: was it ever filled in?", "goes back"),
    ("states", "last dout", "dx dh0 dWx dWh", "overwritten-branch", DOUT, "+= instead of ="),
    ("LSTM", "i f g o", "dW dU", "unknown", "all of them in columns 6 to 11", "missing"),
    ("LSTM", "i f g o", "db", "unknown", "all of them in entries 6 to 11", "missing"),
    ("LSTM", "new c", "dW dU", "unknown", "all of them in columns 3 to 5", "missing"),
    ("LSTM", "sigmoid's", "dx dh dW dU db", "unknown", f"{OTHER} a * (1 - a) is the sigmoid's", UNKNOWN),
    ("LSTM", "no derivative", "dx dh dW dU db", "missing-activation-derivative", LOST, UNKNOWN),
    ("ridge", "alone", "dw", "missing-term", "dw is 0.2 * w alone", "one term"),
    ("ridge", "none", "dw", "missing-term", "dw lacks the term 0.2 * w", "one term"),
    ("ridge", "half", "dw", "constant-factor", f"{IN_W} 0.5 times what it should", "One"),
    ("ridge", "1/N", "dw", "constant-factor", f"{IN_W} 0.1428571429 times what it should", "One"),
    ("binary", "ones", "db2", "placeholder", "Every entry of db2 is 1: was it ever filled in?", "activation"),
    ("binary", "no d2", "dW2", "missing-upstream", "there are ones in its place", "two ways"),
    ("hinge", "turned", "dw db", "wrong-mask", TURNED, "factor"),
    ("hinge", "perceptron", "dw", "unknown", UNKNOWN, "target"),
    ("squared hinge", "no h", "dw", "missing-activation-derivative", "that was squared is missing", "two ways"),
    ("logistic", "no log", "dw", "missing-activation-derivative", "The derivative of log is missing", "two ways"),
    ("entropy", "[:, y]", "dZ", "unknown", "as with dZ[:, y] -= 1", UNKNOWN),
    ("entropy", "P - 1", "dZ", "unknown", "as with P - 1", UNKNOWN),
    ("entropy", "Z", "dZ", "unknown", "the probabilities P belong in P - Y; yours has Z itself there", UNKNOWN),
    ("entropy", "twice", "dZ", "unknown", "yours has P * (1 - P) in it, too", UNKNOWN),
    ("words", "=", "dE", "overwritten-branch", PICKED, "row 2"),
    ("words", "+=", "dE", "overwritten-branch", PICKED, "row 2"),
    ("ELU", "ReLU", "dx", "wrong-mask", "One side of a condition gets no gradient", "Maybe"),
    ("sigmoid", "tanh", "dX dW db", "unknown", f"{OTHER} 1 - a**2 is tanh's", UNKNOWN),
    ("tanh", "sigmoid", "dX dW db", "unknown", f"{OTHER} a * (1 - a) is the sigmoid's", UNKNOWN),
    ("tanh", "ReLU", "dX dW db", "unknown", f"{OTHER} z > 0 is ReLU's", UNKNOWN),
    ("softmax", "+", "dZ", "sign", "yours has + p_i * p_j there", UNKNOWN),
    ("softmax", "P * d", "dZ", "unknown", "P multiplies G alone in yours", UNKNOWN),
    ("softmax", "sum(d)", "dZ", "unknown", "In P * (G - sum(P * G)) the P in the sum is missing", UNKNOWN),
    ("log-sum-exp", "no exp", "dz", "unknown", UNKNOWN, "target"),
]


def check(case, slip, seed):
    inputs = case.draw(np.random.default_rng(seed))
    wrt = case.wrt.split() or None
    return check_layer(case.forward, partial(case.backward, slip=slip), inputs, wrt=wrt, seed=seed)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]}: {row[1]}: {row[2]}")
def test_mistake_is_named_truly(row, seed):
    name, slip, wrong, cause, said, unsaid = row
    right = check(CASES[name], "", seed)
    assert right.ok, str(right)
    findings = {finding.name: finding for finding in check(CASES[name], slip, seed).findings}
    for one in wrong.split():
        assert not findings[one].ok
        assert findings[one].cause == cause
        assert said in findings[one].message
        assert unsaid not in findings[one].message
