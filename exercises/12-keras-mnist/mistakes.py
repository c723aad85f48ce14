"""Typical wrong answers of exercise 12; the checks name them when they meet them."""

import numpy as np


def layer_by_layer_in_pairs(params):
    return [[layer["W"], layer["b"]] for layer in params]


def all_weights_then_all_biases(params):
    return [layer["W"] for layer in params] + [layer["b"] for layer in params]


def transposed_weights(params):
    return [array for layer in params for array in (layer["W"].T, layer["b"])]


def biases_as_rows(params):
    return [array for layer in params for array in (layer["W"], layer["b"][None, :])]


def last_layer_only(params):
    return [params[-1]["W"], params[-1]["b"]]


def last_layer_first(params):
    return [array for layer in params[::-1] for array in (layer["W"], layer["b"])]


def biases_first(params):
    return [array for layer in params for array in (layer["b"], layer["W"])]


def hidden(images, weights, function, order="C"):
    """Return the input of the last layer."""
    A = images.reshape(len(images), -1) if order == "C" else images.transpose(0, 2, 1).reshape(len(images), -1)
    for W, b in zip(weights[:-2:2], weights[1:-2:2], strict=True):
        A = function(A @ W + b)
    return A


def relu(Z):
    return np.maximum(Z, 0)


def softmax(Z, axis=1):
    E = np.exp(Z - Z.max(axis=axis, keepdims=True))
    return E / E.sum(axis=axis, keepdims=True)


def logits(images, weights):
    return hidden(images, weights, relu) @ weights[-2] + weights[-1]


def softmax_over_the_batch(images, weights):
    return softmax(logits(images, weights), axis=0)


def no_relu(images, weights):
    return softmax(hidden(images, weights, lambda Z: Z) @ weights[-2] + weights[-1])


def relu_on_the_logits(images, weights):
    return softmax(relu(logits(images, weights)))


def columns_first(images, weights):
    return softmax(hidden(images, weights, relu, order="F") @ weights[-2] + weights[-1])


def pixels_mixed(images, weights):
    return softmax(logits(images.reshape(-1, len(images)).T[:, None], weights))


def scaled_again(images, weights):
    return softmax(logits(images / 255, weights))


def classes_instead(images, weights):
    return logits(images, weights).argmax(axis=1)


MISTAKES = {
    "mlp_to_keras_weights": {
        "the arrays are still in one list for each layer": layer_by_layer_in_pairs,
        "all weights come first, then all biases": all_weights_then_all_biases,
        "the weights are transposed, though Keras stores them as (n_in, n_out), too": transposed_weights,
        "the biases have become rows of shape (1, n)": biases_as_rows,
        "only the last layer is there": last_layer_only,
        "the last layer comes first": last_layer_first,
        "each bias comes before its weights": biases_first,
    },
    "predict_as_keras": {
        "these are the logits, the softmax is missing": logits,
        "the softmax runs over the batch instead of the classes": softmax_over_the_batch,
        "the ReLU of the hidden layer is missing": no_relu,
        "the last layer has a ReLU before its softmax": relu_on_the_logits,
        "the image is laid out column by column instead of row by row": columns_first,
        "the images are mixed: reshape must keep the first axis, the examples": pixels_mixed,
        "the image is divided by 255 a second time": scaled_again,
        "these are the most probable classes, not the probabilities": classes_instead,
    },
}
