"""What a backward may not remember: the cache of an earlier forward call."""

import re

import numpy as np
import pytest

from gradcheck import check_layer


def linear_forward(X, W, b):
    return X @ W + b, (X, W, b)


def linear_backward(dZ, cache):
    X, W, _ = cache
    return dZ @ W.T, X.T @ dZ, dZ.sum(axis=0)


def l1_forward(W):
    return np.abs(W), W


def inputs():
    rng = np.random.default_rng(0)
    return {"X": rng.normal(size=(5, 3)), "W": rng.normal(size=(3, 4)), "b": rng.normal(size=4)}


def test_backward_that_keeps_the_first_cache_is_caught():
    first = []

    def keeps_the_first_cache(dZ, cache):
        first.append(cache)
        return linear_backward(dZ, first[0])

    report = check_layer(linear_forward, keeps_the_first_cache, inputs(), seed=1)
    wrong = {finding.name: finding.cause for finding in report.findings if not finding.ok}
    assert wrong == {"repeat dX": "stale-cache", "repeat dW": "stale-cache"}, str(report)


def test_backward_that_reads_a_later_forward_call_is_caught():
    latest = []

    def forward(X, W, b):
        latest[:] = [X, W, b]
        return linear_forward(X, W, b)

    report = check_layer(forward, lambda dZ, cache: linear_backward(dZ, latest), inputs(), seed=1)
    assert {finding.cause for finding in report.findings if not finding.ok} == {"stale-cache"}, str(report)


@pytest.mark.parametrize(
    ("forward", "backward", "given"),
    [
        pytest.param(linear_forward, linear_backward, inputs(), id="db does not depend on the cache"),
        pytest.param(l1_forward, lambda d, W: d * np.sign(W), {"W": inputs()["W"]}, id="absolute value"),
        pytest.param(
            lambda Z: (np.maximum(0, Z), Z), lambda d, Z: d * (Z > 0), {"Z": inputs()["W"]}, id="the mask of ReLU"
        ),
    ],
)
def test_gradient_that_is_rightly_the_same_elsewhere_is_not_blamed(forward, backward, given):
    assert check_layer(forward, backward, given, seed=1).ok


def test_nudge_is_measured_on_what_forward_returned_though_backward_overwrites_it():
    def forward(Z):
        A = np.tanh(Z)
        return A, A

    def backward(dA, A):
        A **= 2
        return dA * (1 - A)

    report = check_layer(forward, backward, {"Z": np.array([[0.3, -0.2], [0.5, 1.0]])}, seed=1)
    (finding,) = (finding for finding in report.findings if not finding.ok)
    rise, predicted = re.search(
        r"the loss (?:rises|falls) by ([\d.]+); your .* predicts \D*([\d.]+)\.", finding.message
    ).groups()
    assert finding.cause == "modifies-cache"
    assert rise == predicted


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        (
            lambda grads: grads[-1:],
            "returned a list of 1 dict with dW, db; dW2, db2 are missing. A list of 2 dicts, one",
        ),
        (
            lambda grads: [{"W": g["dW"], "b": g["db"]} for g in grads],
            "returned a list of 2 dicts with W, b; dW1, db1,",
        ),
        (lambda grads: (0, *grads), "returned 3 values; it must return 4: dW1, db1, dW2, db2, one for each argument"),
        (lambda grads: (0, *grads), "A list of 2 dicts, one for each layer, with the keys dW, db will do, too."),
        (lambda grads: {}, "returned a dict with no keys; dW1, db1, dW2, db2 are missing."),
    ],
)
def test_gradients_of_layers_in_another_form_are_told_as_they_came(returned, words):
    def forward(X, W1, b1, W2, b2):
        return (X @ W1 + b1) @ W2 + b2, (X, W1, b1, W2)

    def backward(dZ, cache):
        X, W1, b1, W2 = cache
        dA = dZ @ W2.T
        first = {"dW": X.T @ dA, "db": dA.sum(axis=0)}
        return returned([first, {"dW": (X @ W1 + b1).T @ dZ, "db": dZ.sum(axis=0)}])

    rng = np.random.default_rng(2)
    shapes = {"X": (4, 3), "W1": (3, 5), "b1": 5, "W2": (5, 2), "b2": 2}
    inputs = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    report = check_layer(forward, backward, inputs, wrt=["W1", "b1", "W2", "b2"])
    assert words in report.findings[0].message


def test_much_printing_leaves_room_for_the_report(capsys):
    def backward(dout, X):
        for _ in range(1000):
            print("in backward")
        return dout

    report = check_layer(lambda X: (X + 0.0, X), backward, {"X": np.ones((2, 2))}, seed=0)
    shown = capsys.readouterr().out
    assert report.ok and "prints something" in report.note
    assert shown.startswith("in backward\nin backward") and shown.endswith("prints more than is shown here ...\n")
    assert len(shown) < 2100


def test_ties_for_a_maximum_are_no_stale_cache():
    def forward(X):
        return X.reshape(2, 2, 2, 2).max(axis=(1, 3)), X

    def backward(dout, X):
        windows = X.reshape(2, 2, 2, 2)
        mask = windows == windows.max(axis=(1, 3), keepdims=True)
        return (dout[:, None, :, None] * mask / mask.sum(axis=(1, 3), keepdims=True)).reshape(4, 4)

    X = np.random.default_rng(0).uniform(0.1, 1, (4, 4))
    X[:2, :2] = 0.0
    for seed in range(5):
        report = check_layer(forward, backward, {"X": X}, seed=seed)
        assert report.ok, str(report)


def test_entries_that_were_never_filled_in_are_no_stale_cache():
    garbage = iter(range(100))

    def backward(dout, cache):
        dZ = np.full_like(dout, next(garbage))
        dZ[:-1] = 2 * dout[:-1]
        return dZ

    report = check_layer(lambda Z: (2 * Z, None), backward, {"Z": np.ones((3, 2))}, seed=0)
    assert not report.ok
    assert "stale-cache" not in {finding.cause for finding in report.findings}


def test_many_short_lines_leave_room_for_the_report(capsys):
    def backward(dout, X):
        for k in range(300):
            print(k)
        return dout

    assert check_layer(lambda X: (X + 0.0, X), backward, {"X": np.ones((2, 2))}, seed=0).ok
    shown = capsys.readouterr().out.splitlines()
    assert len(shown) < 50
    assert shown[:3] == ["0", "1", "2"]
    assert "more than is shown" in shown[-1]


def test_cache_that_holds_itself_is_compared():
    def forward(X):
        cache = {"X": X}
        cache["again"] = cache
        return X**2, cache

    assert check_layer(forward, lambda dout, cache: 2 * dout * cache["X"], {"X": np.ones((2, 2))}, seed=0).ok

    def spoils(dout, cache):
        cache["X"] += 1
        return 2 * dout * (cache["X"] - 1)

    report = check_layer(forward, spoils, {"X": np.ones((2, 2))}, seed=0)
    assert "modifies-cache" in {finding.cause for finding in report.findings}


def test_weights_that_backward_updates_are_no_sum_that_goes_on():
    W = np.random.default_rng(0).normal(size=(3, 4))
    kept = {"W": W.copy(), "dW": 0.0}

    def updates(dout, cache):
        X, _, _ = cache
        dX = dout @ kept["W"].T
        kept["W"] = kept["W"] - 0.1 * X.T @ dout
        return dX, X.T @ dout, dout.sum(axis=0)

    def goes_on(dout, cache):
        dX, dW, db = linear_backward(dout, cache)
        kept["dW"] = kept["dW"] + dW
        return dX, kept["dW"], db

    given = {"X": np.random.default_rng(1).normal(size=(5, 3)), "W": W, "b": np.zeros(4)}
    for backward, cause in ((updates, "not-deterministic"), (goes_on, "accumulates")):
        report = check_layer(linear_forward, backward, given, seed=0)
        assert [finding.cause for finding in report.findings if not finding.ok] == [cause]
