"""After grading: scores go out as tables, feedback goes back, and the report says what the class misunderstood."""

import csv
import html
import json
import os
import re
import shutil
import sqlite3
import time
import tomllib
import zipfile
from pathlib import Path

import numpy as np
import pytest

from classroom.collect import collect_zip
from classroom.errors import InstructorError
from classroom.export import export, harmless
from classroom.feedback import pack_feedback
from classroom.misconceptions import FINDINGS, Words, excerpt, nameless, read_class, read_words, telling
from classroom.report import write_report
from classroom.results import read_results
from classroom.roster import read_roster
from course import ROOT, Course, code, markdown, notebook
from gradcheck import check_layer, check_values, combine
from graded_class import make_class

SLUG, NAME, SIZE = "08-loss-backward", "loss_backward", 60


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """Return a graded class of our course."""
    return make_class(tmp_path_factory.mktemp("class"), SLUG, NAME, SIZE)


@pytest.fixture
def course(made, tmp_path):
    """Return a copy of the graded class, to spoil."""
    shutil.copytree(made.root, tmp_path / "course")
    return Course(tmp_path / "course", (made.root / "nbgrader_config.py").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def page(made, tmp_path_factory):
    """Return the report's page and table of that class."""
    into = tmp_path_factory.mktemp("report")
    write_report(made.root, SLUG, book="https://example.org/book", into=into)
    with (into / "report.csv").open(encoding="utf-8", newline="") as file:
        return (into / "report.html").read_text(encoding="utf-8"), list(csv.DictReader(file)), into / "report.html"


def rows_of(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


# --- the report ---------------------------------------------------------------------------------------------------
def test_report_counts_the_mistakes_that_were_made(made, page):
    text, table, _ = page
    given: dict[tuple[str, str], int] = {}
    for path in sorted((made.root / "autograded").glob(f"*/{SLUG}/{NAME}.ipynb")):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if cell["metadata"].get("nbgrader", {}).get("grade"):
                data = [output.get("data", {}).get(FINDINGS, {"findings": []}) for output in cell["outputs"]]
                said = " ".join(finding["message"] for report in data for finding in report["findings"])
                for name in re.findall(r"It looks like this mistake: (.*?)\.(?: |$)", said)[:1]:
                    key = (cell["metadata"]["nbgrader"]["grade_id"], name)
                    given[key] = given.get(key, 0) + 1
    counted = {(row["question"], row["what"]): int(row["learners"]) for row in table if row["part"] == "mistake"}
    assert len(given) > 5
    assert {key: counted.get(key, 0) for key in given if counted.get(key, 0) < given[key]} == {}
    most = max(given, key=given.get)
    assert f"{counted[most]} of {SIZE}: {html.escape(most[1])}" in text


@pytest.mark.parametrize("broken", ["forward", "backward"])
def test_function_that_is_not_written_yet_is_told_once(broken):
    def stub(*arguments):
        raise NotImplementedError

    def forward(X, W):
        return X @ W, (X, W)

    def backward(dZ, cache):
        return dZ @ cache[1].T, cache[0].T @ dZ

    functions = {"forward": forward, "backward": backward, broken: stub}
    report = check_layer(*functions.values(), {"X": np.ones((3, 2)), "W": np.ones((2, 4))}, seed=0)
    findings = [finding for finding in report.to_dict()["findings"] if not finding["ok"]]
    assert len(findings) > 1
    (told,) = telling(findings, Words())
    assert f"{broken} is not written yet" in told["message"]


def test_one_change_in_place_is_told_once():
    def forward(Z):
        return np.maximum(0, Z), Z

    def backward(dA, cache):
        dA[cache <= 0] = 0
        return dA

    case = (np.array([[5.0, -6.0]]), np.array([[-1.0, 2.0]])), np.array([[0.0, -6.0]])
    report = combine(
        check_layer(forward, backward, {"Z": np.array([[1.0, -2.0, 3.0], [-1.0, 2.0, -3.0]])}, seed=0),
        check_values(backward, [case]),
    )
    findings = [finding for finding in report.to_dict()["findings"] if not finding["ok"]]
    assert [finding["cause"] for finding in findings] == ["modifies-upstream", "modifies-input"]
    assert [finding["cause"] for finding in telling(findings, Words())] == ["modifies-upstream"]


def test_report_adds_up_with_the_gradebook(made, page):
    _, table, _ = page
    totals = made.totals(SLUG)
    assert sum(int(row["learners"]) for row in table if row["part"] == "scores") == SIZE == len(totals)
    full = [row for row in table if row["part"] == "scores"][-1]
    assert int(full["learners"]) == sum(total >= 10 for total in totals.values())
    for question in {row["question"] for row in table if row["part"] == "question"}:
        parts = [int(row["learners"]) for row in table if (row["part"], row["question"]) == ("question", question)]
        assert sum(parts) == SIZE
    assert {row["what"] for row in table if row["part"] == "not handed in"} == {
        f"learner-{k:04d}" for k in (60, 61, 62)
    }
    helped = {row["what"] for row in table if row["part"] == "may need help"}
    assert {id_ for id_, total in totals.items() if total < 5} <= helped


def test_page_stands_alone_and_is_small(page):
    text, _, _ = page
    assert "<script" not in text and not re.findall(r"(?:src|srcset)=|<link|@import|url\(", text)
    pages = set(re.findall(r'href="https://example.org/book/chapters/([^"#]*)\.html#', text))
    assert SLUG in pages and len(re.findall("href=", text)) == len(re.findall('href="https://example.org/book/', text))
    assert all((ROOT / "chapters" / f"{page}.md").is_file() for page in pages)
    assert len(text.encode()) < 200_000


def test_names_are_escaped_and_can_be_left_out(made, page, tmp_path):
    text, table, _ = page
    assert "<b>Bob" not in text
    write_report(made.root, SLUG, names=False, into=tmp_path)
    shown = (tmp_path / "report.html").read_text(encoding="utf-8") + (tmp_path / "report.csv").read_text(
        encoding="utf-8"
    )
    assert "learner-00" not in shown and "Last7" not in shown and "Müller" not in shown
    assert [row["where"] for row in table if row["what"] == "learner-0002"] in ([], ["'=1+1 Formula"])


def test_examples_are_code_without_comments(page):
    text, _, _ = page
    examples = re.findall(r"<pre><code>(.*?)</code></pre>", text, re.DOTALL)
    assert examples and all("# mine" not in example and '"""' not in example for example in examples)
    secret = 'def f(x):\n    """By Ana."""\n    # Ana was here\n    who = "Ana"\n    return x\n'
    assert excerpt(secret, "f", {"who"}) == "def f(x):\n    who = '…'\n    return x"
    assert excerpt("def f(:", "f", set()) == "" and excerpt("\x00", "f", set()) == ""
    own = "def f(cache):\n    olga_x, olga_y = cache\n    def olga(z): return max(z, olga_y)\n    return olga(olga_x)"
    told = excerpt(own, "f", {"cache"})
    assert "olga" not in told and told.startswith("def f(cache):") and "return max(z, name" in told


@pytest.mark.parametrize(
    "line",
    [
        "import numpy as olga", "from numpy import mean as olga", "global olga", "a = dict(olga=1)", "class olga: pass",
        "async def olga(): pass", "a.olga = 1", "match a:\n        case [*olga]: pass",
        "match a:\n        case {**olga}: pass", "match a:\n        case [1 as olga]: pass",
    ],
)  # fmt: skip
def test_no_name_of_a_learners_own_is_in_an_example(line):
    told = excerpt(f"def f(a):\n    {line}\n    return np.sum(a, keepdims=True).mean()", "f", set())
    assert "olga" not in told and "name" in told and told.endswith("np.sum(a, keepdims=True).mean()")


def test_page_is_accessible_and_fits(page, requires_program):
    axe = ROOT / "web/node_modules/axe-core/axe.min.js"
    if not axe.is_file():
        pytest.skip("axe-core is not installed: make book")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=requires_program("chromium"), args=["--no-sandbox"])
        for scheme, width, media in (("light", 1100, "screen"), ("dark", 390, "screen"), ("dark", 800, "print")):
            tab = browser.new_page(color_scheme=scheme, viewport={"width": width, "height": 900}, bypass_csp=True)
            asked = []
            tab.on("request", lambda request, asked=asked: asked.append(request.url))
            tab.emulate_media(media=media)
            tab.goto(page[2].as_uri())
            tab.evaluate(axe.read_text(encoding="utf-8"))
            found = tab.evaluate("axe.run()")["violations"]
            assert [(v["id"], v["nodes"][0]["html"]) for v in found] == []
            assert tab.evaluate("document.documentElement.scrollWidth") <= width
            assert asked == [page[2].as_uri()]
        browser.close()


def spoil(course: Course, learner: str, change) -> None:
    """Change the cells of an autograded notebook."""
    path = course.root / "autograded" / learner / SLUG / f"{NAME}.ipynb"
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content["cells"])
    path.write_text(json.dumps(content), encoding="utf-8")


def forged(message: str) -> list[dict]:
    """Return outputs that look like the checker's."""
    finding = {"name": "dZ", "ok": False, "cause": "sign", "message": message, "verdict": "fail", "kind": "gradient"}
    data = {FINDINGS: {"findings": [finding]}, "text/plain": ""}
    return [{"output_type": "display_data", "data": data, "metadata": {}}]


def test_learners_cannot_forge_a_mistake(course):
    def mistakes():
        report = read_class(read_results(course.root, SLUG))
        return {(m.question.name, m.label, tuple(sorted(m.learners))) for m in report.frequent}, report.unread

    before, unread = mistakes()
    assert not unread

    def in_own_cell(cells):
        cells.insert(0, code(None, "display(...)") | {"outputs": forged("FORGED")})

    def in_solution_cell(cells):
        for cell in cells:
            if cell["metadata"].get("nbgrader", {}).get("solution"):
                cell["outputs"] = forged("FORGED")
                cell["metadata"]["nbgrader"]["grade"] = True

    def under_another_checks_name(cells):
        cells.append(code("check-of-mine", "1", grade=True, points=1) | {"outputs": forged("FORGED")})

    spoil(course, "learner-0007", in_own_cell)
    spoil(course, "learner-0008", in_solution_cell)
    spoil(course, "learner-0009", under_another_checks_name)
    assert mistakes() == (before, ())

    def twice(cells):
        cells.insert(0, code("check-mse-backward", "1", grade=True, points=3) | {"outputs": forged("FORGED")})

    def other_text(cells):
        for cell in cells:
            if cell["metadata"].get("nbgrader", {}).get("grade_id") == "check-mse-backward":
                cell["source"], cell["outputs"] = "1", forged("FORGED")

    spoil(course, "learner-0007", twice)
    spoil(course, "learner-0008", other_text)
    after, unread = mistakes()
    assert {learner for learner, _ in unread} == {"learner-0007", "learner-0008"}
    assert not any("opposite sign" in label and "learner-0007" in who for _, label, who in after)


@pytest.mark.parametrize("junk", ["", "[]", '{"cells": 3}', '{"cells": [1, {"metadata": null}]}', "[" * 100_000])
def test_notebooks_that_cannot_be_read_are_said(course, junk):
    (course.root / "autograded" / "learner-0003" / SLUG / f"{NAME}.ipynb").write_text(junk, encoding="utf-8")
    report = read_class(read_results(course.root, SLUG))
    assert {learner for learner, _ in report.unread} == {"learner-0003"}


def test_cells_that_did_not_run_come_after_the_mistakes(course):
    def change(said):
        error = {"output_type": "error", "ename": "NotDefined", "evalue": said, "traceback": []}

        def spoiled(cells):
            for cell in cells:
                if cell["metadata"].get("nbgrader", {}).get("grade"):
                    cell["outputs"] = [error]

        return spoiled

    for k in range(40):
        kind = "SyntaxError" if k % 2 else "Olga"
        spoil(course, f"learner-{k:04d}", change(f"the cell of f ended in {kind}: Olga was here: nothing was defined"))
    spoil(course, "learner-0040", change("the cell of f is missing from the notebook"))
    write_report(course.root, SLUG)
    page = (course.root / "results" / SLUG / "report.html").read_text(encoding="utf-8")
    said = page.partition("What to say in class next")[2].partition("</ol>")
    assert "the answer's cell" not in html.unescape(said[0]) and "Olga" not in page
    told = said[2].partition("<h2>")[0]
    assert "41 of 60 have handed in an answer that could not be checked" in told and "Look at" not in told
    for label in ("cell stopped at a SyntaxError (20)", "cell stopped at an error (20)", "cell is missing (1)"):
        assert label in told


@pytest.mark.parametrize(
    ("name", "said", "label"),
    [
        ("NotDefined", "nothing was defined by the cell of f: This cell ended the process", "was left out: it, or one"),
        ("NotDefined", "the cell of f ended in TimeLimit: Late: nothing", "cell stopped at its time limit (1)"),
        ("ProcessEnded", "Your code ended its own process in f", "the code ended its own process (1)"),
        ("NameError", "name 'x' is not defined", "the check stopped at a NameError (1)"),
    ],
)
def test_one_answer_that_could_not_be_checked_is_told_in_words_and_without_code(course, name, said, label):
    error = {"output_type": "error", "ename": name, "evalue": said, "traceback": []}

    def change(cells):
        for cell in cells:
            if cell["metadata"].get("nbgrader", {}).get("grade_id") == "check-mse-backward":
                cell["outputs"] = [error]

    spoil(course, "learner-0007", change)
    write_report(course.root, SLUG)
    page = (course.root / "results" / SLUG / "report.html").read_text(encoding="utf-8")
    told = html.unescape(page.partition("1 of 60 has handed in an answer that could not be checked: ")[2])
    assert label in told.partition("</p>")[0]
    (mistake,) = [mistake for mistake in read_class(read_results(course.root, SLUG)).frequent if mistake.accident]
    assert label.removesuffix(" (1)") in mistake.label and mistake.code == "" and "LeftOut" not in page


def test_what_is_not_written_yet_is_one_line_after_the_mistakes(course):
    checks = {question.name: question for question in read_results(course.root, SLUG).questions}

    def blank(cells):
        for cell in cells:
            if cell["metadata"].get("nbgrader", {}).get("grade_id") in checks:
                said = "backward is not written yet: put your code in place."
                cell["outputs"] = forged(said)
                cell["outputs"][0]["data"][FINDINGS]["findings"][0]["cause"] = "raised"

    for k in range(50):
        spoil(course, f"learner-{k:04d}", blank)
    write_report(course.root, SLUG)
    page = (course.root / "results" / SLUG / "report.html").read_text(encoding="utf-8")
    listed, _, below = page.partition("What to say in class next")[2].partition("</ol>")
    counts = [int(count) for count in re.findall(r"<li><strong>(\d+) of 60", listed)]
    assert counts and counts == sorted(counts, reverse=True) and "not written yet" not in listed
    (line,) = re.findall(r"<p>\d+ of 60 have not written yet: .*?</p>", below.partition("<h2>")[0])
    for name in checks:
        assert name.removeprefix("check-").replace("-", "_") in line


@pytest.mark.parametrize(
    "junk", [None, [], {"findings": "no"}, {"findings": [1, {"name": 2}, {"name": "dZ", "ok": 1}]}]
)
def test_odd_display_data_does_no_harm(course, junk):
    def change(cells):
        for cell in cells:
            if cell["metadata"].get("nbgrader", {}).get("grade"):
                cell["outputs"] = [{"output_type": "display_data", "data": {FINDINGS: junk}, "metadata": {}}, 3, {}]

    spoil(course, "learner-0003", change)
    assert "report.csv" in write_report(course.root, SLUG)


def test_who_is_not_graded_is_said_and_has_handed_in(course):
    for k in (3, 4):
        shutil.rmtree(course.root / "autograded" / f"learner-{k:04d}")
        (course.root / "feedback" / f"learner-{k:04d}" / SLUG).mkdir(parents=True)
        (course.root / "feedback" / f"learner-{k:04d}" / SLUG / f"{NAME}.html").write_text("old", encoding="utf-8")
    course.hand_in("learner-0061", SLUG, NAME, "no notebook")
    said = write_report(course.root, SLUG)
    assert f"{SIZE - 2} learners" in said.splitlines()[0] and said.splitlines()[0].endswith(" 3 not graded.")
    assert "from before: learner-0003, learner-0004. Grade again: classroom grade" in said
    folder = course.root / "results" / SLUG
    page, table = (folder / "report.html").read_text(encoding="utf-8"), rows_of(folder / "report.csv")
    assert f"<dt>handed in</dt><dd>{SIZE + 1} of {SIZE + 3}</dd>" in page
    assert "<code>nbgrader autograde</code> or <code>classroom grade</code>" in page
    assert "<dt>of them not graded</dt><dd>3</dd>" in page and "autograded notebooks are missing" in page
    # Scores of an earlier grading are in no number of the page.
    assert sum(int(row["learners"]) for row in table if row["part"] == "scores") == SIZE - 2
    assert {row["of"] for row in table if row["part"] in ("scores", "question", "mistake")} == {str(SIZE - 2)}
    by_part = {part: {row["what"] for row in table if row["part"] == part} for part in ("not graded", "not handed in")}
    assert by_part["not graded"] == {"learner-0003", "learner-0004", "learner-0061"}
    assert by_part["not handed in"] == {"learner-0060", "learner-0062"}
    assert "of an earlier grading: learner-0003, learner-0004." in pack_feedback(course.root, SLUG, "plain")
    assert "of an earlier grading: learner-0003, learner-0004." in export(course.root, SLUG, "questions")


def test_where_all_notebooks_are_gone_the_report_says_so(course):
    shutil.rmtree(course.root / "autograded")
    with pytest.raises(InstructorError, match="autograded notebooks are missing.* and 30 more. Grade again"):
        write_report(course.root, SLUG)


@pytest.mark.parametrize("size", [1, 0])
def test_small_classes(course, size, tmp_path):
    with sqlite3.connect(course.root / "gradebook.db") as database:
        keep = "SELECT id FROM submitted_assignment ORDER BY student_id LIMIT ?"
        database.execute(f"DELETE FROM submitted_assignment WHERE id NOT IN ({keep})", (size,))
        database.execute(
            "DELETE FROM submitted_notebook WHERE assignment_id NOT IN (SELECT id FROM submitted_assignment)"
        )
        database.execute("DELETE FROM grade WHERE notebook_id NOT IN (SELECT id FROM submitted_notebook)")
    if size:
        assert "1 learner," in write_report(course.root, SLUG, into=tmp_path)
        assert "1 of 63" in (tmp_path / "report.html").read_text(encoding="utf-8")
    else:
        for act in (lambda: write_report(course.root, SLUG), lambda: export(course.root, SLUG, "canvas")):
            with pytest.raises(InstructorError, match="Nobody is graded"):
                act()


def test_words_cover_all_causes_and_their_sections_exist():
    from gradcheck.causes import CAUSES

    words = read_words(ROOT)
    assert words.causes.keys() == CAUSES.keys()
    for cause, known in words.causes.items():
        for told in (known, *known.get("when", {}).values()):
            assert told["label"] and told["say"].endswith((".", "?")), cause
            assert told.get("see", "order-of-looking") in words.sections, cause
    for slug, questions in words.questions.items():
        source = next((ROOT / "solutions" / slug).glob("[!p]*.md"), None) or next(
            (ROOT / "solutions" / slug).glob("*.md")
        )
        graded = set()
        for text in (ROOT / "solutions" / slug).glob("*.md"):
            graded |= set(
                re.findall(r"^:nbgrader: \{grade: true, grade_id: ([\w-]+)", text.read_text("utf-8"), re.MULTILINE)
            )
        assert questions.keys() == graded, source
        assert set(questions.values()) <= words.sections.keys(), slug
    assert words.questions.keys() == {path.name for path in (ROOT / "exercises").iterdir() if path.is_dir()}
    assert tomllib.loads((ROOT / "chapters" / "in-class.toml").read_text("utf-8"))


def test_a_course_without_words_has_a_report(course, tmp_path):
    (course.root / "chapters" / "in-class.toml").unlink()
    write_report(course.root, SLUG, into=tmp_path)
    assert "href" not in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_time_and_size_grow_no_faster_than_the_class(made, tmp_path):
    """A class of twice the learners takes not much more than twice the time, and the page hardly grows."""
    started = time.process_time()
    results = read_results(made.root, SLUG)
    read_class(results)
    once = time.process_time() - started
    doubled = {**results.learners, **{f"x{id_}": learner for id_, learner in results.learners.items()}}
    results.learners.update(doubled)
    started = time.process_time()
    read_class(results)
    assert time.process_time() - started < 5 * once + 0.5


# --- scores -------------------------------------------------------------------------------------------------------
def test_scores_by_question(made, tmp_path):
    export(made.root, SLUG, "questions", into=tmp_path)
    header, *rows = rows_of(tmp_path / "questions.csv")
    assert header["id"] == "points possible" and header["total"] == "10" and len(rows) == SIZE
    scores, totals = made.scores(SLUG), made.totals(SLUG)
    for row in rows:
        assert float(row["total"]) == pytest.approx(totals[row["id"]], abs=1e-4)
        for check, score in scores[row["id"]].items():
            assert float(row[check]) == pytest.approx(score, abs=1e-4)


def test_formulas_in_names_are_neutralised(made, tmp_path):
    for target in ("questions", "canvas", "moodle"):
        export(made.root, SLUG, target, into=tmp_path)
        for line in csv.reader((tmp_path / f"{target}.csv").read_text(encoding="utf-8").splitlines()):
            assert not any(cell.lstrip().startswith(("=", "+", "@")) for cell in line)
    assert "'=1+1" in (tmp_path / "questions.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("cell", "kept"),
    [
        ("=1+1", "'=1+1"), (" @x", "' @x"), ("Bob;=1+1", "Bob;'=1+1"), ("Bob; =1", "Bob; '=1"), ("a\t+1", "a\t'+1"),
        ("-1.5", "-1.5"), ("-", "-"), ("Anne-Marie; née O'Neill", "Anne-Marie; née O'Neill"), ("a, -1", "a, -1"),
    ],
)  # fmt: skip
def test_cell_begins_no_formula_wherever_a_spreadsheet_may_cut_it(cell, kept):
    assert harmless(cell) == kept


def test_table_of_the_class_may_have_odd_signs_in_a_name(tmp_path):
    (tmp_path / "class.csv").write_text("id,first_name\nana,A\u2028na\x0b\nben,Ben\n", encoding="utf-8")
    assert [person.id for person in read_roster(tmp_path / "class.csv").people] == ["ana", "ben"]


def test_canvas_own_table_is_filled_in(made, tmp_path):
    own = tmp_path / "canvas-export.csv"
    people = [(f"Last{k}, First{k}", str(900 + k), f"learner-{k:04d}") for k in (7, 8, 61)]
    lines = "".join(f'"{name}",{number},S{number},{login},Section A,1.00,,55.00\n' for name, number, login in people)
    own.write_text(
        "Student,ID,SIS User ID,SIS Login ID,Section,Quiz (11),08-loss-backward (12),Final Score\n"
        f",,,,,,Manual Posting,\n    Points Possible,,,,,1.00,20.00,(read only)\n{lines}",
        encoding="utf-8-sig",
    )
    said = export(made.root, SLUG, "canvas", gradebook=own, into=tmp_path)
    table = list(csv.reader((tmp_path / "canvas.csv").read_text(encoding="utf-8").splitlines()))
    assert table[0] == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "08-loss-backward (12)"]
    assert table[1][0] == "    Points Possible" and len(table) == 5
    totals = made.totals(SLUG)
    assert [row[5] for row in table[2:]] == [
        f"{totals[f'learner-{k:04d}']:.4f}".rstrip("0").rstrip(".") for k in (7, 8)
    ] + [""]
    assert "20.00 points and this course 10" in said and "Not in canvas-export.csv" in said
    with pytest.raises(InstructorError, match="No column .*'nothing'"):
        export(made.root, SLUG, "canvas", gradebook=own, column="nothing", into=tmp_path)
    with pytest.raises(InstructorError, match="not a grading worksheet"):
        export(made.root, SLUG, "moodle", gradebook=own, into=tmp_path)


def test_moodles_own_worksheet_is_filled_in(made, tmp_path):
    own = tmp_path / "worksheet.csv"
    own.write_text(
        'Identifier,"Full name","Email address",Status,Grade,"Maximum Grade","Last modified (grade)",Feedback\n'
        "Participant 71,Anna Other,learner-0007@example.org,Submitted,,10.00,-,\n"
        "Participant 72,First61 Last61,learner-0061@example.org,No submission,,10.00,-,\n",
        encoding="utf-8",
    )
    export(made.root, SLUG, "moodle", gradebook=own, into=tmp_path)
    first, second = rows_of(tmp_path / "moodle.csv")
    assert float(first["Grade"]) == pytest.approx(made.totals(SLUG)["learner-0007"], abs=1e-4)
    assert second["Grade"] == "" and first["Last modified (grade)"] == "-"


def rename(course: Course, learner: str, id_: str) -> None:
    """Give a learner another id in the gradebook."""
    with sqlite3.connect(course.root / "gradebook.db") as database:
        database.execute("UPDATE student SET id = ? WHERE id = ?", (id_, learner))
        database.execute("UPDATE submitted_assignment SET student_id = ? WHERE student_id = ?", (id_, learner))


def test_ids_that_are_numbers_are_not_taken_for_those_of_rows(course, tmp_path):
    rename(course, "learner-0007", "1")
    own = tmp_path / "worksheet.csv"
    own.write_text(
        "Identifier,Full name,Email address,Grade,Maximum Grade\n"
        "Participant 71,Anna Other,learner-0007@example.org,,10\nParticipant 72,Somebody Else,else@example.org,,10\n",
        encoding="utf-8",
    )
    export(course.root, SLUG, "moodle", gradebook=own, into=tmp_path)
    first, second = rows_of(tmp_path / "moodle.csv")
    assert (float(first["Grade"]), second["Grade"]) == (pytest.approx(course.totals(SLUG)["1"], abs=1e-4), "")


def test_two_learners_who_are_one_person_there_are_said_and_left_out(course, tmp_path):
    rename(course, "learner-0008", "907")
    own = tmp_path / "canvas.csv"
    own.write_text(
        f'Student,ID,SIS Login ID,Section,{SLUG} (12)\n"Other, Anna",907,learner-0007,A,1.5\n', encoding="utf-8"
    )
    said = export(course.root, SLUG, "canvas", gradebook=own, into=tmp_path)
    assert "907, learner-0007 are one person in canvas.csv, so left out" in said
    assert "canvas.csv: scores of 0 learners." in said
    assert rows_of(tmp_path / "canvas.csv")[0][f"{SLUG} (12)"] == "1.5"


def test_canvas_feedback_is_named_as_its_upload_wants_it(course, tmp_path):
    files = {"lovelaceada_LATE_301_9001_loss_backward.ipynb": "learner-0007", "odeben_302_9002_x.ipynb": "learner-0008"}
    with zipfile.ZipFile(tmp_path / "canvas.zip", "w") as archive:
        for name in files:
            archive.writestr(name, json.dumps(course.released(SLUG, NAME)))
    roster = tmp_path / "class.csv"
    roster.write_text("id,lms_user_id\nlearner-0007,301\nlearner-0008,302\n", encoding="utf-8")
    collect_zip(tmp_path / "canvas.zip", course.root, SLUG, students=roster)
    for id_ in (*files.values(), "learner-0009"):
        folder = course.root / "feedback" / id_ / SLUG
        folder.mkdir(parents=True)
        (folder / f"{NAME}.html").write_text(id_, encoding="utf-8")
    said = pack_feedback(course.root, SLUG, "canvas")
    with zipfile.ZipFile(course.root / "results" / SLUG / "feedback-canvas.zip") as archive:
        packed = {name: archive.read(name).decode() for name in archive.namelist()}
    assert packed == {
        "lovelaceada_301_9001_loss_backward.html": "learner-0007",
        "odeben_302_9002_loss_backward.html": "learner-0008",
    }
    assert "left out: learner-0009" in said and "No feedback was generated for: learner-0000" in said
    graded = course.root / "autograded" / "learner-0009" / SLUG / f"{NAME}.ipynb"
    os.utime(graded, (time.time() + 60,) * 2)
    with pytest.raises(InstructorError, match=f"older than the grading, for learner-0009. Run: .* {SLUG} --force"):
        pack_feedback(course.root, SLUG, "plain")
    # Canvas says no time: what is collected anew is graded anew, and is no longer absent.
    assert not (course.root / "autograded" / "learner-0007").joinpath(SLUG).exists()
    shutil.copytree(course.root / "submitted" / "learner-0007", course.root / "submitted" / "unread")
    results = read_results(course.root, SLUG)
    assert "unread" in [learner.id for learner in results.ungraded]
    assert "unread" not in [learner.id for learner in results.absent]
    results = read_results(course.root, SLUG)
    assert results.learners["learner-0007"].late and not results.learners["learner-0008"].late


@pytest.mark.parametrize("task", ["nothing", "05-chain-rule"])
def test_an_assignment_that_is_not_graded_is_refused(made, task):
    for act in (lambda: write_report(made.root, task), lambda: pack_feedback(made.root, task, "plain")):
        with pytest.raises(InstructorError, match="knows no assignment .*08-loss-backward"):
            act()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            "UPDATE assignment SET course_id = 'physics'",
            "belongs to the course physics, and this one is backprop-by-hand",
        ),
        ("ALTER TABLE grade RENAME TO grade_of_tomorrow", "cannot be read: .* nbgrader db upgrade"),
    ],
    ids=["another-course", "another-form"],
)
def test_a_gradebook_that_is_not_this_courses_is_refused(course, change, said):
    with sqlite3.connect(course.root / "gradebook.db") as database:
        database.execute(change)
    with pytest.raises(InstructorError, match=said):
        write_report(course.root, SLUG)
    assert not (course.root / "results").exists()


def test_no_gradebook_is_refused_and_none_is_made(course):
    (course.root / "gradebook.db").unlink()
    with pytest.raises(InstructorError, match="There is no gradebook"):
        write_report(course.root, SLUG)
    assert not (course.root / "gradebook.db").exists() and not (course.root / "results").exists()


# --- the whole way, really graded ---------------------------------------------------------------------------------
CHECK = """from gradcheck import check_values
report = check_values(double, [((2.0,), 4.0), ((3.0,), 6.0)])
### BEGIN HIDDEN TESTS
report = check_values(double, [((2.0,), 4.0), ((5.0,), 10.0)])
### END HIDDEN TESTS
print(report)
report.score(2)"""
FORGER = f"""def double(x):
    return 2 * x
from IPython.display import publish_display_data
finding = {{"name": "double", "ok": False, "cause": "sign", "message": "FORGED"}}
publish_display_data({{{FINDINGS!r}: {{"findings": [finding]}}}})"""


def test_from_moodles_zip_to_the_report_and_back(tmp_path, requires_program):
    requires_program("bwrap")
    course = Course(tmp_path / "course")
    course.write_source(
        "doubles",
        "doubling",
        notebook(
            markdown("# Doubling"),
            code(
                "double",
                "def double(x):\n    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION",
                solution=True,
            ),
            code("check-double", CHECK, grade=True, points=2),
        ),
    )
    assert course.nbgrader("generate_assignment", "doubles").returncode == 0
    answers = {"Ana Right": "def double(x):\n    return 2 * x", "Ben Wrong": "def double(x):\n    return -2 * x"}
    answers |= {"Cleo Wrong": "def double(x):\n    return -2.0 * x  # Cleo", "Eve Forger": FORGER}
    with zipfile.ZipFile(tmp_path / "moodle.zip", "w") as archive:
        for number, (who, text) in enumerate(answers.items(), start=40):
            content = course.answered("doubles", "doubling", {"double": text})
            archive.writestr(f"{who}_{number}_assignsubmission_file/doubling (1).ipynb", json.dumps(content))
    assert len(collect_zip(tmp_path / "moodle.zip", course.root, "doubles").placed) == 4
    for command in ("autograde", "generate_feedback"):
        ran = course.nbgrader(command, "doubles")
        assert ran.returncode == 0, ran.stderr
    report = read_class(read_results(course.root, "doubles"))
    assert [(mistake.cause, mistake.learners) for mistake in report.frequent] == [
        (report.frequent[0].cause, {"Ben Wrong", "Cleo Wrong"})
    ]
    assert report.frequent[0].cause and not report.unread and report.outcomes[0].right == 2
    write_report(course.root, "doubles")
    text = (course.root / "results" / "doubles" / "report.html").read_text(encoding="utf-8")
    assert "FORGED" not in text and "return -2 * x" in text and "# Cleo" not in text
    pack_feedback(course.root, "doubles", "moodle")
    with zipfile.ZipFile(course.root / "results" / "doubles" / "feedback-moodle.zip") as archive:
        assert sorted(archive.namelist())[0] == "Ana Right_40_assignfeedback_file/doubling.html"
        assert len(archive.namelist()) == 4 and archive.testzip() is None
    pack_feedback(course.root, "doubles", "plain")
    with zipfile.ZipFile(course.root / "results" / "doubles" / "feedback-plain.zip") as archive:
        assert "Eve Forger/doubling.html" in archive.namelist()
    with pytest.raises(InstructorError, match="Canvas tells people apart by numbers"):
        pack_feedback(course.root, "doubles", "canvas")
    export(course.root, "doubles", "moodle")
    rows = rows_of(course.root / "results" / "doubles" / "moodle.csv")
    assert [(row["Identifier"], row["Grade"]) for row in rows] == [
        ("Participant 40", "2"), ("Participant 41", "0"), ("Participant 42", "0"), ("Participant 43", "2"),
    ]  # fmt: skip


def test_neither_the_words_nor_the_line_of_an_exception_are_in_the_report():
    assert (
        nameless("backward raised ValueError: secret. The line is `secret`. Nudge") == "backward raised ValueError (…)"
    )
    assert nameless("backward raised AssertionError. The line is `secret`.") == "backward raised AssertionError (…)"
    assert nameless("dX is 2 times the true gradient.") == "dX is 2 times the true gradient."
