"""Other right answers of exercise 12, which must get full marks without a remark."""

import numpy as np


def weights_in_a_loop(params):
    weights = []
    for layer in params:
        weights.append(layer["W"].copy())
        weights += [layer["b"].copy()]
    return weights


def weights_by_sum(params):
    return sum(([np.asfortranarray(layer["W"]), layer["b"]] for layer in params), [])


def predict_layer_by_layer(images, weights):
    A = np.stack([image.ravel() for image in images])
    layers = len(weights) // 2
    for k in range(layers):
        Z = A @ weights[2 * k] + weights[2 * k + 1]
        A = Z * (Z > 0) if k < layers - 1 else np.exp(Z) / np.exp(Z).sum(axis=1)[:, None]
    return A


def predict_by_log_softmax(images, weights):
    from scipy.special import log_softmax

    A = images.reshape(images.shape[0], images.shape[1] * images.shape[2])
    for W, b in zip(weights[:-2:2], weights[1:-2:2], strict=True):
        A = np.where(A @ W + b > 0, A @ W + b, 0)
    return np.exp(log_softmax(np.einsum("ni,ij->nj", A, weights[-2]) + weights[-1], axis=1))


def predict_image_by_image(images, weights):
    rows = []
    for image in images:
        a = image.reshape(-1)
        for W, b in zip(weights[:-2:2], weights[1:-2:2], strict=True):
            a = np.maximum(a @ W + b, 0)
        z = a @ weights[-2] + weights[-1]
        e = np.exp(z - z.max())
        rows.append(e / e.sum())
    return np.array(rows)


ALTERNATIVES = {
    "mlp_to_keras_weights": {"in a loop, copied": weights_in_a_loop, "by sum of lists": weights_by_sum},
    "predict_as_keras": {
        "layer by layer": predict_layer_by_layer,
        "by log softmax": predict_by_log_softmax,
        "image by image": predict_image_by_image,
    },
}
