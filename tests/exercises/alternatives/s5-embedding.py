"""Other right answers to the exercise on embedding."""

import numpy as np


def checked(E, idx):
    if idx.min() < 0 or idx.max() >= E.shape[0]:
        raise ValueError("index out of range")


def one_hot_product(E, idx):
    checked(E, idx)
    return np.eye(len(E))[idx] @ E, (E, idx)


def np_take(E, idx):
    checked(E, idx)
    return np.take(E, idx, axis=0), (E, idx)


def row_by_row(E, idx):
    out = np.zeros((*idx.shape, E.shape[1]))
    for place in np.ndindex(*idx.shape):
        if not 0 <= idx[place] < E.shape[0]:
            raise ValueError(f"index {idx[place]} is outside of the table")
        out[place] = E[idx[place]]
    return out, (E, idx)


def one_hot_product_backward(dout, cache):
    E, idx = cache
    one_hot = (idx.reshape(-1, 1) == np.arange(len(E))).astype(np.float64)
    return one_hot.T @ dout.reshape(-1, E.shape[1])


def row_by_row_backward(dout, cache):
    E, idx = cache
    dE = np.zeros_like(E)
    for place in np.ndindex(*idx.shape):
        dE[idx[place]] += dout[place]
    return dE


def bincount_by_columns(dout, cache):
    E, idx = cache
    columns = dout.reshape(-1, E.shape[1]).T
    return np.stack([np.bincount(idx.ravel(), column, minlength=len(E)) for column in columns], axis=1)


def masked_sums(dout, cache):
    E, idx = cache
    return np.array([dout[idx == row].sum(axis=0) for row in range(len(E))])


def einsum_of_one_hot(dout, cache):
    E, idx = cache
    one_hot = np.eye(len(E))[idx.ravel()]
    return np.einsum("nv,nd->vd", one_hot, dout.reshape(-1, E.shape[1]))


ALTERNATIVES = {
    "embedding_forward": {
        "one-hot matrix product": one_hot_product,
        "np.take": np_take,
        "row by row": row_by_row,
    },
    "embedding_backward": {
        "one-hot matrix product": one_hot_product_backward,
        "row by row": row_by_row_backward,
        "np.bincount by columns": bincount_by_columns,
        "masked sums": masked_sums,
        "einsum": einsum_of_one_hot,
    },
}
