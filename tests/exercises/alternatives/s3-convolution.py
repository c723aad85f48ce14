"""Other right answers to the exercise on convolution: loops, im2col, einsum, np.convolve."""

import numpy as np


def place_by_place(X, w, b):
    N, T = X.shape
    k = w.shape[0]
    out = np.zeros((N, T - k + 1))
    for n in range(N):
        for t in range(T - k + 1):
            out[n, t] = np.sum(X[n, t : t + k] * w) + b
    return out, (X, w, b)


def convolve_by_rows(X, w, b):
    return np.array([np.convolve(row, w[::-1], "valid") for row in X]) + b, (X, w, b)


def band_matrix(X, w, b):
    T, k = X.shape[1], len(w)
    M = sum(w[j] * np.eye(T, T - k + 1, -j) for j in range(k))
    return X @ M + b, (X, w, b)


def place_by_place_backward(dout, cache):
    X, w, b = cache
    k = len(w)
    dX, dw, db = np.zeros_like(X), np.zeros_like(w), 0.0
    for n, t in np.ndindex(*dout.shape):
        dX[n, t : t + k] += dout[n, t] * w
        dw += dout[n, t] * X[n, t : t + k]
        db += dout[n, t]
    return dX, dw, db


def convolve_by_rows_backward(dout, cache):
    X, w, _ = cache
    dX = np.array([np.convolve(row, w, "full") for row in dout])
    dw = sum(np.correlate(x, d, "valid") for x, d in zip(X, dout, strict=True))
    return dX, dw, float(dout.sum())


def band_matrix_backward(dout, cache):
    X, w, _ = cache
    (T, k), places = (X.shape[1], len(w)), dout.shape[1]
    M = sum(w[j] * np.eye(T, places, -j) for j in range(k))
    dM = X.T @ dout
    return dout @ M.T, np.array([np.trace(dM[j : j + places]) for j in range(k)]), dout.sum()


def frame_and_size(X, W, stride, pad):
    N, C, height, width = X.shape
    padded = np.zeros((N, C, height + 2 * pad, width + 2 * pad), X.dtype)
    padded[:, :, pad : pad + height, pad : pad + width] = X
    rows = (height + 2 * pad - W.shape[2]) // stride + 1
    columns = (width + 2 * pad - W.shape[3]) // stride + 1
    return padded, rows, columns


def window_by_window(X, W, b, stride, pad):
    padded, rows, columns = frame_and_size(X, W, stride, pad)
    kh, kw = W.shape[2:]
    out = np.zeros((len(X), len(W), rows, columns))
    for n, f, i, j in np.ndindex(*out.shape):
        window = padded[n, :, i * stride : i * stride + kh, j * stride : j * stride + kw]
        out[n, f, i, j] = np.sum(window * W[f]) + b[f]
    return out, (X, W, b, stride, pad)


def columns_of(X, W, stride, pad):
    padded, rows, columns = frame_and_size(X, W, stride, pad)
    kh, kw = W.shape[2:]
    taken = [
        padded[:, :, i * stride : i * stride + kh, j * stride : j * stride + kw].reshape(len(X), -1)
        for i, j in np.ndindex(rows, columns)
    ]
    return np.stack(taken, axis=1), rows, columns


def im2col(X, W, b, stride, pad):
    flat, rows, columns = columns_of(X, W, stride, pad)
    out = flat @ W.reshape(len(W), -1).T + b
    return out.transpose(0, 2, 1).reshape(len(X), len(W), rows, columns), (X, W, b, stride, pad)


def window_by_window_backward(dout, cache):
    X, W, b, stride, pad = cache
    padded, rows, columns = frame_and_size(X, W, stride, pad)
    kh, kw = W.shape[2:]
    dpadded, dW, db = np.zeros_like(padded), np.zeros_like(W), np.zeros_like(b)
    for n, f, i, j in np.ndindex(*dout.shape):
        at = (n, slice(None), slice(i * stride, i * stride + kh), slice(j * stride, j * stride + kw))
        dpadded[at] += dout[n, f, i, j] * W[f]
        dW[f] += dout[n, f, i, j] * padded[at]
        db[f] += dout[n, f, i, j]
    if pad:
        dpadded = dpadded[:, :, pad:-pad, pad:-pad]
    return dpadded, dW, db


def im2col_backward(dout, cache):
    X, W, _, stride, pad = cache
    flat, rows, columns = columns_of(X, W, stride, pad)
    N, C, height, width = X.shape
    d = dout.reshape(N, len(W), -1).transpose(0, 2, 1)
    dW = np.tensordot(d, flat, axes=([0, 1], [0, 1])).reshape(W.shape)
    dflat = (d @ W.reshape(len(W), -1)).reshape(N, rows, columns, C, *W.shape[2:])
    dpadded = np.zeros((N, C, height + 2 * pad, width + 2 * pad))
    for i, j in np.ndindex(rows, columns):
        dpadded[:, :, i * stride : i * stride + W.shape[2], j * stride : j * stride + W.shape[3]] += dflat[:, i, j]
    return dpadded[:, :, pad : pad + height, pad : pad + width], dW, d.sum(axis=(0, 1))


def numbered_entries(dout, cache):
    X, W, b, stride, pad = cache
    numbers = np.arange(1.0, X[0].size + 1).reshape(1, *X.shape[1:])
    where, _, _ = columns_of(numbers, W, stride, pad)
    flat, _, _ = columns_of(X, W, stride, pad)
    d = dout.reshape(len(X), len(W), -1)
    dX = np.zeros((len(X), X[0].size + 1))
    sent = np.einsum("nfp,fk->npk", d, W.reshape(len(W), -1))
    for n in range(len(X)):
        np.add.at(dX[n], where[0].astype(int), sent[n])
    dW = np.einsum("nfp,npk->fk", d, flat).reshape(W.shape)
    return dX[:, 1:].reshape(X.shape), dW, np.einsum("nfp->f", d)


ALTERNATIVES = {
    "conv1d_forward": {
        "place by place": place_by_place,
        "np.convolve by rows": convolve_by_rows,
        "a band matrix": band_matrix,
    },
    "conv1d_backward": {
        "place by place": place_by_place_backward,
        "np.convolve by rows": convolve_by_rows_backward,
        "a band matrix": band_matrix_backward,
    },
    "conv2d_forward": {
        "window by window": window_by_window,
        "im2col": im2col,
    },
    "conv2d_backward": {
        "window by window": window_by_window_backward,
        "im2col": im2col_backward,
        "np.add.at on numbered entries": numbered_entries,
    },
}
