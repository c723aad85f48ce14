"""Typical wrong answers of exercise 3, so that a check can call a mistake by its name."""

import numpy as np


def sigmoid(Z):
    small = np.exp(-np.abs(Z))
    return np.where(Z >= 0, 1, small) / (1 + small)


def softmax(Z):
    E = np.exp(Z - Z.max(axis=1, keepdims=True))
    return E / E.sum(axis=1, keepdims=True)


def twice(A):
    return A, A


def sigmoid_as_on_paper(Z):
    return twice(1 / (1 + np.exp(-Z)))


def sigmoid_with_large_exponents(Z):
    return twice(np.exp(Z) / (1 + np.exp(Z)))


def sigmoid_chosen_too_late(Z):
    return twice(np.where(Z >= 0, 1 / (1 + np.exp(-Z)), np.exp(Z) / (1 + np.exp(Z))))


def sigmoid_of_the_size(Z):
    return twice(1 / (1 + np.exp(-np.abs(Z))))


def sigmoid_mirrored(Z):
    return twice(sigmoid(-Z))


def sigmoid_keeps_z(Z):
    return sigmoid(Z), Z


def sigmoid_keeps_slope(Z):
    A = sigmoid(Z)
    return A, A * (1 - A)


def sigmoid_without_cache(Z):
    return sigmoid(Z)


def sigmoid_slope(Z):
    A = sigmoid(Z)
    return twice(A * (1 - A))


def sigmoid_is_tanh(Z):
    return twice(np.tanh(Z))


def sigmoid_is_a_step(Z):
    return twice(np.where(Z > 0, 1.0, 0.0))


def tanh_as_on_paper(Z):
    return twice((np.exp(Z) - np.exp(-Z)) / (np.exp(Z) + np.exp(-Z)))


def tanh_with_one_exponential(Z):
    return twice((1 - np.exp(-2 * Z)) / (1 + np.exp(-2 * Z)))


def tanh_without_sign(Z):
    return twice(np.tanh(np.abs(Z)))


def tanh_keeps_z(Z):
    return np.tanh(Z), Z


def tanh_without_cache(Z):
    return np.tanh(Z)


def tanh_is_sigmoid(Z):
    return twice(sigmoid(Z))


def tanh_too_wide(Z):
    return twice(2 * sigmoid(Z) - 1)


def tanh_in_the_sigmoids_frame(Z):
    return twice(sigmoid(2 * Z))


def tanh_slope(Z):
    return twice(1 - np.tanh(Z) ** 2)


def tanh_is_arctan(Z):
    return twice(np.arctan(Z))


def tanh_is_clipped(Z):
    return twice(np.clip(Z, -1, 1))


def tanh_keeps_slope(Z):
    A = np.tanh(Z)
    return A, 1 - A**2


def relu_keeps_a(Z):
    return twice(np.maximum(0, Z))


def relu_keeps_mask(Z):
    return np.maximum(0, Z), Z > 0


def relu_without_cache(Z):
    return np.maximum(0, Z)


def relu_is_its_slope(Z):
    return np.where(Z > 0, 1.0, 0.0), Z


def relu_is_abs(Z):
    return np.abs(Z), Z


def relu_of_the_wrong_half(Z):
    return np.minimum(0, Z), Z


def relu_leaks(Z):
    return np.where(Z > 0, Z, 0.01 * Z), Z


def relu_is_identity(Z):
    return Z.copy(), Z


def relu_in_place(Z):
    Z[Z < 0] = 0
    return Z, Z


def relu_one_maximum(Z):
    return np.max(Z), Z


def relu_largest_of_each_column(Z):
    return np.max(Z, 0), Z


def softmax_as_on_paper(Z):
    E = np.exp(Z)
    return twice(E / E.sum(axis=1, keepdims=True))


def softmax_by_columns(Z):
    return twice(softmax(Z.T).T)


def softmax_over_everything(Z):
    E = np.exp(Z - Z.max())
    return twice(E / E.sum())


def softmax_shifted_by_row_divided_by_the_batch(Z):
    E = np.exp(Z - Z.max(axis=1, keepdims=True))
    return twice(E / E.sum())


def softmax_shifted_by_the_batch(Z):
    E = np.exp(Z - Z.max())
    return twice(E / E.sum(axis=1, keepdims=True))


def softmax_not_divided(Z):
    return twice(np.exp(Z - Z.max(axis=1, keepdims=True)))


def softmax_without_exponentials(Z):
    return twice(Z / Z.sum(axis=1, keepdims=True))


def softmax_mirrored(Z):
    return twice(softmax(-Z))


def softmax_keeps_z(Z):
    return softmax(Z), Z


def softmax_without_cache(Z):
    return softmax(Z)


def softmax_logarithm(Z):
    shifted = Z - Z.max(axis=1, keepdims=True)
    return twice(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


def softmax_is_sigmoid(Z):
    return twice(sigmoid(Z))


def softmax_is_hard(Z):
    return twice(np.eye(Z.shape[1])[Z.argmax(axis=1)])


MISTAKES = {
    "sigmoid_forward": {
        "exp(-Z) is computed for very negative Z too; choose the exponent first": sigmoid_as_on_paper,
        "exp(Z) is computed for very large Z, and infinity divided by infinity is NaN": sigmoid_with_large_exponents,
        "np.where chooses too late: both formulas are computed everywhere": sigmoid_chosen_too_late,
        "the formula for Z >= 0 is used for negative Z too; choose the numerator by the sign": sigmoid_of_the_size,
        "the sign of Z is flipped": sigmoid_mirrored,
        "the cache is Z instead of A": sigmoid_keeps_z,
        "the cache is the slope instead of A": sigmoid_keeps_slope,
        "the cache is missing; return A, A": sigmoid_without_cache,
        "this is the slope of the sigmoid": sigmoid_slope,
        "this is tanh": sigmoid_is_tanh,
        "this is a step from 0 to 1 instead of a smooth curve": sigmoid_is_a_step,
    },
    "tanh_forward": {
        "exp of a very large number overflows, and infinity divided by infinity is NaN": tanh_as_on_paper,
        "exp(-2 Z) overflows for very negative Z; use tanh(-z) = -tanh(z) there": tanh_with_one_exponential,
        "negative entries lose their sign: tanh(-z) = -tanh(z)": tanh_without_sign,
        "the cache is Z instead of A": tanh_keeps_z,
        "the cache is missing; return A, A": tanh_without_cache,
        "this is the sigmoid": tanh_is_sigmoid,
        "this is 2 sigmoid(Z) - 1; inside the sigmoid there is 2 Z": tanh_too_wide,
        "this is sigmoid(2 Z), still between 0 and 1; stretch and shift it": tanh_in_the_sigmoids_frame,
        "this is the slope of tanh": tanh_slope,
        "this is the arctangent": tanh_is_arctan,
        "Z is cut off at -1 and 1 instead of bent": tanh_is_clipped,
        "the cache is the slope instead of A": tanh_keeps_slope,
    },
    "relu_forward": {
        "the cache is A instead of Z": relu_keeps_a,
        "the cache is the mask Z > 0 instead of Z": relu_keeps_mask,
        "the cache is missing; return A, Z": relu_without_cache,
        "this is the slope of ReLU; the positive entries keep their value": relu_is_its_slope,
        "this is the absolute value; negative entries become 0": relu_is_abs,
        "the minimum instead of the maximum": relu_of_the_wrong_half,
        "this is a leaky ReLU; negative entries become 0, not small": relu_leaks,
        "nothing is set to zero": relu_is_identity,
        "the negative entries of Z itself are overwritten": relu_in_place,
        "np.max gives one number; np.maximum compares entry by entry": relu_one_maximum,
        "np.max(Z, 0) is the largest entry of each column; np.maximum(Z, 0) compares": relu_largest_of_each_column,
    },
    "softmax_forward": {
        "the largest entry of the whole batch is subtracted instead of each row's": softmax_shifted_by_the_batch,
        "exp of a very large number overflows; subtract the row's largest entry first": softmax_as_on_paper,
        "taken along the columns instead of the rows": softmax_by_columns,
        "divided by the sum of the whole batch instead of each row's": softmax_over_everything,
        "all rows are divided by one sum; each row has its own": softmax_shifted_by_row_divided_by_the_batch,
        "not divided by the sum of the row": softmax_not_divided,
        "the exponentials are missing": softmax_without_exponentials,
        "the sign of Z is flipped": softmax_mirrored,
        "the cache is Z instead of P": softmax_keeps_z,
        "the cache is missing; return P, P": softmax_without_cache,
        "this is the logarithm of the softmax": softmax_logarithm,
        "this is the sigmoid of each entry": softmax_is_sigmoid,
        "everything goes to the largest entry; softmax shares it out": softmax_is_hard,
    },
}
