"""Wrong answers that no table of an exercise holds: they change what they are given, return nothing, or raise."""

import pytest

CASES = {
    "central difference that returns nothing": (
        "04-measured-slopes", "measured_slopes", "central_difference",
        "def central_difference(f, x, h=1e-5):\n    (f(x + h) - f(x - h)) / (2 * h)",
        "None",
    ),
    "central difference from an array of both sides": (
        "04-measured-slopes", "measured_slopes", "central_difference",
        "def central_difference(f, x, h=1e-5):\n    return np.array([f(x + h) - f(x - h)]) / (2 * h)",
        "shape",
    ),
    "nudges added to X itself, never taken back": (
        "04-measured-slopes", "measured_slopes", "numerical_vjp",
        "def numerical_vjp(f, X, dout, h=1e-5):\n    slopes = np.zeros(X.shape)\n    for i in np.ndindex(X.shape):\n"
        "        below = np.sum(dout * f(X))\n        X[i] += h\n        slopes[i] = (np.sum(dout * f(X)) - below) / h\n"
        "    return slopes",
        "chang",
    ),
    "two loops that expect two axes": (
        "04-measured-slopes", "measured_slopes", "numerical_vjp",
        "def numerical_vjp(f, X, dout, h=1e-5):\n    slopes = np.zeros(X.shape)\n    for i in range(X.shape[0]):\n"
        "        for k in range(X.shape[1]):\n            up, down = X.copy(), X.copy()\n            up[i, k] += h\n"
        "            down[i, k] -= h\n            slopes[i, k] = np.sum(dout * (f(up) - f(down))) / (2 * h)\n"
        "    return slopes",
        "IndexError",
    ),
    "f called on one entry instead of the array": (
        "04-measured-slopes", "measured_slopes", "numerical_vjp",
        "def numerical_vjp(f, X, dout, h=1e-5):\n    slopes = np.zeros(X.shape)\n    for i in np.ndindex(X.shape):\n"
        "        slopes[i] = np.sum(dout * (f(X[i] + h) - f(X[i] - h))) / (2 * h)\n    return slopes",
        "raised",
    ),
    "relative error that ends in ZeroDivisionError": (
        "04-measured-slopes", "measured_slopes", "relative_error",
        "def relative_error(a, n):\n    if np.shape(a) != np.shape(n) or not np.isfinite(np.add(a, n)).all():\n"
        "        return np.inf\n    return float(np.max(np.abs(a - n))) / float(max(np.max(np.abs(a)), np.max(np.abs(n))))",
        "ZeroDivisionError",
    ),
    "relative error that raises on shapes instead of saying inf": (
        "04-measured-slopes", "measured_slopes", "relative_error",
        "def relative_error(a, n):\n    if np.shape(a) != np.shape(n):\n        raise ValueError('shapes differ')\n"
        "    return 0.0 if not np.any(a) else np.max(np.abs(a - n)) / max(np.max(np.abs(a)), np.max(np.abs(n)))",
        "shapes differ",
    ),
    "one slope instead of two": (
        "05-chain-rule", "chain_rule", "mul_backward",
        "def mul_backward(dz, cache):\n    x, y = cache\n    return dz * y",
        "dx, dy",
    ),
    "dz multiplied in place": (
        "05-chain-rule", "chain_rule", "mul_backward",
        "def mul_backward(dz, cache):\n    x, y = cache\n    dx = dz * y\n    dz *= x\n    return dx, dz",
        "chang",
    ),
    "f left out of the gate's three values": (
        "05-chain-rule", "chain_rule", "gate_forward_backward",
        "def gate_forward_backward(x, y):\n    return y + 2 * x, x",
        "2 values, expected 3",
    ),
    "dw added up to one number": (
        "05-chain-rule", "chain_rule", "neuron_backward",
        "def neuron_backward(dL, cache):\n    x, w, a = cache\n    dz = dL * a * (1 - a)\n"
        "    return dz * w, np.sum(dz * x), dz",
        "shape ()",
    ),
    "mask written into dA": (
        "06-layer-backward", "layer_backward", "relu_backward",
        "def relu_backward(dA, cache):\n    dA[cache <= 0] = 0\n    return dA",
        "chang",
    ),
    "mask written into the cache": (
        "06-layer-backward", "layer_backward", "relu_backward",
        "def relu_backward(dA, cache):\n    Z = cache\n    Z[Z < 0] = 0\n    Z[Z > 0] = 1\n    return dA * Z",
        "chang",
    ),
    "a gradient of integers": (
        "06-layer-backward", "layer_backward", "relu_backward",
        "def relu_backward(dA, cache):\n    return (dA * (cache > 0)).astype(int)",
        "dZ",
    ),
    "the slope from a logit that does not exist": (
        "06-layer-backward", "layer_backward", "sigmoid_backward",
        "def sigmoid_backward(dA, cache):\n    Z = np.log(cache) - np.log(1 - cache)\n"
        "    return dA * np.exp(-Z) / (1 + np.exp(-Z)) ** 2",
        "NaN",
    ),
    "tanh without a return": (
        "06-layer-backward", "layer_backward", "tanh_backward",
        "def tanh_backward(dA, cache):\n    dZ = dA * (1 - cache**2)",
        "None",
    ),
    "zeros that were never filled": (
        "06-layer-backward", "layer_backward", "softmax_backward",
        "def softmax_backward(dA, cache):\n    return np.zeros_like(dA)",
        "was it ever filled in?",
    ),
    "one Jacobian for the whole batch": (
        "06-layer-backward", "layer_backward", "softmax_backward",
        "def softmax_backward(dA, cache):\n    p = cache.mean(axis=0)\n    return dA @ (np.diag(p) - np.outer(p, p))",
        "dZ",
    ),
    "db left out": (
        "06-layer-backward", "layer_backward", "linear_backward",
        "def linear_backward(dZ, cache):\n    X, W, b = cache\n    return dZ @ W.T, X.T @ dZ",
        "dX, dW, db",
    ),
    "elementwise product in dW": (
        "06-layer-backward", "layer_backward", "linear_backward",
        "def linear_backward(dZ, cache):\n    X, W, b = cache\n    return dZ @ W.T, X.T * dZ, dZ.sum(axis=0)",
        "raised ValueError",
    ),
    "sums kept from call to call": (
        "06-layer-backward", "layer_backward", "linear_backward",
        "sums = {}\n\n\ndef linear_backward(dZ, cache):\n    X, W, b = cache\n"
        "    sums[W.shape] = sums.get(W.shape, 0) + X.T @ dZ\n    return dZ @ W.T, sums[W.shape], dZ.sum(axis=0)",
        "dW",
    ),
    "the cache moved and moved back in the answer": (
        "06-layer-backward", "layer_backward", "linear_backward",
        "def linear_backward(dZ, cache):\n    X, W, b = cache\n    dZ -= dZ.mean() * 0\n    X += 0.5\n"
        "    return dZ @ W.T, (X - 0.5).T @ dZ, dZ.sum(axis=0)",
        "chang",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("slug", "name", "function", "answer", "phrase"), CASES.values(), ids=CASES.keys())
def test_bad_behaviour_loses_points_and_is_said(checks_of, slug, name, function, answer, phrase):
    grade_id = function.replace("_", "-")
    check = f"check-{grade_id}"
    result = checks_of(slug, name, {grade_id: answer}, only=check)[check]
    assert result.score < result.points, result.text
    assert phrase in result.text, result.text
