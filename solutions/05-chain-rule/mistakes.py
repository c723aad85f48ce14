"""Typical wrong answers to the exercise on the chain rule, each under a short name that says the slip."""

import numpy as np


def add_without_upstream(dz, cache):
    return np.ones_like(dz), np.ones_like(dz)


def add_ones(dz, cache):
    return 1, 1


def add_shares(dz, cache):
    return dz / 2, dz / 2


def add_like_mul(dz, cache):
    x, y = cache
    return dz * y, dz * x


def add_with_inputs(dz, cache):
    x, y = cache
    return dz * x, dz * y


def add_like_sub(dz, cache):
    return dz, -dz


def mul_not_swapped(dz, cache):
    x, y = cache
    return dz * x, dz * y


def mul_without_upstream(dz, cache):
    x, y = cache
    return y, x


def mul_like_add(dz, cache):
    return dz, dz


def mul_by_output(dz, cache):
    x, y = cache
    return dz * x * y, dz * x * y


def mul_added(dz, cache):
    x, y = cache
    return dz + y, dz + x


def mul_divided(dz, cache):
    x, y = cache
    return dz / y, dz / x


def gate_only_square(x, y):
    return x * y + x**2, 2 * x, x


def gate_only_product(x, y):
    return x * y + x**2, y, x


def gate_paths_multiplied(x, y):
    return x * y + x**2, y * 2 * x, x


def gate_square_as_itself(x, y):
    return x * y + x**2, y + x, x


def gate_square_undifferentiated(x, y):
    return x * y + x**2, y + x**2, x


def gate_swapped(x, y):
    return x * y + x**2, x, y + 2 * x


def gate_square_in_dy(x, y):
    return x * y + x**2, y + 2 * x, x + 2 * x


def gate_dy_by_y(x, y):
    return x * y + x**2, y + 2 * x, y


def gate_starts_with_f(x, y):
    f = x * y + x**2
    return f, f * (y + 2 * x), f * x


def gate_without_square(x, y):
    return x * y + x, y + 2 * x, x


def neuron_without_sigmoid(dL, cache):
    x, w, a = cache
    return dL * w, dL * x, dL


def neuron_without_upstream(dL, cache):
    x, w, a = cache
    return a * (1 - a) * w, a * (1 - a) * x, a * (1 - a)


def neuron_swapped(dL, cache):
    x, w, a = cache
    dz = dL * a * (1 - a)
    return dz * x, dz * w, dz


def neuron_bias_before_sigmoid(dL, cache):
    x, w, a = cache
    dz = dL * a * (1 - a)
    return dz * w, dz * x, dL


def neuron_bias_one(dL, cache):
    x, w, a = cache
    dz = dL * a * (1 - a)
    return dz * w, dz * x, 1.0


def neuron_tanh(dL, cache):
    x, w, a = cache
    dz = dL * (1 - a**2)
    return dz * w, dz * x, dz


def neuron_half_slope(dL, cache):
    x, w, a = cache
    dz = dL * (1 - a)
    return dz * w, dz * x, dz


def neuron_times_a(dL, cache):
    x, w, a = cache
    dz = dL * a
    return dz * w, dz * x, dz


def neuron_slope_of_slope(dL, cache):
    x, w, a = cache
    s = 1 / (1 + np.exp(-a))
    dz = dL * s * (1 - s)
    return dz * w, dz * x, dz


def neuron_slope_from_z(dL, cache):
    x, w, a = cache
    z = np.sum(w * x)
    dz = dL * z * (1 - z)
    return dz * w, dz * x, dz


def neuron_bias_forgotten(dL, cache):
    x, w, a = cache
    s = 1 / (1 + np.exp(-np.sum(w * x)))
    dz = dL * s * (1 - s)
    return dz * w, dz * x, dz


def neuron_bias_for_each_input(dL, cache):
    x, w, a = cache
    dz = dL * a * (1 - a)
    return dz * w, dz * x, np.sum(dz * np.ones_like(x))


def neuron_mean_over_inputs(dL, cache):
    x, w, a = cache
    dz = dL * a * (1 - a) / len(x)
    return dz * w, dz * x, dz


def neuron_without_brackets(dL, cache):
    x, w, a = cache
    dz = dL * a * 1 - a
    return dz * w, dz * x, dz


def neuron_sign(dL, cache):
    x, w, a = cache
    dz = dL * a * (a - 1)
    return dz * w, dz * x, dz


def neuron_times_output(dL, cache):
    x, w, a = cache
    dz = dL * a * (1 - a)
    return dz * w, dz * x, dz * a


MISTAKES = {
    "add_backward": {
        "the upstream gradient is missing: the local slope 1 alone is returned": add_without_upstream,
        "1 is returned, whatever arrives: the upstream gradient is missing": add_ones,
        "the upstream gradient is shared out by halves, but each input moves z by the whole nudge": add_shares,
        "the slopes of a product, in a node that adds": add_like_mul,
        "multiplied by the input itself, in a node that adds": add_with_inputs,
        "the second sign is that of a difference": add_like_sub,
    },
    "mul_backward": {
        "the slope of x * y by x is y, and by y it is x, not the other way round": mul_not_swapped,
        "the upstream gradient is missing: only the other input is returned": mul_without_upstream,
        "the slopes of a sum, in a node that multiplies": mul_like_add,
        "multiplied by the output x * y instead of the other input": mul_by_output,
        "divided by the other input instead of multiplied": mul_divided,
        "what arrives is added to the other input instead of multiplied": mul_added,
    },
    "gate_forward_backward": {
        "the second path overwrites the first: only the square's slope is left in df/dx": gate_only_square,
        "the path through the square is missing in df/dx": gate_only_product,
        "the slopes of the two paths are multiplied; where paths meet they add": gate_paths_multiplied,
        "the slope of x**2 is 2 * x, not x": gate_square_as_itself,
        "x**2 itself stands where its slope should be": gate_square_undifferentiated,
        "df/dx and df/dy are returned in the wrong order": gate_swapped,
        "y does not reach the square, so 2 * x does not belong into df/dy": gate_square_in_dy,
        "df/dy is the other factor, x, not y": gate_dy_by_y,
        "f itself is sent back; the slope that you start with is that of f by f, which is 1": gate_starts_with_f,
        "f is wrong: the last term is x**2, not x": gate_without_square,
    },
    "neuron_backward": {
        "the bias sits before the sigmoid, so its slope passes the sigmoid, too": neuron_bias_before_sigmoid,
        "the slope of the sigmoid, a * (1 - a), is missing": neuron_without_sigmoid,
        "the upstream gradient dL is missing": neuron_without_upstream,
        "dx and dw are exchanged: by w the neuron's sum has the slope x, and the other way round": neuron_swapped,
        "db is the slope of z by b alone; what arrives at z is missing": neuron_bias_one,
        "1 - a**2 is the slope of tanh; here a is a sigmoid": neuron_tanh,
        "1 - a is only half of the sigmoid's slope: the factor a is missing": neuron_half_slope,
        "a is only half of the sigmoid's slope: the factor 1 - a is missing": neuron_times_a,
        "the sigmoid is applied once more to a, which is already its output": neuron_slope_of_slope,
        "without brackets around 1 - a, the last a is subtracted from the whole product": neuron_without_brackets,
        "a * (a - 1) has the wrong sign": neuron_sign,
        "the slope is a * (1 - a) with the output a; here the weighted sum stands in its place": neuron_slope_from_z,
        "the output is computed anew, and without the bias; it is in the cache, as a": neuron_bias_forgotten,
        "db is counted once for each input, but the bias is added only once": neuron_bias_for_each_input,
        "divided by the number of inputs, but the neuron adds up and takes no mean": neuron_mean_over_inputs,
        "the bias is multiplied by the output a": neuron_times_output,
    },
}
