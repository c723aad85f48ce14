"""Typical wrong answers to the exercise on convolution, by function, each under a name that says the slip."""

import numpy as np


def convolved(X, w):
    return np.lib.stride_tricks.sliding_window_view(X, len(w), axis=1) @ w


def window_turned_round(X, w, b):
    return convolved(X, w[::-1]) + b, (X, w, b)


def bias_in_every_product(X, w, b):
    return convolved(X, w) + len(w) * b, (X, w, b)


def bias_forgotten(X, w, b):
    return convolved(X, w), (X, w, b)


def last_place_left_out(X, w, b):
    return convolved(X, w)[:, :-1] + b, (X, w, b)


def last_place_not_filled(X, w, b):
    out = convolved(X, w) + b
    out[:, -1] = 0
    return out, (X, w, b)


def as_long_as_the_input(X, w, b):
    return np.stack([np.correlate(row, w, mode="same") for row in X]) + b, (X, w, b)


def zeros_at_both_ends(X, w, b):
    return np.stack([np.correlate(row, w, mode="full") for row in X]) + b, (X, w, b)


def handed_back(dout, cache, add=True, turned=False, shift=0):
    X, w, _ = cache
    k, places = len(w), dout.shape[1]
    weights = w[::-1] if turned else w
    dX = np.zeros_like(X)
    for t in range(places):
        start = min(max(t + shift, 0), X.shape[1] - k)
        window = np.s_[:, start : start + k]
        dX[window] = (dX[window] if add else 0) + dout[:, t : t + 1] * weights
    dw = np.array([(dout * X[:, j : j + places]).sum() for j in range(k)])
    return dX, dw, dout.sum()


def overlap_overwritten(dout, cache):
    return handed_back(dout, cache, add=False)


def dX_with_turned_window(dout, cache):
    return handed_back(dout, cache, turned=True)


def dX_one_place_late(dout, cache):
    return handed_back(dout, cache, shift=1)


def dX_only_at_window_starts(dout, cache):
    X, w, _ = cache
    dX, (_, dw, db) = np.zeros_like(X), handed_back(dout, cache)
    dX[:, : dout.shape[1]] = dout * w[0]
    return dX, dw, db


def dw_turned_round(dout, cache):
    dX, dw, db = handed_back(dout, cache)
    return dX, dw[::-1], db


def dw_mean_over_examples(dout, cache):
    dX, dw, db = handed_back(dout, cache)
    return dX, dw / len(dout), db


def dw_of_the_last_window(dout, cache):
    X, w, _ = cache
    dX, _, db = handed_back(dout, cache)
    return dX, (dout[:, -1:] * X[:, -len(w) :]).sum(axis=0), db


def dw_of_the_first_example(dout, cache):
    X, w, b = cache
    dX, _, db = handed_back(dout, cache)
    return dX, handed_back(dout[:1], (X[:1], w, b))[1], db


def dw_without_upstream(dout, cache):
    dX, _, db = handed_back(dout, cache)
    return dX, handed_back(np.ones_like(dout), cache)[1], db


def db_mean(dout, cache):
    dX, dw, _ = handed_back(dout, cache)
    return dX, dw, dout.mean()


def db_for_each_place(dout, cache):
    dX, dw, _ = handed_back(dout, cache)
    return dX, dw, dout.sum(axis=0)


def filtered(X, W, b, stride, before, after, step=None, mode="constant"):
    padded = np.pad(X, ((0, 0), (0, 0), (before, after), (before, after)), mode=mode)
    kh, kw = W.shape[2:]
    rows, columns = (padded.shape[2] - kh) // stride + 1, (padded.shape[3] - kw) // stride + 1
    step = stride if step is None else step
    out = np.zeros((len(X), len(W), rows, columns))
    for i, j in np.ndindex(rows, columns):
        window = padded[:, :, i * step : i * step + kh, j * step : j * step + kw]
        out[:, :, i, j] = np.einsum("ncuv,fcuv->nf", window, W) + b
    return out


def windows_ignore_the_stride(X, W, b, stride, pad):
    return filtered(X, W, b, stride, pad, pad, step=1), (X, W, b, stride, pad)


def padded_after_only(X, W, b, stride, pad):
    return filtered(X, W, b, stride, 0, 2 * pad), (X, W, b, stride, pad)


def padded_before_only(X, W, b, stride, pad):
    return filtered(X, W, b, stride, 2 * pad, 0), (X, W, b, stride, pad)


def padded_with_the_edge(X, W, b, stride, pad):
    return filtered(X, W, b, stride, pad, pad, mode="edge"), (X, W, b, stride, pad)


def filters_turned_round(X, W, b, stride, pad):
    return filtered(X, W[:, :, ::-1, ::-1], b, stride, pad, pad), (X, W, b, stride, pad)


def rows_and_columns_swapped(X, W, b, stride, pad):
    return filtered(X, W.transpose(0, 1, 3, 2), b, stride, pad, pad), (X, W, b, stride, pad)


def first_channel_only(X, W, b, stride, pad):
    return filtered(X[:, :1], W[:, :1], b, stride, pad, pad), (X, W, b, stride, pad)


def bias_forgotten_2d(X, W, b, stride, pad):
    return filtered(X, W, 0 * b, stride, pad, pad), (X, W, b, stride, pad)


def padding_counted_once(X, W, b, stride, pad):
    kh, kw = W.shape[2:]
    rows, columns = (X.shape[2] + pad - kh) // stride + 1, (X.shape[3] + pad - kw) // stride + 1
    return filtered(X, W, b, stride, pad, pad)[:, :, :rows, :columns], (X, W, b, stride, pad)


def every_axis_padded(X, W, b, stride, pad):
    padded = np.pad(X, pad)[: len(X), : X.shape[1]]
    return filtered(padded, W, b, stride, 0, 0), (X, W, b, stride, pad)


def bias_in_every_channel(X, W, b, stride, pad):
    return filtered(X, W, X.shape[1] * b, stride, pad, pad), (X, W, b, stride, pad)


def padded_image_cached(X, W, b, stride, pad):
    padded = np.pad(X, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    return filtered(X, W, b, stride, pad, pad), (padded, W, b, stride, pad)


def not_padded(X, W, b, stride, pad):
    return filtered(X, W, b, stride, 0, 0), (X, W, b, stride, pad)


def gradients(dout, cache, add=True, turned=False, step=None, cut=None, dW_add=True):
    X, W, _, stride, pad = cache
    padded = np.pad(X, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    dpadded, dW = np.zeros_like(padded), np.zeros_like(W)
    weights = W[:, :, ::-1, ::-1] if turned else W
    step = stride if step is None else step
    kh, kw = W.shape[2:]
    for i, j in np.ndindex(*dout.shape[2:]):
        at = np.s_[:, :, i * step : i * step + kh, j * step : j * step + kw]
        here = dout[:, :, i, j]
        dpadded[at] = (dpadded[at] if add else 0) + np.einsum("nf,fcuv->ncuv", here, weights)
        dW = (dW if dW_add else 0) + np.einsum("nf,ncuv->fcuv", here, padded[at])
    cut = pad if cut is None else cut
    height, width = X.shape[2:]
    return dpadded[:, :, cut : cut + height, cut : cut + width], dW, dout.sum(axis=(0, 2, 3))


def overlap_overwritten_2d(dout, cache):
    return gradients(dout, cache, add=False)


def stride_forgotten(dout, cache):
    return gradients(dout, cache, step=1)


def frame_cut_at_one_end(dout, cache):
    return gradients(dout, cache, cut=0)


def frame_left_on(dout, cache):
    X, W, b, stride, pad = cache
    padded = np.pad(X, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    return gradients(dout, (padded, W, b, stride, 0))


def dX_with_turned_filters(dout, cache):
    return gradients(dout, cache, turned=True)


def dW_of_the_last_window(dout, cache):
    return gradients(dout, cache, dW_add=False)


def dW_mean_over_examples(dout, cache):
    dX, dW, db = gradients(dout, cache)
    return dX, dW / len(dout), db


def dW_turned_round(dout, cache):
    dX, dW, db = gradients(dout, cache)
    return dX, dW[:, :, ::-1, ::-1], db


def db_mean_over_places(dout, cache):
    dX, dW, _ = gradients(dout, cache)
    return dX, dW, dout.mean(axis=(2, 3)).sum(axis=0)


def db_of_every_example(dout, cache):
    dX, dW, _ = gradients(dout, cache)
    return dX, dW, dout.sum(axis=(2, 3))


def filters_overwrite_each_other(dout, cache):
    X, W, b, stride, pad = cache
    _, dW, db = gradients(dout, cache)
    return gradients(dout[:, -1:], (X, W[-1:], b[-1:], stride, pad), add=False)[0], dW, db


def frame_cut_by_minus_pad(dout, cache):
    X, W, b, stride, pad = cache
    padded = np.pad(X, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    dpadded, dW, db = gradients(dout, (padded, W, b, stride, 0))
    return dpadded[:, :, pad:-pad, pad:-pad], dW, db


def db_of_all_filters(dout, cache):
    dX, dW, _ = gradients(dout, cache)
    return dX, dW, dout.sum()


def dX_of_the_first_filter(dout, cache):
    X, W, b, stride, pad = cache
    _, dW, db = gradients(dout, cache)
    return gradients(dout[:, :1], (X, W[:1], b[:1], stride, pad))[0], dW, db


MISTAKES = {
    "conv1d_forward": {
        "the window is turned round, as in a mathematician's convolution": window_turned_round,
        "b is added once for every weight": bias_in_every_product,
        "b is forgotten": bias_forgotten,
        "the last place of the window is left out": last_place_left_out,
        "the window runs over both ends of the row": zeros_at_both_ends,
        "the output is as long as the row: the window runs over its ends": as_long_as_the_input,
        "the loop ends one place too early, the last output is still 0": last_place_not_filled,
    },
    "conv1d_backward": {
        "overlapping windows are overwritten": overlap_overwritten,
        "dX uses the window turned round": dX_with_turned_window,
        "dX lands one place too late": dX_one_place_late,
        "only the first entry of each window gets its gradient": dX_only_at_window_starts,
        "dw is turned round": dw_turned_round,
        "dw is averaged over the examples": dw_mean_over_examples,
        "dw holds the last place only": dw_of_the_last_window,
        "dw holds the first example only": dw_of_the_first_example,
        "dw lacks the upstream gradient": dw_without_upstream,
        "db is averaged, not summed": db_mean,
        "db still has an entry for each place": db_for_each_place,
    },
    "conv2d_forward": {
        "the windows begin at i and j, not at stride times i and j": windows_ignore_the_stride,
        "the zeros are put after the image only": padded_after_only,
        "the zeros are put before the image only": padded_before_only,
        "padded with the edge of the image, not with zeros": padded_with_the_edge,
        "the filters are turned round": filters_turned_round,
        "rows and columns of the window are swapped": rows_and_columns_swapped,
        "only the first channel is used": first_channel_only,
        "the bias is forgotten": bias_forgotten_2d,
        "the padding is forgotten": not_padded,
        "the padding is counted once in the size of the output, not for both ends": padding_counted_once,
        "all four axes are padded, examples and channels too": every_axis_padded,
        "the bias is added once for every channel": bias_in_every_channel,
        "the padded image in the cache instead of X": padded_image_cached,
    },
    "conv2d_backward": {
        "overlapping windows are overwritten": overlap_overwritten_2d,
        "the windows of dX begin at i and j, not at stride times i and j": stride_forgotten,
        "the padding is cut off at the far end only": frame_cut_at_one_end,
        "the padding is still there": frame_left_on,
        "dX uses the filters turned round": dX_with_turned_filters,
        "dW holds the last window only": dW_of_the_last_window,
        "dW is averaged over the examples": dW_mean_over_examples,
        "dW is turned round": dW_turned_round,
        "db is averaged over the places": db_mean_over_places,
        "db still has a row for each example": db_of_every_example,
        "dX comes from the first filter only": dX_of_the_first_filter,
        "windows and filters overwrite each other: = where += belongs": filters_overwrite_each_other,
        "with pad = 0 the slice pad:-pad is empty": frame_cut_by_minus_pad,
        "db is summed over the filters too": db_of_all_filters,
    },
}
