"""The gradient norms of the figure on depth, against NumPy on the same random numbers."""

import numpy as np
import pytest
from in_numpy import SLOPES, drawn_network, loss_and_gradients, scaled

LAYERS = 12


@pytest.fixture(scope="module")
def drawn(numbers):
    """Return the examples, their classes, and the weights before they are scaled."""
    return drawn_network(numbers, LAYERS)


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("scheme", ["zeros", "small", "xavier", "he"])
@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "ReLU"])
def test_norms_and_slopes_are_those_of_numpy(activation, scheme, times, numbers, drawn):
    X, y, units = drawn
    told = numbers(
        "depth-numbers",
        "figure.measure({ activation, scheme, times, layers })",
        activation=activation,
        scheme=scheme,
        times=times,
        layers=LAYERS,
    )
    act = activation.lower()
    _, gradients, steepness = loss_and_gradients(X, y, [times * scaled(unit, scheme) for unit in units], act)
    np.testing.assert_allclose(told["norms"], [np.linalg.norm(dW) for dW in gradients], rtol=1e-8)
    np.testing.assert_allclose(told["slopes"], [slopes.mean() for slopes in steepness], rtol=1e-9)
    np.testing.assert_allclose(told["flat"], [(slopes < 0.1 * SLOPES[act][1]).mean() for slopes in steepness])


@pytest.mark.parametrize("act", SLOPES)
def test_numpy_has_the_measured_slopes(act, drawn):
    X, y, units = drawn
    weights, h = [2 * scaled(unit, "xavier") for unit in units[-4:]], 1e-6
    _, gradients, _ = loss_and_gradients(X, y, weights, act)
    direction = np.random.default_rng(0).normal(size=weights[0].shape)
    ends = [loss_and_gradients(X, y, [weights[0] + s * h * direction, *weights[1:]], act)[0] for s in (1, -1)]
    assert (ends[0] - ends[1]) / (2 * h) == pytest.approx(np.sum(gradients[0] * direction), rel=1e-6)


def test_random_numbers_are_normal_and_come_again(numbers):
    first, again, other = (
        np.array(numbers("normals", f"Array.from({{ length: 20000 }}, figure.normals({seed}))")) for seed in (1, 1, 2)
    )
    assert (first == again).all() and not (first == other).any()
    for drawn in (first, other):
        assert abs(drawn.mean()) < 0.03 and abs(drawn.std() - 1) < 0.02
        assert abs((drawn**3).mean()) < 0.1 and abs((drawn**4).mean() - 3) < 0.3
        assert abs(np.corrcoef(drawn[:-1], drawn[1:])[0, 1]) < 0.03
