"""The grids of the page's exercises do what NumPy does."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcheck.grid import Grid, exp, log, maximum

# A loaded machine is slow, not wrong.
QUICK = settings(deadline=None, max_examples=50, derandomize=True)
NUMBERS = st.floats(-8, 8).map(lambda x: round(x, 3))
SIZES = st.integers(0, 4)


def arrays(*shape: int) -> st.SearchStrategy[np.ndarray]:
    """Return a strategy for arrays of a shape."""
    count = int(np.prod(shape))
    return st.lists(NUMBERS, min_size=count, max_size=count).map(lambda flat: np.array(flat, float).reshape(shape))


def as_grid(array: np.ndarray) -> Grid:
    """Return the grid with an array's numbers; an array with no rows has no lists to come from."""
    grid = Grid([])
    grid.flat, grid.shape = [float(x) for x in array.reshape(-1)], array.shape
    return grid


def agrees(grid: Grid | float, array: np.ndarray | float) -> bool:
    """Return whether both have one shape and equal numbers, up to the order of a sum."""
    if not isinstance(grid, Grid):
        return np.shape(array) == () and np.allclose(grid, array, rtol=1e-12, atol=1e-12, equal_nan=True)
    numbers = np.array(grid.flat).reshape(grid.shape)
    return grid.shape == np.shape(array) and np.allclose(numbers, array, rtol=1e-12, atol=1e-12, equal_nan=True)


@st.composite
def fitting_pairs(draw):
    """Return two arrays that broadcast, or an array and a number."""
    n, m = draw(SIZES), draw(SIZES)
    shapes = [(n, m), (1, m), (n, 1), (m,), (1,), (1, 1), (n, m)]
    one = draw(arrays(*draw(st.sampled_from(shapes))))
    other = draw(st.one_of(*[arrays(*shape) for shape in shapes], NUMBERS))
    try:
        np.broadcast_shapes(one.shape, np.shape(other))
    except ValueError:
        other = draw(NUMBERS)
    return one, other


OPERATORS = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
}


@pytest.mark.parametrize("operator", OPERATORS.values(), ids=OPERATORS.keys())
@QUICK
@given(pair=fitting_pairs())
def test_elementwise_operators_broadcast_as_numpy_does(operator, pair):
    one, other = pair
    theirs = as_grid(other) if isinstance(other, np.ndarray) else other
    with np.errstate(all="ignore"):
        assert agrees(operator(as_grid(one), theirs), operator(one, other))
        assert agrees(operator(theirs, as_grid(one)), operator(other, one))


@QUICK
@given(pair=fitting_pairs())
def test_functions_go_entry_by_entry(pair):
    one, other = pair
    grid, theirs = as_grid(one), as_grid(other) if isinstance(other, np.ndarray) else other
    with np.errstate(all="ignore"):
        assert agrees(exp(grid), np.exp(one))
        assert agrees(log(grid), np.log(one))
        assert agrees(-grid, -one)
        assert agrees(grid**2, one**2) and agrees(grid**3, one**3)
        assert agrees(2.0**grid, 2.0**one)
        assert agrees(maximum(grid, theirs), np.maximum(one, other))
        assert agrees(maximum(theirs, grid), np.maximum(other, one))


@QUICK
@given(data=st.data(), n=SIZES, m=SIZES, k=SIZES)
def test_product_transpose_and_sums(data, n, m, k):
    X, W, v, w = (data.draw(arrays(*shape)) for shape in ((n, m), (m, k), (m,), (n,)))
    A, B, a, b = map(as_grid, (X, W, v, w))
    assert agrees(A @ B, X @ W) and agrees(A @ a, X @ v) and agrees(b @ A, w @ X) and agrees(a @ a, v @ v)
    assert agrees(A.T, X.T) and agrees(a.T, v.T)
    for keepdims in (False, True):
        for axis in (None, 0, 1, -1, -2):
            assert agrees(A.sum(axis=axis, keepdims=keepdims), X.sum(axis=axis, keepdims=keepdims))
        assert agrees(a.sum(axis=0, keepdims=keepdims), v.sum(axis=0, keepdims=keepdims))
        assert agrees(a.sum(keepdims=keepdims), v.sum(keepdims=keepdims))


@QUICK
@given(data=st.data(), n=st.integers(1, 4), m=st.integers(1, 4))
def test_places_rows_and_lists(data, n, m):
    X = data.draw(arrays(n, m))
    A = Grid(X.tolist())
    assert A.tolist() == X.tolist() and len(A) == n and [row.tolist() for row in A] == X.tolist()
    assert A[n - 1, m - 1] == X[n - 1, m - 1] == A[-1, -1] and A[-n].tolist() == X[0].tolist() and A[0][0] == X[0, 0]
    assert Grid(A).tolist() == X.tolist() and Grid([row for row in A]).tolist() == X.tolist()


def test_numbers_alone_and_extreme_ones():
    assert (exp(0.0), exp(1000), exp(-1000), log(1.0), maximum(-1, 0)) == (1.0, float("inf"), 0.0, 0.0, 0.0)
    assert log(0) == -float("inf") and np.isnan(log(-1))
    assert agrees(1 / Grid([0.0, -0.0, 2.0]), np.array([np.inf, -np.inf, 0.5]))
    assert np.isnan(maximum(float("nan"), 1.0)) and np.isnan(maximum(1.0, float("nan")))
    assert repr(Grid([[1, 2.5], [3, 4]])) == "Grid([[1, 2.5], [3, 4]])" and repr(Grid([1, 2])) == "Grid([1, 2])"


def test_what_does_not_fit_is_said_with_both_shapes():
    X, W = Grid([[1, 2, 3], [4, 5, 6]]), Grid([[1, 2], [3, 4]])
    for act, said in (
        (lambda: X @ W, r"\(2, 3\) and \(2, 2\) do not fit for @: 3 columns on the left, 2 rows on the right"),
        (lambda: X + W, r"\(2, 3\) and \(2, 2\) do not fit: 3 against 2"),
        (lambda: X.sum(axis=2), "has no axis 2"),
        (lambda: Grid([[1, 2], [3]]), "rows of one length"),
        (lambda: Grid([[1, 2], 3]), "rows of one length"),
    ):
        with pytest.raises(ValueError, match=said):
            act()
    with pytest.raises(IndexError, match="no place 2 among 2"):
        X[2]
    with pytest.raises(TypeError, match="whole numbers"):
        X[:, 0]
    with pytest.raises(TypeError):
        X @ 2
    with pytest.raises(TypeError):
        X[0] = 1
