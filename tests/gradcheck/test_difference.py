import numpy as np
import pytest

from gradcheck import central_difference, numerical_gradient, numerical_vjp, relative_error


def test_central_difference_is_exact_to_second_order():
    assert central_difference(np.sin, 0.3) == pytest.approx(np.cos(0.3), abs=1e-10)
    assert central_difference(lambda x: x**3, 2.0, h=0.5) == pytest.approx(12.0 + 0.25)
    assert type(central_difference(np.sin, 0.3)) is float


def test_vector_jacobian_product_weighs_each_output():
    rng = np.random.default_rng(0)
    X, W, dout = rng.normal(size=(5, 3)), rng.normal(size=(3, 4)), rng.normal(size=(5, 4))
    kept = X.copy()
    assert np.allclose(numerical_vjp(lambda X: X @ W, X, dout), dout @ W.T, atol=1e-8)
    assert np.array_equal(X, kept)


def test_function_that_changes_its_argument_does_no_harm():
    def square(x):
        x *= x
        return x.sum()

    assert np.allclose(numerical_gradient(square, np.array([1.0, 2.0])), [2.0, 4.0])


def test_gradient_of_lists_and_single_numbers():
    assert numerical_gradient(lambda x: x**2, 3.0).shape == ()
    assert np.allclose(numerical_gradient(lambda x: np.sum(x**2), [1, 2]), [2.0, 4.0])


@pytest.mark.parametrize(
    ("a", "n", "error"),
    [
        ([1.0, 2.0], [1.0, 2.0], 0.0),
        ([0.0], [0.0], 0.0),
        ([], [], 0.0),
        ([1.0, 0.0], [0.0, 0.0], 1.0),
        ([1.0], [-1.0], 2.0),
        ([3.0, 4.0], [3.0, 5.0], 0.2),
        ([1.0, 2.0], [1.0], np.inf),
        ([[1.0]], [1.0], np.inf),
        ([np.nan], [np.nan], np.inf),
        ([np.inf], [np.inf], np.inf),
        ("text", [1.0], np.inf),
        (None, [1.0], np.inf),
        ([1e308], [-1e308], 2.0),
        ([1e-308], [3e-308], 2 / 3),
    ],
)
def test_relative_error(a, n, error):
    assert relative_error(a, n) == pytest.approx(error)
    assert type(relative_error(a, n)) is float
