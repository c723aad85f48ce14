"""Grading a class by ``classroom grade``: what nbgrader would have written, whatever happens in the middle."""

import contextlib
import json
import os
import pty
import re
import shutil
import signal
import sqlite3
import subprocess
import time
import zipfile
from datetime import datetime
from pathlib import Path

import psutil
import pytest
from nbgrader.api import Comment, Grade, Gradebook, SubmittedAssignment, SubmittedNotebook
from sqlalchemy import select

import postgres
from course import BIN, CONFIG, Course, code, notebook

SLUG = "ps1"
LIMITS = """
c.SandboxSettings.call_seconds = 2
c.SandboxSettings.cell_seconds = 5
c.LateSubmissionPlugin.penalty_method = "zero"
"""
RIGHT = {"double": "def double(x):\n    return 2 * x", "essay": "Because."}
ESSAY = {
    "cell_type": "markdown", "id": "essay", "source": "Why?",
    "metadata": {"nbgrader": {"grade": True, "grade_id": "essay", "locked": False, "points": 2, "schema_version": 3,
                              "solution": True, "task": False}},
}  # fmt: skip
# Who hands in what: answers by cell for each notebook, and when; nothing for a notebook that is missing.
CLASS = {
    "right": ({"first": RIGHT, "second": RIGHT}, "2026-01-01 10:00:00 UTC"),
    "wrong": ({"first": RIGHT | {"double": "def double(x):\n    return 3 * x"}, "second": RIGHT}, None),
    "crashes": ({"first": {"double": "raise ValueError('lost')"}, "second": RIGHT}, None),
    "exits": ({"first": {"double": "import os\nos._exit(0)"}, "second": RIGHT}, None),
    "loops": ({"first": RIGHT | {"double": "def double(x):\n    while True:\n        pass"}, "second": RIGHT}, None),
    "empty": ({"first": {}, "second": {}}, None),
    "late": ({"first": RIGHT, "second": RIGHT}, "2026-03-01 10:00:00 UTC"),
    "half": ({"second": RIGHT}, "2026-01-02 10:00:00 UTC"),
    "Zoë Ångström": ({"first": RIGHT, "second": RIGHT}, None),
}
EXPECTED = {
    "right": 6, "wrong": 4, "crashes": 3, "exits": 3, "loops": 3, "empty": 0, "late": 6, "half": 3, "Zoë Ångström": 6
}  # fmt: skip


def source(title: str) -> dict:
    """Return a source notebook: one function, a visible and a hidden check, an essay."""
    return notebook(
        code("double", f"### BEGIN SOLUTION\n{RIGHT['double']}\n### END SOLUTION", solution=True),
        code(
            "check-double",
            f"import random\ndrawn = random.Random(7).random()\nprint({title!r}, drawn)\n"
            "points = 1 * (double(0) == 0) + 1 * (double(2) == 4)\n### BEGIN HIDDEN TESTS\n"
            "points += 1 * (double(5) == 10)\n### END HIDDEN TESTS\npoints",
            grade=True,
            points=3,
        ),
        ESSAY,
    )


def make_course(root: Path, extra: str = "", *, many: int = 0) -> Course:
    """Return a course whose class has handed in."""
    course = Course(root, CONFIG + LIMITS + extra)
    for name in ("first", "second"):
        course.write_source(SLUG, name, source(name))
    (root / "source" / SLUG / "data.txt").write_text("of all", encoding="utf-8")
    made = course.nbgrader("generate_assignment", SLUG)
    assert made.returncode == 0, made.stderr
    with open_gradebook(course) as gradebook:
        gradebook.update_or_create_assignment(SLUG, duedate=datetime(2026, 2, 1))
    for learner, (parts, when) in CLASS.items():
        hand_in(course, learner, parts, when)
    for number in range(many):
        hand_in(course, f"more-{number:02}", {"first": RIGHT, "second": RIGHT if number % 2 else {}}, None)
    return course


def hand_in(course: Course, learner: str, parts: dict[str, dict[str, str]], when: str | None) -> None:
    """Hand in a learner's notebooks, a file beside them, and a page that a browser would run."""
    for name, answers in parts.items():
        path = course.hand_in(learner, SLUG, name, course.answered(SLUG, name, answers))
    (path.parent / "own.txt").write_text(learner, encoding="utf-8")
    (path.parent / "page.html").write_text("<script>window.ACTIVE=1</script>", encoding="utf-8")
    if when:
        (path.parent / "timestamp.txt").write_text(when, encoding="utf-8")


def url_of(course: Course) -> str:
    """Return the address of a course's gradebook."""
    return getattr(course, "url", f"sqlite:///{course.root / 'gradebook.db'}")


def open_gradebook(course: Course) -> Gradebook:
    """Return a course's gradebook."""
    return Gradebook(url_of(course), "another-course")


def start(course: Course, *options: str) -> subprocess.Popen:
    """Start ``classroom grade`` in the course's folder."""
    scratch = course.root.parent / "scratch"
    scratch.mkdir(exist_ok=True)
    return subprocess.Popen(
        # A shell starts what runs in its background with SIGINT ignored, and a child keeps that.
        ["env", "--default-signal=INT", str(BIN / "classroom"), "grade", SLUG, *options],
        cwd=course.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env=os.environ | {"TMPDIR": str(scratch)},
    )  # fmt: skip


def grade(course: Course, *options: str) -> subprocess.CompletedProcess:
    """Run ``classroom grade`` and return what came of it."""
    process = start(course, *options)
    out, error = process.communicate(timeout=600)
    return subprocess.CompletedProcess([], process.returncode, out, error)


def recorded(course: Course) -> dict[str, list]:
    """Return all that the gradebook has of submissions."""
    with open_gradebook(course) as gradebook:
        rows = {
            "submissions": [
                (s.student.id, s.timestamp, s.extension, s.score)
                for s in gradebook.db.scalars(select(SubmittedAssignment))
            ],
            "notebooks": [
                (n.student.id, n.name, n.late_submission_penalty, n.flagged)
                for n in gradebook.db.scalars(select(SubmittedNotebook))
            ],
            "grades": [
                (
                    g.student.id,
                    g.notebook.name,
                    g.name,
                    g.auto_score,
                    g.manual_score,
                    g.extra_credit,
                    g.needs_manual_grade,
                )
                for g in gradebook.db.scalars(select(Grade))
            ],
            "comments": [
                (c.student.id, c.notebook.name, c.name, c.auto_comment, c.manual_comment)
                for c in gradebook.db.scalars(select(Comment))
            ],
        }
    return {kind: sorted(found, key=repr) for kind, found in rows.items()}


def files(course: Course) -> dict[str, tuple[int, bytes]]:
    """Return mode and content of all that lies in ``autograded/``."""
    folder = course.root / "autograded"
    return {
        str(path.relative_to(folder)): (path.stat().st_mode & 0o777, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def scores(course: Course) -> dict[str, float]:
    """Return each learner's score, counted once for each row that the gradebook has."""
    rows = recorded(course)
    assert len({row[:3] for row in rows["grades"]}) == len(rows["grades"])
    return {row[0]: row[3] for row in rows["submissions"]}


def grade_by_hand(course: Course) -> None:
    """Give a manual score, extra credit and a comment, and an extension, as formgrader does."""
    with open_gradebook(course) as gradebook:
        essay = gradebook.find_grade("essay", "first", SLUG, "right")
        essay.manual_score, essay.needs_manual_grade = 1.5, False
        gradebook.find_grade("check-double", "first", SLUG, "wrong").extra_credit = 0.5
        gradebook.find_comment("essay", "first", SLUG, "right").manual_comment = "Say more."
        gradebook.db.commit()
        gradebook.grant_extension(SLUG, "half", days=3)


@pytest.fixture(scope="module")
def pair(tmp_path_factory, requires_program):
    """Return a course graded by nbgrader and its copy graded by ``classroom grade``."""
    requires_program("bwrap")
    folder = tmp_path_factory.mktemp("pair")
    theirs = make_course(folder / "theirs" / "course")
    shutil.copytree(theirs.root, folder / "ours" / "course")
    ours = Course(folder / "ours" / "course", CONFIG + LIMITS)
    ran = theirs.nbgrader("autograde", SLUG)
    assert ran.returncode == 0, ran.stderr
    ours.ran = grade(ours, "--workers", "2", "--json")
    assert ours.ran.returncode == 0, ours.ran.stderr
    return theirs, ours


def test_gradebook_and_notebooks_are_those_of_nbgrader(pair):
    theirs, ours = pair
    assert recorded(ours) == recorded(theirs)
    assert files(ours) == files(theirs)
    assert {Path(name).name for name in files(ours)} >= {"own.txt"} and "page.html" not in str(files(ours).keys())
    assert scores(ours) == EXPECTED


def test_events_tell_each_submission_once(pair):
    events = [json.loads(line) for line in pair[1].ran.stdout.splitlines()]
    told = {event["learner"]: event["score"] for event in events if event["event"] == "graded"}
    assert told == EXPECTED
    assert [event["done"] for event in events if event["event"] == "graded"] == list(range(1, len(CLASS) + 1))
    assert events[0] == {"event": "begin", "assignment": SLUG, "total": len(CLASS), "graded_before": 0, "workers": 2}
    assert events[-1] == {"event": "end", "graded": len(CLASS), "refused": 0, "changes": None}


def test_regrade_keeps_what_people_gave_and_repeats_the_seeds(pair):
    theirs, ours = pair
    before = files(ours)
    for course in pair:
        grade_by_hand(course)
    forced = theirs.nbgrader("autograde", SLUG, "--force")
    assert forced.returncode == 0, forced.stderr
    ran = grade(ours, "--workers", "2", "--regrade")
    assert ran.returncode == 0, ran.stderr
    assert "No score has changed" in ran.stderr
    assert recorded(ours) == recorded(theirs)
    assert files(ours) == files(theirs) == before
    assert b"first 0.32" in b"".join(text for _, text in before.values())


def test_work_handed_in_anew_is_graded_and_nothing_else_is(pair):
    _, ours = pair
    hand_in(ours, "empty", {"first": RIGHT, "second": {}}, None)
    try:
        ran = grade(ours, "--json", "--workers", "1")
        assert ran.returncode == 0, ran.stderr
        events = [json.loads(line) for line in ran.stdout.splitlines()]
        assert [event["learner"] for event in events if event["event"] == "graded"] == ["empty"]
        assert scores(ours)["empty"] == 3
    finally:
        hand_in(ours, "empty", {"first": {}, "second": {}}, None)
        assert grade(ours, "--workers", "1").returncode == 0


def test_corrected_check_shows_scores_before_and_after(pair):
    _, ours = pair
    for name in ("first", "second"):
        lenient = source(name)
        lenient["cells"][1]["source"] = lenient["cells"][1]["source"].replace("double(0) == 0", "True")
        ours.write_source(SLUG, name, lenient)
    stale = grade(ours, "--regrade", "--workers", "1")
    assert stale.returncode == 1 and "nbgrader generate_assignment ps1" in stale.stderr
    made = ours.nbgrader("generate_assignment", SLUG, "--force")
    assert made.returncode == 0, made.stderr
    own = ours.root / "submitted" / "right" / SLUG / "first.ipynb"
    own.write_text(own.read_text(encoding="utf-8").replace("double(2) == 4", "double(2) in (4, 6)"), encoding="utf-8")
    ran = grade(ours, "--regrade", "--workers", "2")
    assert ran.returncode == 0, ran.stderr
    assert "No score has changed" in ran.stderr
    # All have the check as it was, and one has put in another.
    most = f"first: the cell check-double has changed since {len(CLASS) - 2} of {len(CLASS)} learners"
    for told in (ran, ours.nbgrader("autograde", SLUG, "--force")):
        assert told.returncode == 0 and told.stderr.count("the released one counts") == 3, told.stderr
        assert most in told.stderr
        assert "right: first: the cell check-double was changed: the released one counts" in told.stderr
    longer = source("second")
    longer["cells"].append(code("check-more", "1 + 1", grade=True, points=1))
    ours.write_source(SLUG, "second", longer)
    refused = grade(ours, "--regrade", "--workers", "1")
    assert refused.returncode == 1 and "check-more of ps1 is not in the gradebook" in refused.stderr
    assert "make release" in refused.stderr
    ours.write_source(SLUG, "second", lenient)
    generous = source("second")
    generous["cells"][1]["source"] = generous["cells"][1]["source"].replace("double(2) == 4", "double(2) == 6")
    ours.write_source(SLUG, "first", generous)
    assert ours.nbgrader("generate_assignment", SLUG, "--force").returncode == 0
    ran = grade(ours, "--regrade", "--workers", "2")
    assert "wrong: 4.5 before, 5.5 after" in ran.stderr
    assert "right: 7.5 before, 6.5 after" in ran.stderr


# --- what may happen in the middle ----------------------------------------------------------------------------------


def expected(many: int) -> dict[str, float]:
    """Return the scores of a class with some more learners."""
    return EXPECTED | {f"more-{number:02}": 6 if number % 2 else 3 for number in range(many)}


def wait_for(process: subprocess.Popen, count: int) -> list[dict]:
    """Return the events up to the one that tells of the ``count``-th submission."""
    events = []
    for line in process.stdout:
        events.append(json.loads(line))
        if events[-1].get("done") == count:
            return events
    raise AssertionError(process.stderr.read())


def workers_of(process: subprocess.Popen) -> list[psutil.Process]:
    """Return the worker processes of a run: those that the server of forks has made."""
    children = psutil.Process(process.pid).children()
    servers = [child for child in children if any("forkserver" in part for part in child.cmdline())]
    return [worker for server in servers for worker in server.children()]


def test_killed_worker_and_killed_run_lose_nothing(tmp_path, requires_program):
    requires_program("bwrap")
    course = make_course(tmp_path / "course", many=8)
    process = start(course, "--workers", "2", "--json")
    wait_for(process, 3)
    workers_of(process)[0].kill()
    wait_for(process, 7)
    ours = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.communicate()
    # Whatever it had started ends by itself.
    assert not psutil.wait_procs(ours, timeout=60)[1]
    half = scores(course)
    assert 7 <= len(half) < len(expected(8))
    assert half.items() <= expected(8).items()
    with open(course.root / ".classroom" / f"{SLUG}.jsonl", "a", encoding="utf-8") as journal:
        journal.write('{"learner": "more-0')
    ran = grade(course, "--workers", "2", "--resume", "--json")
    assert ran.returncode == 0, ran.stderr
    assert scores(course) == expected(8)
    begun = json.loads(ran.stdout.splitlines()[0])
    assert begun["graded_before"] >= 6
    assert {path.name for path in (course.root / "autograded").iterdir()} == set(expected(8))
    again = grade(course, "--resume")
    assert again.returncode == 0 and "0 to grade" in again.stderr
    # All that either run left lies in its scratch folder; the second has cleared up after the first.
    assert not list((tmp_path / "scratch").iterdir())
    for top in ("memory", "pids", "."):
        assert not list(Path("/sys/fs/cgroup", top).glob(f"classroom-{process.pid}-*"))
    assert not list(Path("/tmp").glob(f"classroom-workers-{process.pid}-*"))


def test_interrupted_regrade_goes_on_and_still_knows_the_scores_before(tmp_path, requires_program):
    requires_program("bwrap")
    course = make_course(tmp_path / "course", many=16)
    process = start(course, "--workers", "2", "--regrade", "--json")
    wait_for(process, 4)
    os.killpg(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=120)
    assert process.returncode == 130, error
    assert "Traceback" not in error
    ordinary = grade(course, "--workers", "1")
    assert ordinary.returncode == 1 and "--resume" in ordinary.stderr
    ran = grade(course, "--workers", "2", "--resume", "--json")
    assert ran.returncode == 0, ran.stderr
    end = json.loads(ran.stdout.splitlines()[-1])
    assert {row["learner"]: (row["before"], row["after"]) for row in end["changes"]} == {
        learner: (None, score) for learner, score in expected(16).items()
    }


def test_full_disk_is_said_and_gone_on_from(tmp_path, requires_program):
    requires_program("bwrap")
    if os.geteuid() != 0:
        pytest.skip("only root mounts a small disk")
    course = make_course(tmp_path / "made", many=6)
    small = tmp_path / "small"
    small.mkdir()
    script = f"""
    mount -t tmpfs -o size=4m none {small}
    cp -r {course.root} {small}/course
    cd {small}/course
    head -c $(($(df --output=avail -B1 . | tail -1) - 200000)) /dev/zero > ballast
    {BIN}/classroom grade {SLUG} --workers 2; echo "status $?"
    rm ballast
    {BIN}/classroom grade {SLUG} --workers 2 --resume; echo "status $?"
    cp gradebook.db {tmp_path}/gradebook.db
    ls autograded | wc -l
    """
    ran = subprocess.run(["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True, timeout=600)
    assert ran.stdout.split("\n")[:3] == ["status 1", "status 0", str(len(expected(6)))], ran.stderr
    assert "The disk is full" in ran.stderr and "Traceback" not in ran.stderr
    shutil.copy(tmp_path / "gradebook.db", course.root / "gradebook.db")
    assert scores(course) == expected(6)


@contextlib.contextmanager
def cluster(folder: Path):
    """Yield the address of a scheduler with two workers, each a process of its own."""
    file = folder / "scheduler.json"
    dask = [str(BIN / "dask")]
    quiet = {"cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    processes = [
        subprocess.Popen(
            [*dask, "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file)],
            **quiet,
        )
    ]
    try:
        deadline = time.monotonic() + 120
        while not (file.exists() and file.read_text()) and time.monotonic() < deadline:
            time.sleep(0.2)
        address = json.loads(file.read_text())["address"]
        for number in range(2):
            scratch = folder / f"worker-{number}"
            command = [*dask, "worker", address, "--nthreads", "1", "--no-dashboard", "--local-directory", str(scratch)]
            processes.append(subprocess.Popen(command, **quiet))
        yield address
    finally:
        for process in reversed(processes):
            process.terminate()
        for process in processes:
            process.wait(60)


def test_cluster_and_postgresql_that_drops_the_connection(tmp_path, requires_program):
    requires_program("bwrap")
    if postgres.programs() is None:
        requires_program("initdb")
    with postgres.postgres() as server, cluster(tmp_path) as address:
        Course.url = server.url
        try:
            course = make_course(tmp_path / "course", f"c.CourseDirectory.db_url = {server.url!r}\n", many=6)
            process = start(course, "--scheduler", address, "--json")
            wait_for(process, 4)
            server.tell(
                "postgres",
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'gradebook'",
            )
            wait_for(process, 7)
            server.control("-m", "immediate", "restart")
            _, error = process.communicate(timeout=300)
            assert process.returncode == 0, error
            assert scores(course) == expected(6)
            assert not (course.root / "gradebook.db").exists()
            ran = grade(course, "--scheduler", address, "--regrade")
            assert ran.returncode == 0 and "No score has changed" in ran.stderr, ran.stderr
        finally:
            del Course.url


# --- bad input ------------------------------------------------------------------------------------------------------


@pytest.fixture
def small(pair, tmp_path):
    """Return a fresh copy of the course, where nothing is graded."""
    shutil.copytree(pair[0].root, tmp_path / "course", ignore=shutil.ignore_patterns("autograded"))
    return Course(tmp_path / "course", CONFIG + LIMITS)


def everything(folder: Path) -> dict[str, bytes]:
    """Return the content of all files below a folder."""
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"}


def spoil_nothing(course: Course) -> None:
    """Leave the course as it is."""


def hand_in_nothing(course: Course) -> None:
    """Let nobody hand in."""
    shutil.rmtree(course.root / "submitted")


def write_odd_id(course: Course) -> None:
    """Give a learner an id that is no name for a file."""
    (course.root / "submitted" / "a:b" / SLUG).mkdir(parents=True)


def truncate_zip(course: Course) -> None:
    """Write half a zip file."""
    (course.root / "class.zip").write_bytes(b"PK\x03\x04 and no more")


def take_others_gradebook(course: Course) -> None:
    """Let the gradebook be another course's."""
    with contextlib.closing(sqlite3.connect(course.root / "gradebook.db")) as base, base:
        base.execute("UPDATE course SET id = 'algebra' WHERE id = 'another-course'")


def take_newer_gradebook(course: Course) -> None:
    """Let a newer nbgrader have made the gradebook."""
    with contextlib.closing(sqlite3.connect(course.root / "gradebook.db")) as base, base:
        base.execute("UPDATE alembic_version SET version_num = 'f00f00f00f00'")


def take_no_gradebook(course: Course) -> None:
    """Put something else where the gradebook is."""
    (course.root / "gradebook.db").write_text("These are my notes, which are long enough. " * 50)


@pytest.mark.parametrize(
    ("spoil", "options", "sentence"),
    [
        (hand_in_nothing, (), "Nothing was handed in at"),
        (spoil_nothing, ("--submitted", "elsewhere"), "Nothing was handed in at"),
        (write_odd_id, (), "'a:b' has the character ':'"),
        (truncate_zip, ("--zip", "class.zip"), "class.zip"),
        (take_others_gradebook, (), "belongs to the course algebra, and this one is another-course"),
        (take_newer_gradebook, (), "has the form f00f00f00f00, which this nbgrader does not know"),
        (take_no_gradebook, (), "cannot be read: file is not a database"),
        (spoil_nothing, ("--scheduler", "tcp://127.0.0.1:1"), "No scheduler answers at 'tcp://127.0.0.1:1'"),
        (spoil_nothing, ("--scheduler", "nonsense://x"), "No scheduler answers at 'nonsense://x'"),
        (spoil_nothing, ("--scheduler", "tcp://127.0.0.1:1", "--workers", "2"), "Drop one"),
    ],
    ids=lambda value: getattr(value, "__name__", "-"),
)
def test_bad_input_is_one_sentence_and_changes_nothing(small, spoil, options, sentence):
    spoil(small)
    before = everything(small.root)
    ran = grade(small, *options)
    assert ran.returncode == 1, ran.stderr
    lines = [line for line in ran.stderr.splitlines() if line]
    assert len(lines) == 1 and sentence in lines[0], ran.stderr
    assert everything(small.root) == before


@pytest.mark.parametrize("name", ["ps9", "ps1/", ".."])
def test_unknown_assignment_is_one_sentence(pair, name):
    ran = subprocess.run(
        [str(BIN / "classroom"), "grade", name], cwd=pair[0].root, capture_output=True, text=True, timeout=300
    )
    assert ran.returncode == 1 and ran.stderr.count("\n") == 1
    assert f"There is no assignment {name!r}" in ran.stderr and "(there are: ps1)" in ran.stderr


def test_unreadable_submission_is_said_and_the_rest_is_graded(small):
    for learner in list(CLASS)[1:]:
        shutil.rmtree(small.root / "submitted" / learner)
    small.hand_in("broken", SLUG, "first", "no notebook")
    small.hand_in("other", SLUG, "third", small.answered(SLUG, "first", RIGHT))
    linked = small.hand_in("linked", SLUG, "first", small.answered(SLUG, "first", RIGHT))
    (linked.parent / "link.txt").symlink_to("/etc/passwd")
    with contextlib.chdir(small.hand_in("deep", SLUG, "first", small.answered(SLUG, "first", RIGHT)).parent):
        for _ in range(1500):
            os.mkdir("x")
            os.chdir("x")
    ran = grade(small, "--workers", "1")
    # Python's own way to remove it is not deep enough.
    subprocess.run(["rm", "-r", str(small.root / "submitted" / "deep")], check=True)
    assert ran.returncode == 1, ran.stderr
    for learner, sentence in (
        ("broken", "it is not JSON"), ("other", "none of the notebooks of ps1: first, second"), ("linked", "link"),
        ("deep", "lies more than 20 folders deep"),
    ):  # fmt: skip
        assert any(f"Not graded: {learner}: " in line and sentence in line for line in ran.stderr.splitlines())
    assert "1 graded, 4 not graded" in ran.stderr
    assert {path.name for path in (small.root / "autograded").iterdir()} == {"right"}


def test_file_in_the_way_of_an_instructors_is_said_and_the_rest_is_graded(small):
    for learner in CLASS.keys() - {"right", "half", "late"}:
        shutil.rmtree(small.root / "submitted" / learner)
    for folder in ("source", "release"):
        (small.root / folder / SLUG / "numbers").mkdir()
        (small.root / folder / SLUG / "numbers" / "one.txt").write_text("1", encoding="utf-8")
    (small.root / "submitted" / "right" / SLUG / "numbers").write_text("mine", encoding="utf-8")
    deep = small.root / "submitted" / "late" / SLUG / "data.txt" / "of" / "mine.txt"
    deep.parent.mkdir(parents=True)
    deep.write_text("mine", encoding="utf-8")
    for ran in (grade(small, "--workers", "1"), small.nbgrader("autograde", SLUG, "--force")):
        assert ran.returncode == 1 and "Traceback" not in ran.stderr, ran.stderr
        for learner, sentence in (
            ("right", "numbers is a file, and the exercise has a folder of that name. Rename it."),
            ("late", "data.txt is a folder, and the exercise has a file of that name. Rename it."),
        ):
            lines = [line for line in ran.stderr.splitlines() if f"submitted/{learner}/{SLUG}: {sentence}" in line]
            assert len(lines) == 1 and "Not graded: " in lines[0], ran.stderr
        assert {path.name for path in (small.root / "autograded").iterdir()} == {"half"}


def test_ids_that_differ_in_capital_letters_alone_stop_nobody_else(small):
    for learner in CLASS.keys() - {"right", "half"}:
        shutil.rmtree(small.root / "submitted" / learner)
    hand_in(small, "Right", CLASS["right"][0], None)
    # The second run finds the others graded, and says it again.
    for graded in (1, 0):
        ran = grade(small, "--workers", "1")
        assert ran.returncode == 1, ran.stderr
        for learner in ("Right", "right"):
            assert f"Not graded: {learner}: The learners' ids 'Right' and 'right' differ only in capital" in ran.stderr
        assert f"{graded} graded, 2 not graded" in ran.stderr
        assert {path.name for path in (small.root / "autograded").iterdir()} == {"half"}


def test_zip_file_is_collected_and_graded(small):
    shutil.rmtree(small.root / "submitted")
    with zipfile.ZipFile(small.root / "class.zip", "w") as archive:
        for learner, (parts, _) in (("Zoë Ångström", CLASS["late"]), ("crashes", CLASS["crashes"])):
            for name, answers in parts.items():
                text = json.dumps(small.answered(SLUG, name, answers))
                archive.writestr(f"{learner}/{name} (1).ipynb", text)
        archive.writestr("read-me.txt", b"of nobody")
    ran = grade(small, "--zip", "class.zip", "--workers", "2")
    assert ran.returncode == 0, ran.stderr
    assert "2 graded" in ran.stderr and "read-me.txt" in ran.stderr
    assert {path.name for path in (small.root / "autograded").iterdir()} == {"Zoë Ångström", "crashes"}
    assert {learner: scores(small)[learner] for learner in ("Zoë Ångström", "crashes")} == {
        "Zoë Ångström": 6,
        "crashes": 3,
    }
    again = grade(small, "--zip", "class.zip", "--workers", "1")
    assert again.returncode == 0 and "0 graded" in again.stderr, again.stderr


def test_terminal_has_a_bar_with_rate_and_time_left(small):
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [str(BIN / "classroom"), "grade", SLUG, "--workers", "2"],
        cwd=small.root, stdin=theirs, stdout=theirs, stderr=theirs, env=os.environ | {"TERM": "xterm", "COLUMNS": "90"},
    ) as process:  # fmt: skip
        os.close(theirs)
        shown = b""
        # The last end of a terminal that closes is an error on Linux.
        with contextlib.suppress(OSError):
            while piece := os.read(ours, 65536):
                shown += piece
    os.close(ours)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    assert process.returncode == 0, text
    assert re.search(r"ps1 \S+ 9/9 \d+ a minute 0:00:00", text), text
    assert "9 graded" in text
