"""Typical wrong answers of exercise 10; the checks name them when they meet them."""

import numpy as np


def uphill(params, grads, lr):
    return [{"W": p["W"] + lr * g["dW"], "b": p["b"] + lr * g["db"]} for p, g in zip(params, grads, strict=True)]


def without_learning_rate(params, grads, lr):
    return [{"W": p["W"] - g["dW"], "b": p["b"] - g["db"]} for p, g in zip(params, grads, strict=True)]


def biases_forgotten(params, grads, lr):
    return [{"W": p["W"] - lr * g["dW"], "b": p["b"]} for p, g in zip(params, grads, strict=True)]


def gradient_instead_of_step(params, grads, lr):
    return [{"W": -lr * g["dW"], "b": -lr * g["db"]} for g in grads]


def difference_scaled(params, grads, lr):
    return [{"W": lr * (p["W"] - g["dW"]), "b": lr * (p["b"] - g["db"])} for p, g in zip(params, grads, strict=True)]


def drawn(sizes, scheme, rng, spread):
    """Return weights with the standard deviation ``spread(n_in, n_out)`` for the scheme's name."""
    if scheme not in ("zeros", "small", "xavier", "he"):
        raise ValueError(scheme)
    layers = zip(sizes[:-1], sizes[1:], strict=True)
    return [{"W": rng.normal(scale=spread(m, n)[scheme], size=(m, n)), "b": np.zeros(n)} for m, n in layers]


def variance_for_deviation(sizes, scheme, rng):
    return drawn(sizes, scheme, rng, lambda m, n: {"zeros": 0, "small": 0.01, "xavier": 2 / (m + n), "he": 2 / m})


def outputs_for_inputs(sizes, scheme, rng):
    roots = lambda m, n: {"zeros": 0, "small": 0.01, "xavier": np.sqrt(2 / (m + n)), "he": np.sqrt(2 / n)}  # noqa: E731
    return drawn(sizes, scheme, rng, roots)


def numerator_one(sizes, scheme, rng):
    roots = lambda m, n: {"zeros": 0, "small": 0.01, "xavier": np.sqrt(1 / (m + n)), "he": np.sqrt(1 / m)}  # noqa: E731
    return drawn(sizes, scheme, rng, roots)


def xavier_of_inputs_alone(sizes, scheme, rng):
    roots = lambda m, n: {"zeros": 0, "small": 0.01, "xavier": np.sqrt(1 / m), "he": np.sqrt(2 / m)}  # noqa: E731
    return drawn(sizes, scheme, rng, roots)


def biases_random_too(sizes, scheme, rng):
    if scheme not in ("zeros", "small", "xavier", "he"):
        raise ValueError(scheme)
    params = []
    for m, n in zip(sizes[:-1], sizes[1:], strict=True):
        s = {"zeros": 0, "small": 0.01, "xavier": np.sqrt(2 / (m + n)), "he": np.sqrt(2 / m)}[scheme]
        params.append({"W": rng.normal(scale=s, size=(m, n)), "b": rng.normal(scale=s, size=n)})
    return params


def backward(params, X, y, act):
    """Return the gradients of every layer, as the exercise's functions compute them."""
    slope = {
        "relu": lambda A: A > 0,
        "tanh": lambda A: 1 - A**2,
        "sigmoid": lambda A: A * (1 - A),
    }[act]
    outputs = [X]
    for layer in params[:-1]:
        Z = outputs[-1] @ layer["W"] + layer["b"]
        outputs.append({"relu": np.maximum(Z, 0), "tanh": np.tanh(Z), "sigmoid": 1 / (1 + np.exp(-Z))}[act])
    logits = outputs[-1] @ params[-1]["W"] + params[-1]["b"]
    E = np.exp(logits - logits.max(axis=1, keepdims=True))
    P = E / E.sum(axis=1, keepdims=True)
    losses = -np.log(P[np.arange(len(y)), y])
    dZ = (P - np.eye(P.shape[1])[y]) / len(y)
    grads = []
    for A, layer in zip(outputs[::-1], params[::-1], strict=True):
        grads.insert(0, {"dW": A.T @ dZ, "db": dZ.sum(axis=0)})
        dZ = dZ @ layer["W"].T * slope(A)
    return grads, losses, P


def squared_norms(params, X, y, act):
    return np.array([np.sum(g["dW"] ** 2) for g in backward(params, X, y, act)[0]])


def mean_squares(params, X, y, act):
    return np.array([np.sqrt(np.mean(g["dW"] ** 2)) for g in backward(params, X, y, act)[0]])


def largest_entries(params, X, y, act):
    return np.array([np.abs(g["dW"]).max() for g in backward(params, X, y, act)[0]])


def last_layer_first(params, X, y, act):
    return np.array([np.linalg.norm(g["dW"]) for g in backward(params, X, y, act)[0]][::-1])


def biases_included(params, X, y, act):
    return np.array([np.sqrt(np.sum(g["dW"] ** 2) + np.sum(g["db"] ** 2)) for g in backward(params, X, y, act)[0]])


def weights_instead(params, X, y, act):
    return np.array([np.linalg.norm(layer["W"]) for layer in params])


def spectral_norms(params, X, y, act):
    return np.array([np.linalg.norm(g["dW"], 2) for g in backward(params, X, y, act)[0]])


def right_step(params, grads, lr):
    """Return the parameters after one right step."""
    return [{"W": p["W"] - lr * g["dW"], "b": p["b"] - lr * g["db"]} for p, g in zip(params, grads, strict=True)]


def averaged(losses, right, by, N):
    """Return loss and accuracy of an epoch from the losses and right answers in its batches."""
    if by == "last":
        losses, right = losses[-1:], right[-1:]
    if by == "batches":
        return float(np.mean([np.mean(loss) for loss in losses])), float(np.mean([np.mean(r) for r in right]))
    if by == "sum of means":
        return float(np.sum([np.mean(loss) for loss in losses])), float(np.sum([np.sum(r) for r in right]) / N)
    if by == "whole set":
        return float(np.sum(np.concatenate(losses)) / N), float(np.sum(np.concatenate(right)) / N)
    return float(np.mean(np.concatenate(losses))), float(np.mean(np.concatenate(right)))


def walk(
    X,
    y,
    params,
    act,
    lr,
    epochs,
    batch_size,
    rng,
    *,
    shuffle=True,
    drop=False,
    by="examples",
    update="batch",
    pairs=True,
):
    """Return what ``train`` returns, with one part of the contract broken."""
    history = {"loss": [], "accuracy": []}
    for _ in range(epochs):
        order = rng.permutation(len(X)) if shuffle else np.arange(len(X))
        end = len(X) - len(X) % batch_size if drop else len(X)
        losses, right = [], []
        for first in range(0, end, batch_size):
            rows = order[first : first + batch_size]
            labels = y[rows] if pairs else y[first : first + batch_size]
            grads, loss, P = backward(params, X[rows], labels, act)
            losses.append(loss)
            right.append(P.argmax(axis=1) == labels)
            if update == "batch":
                params = right_step(params, grads, lr)
            if update == "batch, divided again":
                params = right_step(params, grads, lr / len(rows))
        if update == "epoch":
            params = right_step(params, grads, lr)
        if by == "afterwards":
            _, loss, P = backward(params, X, y, act)
            losses, right = [loss], [P.argmax(axis=1) == y]
        loss, accuracy = averaged(losses, right, by, len(X))
        history["loss"].append(loss)
        history["accuracy"].append(accuracy)
    return params, history


def never_shuffled(X, y, params, act, lr, epochs, batch_size, rng):
    return walk(X, y, params, act, lr, epochs, batch_size, rng, shuffle=False)


def last_batch_dropped(X, y, params, act, lr, epochs, batch_size, rng):
    return walk(X, y, params, act, lr, epochs, batch_size, rng, drop=True)


def last_batch_dropped_and_counted(X, y, params, act, lr, epochs, batch_size, rng):
    return walk(X, y, params, act, lr, epochs, batch_size, rng, drop=True, by="whole set")


def labels_not_shuffled(X, y, params, act, lr, epochs, batch_size, rng):
    return walk(X, y, params, act, lr, epochs, batch_size, rng, pairs=False)


def updated_once_an_epoch(X, y, params, act, lr, epochs, batch_size, rng):
    return walk(X, y, params, act, lr, epochs, batch_size, rng, update="epoch")


def divided_again(X, y, params, act, lr, epochs, batch_size, rng):
    return walk(X, y, params, act, lr, epochs, batch_size, rng, update="batch, divided again")


def seen_afterwards(X, y, params, act, lr, epochs, batch_size, rng):
    return walk(X, y, params, act, lr, epochs, batch_size, rng, by="afterwards")


def means_added_up(X, y, params, act, lr, epochs, batch_size, rng):
    return walk(X, y, params, act, lr, epochs, batch_size, rng, by="sum of means")


def batches_averaged(X, y, params, act, lr, epochs, batch_size, rng):
    return walk(X, y, params, act, lr, epochs, batch_size, rng, by="batches")


def last_batch_recorded(X, y, params, act, lr, epochs, batch_size, rng):
    return walk(X, y, params, act, lr, epochs, batch_size, rng, by="last")


def never_updated(X, y, params, act, lr, epochs, batch_size, rng):
    return walk(X, y, params, act, lr, epochs, batch_size, rng, update="never")


def shuffled_once(X, y, params, act, lr, epochs, batch_size, rng):
    order = rng.permutation(len(X))
    return walk(X[order], y[order], params, act, lr, epochs, batch_size, rng, shuffle=False)


def whole_set_at_once(X, y, params, act, lr, epochs, batch_size, rng):
    return walk(X, y, params, act, lr, epochs, len(X), rng)


MISTAKES = {
    "sgd_step": {
        "it steps uphill, because the gradient is added": uphill,
        "the learning rate is not used": without_learning_rate,
        "the biases are not updated": biases_forgotten,
        "the old parameters are not there, only the step": gradient_instead_of_step,
        "the learning rate multiplies the parameters too": difference_scaled,
    },
    "init_params": {
        "the variance is used as the standard deviation": variance_for_deviation,
        "'he' divides by the number of outputs": outputs_for_inputs,
        "1 stands where the schemes say 2": numerator_one,
        "'xavier' has variance 1/n_in; here it is 2/(n_in + n_out)": xavier_of_inputs_alone,
        "the biases are random too": biases_random_too,
    },
    "gradient_norms": {
        "the squares are summed but the root is missing": squared_norms,
        "the root of the mean of the squares, not of their sum": mean_squares,
        "the largest entry of each gradient, not its norm": largest_entries,
        "the last layer comes first": last_layer_first,
        "the biases' gradients are included": biases_included,
        "these are norms of the weights, not of their gradients": weights_instead,
        "the spectral norm of each gradient (order 2), not the Frobenius norm": spectral_norms,
    },
    "train": {
        "the examples are never shuffled": never_shuffled,
        "the examples are shuffled once, not in every epoch": shuffled_once,
        "X is shuffled and y is not, so examples lose their labels": labels_not_shuffled,
        "the last, smaller batch is left out": last_batch_dropped,
        "the last, smaller batch is left out, but counted in the average": last_batch_dropped_and_counted,
        "the batches are averaged, though they differ in size": batches_averaged,
        "the mean losses of the batches are added up, not averaged over the examples": means_added_up,
        "only the last batch of an epoch is recorded": last_batch_recorded,
        "the history is measured after the epoch, not before each batch's update": seen_afterwards,
        "the parameters are never updated": never_updated,
        "one update an epoch: it stands behind the loop over the batches, not in it": updated_once_an_epoch,
        "the gradient is divided by the batch size once more; 1/N is in it already": divided_again,
        "all examples in one batch, whatever batch_size says": whole_set_at_once,
    },
}
