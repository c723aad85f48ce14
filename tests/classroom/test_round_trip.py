"""The whole way by the plain nbgrader commands: release, hand in, autograde, feedback, export."""

import html
import json
import re
from pathlib import Path

import pytest

from classroom.release import source_notebook
from course import Course, grade_id

SLUG, NAME = "06-layer-backward", "layer_backward"
TRANSPOSED = """def linear_backward(dZ, cache):
    X, W, _ = cache
    return dZ @ W.T, (X.T @ dZ).T, dZ.sum(axis=0)
"""
RAISES = """def linear_backward(dZ, cache):
    raise ValueError("I got lost")
"""
CLASS = {"right": {}, "transposed": {"linear-backward": TRANSPOSED}, "raises": {"linear-backward": RAISES}}


@pytest.fixture(scope="module")
def course(tmp_path_factory, requires_program):
    """Return our course with a class of four graded, in a fresh copy where nothing was generated yet."""
    requires_program("bwrap")
    course = Course.ours(tmp_path_factory.mktemp("round-trip") / "course", [SLUG])
    for student, answers in CLASS.items():
        course.hand_in(student, SLUG, NAME, course.solved(SLUG, NAME, answers))
    course.hand_in("empty", SLUG, NAME, course.released(SLUG, NAME))
    for command in ("autograde", "generate_feedback"):
        ran = course.nbgrader(command, SLUG)
        assert ran.returncode == 0, ran.stderr
        assert "Traceback" not in ran.stderr
    return course


def test_right_submission_gets_full_marks(course):
    assert course.totals(SLUG)["right"] == 16


def test_transposed_dW_loses_exactly_the_points_of_dW(course):
    right, wrong = course.scores(SLUG)["right"], course.scores(SLUG)["transposed"]
    assert {name: right[name] - wrong[name] for name in right if wrong[name] != right[name]} == {
        "check-linear-backward": 2.0
    }


def test_empty_submission_gets_nothing(course):
    assert set(course.scores(SLUG)["empty"].values()) == {0.0}


def test_submission_that_raises_loses_only_what_it_broke(course):
    scores = course.scores(SLUG)["raises"]
    assert scores.pop("check-linear-backward") == 0
    assert sum(scores.values()) == 10


def text_of(page: str) -> str:
    """Return the text of a page, without its tags."""
    return html.unescape(re.sub(r"<[^>]+>", "", page))


def test_feedback_contains_the_checkers_sentence_about_dW(course):
    page = text_of(course.feedback("transposed", SLUG, NAME))
    cells = {grade_id(cell): cell for cell in course.autograded("transposed", SLUG, NAME)["cells"]}
    outputs = cells["check-linear-backward"]["outputs"]
    said = "".join("".join(output["text"]) for output in outputs if output["output_type"] == "stream")
    sentence = next(line for line in said.splitlines() if line.startswith("WRONG") and "dW" in line)
    assert len(sentence) > 30 and sentence in page
    assert "I got lost" in text_of(course.feedback("raises", SLUG, NAME))


def test_feedback_never_shows_the_source_of_a_hidden_check(course):
    source = source_notebook(course.root / "solutions" / SLUG / f"{NAME}.md")
    check = next(cell["source"] for cell in source["cells"] if grade_id(cell) == "check-linear-backward")
    visible, _, rest = check.partition("### BEGIN HIDDEN TESTS")
    hidden = {line.strip() for line in rest.partition("### END HIDDEN TESTS")[0].splitlines() if "=" in line}
    shown = {line.strip() for line in visible.splitlines() if "=" in line}
    assert hidden - shown and shown
    for student in ("right", "transposed", "raises", "empty"):
        page = text_of(course.feedback(student, SLUG, NAME))
        assert all(line in page for line in shown)
        assert not [line for line in hidden - shown if line in page]
        assert "HIDDEN TESTS" not in page


def test_instructor_still_sees_the_whole_check_in_formgraders_notebook(course):
    sources = ["".join(cell["source"]) for cell in course.autograded("right", SLUG, NAME)["cells"]]
    assert any("BEGIN HIDDEN TESTS" in source for source in sources)


def test_export_agrees_with_the_gradebook(course):
    rows = {row["student_id"]: float(row["score"]) for row in course.exported()}
    assert rows == course.totals(SLUG)


def test_grading_again_changes_nothing(course):
    before = course.scores(SLUG)
    ran = course.nbgrader("autograde", SLUG, "--force", "--student", "transposed")
    assert ran.returncode == 0, ran.stderr
    assert course.scores(SLUG) == before


def test_feedback_comes_back_through_the_exchange(tmp_path, requires_program):
    requires_program("bwrap")
    course = Course.ours(tmp_path / "course", [SLUG])
    learner, settings = tmp_path / "learner", tmp_path / "settings"
    for folder in (learner, settings, tmp_path / "exchange"):
        folder.mkdir()
    (tmp_path / "exchange").chmod(0o777)
    (settings / "nbgrader_config.py").write_text(
        f"c = get_config()\nc.Exchange.root = {str(tmp_path / 'exchange')!r}\n", encoding="utf-8"
    )

    def run(command: str, *options: str, cwd: Path | None = None) -> None:
        ran = course.nbgrader(command, SLUG, *options, cwd=cwd, JUPYTER_CONFIG_DIR=str(settings))
        assert ran.returncode == 0, ran.stderr

    here = ("--course", "backprop-by-hand")
    run("release_assignment")
    run("fetch_assignment", *here, cwd=learner)
    (learner / SLUG / f"{NAME}.ipynb").write_text(
        json.dumps(course.solved(SLUG, NAME, CLASS["transposed"])), encoding="utf-8"
    )
    run("submit", *here, cwd=learner)
    for command in ("collect", "autograde", "generate_feedback", "release_feedback"):
        run(command)
    run("fetch_feedback", *here, cwd=learner)
    (page,) = (learner / SLUG / "feedback").glob(f"*/{NAME}.html")
    assert "dW" in text_of(page.read_text(encoding="utf-8"))
