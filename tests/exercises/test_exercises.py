"""Every exercise: the solution passes, the stub fails, typical wrong answers are named, other right answers pass."""

import ast
import importlib.util
import inspect
import json
import re
from pathlib import Path

import pytest

from classroom.release import source_notebook, source_texts

ROOT = Path(__file__).resolve().parent.parent.parent
TEXTS = list(source_texts(ROOT / "solutions"))
EXERCISES = [(text.parent.name, text.stem) for text in TEXTS]
IDS = [slug for slug, _ in EXERCISES]


def table(path: Path, name: str) -> dict[str, dict]:
    """Return the dict ``name`` of the module at ``path``, empty where there is no such file."""
    if not path.exists():
        return {}
    spec = importlib.util.spec_from_file_location(f"{path.parent.name}_{path.stem}".replace("-", "_"), path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, name)


def entries(slug_to_path, name: str) -> list:
    """Return one pytest parameter (slug, notebook, function, entry) for each entry of each exercise's table."""
    return [
        pytest.param(slug, notebook, function, entry, id=f"{slug}-{function}-{entry}".replace(" ", "_"))
        for slug, notebook in EXERCISES
        for function, answers in table(slug_to_path(slug), name).items()
        for entry in answers
    ]


def mistakes_file(slug: str) -> Path:
    """Return where the typical wrong answers of an exercise are."""
    return ROOT / "solutions" / slug / "mistakes.py"


def alternatives_file(slug: str) -> Path:
    """Return where the other right answers of an exercise are."""
    return Path(__file__).parent / "alternatives" / f"{slug}.py"


def answer_from(path: Path, name: str, function: str, entry: str) -> str:
    """Return the text of a solution cell that takes its answer from a table."""
    return (
        "import importlib.util as _util\n"
        f"_spec = _util.spec_from_file_location('answers', {str(path)!r})\n"
        "_module = _util.module_from_spec(_spec)\n"
        "_spec.loader.exec_module(_module)\n"
        f"{function} = _module.{name}[{function!r}][{entry!r}]"
    )


def cells(notebook: dict, kind: str) -> dict[str, dict]:
    """Return the cells whose nbgrader metadata has ``kind`` set, by grade_id."""
    return {
        cell["metadata"]["nbgrader"]["grade_id"]: cell
        for cell in notebook["cells"]
        if cell["metadata"].get("nbgrader", {}).get(kind)
    }


@pytest.mark.parametrize(("slug", "name"), EXERCISES, ids=IDS)
def test_solution_gets_full_marks(checks_of, slug, name):
    for check, result in checks_of(slug, name).items():
        assert result.score == result.points, f"{check}: {result.text}"


@pytest.mark.parametrize(("slug", "name"), EXERCISES, ids=IDS)
def test_exercise_as_shipped_gets_nothing(checks_of, released, slug, name):
    stubs = {key: "".join(cell["source"]) for key, cell in cells(released(slug, name), "solution").items()}
    for check, result in checks_of(slug, name, stubs).items():
        assert result.score == 0, f"{check}: {result.text}"


@pytest.mark.parametrize(("slug", "name"), EXERCISES, ids=IDS)
def test_release_shows_no_solution_no_hidden_check_and_no_output(released, slug, name):
    notebook = released(slug, name)
    assert not re.search(r"BEGIN SOLUTION|END SOLUTION|HIDDEN TESTS", json.dumps(notebook))
    assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in notebook["cells"])


@pytest.mark.parametrize(("slug", "name"), EXERCISES, ids=IDS)
def test_check_cells_have_the_one_shape(slug, name):
    notebook = source_notebook(ROOT / "solutions" / slug / f"{name}.md")
    checks = cells(notebook, "grade")
    assert checks
    for grade_id, cell in checks.items():
        points = cell["metadata"]["nbgrader"]["points"]
        assert grade_id.startswith("check-")
        assert cell["source"].rstrip().endswith(f"print(report)\nreport.score({points:g})"), grade_id
        assert "### BEGIN HIDDEN TESTS" in cell["source"], grade_id
        visible = re.sub(r"### BEGIN HIDDEN TESTS.*?### END HIDDEN TESTS", "", cell["source"], flags=re.DOTALL)
        ast.parse(visible)


@pytest.mark.parametrize(("slug", "name"), EXERCISES, ids=IDS)
def test_each_solution_cell_has_its_check(slug, name):
    notebook = source_notebook(ROOT / "solutions" / slug / f"{name}.md")
    assert {f"check-{grade_id}" for grade_id in cells(notebook, "solution")} == set(cells(notebook, "grade"))


@pytest.mark.parametrize(("slug", "name"), EXERCISES, ids=IDS)
def test_notebook_lists_enough_typical_wrong_answers(slug, name):
    listed = table(mistakes_file(slug), "MISTAKES")
    backward = any("backward" in function for function in listed)
    assert sum(map(len, listed.values())) >= (8 if backward else 4)


@pytest.mark.parametrize(("slug", "name", "function", "entry"), entries(mistakes_file, "MISTAKES"))
def test_typical_wrong_answer_is_caught_and_named(checks_of, slug, name, function, entry):
    answer = answer_from(mistakes_file(slug), "MISTAKES", function, entry)
    grade_id = function.replace("_", "-")
    check = f"check-{grade_id}"
    result = checks_of(slug, name, {grade_id: answer}, only=check)[check]
    assert result.score < result.points, result.text
    assert entry in result.text, result.text


@pytest.mark.parametrize(("slug", "name", "function", "entry"), entries(alternatives_file, "ALTERNATIVES"))
def test_other_right_answer_gets_full_marks_without_a_remark(checks_of, slug, name, function, entry):
    answer = answer_from(alternatives_file(slug), "ALTERNATIVES", function, entry)
    grade_id = function.replace("_", "-")
    check = f"check-{grade_id}"
    result = checks_of(slug, name, {grade_id: answer}, only=check)[check]
    assert result.score == result.points, result.text
    assert "Maybe" not in result.text, result.text


def test_every_wrong_answer_is_a_function_that_can_be_read():
    for slug, _ in EXERCISES:
        for function, answers in table(mistakes_file(slug), "MISTAKES").items():
            for entry, wrong in answers.items():
                assert inspect.isfunction(wrong), f"{slug}: {function}: {entry}"
