"""The verdict: nothing right is refused, nothing wrong passes, at any scale and on any route."""

import functools
import math
import os
import re
import sys

import correct
import numpy as np
import pytest
import slips
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from gradcheck import check_gradients, check_layer
from gradcheck.direction import slope
from gradcheck.localise import wrong_entries
from gradcheck.problem import read_problem

# `make mutants` runs these tests hundreds of times over: fewer draws must do there.
FEW = "MUTANT_UNDER_TEST" in os.environ


def test_no_correct_backward_is_refused():
    for label, (forward, backward, inputs, wrt) in correct.instances(224 if FEW else 2000, seed=3):
        report = check_gradients(forward, backward, inputs, wrt=wrt)
        assert report.ok, f"{label}: {report}"


def bce_net(rng, sizes=(784, 128, 10), batch=32):
    n, h, m = sizes
    y = rng.integers(0, m, batch)
    inputs = {
        "X": rng.random((batch, n)),
        "W1": rng.normal(size=(n, h)) * np.sqrt(2 / n),
        "b1": np.zeros(h),
        "W2": rng.normal(size=(h, m)) * np.sqrt(2 / h),
        "b2": np.zeros(m),
    }

    def forward(X, W1, b1, W2, b2):
        Z1 = X @ W1 + b1
        A1 = np.maximum(Z1, 0)
        P = slips.softmax(A1 @ W2 + b2)
        return -np.log(P[np.arange(batch), y]).mean(), (X, W1, Z1, A1, W2, P)

    def backward(cache):
        X, W1, Z1, A1, W2, P = cache
        dZ2 = (P - np.eye(m)[y]) / batch
        dZ1 = (dZ2 @ W2.T) * (Z1 > 0)
        return dZ1 @ W1.T, X.T @ dZ1, dZ1.sum(axis=0), A1.T @ dZ2, dZ2.sum(axis=0)

    return forward, backward, inputs


@pytest.mark.parametrize("check", [check_gradients, check_layer])
def test_large_network_is_accepted_in_few_evaluations(check):
    report = check(*bce_net(np.random.default_rng(0)), seed=0)
    assert report.ok
    assert report.evaluations <= 24
    assert report.tolerance <= 1e-12
    assert report.miss_probability <= 1e-6


@pytest.mark.parametrize("opaque", [False, True], ids=["recorded", "opaque"])
@pytest.mark.parametrize("size", [1e-6, 1e-1])
def test_one_wrong_entry_of_many_is_found(opaque, size):
    rng = np.random.default_rng(1)
    forward, backward, inputs = bce_net(rng)
    right = backward(forward(*inputs.values())[1])[1]
    large = np.argwhere(np.abs(right) > 1e-3 * np.abs(right).max())
    place = tuple(int(i) for i in large[rng.integers(len(large))])

    def unrecorded(*arrays):
        return forward(*(np.array(array) for array in arrays))

    def wrong(cache):
        grads = list(backward(cache))
        grads[1][place] *= 1 + size
        return tuple(grads)

    used = unrecorded if opaque else forward
    report = check_gradients(used, wrong, inputs, seed=0)
    assert [finding.cause for finding in report.findings] == [None, "one-entry", None, None, None]
    assert report.findings[1].worst.index == place


def test_localisation_takes_no_more_evaluations_than_halving():
    rng = np.random.default_rng(1)
    forward, backward, inputs = bce_net(rng)
    problem = read_problem(forward, backward, inputs, None)
    right = backward(problem.start())[1]
    for count, bound in ((1, 20), (3, 3 * (np.log2(right.size / 3) + 2))):
        for size in (1e-7, 1e-3):
            places = rng.choice(right.size, count, replace=False)
            wrong = right.copy()
            wrong.reshape(-1)[places] += size * np.abs(right).max()
            v = rng.choice([-1.0, 1.0], right.shape) * rng.uniform(0.5, 1.5, right.shape)
            before = problem.evaluations
            error = float((wrong * v).sum()) - slope(problem, {"W1": v})
            found = wrong_entries(problem, "W1", wrong, v, error)
            assert sorted(found) == sorted(places)
            assert np.allclose(list(found.values()), right.ravel()[list(found)], rtol=1e-6, atol=1e-12)
            assert problem.evaluations - before <= bound


def test_row_and_many_entries_of_an_opaque_gradient():
    rng = np.random.default_rng(2)
    W = rng.normal(size=(40, 30))

    def forward(W):
        return np.sum(np.array(W) ** 2), W

    def with_row(W):
        dW = 2 * W
        dW[7] += 1e-3
        return dW

    for backward, cause in ((with_row, "one-row"), (lambda W: -2 * W, "sign"), (lambda W: 3 * W, "constant-factor")):
        assert check_gradients(forward, backward, {"W": W}, seed=0).findings[0].cause == cause
    assert check_gradients(forward, lambda W: 2 * W + np.sin(W), {"W": W}).findings[0].cause == "unknown"
    assert check_gradients(forward, lambda W: 0 * W, {"W": W}).findings[0].cause == "placeholder"


def scaled(name, inputs_by, loss_by, rng):
    setting = slips.SETTINGS[name]
    inputs = {key: value * inputs_by for key, value in setting.draw(rng).items()}
    is_loss = name in ("mse", "ridge")

    def forward(*arrays):
        out, cache = setting.forward(*arrays)
        return loss_by * out, cache

    def times(answer, factor):
        return tuple(factor * g for g in answer) if isinstance(answer, tuple) else factor * answer

    def backward(factor):
        if is_loss:
            return lambda cache: times(setting.right(cache), loss_by * factor)
        return lambda d, cache: times(setting.right(d, cache), loss_by * factor)

    return forward, backward, inputs, setting.wrt


@settings(max_examples=15 if FEW else 150, deadline=None, derandomize=True)
@given(
    st.sampled_from(["linear", "relu", "leaky relu", "mse", "fork", "gate"]),
    st.integers(-12, 12),
    st.integers(-12, 12),
    st.integers(0, 10**6),
)
def test_verdict_is_free_of_scale(name, inputs_by, loss_by, seed):
    rng = np.random.default_rng(seed)
    forward, backward, inputs, wrt = scaled(name, 10.0**inputs_by, 10.0**loss_by, rng)
    report = check_gradients(forward, backward(1.0), inputs, wrt=wrt, seed=seed)
    assert report.ok, str(report)
    assert report.tolerance <= 0.01
    for factor in (0.0, 1.01, 1 + 1e-6):
        assert check_gradients(forward, backward(factor), inputs, wrt=wrt, seed=seed).verdict == "fail"


@settings(max_examples=10 if FEW else 100, deadline=None, derandomize=True)
@given(st.integers(1, 6), st.integers(1, 6), st.integers(1, 6), st.integers(0, 10**6))
def test_any_shape_and_seed(N, n_in, n_out, seed):
    rng = np.random.default_rng(seed)
    inputs = {"X": rng.normal(size=(N, n_in)), "W": rng.normal(size=(n_in, n_out)), "b": rng.normal(size=n_out)}
    forward, right = slips.linear_forward, slips.linear_backward
    assert check_layer(forward, right, inputs, seed=seed).ok
    for place in range(3):

        def wrong(d, cache, place=place):
            answers = list(right(d, cache))
            flat = answers[place].reshape(-1).copy()
            flat[seed % flat.size] += 1e-6 * np.abs(flat).max()
            answers[place] = flat.reshape(answers[place].shape)
            return tuple(answers)

        report = check_layer(forward, wrong, inputs, seed=seed)
        assert [finding.ok for finding in report.findings] == [k != place for k in range(3)]


def saturating(how, offset, loss_by):
    """Return a loss on top of an offset, where it is exact, leaves the exact route, or rounds to float32."""
    seen = {"exact": lambda Z: Z, "measured": lambda Z: np.array(Z, dtype=np.float64), "float32": np.float32}[how]
    return lambda Z: (offset + loss_by * np.sum(np.tanh(seen(Z))), Z)


@settings(max_examples=5 if FEW else 60, deadline=None, derandomize=True)
@given(
    st.sampled_from(["exact", "measured", "float32"]),
    st.integers(-12, 12),
    st.integers(-12, 12),
    st.integers(0, 10**6),
)
@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
def test_nothing_passes_whose_tolerance_exceeds_a_hundredth_of_the_gradient(how, offset, loss_by, seed):
    rng = np.random.default_rng(seed)
    Z = rng.normal(size=(3, 2))
    forward = saturating(how, 10.0**offset, 10.0**loss_by)
    for factor in (1.0, 0.0, 1.02):
        report = check_gradients(
            forward, lambda Z, factor=factor: factor * 10.0**loss_by / np.cosh(Z) ** 2, {"Z": Z}, seed=seed
        )
        assert report.verdict != "pass" or (factor == 1.0 and report.tolerance <= 0.01), str(report)


X = np.random.default_rng(8).normal(size=(5, 3))
W = np.random.default_rng(9).normal(size=(3, 4))


def into_a_buffer(X, W):
    Z = np.zeros((len(X), W.shape[1]))
    for row in range(len(X)):
        Z[row] = X[row] @ W
    return Z, (X, W)


def variance_norm(X):
    std = np.sqrt(X.var(axis=0) + 1e-5)
    xhat = (X - X.mean(axis=0)) / std
    return xhat, (xhat, std)


def variance_norm_backward(d, cache):
    xhat, std = cache
    return (d - d.mean(axis=0) - xhat * (d * xhat).mean(axis=0)) / std


def max_pool(X):
    windows = X.reshape(2, 2, 3, 2)
    top = windows.max(axis=(1, 3))
    return top, windows == top[:, None, :, None]


def linear_answers(d, cache):
    return d @ cache[1].T, cache[0].T @ d


def masked_entropy(Z):
    # The stable form of -log sigmoid(z): np.abs hides its slope, and the mean is that of the marked entries.
    return (np.maximum(Z, 0) + np.log1p(np.exp(-np.abs(Z)))).mean(where=MARKED), Z


def huber_by_piecewise(P):
    tails = [lambda r: 0.5 * r**2, lambda r: np.abs(r) - 0.5]
    return np.piecewise(P, [np.abs(P) <= 1, np.abs(P) > 1], tails).mean(), P


def relu_in_place(change):
    """Return a forward that sets negative entries to 0 by a function of NumPy that changes its argument."""

    def forward(W):
        Z = X @ W
        change(Z)
        return np.sum(Z**2) / 2 + np.sum(Z) + 0.01 * np.abs(W).sum(), (Z, W)

    return forward


def near_an_optimum(seed):
    """Return a fit close to its best one with a tiny L1 term that nothing records, its gradient and its data."""
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(1000, 8))
    y = A @ rng.normal(size=8) + rng.normal(size=1000)
    w = np.linalg.lstsq(A, y, rcond=None)[0] + 1e-5 * rng.normal(size=8)

    def forward(w):
        return 0.5 * np.sum((A @ np.asarray(w) - y) ** 2) + 1e-7 * np.abs(w).sum(), w

    return forward, lambda w: A.T @ (A @ w - y), {"w": w}


def normalised_layer(X, W, b):
    Z = X @ W + b
    std = Z.std(axis=0)
    return (Z - Z.mean(axis=0)) / std, (X, W, (Z - Z.mean(axis=0)) / std, std)


def normalised_layer_backward(d, cache):
    X, W, out, std = cache
    dZ = (d - d.mean(axis=0) - out * (d * out).mean(axis=0)) / std
    return dZ @ W.T, X.T @ dZ, dZ.sum(axis=0)


MARKED = np.arange(15).reshape(5, 3) % 4 > 0
DFT = np.fft.fft(np.eye(5))

# name: forward, right backward, inputs, wrong backwards
ROUTES = {
    "np.abs": (lambda Z: (np.abs(Z), Z), lambda d, Z: d * np.sign(Z), {"Z": X}, [lambda d, Z: d, lambda d, Z: 0 * d]),
    "np.abs in a term": (
        lambda W: (np.sum(W**2) + 0.01 * np.sum(np.abs(W)), W),
        lambda W: 2 * W + 0.01 * np.sign(W),
        {"W": W},
        [lambda W: 2 * W],
    ),
    "np.abs in a tiny term": (
        lambda W: (np.sum(W**2) + 1e-5 * np.sum(np.abs(W)), W),
        lambda W: 2 * W + 1e-5 * np.sign(W),
        {"W": W},
        [lambda W: 2 * W],
    ),
    "np.sign": (lambda Z: (Z * np.sign(Z), Z), lambda d, Z: d * np.sign(Z), {"Z": X}, [lambda d, Z: d]),
    "np.var": (variance_norm, variance_norm_backward, {"X": X}, [lambda d, c: d / c[1]]),
    "np.var at an offset": (variance_norm, variance_norm_backward, {"X": X + 1e5}, [lambda d, c: d / c[1]]),
    "np.linalg.norm": (lambda X: (np.linalg.norm(X), X), lambda X: X / np.linalg.norm(X), {"X": X}, [lambda X: X]),
    "np.logaddexp": (lambda Z: (np.logaddexp(0, Z), Z), lambda d, Z: d * expit(Z), {"Z": X}, [lambda d, Z: d]),
    "np.hypot": (
        lambda a, b: (np.hypot(a, b), (a, b)),
        lambda d, c: (d * c[0] / np.hypot(*c), d * c[1] / np.hypot(*c)),
        {"a": X, "b": 2 * X[::-1]},
        [lambda d, c: (d, d)],
    ),
    "scipy.special.expit": (
        lambda Z: (expit(Z), expit(Z)),
        lambda d, A: d * A * (1 - A),
        {"Z": X},
        [lambda d, A: d * A, lambda d, A: d * A * (1 - A) * (1 + 1e-6)],
    ),
    "a float buffer": (into_a_buffer, linear_answers, {"X": X, "W": W}, [lambda d, c: (d @ c[1].T, 0 * c[1])]),
    "a cast to float32": (
        lambda X, W: (X.astype(np.float32) @ W.astype(np.float32), (X, W)),
        linear_answers,
        {"X": X, "W": W},
        [lambda d, c: (0 * c[0], 0 * c[1]), lambda d, c: (d @ c[1].T, 1.01 * (c[0].T @ d))],
    ),
    "np.clip": (lambda Z: (np.clip(Z, -1, 1), Z), lambda d, Z: d * (np.abs(Z) < 1), {"Z": X}, [lambda d, Z: d]),
    "np.sort": (
        lambda Z: (np.sort(Z, axis=1), np.argsort(Z, axis=1)),
        lambda d, order: np.take_along_axis(d, np.argsort(order, axis=1), axis=1),
        {"Z": X},
        [lambda d, order: d],
    ),
    "max pooling": (
        max_pool,
        lambda d, at: (at * d[:, None, :, None]).reshape(4, 6),
        {"X": np.random.default_rng(1).normal(size=(4, 6))},
        [lambda d, at: np.repeat(np.repeat(d, 2, axis=0), 2, axis=1)],
    ),
    "an integer index": (
        lambda E, i: (E[i], i),
        lambda d, i: np.eye(5)[i].T @ d,
        {"E": X, "i": np.array([0, 1, 1, 4])},
        [lambda d, i: np.zeros((5, 3))],
    ),
    "math.exp": (lambda x: (np.exp(float(x)), x), lambda d, x: d * np.exp(x), {"x": 1.3}, [lambda d, x: d]),
    "np.vdot": (lambda a, b: (np.vdot(a, b), (a, b)), lambda c: (c[1], c[0]), {"a": X, "b": 2 * X}, [lambda c: c]),
    "np.conj": (lambda Z: (np.sum(Z * np.conj(Z)), Z), lambda Z: 2 * Z, {"Z": X}, [lambda Z: Z, lambda Z: 0 * Z]),
    "complex numbers on the way": (
        lambda Z: (np.sum(Z**2) + 0.1 * np.sum(np.abs(np.fft.fft(Z, axis=0)) ** 2), Z),
        lambda Z: 3 * Z,
        {"Z": X},
        [lambda Z: 2 * Z],
    ),
    "a complex matrix": (
        lambda Z: (np.sum(Z**2) + 0.1 * np.sum(np.abs(DFT @ Z) ** 2), Z),
        lambda Z: 3 * Z,
        {"Z": X},
        [lambda Z: 2 * Z],
    ),
    "a mean of marked entries": (
        masked_entropy,
        lambda Z: expit(Z) * MARKED / MARKED.sum(),
        {"Z": X},
        [lambda Z: expit(Z) / Z.size],
    ),
    "np.piecewise": (
        huber_by_piecewise,
        lambda P: np.clip(P, -1, 1) / P.size,
        {"P": 2 * X},
        [lambda P: np.where(np.abs(P) <= 1, P, 0) / P.size],
    ),
    "np.apply_along_axis": (
        lambda Z: (np.apply_along_axis(lambda z: z / np.abs(z).sum(), 1, Z), Z),
        lambda d, Z: (
            (d - np.sign(Z) * (d * Z).sum(1, keepdims=True) / np.abs(Z).sum(1, keepdims=True))
            / np.abs(Z).sum(1, keepdims=True)
        ),
        {"Z": X},
        [lambda d, Z: d / np.abs(Z).sum(1, keepdims=True)],
    ),
    **{
        name: (
            relu_in_place(change),
            lambda c: X.T @ ((c[0] + 1) * (c[0] > 0)) + 0.01 * np.sign(c[1]),
            {"W": W},
            [lambda c: X.T @ (c[0] + 1) + 0.01 * np.sign(c[1])],
        )
        for name, change in {
            "np.copyto": lambda Z: np.copyto(Z, 0.0, where=Z < 0),
            "np.putmask": lambda Z: np.putmask(Z, Z < 0, 0.0),
        }.items()
    },
    "a bias before a normalisation by np.std": (
        normalised_layer,
        normalised_layer_backward,
        {"X": X, "W": W, "b": np.array([0.5, -1.0, 2.0, 0.0])},
        [lambda d, c: (*normalised_layer_backward(d, c)[:2], d.sum(axis=0))],
    ),
    "a small norm beside a large loss": (
        lambda W: (np.sum((X @ W) ** 2) + 1e-6 * np.linalg.norm(W), W),
        lambda W: 2 * X.T @ (X @ W) + 1e-6 * W / np.linalg.norm(W),
        {"W": W},
        [lambda W: 2 * X.T @ (X @ W)],
    ),
    "np.maximum.reduce": (
        lambda Z: (np.maximum.reduce(np.abs(Z)), Z),
        lambda d, Z: d * np.sign(Z) * (np.abs(Z) == np.abs(Z).max(axis=0)),
        {"Z": X},
        [lambda d, Z: d * np.sign(Z), lambda d, Z: d * (np.abs(Z) == np.abs(Z).max(axis=0))],
    ),
    "np.max over all, and with a floor": (
        lambda Z: (np.max(np.abs(Z)) + 3 * np.max(np.abs(Z), axis=1, initial=0.5).sum(), Z),
        lambda Z: (
            np.sign(Z)
            * (
                (np.abs(Z) == np.abs(Z).max())
                + 3.0 * (np.abs(Z) == np.maximum(0.5, np.abs(Z).max(axis=1, keepdims=True)))
            )
        ),
        {"Z": X},
        [lambda Z: np.sign(Z) * (np.abs(Z) == np.abs(Z).max()), lambda Z: np.sign(Z)],
    ),
    "np.std with ddof": (
        lambda Z: (Z.std(axis=1, ddof=1), Z),
        lambda d, Z: d[:, None] * (Z - Z.mean(1, keepdims=True)) / (Z.shape[1] - 1) / Z.std(1, ddof=1)[:, None],
        {"Z": X},
        [lambda d, Z: d[:, None] * (Z - Z.mean(1, keepdims=True)) / Z.shape[1] / Z.std(1)[:, None]],
    ),
    "an input that is not used": (
        lambda Z, b: (2 * Z, Z),
        lambda d, Z: (2 * d, np.zeros(3)),
        {"Z": X, "b": np.ones(3)},
        [lambda d, Z: (2 * d, np.ones(3))],
    ),
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ROUTES)
def test_route_gives_the_right_verdict_or_none(name, seed):
    forward, right, inputs, wrong_ones = ROUTES[name]
    report = check_gradients(forward, right, inputs, seed=seed)
    assert report.verdict == ("cannot tell" if "float32" in name else "pass"), str(report)
    for wrong in wrong_ones:
        assert check_gradients(forward, wrong, inputs, seed=seed).verdict in ("fail", "cannot tell")


def test_tiny_term_that_nothing_records_is_noticed_near_an_optimum():
    for seed in range(3):
        forward, without, inputs = near_an_optimum(seed)
        report = check_gradients(forward, lambda w, without=without: without(w) + 1e-7 * np.sign(w), inputs, seed=seed)
        assert report.ok, str(report)
        assert check_gradients(forward, without, inputs, seed=seed).verdict == "fail"


def test_small_gradient_beside_a_stiff_one_is_no_zero():
    inputs = {"x": np.array([1.0, 1.0]), "w": np.full(4, 50.0)}

    def forward(x, w):
        return 1e3 * (x[0] - 1) ** 2 + 1e-10 * x[1] + (w**2).sum(), (x, w)

    for factor, verdicts in ((1, {"pass"}), (0, {"fail", "cannot tell"}), (2, {"fail"}), (-1, {"fail"})):
        for seed in range(5):
            report = check_gradients(
                forward,
                lambda c, factor=factor: (np.array([2e3 * (c[0][0] - 1), factor * 1e-10]), 2 * c[1]),
                inputs,
                seed=seed,
            )
            assert report.findings[0].verdict in verdicts, str(report)


@pytest.mark.parametrize(
    ("function", "backward"),
    [
        (lambda H: np.var(H, axis=0), lambda d, H: d * 2 * (H - H.mean(0)) / len(H) * (H > 0)),
        (lambda H: H.std(axis=0), lambda d, H: d * (H - H.mean(0)) / H.std(0) / len(H) * (H > 0)),
        (lambda H: np.abs(H - 9.0), lambda d, H: -d * (H > 0)),
        (lambda H: np.linalg.norm(H - 9.0, 1, axis=0), lambda d, H: -d * (H > 0)),
    ],
    ids=["np.var", "std", "np.abs", "np.linalg.norm"],
)
def test_entry_on_a_kink_is_left_out_behind_what_the_complex_step_does_not_get_through(function, backward):
    Z = np.array([[1.0, -2.0], [0.0, 3.0], [-1.0, 0.5], [2.0, -0.3]])

    def forward(Z):
        H = np.maximum(Z, 0)
        return function(H), H

    report = check_gradients(forward, backward, {"Z": Z}, seed=0)
    assert report.ok, str(report)
    assert check_gradients(forward, lambda d, H: 1.001 * backward(d, H), {"Z": Z}, seed=0).verdict == "fail"
    assert report.findings[0].remark.startswith("dZ[1, 0] stands on a kink")


@pytest.mark.skipif(not hasattr(np, "vecdot"), reason="this NumPy has no np.vecdot")
def test_products_of_rows_are_no_elementwise_step():
    rng = np.random.default_rng(0)
    inputs = {"a": rng.normal(size=(3, 2)), "b": rng.normal(size=(3, 2))}

    def forward(a, b):
        return np.vecdot(a, b), (a, b)

    assert check_gradients(forward, lambda d, c: (d[:, None] * c[1], d[:, None] * c[0]), inputs, seed=0).ok
    wrong = check_gradients(forward, lambda d, c: (d[:, None] * c[0], d[:, None] * c[0]), inputs, seed=0)
    assert [finding.ok for finding in wrong.findings] == [False, True]


def test_answer_in_an_array_that_every_call_fills_is_told_as_it_was_returned():
    kept = np.zeros((3, 4))

    def backward(d, A):
        kept[...] = X.T @ (d * (1 - A**2))
        kept[1, 0] += 1e-5
        return kept

    (finding,) = check_gradients(lambda W: (np.tanh(X @ W), np.tanh(X @ W)), backward, {"W": W}, seed=0).findings
    assert finding.cause == "one-entry" and finding.worst.index == (1, 0)


def test_entry_on_a_kink_is_named_and_left_out():
    Z = np.array([[1.0, 0.0, -2.0], [0.5, -0.3, 0.7]])
    forward = slips.relu_forward
    for backward in (lambda d, Z: d * (Z > 0), lambda d, Z: d * (Z >= 0)):
        report = check_gradients(forward, backward, {"Z": Z}, seed=0)
        assert report.ok
        assert report.findings[0].remark.startswith("dZ[0, 1] stands on a kink")
    assert check_gradients(forward, lambda d, Z: 2 * d * (Z > 0), {"Z": Z}, seed=0).verdict == "fail"
    assert check_gradients(forward, lambda d, Z: d, {"Z": 0 * Z}).verdict == "not differentiable here"


def test_kinks_of_the_finite_difference_route():
    Z = np.array([1.0, 0.0, -2.0])
    report = check_gradients(lambda Z: (np.abs(Z), Z), lambda d, Z: d * np.sign(Z), {"Z": Z}, seed=0)
    assert report.verdict in ("pass", "cannot tell")
    assert check_gradients(lambda Z: (np.abs(Z), Z), lambda d, Z: d, {"Z": Z}, seed=0).verdict == "fail"


def test_gradient_that_is_zero_to_rounding_passes():
    def forward(X, b):
        out, cache = slips.batchnorm_forward(X + b, np.ones(3), np.zeros(3))
        return out, cache

    def backward(d, cache):
        dX = slips.batchnorm_backward(d, cache)[0]
        return dX, dX.sum(axis=0)

    inputs = {"X": np.random.default_rng(0).normal(size=(7, 3)), "b": np.array([0.3, -1.0, 2.0])}
    assert check_gradients(forward, backward, inputs, seed=0).ok
    wrong = check_gradients(forward, lambda d, c: (backward(d, c)[0], d.sum(axis=0)), inputs, seed=0)
    assert [finding.ok for finding in wrong.findings] == [True, False]


def test_tiny_gradient_beside_a_large_loss_is_not_passed_blindly():
    def forward(x):
        return 1e6 + 1e-9 * np.sum(x**2), x

    x = np.array([1.0, -2.0, 0.5])
    assert check_gradients(forward, lambda x: 2e-9 * x, {"x": x}).ok
    assert check_gradients(forward, lambda x: 0 * x, {"x": x}).verdict != "pass"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_answers_in_float32_pass_and_wrong_ones_do_not(dtype):
    Z = np.random.default_rng(0).normal(size=(4, 3)).astype(dtype)
    forward = slips.tanh_forward
    assert check_gradients(forward, lambda d, c: (d * (1 - c[1] ** 2)).astype(np.float32), {"Z": Z}).ok
    assert not check_gradients(forward, lambda d, c: (1.01 * d * (1 - c[1] ** 2)).astype(np.float32), {"Z": Z}).ok
    half = check_gradients(forward, lambda d, c: (d * (1 - c[1] ** 2)).astype(np.float16), {"Z": Z})
    assert half.verdict == "cannot tell"


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_measured_answer_gets_a_remark_and_honest_rounding_none(offset):
    from gradcheck import numerical_gradient, numerical_vjp

    rng = np.random.default_rng(0)
    Z = rng.normal(size=(4, 3))

    def loss(Z):
        return np.mean(np.tanh(Z) ** 2)

    measured = [
        check_layer(slips.sigmoid_forward, lambda d, c: numerical_vjp(slips.sigmoid, c[0], d), {"Z": Z}),
        check_layer(lambda Z: (loss(Z), Z), lambda Z: numerical_gradient(loss, Z), {"Z": Z}),
    ]
    for report in measured:
        assert report.ok
        assert report.findings[0].cause == "measured-not-derived"
        assert report.findings[0].remark.startswith("Maybe")
    inputs = slips.batchnorm_draw(rng)
    inputs["X"] = inputs["X"] + offset
    report = check_layer(slips.batchnorm_forward, slips.batchnorm_backward, inputs)
    assert report.ok
    assert not any(finding.cause for finding in report.findings)


@pytest.mark.parametrize("h", [1e-4, 1e-5, 1e-6, 1e-7])
@pytest.mark.parametrize("name", ["relu", "leaky relu", "embedding", "sigmoid", "gate", "bce"])
def test_measured_answer_never_fails(name, h):
    from gradcheck import numerical_vjp

    setting = slips.SETTINGS[name]
    for seed in range(3):
        inputs = setting.draw(np.random.default_rng(seed))
        names = setting.wrt or [key for key, value in inputs.items() if np.asarray(value).dtype.kind == "f"]

        def backward(dout, arrays, names=names):
            def out(x, name):
                return setting.forward(*(arrays | {name: x}).values())[0]

            return tuple(numerical_vjp(functools.partial(out, name=key), arrays[key], dout, h) for key in names)

        report = check_gradients(
            lambda *arrays, keys=tuple(inputs): (setting.forward(*arrays)[0], dict(zip(keys, arrays, strict=True))),
            (lambda arrays, backward=backward: backward(1.0, arrays)) if name == "bce" else backward,
            inputs, wrt=setting.wrt, seed=seed,
        )  # fmt: skip
        assert report.ok, str(report)


@pytest.mark.parametrize("factor", [1 + 1.7e-9, 1 + 1e-8, 1 - 1e-9])
def test_constant_factor_is_not_taken_for_the_error_of_a_quotient(factor):
    # The quotient of exp with the step h is exp times 1 + h**2 / 6, 1.67e-9 for h = 1e-4.
    for seed in range(5):
        x = np.random.default_rng(seed).normal(size=6)
        assert (
            check_gradients(lambda x: (np.exp(x), x), lambda d, x: factor * d * np.exp(x), {"x": x}).verdict == "fail"
        )


@pytest.mark.parametrize("side", [np.greater, np.greater_equal])
def test_condition_on_its_kink_is_seen_behind_an_absolute_value(side):
    def forward(X, W):
        margin = 1 - X @ W
        return np.where(margin > 0, margin, 0).sum() + 0.1 * np.abs(W).sum(), (X, W, margin)

    def backward(cache, rate=0.1):
        X, W, margin = cache
        return -X.T @ side(margin, 0) + rate * np.sign(W)

    inputs = {"X": np.array([[1.0, 0], [0, 2], [1, 1]]), "W": np.array([1.0, -2])}
    for seed in range(5):
        report = check_gradients(forward, backward, inputs, wrt="W", seed=seed)
        assert report.ok and "dW[0] stands on a kink" in str(report)
        assert not check_gradients(forward, functools.partial(backward, rate=0.0), inputs, wrt="W", seed=seed).ok


def test_seed_draws_the_same_directions():
    setting = slips.SETTINGS["linear"]
    inputs = setting.draw(np.random.default_rng(0))
    one, two = (check_layer(setting.forward, setting.right, inputs, seed=4) for _ in range(2))
    assert str(one) == str(two)
    assert one.to_dict() == two.to_dict()


@pytest.mark.parametrize("margin", [5, 10, 15, 20, 24, 28, 32, 34, 36, 38, 45, 60])
@pytest.mark.parametrize("seed", range(5))
def test_right_answer_that_rounds_where_the_model_is_sure_is_accepted(margin, seed):
    def forward(Z, y):
        P = slips.softmax(Z)
        return -np.log(P[np.arange(len(y)), y]).mean(), (P, y)

    def backward(cache, factor=1.0):
        P, y = cache
        dZ = P.copy()
        dZ[np.arange(len(y)), y] -= 1
        return factor * dZ / len(y)

    inputs = {"Z": np.random.default_rng(seed).normal(size=(2, 3)) + np.array([margin, 0, 0]), "y": np.array([0, 0])}
    # Where p rounds to 1 in its last digits, the gradient itself is known to a few digits alone.
    assert check_gradients(forward, backward, inputs, seed=seed).verdict in ("pass", "cannot tell")[: 1 + (margin > 15)]
    error = 1e-6 if margin <= 15 else 0.5
    assert not check_gradients(forward, functools.partial(backward, factor=1 + error), inputs, seed=seed).ok


def cross_entropy_with(guard):
    """Return a forward whose logarithm is guarded against 0."""

    def forward(Z, Y):
        P = slips.softmax(Z)
        return -np.sum(Y * np.log(P + guard)) / len(Z), (P, Y)

    return forward


def cross_entropy_backward(cache, error=0.0):
    P, Y = cache
    dZ = (P - Y) / len(P)
    dZ[0, 0] *= 1 + error
    return dZ


def logits_and_labels(seed=3):
    rng = np.random.default_rng(seed)
    return {"Z": rng.normal(size=(5, 3)), "Y": np.eye(3, dtype=int)[rng.integers(0, 3, 5)]}


@pytest.mark.parametrize("guard", [1e-12, 1e-9, 1e-7, 1e-6, 1e-5, 1e-4])
def test_answer_without_the_guard_of_forward_is_right_where_that_is_small(guard):
    (finding,) = check_layer(cross_entropy_with(guard), cross_entropy_backward, logits_and_labels(), seed=3).findings
    assert finding.ok == (guard <= 1e-6)
    assert f"leaves out the small constant {guard:g}" in (finding.remark if finding.ok else finding.message)
    assert finding.cause == (None if finding.ok else "unknown")


@pytest.mark.parametrize("guard", [1e-12, 1e-9, 1e-7])
@pytest.mark.parametrize("error", [1e-4, 1e-6])
def test_a_guard_excuses_no_other_error(guard, error):
    backward = functools.partial(cross_entropy_backward, error=error)
    (finding,) = check_layer(cross_entropy_with(guard), backward, logits_and_labels(), seed=3).findings
    assert not finding.ok, finding.remark


def test_guard_that_moves_the_gradient_visibly_is_no_excuse():
    inputs = {"Z": np.array([[0.0, 14.0, 1.0], [1.0, 2.0, 0.0]]), "Y": np.array([[1, 0, 0], [0, 1, 0]])}
    (finding,) = check_layer(cross_entropy_with(1e-6), cross_entropy_backward, inputs, seed=3).findings
    assert not finding.ok
    assert "leaves out the small constant 1e-06" in finding.message


@pytest.mark.parametrize("guard", [1e-9, 1e-7])
def test_answer_with_a_guard_that_forward_has_not_is_right(guard):
    P = np.random.default_rng(0).uniform(0.1, 0.9, size=(4, 3))

    def forward(P):
        return -np.log(P).mean() + (1 / P).sum(), P

    def backward(P, error=0.0):
        return -1 / (P + guard) / P.size - 1 / P**2 * (1 + error)

    (finding,) = check_layer(forward, backward, {"P": P}, seed=3).findings
    assert finding.ok
    assert f"has the small constant {guard:g} in it" in finding.remark
    assert not check_layer(forward, functools.partial(backward, error=1e-6), {"P": P}, seed=3).ok


def test_of_two_guards_one_may_be_left_out():
    P = np.random.default_rng(0).uniform(0.1, 0.9, size=(4, 3))

    def forward(P):
        return -np.log(P + 1e-9).mean() - np.log(1 - P + 1e-8).mean(), P

    def backward(P):
        return (-1 / (P + 1e-9) + 1 / (1 - P)) / P.size

    (finding,) = check_layer(forward, backward, {"P": P}, seed=3).findings
    assert finding.ok
    assert "leaves out the small constant 1e-08 of forward" in finding.remark


def test_gradient_that_is_zero_needs_no_other_cache():
    def forward(X, b):
        Z = X + b
        return Z - Z.mean(axis=0), None

    def backward(dout, cache):
        dX = dout - dout.mean(axis=0)
        return dX, dX.sum(axis=0)

    for seed in range(20):
        rng = np.random.default_rng(seed)
        report = check_layer(forward, backward, {"X": rng.normal(size=(4, 3)), "b": rng.normal(size=3)}, seed=seed)
        assert report.ok, str(report)


def relu(Z):
    return np.maximum(Z, 0), Z


def relu_backward(dout, Z):
    return dout * (Z > 0)


@pytest.mark.parametrize("share", [0.01, 0.05, 0.4])
def test_many_entries_on_a_kink_hide_no_others(share):
    rng = np.random.default_rng(0)
    Z = rng.normal(size=(60, 50))
    Z[rng.random(Z.shape) < share] = 0.0

    def first_row_forgotten(dout, Z):
        dZ = relu_backward(dout, Z)
        dZ[0] = 0.0
        return dZ

    assert check_gradients(relu, first_row_forgotten, {"Z": Z}, seed=0).verdict == "fail"
    (finding,) = check_gradients(relu, relu_backward, {"Z": Z}, seed=0).findings
    assert finding.ok
    assert "were left out" in finding.remark


def test_more_entries_on_a_kink_than_can_be_told_apart_make_no_pass(monkeypatch):
    monkeypatch.setattr("gradcheck.verdict.KINKS_EXACT", 20)
    Z = np.random.default_rng(0).normal(size=(20, 10))
    Z[:, ::2] = 0.0
    (finding,) = check_gradients(relu, relu_backward, {"Z": Z}, seed=0).findings
    assert finding.verdict == "not differentiable here"
    assert "more do than can be told apart" in finding.message


def huber(x):
    size = np.abs(x)
    return np.where(size <= 1, 0.5 * x**2, size - 0.5).sum() + np.maximum(x[15:25], 0).sum(), x


def huber_backward(x, outlier=True):
    dx = np.clip(x, -1, 1) if outlier else np.where(np.abs(x) <= 1, x, 0.0)
    dx[15:25] += x[15:25] > 0
    return dx


@pytest.mark.parametrize("seed", range(5))
def test_what_np_abs_hides_is_noticed_beside_a_kink_and_beside_a_large_constant(seed):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-0.9, 0.9, 60)
    x[7], x[20] = 3.0, 1e-9
    assert not check_gradients(huber, functools.partial(huber_backward, outlier=False), {"x": x}, seed=seed).ok
    assert check_gradients(huber, huber_backward, {"x": x}, seed=seed).verdict != "fail"

    def forward(w):
        return np.tanh(w).sum() + 1e5 + 1e-4 * np.abs(w).sum(), w

    w = {"w": rng.normal(size=6)}
    assert check_gradients(forward, lambda w: 1 - np.tanh(w) ** 2, w, seed=seed).verdict == "fail"
    assert check_gradients(forward, lambda w: 1 - np.tanh(w) ** 2 + 1e-4 * np.sign(w), w, seed=seed).ok


STEEP = {
    "1/x over twelve powers of ten": (lambda x: 1 / x, lambda dout, x: -dout / x**2, 10.0 ** np.arange(-6, 7)),
    "a guard larger than two entries": (
        lambda x: x / (x + 1e-9), lambda dout, x: dout * 1e-9 / (x + 1e-9) ** 2, np.array([1.0, 2.0, 1e-9, 3e-9]),
    ),
    "a sigmoid that is a step": (
        lambda x: slips.sigmoid(1e7 * (x - 0.5)),
        lambda dout, x: dout * 1e7 * slips.sigmoid(1e7 * (x - 0.5)) * (1 - slips.sigmoid(1e7 * (x - 0.5))),
        np.array([0.5 + 1e-8, 0.5 - 2e-7, 0.5]),
    ),
}  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", STEEP)
def test_differences_that_step_too_far_overrule_nothing(name, seed):
    f, backward, x = STEEP[name]
    report = check_gradients(lambda x: (f(x), x), backward, {"x": x}, seed=seed)
    assert report.ok, str(report)
    wrong = check_gradients(lambda x: (f(x), x), lambda dout, x: 1.001 * backward(dout, x), {"x": x}, seed=seed)
    assert wrong.verdict == "fail"


def test_right_answer_that_central_differences_miss_is_told_so():
    f, backward, x = STEEP["a sigmoid that is a step"]
    (finding,) = check_gradients(lambda x: (f(x), x), backward, {"x": x}, seed=0).findings
    assert "is right. Central differences miss it by" in finding.message


@pytest.mark.parametrize("h", [1e-11, 1e-12])
def test_jitter_of_an_answer_excuses_no_visible_error(h):
    rng = np.random.default_rng(0)
    X, W = rng.normal(size=(20, 5)), rng.normal(size=(5, 3))

    def backward(dout, cache):
        X, W = cache
        dW = np.zeros_like(W)
        for index in np.ndindex(W.shape):
            step = np.zeros_like(W)
            step[index] = h
            dW[index] = (dout * (np.tanh(X @ (W + step)) - np.tanh(X @ (W - step)))).sum() / (2 * h)
        return dW

    report = check_gradients(lambda X, W: (np.tanh(X @ W), (X, W)), backward, {"X": X, "W": W}, wrt="W", seed=0)
    assert not report.ok


@pytest.mark.parametrize("size", [1e-8, 1e-9, 1e-11])
@pytest.mark.parametrize("error", [1e-6, 1e-4])
def test_tiny_weights_hide_no_error(size, error):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(20, 5))

    def backward(dout, W):
        dW = X.T @ dout
        dW[0, 0] *= 1 + error
        return dW, dout.sum(axis=0)

    inputs = {"W": size * rng.normal(size=(5, 3)), "b": rng.normal(size=3)}
    assert not check_gradients(lambda W, b: (X @ W + b, W), backward, inputs, seed=0).ok


def test_gradient_that_rounding_takes_away_is_not_called_wrong():
    report = check_gradients(
        lambda z: (np.tanh(z), np.tanh(z)), lambda d, a: d * (1 - a**2), {"z": [20.0, 21.0]}, seed=0
    )
    assert report.verdict == "cannot tell"


def l1_net(rng, share, forgotten):
    X, Y = rng.normal(size=(20, 30)), np.eye(10)[rng.integers(0, 10, 20)]

    def forward(W, V):
        A = np.maximum(X @ W, 0)
        P = slips.softmax(A @ V)
        return -(Y * np.log(P)).sum() / 20 + share * (np.abs(W).sum() + np.abs(V).sum()), (W, V, A, P)

    def backward(cache):
        W, V, A, P = cache
        dZ, more = (P - Y) / 20, 0.0 if forgotten else share
        return X.T @ ((dZ @ V.T) * (A > 0)) + more * np.sign(W), A.T @ dZ + more * np.sign(V)

    return forward, backward, {"W": rng.normal(size=(30, 40)) / 5, "V": rng.normal(size=(40, 10)) / 5}


@pytest.mark.parametrize("share", [1e-4, 1e-6, 1e-8])
def test_small_term_with_an_absolute_value_is_judged_exactly(share):
    for seed in range(3 if FEW else 10):
        report = check_gradients(*l1_net(np.random.default_rng(seed), share, forgotten=True), seed=seed)
        assert [finding.cause for finding in report.findings] == ["missing-term", "missing-term"], str(report)
        report = check_gradients(*l1_net(np.random.default_rng(seed), share, forgotten=False), seed=seed)
        assert report.ok, str(report)
        assert not any(finding.remark for finding in report.findings)


def test_absolute_values_far_from_zero_and_at_zero():
    def softplus(x):
        return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))), x

    x = np.random.default_rng(0).uniform(18, 24, (20, 20))
    assert check_gradients(softplus, lambda dout, x: dout / (1 + np.exp(-x)), {"x": x}, seed=0).ok
    wrong = check_gradients(softplus, lambda dout, x: dout / (1 + np.exp(-x)) * (1 + 1e-6), {"x": x}, seed=0)
    assert wrong.verdict == "fail"
    X, y = np.random.default_rng(1).normal(size=(30, 4)), np.arange(30.0)

    def lasso(w):
        return ((X @ w - y) ** 2).mean() + 0.1 * np.abs(w).sum(), w

    def backward(w):
        return 2 * X.T @ (X @ w - y) / 30 + 0.1 * np.where(w >= 0, 1, -1)

    assert check_gradients(lasso, backward, {"w": np.zeros(4)}, seed=0).verdict == "not differentiable here"
    assert check_gradients(lasso, backward, {"w": np.ones(4)}, seed=0).ok


@pytest.mark.parametrize("share", [1e-6, 1e-7, 1e-8])
def test_small_term_that_is_forgotten_is_not_taken_for_a_finite_difference(share):
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(30, 6)), rng.normal(size=(30, 4))

    def forward(W):
        return ((X @ W - Y) ** 2).sum() / 2 + share * (W**2).sum() / 2, W

    report = check_gradients(forward, lambda W: X.T @ (X @ W - Y), {"W": rng.normal(size=(6, 4))}, seed=0)
    assert (report.verdict, report.findings[0].cause) == ("fail", "missing-term")


def test_answer_in_float32_passes_only_where_its_digits_suffice():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 100))

    def in_single(dout, X, wrong=1.0):
        dW = X.T @ dout
        dW[3, 4] *= wrong
        return dW.astype(np.float32)

    inputs = {"W": rng.normal(size=(100, 100))}
    assert check_gradients(lambda W: (X @ W, X), in_single, inputs, seed=0).ok
    # A buffer of real numbers loses the complex step: then slopes are measured.
    for forward in (lambda W: (X @ W, X), lambda W: (np.add(np.zeros((50, 100)), X @ W, out=np.zeros((50, 100))), X)):
        report = check_gradients(forward, functools.partial(in_single, wrong=1.005), inputs, seed=0)
        assert report.verdict == "cannot tell"
        told = re.search(
            r"its float32 numbers hold too few digits, and it is off by (\S+) of", report.findings[0].message
        )
        assert told is not None
        assert 1e-6 < float(told[1]) < 1e-3
    report = check_gradients(lambda W: (X @ W, X), functools.partial(in_single, wrong=2.0), inputs, seed=0)
    assert report.verdict == "fail"
    for share, verdict in ((1.0, "cannot tell"), (1.1, "fail")):
        in_half = functools.partial(lambda dout, X, share: (share * X.T @ dout).astype(np.float16), share=share)
        assert check_gradients(lambda W: (X @ W, X), in_half, inputs, seed=0).verdict == verdict


def test_answer_in_the_order_of_columns_is_told_by_its_wrong_entry():
    def backward(W):
        dW = np.asfortranarray(2 * W)
        dW[123, 45] += 1e-3
        return dW

    W = np.random.default_rng(0).normal(size=(300, 300))
    report = check_gradients(lambda W: (np.sum(np.array(W) ** 2), W), backward, {"W": W}, seed=0)
    assert report.findings[0].cause == "one-entry"
    assert report.findings[0].worst.index == (123, 45)


def test_wrong_answer_for_an_empty_batch_is_told():
    def backward(dout, cache):
        return dout @ cache[1].T, np.ones((3, 2))

    inputs = {"X": np.zeros((0, 3)), "W": np.ones((3, 2))}
    report = check_layer(lambda X, W: (X @ W, (X, W)), backward, inputs, seed=0)
    assert [finding.ok for finding in report.findings] == [True, False]


def test_guard_is_named_only_where_it_explains_the_error():
    def forward(X):
        m = X.mean(axis=0)
        std = np.sqrt((X**2).mean(axis=0) - m**2 + 1e-5)
        return (X - m) / std, ((X - m) / std, std)

    def backward(dout, cache):
        xhat, std = cache
        return (dout - dout.mean(axis=0) - xhat * (dout * xhat).mean(axis=0)) / std

    for seed in range(5):
        X = np.random.default_rng(seed).normal(size=(8, 3)) + 1e4
        report = check_gradients(forward, backward, {"X": X}, seed=seed)
        assert report.ok, str(report)
        assert not report.findings[0].remark


def test_wrong_entry_of_a_loop_into_a_buffer_is_told_alone():
    def forward(X, K):
        out = np.zeros((5, 6))
        for i, j in np.ndindex(5, 6):
            out[i, j] = np.maximum((X[i : i + 3, j : j + 3] * K).sum(), 0.0)
        return out, (X, K, out)

    def backward(dout, cache):
        X, K, out = cache
        dX, dK = np.zeros_like(X), np.zeros_like(K)
        for i, j in np.ndindex(5, 6):
            dZ = dout[i, j] * (out[i, j] > 0)
            dX[i : i + 3, j : j + 3] += dZ * K
            dK += dZ * X[i : i + 3, j : j + 3]
        dX[2, 3] *= 1.01
        return dX, dK

    rng = np.random.default_rng(0)
    report = check_gradients(forward, backward, {"X": rng.normal(size=(7, 8)), "K": rng.normal(size=(3, 3))}, seed=0)
    assert [finding.cause for finding in report.findings] == ["one-entry", None]


# --- forwards that nothing records, or that cannot go everywhere -----------------------------------------------
def sparse_lasso(w):
    """Return a fit with an L1 term that nothing records; ``w`` has zeros in it."""
    X = np.random.default_rng(0).normal(size=(40, 5))
    w = np.asarray(w)
    return np.mean((X @ w - X[:, 0]) ** 2) + 0.5 * np.sum(np.abs(w[1:])), (X, w)


def sparse_lasso_backward(cache, rate=0.5):
    X, w = cache
    return 2 * X.T @ (X @ w - X[:, 0]) / 40 + rate * np.sign(w) * np.array([0, 1, 1, 1, 1])


@pytest.mark.parametrize("seed", range(10))
def test_penalty_that_nothing_records_is_noticed_beside_weights_of_zero(seed):
    inputs = {"w": np.array([0.5, 1.2, 0.0, -0.7, 0.0])}
    assert check_gradients(sparse_lasso, sparse_lasso_backward, inputs, seed=seed).ok
    wrong = check_gradients(sparse_lasso, functools.partial(sparse_lasso_backward, rate=0.0), inputs, seed=seed)
    assert wrong.verdict == "fail"


def log_loss(P):
    """Return a cross-entropy by math.log, which raises below 0."""
    return -sum(math.log(p) for p in P[:, 0]) / len(P), P


def log_loss_backward(P):
    dP = np.zeros_like(P)
    dP[:, 0] = -1 / P[:, 0] / len(P)
    return dP


def picked_beside(x):
    """Return numbers between those of a table, by their places; the last place of the table is near."""
    table, left = np.array([1.0, 3.0, 2.0, 5.0]), np.floor(x).astype(int)
    return (left + 1 - x) * table[left] + (x - left) * table[left + 1], table[left + 1] - table[left]


NARROW = {
    "math.log near 0": (log_loss, log_loss_backward, {"P": np.array([[1e-3, 0.999], [0.4, 0.6], [1e-7, 1.0]])}),
    "index near the end": (picked_beside, lambda d, slope: d * slope, {"x": np.array([2.999, 0.4])}),
    "math.acos near 1": (
        lambda x: (np.array([math.acos(one) for one in x]), x),
        lambda d, x: -d / np.sqrt(1 - x**2),
        {"x": np.array([0.9999, -0.3])},
    ),
    "sys.exit beyond 1": (
        lambda x: (np.sum(x**2) if max(x.tolist(), key=abs).real <= 1 else sys.exit(), x),
        lambda x: 2 * x,
        {"x": np.array([0.9999, -0.3])},
    ),
}


@pytest.mark.parametrize("name", NARROW)
def test_forward_that_raises_beside_the_inputs_is_judged(name):
    forward, backward, inputs = NARROW[name]
    for seed in range(5):
        right = check_gradients(forward, backward, inputs, seed=seed)
        assert right.ok and "nan" not in str(right)
        report = check_gradients(forward, lambda *args: 1.01 * backward(*args), inputs, seed=seed)
        assert report.verdict == "fail"


@pytest.mark.parametrize("seed", range(5))
def test_kink_where_both_factors_of_a_product_move_is_seen(seed):
    gate, x = np.random.default_rng(seed).normal(size=4), np.array([0.0, 1.0, 0.0, -2.0])

    def backward(d, cache):
        gate, x = cache
        dZ = d * (gate * x > 0)
        return dZ * x, dZ * gate

    report = check_gradients(
        lambda gate, x: (np.maximum(gate * x, 0), (gate, x)), backward, {"gate": gate, "x": x}, seed=seed
    )
    assert report.ok, str(report)
    assert "on a kink" in str(report)


@pytest.mark.parametrize("dtype", [np.int64, bool])
def test_whole_numbers_that_are_right_are_told_by_their_type(dtype):
    def check(backward, forward=lambda x: (np.maximum(x, 0).sum(), x)):
        return check_gradients(forward, backward, {"x": np.array([1.5, -0.5, 2.0])}, seed=1).findings[0]

    finding = check(lambda x: (x > 0).astype(dtype))
    assert (finding.ok, finding.cause) == (False, "integer-dtype")
    assert f"The numbers of dx are right, but they are {np.dtype(dtype)}" in finding.message
    assert check(lambda x: np.ones(3, dtype=dtype), lambda x: (x.sum(), x)).cause == "integer-dtype"
    assert check(lambda x: (x < 0).astype(dtype)).cause != "integer-dtype"
    number = check_gradients(lambda x: (max(x, 0.0), x), lambda d, x: d if x > 0 else 0, {"x": -1.5}, seed=1)
    assert number.ok


def test_shape_is_explained_behind_an_absolute_value():
    report = check_gradients(
        lambda x: (x / (1 + np.abs(x)), x), lambda d, x: (d / (1 + np.abs(x)) ** 2)[None], {"x": np.array([0.4, -1.5])}
    )
    assert report.findings[0].cause == "extra-dimension"


class RunningMean:
    """A layer that remembers: a running mean, what it was called with, and a layer inside."""

    def __init__(self, inner=None):
        self.mean, self.seen, self.inner = np.zeros(2), [], inner

    def forward(self, X):
        self.mean = 0.9 * self.mean + 0.1 * X.mean(axis=0)
        self.seen.append(X)
        out = X if self.inner is None else self.inner.forward(X)[0]
        return out**2, X

    def backward(self, dout, X):
        return dout * (2 * X if self.inner is None else 4 * X**3)


@pytest.mark.parametrize("called", ["methods", "functions"])
def test_layer_is_left_as_it_was(called):
    layer = RunningMean(RunningMean())
    forward, backward = layer.forward, layer.backward
    if called == "functions":
        forward, backward = (lambda X: layer.forward(X)), (lambda dout, X: layer.backward(dout, X))
    report = check_gradients(forward, backward, {"X": np.array([[1.0, 2.0], [3.0, 5.0]])}, seed=1)
    assert report.ok, str(report)
    for one in (layer, layer.inner):
        assert type(one.mean) is np.ndarray and not one.mean.any() and one.seen == []


def test_what_a_function_uses_may_be_large_deep_or_not_there_yet():
    words, nested = [[k] for k in range(2000)], []
    for _ in range(5000):
        nested = [nested]

    def forward(x):
        return (x**2 if words and nested else later), x

    assert check_gradients(forward, lambda d, x: 2 * d * x, {"x": np.ones(3)}).ok
    later = 0
    assert check_gradients(forward, lambda d, x: 2 * d * x + later, {"x": np.ones(3)}).ok


def test_right_gradient_of_a_sum_that_is_zero_passes():
    def backward(X):
        dout = np.full(X.shape, 1 / X.size)
        return dout - dout.mean(axis=0)

    for seed in range(10):
        X = np.random.default_rng(seed).normal(size=(5, 3))
        report = check_layer(lambda X: (np.mean(X - X.mean(axis=0)), X), backward, {"X": X}, seed=seed)
        assert report.ok, str(report)
        for wrong in (lambda X: np.full(X.shape, 1 / X.size), lambda X: 1e-9 * X):
            assert not check_layer(lambda X: (np.mean(X - X.mean(axis=0)), X), wrong, {"X": X}, seed=seed).ok
