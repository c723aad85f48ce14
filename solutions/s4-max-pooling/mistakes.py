"""Typical wrong answers to the exercise on max pooling, by function, each under a name that says the slip."""

import numpy as np


def output_shape(X, size, stride):
    return *X.shape[:2], (X.shape[2] - size) // stride + 1, (X.shape[3] - size) // stride + 1


def pooled(X, size, stride, take, step=None):
    step = stride if step is None else step
    out = np.zeros(output_shape(X, size, stride))
    for i, j in np.ndindex(*out.shape[2:]):
        window = X[:, :, i * step : i * step + size, j * step : j * step + size]
        out[:, :, i, j] = take(window.reshape(*X.shape[:2], -1))
    return out, (X, size, stride)


def mean_of_window(X, size, stride):
    return pooled(X, size, stride, lambda entries: entries.mean(axis=-1))


def begun_with_zero(X, size, stride):
    return pooled(X, size, stride, lambda entries: entries.max(axis=-1, initial=0.0))


def largest_magnitude(X, size, stride):
    return pooled(X, size, stride, lambda entries: np.abs(entries).max(axis=-1))


def first_entry(X, size, stride):
    return pooled(X, size, stride, lambda entries: entries[..., 0])


def windows_ignore_the_stride(X, size, stride):
    return pooled(X, size, stride, lambda entries: entries.max(axis=-1), step=1)


def stride_taken_for_size(X, size, stride):
    windows = np.lib.stride_tricks.sliding_window_view(X, (stride, stride), axis=(2, 3))
    return windows[:, :, ::stride, ::stride].max(axis=(4, 5)), (X, size, stride)


def largest_of_all_channels(X, size, stride):
    out, cache = pooled(X, size, stride, lambda entries: entries.max(axis=-1))
    return np.broadcast_to(out.max(axis=1, keepdims=True), out.shape).copy(), cache


def routed(dout, cache, share, add=True, step=None):
    X, size, stride = cache
    step = stride if step is None else step
    dX = np.zeros_like(X)
    for n, c, i, j in np.ndindex(*dout.shape):
        at = np.s_[n, c, i * step : i * step + size, j * step : j * step + size]
        sent = dout[n, c, i, j] * share(X[at])
        dX[at] = dX[at] + sent if add else sent
    return dX


def winner(window):
    chosen = np.zeros(window.shape)
    chosen[np.unravel_index(window.argmax(), window.shape)] = 1
    return chosen


def overlap_overwritten(dout, cache):
    return routed(dout, cache, winner, add=False)


def last_letter_wins(dout, cache):
    X, size, stride = cache
    dX = np.zeros_like(X)
    for n, c, i, j in np.ndindex(*dout.shape):
        window = X[n, c, i * stride : i * stride + size, j * stride : j * stride + size]
        u, v = np.unravel_index(window.argmax(), window.shape)
        dX[n, c, i * stride + u, j * stride + v] = dout[n, c, i, j]
    return dX


def every_winner_gets_all(dout, cache):
    return routed(dout, cache, lambda window: window == window.max())


def winners_share(dout, cache):
    return routed(dout, cache, lambda window: (window == window.max()) / (window == window.max()).sum())


def last_winner(dout, cache):
    return routed(dout, cache, lambda window: winner(window[::-1, ::-1])[::-1, ::-1])


def first_winner_down_the_columns(dout, cache):
    return routed(dout, cache, lambda window: winner(window.T).T)


def spread_over_the_window(dout, cache):
    return routed(dout, cache, lambda window: np.full(window.shape, 1 / window.size))


def whole_window(dout, cache):
    return routed(dout, cache, lambda window: np.ones(window.shape))


def windows_at_i_and_j(dout, cache):
    return routed(dout, cache, winner, step=1)


def start_of_the_window_missing(dout, cache):
    X, size, stride = cache
    dX = np.zeros_like(X)
    for n, c, i, j in np.ndindex(*dout.shape):
        window = X[n, c, i * stride : i * stride + size, j * stride : j * stride + size]
        u, v = np.unravel_index(window.argmax(), window.shape)
        dX[n, c, i + u, j + v] += dout[n, c, i, j]
    return dX


def row_and_column_swapped(dout, cache):
    return routed(dout, cache, lambda window: winner(window).T)


def mask_without_upstream(dout, cache):
    return routed(np.ones_like(dout), cache, winner)


def times_the_maximum(dout, cache):
    return routed(dout, cache, lambda window: winner(window) * window.max())


MISTAKES = {
    "maxpool2d_forward": {
        "the mean of the window, not its maximum": mean_of_window,
        "the maximum begins with 0, so negative windows become 0": begun_with_zero,
        "the largest magnitude, without the sign": largest_magnitude,
        "the first entry of each window": first_entry,
        "the windows begin at i and j, not at stride times i and j": windows_ignore_the_stride,
        "the window is as large as the stride, not as size": stride_taken_for_size,
        "the maximum is taken over the channels too": largest_of_all_channels,
    },
    "maxpool2d_backward": {
        "overlapping windows are overwritten": overlap_overwritten,
        "an entry that wins twice keeps only the last gradient": last_letter_wins,
        "every one of several equal entries gets the whole gradient": every_winner_gets_all,
        "several equal entries share the gradient": winners_share,
        "the last of several equal entries gets the gradient": last_winner,
        "equal entries are searched column by column": first_winner_down_the_columns,
        "the gradient is spread over the window, as in average pooling": spread_over_the_window,
        "the whole window gets the gradient": whole_window,
        "the windows begin at i and j, not at stride times i and j": windows_at_i_and_j,
        "the winner is sent to i + u, j + v; its window begins at stride times i and j": start_of_the_window_missing,
        "row and column of the winner are swapped": row_and_column_swapped,
        "the mask of the winners without the upstream gradient": mask_without_upstream,
        "multiplied by the maximum": times_the_maximum,
    },
}
