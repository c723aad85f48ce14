"""What the shape matcher says, against NumPy and against the derived gradients."""

import itertools

import numpy as np
import pytest

# Examples, inputs, neurons.
SIZES = {
    "all different": {"i": 5, "k": 3, "j": 4},
    "square weights": {"i": 5, "k": 4, "j": 4},
    "as many examples as neurons": {"i": 4, "k": 3, "j": 4},
    "all equal": {"i": 3, "k": 3, "j": 3},
    "a batch of one": {"i": 1, "k": 3, "j": 2},
}
FACTORS = ["X", "X.T", "W", "W.T", "dZ", "dZ.T"]
OPERATIONS = [*(f"@ {factor}" for factor in FACTORS), ".sum(axis=0)", ".sum(axis=1)"]


def gradients(arrays):
    """Return the right dX, dW and db."""
    X, W, dZ = (np.array(arrays[name]) for name in ("X", "W", "dZ"))
    return {"dX": dZ @ W.T, "dW": X.T @ dZ, "db": dZ.sum(axis=0)}


def in_numpy(first, operation, arrays):
    """Return what comes of an array and an operation, None where NumPy raises."""
    names = {name: np.array(rows) for name, rows in arrays.items()}
    try:
        return eval(f"{first} {operation}", {}, names)
    except ValueError:
        return None


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_every_product_and_sum_is_judged_as_numpy_finds_it(sizes, numbers):
    asked = list(itertools.product(("dX", "dW", "db"), FACTORS, OPERATIONS))
    told = numbers(
        "shape-matcher-numbers",
        "((arrays) => ({ arrays, judged: asked.map(([wanted, first, operation]) => {"
        "  const judged = figure.judge(wanted, first, operation, sizes);"
        "  return { ...judged, values: judged.possible ? figure.compute(first, operation, arrays) : null };"
        "}) }))(figure.drawArrays(sizes))",
        asked=asked,
        sizes=sizes,
    )
    right = gradients(told["arrays"])
    found = 0
    for (wanted, first, operation), judged in zip(asked, told["judged"], strict=True):
        result = in_numpy(first, operation, told["arrays"])
        assert judged["possible"] == (result is not None), (first, operation)
        if result is None:
            assert judged["shape"] is None and not judged["fits"]
            continue
        assert judged["shape"] == list(result.shape)
        assert judged["fits"] == (result.shape == right[wanted].shape)
        np.testing.assert_allclose(judged["values"], result, rtol=1e-12, atol=1e-12)
        same = judged["fits"] and np.allclose(result, right[wanted])
        assert judged["right"] == same, (wanted, first, operation)
        found += same
    # One product each for dX and dW, and db as a sum down the rows of dZ or across those of dZ.T.
    assert found == 4


@pytest.mark.parametrize("sizes", [*SIZES.values(), {"i": 1, "k": 1, "j": 1}], ids=[*SIZES, "all ones"])
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
    assert {counted["all"] for row in told for counted in row} == {len(FACTORS) * len(OPERATIONS)}
    fits = dict(zip(SIZES, [[counted["fit"] for counted in row] for row in told], strict=True))
    assert fits["all different"] == [1, 1, 4]
    assert fits["square weights"][0] > 1
    assert fits["all equal"] == [36, 36, 12]
