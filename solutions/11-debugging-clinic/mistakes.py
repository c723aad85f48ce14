"""Wrong repairs of exercise 11; the checks name them when they meet them. The planted bugs themselves are not here."""

import numpy as np


def factor_turned_round(dZ, cache):
    X, W = cache
    return dZ @ W.T, X.T @ dZ * len(X), dZ.sum(axis=0)


def everything_averaged(dZ, cache):
    X, W = cache
    return dZ @ W.T / len(X), X.T @ dZ / len(X), dZ.mean(axis=0)


def divided_by_outputs(dZ, cache):
    X, W = cache
    return dZ @ W.T, X.T @ dZ / dZ.shape[1], dZ.sum(axis=0)


def no_leak(dA, cache):
    return dA * (cache > 0)


def leak_everywhere(dA, cache):
    return dA * 0.01


def slope_without_upstream(dA, cache):
    return np.where(cache > 0, 1.0, 0.01)


def leak_on_the_other_side(dA, cache):
    return dA * np.where(cache > 0, 0.01, 1.0)


def mask_from_dA(dA, cache):
    return np.where(dA > 0, dA, 0.01 * dA)


def leak_without_dA(dA, cache):
    return np.where(cache > 0, dA, 0.01)


def mean_over_the_batch(dY, cache):
    return dY - dY.mean(axis=0)


def sum_for_mean(dY, cache):
    return dY - dY.sum(axis=1, keepdims=True)


def mean_of_the_inputs(dY, cache):
    return dY - cache.mean(axis=1, keepdims=True)


def only_the_second_path(dY, cache):
    return -np.repeat(dY.mean(axis=1, keepdims=True), dY.shape[1], axis=1)


def right_neighbour_only(dY, cache):
    X = cache
    dX = np.zeros_like(X)
    dX[:, :-1] = dY * X[:, 1:]
    return dX


def second_overwrites_first(dY, cache):
    X = cache
    dX = np.zeros_like(X)
    dX[:, :-1] = dY * X[:, 1:]
    dX[:, 1:] = dY * X[:, :-1]
    return dX


def begins_too_late(dY, cache):
    X = cache
    dX = np.zeros_like(X)
    for j in range(1, dY.shape[1]):
        dX[:, j] += dY[:, j] * X[:, j + 1]
        dX[:, j + 1] += dY[:, j] * X[:, j]
    return dX


def slope_of_a_sigmoid(dA, cache):
    Z, _ = cache
    s = 1 / (1 + np.exp(-Z))
    return dA * s * (1 - s)


def mirrored(dA, cache):
    Z, _ = cache
    return dA / (1 + np.exp(Z))


def deep(dZ, cache, inputs, slope):
    """Return the six gradients, with the arrays that ``inputs`` picks and the slope at the array it picks."""
    A, W = cache
    grads = {}
    for layer in (3, 2, 1):
        grads[f"dW{layer}"] = inputs(A, layer).T @ dZ
        grads[f"db{layer}"] = dZ.sum(axis=0)
        if layer > 1:
            dZ = dZ @ W[layer - 1].T * slope(A, layer)
    return grads


def always_the_first_input(dZ, cache):
    return deep(dZ, cache, lambda A, layer: A[0], lambda A, layer: 1 - A[layer - 1] ** 2)


def two_layers_below(dZ, cache):
    return deep(dZ, cache, lambda A, layer: A[max(layer - 2, 0)], lambda A, layer: 1 - A[layer - 1] ** 2)


def slope_of_the_layer_above(dZ, cache):
    return deep(dZ, cache, lambda A, layer: A[layer - 1], lambda A, layer: 1 - A[layer] ** 2)


MISTAKES = {
    "dense_backward": {
        "the repair multiplies dW by N": factor_turned_round,
        "now all three gradients are averaged": everything_averaged,
        "dW is divided by the number of outputs": divided_by_outputs,
    },
    "leaky_relu_backward": {
        "the leak is gone: this is the slope of a plain ReLU": no_leak,
        "every entry is multiplied by 0.01": leak_everywhere,
        "the slope alone, without dA": slope_without_upstream,
        "the leak is on the positive side": leak_on_the_other_side,
        "the mask looks at dA; it must look at Z": mask_from_dA,
        "the leak lacks dA: where Z is negative the slope is 0.01 times dA": leak_without_dA,
    },
    "centre_backward": {
        "the mean runs over the examples instead of each row": mean_over_the_batch,
        "the sum of each row is subtracted, not its mean": sum_for_mean,
        "the mean of X is subtracted where the mean of dY belongs": mean_of_the_inputs,
        "only the way through the mean is left": only_the_second_path,
    },
    "neighbours_backward": {
        "each entry hears only of the product with its right neighbour": right_neighbour_only,
        "the second product overwrites the first": second_overwrites_first,
        "now the loop begins one too late": begins_too_late,
    },
    "softplus_backward": {
        "this is the slope of a sigmoid, not the sigmoid itself": slope_of_a_sigmoid,
        "the sign in the exponent is wrong": mirrored,
    },
    "deep_backward": {
        "every layer multiplies by X": always_the_first_input,
        "the arrays are now one layer too far below": two_layers_below,
        "the slope of tanh is taken one layer above": slope_of_the_layer_above,
    },
}
