"""Other right answers to exercise 1."""

import math

import numpy as np
from scipy.special import expit


def with_dot_product(x, w, b):
    return expit(x @ w + b)


def with_a_loop(x, w, b):
    z = b
    for weight, value in zip(w, x, strict=True):
        z += weight * value
    return 1 / (1 + math.exp(-z))


def with_einsum(x, w, b):
    return np.exp(-np.logaddexp(0, -(np.einsum("i,i", x, w) + b)))


def always_the_same_list(steps):
    return ["initialise", "forward", "loss", "backward", "update"]


def sorted_by_rank(steps):
    rank = {"initialise": 0, "forward": 1, "loss": 2, "backward": 3, "update": 4}
    return sorted(steps, key=lambda step: rank[step])


ALTERNATIVES = {
    "neuron_forward": {"dot product": with_dot_product, "loop": with_a_loop, "einsum": with_einsum},
    "order_steps": {"constant": always_the_same_list, "rank": sorted_by_rank},
}
