"""What a learner's results may cost the process that runs the checks, and what it says where there are none."""

import json
from pathlib import Path

import pytest

from classroom.grading import JudgeServer, Sandboxes, WorkingFolder, grade_notebook
from classroom.rebuild import SubmittedCell, rebuild
from classroom.sandbox import SandboxSettings
from course import code, grade_id, notebook

FIRST = "def first():\n    raise NotImplementedError()"
SECOND = "def second():\n    raise NotImplementedError()"


@pytest.fixture(scope="module")
def sandboxes(requires_program):
    """Return sandboxes; each test sets its limits."""
    requires_program("bwrap")
    sandboxes = Sandboxes(SandboxSettings())
    yield sandboxes
    sandboxes.close()


@pytest.fixture(scope="module")
def judge():
    """Return the server of judges."""
    server = JudgeServer()
    yield server
    server.close()


@pytest.fixture
def grade(sandboxes, judge):
    """Return a function that grades two answers by two checks, and returns each cell's outputs, and the warnings."""
    folder = WorkingFolder({})

    def run(answer: str | None, check: str, **limits: float) -> tuple[dict[str, list], list[str]]:
        sandboxes.settings = SandboxSettings(**limits)
        release = notebook(
            code("first", FIRST, solution=True),
            code("check-first", check, grade=True, points=1),
            code("second", SECOND, solution=True),
            code("check-second", "assert second() == 2", grade=True, points=1),
        )
        answers = {"first": answer, "second": "def second():\n    return 2"}
        given = [SubmittedCell("code", text, "", name, {}) for name, text in answers.items() if text is not None]
        rebuilt = rebuild(release, given)
        warned: list[str] = []
        grade_notebook(
            rebuilt.notebook["cells"], rebuilt.roles, {}, learner="one", files={}, folder=Path(folder.path),
            sandboxes=sandboxes, judge=judge, warn=warned.append,
        )  # fmt: skip
        return {str(grade_id(cell)): cell["outputs"] for cell in rebuilt.notebook["cells"]}, warned

    yield run
    folder.close()


def error_in(outputs: list) -> str:
    """Return the message of a cell's error, or nothing."""
    return "".join(output["evalue"] for output in outputs if output["output_type"] == "error")


def test_hoard_of_large_results_costs_its_check_alone(grade):
    outputs, warned = grade(
        "import numpy as np\ndef first():\n    return np.ones(5_000_000)",
        "hoard = [first() for _ in range(100)]",
        judge_memory=800,
    )
    # Either the check itself or the arrival of a result meets the limit.
    assert "more memory than" in error_in(outputs["check-first"])
    assert outputs["check-second"] == [] and warned == []


def test_judge_that_needs_too_much_time_at_one_go_costs_its_check_alone(grade):
    # A power of a large whole number is one step for Python: nothing interrupts it.
    outputs, warned = grade(
        "def first():\n    return 3 ** 200_000", "first() ** 100_000", judge_cpu_seconds=2, check_seconds=60.0
    )
    assert "The process that ran this check ended" in error_in(outputs["check-first"])
    assert outputs["check-second"] == []
    assert len(warned) == 1 and "'check-first' ended" in warned[0]


def test_judge_that_ends_is_said_to_the_instructor_and_the_rest_is_judged(grade):
    outputs, warned = grade("def first():\n    return 1", "import os\nos._exit(0)")
    assert "It counts 0" in error_in(outputs["check-first"])
    assert outputs["check-second"] == []
    assert len(warned) == 1 and "Does it pass on your own solution?" in warned[0]


def test_number_with_too_many_digits_stays_inside(grade):
    outputs, _ = grade("def first():\n    return 1 << 10_000_000", "assert first() == 1")
    assert "a whole number of 10000001 bits is larger than may be passed" in error_in(outputs["check-first"])
    assert outputs["check-second"] == []


def test_cells_beyond_the_notebooks_time_are_not_run(grade):
    outputs, _ = grade("import time\ntime.sleep(1.5)\ndef first():\n    return 1", "first()", notebook_seconds=1.0)
    assert "The 1 seconds for this notebook were over" in error_in(outputs["second"])
    assert error_in(outputs["check-second"])


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("def first()\n    return 1", "ended in SyntaxError: expected ':' (line 1): nothing was defined"),
        ("import torch\ndef first():\n    return 1", "ended in ImportError: torch is not available"),
        ("1 / 0\ndef first():\n    return 1", "ended in ZeroDivisionError: division by zero: nothing was defined"),
        ("def second():\n    return 1", "does not define it: the name must stay as it was given"),
        (None, "is missing from the notebook"),
    ],
    ids=["no-python", "refused-import", "exception", "renamed", "missing"],
)
def test_check_of_a_cell_that_did_not_run_says_why(grade, answer, said):
    check = "found = [\n    *[\n        first()\n    ]\n]\nfound"
    outputs, _ = grade(answer, check)
    (error,) = outputs["check-first"]
    assert error["evalue"].startswith(f"the cell of first {said}")
    assert error["traceback"] == [f"NotDefined: {error['evalue']}"]
    assert not outputs["check-second"]


def test_pictures_of_many_cells_do_not_fill_the_graders_memory(sandboxes, judge):
    sandboxes.settings = SandboxSettings()
    picture = "from IPython.display import Image\nImage(b'\\x89PNG\\r\\n\\x1a\\n' + bytes(1_400_000))"
    release = notebook(code("first", FIRST, solution=True), code("check-first", "assert first() == 1", grade=True))
    given = [SubmittedCell("code", picture, "", "", {}) for _ in range(15)]
    rebuilt = rebuild(release, [*given, SubmittedCell("code", "def first():\n    return 1", "", "first", {})])
    folder = WorkingFolder({})
    grade_notebook(
        rebuilt.notebook["cells"], rebuilt.roles, {}, learner="one", files={}, folder=Path(folder.path),
        sandboxes=sandboxes, judge=judge, warn=print,
    )  # fmt: skip
    folder.close()
    cells = rebuilt.notebook["cells"]
    assert "image/png" in json.dumps(cells[0]["outputs"]) and len(json.dumps(cells)) < 22_000_000
    assert "more than 20 MB of output" in json.dumps(cells[14]["outputs"]) and cells[-1]["outputs"] == []


def test_line_without_a_word_is_not_shown(grade):
    outputs, _ = grade("def first():\n    return 1", "[\n    *[\n        first() / 0 for _ in range(1)\n    ]\n]")
    (error,) = outputs["check-first"]
    assert error["traceback"] == ["ZeroDivisionError: division by zero"]
