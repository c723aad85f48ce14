"""Typical wrong answers of exercise 1, so that a check can call a mistake by its name."""

import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def no_bias(x, w, b):
    return sigmoid(np.sum(w * x))


def no_activation(x, w, b):
    return np.sum(w * x) + b


def bias_after_activation(x, w, b):
    return sigmoid(np.sum(w * x)) + b


def bias_with_each_product(x, w, b):
    return sigmoid(np.sum(w * x + b))


def bias_subtracted(x, w, b):
    return sigmoid(np.sum(w * x) - b)


def activation_of_each_product(x, w, b):
    return np.sum(sigmoid(w * x)) + b


def no_sum(x, w, b):
    return sigmoid(w * x + b)


def mean_for_sum(x, w, b):
    return sigmoid(np.mean(w * x) + b)


def weights_and_inputs_added(x, w, b):
    return sigmoid(np.sum(w + x) + b)


def first_two_inputs(x, w, b):
    return sigmoid(np.sum(w[:2] * x[:2]) + b)


def by_the_alphabet(steps):
    return sorted(steps)


def as_they_came(steps):
    return list(steps)


def update_before_backward(steps):
    return ["initialise", "forward", "loss", "update", "backward"]


def backward_before_loss(steps):
    return ["initialise", "forward", "backward", "loss", "update"]


def loss_before_forward(steps):
    return ["initialise", "loss", "forward", "backward", "update"]


def initialise_inside_the_ring(steps):
    return ["forward", "loss", "backward", "update", "initialise"]


MISTAKES = {
    "neuron_forward": {
        "the bias is missing": no_bias,
        "the sigmoid is missing, this is z": no_activation,
        "the bias is added after the sigmoid instead of before": bias_after_activation,
        "the bias is added to each product, so it counts once for each input": bias_with_each_product,
        "the bias is subtracted": bias_subtracted,
        "the sigmoid is taken of each product instead of their sum": activation_of_each_product,
        "the products are not added up": no_sum,
        "the mean of the products instead of their sum": mean_for_sum,
        "weights and inputs are added instead of multiplied": weights_and_inputs_added,
        "only the first two inputs are used; there may be any number of them": first_two_inputs,
    },
    "order_steps": {
        "sorted by the alphabet": by_the_alphabet,
        "returned in the order in which they came": as_they_came,
        "the update comes before the gradient that it uses": update_before_backward,
        "the backward pass comes before the loss from which it starts": backward_before_loss,
        "the loss comes before the prediction that it judges": loss_before_forward,
        "the initialisation comes last, but without parameters there is no forward pass": initialise_inside_the_ring,
    },
}
