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

    warned: list[str] = []

    def run(answers: list[str], checks: list[str], setup: str = "", told: str = "ename") -> list[str]:
        built = rebuilt(answers, checks, setup)
        warned.clear()
        grade_notebook(
            built.notebook["cells"], built.roles, {}, learner=object(), files={}, folder=Path(folder.path),
            sandboxes=sandboxes, judge=judge, warn=warned.append,
        )  # fmt: skip
        return [
            next((output[told] for output in cell["outputs"] if output["output_type"] == "error"), "")
            for cell in built.notebook["cells"]
            if str(grade_id(cell)).startswith("check")
        ]

    run.warned = warned
    yield run
    folder.close()
    judge.close()
    sandboxes.close()


def rebuilt(answers: list[str], checks: list[str], setup: str = ""):
    """Return a notebook with these answers and checks in turn, after a cell of the instructor's."""
    cells = [code("setup", setup)] if setup else []
    for name, check in zip(NAMES, checks, strict=True):
        cells.append(code(name, f"def {name}():\n    raise NotImplementedError()", solution=True))
        cells.append(code(f"check-{name}", check, grade=True, points=1))
    given = [SubmittedCell("code", text, "", name, {}) for name, text in zip(NAMES, answers, strict=True)]
    return rebuild(notebook(*cells), given)


def test_copied_cell_runs_before_the_one_that_counts():
    released = notebook(code("setup", "x = 0"), code("first", "", solution=True), code("second", "", solution=True))
    given = [
        SubmittedCell("code", text, "", name, {}) for text, name in (("1", "first"), ("2", "first"), ("3", "second"))
    ]
    made = rebuild(released, given)
    assert [cell["source"] for cell in made.notebook["cells"]] == ["x = 0", "1", "2", "3"]
    assert [role.kind for role in made.roles] == ["instructor", "added", "solution", "solution"]
    assert any("stands more than once: the last one counts" in remark for remark in made.remarks)


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
            ["ProcessEnded", "", ""],
            id="call-that-ends-it",
        ),
        pytest.param(
            [*PLAIN[:2], "import os\ndef third():\n    os._exit(0)"],
            EQUAL,
            ["", "", "ProcessEnded"],
            id="last-call-ends-it",
        ),
        pytest.param(
            [PLAIN[0], "import os\nos._exit(0)", PLAIN[2]], EQUAL, ["", "NotDefined", ""], id="cell-that-ends-it"
        ),
        pytest.param([*PLAIN[:2], "def third(:"], EQUAL, ["", "", "NotDefined"], id="no-python"),
        pytest.param(
            ["def first(a, a):\n    return 0", "def second():\n    nonlocal a", PLAIN[2]],
            EQUAL,
            ["NotDefined", "NotDefined", ""],
            id="python-until-it-is-compiled",
        ),
    ],
)
def test_check_meets_the_notebook_as_it_was_at_its_place(grade, answers, checks, errors):
    assert grade(answers, checks) == errors


ENDS = "import os\n{}\ndef first():\n    {}\n    return 0"


@pytest.mark.parametrize(
    ("first", "said"),
    [
        (ENDS.format("", "os._exit(0)"), "Your code ended its own process in first, as os._exit"),
        (ENDS.format("os._exit(0)", ""), "nothing was defined by the cell of first: This cell ended the process that"),
        ("def first():\n    exit()", "exit() and quit() end the notebook, so nothing after them would run: take them"),
    ],
    ids=["function", "cell", "exit"],
)
def test_code_that_ends_its_process_is_told_where_and_that_it_must_go(grade, first, said):
    told = grade([first, *PLAIN[1:]], EQUAL, told="evalue")
    assert told[0].startswith(said) and "take" in told[0] and told[1:] == ["", ""]


KILLS = "import os, signal\ndef first():\n    {}\n    return 0"
FORKS = """import os, time
def first():
    try:
        while True:
            if os.fork() == 0:
                time.sleep(60)
    except OSError:
        return 0"""
OTHERS = "while check-first ran, the learner's code ended processes beside its own"


@pytest.mark.parametrize(
    ("first", "error", "did"),
    [
        (KILLS.format("os._exit(0)"), "ProcessEnded", "while check-first ran, the learner's code ended its process"),
        (KILLS.format("os.kill(os.getppid(), signal.SIGKILL)"), "", OTHERS),
        (KILLS.format("os.kill(-1, signal.SIGKILL)\n    os._exit(0)"), "ProcessEnded", OTHERS),
        (FORKS, "", "while check-first ran, the learner's code started as many processes as it may"),
        ("import os\nos._exit(0)", "NotDefined", "the cell first ended its process"),
        (f"{FORKS}\nfirst()", "NotDefined", "the cell first started as many processes as it may"),
        (
            "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\ndef first():\n    return 0",
            "NotDefined",
            "the cell first ended ",
        ),
    ],
    ids=["exit", "parent", "all", "fork", "exit-cell", "fork-cell", "parent-cell"],
)
def test_code_that_ends_processes_costs_other_checks_nothing_and_is_told_of_in_one_line(grade, first, error, did):
    assert grade([first, *PLAIN[1:]], EQUAL) == [error, "", ""]
    (line,) = grade.warned
    assert line.startswith(f"look at this work: {did}") and "may be an accident" in line


@pytest.mark.parametrize(
    "first",
    [
        PLAIN[0],
        "def first():\n    while True:\n        pass",
        "def first():\n    return [bytearray(50_000_000) for _ in range(100)]",
        "import threading\nthreading.Thread(target=print).start()\ndef first():\n    return 0",
        "import os\nif os.fork() == 0:\n    os._exit(0)\nos.wait()\ndef first():\n    return 0",
    ],
    ids=["plain", "loop", "memory", "thread", "fork"],
)
def test_nobody_is_told_to_look_at_honest_work(grade, first):
    grade([first, *PLAIN[1:]], EQUAL)
    assert grade.warned == []


def test_check_that_is_judged_anew_finds_what_another_check_has_bound(grade):
    kills = KILLS.format("os.kill(os.getppid(), signal.SIGKILL)")
    checks = ["assert first() == 0", "wanted = 2", "assert third() == wanted"]
    assert grade([kills, *PLAIN[1:]], checks) == ["", "", ""]


def test_wrong_answer_gains_nothing_by_ending_the_processes_of_others(grade):
    kills = "import os, signal\ndef second():\n    os.kill(-1, signal.SIGKILL)\n    return 7"
    assert grade(["def first():\n    return 9", kills, "def third():\n    return 9"], EQUAL) == [
        "AssertionError",
        "AssertionError",
        "AssertionError",
    ]


@pytest.fixture
def order(monkeypatch):
    """Return a list to which is added what is asked of a notebook's process."""
    order: list[str] = []
    for name in ("run", "snapshot", "hand_over"):
        method = getattr(Inside, name)
        monkeypatch.setattr(
            Inside, name, lambda self, *args, name=name, method=method: [order.append(name), method(self, *args)][1]
        )
    return order


@pytest.mark.parametrize(
    ("answers", "asked"),
    [
        pytest.param(PLAIN, ["run"] * 3 + ["hand_over"], id="one-for-functions-that-leave-nothing-behind"),
        pytest.param(
            ["def first():\n    globals()\n    return 0", *PLAIN[1:]],
            ["run"] * 3 + ["snapshot"] * 2 + ["hand_over"],
            id="together-at-the-end",
        ),
        pytest.param(
            [*PLAIN[:2], f"x = 1\n{PLAIN[2]}"],
            ["run", "run", "snapshot", "run", "hand_over"],
            id="one-for-two-before-a-cell-that-does-more",
        ),
        pytest.param(
            [f"x = 1\n{text}" for text in PLAIN],
            ["run", "snapshot", "run", "snapshot", "run", "hand_over"],
            id="each-at-its-place",
        ),
    ],
)
def test_as_few_snapshots_are_taken_as_will_do(grade, order, answers, asked):
    assert grade(answers, EQUAL) == ["", "", ""]
    assert order == asked


def test_shared_process_that_a_call_ends_costs_only_its_own_check(grade, order):
    crash = "def first():\n    np.lib.stride_tricks.as_strided(np.zeros(1), (10**9,), (8,))[:] = 1.0\n    return 0"
    assert grade([crash, *PLAIN[1:]], EQUAL, "import numpy as np") == ["ProcessEnded", "", ""]
    # The cells run once more, for a snapshot of each state, and then for the check that met the end, alone.
    each = ["run"] * 4 + ["snapshot"] * 2 + ["hand_over"]
    assert order == ["run"] * 4 + ["hand_over"] + each + ["run"] * 2 + ["hand_over"]


def test_endless_loop_in_a_shared_process_costs_its_own_time_only(grade, order):
    loop = "def first():\n    while True:\n        pass"
    assert grade([loop, *PLAIN[1:]], EQUAL) == ["TimeLimit", "", ""]
    assert order == ["run"] * 3 + ["hand_over"]


@pytest.mark.parametrize(
    "body",
    [
        "global x\n    x = 1",
        "first.calls = 1",
        "del np.x",
        "np.random.seed(0)",
        "np.seterr(all='ignore')",
        "first.__dict__['calls'] = 1",
        "getattr(np, 'ran' + 'dom').seed(0)",
        "exec('x = 1')",
        "import os",
        "from os import path",
        "while True:\n        try:\n            pass\n        except BaseException:\n            pass",
        "kept.append(1)",
        "return [kept.append(k) for k in range(3)]",
        "return lambda: other.x",
        "class A:\n        kept.append(1)",
        "second()",
    ],
)
def test_functions_that_may_leave_something_behind_share_nothing(body):
    cells = rebuilt([f"def first():\n    {body}", *PLAIN[1:]], EQUAL, "import numpy as np\nkept = []")
    assert plan(cells.notebook["cells"], cells.roles, {}).alike == set()


@pytest.mark.parametrize(
    "second",
    [
        PLAIN[1],
        "def second():\n    'The next global try: import random.'\n    return np.linalg.norm(np.ones(1))",
        "def second(n=1):\n    return first() + (n if n < 2 else second(n - 1))",
        "def second():\n    n = 0\n    def one():\n        nonlocal n\n        n += 1\n    one()\n    return n",
        "def second():\n    with np.errstate(all='ignore'):\n        k = [1]\n        k[0] += 0\n    return sum(k)",
    ],
)
def test_functions_that_leave_nothing_behind_share_a_process(grade, order, second):
    assert grade([PLAIN[0], second, PLAIN[2]], EQUAL, "import numpy as np\nkept = []") == ["", "", ""]
    assert order == ["run"] * 4 + ["hand_over"]


@pytest.mark.parametrize(
    "third",
    ["first = lambda: 1", "np = None", "import math as np", "def first():\n    return 1", "print(first())", "np += 1"],
)
def test_functions_that_a_later_cell_may_change_share_nothing_from_there_on(third):
    answers = [f"def {name}():\n    return np.sin(0)" for name in NAMES]
    answers[2] = f"{third}\n{answers[2]}"
    cells = rebuilt(answers, EQUAL, "import numpy as np")
    # The checks stand behind the second, the fourth and the sixth of the cells after the first.
    assert plan(cells.notebook["cells"], cells.roles, {}).alike == {2, 4}


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


@pytest.mark.parametrize(
    ("setup", "alike"), [("import numpy as np", {2, 4, 6}), ("import numpy as np\nimport os as np", set())]
)
def test_another_module_under_numpys_name_is_not_numpy(setup, alike):
    cells = rebuilt([f"def {name}():\n    return np.sin(0)" for name in NAMES], EQUAL, setup)
    assert plan(cells.notebook["cells"], cells.roles, {}).alike == alike
