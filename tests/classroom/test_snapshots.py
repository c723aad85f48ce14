"""Each check meets the learner's notebook as it was at its place, whenever its snapshot is taken."""

from pathlib import Path

import pytest

from classroom.grading import JudgeServer, Sandboxes, WorkingFolder, grade_notebook, plan
from classroom.rebuild import SubmittedCell, rebuild
from classroom.sandbox import Inside, SandboxSettings
from course import code, grade_id, notebook

NAMES = ("first", "second", "third")


@pytest.fixture(scope="module")
def grade(requires_program):
    """Return a function that grades three answers, each with a check after it, and returns the errors of the checks."""
    requires_program("bwrap")
    sandboxes, judge, folder = Sandboxes(SandboxSettings(call_seconds=5.0)), JudgeServer(), WorkingFolder({})

    def run(answers: list[str], checks: list[str]) -> list[str]:
        built = rebuilt(answers, checks)
        grade_notebook(
            built.notebook["cells"], built.roles, {}, learner=object(), files={}, folder=Path(folder.path),
            sandboxes=sandboxes, judge=judge, warn=lambda text: None,
        )  # fmt: skip
        return [
            next((output["ename"] for output in cell["outputs"] if output["output_type"] == "error"), "")
            for cell in built.notebook["cells"]
            if str(grade_id(cell)).startswith("check")
        ]

    yield run
    folder.close()
    judge.close()
    sandboxes.close()


def rebuilt(answers: list[str], checks: list[str]):
    """Return a notebook with these answers and checks in turn."""
    cells = []
    for name, check in zip(NAMES, checks, strict=True):
        cells.append(code(name, f"def {name}():\n    raise NotImplementedError()", solution=True))
        cells.append(code(f"check-{name}", check, grade=True, points=1))
    given = [SubmittedCell("code", text, "", name, {}) for name, text in zip(NAMES, answers, strict=True)]
    return rebuild(notebook(*cells), given)


PLAIN = [f"def {name}():\n    return {number}" for number, name in enumerate(NAMES)]
EQUAL = [f"assert {name}() == {number}" for number, name in enumerate(NAMES)]


@pytest.mark.parametrize(
    ("answers", "checks", "errors"),
    [
        pytest.param(PLAIN, EQUAL, ["", "", ""], id="plain"),
        pytest.param(
            [PLAIN[0], "def first():\n    return 9\n" + PLAIN[1], PLAIN[2]], EQUAL, ["", "", ""], id="redefined"
        ),
        pytest.param(
            ["def first():\n    return second() - 1", *PLAIN[1:]], EQUAL, ["NameError", "", ""], id="needs-a-later-one"
        ),
        pytest.param(
            ["def first():\n    return int('second' in globals())", *PLAIN[1:]], EQUAL, ["", "", ""], id="looks-for-one"
        ),
        pytest.param(
            ["count = [0]\ndef first():\n    return count[0]", "count[0] = 5\n" + PLAIN[1], PLAIN[2]],
            EQUAL,
            ["", "", ""],
            id="state-changed-later",
        ),
        pytest.param(
            [
                "kept = []\ndef first():\n    kept.append(1)\n    return 0",
                "def second():\n    return len(kept) + 1",
                PLAIN[2],
            ],
            EQUAL,
            ["", "", ""],
            id="nothing-that-a-check-did-is-seen-by-the-next",
        ),
        pytest.param(
            ["import os\ndef first():\n    os._exit(0)", *PLAIN[1:]],
            EQUAL,
            ["LearnerGone", "", ""],
            id="call-that-ends-it",
        ),
        pytest.param(
            [*PLAIN[:2], "import os\ndef third():\n    os._exit(0)"],
            EQUAL,
            ["", "", "LearnerGone"],
            id="last-call-ends-it",
        ),
        pytest.param(
            [PLAIN[0], "import os\nos._exit(0)", PLAIN[2]], EQUAL, ["", "NameError", ""], id="cell-that-ends-it"
        ),
        pytest.param([*PLAIN[:2], "def third(:"], EQUAL, ["", "", "NameError"], id="no-python"),
    ],
)
def test_check_meets_the_notebook_as_it_was_at_its_place(grade, answers, checks, errors):
    assert grade(answers, checks) == errors


def test_snapshots_of_plain_functions_are_taken_together_at_the_end(grade, monkeypatch):
    order = []
    for name in ("run", "snapshot", "hand_over"):
        method = getattr(Inside, name)
        monkeypatch.setattr(
            Inside, name, lambda self, *args, name=name, method=method: [order.append(name), method(self, *args)][1]
        )
    assert grade(PLAIN, EQUAL) == ["", "", ""]
    assert order == ["run"] * 3 + ["snapshot"] * 2 + ["hand_over"]
    order.clear()
    assert grade([f"x = 1\n{text}" for text in PLAIN], EQUAL) == ["", "", ""]
    assert order == ["run", "snapshot", "run", "snapshot", "run", "hand_over"]


@pytest.mark.parametrize(
    "second",
    [
        "def second():\n    return 1\nx = 1",
        "def first():\n    return 1",
        "@staticmethod\ndef second():\n    return 1",
        "def second(x=print()):\n    return 1",
        "def second(*, x=[]):\n    return 1",
        "def second(x: print()):\n    return 1",
        "def second(*x: int):\n    return 1",
        "def second() -> print():\n    return 1",
        "class second:\n    pass",
        "async def second():\n    return 1",
        "%time\ndef second():\n    return 1",
        "'a text'",
        "def second(:",
        "",
    ],
)
def test_cell_that_does_more_than_to_define_new_functions_is_not_passed_over(second):
    cells = rebuilt([PLAIN[0], second, PLAIN[2]], EQUAL)
    work = plan(cells.notebook["cells"], cells.roles, {})
    assert sorted(work.inside) == [0, 2, 4]
    assert 2 not in work.calm and {0, 4} <= work.calm


@pytest.mark.parametrize(
    "second",
    [PLAIN[1], "def second(a, b=None, *c, d=1, **e):\n    'Text.'\n    return 1", f"# A remark\n{PLAIN[1]}\n\n"],
)
def test_cell_that_only_defines_new_functions_is_passed_over(second):
    cells = rebuilt([PLAIN[0], second, PLAIN[2]], EQUAL)
    assert plan(cells.notebook["cells"], cells.roles, {}).calm == {0, 2, 4}
