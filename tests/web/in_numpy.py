"""What some moving figures show, computed once more by NumPy."""

import numpy as np

# Each slope as a function of the pre-activation, and the steepest there is.
SLOPES = {
    "sigmoid": (lambda Z: 1 / (2 + np.exp(-Z) + np.exp(Z)), 0.25),
    "tanh": (lambda Z: 1 / np.cosh(Z) ** 2, 1),
    "relu": (lambda Z: (Z > 0) * 1.0, 1),
}
VALUES = {"sigmoid": lambda Z: 1 / (1 + np.exp(-Z)), "tanh": np.tanh, "relu": lambda Z: np.maximum(0, Z)}


def loss_and_gradients(X, y, weights, act):
    """Return the loss, the gradient of each layer's weights, and the slopes of each layer's activations."""
    inputs, steepness = [X], []
    for W in weights[:-1]:
        Z = inputs[-1] @ W
        steepness.append(SLOPES[act][0](Z))
        inputs.append(VALUES[act](Z))
    logits = inputs[-1] @ weights[-1]
    shifted = logits - logits.max(axis=1, keepdims=True)
    P = np.exp(shifted) / np.exp(shifted).sum(axis=1, keepdims=True)
    rows = np.arange(len(y))
    loss = (np.log(np.exp(shifted).sum(axis=1)) - shifted[rows, y]).mean()
    P[rows, y] -= 1
    dZ, gradients = P / len(y), []
    for n in reversed(range(len(weights))):
        gradients.insert(0, inputs[n].T @ dZ)
        if n:
            dZ = dZ @ weights[n].T * steepness[n - 1]
    return loss, gradients, steepness


def drawn_network(numbers, layers):
    """Return the examples, their classes, and the weights before they are scaled, as the figure on depth draws them."""
    told = numbers(
        "depth-numbers",
        "((drawn) => ({ X: drawn.X, classes: drawn.classes, units: drawn.units }))(figure.draw(layers))",
        layers=layers,
    )

    def matrix(stored):
        return np.array(list(stored["values"].values())).reshape(stored["rows"], stored["columns"])

    return matrix(told["X"]), np.array(told["classes"]), [matrix(unit) for unit in told["units"]]


def scaled(unit, scheme):
    """Return weights of the standard deviation that a scheme of chapter 10 wants."""
    n_in, n_out = unit.shape
    size = {"zeros": 0, "small": 0.01, "xavier": np.sqrt(2 / (n_in + n_out)), "he": np.sqrt(2 / n_in)}[scheme]
    return size * unit


REAL = {
    "sine": np.sin,
    "neuron": lambda w: (1 / (1 + np.exp(-w)) - 1) ** 2,
    "ReLU": lambda z: np.maximum(0, z),
}
POINTS = {"sine": 1.0, "neuron": 0.5, "ReLU": 2e-6}


def measured_slopes(name, h, kind):
    """Return the three measured slopes in NumPy's arithmetic of the given kind."""
    f, x, h = REAL[name], kind(POINTS[name]), kind(h)
    aside = np.array([x], dtype=np.complex64 if kind is np.float32 else np.complex128)
    aside.imag = h
    return {
        "forward": float((f(x + h) - f(x)) / h),
        "central": float((f(x + h) - f(x - h)) / (2 * h)),
        "complex": float(f(aside).imag[0] / h),
    }
