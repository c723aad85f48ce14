"""A class of attackers: none gains an undeserved point, learns what is hidden, or leaves a trace.

The whole class is graded by one ``nbgrader autograde``, honest learners among them.
"""

import hashlib
import html
import json
import os
import re
import socket
import tempfile
from pathlib import Path

import pytest
from hostile_answers import ATTACKS, LISTENER, RIGHT, WRONG
from nbgrader.api import Gradebook

from course import CONFIG, Course, code, markdown, notebook

ASSIGNMENT, NAME = "work", "work"
SETTINGS = """
c.SandboxSettings.cell_seconds = 3
c.SandboxSettings.call_seconds = 2
c.SandboxSettings.check_seconds = 30
c.SandboxSettings.message_size = 16
c.SandboxSettings.memory = 1500
c.SandboxSettings.address_space = 1200
c.SandboxSettings.judge_memory = 1000
"""
# A learner's first notebook leaves what it can for the same learner's second one, which looks for it.
LEAVES = """
import os, threading, time
def work():
    while True:
        for folder in ('/notebook', '/tmp', '/dev/shm'):
            try:
                open(folder + '/left-behind', 'w').close()
            except OSError:
                pass
        time.sleep(0.02)
threading.Thread(target=work).start()
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        work()
"""
LOOKS = """
import glob, os, time
time.sleep(1)
for path in glob.glob('/*/left-behind') + glob.glob('/dev/shm/*'):
    print('REACHED', path)
for pid in set(range(3, 400)) - {os.getpid(), os.getppid()}:
    try:
        os.kill(pid, 0)
        print('REACHED process', pid)
    except OSError:
        pass
"""
POINTS = {"check-double": 5, "check-halves": 4, "check-answer": 3, "check-counter": 2}


def source() -> dict:
    """Return the notebook under attack: plain asserts, numpy.testing, partial credit, hidden tests, a class."""
    return notebook(
        markdown("# Work"),
        code(
            "setup",
            "import numpy as np\nnumbers = np.loadtxt('numbers.csv')\n\n"
            "def same(a, b):\n    return bool(np.allclose(a, b))",
        ),
        code("double", f"### BEGIN SOLUTION\n{RIGHT['double']}\n### END SOLUTION", solution=True),
        code(
            "check-double",
            "np.testing.assert_allclose(double(numbers), 2 * numbers)\n"
            "### BEGIN HIDDEN TESTS\nsecret = np.array([31.25, 77.125])  # HIDDEN-MARKER\n"
            "expected = 2 * secret\nnp.testing.assert_allclose(double(secret), expected)\n### END HIDDEN TESTS",
            grade=True,
            points=5,
        ),
        code("halves", f"### BEGIN SOLUTION\n{RIGHT['halves']}\n### END SOLUTION", solution=True),
        code(
            "check-halves",
            "half, quarter = halves(8.0)\nscore = 0.0\nif same(half, 4.0):\n    score += 2\n"
            "if same(quarter, 2.0):\n    score += 2\nscore",
            grade=True,
            points=4,
        ),
        code("answer", f"### BEGIN SOLUTION\n{RIGHT['answer']}\n### END SOLUTION", solution=True),
        code("check-answer", "assert abs(answer - 42) < 1e-9 and answer == 42", grade=True, points=3),
        code("counter", f"### BEGIN SOLUTION\n{RIGHT['counter']}\n### END SOLUTION", solution=True),
        code(
            "check-counter",
            "counter = Counter()\ncounter.add(3)\nassert counter.add(4) == 7\nassert counter.total == 7",
            grade=True,
            points=2,
        ),
    )


@pytest.fixture(scope="module")
def listener():
    """Listen on a socket of the host's network namespace, which no sandbox may reach."""
    with socket.socket(socket.AF_UNIX) as end:
        end.bind(f"\0{LISTENER}")
        end.listen()
        yield


@pytest.fixture(scope="module")
def course(tmp_path_factory, requires_program, listener):
    """Return a course with a class of attackers and honest learners, graded."""
    requires_program("bwrap")
    course = Course(tmp_path_factory.mktemp("attacks") / "secret-course", CONFIG + SETTINGS)
    course.write_source(ASSIGNMENT, NAME, source())
    (course.root / "source" / ASSIGNMENT / "numbers.csv").write_text("1\n2\n3\n", encoding="utf-8")
    released = course.nbgrader("generate_assignment", ASSIGNMENT)
    assert released.returncode == 0, released.stderr
    for name, attack in ATTACKS.items():
        content = course.answered(ASSIGNMENT, NAME, WRONG | attack.answers, attack.top or None)
        if attack.end:
            content["cells"].append(code(None, attack.end))
        course.hand_in(f"attack-{name}", ASSIGNMENT, NAME, content)
    for name, content in tampered(course).items():
        course.hand_in(f"attack-{name}", ASSIGNMENT, NAME, content)
    for student in ("aa-honest", "attack-m-honest", "zz-honest"):
        course.hand_in(student, ASSIGNMENT, NAME, course.answered(ASSIGNMENT, NAME, RIGHT))
    course.kept = fingerprint(course.root, "source", "release", "submitted")
    course.ran = course.nbgrader("autograde", ASSIGNMENT)
    course.told = course.nbgrader("generate_feedback", ASSIGNMENT)
    course.left = course.left_behind()
    course.after = fingerprint(course.root, "source", "release", "submitted")
    course.table = course.scores(ASSIGNMENT)
    return course


@pytest.fixture(scope="module")
def pair(course):
    """Return the course after an assignment of two notebooks was graded whose first leaves processes and files."""
    for name in ("first", "second"):
        course.write_source("pair", name, source())
    (course.root / "source" / "pair" / "numbers.csv").write_text("1\n2\n3\n", encoding="utf-8")
    assert course.nbgrader("generate_assignment", "pair").returncode == 0
    for name, attack in (("first", LEAVES), ("second", LOOKS)):
        course.hand_in("attack-leaves", "pair", name, course.answered("pair", name, RIGHT, attack))
    ran = course.nbgrader("autograde", "pair")
    assert ran.returncode == 0, ran.stderr
    return course


def test_nothing_is_left_between_a_learners_own_notebooks(pair):
    said = pair.shown("attack-leaves", "pair", "second")
    assert "REACHED" not in said
    with Gradebook(f"sqlite:///{pair.root / 'gradebook.db'}") as gradebook:
        assert gradebook.find_submission("pair", "attack-leaves").score == 2 * sum(POINTS.values())
    assert pair.left_behind() == set()


def tampered(course: Course) -> dict[str, dict]:
    """Return submissions that tamper with cells instead of running anything."""
    found = {}
    for name in ("deleted", "retagged", "duplicated", "emptied", "repointed", "all-metadata-gone"):
        content = course.answered(ASSIGNMENT, NAME, WRONG)
        for cell in list(content["cells"]):
            about = cell["metadata"].get("nbgrader", {})
            if name == "all-metadata-gone":
                cell["metadata"], cell["id"] = {}, f"x{content['cells'].index(cell)}"
            if not about.get("grade"):
                continue
            if name == "deleted":
                content["cells"].remove(cell)
            elif name == "retagged":
                about |= {"grade": False, "solution": True, "locked": False}
                cell["source"] = "5.0"
            elif name == "duplicated":
                content["cells"].append({**cell, "source": "pass", "id": cell["id"] + "-2"})
            elif name == "emptied":
                cell["source"] = ""
                cell["outputs"] = [
                    {
                        "output_type": "execute_result",
                        "data": {"text/plain": "5.0"},
                        "metadata": {},
                        "execution_count": 1,
                    }
                ]
            elif name == "repointed":
                about["points"] = 100
        found[f"cells-{name}"] = content
    content = course.answered(ASSIGNMENT, NAME, WRONG)
    content["metadata"]["kernelspec"] = {"name": "bash", "display_name": "x", "language": "bash"}
    content["metadata"]["widgets"] = {"application/vnd.jupyter.widget-state+json": {"state": {"x": "ACTIVE"}}}
    found["changed-kernel"] = content
    content = course.answered(ASSIGNMENT, NAME, WRONG)
    content["cells"] += [
        markdown("<script>window.ACTIVE=1</script>\n<img src=x onerror='window.ACTIVE=1'>\n[x](javascript:ACTIVE)"),
        {"cell_type": "raw", "metadata": {"format": "text/html"}, "source": "<script>ACTIVE=1</script>", "id": "raw"},
        markdown(
            "![x](attachment:../../x.svg)", attachments={"../../x.svg": {"image/svg+xml": "<svg onload='ACTIVE'/>"}}
        ),
    ]
    found["active-markdown"] = content
    return found


def fingerprint(root: Path, *folders: str) -> dict[str, str]:
    """Return the digest of every file below folders of the course."""
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in folders
        for path in sorted((root / folder).rglob("*"))
        if path.is_file()
    }


STUDENTS = [f"attack-{name}" for name in ATTACKS] + [
    f"attack-cells-{name}"
    for name in ("deleted", "retagged", "duplicated", "emptied", "repointed", "all-metadata-gone")
]
STUDENTS += ["attack-changed-kernel", "attack-active-markdown"]


@pytest.mark.parametrize("student", STUDENTS)
def test_attack_gains_no_point_that_its_code_does_not_deserve(course, student):
    attack = ATTACKS.get(student.removeprefix("attack-"))
    scores = course.table[student]
    assert set(scores) == set(POINTS), course.ran.stderr
    assert None not in scores.values()
    assert sum(scores.values()) == (attack.deserves if attack else 0.0), course.shown(student, ASSIGNMENT, NAME)


@pytest.mark.parametrize("student", STUDENTS)
def test_attack_reaches_nothing(course, student):
    if student == "attack-memory-bomb-of-many-processes" and "No limit on the memory" in course.ran.stderr:
        pytest.skip("there are no cgroups here")
    # A traceback quotes the attack's own text; what was reached is printed.
    cells = course.autograded(student, ASSIGNMENT, NAME)["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", []) if output["output_type"] != "error"]
    said = json.dumps([output for output in outputs if output.get("name") != "stderr"])
    assert "REACHED" not in said


@pytest.mark.parametrize("student", STUDENTS)
def test_attacker_learns_nothing_hidden_from_feedback(course, student):
    page = html.unescape(re.sub(r"<[^>]+>", "", course.feedback(student, ASSIGNMENT, NAME)))
    outputs = course.shown(student, ASSIGNMENT, NAME)
    for text in (page, outputs):
        assert "expected = 2 * secret" not in text and not re.search(r"(?<!\d)(31\.25|77\.125|62\.5|154\.25)", text)
    own_sources = sum(attack_text.count("HIDDEN-MARKER") for attack_text in texts_of(student))
    assert page.count("HIDDEN-MARKER") <= own_sources


def texts_of(student: str) -> list[str]:
    """Return the texts that an attacker wrote."""
    attack = ATTACKS.get(student.removeprefix("attack-"))
    return [attack.top, attack.end, *attack.answers.values()] if attack else []


@pytest.mark.parametrize("student", STUDENTS)
def test_feedback_tells_nothing_of_the_machine(course, student, root):
    outputs = course.shown(student, ASSIGNMENT, NAME)
    for path in (str(course.root), str(root), os.path.expanduser("~") + "/", tempfile.gettempdir() + "/classroom"):
        assert path not in outputs


@pytest.mark.parametrize("student", STUDENTS)
def test_notebook_and_feedback_stay_small(course, student):
    path = course.root / "autograded" / student / ASSIGNMENT / f"{NAME}.ipynb"
    assert path.stat().st_size < 200_000


@pytest.mark.parametrize("student", ["aa-honest", "attack-m-honest", "zz-honest"])
def test_honest_learners_among_attackers_get_full_marks(course, student):
    assert course.table[student] == POINTS


def test_nothing_is_left_behind(course):
    assert course.left == set()


def test_instructors_and_learners_files_are_untouched(course):
    assert course.after == course.kept


@pytest.mark.parametrize(
    ("student", "did"),
    [
        ("kill-parent", "the cell 1 ended "),
        ("fork-bomb", "the cell 1 started as many processes as it may"),
        ("exit-at-once", "the cell halves ended its process"),
        ("exit-in-a-call", "while check-double ran, the learner's code ended its process"),
        ("garbles", "sent the grader something that is no answer"),
    ],
)
def test_attacks_on_processes_are_told_in_one_line(course, student, did):
    found = [line for line in course.ran.stderr.splitlines() if f"/attack-{student}/" in line and "look at" in line]
    assert len(found) == 1 and f"{ASSIGNMENT}/{NAME}.ipynb: look at this work: " in found[0] and did in found[0]


def test_nobody_is_told_to_look_at_honest_learners(course):
    assert not re.search(r"honest/.*look at this work", course.ran.stderr)


def test_autograding_a_class_of_attackers_succeeds(course):
    assert course.ran.returncode == 0, course.ran.stderr
    assert "Traceback" not in course.ran.stderr
    assert course.told.returncode == 0, course.told.stderr


@pytest.mark.parametrize("student", ["attack-escapes-and-scripts", "attack-active-markdown", "attack-forged-outputs"])
def test_nothing_active_reaches_the_page(course, student):
    content = course.autograded(student, ASSIGNMENT, NAME)
    outputs = course.shown(student, ASSIGNMENT, NAME)
    kinds = {kind for cell in content["cells"] for output in cell.get("outputs", []) for kind in output.get("data", {})}
    assert kinds <= {"text/plain", "image/png", "image/jpeg"}
    assert "\x1b" not in outputs and "\\u001b" not in outputs and "\x9b" not in outputs and "\u202e" not in outputs
    prose = "".join("".join(cell["source"]) for cell in content["cells"] if cell["cell_type"] == "markdown")
    assert not re.search(r"<(script|img|svg)|javascript:", prose)
    assert "widgets" not in content["metadata"]
    assert not re.search(r"<script>\s*(window\.)?ACTIVE", course.feedback(student, ASSIGNMENT, NAME))


def test_hidden_inputs_do_not_come_back_in_later_cells(course):
    outputs = course.shown("attack-hidden-inputs-told-later", ASSIGNMENT, NAME)
    assert "no file" in outputs and "TOLD" not in outputs


@pytest.mark.parametrize(
    ("student", "sentence"),
    [
        ("loop-that-swallows-interrupts", "could not be interrupted. It was left out"),
        ("exit-at-once", "take out what does so. It was left out"),
        ("exit-in-a-call", "Your code ended its own process in double, as os._exit"),
        ("call-that-never-returns", "did not finish within 2 seconds"),
        ("call-that-swallows-interrupts", "did not answer within 2 seconds"),
        ("garbles", "sent something that is no answer"),
        ("drips", "did not answer within 2 seconds"),
        ("giant-arrays", "an array of 96 MB is larger than may be passed"),
        ("fake-eq", "cannot be judged"),
        ("handle-whose-call-never-returns", "did not finish within 2 seconds"),
        ("attribute-that-never-comes", "did not finish within 2 seconds"),
        ("giant-numbers", "is larger than may be passed"),
        ("garbles-hugely", "sent something that is no answer"),
        ("drips-whole-messages", "sent something that is no answer"),
        ("crash", "Your code ended its own process in "),
    ],
)
def test_what_went_wrong_is_said_in_a_sentence(course, student, sentence):
    assert sentence in course.shown(f"attack-{student}", ASSIGNMENT, NAME)
