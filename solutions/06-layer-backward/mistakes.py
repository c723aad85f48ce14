"""Typical wrong answers to the exercise on a layer's backward pass, each under a short name that says the slip."""

import numpy as np


def relu_without_upstream(dA, cache):
    return (cache > 0) * 1.0


def relu_without_slope(dA, cache):
    return dA * 1.0


def relu_mask_of_dA(dA, cache):
    return dA * (dA > 0)


def relu_value_for_slope(dA, cache):
    return dA * np.maximum(0, cache)


def relu_other_side(dA, cache):
    return dA * (cache < 0)


def relu_open_at_zero(dA, cache):
    return dA * (cache >= 0)


def relu_leaks(dA, cache):
    return dA * np.where(cache > 0, 1, 0.01)


def relu_sign(dA, cache):
    return dA * np.sign(cache)


def relu_of_dA(dA, cache):
    return np.where(cache > 0, 1.0, 0.0) * np.abs(dA)


def sigmoid_without_upstream(dA, cache):
    return cache * (1 - cache)


def sigmoid_without_slope(dA, cache):
    return dA * 1.0


def sigmoid_once_more(dA, cache):
    S = 1 / (1 + np.exp(-cache))
    return dA * S * (1 - S)


def sigmoid_like_tanh(dA, cache):
    return dA * (1 - cache**2)


def sigmoid_without_a(dA, cache):
    return dA * (1 - cache)


def sigmoid_without_one_minus_a(dA, cache):
    return dA * cache


def sigmoid_without_brackets(dA, cache):
    return dA * cache * 1 - cache


def sigmoid_sign(dA, cache):
    return dA * cache * (cache - 1)


def sigmoid_slope_of_dA(dA, cache):
    return cache * dA * (1 - dA)


def sigmoid_divided(dA, cache):
    return dA / (cache * (1 - cache))


def tanh_without_upstream(dA, cache):
    return 1 - cache**2


def tanh_without_slope(dA, cache):
    return dA * 1.0


def tanh_once_more(dA, cache):
    return dA * (1 - np.tanh(cache) ** 2)


def tanh_like_sigmoid(dA, cache):
    return dA * cache * (1 - cache)


def tanh_without_square(dA, cache):
    return dA * (1 - cache)


def tanh_plus(dA, cache):
    return dA * (1 + cache**2)


def tanh_without_brackets(dA, cache):
    return dA * 1 - cache**2


def tanh_sign(dA, cache):
    return dA * (cache**2 - 1)


def tanh_square_of_product(dA, cache):
    return dA - (dA * cache) ** 2


def tanh_square_of_difference(dA, cache):
    return dA * (1 - cache) ** 2


def softmax_diagonal(dA, cache):
    return dA * cache * (1 - cache)


def softmax_without_upstream(dA, cache):
    return cache * (1 - cache)


def softmax_without_slope(dA, cache):
    return dA * 1.0


def softmax_all_rows(dA, cache):
    return cache * (dA - (dA * cache).sum())


def softmax_down_the_columns(dA, cache):
    return cache * (dA - (dA * cache).sum(axis=0))


def softmax_plain_sum(dA, cache):
    return cache * (dA - dA.sum(axis=1, keepdims=True))


def softmax_plain_mean(dA, cache):
    return cache * (dA - dA.mean(axis=1, keepdims=True))


def softmax_without_p_outside(dA, cache):
    return dA - (dA * cache).sum(axis=1, keepdims=True)


def softmax_no_sum(dA, cache):
    return cache * dA


def softmax_sum_alone(dA, cache):
    return -cache * np.sum(dA * cache, axis=1, keepdims=True)


def softmax_diagonal_twice(dA, cache):
    return dA * cache * (1 - cache) - cache * np.sum(dA * cache, axis=1, keepdims=True)


def softmax_mean_of_products(dA, cache):
    return cache * (dA - np.mean(dA * cache, axis=1, keepdims=True))


def softmax_once_more(dA, cache):
    E = np.exp(cache)
    P = E / E.sum(axis=1, keepdims=True)
    return P * (dA - np.sum(dA * P, axis=1, keepdims=True))


def softmax_plus(dA, cache):
    return cache * (dA + (dA * cache).sum(axis=1, keepdims=True))


def softmax_with_cross_entropy(dA, cache):
    return cache - dA


def linear_w_not_transposed(dZ, cache):
    X, W, b = cache
    return dZ @ W, X.T @ dZ, dZ.sum(axis=0)


def linear_dx_turned(dZ, cache):
    X, W, b = cache
    return W @ dZ.T, X.T @ dZ, dZ.sum(axis=0)


def linear_dw_turned(dZ, cache):
    X, W, b = cache
    return dZ @ W.T, dZ.T @ X, dZ.sum(axis=0)


def linear_db_not_summed(dZ, cache):
    X, W, b = cache
    return dZ @ W.T, X.T @ dZ, dZ * 1.0


def linear_db_keepdims(dZ, cache):
    X, W, b = cache
    return dZ @ W.T, X.T @ dZ, dZ.sum(axis=0, keepdims=True)


def linear_db_wrong_axis(dZ, cache):
    X, W, b = cache
    return dZ @ W.T, X.T @ dZ, dZ.sum(axis=1)


def linear_db_one_number(dZ, cache):
    X, W, b = cache
    return dZ @ W.T, X.T @ dZ, dZ.sum()


def linear_db_mean(dZ, cache):
    X, W, b = cache
    return dZ @ W.T, X.T @ dZ, dZ.mean(axis=0)


def linear_db_count(dZ, cache):
    X, W, b = cache
    return dZ @ W.T, X.T @ dZ, np.full(b.shape, float(len(X)))


def linear_db_from_b(dZ, cache):
    X, W, b = cache
    return dZ @ W.T, X.T @ dZ, dZ.sum(axis=0) * b


def linear_dw_over_n(dZ, cache):
    X, W, b = cache
    return dZ @ W.T, X.T @ dZ / len(X), dZ.sum(axis=0)


def linear_dw_sign(dZ, cache):
    X, W, b = cache
    return dZ @ W.T, -X.T @ dZ, dZ.sum(axis=0)


def linear_dw_learning_rate(dZ, cache):
    X, W, b = cache
    return dZ @ W.T, 0.01 * X.T @ dZ, dZ.sum(axis=0)


def linear_dw_without_upstream(dZ, cache):
    X, W, b = cache
    return dZ @ W.T, X.T @ np.ones_like(dZ), dZ.sum(axis=0)


def linear_dw_first_example(dZ, cache):
    X, W, b = cache
    return dZ @ W.T, np.outer(X[0], dZ[0]), dZ.sum(axis=0)


def linear_dw_last_example(dZ, cache):
    X, W, b = cache
    for x, dz in zip(X, dZ, strict=True):
        dW = np.outer(x, dz)
    return dZ @ W.T, dW, dZ.sum(axis=0)


def linear_dx_without_upstream(dZ, cache):
    X, W, b = cache
    return np.ones_like(dZ) @ W.T, X.T @ dZ, dZ.sum(axis=0)


def linear_order(dZ, cache):
    X, W, b = cache
    return X.T @ dZ, dZ @ W.T, dZ.sum(axis=0)


MISTAKES = {
    "relu_backward": {
        "the upstream gradient dA is missing: only the mask is returned": relu_without_upstream,
        "the slope of ReLU is missing: dA goes back unchanged": relu_without_slope,
        "the mask asks where dA is positive; it must ask where Z is": relu_mask_of_dA,
        "multiplied by ReLU's value instead of its slope": relu_value_for_slope,
        "the mask is the wrong way round: it lets through where Z is negative": relu_other_side,
        "the gate is open at Z = 0; there the slope counts as 0, so ask for Z > 0": relu_open_at_zero,
        "that is the slope of |Z|: where Z is negative, ReLU's slope is 0 and not -1": relu_sign,
        "where Z is negative, the slope is 0 and not a small number": relu_leaks,
        "the sign of dA is lost": relu_of_dA,
    },
    "sigmoid_backward": {
        "the upstream gradient dA is missing: only the slope a * (1 - a) is returned": sigmoid_without_upstream,
        "the slope of the sigmoid is missing: dA goes back unchanged": sigmoid_without_slope,
        "the cache is already the sigmoid's output; here the sigmoid is applied to it once more": sigmoid_once_more,
        "1 - a**2 is the slope of tanh": sigmoid_like_tanh,
        "a factor a is missing: the slope is a * (1 - a)": sigmoid_without_a,
        "a factor 1 - a is missing: the slope is a * (1 - a)": sigmoid_without_one_minus_a,
        "without brackets around 1 - a, the last a is subtracted from the whole product": sigmoid_without_brackets,
        "the sign is turned around, as by a - 1 in the place of 1 - a": sigmoid_sign,
        "1 - dA stands where 1 - a belongs": sigmoid_slope_of_dA,
        "divided by the slope instead of multiplied": sigmoid_divided,
    },
    "tanh_backward": {
        "the upstream gradient dA is missing: only the slope 1 - a**2 is returned": tanh_without_upstream,
        "the slope of tanh is missing: dA goes back unchanged": tanh_without_slope,
        "the cache is already the output of tanh; here tanh is applied to it once more": tanh_once_more,
        "a * (1 - a) is the slope of the sigmoid": tanh_like_sigmoid,
        "the square is missing: the slope is 1 - a**2, not 1 - a": tanh_without_square,
        "plus instead of minus in 1 - a**2": tanh_plus,
        "without brackets around 1 - a**2, a**2 is subtracted from the whole product": tanh_without_brackets,
        "the sign is turned around, as by a**2 - 1 in the place of 1 - a**2": tanh_sign,
        "(1 - a)**2 is the square of 1 - a; the slope is 1 minus the square of a": tanh_square_of_difference,
        "dA is squared as well: it multiplies 1 - a**2, so it belongs outside of the square": tanh_square_of_product,
    },
    "softmax_backward": {
        "only the diagonal of the Jacobian: every output of a row depends on every input of it": softmax_diagonal,
        "the upstream gradient dA is missing": softmax_without_upstream,
        "the slope of softmax is missing: dA goes back unchanged": softmax_without_slope,
        "the sum runs over all rows; each row is a softmax of its own": softmax_all_rows,
        "the sum runs down the columns; it must run along each row": softmax_down_the_columns,
        "the sum over the row lacks the weights P": softmax_plain_sum,
        "a plain mean of dA over the row instead of the mean weighted by P": softmax_plain_mean,
        "the factor P in front is missing": softmax_without_p_outside,
        "plus instead of minus before the sum over the row": softmax_plus,
        "the sum over the row is missing: raising one logit lowers all other probabilities": softmax_no_sum,
        "only the sum over the row: the term j = k has a part that stands outside of it": softmax_sum_alone,
        "the term j = k counts twice: P * (1 - P) has its part of the sum already": softmax_diagonal_twice,
        "a mean of dA * P over the row instead of its sum": softmax_mean_of_products,
        "the cache is already the output of softmax; here softmax is applied to it once more": softmax_once_more,
        "P minus something is softmax together with cross-entropy; here softmax is alone": softmax_with_cross_entropy,
    },
    "linear_backward": {
        "multiplied by W instead of its transpose; the shapes agree only because W is square": linear_w_not_transposed,
        "dX is turned: it must have the shape of X": linear_dx_turned,
        "dW is turned: it must have the shape of W": linear_dw_turned,
        "b is added to every row, so db is the sum over the rows; here they are not summed": linear_db_not_summed,
        "keepdims leaves db with the shape (1, n_out); b has (n_out,)": linear_db_keepdims,
        "db is summed along the wrong axis: over the neurons instead of the examples": linear_db_wrong_axis,
        "db is summed over everything; each neuron has a bias of its own": linear_db_one_number,
        "a mean in db: 1/N is already in dZ and must not come a second time": linear_db_mean,
        "the upstream gradient is missing in db: it counts the examples": linear_db_count,
        "db is multiplied by b, but b is only added, so its local gradient is 1": linear_db_from_b,
        "dW is divided by N: 1/N is already in dZ and must not come a second time": linear_dw_over_n,
        "the sign of dW is flipped: the minus belongs to the update": linear_dw_sign,
        "dW contains a learning rate: that belongs to the update": linear_dw_learning_rate,
        "the upstream gradient is missing in dW: it sums X alone": linear_dw_without_upstream,
        "dW comes from the first example alone; every example adds to it": linear_dw_first_example,
        "dW is overwritten by each example; only the last is left": linear_dw_last_example,
        "the upstream gradient is missing in dX: it sums W alone": linear_dx_without_upstream,
        "the right gradients in the wrong order; it is dX, dW, db": linear_order,
    },
}
