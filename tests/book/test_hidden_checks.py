"""The instructor's guide lists what hidden checks look at: from the checks themselves, and all of them."""

import importlib.util
import sys

import pytest

import gradcheck
from classroom.release import source_notebook, source_texts

NOTEBOOK = """---
jupytext:
  text_representation:
    format_name: myst
---

# Exercise 99: a sum

```{code-cell}
:nbgrader: {grade_id: setup}
import numpy as np
from gradcheck import check_layer, check_values, combine
print("not shown")
```

```{code-cell}
:nbgrader: {grade_id: add, solution: true}
def add(X, b):
    return X + b, None
```

```{code-cell}
:nbgrader: {grade: true, grade_id: check-add, points: 3}
report = check_layer(add, add, {"X": np.ones((5, 4)), "b": np.ones(4)})
### BEGIN HIDDEN TESTS
report = combine(
    report,
    check_layer(add, add, {"X": 1000 * np.ones((1, 2)), "b": np.zeros(2), "stride": 3}, seed=1),
    check_layer(add, add, {"X": 1000 * np.ones((1, 2)), "b": np.zeros(2), "stride": 3}, seed=2),
    check_values(
        add,
        [
            ((np.ones((2, 3)), 1.0), None),
            ((np.ones(3), "x"), ValueError),
            (("x", 1), ValueError),
            (("y", 1), ValueError),
        ],
        properties={"it stays positive": lambda Y, X, b: (Y > 0).all()},
        reference=add,
    ),
)
### END HIDDEN TESTS
print(report)
report.score(3)
```

```{code-cell}
:nbgrader: {grade_id: not-needed}
raise RuntimeError("cells after the last check are not run")
```
"""


@pytest.fixture
def hidden_checks(root, monkeypatch):
    """Return the module, which lies beside the pages that use it."""
    path = root / "chapters" / "hidden_checks.py"
    spec = importlib.util.spec_from_file_location("hidden_checks", path)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "hidden_checks", module)
    spec.loader.exec_module(module)
    return module


def test_list_says_what_the_hidden_part_does(hidden_checks, tmp_path, capsys):
    text = tmp_path / "99-sum" / "sum.md"
    text.parent.mkdir()
    text.write_text(NOTEBOOK, encoding="utf-8")
    (exercise,) = hidden_checks.read_exercises(tmp_path)
    assert (exercise.slug, exercise.title, exercise.points) == ("99-sum", "Exercise 99: a sum", 3)
    (check,) = exercise.checks
    assert check.name == "check-add"
    assert check.hidden == [
        "X 1 × 2, b 2, stride = 3 (entries up to 1e+03, all zeros)",
        "2 × 3; 3 must raise ValueError; plain arguments must raise ValueError (2 cases); it stays positive; "
        "compared with the author's function",
    ]
    assert capsys.readouterr().out == ""


def test_every_check_of_every_exercise_is_listed_with_its_points(hidden_checks, root):
    listed = {
        (exercise.slug, check.name): check.points
        for exercise in hidden_checks.read_exercises(root / "solutions")
        for check in exercise.checks
    }
    there = {
        (text.parent.name, about["grade_id"]): about["points"]
        for text in source_texts(root / "solutions")
        for about in (cell["metadata"]["nbgrader"] for cell in source_notebook(text)["cells"])
        if about["grade"]
    }
    assert listed == there and there


def test_no_check_of_an_exercise_is_listed_with_an_empty_hidden_part(hidden_checks, root):
    for exercise in hidden_checks.read_exercises(root / "solutions"):
        for check in exercise.checks:
            assert check.hidden, f"{exercise.slug}: {check.name}"


def test_checker_works_again_after_reading(hidden_checks, root):
    before = gradcheck.check_layer, gradcheck.check_values, gradcheck.check_gradients
    hidden_checks.read_exercises(root / "solutions")
    assert (gradcheck.check_layer, gradcheck.check_values, gradcheck.check_gradients) == before


def test_check_without_points_is_said(hidden_checks, tmp_path):
    text = tmp_path / "99-sum" / "sum.md"
    text.parent.mkdir()
    text.write_text(NOTEBOOK.replace(", points: 3", ""), encoding="utf-8")
    with pytest.raises(ValueError, match="a check cell has no points"):
        hidden_checks.read_exercises(tmp_path)
