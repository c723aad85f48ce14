import json
import re
import time
from dataclasses import replace
from pathlib import Path

import nbclient
import nbformat
import numpy as np
import pytest
import slips

import gradcheck
from gradcheck import assert_gradients, check_gradients, check_layer, check_values, combine
from gradcheck.causes import CAUSES


def linear_report(backward=slips.linear_backward, seed=0):
    inputs = slips.linear_draw(np.random.default_rng(seed))
    return check_layer(slips.linear_forward, backward, inputs, seed=seed)


def transposed(d, cache):
    dX, dW, db = slips.linear_backward(d, cache)
    return dX, dW.T, db


def turned(d, cache):
    dX, dW, db = slips.linear_backward(d, cache)
    return -dX, dW, db


def test_score_is_a_python_float_with_an_equal_share_for_each_gradient():
    assert type(linear_report().score(6)) is float
    assert linear_report().score(6) == 6.0
    assert linear_report(transposed).score(6) == pytest.approx(4.0)
    assert linear_report(lambda d, cache: None).score(6) == 0.0
    assert type(linear_report(transposed).score(np.float64(6))) is float


def test_score_of_many_digits_is_said_in_short_in_a_notebook():
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output

    InteractiveShell.instance()
    try:
        with capture_output() as captured:
            assert linear_report(transposed).score(2) == pytest.approx(4 / 3)
            assert linear_report(transposed).score(3) == 2.0
    finally:
        InteractiveShell.clear_instance()
    assert [output.data["text/plain"] for output in captured.outputs] == ["1.33 of 2 points", ""]


def test_long_lines_are_broken_and_indices_are_not():
    text = str(linear_report(lambda d, c: (2 * d @ c[1].T, 0.9 * c[0].T @ d, -d.sum(axis=0))))
    assert max(map(len, text.splitlines())) <= 100
    assert not re.search(r"\[\d+,$", text, re.MULTILINE)
    assert re.search(r"^WRONG dX is 2 times the true gradient everywhere \(", text, re.MULTILINE)


def test_factor_of_one_number_is_not_everywhere():
    inputs = slips.gate_draw(np.random.default_rng(0))
    report = check_gradients(slips.gate_forward, lambda d, c: (2 * d * (c[1] + 2 * c[0]), -d * c[0]), inputs)
    assert [finding.cause for finding in report.findings] == ["constant-factor", "sign"]
    assert "every" not in str(report)
    assert "0.5 times the right answer." in str(check_values(lambda x: 2.0, [((1.0,), 4.0)]))


def test_failed_behaviour_costs_a_share():
    def spoils(d, cache):
        answers = slips.linear_backward(d, cache)
        d += 1.0
        return answers

    assert linear_report(spoils).score(6) == pytest.approx(4.0)


def test_combined_gradient_counts_only_where_it_is_right_everywhere():
    both = combine(linear_report(transposed), linear_report(turned, seed=1), linear_report(seed=2))
    assert [(finding.name, finding.cause) for finding in both.findings] == [
        ("dX", "sign"),
        ("dW", "transposed"),
        ("db", None),
    ]
    assert both.score(3) == pytest.approx(1.0)
    assert both.evaluations > linear_report().evaluations
    assert combine(linear_report()).ok


def test_cause_that_fits_one_answer_by_accident_is_not_told_of_several():
    def cubed(x):
        return x**3, x

    def wrong(dout, x):
        return dout * (2 * x + 1)

    by_accident, *others = (check_gradients(cubed, wrong, {"x": x}, seed=0) for x in (3.0, 0.7, 1.9))
    assert [report.findings[0].cause for report in others] == ["unknown", "unknown"]
    renamed = replace(by_accident, findings=(replace(by_accident.findings[0], cause="constant-factor"),))
    assert combine(renamed, *others).findings[0] == others[0].findings[0]
    assert combine(others[0], renamed).findings[0] == others[0].findings[0]
    assert combine(renamed, others[0]).findings[0] == renamed.findings[0]


def test_note_beside_a_combined_report_is_that_of_the_first_failure():
    def forward(X, W1, W2):
        return X @ W1 @ W2, (X, W1, W2)

    def backward(dZ, cache):
        X, W1, W2 = cache
        if len(X) > 1:
            raise ValueError("only one")
        return np.zeros_like(W1), np.zeros_like(W2)

    shapes = {"W1": (3, 4), "W2": (4, 2)}
    weights = {name: np.random.default_rng(5).normal(size=shape) for name, shape in shapes.items()}
    many, one = (
        check_layer(forward, backward, {"X": np.ones((N, 3)), **weights}, wrt=["W1", "W2"], seed=6) for N in (5, 1)
    )
    assert "Going backwards from the loss" in one.note
    assert one.first_wrong == ("dW2",)
    both = combine(many, one)
    assert (both.note, both.first_wrong) == ("", ())


@pytest.mark.parametrize(("given", "error"), [((), ValueError), ((1,), TypeError), (("report",), TypeError)])
def test_combine_says_what_it_takes(given, error):
    with pytest.raises(error, match="report"):
        combine(*given)


def test_values_are_plain_json():
    for report in (linear_report(), linear_report(transposed), linear_report(lambda d, c: (d * np.inf, None, "text"))):
        told = json.loads(json.dumps(report.to_dict(), allow_nan=False))
        assert told["verdict"] == report.verdict
        assert [finding["cause"] for finding in told["findings"]] == [finding.cause for finding in report.findings]


def test_html_escapes_what_learners_write():
    def raises(d, cache):
        raise ValueError("<script>alert(1)</script>")

    page = linear_report(raises)._repr_html_()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    bundle = linear_report()._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html", "application/vnd.gradcheck+json"}


def test_heat_map_shows_each_wrong_gradient():
    figure = linear_report(turned).plot()
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert titles == ["dX: yours - true\nsign"]
    assert "no wrong gradient" in linear_report().plot().texts[0].get_text()


def test_notebook_shows_a_heat_map_without_pyplot():
    code = (
        "import numpy as np\nfrom gradcheck import check_layer\n"
        "check_layer(lambda X: (X**2, X), lambda dout, X: dout * X, {'X': np.eye(3)}).plot()"
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    nbclient.NotebookClient(notebook, kernel_name="python3").execute()
    (shown,) = [each for each in notebook.cells[0].outputs if each.output_type == "execute_result"]
    assert len(shown.data["image/png"]) > 1000


def test_matplotlib_is_imported_only_for_a_heat_map():
    source = Path(gradcheck.__file__).parent
    for module in source.glob("*.py"):
        for line in module.read_text().splitlines():
            if re.match(r"(import|from) ", line):
                assert re.match(r"(import|from) (numpy|gradcheck|__future__|" + STANDARD + r")\b", line), line


STANDARD = (
    "collections|contextlib|copy|dataclasses|decimal|functools|html|inspect|io|itertools|linecache|math|pathlib|re"
)
STANDARD += "|signal|sys|textwrap|threading|time|traceback|typing|warnings"


def test_values_are_published_in_a_notebook(monkeypatch):
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output

    shell = InteractiveShell.instance()
    try:
        with capture_output() as captured:
            shell.push({"report": linear_report(transposed)})
            shell.run_cell("report.score(6)")
        data = [output.data for output in captured.outputs]
    finally:
        InteractiveShell.clear_instance()
    assert any(d.get("application/vnd.gradcheck+json", {}).get("verdict") == "fail" for d in data)


def test_every_cause_in_the_code_is_documented():
    source = "".join(path.read_text() for path in Path(gradcheck.__file__).parent.glob("*.py"))
    for cause in CAUSES:
        assert source.count(f'"{cause}"') > 1, cause
    reports = [linear_report(transposed), linear_report(turned)]
    assert {finding.cause for report in reports for finding in report.findings} <= {None, *CAUSES}


def test_assertion_carries_the_reports_text():
    inputs = slips.linear_draw(np.random.default_rng(0))
    assert_gradients(slips.linear_forward, slips.linear_backward, inputs)
    with pytest.raises(AssertionError, match="dX has the wrong sign"):
        assert_gradients(slips.linear_forward, turned, inputs)


def test_wrong_forward_is_told_from_wrong_backward():
    inputs = slips.linear_draw(np.random.default_rng(0))

    def forward(X, W, b):
        return X @ W - b, (X, W, b)

    def right_for_it(d, cache):
        dX, dW, db = slips.linear_backward(d, cache)
        return dX, dW, -db

    report = check_gradients(forward, right_for_it, inputs, reference=slips.linear_forward)
    assert [(finding.name, finding.ok) for finding in report.findings] == [
        ("forward", False),
        ("dX", True),
        ("dW", True),
        ("db", True),
    ]
    assert "Your forward is wrong: out[" in str(report)
    assert check_gradients(forward, right_for_it, inputs, reference=forward).ok


def test_passing_report_says_how_well_it_agrees():
    text = str(linear_report())
    assert text.startswith("All visible checks passed.")
    assert len(re.findall(r"agrees with central differences to \d", text)) == 3


# --- values ----------------------------------------------------------------------------------------------------
Z = np.array([[1.0, -2.0], [0.5, 3.0]])


def in_place(z):
    z *= 2
    return z


def raises(z):
    raise KeyError("x")


@pytest.mark.parametrize(
    ("function", "expected", "cause"),
    [
        (lambda z: 2 * z, 2 * Z, None),
        (lambda z: (2 * z, z), 2 * Z, None),
        (lambda z: (2 * z, z), (2 * Z, ...), None),
        (lambda z: 2 * z, (2 * Z, ...), "wrong-type"),
        (lambda z: (2 * z, -z), (2 * Z, Z), "sign"),
        (lambda z: -2 * z, 2 * Z, "sign"),
        (lambda z: z, 2 * Z, "constant-factor"),
        (lambda z: 0 * z, 2 * Z, "placeholder"),
        (lambda z: (2 * z).T, 2 * Z, "transposed"),
        (lambda z: (2 * z)[None], 2 * Z, "extra-dimension"),
        (lambda z: z[0], 2 * Z, "wrong-shape"),
        (lambda z: (2 * z).tolist(), 2 * Z, "wrong-type"),
        (lambda z: (2 * z).astype(np.float32), 2 * Z, "wrong-type"),
        (lambda z: None, 2 * Z, "none"),
        (lambda z: 2 * z * np.nan, 2 * Z, "not-finite"),
        (lambda z: 2 * z + 1e-6, 2 * Z, "unknown"),
        (in_place, 2 * Z, "modifies-input"),
        (raises, 2 * Z, "raised"),
        (raises, KeyError, None),
        (raises, ValueError, "raised"),
        (lambda z: z, ValueError, "accepts-bad-input"),
        (lambda z: np.log(0 * z), None, "warns"),
        (lambda z: ["b", "a"], ["a", "b"], "order"),
        (lambda z: ["a"], ["a", "b"], "wrong-count"),
        (lambda z: "a", "b", "unknown"),
        (lambda z: {"W": z}, {"W": Z}, None),
        (lambda z: {"W": z}, {"W": Z, "b": Z}, "wrong-count"),
        (lambda z: 3, 3, None),
        (lambda z: 3, 3.5, "unknown"),
        (lambda z: 3, 3.0, "integer-dtype"),
        (lambda z: np.inf, np.inf, None),
        (lambda z: np.nan, np.inf, "unknown"),
        (lambda z: 1.0, np.nan, "unknown"),
    ],
)
def test_value_is_judged(function, expected, cause):
    report = check_values(function, [((Z,), expected)])
    assert report.findings[0].cause == cause, str(report)
    assert report.score(2) == (2.0 if cause is None else 0.0)


@pytest.mark.parametrize(
    ("function", "expected", "words"),
    [
        (lambda z: (z, 2 * z), 2 * Z, "returned the right output second: it must come first, before the cache."),
        (lambda z: [z], [Z, Z], "returned 1 value, expected 2."),
        (lambda z: z > 9, Z > 0, "returned False at [0, 0], expected True."),
        (lambda z: [[1.0], {}], 2 * Z, "a list that is no array of numbers, expected an array of shape (2, 2)."),
        (lambda z: -2.0, 1.0, "returned -2, expected 1.\n"),
    ],
)
def test_words_on_a_wrong_value(function, expected, words):
    assert words in " ".join(str(check_values(function, [((Z,), expected)])).split()) + "\n"


def test_call_is_told_by_the_shapes_of_arrays_in_lists():
    params = [{"W": np.ones((2, 3)), "b": np.ones(3)}]
    report = check_values(lambda params, act: None, [((params, "relu"), 1.0)])
    assert "([{'W': (2, 3), 'b': (3,)}], 'relu')" in str(report)


def test_values_without_an_expectation_are_not_called_right():
    report = check_values(lambda: "anything", [((), None)], properties={"it is text": lambda out: isinstance(out, str)})
    assert report.ok
    assert "is right" not in str(report)
    assert (
        check_values(lambda: 1.0, [((), None)], reference=lambda: 1.0)
        .findings[0]
        .message.endswith("is right in 1 case.")
    )


def test_properties_and_reference_and_mistakes():
    properties = {"it is positive": lambda out, z: out > 0, "row 0 is 1": lambda out, z: "" if out[0, 0] == 1 else "no"}
    report = check_values(np.exp, [((0 * Z,), None)], properties=properties)
    assert report.ok
    report = check_values(np.sin, [((Z,), None)], properties=properties, reference=np.sin)
    assert [finding.ok for finding in report.findings] == [True, False, False]
    causes = [finding.cause for finding in report.findings]
    assert causes == [None, "unknown", "unknown"]
    named = check_values(np.sin, [((Z,), None)], properties=properties, mistakes={"sine": np.sin, "cosine": np.cos})
    assert [finding.cause for finding in named.findings] == [None, "author-mistake", "author-mistake"]
    assert named.findings[1].message.endswith("It looks like this mistake: sine.")
    report = check_values(np.sin, [((Z,), None)], reference=np.cos, mistakes={"sine for cosine": np.sin, "tan": np.tan})
    assert report.findings[0].cause == "author-mistake"
    assert "sine for cosine" in report.findings[0].message


def no_power(z):
    return z ^ 2


def takes_one_by_one(z):
    if z > 0:
        return z
    return 0 * z


@pytest.mark.parametrize(
    ("function", "args", "expected", "words"),
    [
        (lambda z: None, (Z,), (2 * Z, ...), "returned None instead of (array([[ 2., -4.], [ 1., 6.]]), ...): is"),
        (lambda z: (2 * z, None), (Z,), (2 * Z, Z), "result[1] is None instead of [[ 1. -2. ] [ 0.5 3. ]]."),
        (lambda z: (z, z), (Z,), (2 * Z, Z), "[0.5, 3.0]]): result[0] is 3 at [1, 1], expected 6."),
        (lambda z: 2 * z, (Z,), (2 * Z, Z), "returned one array, expected 2 values in a tuple."),
        (lambda z: z.sum(), (Z,), Z, "returned one number, expected an array of shape (2, 2)."),
        (lambda z: z, (Z,), 2.5, "returned an array of shape (2, 2), expected one number."),
        (lambda x: 0.3 / (1 + 1e-9), (1.0,), 0.3, "returned 0.2999999997, expected 0.3."),
        (in_place, (Z,), 2 * Z, "changed its argument z in place (z[0, 0] was 1 and is 2 afterwards). Leave it"),
        (lambda names: names.pop(), (["a", "b"],), "b", "(names had 2 entries and has 1 afterwards)."),
        (lambda z: np.log(z), (np.zeros(2),), None, "encountered in log'. A step takes the logarithm of 0"),
        (lambda z: z - z, (np.array([np.inf]),), None, "'invalid value encountered in subtract'. A step has no answer"),
        (np.exp, (np.array([1e3]),), None, "'overflow encountered in exp'. Rearrange the formula"),
        (no_power, (Z,), Z**2, "`^` is not a power in Python; write `**`. The line is `return z ^ 2`."),
        (lambda caches: caches.reverse(), ([Z, 2 * Z],), None, "(the entries of caches stand in another order"),
        (lambda xs: xs.__setitem__(1, 2), ([1, 1],), None, "(xs[1] was 1 and is 2 afterwards)"),
        (lambda z: (z, z, z), (Z,), Z, "returned 3 values, expected an array of shape (2, 2). (A cache of several"),
        (lambda z: list(z[0]), (Z,), 2.5, "returned a list of shape (2,), expected one number."),
        (lambda z: (1.0, 2.0), (Z,), [1.0, 3.0], "result[1] is 2, expected 3."),
        (lambda z: 0 * -z, (Z,), Z, "returned 0 at [1, 1], expected 3. Everything is 0: was it ever filled in?"),
        (lambda a, b: np.allclose(a, b), (Z, Z + 1), 0.5, "returned False, expected 0.5."),
        (takes_one_by_one, (Z,), Z, "compares entry by entry. The line is `if z > 0:`."),
    ],
)  # fmt: skip
def test_value_that_is_wrong_is_told_in_words_for_a_beginner(function, args, expected, words):
    report = check_values(function, [(args, expected)])
    assert words in " ".join(str(report).split())


def test_factor_needs_two_numbers():
    text = str(check_values(lambda z: np.array([0.0, 0.0, 1.0]), [((Z,), np.array([0.0, 0.0, -7.0]))]))
    assert "returned 1 at [2], expected -7." in text
    assert "times" not in text


def test_mistake_that_fits_one_case_of_several_is_mentioned_and_not_named():
    mistakes = {"squared": lambda x: x**2, "doubled": lambda x: 2 * x}
    cases = [((3.0,), 3.0), ((4.0,), 4.0), ((5.0,), 5.0)]
    report = check_values(lambda x: {3.0: 9.0}.get(x, 1.0), cases, mistakes=mistakes)
    assert report.findings[0].cause == "unknown"
    assert report.findings[0].message.endswith("In this case it does the same as this mistake: squared.")
    both = check_values(lambda x: 4.0 if x == 2 else 0.0, [((2.0,), 3.0), ((4.0,), 4.0)], mistakes=mistakes)
    assert "mistake" not in str(both)


def test_property_of_a_result_that_is_wrong_anyway_is_told_without_numbers():
    properties = {"it is positive": lambda out, z: out > 0, "it has rows": lambda out, z: out[3, 0] > 0}
    report = check_values(lambda z: -z, [((Z,), Z), ((2 * Z,), None)], properties=properties)
    text = " ".join(str(report).split())
    assert "breaks a rule: it is positive. WRONG" in text
    assert "it has rows (that could not be looked at in this result)." in text
    report = check_values(lambda z: z, [((Z,), None)], properties=properties)
    text = " ".join(str(report).split())
    assert "breaks a rule: it is positive. It returned [[ 1. -2. ] [ 0.5 3. ]]." in text
    assert "(it could not be checked on your result: IndexError" in text


def test_endless_loop_of_a_plain_function_is_stopped(monkeypatch):
    monkeypatch.setattr("gradcheck.problem.LONGEST", 0.3)

    def endless(z):
        while True:
            time.sleep(0.01)

    report = check_values(endless, [((Z,), Z)] * 9, properties={"it ends": lambda out, z: True})
    assert [finding.cause for finding in report.findings] == ["too-slow"]
    assert "endless(array [[1.0, -2.0], [0.5, 3.0]]) did not return within 0.3 seconds" in str(report)


def test_what_holds_of_the_whole_call_is_said_once():
    def raises(d, cache):
        return d @ cache[1]

    text = str(linear_report(raises))
    assert text.count("raised ValueError") == 1
    assert "The line is `return d @ cache[1]`." in " ".join(text.split())
    assert "WRONG dW: the same as for dX." in text and "WRONG db: the same as for dX." in text


def test_one_number_is_off_by_the_factor_of_the_arrays_beside_it():
    def forward(x, w, b):
        return np.sum(x * w) + b, (x, w)

    inputs = {"x": np.array([1.0, 2.0, -0.5]), "w": np.array([0.3, -1.0, 2.0]), "b": 0.7}
    report = check_layer(forward, lambda d, c: (0.8 * d * c[1], 0.8 * d * c[0], 0.8 * d), inputs, seed=1)
    assert report.findings[2].cause == "constant-factor" and report.findings[2].factor == pytest.approx(0.8)
    assert "db is 0.8 times the true gradient, as dx and dw are." in str(report)
    report = check_layer(forward, lambda d, c: (d * c[1], d * c[0], 0.8 * d), inputs, seed=1)
    assert report.findings[2].cause == "unknown"
    assert "db is wrong in a way that I do not recognise. db: yours" in str(report)


def test_remark_on_several_gradients_is_made_once_with_their_names():
    def forward(x, y):
        return np.tanh(x) * np.exp(y), (x, y)

    def measured(d, cache):
        x, y = cache
        h = 1e-5
        return (
            d * (np.tanh(x + h) - np.tanh(x - h)) / (2 * h) * np.exp(y),
            d * np.tanh(x) * (np.exp(y + h) - np.exp(y - h)) / (2 * h),
        )

    report = check_layer(forward, measured, {"x": np.array([0.3, -0.8]), "y": np.array([0.5, 1.1])}, seed=2)
    assert report.ok
    assert "dx, dy: Maybe this was measured" in str(report) and str(report).count("Maybe") == 1


@pytest.mark.parametrize(
    ("function", "cases", "error"),
    [
        (3, [((1,), 1)], TypeError),
        (abs, [], ValueError),
        (abs, 3, TypeError),
        (abs, [1], TypeError),
        (abs, {}, TypeError),
    ],
)
def test_check_values_says_what_to_pass(function, cases, error):
    with pytest.raises(error):
        check_values(function, cases)


@pytest.mark.parametrize("kind", [np.float32, np.float16])
def test_values_of_lower_precision_are_told_by_their_kind_and_by_no_factor(kind):
    Z = np.linspace(0.1, 0.9, 12).reshape(3, 4)
    report = check_values(lambda Z: np.tanh(Z).astype(kind), [(Z, np.tanh(Z))])
    (finding,) = report.findings
    assert finding.cause == "wrong-type"
    assert (
        f"{np.dtype(kind).name} numbers, which hold about {np.finfo(kind).precision} digits, expected float64"
        in finding.message
    )
    off = check_values(lambda Z: np.tanh(Z) * (1 + 1e-8), [(Z, np.tanh(Z))]).findings[0]
    assert "times the right answer" not in off.message
    assert not off.ok


def test_arguments_are_told_in_six_digits():
    report = check_values(lambda x: x, [(np.array([1 / 3, 2.0]), np.array([0.0, 2.0]))])
    assert "(array [0.333333, 2.0])" in report.findings[0].message
    ints = check_values(lambda x: x, [(np.array([1234567, 2]), np.array([0, 2]))])
    assert "(array [1234567, 2])" in ints.findings[0].message


def test_no_number_is_told_as_minus_zero():
    Z = np.array([[-1.0, 2.0, -3.0]])

    def negative_zeros(Z):
        return np.maximum(Z, 0.0) * -1.0, Z

    for wrong in (lambda dout, Z: -dout, lambda dout, Z: -0.0 * Z, lambda dout, Z: -dout * (Z < 0)):
        for seed in range(4):
            text = str(check_layer(negative_zeros, wrong, {"Z": Z}, seed=seed))
            assert not re.search(r"-0(?![.\d])", text), text


def test_rule_that_could_not_be_looked_at_everywhere_is_not_said_to_hold():
    properties = {"it is even": lambda out, z: True}
    report = check_values(lambda z: 1 / z[1], [(np.ones(2), None), (np.ones(1), None)], properties=properties)
    assert [finding.name for finding in report.findings] == ["the function"]


def test_whole_numbers_that_are_all_zero_are_right():
    def relu(z):
        return np.array([max(0, x) for x in z])

    assert check_values(
        relu, [((np.array([-1.0, -2.0]),), np.zeros(2)), (np.array([-1.0, 2.0]), np.array([0.0, 2.0]))]
    ).ok
    assert not check_values(lambda z: z > 0, [((np.array([-1.0, -2.0]),), np.zeros(2))]).ok


def test_upstream_gradient_multiplied_in_twice_is_told():
    def twice(dout, x):
        return dout * dout * 2 * x

    for x, cause in ((0.7, "constant-factor"), (np.array([0.7, -1.2, 3.0]), "unknown")):
        (finding,) = check_layer(lambda x: (x**2, x), twice, {"x": x}, seed=1).findings
        assert finding.cause == cause
        assert "dx has the upstream gradient in it twice: multiply by it once." in finding.message
