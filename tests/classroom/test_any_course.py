"""A course that is not ours: .ipynb sources, plain asserts, honest work where stock nbgrader is wrong, bad input."""

import json
import os
import shutil

import pytest

from course import BIN, CONFIG, Course, code, grade_id, markdown, notebook

SLUG, NAME = "ps1", "problem"
QUICK = CONFIG + "\nc.SandboxSettings.cell_seconds = 20\n"
RIGHT = {
    "mean": "def mean(values):\n    return sum(values) / len(values)",
    "essay": "A mean is a sum, divided.",
    "greeting": "def greet(name):\n    print('Hello,', name)",
    "stack": "class Stack:\n    def __init__(self):\n        self.items = []\n    def push(self, item):\n"
    "        self.items.append(item)\n    def __len__(self):\n        return len(self.items)\n"
    "    def __iter__(self):\n        return iter(self.items)",
    "sort": "def sort_in_place(values):\n    values.sort()",
    "slope": "def slope(f, x, h=1e-5):\n    return (f(x + h) - f(x - h)) / (2 * h)",
}


def source() -> dict:
    """Return the source notebook."""
    return notebook(
        markdown("# Problem set 1"),
        code(None, "import math\nimport numpy as np"),
        code("mean", f"### BEGIN SOLUTION\n{RIGHT['mean']}\n### END SOLUTION", solution=True),
        code(
            "test-mean",
            "assert mean([1, 2, 3]) == 2, 'the mean of 1, 2, 3 is 2'\n### BEGIN HIDDEN TESTS\n"
            "assert math.isclose(mean([0.5, 1.5]), 1.0), 'floats count too'\n### END HIDDEN TESTS",
            grade=True,
            points=3,
        ),
        {
            **markdown("What is a mean?"),
            "metadata": {
                "nbgrader": {
                    "grade": True, "grade_id": "essay", "locked": False, "points": 2, "schema_version": 3,
                    "solution": True, "task": False,
                }
            },
        },
        code("greeting", f"### BEGIN SOLUTION\n{RIGHT['greeting']}\n### END SOLUTION", solution=True),
        code(
            "test-greeting",
            "import io\nfrom contextlib import redirect_stdout\nwith redirect_stdout(io.StringIO()) as said:\n"
            "    greet('Ada')\nassert said.getvalue() == 'Hello, Ada\\n'",
            grade=True,
            points=1,
        ),
        code("stack", f"### BEGIN SOLUTION\n{RIGHT['stack']}\n### END SOLUTION", solution=True),
        code(
            "test-stack",
            "stack = Stack()\nstack.push(1)\nstack.push('two')\nassert isinstance(stack, Stack)\n"
            "assert len(stack) == 2\nassert list(stack) == [1, 'two']\nassert stack.items[1] == 'two'",
            grade=True,
            points=2,
        ),
        code("sort", f"### BEGIN SOLUTION\n{RIGHT['sort']}\n### END SOLUTION", solution=True),
        code(
            "test-sort",
            "values = [3, 1, 2]\nalias = values\nsort_in_place(values)\nassert alias == [1, 2, 3]",
            grade=True,
            points=1,
        ),
        code("slope", f"### BEGIN SOLUTION\n{RIGHT['slope']}\n### END SOLUTION", solution=True),
        code("test-slope", "assert abs(slope(lambda x: x**2, 3.0) - 6) < 1e-6\n2", grade=True, points=2),
    )  # fmt: skip


@pytest.fixture(scope="module")
def course(tmp_path_factory, requires_program):
    """Return the course with its class handed in and graded from another folder by ``--course-dir``."""
    requires_program("bwrap")
    course = Course(tmp_path_factory.mktemp("any") / "their course", QUICK)
    course.write_source(SLUG, NAME, source())
    (course.root / "source" / SLUG / "gradebook-notes.txt").write_text("for all", encoding="utf-8")
    made = course.nbgrader("generate_assignment", SLUG, "--create")
    assert made.returncode == 0, made.stderr
    course.released(SLUG, NAME)
    for student, content in honest(course).items():
        course.hand_in(student, SLUG, NAME, content)
    for student, content in hostile(course).items():
        course.hand_in(student, SLUG, NAME, content)
    course.hand_in("x-renamed", SLUG, "my homework", course.answered(SLUG, NAME, RIGHT))
    linked = course.hand_in("x-link", SLUG, NAME, course.answered(SLUG, NAME, RIGHT))
    (linked.parent / "notes.txt").symlink_to(course.root / "source" / SLUG / f"{NAME}.ipynb")
    linked = course.hand_in("x-notebook-link", SLUG, NAME, "{}")
    linked.unlink()
    linked.symlink_to(course.root / "source" / SLUG / f"{NAME}.ipynb")
    os.mkfifo(course.hand_in("x-pipe", SLUG, NAME, course.answered(SLUG, NAME, RIGHT)).parent / "pipe")
    odd = course.hand_in("x-name", SLUG, NAME, course.answered(SLUG, NAME, RIGHT)).parent
    (odd / "a\nb.txt").write_text("x", encoding="utf-8")
    for name in ("..\\..\\up.txt", "...", "-rf", "a;b $(c)"):
        (course.root / "submitted" / "odd-names" / SLUG / name).write_text("x", encoding="utf-8")
    with open(course.hand_in("x-huge", SLUG, NAME, "{}"), "wb") as file:
        file.truncate(3_000_000_000)
    course.ran = course.nbgrader(
        "autograde", SLUG, "--create", "--course-dir", str(course.root), cwd=course.root.parent
    )
    course.told = course.nbgrader("generate_feedback", SLUG)
    course.table = course.scores(SLUG)
    return course


def honest(course: Course) -> dict[str, dict]:
    """Return honest notebooks, some of which stock nbgrader marks wrongly."""
    found = {"right": course.answered(SLUG, NAME, RIGHT), "empty": course.released(SLUG, NAME)}
    noisy = RIGHT | {
        "mean": "import sys, warnings\n" + RIGHT["mean"].replace("return", "warnings.warn('x')\n    return")
    }
    found["warns-on-stderr"] = course.answered(SLUG, NAME, noisy)
    content = course.answered(SLUG, NAME, RIGHT)
    content["cells"] = [cell for cell in content["cells"] if not cell["metadata"].get("nbgrader", {}).get("locked")]
    found["deleted-checks"] = content
    content = course.answered(SLUG, NAME, RIGHT)
    content["cells"] += [{**cell, "id": cell["id"] + "-copy"} for cell in content["cells"] if grade_id(cell)]
    found["duplicated-cells"] = content
    content = course.answered(SLUG, NAME, RIGHT)
    for cell in content["cells"]:
        cell["metadata"] = {}
    found["metadata-lost"] = content
    content = course.answered(SLUG, NAME, RIGHT | {"mean": "def mean(values):\n    return add(values) / len(values)"})
    content["cells"].insert(2, code(None, "def add(values):\n    return sum(values)"))
    found["own-helper"] = content
    content = course.answered(SLUG, NAME, RIGHT)
    content["metadata"]["kernelspec"]["name"] = "../../bin/sh"
    content["cells"].append(code("../../up", "1") | {"id": "../../up"})
    content["cells"].append(
        markdown("![x](attachment:../../up.png)", attachments={"../../up.png": {"image/png": "../../up.png"}})
    )
    found["odd-names"] = content
    found["ü -x"] = course.answered(SLUG, NAME, RIGHT)
    found["wrong-hidden"] = course.answered(SLUG, NAME, RIGHT | {"mean": "def mean(values):\n    return 2"})
    found["magics"] = course.answered(SLUG, NAME, RIGHT | {"mean": "%precision 3\n!true\n" + RIGHT["mean"]})
    return found


def hostile(course: Course) -> dict[str, dict | str | bytes]:
    """Return files that are no notebooks, or too much of one."""
    deep = "[" * 200_000
    many = course.answered(SLUG, NAME, RIGHT)
    many["cells"] += [code(None, "1")] * 100_000
    old = {"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": []}]}
    future = course.answered(SLUG, NAME, RIGHT) | {"nbformat": 99}
    broken = course.answered(SLUG, NAME, RIGHT)
    broken["cells"].append({"cell_type": "code", "source": 5})
    return {
        "x-not-json": "this is no notebook",
        "x-not-text": bytes(range(256)),
        "x-utf-16": json.dumps(course.answered(SLUG, NAME, RIGHT)).encode("utf-16"),
        "x-unmarked-utf-16": json.dumps(course.answered(SLUG, NAME, RIGHT)).encode("utf-16-le"),
        "x-empty-file": b"",
        "x-truncated": json.dumps(course.answered(SLUG, NAME, RIGHT))[:500],
        "x-list": "[]",
        "x-deep": '{"nbformat": 4, "cells": ' + deep,
        "x-many-cells": many,
        "x-old-format": old,
        "x-future-format": future,
        "x-broken-cell": broken,
    }


FULL = {"test-mean": 3, "essay": None, "test-greeting": 1, "test-stack": 2, "test-sort": 1, "test-slope": 2}


@pytest.mark.parametrize(
    "student",
    [
        "right",
        "warns-on-stderr",
        "deleted-checks",
        "duplicated-cells",
        "metadata-lost",
        "own-helper",
        "magics",
        "odd-names",
        "ü -x",
    ],
)
def test_honest_work_gets_what_it_deserves(course, student):
    scores = course.table[student]
    assert scores | {"essay": None} == FULL, course.shown(student, SLUG, NAME)


def test_written_answer_waits_for_the_instructor(course):
    assert course.table["right"]["essay"] is None
    assert course.table["empty"]["essay"] == 0


def test_empty_work_gets_nothing(course):
    assert sum(score or 0 for score in course.table["empty"].values()) == 0


def test_hidden_check_takes_points_and_is_told_by_its_message_alone(course):
    assert course.table["wrong-hidden"]["test-mean"] == 0
    outputs = course.shown("wrong-hidden", SLUG, NAME)
    assert "floats count too" in outputs
    assert "math.isclose" not in outputs and "math.isclose" not in course.feedback("wrong-hidden", SLUG, NAME)


@pytest.mark.parametrize(
    ("student", "sentence"),
    [
        ("x-not-json", "is not a notebook: it is not JSON"),
        ("x-not-text", "is not a notebook: it is not UTF-8 text"),
        ("x-utf-16", "is not a notebook: it is not UTF-8 text"),
        ("x-unmarked-utf-16", "is not a notebook: it is not UTF-8 text"),
        ("x-empty-file", "is empty"),
        ("x-truncated", "is not a notebook: it is not JSON"),
        ("x-list", "it has no list of cells"),
        ("x-deep", "it is nested too deeply"),
        ("x-many-cells", "has 100"),
        ("x-old-format", "has the notebook format 3, not 4. Open it in a current Jupyter"),
        ("x-future-format", "has the notebook format 99, not 4"),
        ("x-broken-cell", "has no type or no text"),
        ("x-renamed", f"holds none of the notebooks of {SLUG}: {NAME}. Rename the file that is meant."),
        ("x-link", "notes.txt is a symbolic link"),
        ("x-notebook-link", f"{NAME}.ipynb is a symbolic link"),
        ("x-pipe", "pipe is not a plain file"),
        ("x-name", "has control characters"),
        ("x-huge", "MB"),
    ],
)
def test_hostile_file_is_refused_in_one_sentence(course, student, sentence):
    lines = [line for line in course.ran.stderr.splitlines() if f"submitted/{student}" in line and "Not graded" in line]
    assert len(lines) == 1, course.ran.stderr
    assert sentence in lines[0]
    assert student not in course.table
    assert not (course.root / "autograded" / student).exists()


def test_refused_submissions_make_the_command_fail_without_a_traceback(course):
    assert course.ran.returncode == 1
    assert "Traceback" not in course.ran.stderr


def test_nothing_is_left_behind(course):
    assert course.left_behind() == set()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("autograde", "ps9"), "There is no assignment 'ps9'"),
        (("autograde", SLUG, "--student", "nobody-here"), "Nothing was handed in"),
    ],
    ids=["unknown-assignment", "unknown-student"],
)
def test_foreseeable_bad_input_is_one_sentence(course, arguments, sentence):
    ran = course.nbgrader(*arguments)
    assert ran.returncode == 1
    errors = [line for line in ran.stderr.splitlines() if "ERROR" in line]
    assert len(errors) == 1 and sentence in errors[0], ran.stderr
    assert "Traceback" not in ran.stderr


def test_check_that_came_later_is_refused_before_anything_is_removed(course):
    path = course.root / "release" / SLUG / f"{NAME}.ipynb"
    kept, before = path.read_text(encoding="utf-8"), course.autograded("right", SLUG, NAME)
    content = json.loads(kept)
    content["cells"].append(code("test-new", "1", grade=True, points=1))
    path.write_text(json.dumps(content), encoding="utf-8")
    try:
        ran = course.nbgrader("autograde", SLUG, "--force", "--student", "right")
    finally:
        path.write_text(kept, encoding="utf-8")
    assert ran.returncode == 1 and "Traceback" not in ran.stderr
    errors = [line for line in ran.stderr.splitlines() if "ERROR" in line]
    assert len(errors) == 1 and f"test-new of {SLUG} is not in the gradebook" in errors[0], ran.stderr
    assert course.autograded("right", SLUG, NAME) == before


def test_missing_release_is_said_and_nothing_is_recorded(course):
    release = course.root / "release"
    kept = course.root / "kept"
    release.rename(kept)
    try:
        before = course.scores(SLUG)
        ran = course.nbgrader("autograde", SLUG, "--force", "--student", "right")
        assert ran.returncode == 1
        assert "it is needed to rebuild submissions" in ran.stderr and "Traceback" not in ran.stderr
        assert course.scores(SLUG) == before
    finally:
        kept.rename(release)


def test_without_bubblewrap_autograding_refuses_and_says_what_to_install(course, tmp_path):
    empty = tmp_path / "bin"
    empty.mkdir()
    for program in ("env", "sh"):
        (empty / program).symlink_to(shutil.which(program))
    ran = course.nbgrader("autograde", SLUG, "--force", "--student", "right", PATH=f"{empty}:{BIN}")
    assert ran.returncode == 1
    errors = [line for line in ran.stderr.splitlines() if "ERROR" in line]
    assert len(errors) == 1 and "apt install bubblewrap" in errors[0] and "SafeAutograde.unsafe=True" in errors[0]


def test_missing_limits_are_said(course):
    ran = course.nbgrader("autograde", SLUG, "--force", "--student", "right", "--SandboxSettings.cgroups=False")
    assert ran.returncode == 0, ran.stderr
    assert "No limit on the memory and processes of a learner as a whole" in ran.stderr


def test_waived_sandbox_is_said_and_stock_execution_runs(course):
    ran = course.nbgrader("autograde", SLUG, "--force", "--student", "right", "--SafeAutograde.unsafe=True")
    assert ran.returncode == 0, ran.stderr
    assert "runs with your own rights" in ran.stderr
    assert course.scores(SLUG)["right"]["test-mean"] == 3


def test_nothing_is_graded_where_the_sandbox_cannot_be_put_in_place(course):
    path = course.root / "nbgrader_config.py"
    kept = path.read_text(encoding="utf-8")
    path.write_text("import nbgrader.apps.api\ndel nbgrader.apps.api.Autograde\n" + kept, encoding="utf-8")
    try:
        ran = course.nbgrader("autograde", SLUG, "--force", "--student", "right")
    finally:
        path.write_text(kept, encoding="utf-8")
    assert ran.returncode == 1 and "has no Autograde" in ran.stderr and "Nothing was run" in ran.stderr
    assert "Autograding" not in ran.stderr and "Traceback" not in ran.stderr


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda content: content["cells"].append(code("test-new", "1", grade=True, points=1)), "test-new is new"),
        (lambda content: content["cells"].pop(), "test-slope is gone"),
        (lambda content: content.pop("cells"), "is not a notebook"),
    ],
    ids=["added", "removed", "no-notebook"],
)
def test_release_that_nbgrader_refuses_leaves_the_old_one(course, change, sentence):
    path, release = course.root / "source" / SLUG / f"{NAME}.ipynb", course.root / "release" / SLUG
    kept, before = path.read_text(encoding="utf-8"), {file.name: file.read_bytes() for file in release.iterdir()}
    content = json.loads(kept)
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")
    try:
        ran = course.nbgrader("generate_assignment", SLUG, "--force")
    finally:
        path.write_text(kept, encoding="utf-8")
    assert ran.returncode == 1 and "Traceback" not in ran.stderr
    errors = [line for line in ran.stderr.splitlines() if "ERROR" in line]
    assert len(errors) == 1 and sentence in errors[0], ran.stderr
    assert {file.name: file.read_bytes() for file in release.iterdir()} == before


def test_waived_sandbox_without_execution_is_refused(course):
    ran = course.nbgrader(
        "autograde", SLUG, "--force", "--student", "empty", "--SafeAutograde.unsafe=True", "--no-execute"
    )
    assert ran.returncode == 1 and "full marks to all" in ran.stderr


def test_no_execute_gives_no_points_away(course):
    ran = course.nbgrader("autograde", SLUG, "--force", "--student", "empty", "--no-execute")
    assert ran.returncode == 0, ran.stderr
    assert sum(score or 0 for score in course.scores(SLUG)["empty"].values()) == 0
