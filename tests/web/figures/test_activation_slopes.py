"""The four activation functions of the figure with a draggable z, against NumPy and finite differences."""

import numpy as np
import pytest

POINTS = np.array([-1000.0, -30.0, -3.0, -0.5, -1e-3, 0.0, 1e-3, 0.3, 2.0, 30.0, 1000.0])
IN_NUMPY = {
    "sigmoid": lambda z: 0.5 * (1 + np.tanh(z / 2)),
    "tanh": np.tanh,
    "ReLU": lambda z: np.maximum(0, z),
    "softmax": lambda z: 0.5 * (1 + np.tanh((z - np.log(2)) / 2)),
}


@pytest.mark.parametrize("name", IN_NUMPY)
def test_values_and_slopes(name, numbers):
    h = 1e-5
    told = numbers(
        "activation-slopes-numbers",
        "points.map((z) => ((each) => ({ value: each.value(z), slope: each.slope(each.value(z)),"
        " measured: (each.value(z + h) - each.value(z - h)) / (2 * h) }))(figure.ACTIVATIONS[name]))",
        points=POINTS.tolist(),
        h=h,
        name=name,
    )
    values, slopes, measured = (np.array([each[key] for each in told]) for key in ("value", "slope", "measured"))
    np.testing.assert_allclose(values, IN_NUMPY[name](POINTS), rtol=1e-9, atol=1e-12)
    smooth = POINTS != 0 if name == "ReLU" else POINTS == POINTS
    np.testing.assert_allclose(slopes[smooth], measured[smooth], rtol=1e-6, atol=1e-9)
    steepest = numbers("activation-slopes-numbers", "figure.ACTIVATIONS[name].steepest", name=name)
    assert steepest >= slopes.max() > 0.9 * steepest
