"""The author's names of typical mistakes: found where the gradient is too large to be known, and beside a None."""

import numpy as np

from gradcheck import check_layer, check_values


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
