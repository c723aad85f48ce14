import functools

import numpy as np
import pytest
import slips
import slips_of_networks

from gradcheck import check_layer, replay, trace
from gradcheck.problem import count_required

PUBLISHED, FURTHER = slips.published(), [*slips.further(), *slips_of_networks.listed()]
SETTINGS = slips.SETTINGS | slips_of_networks.SETTINGS


def check(slip, seed):
    setting = SETTINGS[slip.setting]
    inputs = setting.draw(np.random.default_rng(100 + seed))
    return check_layer(setting.forward, slip.wrong, inputs, wrt=setting.wrt, seed=seed)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("slip", PUBLISHED + FURTHER, ids=lambda slip: slip.id)
def test_slip_is_caught_and_named(slip, seed):
    report = check(slip, seed)
    assert report.verdict == "fail"
    wrong = {finding.name: finding for finding in report.findings if not finding.ok}
    assert set(wrong) == set(slip.where)
    assert {finding.cause for finding in wrong.values()} <= set(slip.causes)


@pytest.mark.parametrize("slip", PUBLISHED + FURTHER, ids=lambda slip: slip.id)
def test_every_failing_message_carries_a_finite_difference(slip):
    for finding in check(slip, 1).findings:
        if not finding.ok:
            assert "Nudge " in finding.message
            assert "your " in finding.message


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", SETTINGS)
def test_right_backward_passes_without_a_remark(name, seed):
    setting = SETTINGS[name]
    report = check_layer(setting.forward, setting.right, setting.draw(np.random.default_rng(seed)), wrt=setting.wrt)
    assert report.ok, str(report)
    for finding in report.findings:
        assert finding.cause is None
        assert not finding.remark
        assert "central differences" in finding.message


@pytest.mark.parametrize("name", slips.ALTERNATIVES)
def test_right_alternative_passes_without_a_word(name):
    forward, backward, inputs = slips.ALTERNATIVES[name](np.random.default_rng(5))
    report = check_layer(forward, backward, inputs)
    assert report.ok, str(report)
    assert not any(finding.cause or finding.remark for finding in report.findings)


def test_sentence_holds_the_numbers_that_a_learner_would_get():
    W = np.array([[1.5, -2.0], [0.5, 3.0]])
    report = check_layer(lambda W: (np.sum(W**2), W), lambda W: 4 * W, {"W": W})
    (finding,) = report.findings
    assert finding.worst == ((1, 1), 12.0, pytest.approx(6.0))
    assert finding.factor == pytest.approx(2.0)
    assert "Nudge W[1, 1] by 0.00001: the loss rises by 0.0000600; your dW[1, 1] predicts 0.000120." in finding.message


@pytest.mark.parametrize(
    ("W", "factor", "said"),
    [
        (3.0, -1.0, "the loss rises by 0.0000600; your dW predicts that it falls by 0.0000600."),
        (-3.0, -1.0, "the loss falls by 0.0000600; your dW predicts that it rises by 0.0000600."),
        (-3.0, 2.0, "the loss falls by 0.0000600; your dW predicts that it falls by 0.000120."),
        (-3.0, 0.0, "the loss falls by 0.0000600; your dW predicts 0."),
    ],
)
def test_prediction_says_which_way_the_loss_goes(W, factor, said):
    report = check_layer(lambda W: (W**2, W), lambda W: factor * 2 * W, {"W": W})
    assert report.findings[0].message.endswith(said)


def test_target_in_place_of_the_error_is_one_mistake_with_either_sign():
    rng = np.random.default_rng(0)
    X, W, Y = rng.normal(size=(6, 3)), rng.normal(size=(3, 2)), rng.normal(size=(6, 2))
    for sign in (1, -1):
        report = check_layer(
            lambda W: (((X @ W - Y) ** 2).mean(), W), lambda W, sign=sign: sign * 2 * X.T @ Y / Y.size, {"W": W}
        )
        assert "yours is the target alone" in report.findings[0].message
        assert "two ways" not in report.findings[0].message


def test_first_wrong_step_is_the_one_nearest_to_the_loss():
    setting = SETTINGS["deep network"]
    inputs = setting.draw(np.random.default_rng(0))

    def wrong(d, cache):
        grads = slips.deep_backward(d, cache)
        return [grads[0], {"dW": 3 * grads[1]["dW"], "db": grads[1]["db"]}, grads[2]]

    def wrong_before(d, cache):
        grads = wrong(d, cache)
        return [{key: -value for key, value in grads[0].items()}, *grads[1:]]

    assert check_layer(setting.forward, wrong, inputs, wrt=setting.wrt).first_wrong == ("dW2",)
    report = check_layer(setting.forward, wrong_before, inputs, wrt=setting.wrt)
    assert report.first_wrong == ("dW2",)
    assert "Going backwards from the loss, dW2 is the first to be wrong" in report.note
    assert "dW1, db1 may be wrong only as a consequence" in report.note


def test_first_wrong_step_needs_no_recorded_steps():
    setting = SETTINGS["deep network"]

    def opaque(*arrays):
        return setting.forward(*(np.array(array) for array in arrays))

    def wrong(d, cache):
        return [{key: -value for key, value in grad.items()} for grad in setting.right(d, cache)]

    report = check_layer(opaque, wrong, setting.draw(np.random.default_rng(0)), wrt=setting.wrt)
    assert set(report.first_wrong) == {"dW3", "db3"}


@pytest.mark.parametrize("slip", ["output", "output by its value", "off by one"])
def test_reference_is_recorded_where_the_forward_cannot_be(slip):
    setting = SETTINGS["deep network"]
    inputs = setting.draw(np.random.default_rng(0))

    def opaque(*arrays):
        return setting.forward(*(np.array(array) for array in arrays))

    def wrong(d, cache):
        return slips.deep_backward(d, cache, slip)

    seen = check_layer(setting.forward, wrong, inputs, wrt=setting.wrt, seed=1)
    unseen = check_layer(opaque, wrong, inputs, wrt=setting.wrt, seed=1, reference=setting.forward)
    told = [(finding.name, finding.cause, finding.worst and finding.worst.index) for finding in seen.findings]
    assert told == [(finding.name, finding.cause, finding.worst and finding.worst.index) for finding in unseen.findings]
    assert seen.first_wrong == unseen.first_wrong


def test_gradients_of_one_layer_are_no_consequence_of_one_another():
    setting = SETTINGS["linear"]

    def wrong(d, cache):
        return [-grad for grad in setting.right(d, cache)]

    report = check_layer(setting.forward, wrong, setting.draw(np.random.default_rng(0)), wrt=setting.wrt)
    assert set(report.first_wrong) == {"dX", "dW", "db"}
    assert "consequence" not in str(report)


def test_authors_own_mistake_is_named_before_any_other():
    setting = SETTINGS["linear"]
    inputs = setting.draw(np.random.default_rng(0))

    def turned(d, cache):
        dX, dW, db = setting.right(d, cache)
        return dX, -dW, db

    def raises(d, cache):
        raise RuntimeError

    mistakes = {"broken": raises, "went uphill": turned}
    report = check_layer(setting.forward, turned, inputs, mistakes=mistakes)
    (wrong,) = [finding for finding in report.findings if not finding.ok]
    assert (wrong.name, wrong.cause) == ("dW", "author-mistake")
    assert "went uphill" in wrong.message
    assert check_layer(setting.forward, setting.right, inputs, mistakes=mistakes).ok
    for none in (None, {}):
        report = check_layer(setting.forward, turned, inputs, mistakes=none)
        assert [f.cause for f in report.findings if not f.ok] == ["sign"]


def test_two_mistakes_that_answer_alike_are_both_said():
    setting = SETTINGS["tanh"]

    def wrong(d, cache):
        return d * 3

    report = check_layer(
        setting.forward, wrong, setting.draw(np.random.default_rng(0)), mistakes={"this": wrong, "that": wrong}
    )
    assert "Maybe it is one of these mistakes: this; that." in report.findings[0].message


def windows_forward(x, w, b):
    out = np.zeros((2, 3, 3, 3), dtype=np.result_type(x, w, b))
    for i, j in np.ndindex(3, 3):
        out[:, :, i, j] = np.einsum("nchw,fchw->nf", x[:, :, i : i + 3, j : j + 3], w) + b
    return out, (x, w)


def windows_backward(dout, cache, slip=""):
    x, w = cache
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for i, j in np.ndindex(3, 3):
        part = np.einsum("nf,nchw->fchw", dout[:, :, i, j], x[:, :, i : i + 3, j : j + 3])
        dw = part if slip == "dw = part" else dw + part
        dx[:, :, i : i + 3, j : j + 3] += np.einsum("nf,fchw->nchw", dout[:, :, i, j], w)
    db = np.full(3, dout.sum()) if slip == "one sum" else dout.sum(axis=(0, 2, 3))
    return dx, dw[:, :, ::-1, ::-1] if slip == "turned" else dw, db


@pytest.mark.parametrize(
    ("slip", "name", "cause", "words"),
    [
        ("", "", None, ""),
        ("dw = part", "dw", "overwritten-branch", "+= instead of ="),
        ("one sum", "db", "wrong-axis", "too many axes"),
        ("turned", "dw", "unknown", "in reverse order along its last two axes"),
    ],
)
def test_slips_of_loops_into_a_buffer_are_named_from_outside(slip, name, cause, words):
    rng = np.random.default_rng(0)
    inputs = {"x": rng.normal(size=(2, 2, 5, 5)), "w": rng.normal(size=(3, 2, 3, 3)), "b": rng.normal(size=3)}
    report = check_layer(windows_forward, functools.partial(windows_backward, slip=slip), inputs, seed=0)
    wrong = [finding for finding in report.findings if not finding.ok]
    assert [(finding.name, finding.cause) for finding in wrong] == ([(name, cause)] if slip else [])
    assert all(words in finding.message for finding in wrong)


def layer_norm_forward(X, gamma, beta, eps=1e-5):
    mu = X.mean(axis=-1, keepdims=True)
    std = np.sqrt(((X - mu) ** 2).mean(axis=-1, keepdims=True) + eps)
    X_hat = (X - mu) / std
    return gamma * X_hat + beta, (X_hat, std, gamma)


def layer_norm_backward(dout, cache, slip=""):
    X_hat, std, gamma = cache
    axis, G = 0 if slip == "axis" else -1, dout if slip == "no gamma" else dout * gamma
    centred = G - G.mean(axis, keepdims=True) - X_hat * (G * X_hat).mean(axis, keepdims=True)
    return centred if slip == "no std" else centred / std, (dout * X_hat).sum(axis=0), dout.sum(axis=0)


@pytest.mark.parametrize(
    ("slip", "cause", "words"),
    [
        ("axis", "wrong-axis", "forward takes axis 1"),
        ("no std", "unknown", "division by the standard deviation is missing"),
        ("no gamma", "unknown", "On the way back the other factor of a product, gamma, is missing"),
    ],
)
def test_slips_in_a_normalisation_are_told(slip, cause, words):
    rng = np.random.default_rng(0)
    inputs = {"X": rng.normal(size=(5, 4)), "gamma": rng.normal(size=4), "beta": rng.normal(size=4)}
    assert check_layer(layer_norm_forward, layer_norm_backward, inputs, seed=0).ok
    report = check_layer(layer_norm_forward, functools.partial(layer_norm_backward, slip=slip), inputs, seed=0)
    (wrong,) = [finding for finding in report.findings if not finding.ok]
    assert wrong.cause == cause
    assert words in wrong.message


@pytest.mark.parametrize("name", SETTINGS)
def test_noise_is_never_given_a_name(name):
    setting = SETTINGS[name]
    rng = np.random.default_rng(1)

    def noisy(noise, answer):
        if isinstance(answer, tuple | list):
            return type(answer)(noisy(noise, value) for value in answer)
        if isinstance(answer, dict):
            return {key: noisy(noise, value) for key, value in answer.items()}
        return np.asarray(answer) * (1 + 0.3 * noise.normal(size=np.shape(answer)))

    for _ in range(5):
        seed = int(rng.integers(1 << 30))

        def wrong_layer(d, cache, seed=seed):
            return noisy(np.random.default_rng(seed), setting.right(d, cache))

        def wrong_loss(cache, seed=seed):
            return noisy(np.random.default_rng(seed), setting.right(cache))

        wrong = wrong_loss if count_required(setting.right) == 1 else wrong_layer
        report = check_layer(setting.forward, wrong, setting.draw(rng), wrt=setting.wrt)
        assert {finding.cause for finding in report.findings} <= {
            "unknown",
            "one-row",
            "one-column",
            "one-entry",
            None,
        }, str(report)


def test_wrong_answer_is_told_where_a_step_is_too_large_to_be_replayed():
    columns = np.random.default_rng(0).normal(size=500)

    def forward(x):
        return np.sort(x[:, None] * columns, axis=1)[:, -1], x

    report = check_layer(forward, lambda dout, x: dout * 3.0 + x, {"x": np.linspace(0.5, 2.0, 10)}, seed=0)
    assert [(finding.ok, finding.cause) for finding in report.findings] == [(False, "unknown")]


def recurrent(x):
    for _ in range(1500):
        x = 0.99 * np.sin(x) + 0.01
    return x, x


def doubled(x):
    for _ in range(60):
        x = 0.5 * (x + x)
    return np.tanh(x), x


def many_terms(x):
    total = 0.0 * x
    for k in range(300):
        total = total + np.sin(k * x) / (k + 1) ** 2
    return total, x


def entry_after_entry(x):
    total = 0.0
    for k in range(200):
        total = total + np.tanh(x[k % 4]) * x[k % 3]
    return total, x


@pytest.mark.parametrize("forward", [recurrent, doubled, many_terms, entry_after_entry])
def test_search_for_a_name_ends_where_a_forward_has_very_many_steps(monkeypatch, forward):
    steps = []
    upstreams = trace.Tape.upstreams

    def counted(tape, *args, **changes):
        steps.append(len(tape.nodes))
        return upstreams(tape, *args, **changes)

    monkeypatch.setattr(trace.Tape, "upstreams", counted)
    report = check_layer(forward, lambda dout, x: dout + x, {"x": np.linspace(0.1, 1.0, 4)}, seed=0)
    assert report.verdict == "fail"
    assert 0 < sum(steps) <= replay.BUDGET + 4 * max(steps)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def both_ways(forward, right, wrong, inputs, wrt=None):
    """Return the wrong findings on a wrong backward, once the right one has passed."""
    assert check_layer(forward, right, inputs, wrt=wrt, seed=0).ok
    report = check_layer(forward, wrong, inputs, wrt=wrt, seed=0)
    return [finding for finding in report.findings if not finding.ok]


def drawn(**shapes):
    rng = np.random.default_rng(0)
    return {name: rng.normal(size=shape) for name, shape in shapes.items()}


def net_forward(X, Y, W, V):
    A = sigmoid(X @ W)
    E = A @ V - Y
    return (E**2).mean(), (X, Y, A, E, V)


def net_backward(cache, error=lambda Y, E: E, slope=lambda dA, A: dA * A * (1 - A), by=lambda E: E.size):
    X, Y, A, E, V = cache
    dP = 2 * error(Y, E) / by(E)
    return X.T @ slope(dP @ V.T, A), A.T @ dP


NET = {"X": (6, 3), "Y": (6, 7), "W": (3, 5), "V": (5, 7)}


@pytest.mark.parametrize(
    ("slip", "cause", "words"),
    [
        ({"slope": lambda dA, A: dA * A}, "unknown", "the factor 1 - a is missing"),
        ({"slope": lambda dA, A: dA * (1 - A)}, "unknown", "the factor a is missing"),
        ({"slope": lambda dA, A: dA * A * A}, "wrong-variable", "a in the place of 1 - a"),
        ({"slope": lambda dA, A: dA / (A * (1 - A))}, "unknown", "divided by the derivative of the activation"),
        ({"error": lambda Y, E: E + Y}, "unknown", "yours is the prediction alone"),
        ({"error": lambda Y, E: E + 2 * Y}, "sign", "the prediction plus the target"),
        ({"error": lambda Y, E: -Y}, "unknown", "yours is the target alone"),
        ({"by": lambda E: 1}, "constant-factor", "42 is the number of entries of Y: is the division by it missing"),
        ({"by": lambda E: 1 / E.size}, "constant-factor", "multiplied where it must be divided"),
        ({"by": lambda E: E.size * 7}, "constant-factor", "1/7, and 7 is the size of axis 1 of Y"),
        ({"by": lambda E: E.size * 6}, "constant-factor", "1/6, and 6 is N, the number of examples"),
    ],
)  # fmt: skip
def test_slips_in_a_network_are_told(slip, cause, words):
    wrong = both_ways(net_forward, net_backward, functools.partial(net_backward, **slip), drawn(**NET), ["W", "V"])
    assert wrong
    assert {finding.cause for finding in wrong} == {cause}
    assert all(words in finding.message for finding in wrong)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda d, H: d * (1 - H), "the square is missing"),
        (lambda d, H: d * H**2, "the 1 - is missing"),
        (lambda d, H: d * np.ones_like(H), "The derivative of tanh is missing"),
    ],
)
def test_slips_in_tanh_are_told(wrong, words):
    def forward(Z):
        return np.tanh(Z), np.tanh(Z)

    (finding,) = both_ways(forward, lambda d, H: d * (1 - H**2), wrong, drawn(Z=(4, 3)))
    assert words in finding.message


def weighted_forward(P, w, y):
    return -(w * np.log(P[np.arange(len(P)), y])).sum(), (P, w, y)


def weighted_backward(cache, weights=lambda w: w):
    P, w, y = cache
    dP = np.zeros_like(P)
    dP[np.arange(len(P)), y] = -weights(w) / P[np.arange(len(P)), y]
    return dP


def test_factors_that_are_constants_are_told():
    rng = np.random.default_rng(0)
    inputs = {"P": rng.uniform(0.1, 0.9, (5, 3)), "w": rng.uniform(1, 2, 5), "y": rng.integers(0, 3, 5)}
    for weights, words in (
        (np.ones_like, "the other factor of a product is missing"),
        (lambda w: 1 / w, "divides by a factor of forward's"),
    ):
        wrong = functools.partial(weighted_backward, weights=weights)
        (finding,) = both_ways(weighted_forward, weighted_backward, wrong, inputs, ["P"])
        assert words in finding.message

    def masked(Z):
        H = np.tanh(Z)
        return H * (np.arange(4) % 2), H

    def backward(d, H, mask=lambda: np.arange(4) % 2):
        return d * mask() * (1 - H**2)

    (finding,) = both_ways(masked, backward, lambda d, H: backward(d, H, lambda: 1), drawn(Z=(3, 4)))
    assert (finding.cause, "A mask of forward's is not applied" in finding.message) == ("wrong-mask", True)


def recurrent_forward(x, h0, Wx, Wh):
    hs = [h0]
    for t in range(len(x)):
        hs.append(np.tanh(x[t] @ Wx + hs[-1] @ Wh))
    return np.stack(hs[1:]), (x, hs, Wx, Wh)


def recurrent_backward(dh, cache, late=0, through_time=True):
    x, hs, Wx, Wh = cache
    dx, dWx, dWh, later = np.zeros_like(x), np.zeros_like(Wx), np.zeros_like(Wh), 0.0
    for t in reversed(range(len(x))):
        dz = (dh[t] + later) * (1 - hs[t + 1] ** 2)
        dx[t], dWx, dWh = dz @ Wx.T, dWx + x[t].T @ dz, dWh + hs[t + late].T @ dz
        later = dz @ Wh.T if through_time or not t else 0.0
    return dx, later, dWx, dWh


def test_slips_in_a_recurrent_network_are_told():
    inputs = drawn(x=(4, 2, 3), h0=(2, 5), Wx=(3, 5), Wh=(5, 5))
    late = functools.partial(recurrent_backward, late=1)
    (finding,) = both_ways(recurrent_forward, recurrent_backward, late, inputs)
    assert (finding.name, finding.cause) == ("dWh", "off-by-one-layer")
    assert "What came out of each step is used" in finding.message
    cut = functools.partial(recurrent_backward, through_time=False)
    findings = both_ways(recurrent_forward, recurrent_backward, cut, inputs)
    assert {finding.cause for finding in findings} == {"overwritten-branch"}
    assert "Nothing goes back from one step to the one before" in findings[0].message


def test_other_array_in_a_product_is_told_by_its_name():
    def forward(E, W, ids):
        return E[ids] @ W, (E, W, ids)

    def backward(d, cache, looked_up=lambda E, ids: E[ids]):
        E, W, ids = cache
        dE = np.zeros_like(E)
        np.add.at(dE, ids, d @ W.T)
        return dE, looked_up(E, ids).T @ d

    inputs = {**drawn(E=(6, 3), W=(3, 2)), "ids": np.array([1, 4, 1, 0, 5, 1])}
    (finding,) = both_ways(forward, backward, lambda d, c: backward(d, c, lambda E, ids: E), inputs)
    assert (finding.cause, "E is used where" in finding.message) == ("unknown", True)


def test_part_of_a_sum_that_is_zero_by_accident_is_no_mistake():
    X, w = np.arange(12.0).reshape(4, 3) / 10, np.array([0.1, -0.2, 0.3])

    def forward(w):
        m = np.maximum(X @ w - 0.1, 0.0)
        return m.sum() + 0.05 * (w**2).sum(), (m, w)

    report = check_layer(forward, lambda cache: 0.1 * cache[1], {"w": w}, seed=0)
    assert [finding.cause for finding in report.findings] == ["missing-term"]


def test_forgotten_one_hot_is_told():
    Y = np.eye(3)[[0, 2, 1, 1]]

    def forward(Z):
        E = np.exp(Z)
        P = E / E.sum(axis=1, keepdims=True)
        return -(Y * np.log(P)).sum(), P

    (finding,) = both_ways(forward, lambda P: P - Y, lambda P: P, drawn(Z=(4, 3)))
    assert (finding.cause, "that is the Y in P - Y" in finding.message) == ("overwritten-branch", True)


def test_product_over_an_axis_is_no_product_with_a_factor():
    def forward(X):
        return np.multiply.reduce(X, axis=1), X

    def backward(dout, X):
        return dout[:, None] * np.multiply.reduce(X, axis=1, keepdims=True) / X

    findings = both_ways(forward, backward, lambda d, X: backward(d, X) * X, drawn(X=(4, 3)))
    assert [finding.cause for finding in findings] == ["unknown"]


@pytest.mark.parametrize(("factor", "guess"), [(25.0, "5 * 5, and 5 is N"), (9.0, ""), (-9.0, "")])
def test_square_of_a_small_number_is_no_guess(factor, guess):
    def forward(X, W):
        return X @ W, (X, W)

    def backward(dout, cache):
        return dout @ cache[1].T, factor * cache[0].T @ dout

    report = check_layer(forward, backward, drawn(X=(5, 3), W=(3, 4)), seed=0)
    assert guess in report.findings[1].message
    assert ("it must be divided" in report.findings[1].message) == bool(guess)
