"""What a backward may not remember: the cache of an earlier forward call."""

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
