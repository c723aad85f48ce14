"""The author's names of typical mistakes: found where the gradient is too large to be known, and beside a None."""

import numpy as np
import pytest

from gradcheck import check_gradients, check_layer, check_values


def pair_sums_forward(X):
    """Return the sums of neighbours in each row, in an array of real numbers that no complex step passes through."""
    out = np.zeros((X.shape[0], X.shape[1] - 1))
    for j in range(out.shape[1]):
        out[:, j] = X[:, j] + X[:, j + 1]
    return out, X


def pair_sums_backward_overwriting(dout, cache):
    dX = np.zeros_like(cache)
    for j in range(dout.shape[1]):
        dX[:, j : j + 2] = dout[:, j : j + 1]
    return dX


def test_mistake_is_named_where_the_gradient_is_too_large_to_be_measured_whole():
    inputs = {"X": np.random.default_rng(0).normal(size=(20, 30))}
    mistakes = {"halved": lambda dout, cache: cache / 2, "overwritten": pair_sums_backward_overwriting}
    report = check_layer(pair_sums_forward, pair_sums_backward_overwriting, inputs, mistakes=mistakes, seed=1)
    assert report.verdict == "fail"
    assert "It looks like this mistake: overwritten." in str(report)


def test_mistake_is_named_in_a_result_that_holds_none():
    def kept(x):
        return x, [(x, None, None)]

    def doubled(x):
        return 2 * x, [(x, x, "relu"), (x, None, None)]

    def right_result_with_other_cache(x):
        return 2 * x, [(x, x, "relu"), (x, "relu", x)]

    x = np.array([1.0, 2.0])
    for answer in (doubled, right_result_with_other_cache):
        report = check_values(answer, [((x,), (x, ...))], mistakes={"doubled": doubled, "kept": kept})
        assert report.verdict == "fail"
    assert "doubled" in str(check_values(doubled, [((x,), (x, ...))], mistakes={"doubled": doubled}))


def test_value_is_not_named_after_a_mistake_that_fails_where_it_is_right():
    def unguarded(x):
        return 1 / x if x > 0 else 0.0

    def negative(x):
        return -unguarded(x)

    cases = [((2.0,), 0.5), ((-1.0,), ValueError)]
    report = check_values(unguarded, cases, mistakes={"the sign is wrong": negative, "one over x": unguarded})
    assert "must raise ValueError; it returned 0.0." in str(report)
    assert "the sign is wrong" not in str(report)
    assert "the sign is wrong" in str(check_values(negative, cases, mistakes={"the sign is wrong": negative}))


def line_forward(X, W, b):
    return X @ W + b, (X, W)


def line_backward(dZ, cache, by=1.0):
    X, W = cache
    return dZ @ W.T, X.T @ dZ / by, dZ.sum(axis=0) / by


INPUTS = {
    "X": np.random.default_rng(1).normal(size=(5, 3)),
    "W": np.random.default_rng(2).normal(size=(3, 4)),
    "b": np.ones(4),
}


@pytest.mark.parametrize(
    ("backward", "named"),
    [
        (lambda dZ, cache: line_backward(dZ, cache, by=5.0), "all averaged"),
        (lambda dZ, cache: (*line_backward(dZ, cache)[:2], dZ.mean(axis=0)), "bias averaged"),
    ],
)
def test_of_two_mistakes_that_give_a_gradient_the_one_that_gives_the_others_too_is_named(backward, named):
    mistakes = {
        "all averaged": lambda dZ, cache: line_backward(dZ, cache, by=len(dZ)),
        "bias averaged": lambda dZ, cache: (*line_backward(dZ, cache)[:2], dZ.mean(axis=0)),
    }
    report = check_gradients(line_forward, backward, INPUTS, mistakes=mistakes, seed=3)
    db = next(finding for finding in report.findings if finding.name == "db")
    assert f"It looks like this mistake: {named}." in db.message


def test_exception_is_named_after_the_mistake_that_raises_the_same():
    def untransposed(dZ, cache):
        return dZ @ cache[1], cache[0].T @ dZ, dZ.sum(axis=0)

    def other(dZ, cache):
        raise KeyError("W")

    mistakes = {"W is not transposed": untransposed, "another": other}
    report = check_layer(line_forward, untransposed, INPUTS, mistakes=mistakes, seed=4)
    messages = [finding.message for finding in report.findings]
    assert [("W is not transposed" in text, "another" in text) for text in messages] == 3 * [(True, False)]
    assert [finding.cause for finding in report.findings] == ["author-mistake"] * 3
    assert "WRONG db: the same as for dX." in str(report)


def test_mistake_that_spoils_a_right_gradient_is_not_named():
    def averaged(dZ, cache):
        dX, dW, db = line_backward(dZ, cache)
        return dX, dW / len(dZ), db

    def all_averaged(dZ, cache):
        return [each / len(dZ) for each in line_backward(dZ, cache)]

    rng = np.random.default_rng(0)
    inputs = {"X": rng.normal(size=(5, 3)), "W": rng.normal(size=(3, 2)), "b": rng.normal(size=2)}
    mistakes = {"all are averaged": all_averaged}
    report = check_layer(line_forward, averaged, inputs, mistakes=mistakes)
    assert [finding.cause for finding in report.findings] == [None, "constant-factor", None]
    report = check_layer(line_forward, all_averaged, inputs, mistakes=mistakes)
    assert [finding.cause for finding in report.findings] == ["author-mistake"] * 3


def test_right_backward_of_a_wrong_forward_is_no_mistake_of_the_author():
    def forward(X, W, b):
        Z = np.tanh(X @ W + b)  # the activation does not belong here
        return Z, (X, W)

    def backward(dout, cache, mean=False, last=False):
        X, W = cache
        dW = X[-1:].T @ dout[-1:] if last else X.T @ dout
        return dout @ W.T, dW, dout.mean(axis=0) if mean else dout.sum(axis=0)

    rng = np.random.default_rng(0)
    inputs = {"X": rng.normal(size=(5, 3)), "W": rng.normal(size=(3, 4)), "b": rng.normal(size=4)}
    mistakes = {
        "db is averaged": lambda dout, cache: backward(dout, cache, mean=True),
        "only the last example": lambda dout, cache: backward(dout, cache, last=True),
    }
    report = check_layer(forward, backward, inputs, mistakes=mistakes, seed=0)
    assert "author-mistake" not in {finding.cause for finding in report.findings}

    def linear(X, W, b):
        return X @ W + b, (X, W)

    both = check_layer(linear, lambda d, c: backward(d, c, mean=True, last=True), inputs, mistakes=mistakes, seed=0)
    assert [finding.cause for finding in both.findings] == [None, "author-mistake", "author-mistake"]


LINEAR = {"X": (5, 3), "W": (3, 4), "b": (4,)}


@pytest.mark.parametrize(
    ("backward", "cause", "words"),
    [
        (
            lambda d, c: (d @ c[1], c[0].T @ d, d.sum(axis=0)),
            "author-mistake",
            "dX is wrong. It looks like this mistake",
        ),
        (lambda d, c: (c[1] @ d, c[0].T @ d, d.sum(axis=0)), "missing-transpose", "the wrong way round"),
        (lambda d, c: (d @ c[1].T, c[0].T * d, d.sum(axis=0)), "elementwise-product", "dW is wrong. * multiplies"),
        (lambda d, c: (d @ c[0].T, c[0].T @ d, d.sum(axis=0)), "raised", "The shapes here: dout (5, 4), X (5, 3)"),
        (lambda d, c: (d @ c[1].T + d, c[0].T @ d, d.sum(axis=0)), "raised", "The shapes here"),
    ],
)
def test_product_whose_shapes_do_not_fit_is_named_by_the_same_code_at_equal_sizes(backward, cause, words):
    def forward(X, W, b):
        return X @ W + b, (X, W, b)

    mistakes = {"W is not transposed": lambda d, c: (d @ c[1], c[0].T @ d, d.sum(axis=0))}
    rng = np.random.default_rng(0)
    inputs = {name: rng.normal(size=shape) for name, shape in LINEAR.items()}
    report = check_layer(forward, backward, inputs, mistakes=mistakes, seed=0)
    assert {finding.cause for finding in report.findings} == {cause}
    assert words in report.findings[0].message
    assert ("Where all sizes are equal it runs" in report.findings[0].message) == (cause != "raised")


def test_inputs_with_a_long_axis_are_not_made_over_to_equal_sizes():
    inputs = {"X": np.ones((30, 3)), "W": np.ones((3, 4))}
    report = check_layer(lambda X, W: (X @ W, (X, W)), lambda d, c: (d @ c[1], c[0].T @ d), inputs, seed=0)
    assert {finding.cause for finding in report.findings} == {"raised"}
