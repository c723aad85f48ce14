"""What the shape matcher says, against NumPy's products and against measured gradients."""

import itertools

import numpy as np
import pytest

# Examples, inputs, neurons.
SIZES = {
    "all different": {"i": 5, "k": 3, "j": 4},
    "square weights": {"i": 5, "k": 4, "j": 4},
    "all equal": {"i": 3, "k": 3, "j": 3},
    "a batch of one": {"i": 1, "k": 3, "j": 2},
    "all ones": {"i": 1, "k": 1, "j": 1},
}
FACTORS = ["X", "X.T", "W", "W.T", "dZ", "dZ.T"]


def gradients(arrays):
    """Return the right dX, dW and db."""
    X, W, dZ = (np.array(arrays[name]) for name in ("X", "W", "dZ"))
    return {"dX": dZ @ W.T, "dW": X.T @ dZ, "db": dZ.sum(axis=0)}


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_every_product_is_judged_as_numpy_finds_it(sizes, numbers):
    asked = list(itertools.product(("dX", "dW"), FACTORS, FACTORS))
    told = numbers(
        "shape-matcher-numbers",
        "((arrays) => ({ arrays, judged: asked.map(([wanted, first, second]) => {"
        "  const judged = figure.judgeProduct(wanted, first, second, sizes);"
        "  return { ...judged, values: judged.possible ? figure.computeProduct(first, second, arrays) : null };"
        "}) }))(figure.drawArrays(sizes))",
        asked=asked,
        sizes=sizes,
    )
    arrays = {name: np.array(rows) for name, rows in told["arrays"].items()}
    arrays |= {f"{name}.T": array.T for name, array in arrays.items()}
    right = gradients(told["arrays"])
    for (wanted, first, second), judged in zip(asked, told["judged"], strict=True):
        P, Q = arrays[first], arrays[second]
        assert judged["possible"] == (P.shape[1] == Q.shape[0])
        if not judged["possible"]:
            assert judged["shape"] is None and not judged["fits"]
            continue
        assert judged["shape"] == list((P @ Q).shape)
        assert judged["fits"] == ((P @ Q).shape == right[wanted].shape)
        np.testing.assert_allclose(judged["values"], P @ Q, rtol=1e-12, atol=1e-12)
        same = judged["fits"] and np.allclose(P @ Q, right[wanted])
        if sizes != SIZES["all ones"]:
            assert judged["right"] == same, (wanted, first, second)
        elif judged["right"]:
            assert same


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_every_sum_is_judged_as_numpy_finds_it(sizes, numbers):
    asked = list(itertools.product(("X", "W", "dZ"), (0, 1)))
    told = numbers(
        "shape-matcher-numbers",
        "((arrays) => ({ arrays, judged: asked.map(([array, axis]) => ({"
        "  ...figure.judgeSum('db', array, axis, sizes), values: figure.computeSum(array, axis, arrays)"
        "})) }))(figure.drawArrays(sizes))",
        asked=asked,
        sizes=sizes,
    )
    db = gradients(told["arrays"])["db"]
    for (array, axis), judged in zip(asked, told["judged"], strict=True):
        total = np.array(told["arrays"][array]).sum(axis=axis)
        assert judged["shape"] == list(total.shape) and judged["fits"] == (total.shape == db.shape)
        np.testing.assert_allclose(judged["values"], total, rtol=1e-12, atol=1e-12)
        if sizes != SIZES["all ones"]:
            assert judged["right"] == (judged["fits"] and np.allclose(total, db))


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("wanted", ["dX", "dW", "db"])
def test_measured_gradient_is_the_derived_one(wanted, sizes, numbers):
    told = numbers(
        "shape-matcher-numbers",
        "((arrays) => ({ arrays, measured: figure.measure(wanted, arrays) }))(figure.drawArrays(sizes))",
        wanted=wanted,
        sizes=sizes,
    )
    np.testing.assert_allclose(told["measured"], gradients(told["arrays"])[wanted], rtol=1e-8, atol=1e-9)


def test_one_product_fits_only_where_sizes_differ(numbers):
    told = numbers(
        "shape-matcher-numbers",
        "sizes.map((these) => ['dX', 'dW', 'db'].map((wanted) => figure.countFitting(wanted, these)))",
        sizes=list(SIZES.values()),
    )
    fits = dict(zip(SIZES, [[counted["fit"] for counted in row] for row in told], strict=True))
    assert [counted["all"] for counted in told[0]] == [36, 36, 6]
    assert fits["all different"][:2] == [1, 1]
    assert fits["square weights"][0] > 1
    assert fits["all equal"] == [36, 36, 6]
