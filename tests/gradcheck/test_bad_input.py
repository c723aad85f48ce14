"""Whatever a learner's functions do, the report says it in a sentence; whatever an author passes, an error does."""

import contextlib
import functools
import re
import time

import numpy as np
import pytest
import slips

from gradcheck import check_layer, check_values, problem

X = np.random.default_rng(0).normal(size=(4, 3))
forward = slips.tanh_forward


def backward(d, cache):
    return d * (1 - cache[1] ** 2)


def raises(*_):
    raise RuntimeError("boom")


def not_written(d, cache):
    raise NotImplementedError


def endless(*_):
    while True:
        time.sleep(0.01)


def in_place(Z):
    Z *= 2
    return np.tanh(Z), (Z, np.tanh(Z))


def random_forward(Z):
    return np.tanh(Z) * np.random.default_rng().random(Z.shape), (Z, np.tanh(Z))


def forward_with_memory():
    """Return a forward with a side effect: it counts its calls, and the count enters the output."""
    calls = []

    def counts(Z):
        calls.append(1)
        return len(calls) * np.tanh(Z), (Z, np.tanh(Z))

    return counts


def fails_later():
    calls = []

    def second(Z):
        calls.append(1)
        return raises() if len(calls) > 1 else forward(Z)

    return second


class Odd:
    def __array__(self, *_, **__):
        raise RuntimeError


# name: forward, backward, inputs, causes, words
LEARNERS = {
    "forward raises": (raises, backward, X, "raised", "forward raised RuntimeError: boom"),
    "forward returns the output alone": (np.tanh, backward, X, "wrong-count", "return out, cache"),
    "forward returns three": (lambda Z: (Z, Z, Z), backward, X, "wrong-count", "returned 3 values"),
    "forward returns None": (lambda Z: None, backward, X, "wrong-count", "NoneType"),
    "output is None": (lambda Z: (None, Z), backward, X, "none", "None"),
    "output is a list": (lambda Z: ([1.0], Z), backward, X, "wrong-type", "list"),
    "output is text": (lambda Z: ("a", Z), backward, X, "wrong-type", "str"),
    "output is complex": (lambda Z: (Z + 1j, Z), backward, X, "wrong-type", "complex"),
    "output is NaN": (lambda Z: (Z * np.nan, Z), backward, X, "not-finite", "NaN or infinity in 12 of 12"),
    "output overflows": (lambda Z: (Z**2, Z), lambda d, Z: 2 * d * Z, 1e200 * X, "not-finite", "infinity"),
    "output is random": (random_forward, backward, X, "not-deterministic", "two answers"),
    "forward works in place": (in_place, lambda d, c: 2 * backward(d, c), X, "modifies-input", "argument Z"),
    "forward changes a list of its own": (forward_with_memory(), backward, X, "not-deterministic", "two answers"),
    "output is a Python number": (lambda Z: (3.0, Z), backward, X, "wrong-shape", "it must have Z's shape (4, 3)"),
    "forward fails at the second call": (fails_later(), backward, X, "raised", "forward raised RuntimeError: boom"),
    "loss of many numbers": (forward, lambda cache: cache[0], X, "wrong-shape", "must be one number"),
    "backward returns None": (forward, lambda d, c: None, X, "none", "None"),
    "backward returns nothing": (forward, lambda d, c: (), X, "wrong-count", "returned 0 values"),
    "backward returns two": (forward, lambda d, c: (d, d), X, "wrong-count", "returned 2 values"),
    "nested": (forward, lambda d, c: ((d,),), X, "wrong-type", "tuple"),
    "a list": (forward, lambda d, c: [[1.0] * 3] * 4, X, "wrong-type", "list"),
    "object array": (forward, lambda d, c: np.array([None, d], dtype=object), X, "wrong-type", "array of float64"),
    "no array at all": (forward, lambda d, c: Odd(), X, "wrong-type", "Odd"),
    "text": (forward, lambda d, c: "d", X, "wrong-type", "str"),
    "complex": (forward, lambda d, c: backward(d, c) + 0j, X, "wrong-type", "complex"),
    "booleans": (forward, lambda d, c: d > 0, X, "integer-dtype", "bool"),
    "infinite": (forward, lambda d, c: backward(d, c) * np.inf, X, "not-finite", "infinity"),
    "huge": (forward, lambda d, c: backward(d, c) * 1e308, X, "constant-factor", "1e+308 times"),
    "backward raises": (forward, raises, X, "raised", "backward raised"),
    "backward leaves": (forward, lambda d, c: exit(), X, "raised", "SystemExit"),
    "a product that does not fit": (
        forward,
        lambda d, c: d @ c[0],
        X,
        "raised",
        "last axis of A has the size 3 and the first axis of B has 4; they must be equal. The line is "
        "`lambda d, c: d @ c[0],`. The shapes here: dout (4, 3), Z (4, 3).",
    ),
    "an if for a whole array": (
        forward,
        lambda d, c: d if c[0] > 0 else 0,
        X,
        "raised",
        "np.where decides for each entry",
    ),
    "a sum without keepdims": (forward, lambda d, c: d - d.sum(axis=1), X, "raised", "keepdims=True keeps it a column"),
    "a number in a product": (
        forward,
        lambda d, c: 1.0 @ d,
        X,
        "raised",
        "one side of a matrix product, @, is a single number",
    ),
    "a pair for an array": (forward, lambda d, c: d * (c, c).shape, X, "raised", "Did a pair (out, cache) go where"),
    "a key that is not there": (forward, lambda d, c: {}["Z"], X, "raised", "KeyError: there is no entry 'Z'."),
    "an empty window": (forward, lambda d, c: d[9:].max(), X, "raised", "does it begin behind the end of the array?"),
    "not written yet": (
        forward,
        not_written,
        X,
        "raised",
        "put your code in place of `raise NotImplementedError()` in not_written.",
    ),
    "backward recurses": (forward, lambda d, c: (lambda f: f(f))(lambda f: f(f)), X, "raised", "RecursionError"),
    "backward wants three": (forward, lambda d, c, more: d, X, "raised", "missing 1 required"),
    "backward wants none": (forward, lambda: 0, X, "raised", "takes 0 positional"),
    "backward rolls dice": (
        forward,
        lambda d, c: backward(d, c) * np.random.default_rng().random(d.shape),
        X,
        "not-deterministic",
        "differs between two calls",
    ),
}


@pytest.mark.parametrize("name", LEARNERS)
def test_learners_slip_is_said_in_a_sentence(name):
    forward, backward, Z, cause, words = LEARNERS[name]
    report = check_layer(forward, backward, {"Z": Z})
    assert not report.ok
    assert report.score(1) == 0.0
    assert cause in {finding.cause for finding in report.findings}
    assert words in " ".join(str(report).split())
    assert report._repr_html_() and report.to_dict()


def test_sentences_call_the_functions_by_their_names():
    def add_forward(Z):
        return forward(Z)

    def add_backward(d, cache):
        raise NotImplementedError

    def mul_forward(Z):
        return None

    (finding,) = check_layer(add_forward, add_backward, {"Z": X}).findings
    stub = "add_backward is not written yet: put your code in place of `raise NotImplementedError()`. Nudge"
    assert finding.message.startswith(stub)
    report = check_layer(mul_forward, add_backward, {"Z": X})
    assert report.findings[0].message.startswith("mul_forward returned NoneType, not (out, cache).")


@pytest.mark.parametrize(("role", "pair"), [("forward", (endless, backward)), ("backward", (forward, endless))])
def test_endless_loop_is_stopped(monkeypatch, role, pair):
    monkeypatch.setattr("gradcheck.problem.LONGEST", 0.3)
    report = check_layer(*pair, {"Z": X})
    assert report.findings[0].cause == "too-slow"
    assert report.findings[0].message.startswith(f"{role} did not return within 0.3 seconds. Is there a loop")


def test_line_of_an_exception_is_told_once_and_may_come_as_a_note():
    def raises_inside(d, cache):
        return raises()

    def raises_elsewhere(d, cache):
        error = ValueError("far away")
        error.add_note("The line is `dZ = 1 / 0`.")
        raise error

    elsewhere = eval("lambda d, cache: f(d, cache)", {"f": raises_elsewhere})
    report = " ".join(str(check_layer(forward, raises_inside, {"Z": X})).split())
    assert 'boom. The line is `return raises()`, and in it `raise RuntimeError("boom")`.' in report
    assert "The line is `dZ = 1 / 0`." in str(check_layer(forward, elsewhere, {"Z": X}))
    noted = eval("lambda d, cache: (_ for _ in ()).throw(error)", {"error": ValueError("far away")})
    noted.__globals__["error"].add_note("The line is `dZ = 1 / 0`.")
    assert "far away. The line is `dZ = 1 / 0`." in str(check_layer(forward, noted, {"Z": X}))


def test_endless_loop_of_a_later_call_is_stopped(monkeypatch):
    monkeypatch.setattr("gradcheck.problem.LONGEST", 0.3)
    calls = []

    def backward(dout, cache):
        calls.append(1)
        while len(calls) > 1:
            with contextlib.suppress(Exception):
                time.sleep(0.01)
        return 2 * dout

    report = check_layer(lambda Z: (2 * Z, None), backward, {"Z": X})
    assert [finding.cause for finding in report.findings] == ["too-slow"]
    assert report.verdict == "fail" and report.score(1) == 0.0
    assert len(calls) == 2


def test_prints_are_shown_once_and_do_no_harm(capsys):
    def prints(d, cache):
        print("here")
        return backward(d, cache)

    report = check_layer(forward, prints, {"Z": X})
    assert report.ok
    assert capsys.readouterr().out == "here\n"
    assert "prints something" in str(report)


@pytest.mark.parametrize(
    "given",
    [
        functools.partial(lambda extra, d, cache: backward(d, cache), None),
        lambda *args: backward(*args),
        lambda d, cache, eps=1e-5, *, more=None: backward(d, cache),
        lambda d, cache: (backward(d, cache),),
        lambda d, cache: {"dZ": backward(d, cache), "more": None},
    ],
    ids=["partial", "star", "defaults", "tuple", "dict"],
)
def test_any_callable_will_do(given):
    assert check_layer(forward, given, {"Z": X}).ok


def test_signature_attribute_is_honoured():
    import inspect

    def loss_backward(*args):
        (cache,) = args
        return 2 * cache

    loss_backward.__signature__ = inspect.signature(lambda cache: None)
    assert problem.count_required(loss_backward) == 1
    assert check_layer(lambda Z: (np.sum(Z**2), Z), loss_backward, {"Z": X}).ok


@pytest.mark.parametrize(
    ("inputs", "options", "error", "words"),
    [
        ([X], {}, TypeError, "dict from argument name"),
        ({"Z": "abc"}, {}, TypeError, "array of numbers"),
        ({"Z": None}, {}, TypeError, "array of numbers"),
        ({"Z": [[1.0, 2.0], [3.0]]}, {}, ValueError, "unequal length"),
        ({"Z": X + 1j}, {}, TypeError, "complex"),
        ({"Z": X * np.nan}, {}, ValueError, "NaN or infinity"),
        ({"Z": np.arange(3)}, {}, ValueError, "Pass floats"),
        ({}, {}, ValueError, "nothing to differentiate"),
        ({"Z": X}, {"wrt": ["Q"]}, ValueError, "not among the inputs"),
        ({"Z": X, "y": np.arange(3)}, {"wrt": ["y"]}, ValueError, "int64"),
        ({"Z": X}, {"wrt": 3}, TypeError, "list of input names"),
        ({"Z": X}, {"mistakes": [1]}, TypeError, "dict from a short name"),
        ({"Z": X}, {"mistakes": {"a": 1}}, TypeError, "must be a function"),
        ({"Z": X}, {"reference": 1}, TypeError, "reference must be"),
        ({"Z": X}, {"reference": raises}, ValueError, "reference raised"),
    ],
)
def test_authors_misuse_says_what_to_pass(inputs, options, error, words):
    with pytest.raises(error, match=words):
        check_layer(forward, backward, inputs, **options)


def test_functions_must_be_functions():
    for pair in ((1, backward), (forward, 1)):
        with pytest.raises(TypeError, match="must be a function"):
            check_layer(*pair, {"Z": X})


@pytest.mark.parametrize(
    "Z",
    [X.tolist(), np.zeros((0, 3)), np.array(1.5), 1.5, X.astype(np.float32), X[:1, :1], 1e-200 * X, 1e300 * X],
    ids=["list", "empty", "0-d", "float", "float32", "one entry", "tiny", "huge"],
)
def test_any_size_of_input(Z):
    assert check_layer(forward, backward, {"Z": Z}).ok


def test_many_entries():
    rng = np.random.default_rng(0)
    report = check_layer(lambda Z: (3 * Z, None), lambda d, _: 3 * d, {"Z": rng.normal(size=1_000_000)})
    assert report.ok
    assert report.evaluations <= 10


def test_forward_that_returns_integers_has_steps_and_no_slope():
    Z = np.array([[1.3, -2.7], [0.8, 3.1]])
    report = check_layer(lambda Z: (np.round(Z).astype(int), Z), lambda dout, Z: dout, {"Z": Z}, seed=0)
    assert [(finding.cause, finding.ok) for finding in report.findings] == [("integer-dtype", False)]
    assert "forward returns int64 numbers, which move in steps: return floats." in report.findings[0].message
    assert check_layer(lambda Z: ((Z > 0) * 1, Z), lambda dout, Z: np.zeros(Z.shape), {"Z": Z}).ok


@pytest.mark.parametrize("size", [5e-324, 1e-310, 1e-300])
def test_inputs_below_the_smallest_normal_number_are_judged(size):
    report = check_layer(lambda x: (2.0 * x, x), lambda dout, x: 2.0 * dout, {"x": np.full(3, size)}, seed=0)
    assert report.verdict in ("pass", "cannot tell")
    assert not check_layer(lambda x: (2.0 * x, x), lambda dout, x: 3.0 * dout, {"x": np.full(3, size)}, seed=0).ok


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"wrt": []}, ValueError, "wrt must name each input to differentiate once, not []."),
        ({"wrt": ["x", "x"]}, ValueError, "once, not ['x', 'x']."),
        ({"seed": -1}, ValueError, "seed must be None or a whole number, 0 or more, not -1."),
        ({"seed": "a"}, TypeError, "not 'a'."),
    ],
)
def test_misuse_by_the_author_says_what_to_pass(options, error, said):
    with pytest.raises(error, match=re.escape(said)):
        check_layer(lambda x: (2.0 * x, x), lambda dout, x: 2.0 * dout, {"x": np.ones(3)}, **options)


def test_exception_of_a_second_call_is_told_in_a_whole_sentence():
    calls = []

    def once(dout, x):
        calls.append(1)
        if len(calls) > 1:
            raise ZeroDivisionError("division by zero")
        return 2.0 * dout

    report = check_layer(lambda x: (2.0 * x, x), once, {"x": np.ones(3)}, seed=0)
    assert (
        "When it was called again, backward raised ZeroDivisionError: division by zero. " in report.findings[-1].message
    )


@pytest.mark.filterwarnings("ignore:the matrix subclass")
def test_forward_that_returns_a_matrix_of_the_old_kind_is_read_entry_by_entry():
    inputs = {"X": X, "W": np.random.default_rng(1).normal(size=(3, 2))}
    report = check_layer(
        lambda X, W: (np.asmatrix(X @ W), (X, W)), lambda d, c: (d @ c[1].T, c[0].T @ d), inputs, seed=0
    )
    assert report.ok, str(report)


def test_exception_that_cannot_be_put_into_words_is_told_by_its_kind():
    class Mute(Exception):
        def __str__(self):
            raise RuntimeError

    def silent(d, cache):
        raise Mute

    assert "backward raised Mute." in str(check_layer(forward, silent, {"Z": X}))


def test_gradient_that_a_dict_lacks_costs_itself_alone():
    def linear_backward(dout, cache):
        X, W = cache
        return {"dX": dout @ W.T}

    inputs = {"X": X, "W": np.random.default_rng(1).normal(size=(3, 2))}
    report = check_layer(lambda X, W: (X @ W, (X, W)), linear_backward, inputs, seed=0)
    assert [(finding.ok, finding.cause) for finding in report.findings] == [(True, None), (False, "wrong-count")]
    assert "dW is missing from what backward returned." in report.findings[1].message
    assert report.score(2) == 1.0


def test_slow_forward_is_not_asked_for_each_of_its_entries(monkeypatch):
    monkeypatch.setattr(problem, "LONGEST", 0.5)

    def slow(W):
        time.sleep(0.02)
        return np.array([[float(v) ** 2 for v in row] for row in W]), W

    W = np.random.default_rng(0).normal(size=(25, 20))
    report = check_layer(slow, lambda dout, W: 2 * dout * W + 1, {"W": W}, seed=0)
    assert report.verdict == "fail"
    assert report.evaluations < 500


def test_one_true_or_text_of_numpy_is_what_python_calls_so():
    for yours, expected in ((np.True_, True), (True, np.True_), (np.array(True), True), (np.str_("a"), "a")):
        assert check_values(lambda x, yours=yours: yours, [(1.0, expected)]).ok
        assert check_values(lambda x, yours=yours: {"ok": [yours]}, [(1.0, {"ok": [expected]})]).ok
    report = check_values(lambda x: x > 5, [(np.float64(1.0), True)])
    assert "returned False, expected True" in str(report)
    assert not check_values(lambda x: 1, [(1.0, True)]).ok
