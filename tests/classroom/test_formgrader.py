"""Formgrader's own pages in a real browser, on what the safe autograder has made: read, scored by hand, regraded."""

import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request

import pytest
from nbgrader.api import Gradebook
from playwright.sync_api import sync_playwright

from course import Course, code, grade_id, markdown

SLUG, NAME = "06-layer-backward", "layer_backward"
CHECK = "check-linear-backward"
TRANSPOSED = "def linear_backward(dZ, cache):\n    X, W, _ = cache\n    return dZ @ W.T, (X.T @ dZ).T, dZ.sum(axis=0)\n"
# What a page would run, in each place where a learner can put it.
ACTIVE = (
    "<script>window.ACTIVE=1</script>\n\n<img src=x onerror='window.ACTIVE=1'>\n\n[a](javascript:window.ACTIVE=1) "
    "[b](&#106;avascript:window.ACTIVE=1) [c](javascript\\:window.ACTIVE=1)\n\n![d](/logout)\n\n"
    "<details open ontoggle='window.ACTIVE=1'><summary>e</summary></details>\n\n<svg onload='window.ACTIVE=1'/>"
)


def active_notebook(course: Course) -> dict:
    """Return a notebook that tries to run something in the browser of whoever grades it."""
    page = "<script>window.ACTIVE=1</script>"
    content = course.solved(SLUG, NAME)
    content["metadata"]["widgets"] = {"application/vnd.jupyter.widget-state+json": {"state": {}, "html": page}}
    content["cells"].insert(0, markdown(ACTIVE))
    content["cells"].insert(
        1, {"cell_type": "raw", "metadata": {"raw_mimetype": "text/html"}, "source": page, "id": "r"}
    )
    shown = {
        "text/html": page,
        "image/svg+xml": "<svg onload='window.ACTIVE=1'/>",
        "application/javascript": "ACTIVE=1",
    }
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"] = [{"output_type": "display_data", "data": shown, "metadata": {}}]
    content["cells"].append(
        code(
            None,
            f"from IPython.display import HTML, display\ndisplay(HTML({page!r}))\nprint({page!r})\n"
            f"raise ValueError({page!r})",
        )
    )
    return content


@pytest.fixture(scope="module")
def course(tmp_path_factory, requires_program):
    """Return our course with two learners graded and told, one of whom tries to run something in the browser."""
    requires_program("bwrap")
    course = Course.ours(tmp_path_factory.mktemp("formgrader") / "course", [SLUG])
    course.hand_in("ada", SLUG, NAME, course.solved(SLUG, NAME, {"linear-backward": TRANSPOSED}))
    handed_in = course.hand_in("mallory", SLUG, NAME, active_notebook(course))
    (handed_in.parent / "page.html").write_text("<script>window.ACTIVE=1</script>", encoding="utf-8")
    for command in ("autograde", "generate_feedback"):
        ran = course.nbgrader(command, SLUG)
        assert ran.returncode == 0, ran.stderr
    return course


@pytest.fixture(scope="module")
def address(course, tmp_path_factory):
    """Return the address of a Jupyter server with formgrader, and its token, while the tests run."""
    own, token = tmp_path_factory.mktemp("jupyter"), secrets.token_hex(16)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folders = {f"JUPYTER_{kind}_DIR": str(own / kind.lower()) for kind in ("CONFIG", "DATA", "RUNTIME")}
    with open(own / "log.txt", "wb") as log:
        server = subprocess.Popen(
            [
                sys.executable, "-m", "jupyter_server", "--ip=127.0.0.1", f"--port={port}", "--port-retries=0",
                f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={course.root}", "--allow-root",
                "--no-browser", "--ServerApp.shutdown_no_activity_timeout=300",
            ],
            cwd=course.root, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=os.environ | folders,
        )  # fmt: skip
    try:
        address = f"http://127.0.0.1:{port}"
        for _ in range(1500):
            try:
                urllib.request.urlopen(f"{address}/api?token={token}", timeout=10).close()
                break
            except OSError:
                assert server.poll() is None, (own / "log.txt").read_text(encoding="utf-8")
                time.sleep(0.2)
        yield address, token
    finally:
        server.terminate()
        server.wait(30)


@pytest.fixture(scope="module")
def page(address, requires_program):
    """Return a page of a browser that is logged in, and that reaches nothing but the server."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=requires_program("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_context(viewport={"width": 1280, "height": 1400}).new_page()
        page.set_default_timeout(120_000)
        page.route(lambda url: not url.startswith((address[0], "file:")), lambda route: route.abort())
        page.goto(f"{address[0]}/formgrader/?token={address[1]}")
        yield page
        browser.close()


def open_submission(page, address, course, student: str) -> None:
    """Open the page on which a learner's notebook is graded by hand."""
    with Gradebook(f"sqlite:///{course.root / 'gradebook.db'}") as gradebook:
        number = gradebook.find_submission_notebook(NAME, SLUG, student).id
    with page.expect_response(lambda response: "/api/grades" in response.url):
        page.goto(f"{address[0]}/formgrader/submissions/{number}/", wait_until="domcontentloaded")


def grades_of(course, student: str) -> dict[str, tuple[float, float]]:
    """Return each check's automatic and manual score."""
    with Gradebook(f"sqlite:///{course.root / 'gradebook.db'}") as gradebook:
        grades = gradebook.find_submission_notebook(NAME, SLUG, student).grades
        return {grade.name: (grade.auto_score, grade.manual_score) for grade in grades}


def test_lists_show_the_assignment_its_submissions_and_their_scores(page, address):
    page.goto(f"{address[0]}/formgrader/manage_assignments")
    row = page.locator("tr", has=page.get_by_text(SLUG, exact=True))
    row.wait_for()
    assert row.locator(".num-submissions").inner_text().strip() == "2"
    page.goto(f"{address[0]}/formgrader/manage_submissions/{SLUG}")
    row = page.locator("tr", has=page.get_by_text("ada", exact=True))
    row.wait_for()
    assert row.locator(".score").inner_text() == "14 / 16"
    assert row.locator(".status").inner_text() == "graded"
    page.goto(f"{address[0]}/formgrader/gradebook/{SLUG}/{NAME}")
    page.get_by_text("Submission #2").wait_for()


def test_graded_notebook_is_shown_with_the_checkers_sentence(page, address, course):
    open_submission(page, address, course, "ada")
    shown = page.locator("#notebook-container").first.inner_text()
    assert "dW" in shown and "WRONG" in shown
    score = page.locator(f"#{CHECK}")
    assert score.get_attribute("placeholder") == "4"


def test_score_given_by_hand_is_kept_by_a_regrade(page, address, course):
    open_submission(page, address, course, "ada")
    score = page.locator(f"#{CHECK}")
    score.fill("5.5")
    with page.expect_response(lambda response: "/api/grade/" in response.url) as saved:
        score.press("Tab")
    assert saved.value.ok
    assert grades_of(course, "ada")[CHECK] == (4.0, 5.5)
    # Once by formgrader's own button, once by the command.
    page.goto(f"{address[0]}/formgrader/manage_submissions/{SLUG}")
    page.locator("tr", has=page.get_by_text("ada", exact=True)).locator(".autograde a").click()
    page.locator("#success-modal").wait_for()
    assert grades_of(course, "ada")[CHECK] == (4.0, 5.5)
    ran = course.nbgrader("autograde", SLUG, "--force", "--student", "ada")
    assert ran.returncode == 0, ran.stderr
    assert grades_of(course, "ada")[CHECK] == (4.0, 5.5)
    assert {row["student_id"]: float(row["score"]) for row in course.exported()}["ada"] == 15.5


def is_quiet(page) -> None:
    """Assert that nothing of a learner's runs on the page, or would at a click."""
    page.wait_for_timeout(300)
    assert page.evaluate("() => window.ACTIVE") is None
    addresses = page.evaluate("() => [...document.querySelectorAll('a[href], area[href]')].map(a => a.protocol)")
    assert set(addresses) <= {"http:", "https:", "file:", ""}
    own = page.evaluate(
        "() => [...document.querySelectorAll('*')].flatMap(e => [...e.attributes].map(a => a.name + '=' + a.value))"
        ".filter(text => text.includes('ACTIVE') || /^src=.*logout/.test(text))"
    )
    assert own == []
    assert page.locator("script", has_text="ACTIVE").count() == 0


def test_nothing_of_a_learners_runs_in_formgrader(page, address, course):
    open_submission(page, address, course, "mallory")
    assert "window.ACTIVE=1" in page.locator("#notebook-container").first.inner_text()
    is_quiet(page)
    answer = page.request.get(page.url + "page.html")
    assert answer.status == 404


def test_nothing_of_a_learners_runs_in_feedback(page, course):
    page.goto((course.root / "feedback" / "mallory" / SLUG / f"{NAME}.html").as_uri(), wait_until="domcontentloaded")
    assert "window.ACTIVE=1" in page.locator("body").inner_text()
    is_quiet(page)


def test_kept_notebook_has_no_outputs_but_text_and_pictures(course):
    content = course.autograded("mallory", SLUG, NAME)
    kinds = {kind for cell in content["cells"] for output in cell.get("outputs", []) for kind in output.get("data", {})}
    # The last is what a check reports for machines; no page renders it.
    assert kinds <= {"text/plain", "image/png", "image/jpeg", "application/vnd.gradcheck+json"}
    assert "widgets" not in json.dumps(content["metadata"])
    assert [grade_id(cell) for cell in content["cells"]].count(CHECK) == 1
