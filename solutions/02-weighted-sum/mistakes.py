"""Typical wrong answers of exercise 2, so that a check can call a mistake by its name."""

import numpy as np


def no_bias(X, W, b):
    return X @ W, (X, W, b)


def one_bias_for_all(X, W, b):
    return X @ W + b.sum(), (X, W, b)


def bias_times(X, W, b):
    return (X @ W) * b, (X, W, b)


def bias_subtracted(X, W, b):
    return X @ W - b, (X, W, b)


def bias_added_for_each_input(X, W, b):
    return X @ W + X.shape[1] * b, (X, W, b)


def bias_added_for_each_example(X, W, b):
    return X @ W + X.shape[0] * b, (X, W, b)


def mean_over_inputs(X, W, b):
    return X @ W / X.shape[1] + b, (X, W, b)


def mean_over_examples(X, W, b):
    return X @ W / X.shape[0] + b, (X, W, b)


def first_example_alone(X, W, b):
    return X[0] @ W + b, (X, W, b)


def examples_added_up(X, W, b):
    return (X @ W + b).sum(axis=0), (X, W, b)


def neurons_in_rows(X, W, b):
    return (X @ W + b).T, (X, W, b)


def rectified(X, W, b):
    return np.maximum(X @ W + b, 0), (X, W, b)


def squashed(X, W, b):
    return 1 / (1 + np.exp(-(X @ W + b))), (X, W, b)


def no_cache(X, W, b):
    return X @ W + b


def bias_not_kept(X, W, b):
    return X @ W + b, (X, W)


def cache_in_another_order(X, W, b):
    return X @ W + b, (W, X, b)


def output_kept(X, W, b):
    Z = X @ W + b
    return Z, (Z, W, b)


def output_alone_kept(X, W, b):
    Z = X @ W + b
    return Z, Z


def cache_not_a_tuple(X, W, b):
    return X @ W + b, X, W, b


def column_no_bias(A, Wc, bc):
    return Wc @ A


def column_one_bias_for_all(A, Wc, bc):
    return Wc @ A + bc.sum()


def column_bias_times(A, Wc, bc):
    return (Wc @ A) * bc


def column_row_form(A, Wc, bc):
    return A.T @ Wc.T + bc.T


def column_bias_for_each_input(A, Wc, bc):
    return Wc @ A + A.shape[0] * bc


def column_examples_added_up(A, Wc, bc):
    return (Wc @ A + bc).sum(axis=1, keepdims=True)


def weights_alone(sizes):
    return sum(n_in * n_out for n_in, n_out in zip(sizes, sizes[1:]))  # noqa: B905 (one is shorter on purpose)


def biases_of_inputs(sizes):
    return weights_alone(sizes) + sum(sizes)


def biases_of_the_wrong_side(sizes):
    return weights_alone(sizes) + sum(sizes[:-1])


def one_bias_a_layer(sizes):
    return weights_alone(sizes) + len(sizes) - 1


def first_layer_alone(sizes):
    return sizes[0] * sizes[1] + sizes[1]


def last_layer_alone(sizes):
    return sizes[-2] * sizes[-1] + sizes[-1]


def neurons(sizes):
    return sum(sizes[1:])


def all_sizes_added(sizes):
    return sum(sizes)


def all_sizes_multiplied(sizes):
    return int(np.prod(sizes))


def output_layer_without_biases(sizes):
    return weights_alone(sizes) + sum(sizes[1:-1])


MISTAKES = {
    "linear_forward": {
        "the bias is missing": no_bias,
        "all biases are added to every neuron": one_bias_for_all,
        "the bias is multiplied instead of added": bias_times,
        "the bias is subtracted": bias_subtracted,
        "the bias is added once for each input instead of once": bias_added_for_each_input,
        "the bias is added once for each example instead of once": bias_added_for_each_example,
        "divided by the number of inputs; a weighted sum is not a mean": mean_over_inputs,
        "divided by the number of examples; each example stands for itself": mean_over_examples,
        "only the first example is used": first_example_alone,
        "the examples are added up; each of them has its own row": examples_added_up,
        "Z is transposed, it has a row for each neuron": neurons_in_rows,
        "a ReLU is applied as well; Z is the pre-activation": rectified,
        "a sigmoid is applied as well; Z is the pre-activation": squashed,
        "the cache is missing; return Z, (X, W, b)": no_cache,
        "the cache lacks b": bias_not_kept,
        "the cache is in another order than (X, W, b)": cache_in_another_order,
        "the cache holds Z instead of X": output_kept,
        "the cache is Z alone; it must be (X, W, b)": output_alone_kept,
        "the cache is not one tuple; put brackets around X, W, b": cache_not_a_tuple,
    },
    "linear_forward_column": {
        "the bias is missing": column_no_bias,
        "all biases are added to every neuron": column_one_bias_for_all,
        "the bias is multiplied instead of added": column_bias_times,
        "this is the row form, with a row for each example": column_row_form,
        "the bias is added once for each input instead of once": column_bias_for_each_input,
        "the examples are added up; each of them has its own column": column_examples_added_up,
    },
    "count_parameters": {
        "the biases are missing": weights_alone,
        "the inputs were given biases too": biases_of_inputs,
        "a bias for each input of a layer instead of each neuron": biases_of_the_wrong_side,
        "a single bias for each layer instead of one for each neuron": one_bias_a_layer,
        "only the first layer is counted": first_layer_alone,
        "only the last layer is counted; the layers must be added up": last_layer_alone,
        "this counts neurons, not parameters": neurons,
        "the sizes are added up, inputs included; parameters lie between two of them": all_sizes_added,
        "all sizes multiplied with one another; only neighbours are connected": all_sizes_multiplied,
        "the biases of the last layer are missing": output_layer_without_biases,
    },
}
