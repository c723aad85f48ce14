"""Typical wrong answers of exercise 9, so that the checks can call them by name."""

import numpy as np


def slope_at_output(cache):
    """Return the right slope of the loss by Z2."""
    return (cache["p"] - cache["y"]) / len(cache["y"])


def first_layer(cache, dZ1):
    """Return the gradients of the first layer, right if dZ1 is."""
    return {"dW1": cache["X"].T @ dZ1, "db1": dZ1.sum(axis=0)}


def from_output(cache, dZ2, W2=None):
    """Return all four gradients, right if dZ2 and W2 are."""
    dA1 = dZ2 @ (cache["W2"] if W2 is None else W2).T
    return {"dW2": cache["A1"].T @ dZ2, "db2": dZ2.sum(axis=0)} | first_layer(cache, dA1 * (cache["Z1"] > 0))


def two_layer_updated_weights(cache):
    dZ2 = slope_at_output(cache)
    return from_output(cache, dZ2, cache["W2"] - 0.1 * cache["A1"].T @ dZ2)


def two_layer_hidden_slope_missing(cache):
    dZ2 = slope_at_output(cache)
    return from_output(cache, dZ2) | first_layer(cache, dZ2 @ cache["W2"].T)


def two_layer_divided_in_each_layer(cache):
    N = len(cache["y"])
    return {name: gradient / N for name, gradient in from_output(cache, slope_at_output(cache)).items()}


def two_layer_not_divided(cache):
    return from_output(cache, cache["p"] - cache["y"])


def two_layer_truth_minus_prediction(cache):
    return from_output(cache, -slope_at_output(cache))


def two_layer_sigmoid_slope_twice(cache):
    p = cache["p"]
    return from_output(cache, slope_at_output(cache) * p * (1 - p))


def two_layer_output_slope_missing(cache):
    p, y = cache["p"], cache["y"]
    return from_output(cache, (p - y) / (p * (1 - p)) / len(y))


def two_layer_off_by_one(cache):
    dZ2 = slope_at_output(cache)
    dZ1 = dZ2 @ cache["W2"].T * (cache["Z1"] > 0)
    return from_output(cache, dZ2) | {"dW1": cache["A1"].T @ dZ1}


def two_layer_pre_activation_for_activation(cache):
    dZ2 = slope_at_output(cache)
    return from_output(cache, dZ2) | {"dW2": cache["Z1"].T @ dZ2}


def two_layer_relu_itself(cache):
    dZ2 = slope_at_output(cache)
    return from_output(cache, dZ2) | first_layer(cache, dZ2 @ cache["W2"].T * cache["A1"])


def two_layer_sigmoid_slope_at_hidden(cache):
    dZ2, Z1 = slope_at_output(cache), cache["Z1"]
    s = 1 / (1 + np.exp(-Z1))
    return from_output(cache, dZ2) | first_layer(cache, dZ2 @ cache["W2"].T * s * (1 - s))


def two_layer_biases_not_summed(cache):
    dZ2 = slope_at_output(cache)
    dZ1 = dZ2 @ cache["W2"].T * (cache["Z1"] > 0)
    return from_output(cache, dZ2) | {"db1": dZ1, "db2": dZ2}


def two_layer_biases_averaged(cache):
    right = from_output(cache, slope_at_output(cache))
    return right | {name: right[name] / len(cache["y"]) for name in ("db1", "db2")}


def two_layer_first_bias_averaged(cache):
    right = from_output(cache, slope_at_output(cache))
    return right | {"db1": right["db1"] / len(cache["y"])}


def affine(A, layer):
    return A @ layer["W"] + layer["b"]


def activate(Z, act):
    """Return the activation of Z and its cache."""
    if act == "relu":
        return np.maximum(0, Z), Z
    A = np.tanh(Z) if act == "tanh" else 1 / (1 + np.exp(-Z))
    return A, A


def run_forward(X, params, act, hidden, last):
    """Return output and caches of a network, ``hidden`` and ``last`` being what is done to the weighted sums."""
    A, caches = X, []
    for layer in params[:-1]:
        cache = (A, layer["W"], layer["b"])
        A, kept = hidden(affine(A, layer), act)
        caches.append((cache, act, kept))
    caches.append(((A, params[-1]["W"], params[-1]["b"]), None, None))
    return last(affine(A, params[-1]), act)[0], caches


def untouched(Z, act):
    return Z, None


def mlp_forward_activation_at_the_end(X, params, act):
    return run_forward(X, params, act, activate, activate)


def mlp_forward_all_layers_alike(X, params, act):
    A, caches = X, []
    for layer in params:
        cache = (A, layer["W"], layer["b"])
        A, kept = activate(affine(A, layer), act)
        caches.append((cache, act, kept))
    return A, caches


def mlp_forward_no_activation(X, params, act):
    return run_forward(X, params, act, untouched, untouched)


def mlp_forward_always_relu(X, params, act):
    return run_forward(X, params, "relu", activate, untouched)


def mlp_forward_stops_one_layer_early(X, params, act):
    return run_forward(X, params[:-1] or params, act, activate, activate if params[1:] else untouched)


def mlp_forward_biases_missing(X, params, act):
    return run_forward(X, [{"W": layer["W"], "b": 0 * layer["b"]} for layer in params], act, activate, untouched)


def activation_slope(dA, act, cache):
    if act == "relu":
        return dA * (cache > 0)
    return dA * (1 - cache**2) if act == "tanh" else dA * cache * (1 - cache)


def run_backward(dZ, caches, hidden=activation_slope, weights=lambda W, dW: W, divisor=1):
    """Return the gradients of all layers, ``hidden`` and ``weights`` being what may go wrong on the way."""
    grads = []
    for (A, W, _), act, kept in reversed(caches):
        if act is not None:
            dZ = hidden(dZ, act, kept)
        dW, db = A.T @ dZ / divisor, dZ.sum(axis=0) / divisor
        grads.insert(0, {"dW": dW, "db": db})
        dZ = dZ @ weights(W, dW).T
    return grads


def mlp_hidden_slope_missing(dZ, caches):
    return run_backward(dZ, caches, hidden=lambda dA, act, cache: dA)


def mlp_always_relu(dZ, caches):
    return run_backward(dZ, caches, hidden=lambda dA, act, cache: dA * (cache > 0))


def mlp_tanh_slope_of_sigmoid(dZ, caches):
    return run_backward(dZ, caches, hidden=lambda dA, act, cache: activation_slope(dA, "sigmoid", cache))


def mlp_updated_weights(dZ, caches):
    return run_backward(dZ, caches, weights=lambda W, dW: W - 0.1 * dW)


def mlp_divided_by_rows(dZ, caches):
    return run_backward(dZ, caches, divisor=len(dZ))


def mlp_last_layer_first(dZ, caches):
    return run_backward(dZ, caches)[::-1]


def mlp_slope_at_linear_output(dZ, caches):
    (A, W, b), _, _ = caches[-1]
    return run_backward(dZ * (A @ W + b > 0), caches)


def mlp_tanh_slope_at_linear_output(dZ, caches):
    (A, W, b), _, _ = caches[-1]
    return run_backward(dZ * (1 - np.tanh(A @ W + b) ** 2), caches)


def mlp_off_by_one(dZ, caches):
    (A, W, b), _, _ = caches[-1]
    left, grads = A @ W + b, []
    for (A, W, _), act, kept in reversed(caches):
        if act is not None:
            dZ = activation_slope(dZ, act, kept)
        grads.insert(0, {"dW": left.T @ dZ, "db": dZ.sum(axis=0)})
        dZ, left = dZ @ W.T, A
    return grads


def mlp_biases_averaged(dZ, caches):
    grads = run_backward(dZ, caches)
    return [{"dW": grad["dW"], "db": grad["db"] / len(dZ)} for grad in grads]


def mlp_slope_too_late(dZ, caches):
    grads = []
    for (A, W, _), act, _kept in reversed(caches):
        grads.insert(0, {"dW": A.T @ dZ, "db": dZ.sum(axis=0)})
        dZ = dZ @ W.T
        if act is not None:
            dZ = activation_slope(dZ, act, A)
    return grads


def mlp_slope_after_the_weights(dZ, caches):
    grads = []
    for (A, W, _), act, kept in reversed(caches):
        grads.insert(0, {"dW": A.T @ dZ, "db": dZ.sum(axis=0)})
        dZ = dZ @ W.T
        if act is not None:
            dZ = activation_slope(dZ, act, kept)
    return grads


def mlp_not_passed_on(dZ, caches):
    grads = []
    for (A, _, _), act, kept in reversed(caches):
        if act is not None:
            dZ = activation_slope(dZ, act, kept)
        grads.insert(0, {"dW": A.T @ dZ, "db": dZ.sum(axis=0)})
    return grads


def mlp_from_the_first_layer(dZ, caches):
    return run_backward(dZ, caches[::-1])[::-1]


def squares(params):
    return sum(np.sum(layer["W"] ** 2) for layer in params)


def weight_gradients(params, factor):
    return [{"dW": factor * layer["W"], "db": 0 * layer["b"]} for layer in params]


def l2_half_missing(params, lam):
    return lam * squares(params), weight_gradients(params, lam)


def l2_half_missing_twice(params, lam):
    return lam * squares(params), weight_gradients(params, 2 * lam)


def l2_gradient_doubled(params, lam):
    return lam * squares(params) / 2, weight_gradients(params, 2 * lam)


def l2_gradient_without_lam(params, lam):
    return lam * squares(params) / 2, weight_gradients(params, 1.0)


def l2_with_biases(params, lam):
    both = squares(params) + sum(np.sum(layer["b"] ** 2) for layer in params)
    return lam * both / 2, [{"dW": lam * layer["W"], "db": lam * layer["b"]} for layer in params]


def l2_absolute(params, lam):
    loss = lam * sum(np.sum(np.abs(layer["W"])) for layer in params)
    return loss, [{"dW": lam * np.sign(layer["W"]), "db": 0 * layer["b"]} for layer in params]


def l2_not_squared(params, lam):
    return lam * sum(np.linalg.norm(layer["W"]) for layer in params) / 2, weight_gradients(params, lam)


def l2_last_layer_only(params, lam):
    return lam * squares(params[-1:]) / 2, weight_gradients(params, lam)


def l2_mean(params, lam):
    count = sum(layer["W"].size for layer in params)
    return lam * squares(params) / 2 / count, weight_gradients(params, lam / count)


MISTAKES = {
    "two_layer_backward": {
        "W2 is updated before the error goes back through it": two_layer_updated_weights,
        "the slope of the hidden ReLU is missing": two_layer_hidden_slope_missing,
        "1/N once more in every layer": two_layer_divided_in_each_layer,
        "the 1/N of the loss is missing": two_layer_not_divided,
        "truth minus prediction at the output": two_layer_truth_minus_prediction,
        "p - y contains the slope of the sigmoid already, and it is multiplied in again": two_layer_sigmoid_slope_twice,
        "the slope of the output sigmoid is missing": two_layer_output_slope_missing,
        "dW1 is made from A1, which left the layer, instead of X, which entered it": two_layer_off_by_one,
        "dW2 is made from Z1 instead of A1": two_layer_pre_activation_for_activation,
        "the ReLU itself instead of its slope": two_layer_relu_itself,
        "the slope of a sigmoid at the hidden layer, which has ReLU": two_layer_sigmoid_slope_at_hidden,
        "the biases' gradients are not summed over the examples": two_layer_biases_not_summed,
        "the biases' gradients are averaged over the examples, not summed": two_layer_biases_averaged,
        "db1 is averaged over the examples, not summed": two_layer_first_bias_averaged,
    },
    "mlp_forward": {
        "an activation on the last layer, which is linear": mlp_forward_activation_at_the_end,
        "the last layer is treated like a hidden one; it is linear": mlp_forward_all_layers_alike,
        "no activation, or it is computed and not handed on": mlp_forward_no_activation,
        "ReLU whatever act says": mlp_forward_always_relu,
        "the last layer is left out": mlp_forward_stops_one_layer_early,
        "the biases are left out": mlp_forward_biases_missing,
    },
    "mlp_backward": {
        "the slope of the hidden activations is missing": mlp_hidden_slope_missing,
        "the slope of ReLU whatever the activation is": mlp_always_relu,
        "the slope of a sigmoid whatever the activation is": mlp_tanh_slope_of_sigmoid,
        "the weights are updated before the error goes back through them": mlp_updated_weights,
        "the biases' gradients are averaged over the examples, not summed": mlp_biases_averaged,
        "1/N once more in every layer": mlp_divided_by_rows,
        "the last layer stands first in the list": mlp_last_layer_first,
        "a slope of ReLU at the output layer, which is linear": mlp_slope_at_linear_output,
        "a slope of tanh at the output layer, which is linear": mlp_tanh_slope_at_linear_output,
        "off by one layer: dW is made from what left the layer instead of what entered it": mlp_off_by_one,
        "off by one layer: the slope of an activation is multiplied in one layer too late": mlp_slope_too_late,
        "off by one layer: an activation stands behind its weights, so on the way back its slope comes before them": (
            mlp_slope_after_the_weights
        ),
        "the slope by a layer's input is not passed on to the layer before": mlp_not_passed_on,
        "the walk goes from the first layer to the last; backward begins at the last": mlp_from_the_first_layer,
    },
    "l2": {
        "the loss lacks the factor 1/2": l2_half_missing,
        "the factor 1/2 is missing, in the loss and in the gradient": l2_half_missing_twice,
        "the gradient has a factor 2 too much": l2_gradient_doubled,
        "lam is missing in the gradient": l2_gradient_without_lam,
        "the biases are regularised too": l2_with_biases,
        "absolute values instead of squares": l2_absolute,
        "divided by the number of weights": l2_mean,
        "the norm of each W is not squared": l2_not_squared,
        "the loss counts the weights of the last layer only": l2_last_layer_only,
    },
}
