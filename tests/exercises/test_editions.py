"""The edition with solutions and the handout: what each shows, and what neither may."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from classroom.editions import worked_solution, write_handout, write_worked_solutions
from classroom.errors import InstructorError
from classroom.release import release_all, source_texts

MARKERS = ("BEGIN SOLUTION", "END SOLUTION", "HIDDEN TESTS", "nbgrader")


def test_worked_solution_shows_the_answer_and_its_explanation_without_markers(root, tmp_path):
    text = tmp_path / "layer_backward.md"
    source = (root / "solutions/06-layer-backward/layer_backward.md").read_text(encoding="utf-8")
    text.write_text(source + '\n+++ {"tags": ["explanation"]}\n\nWhy this is so.\n', encoding="utf-8")
    page = worked_solution(text)
    assert "X.T @ dZ" in page and "Why this is so." in page
    assert re.search(r"^# Solution 6: .+\n\n\*The exercise with its answers, [^*]+\*\n", page, re.MULTILINE)
    assert not [marker for marker in MARKERS if marker in page]


def test_every_function_has_an_explained_solution(root):
    for text in source_texts(root / "solutions"):
        source = text.read_text(encoding="utf-8")
        solutions = source.count("### BEGIN SOLUTION")
        explained = source.count('\n+++ {"tags": ["explanation"]}')
        assert explained >= solutions, f"{text}: {solutions} solutions, {explained} explanations"


def test_no_explanation_reaches_a_released_notebook(root, tmp_path):
    course = tmp_path / "course"
    shutil.copytree(root / "solutions/06-layer-backward", course / "solutions/06-layer-backward")
    shutil.copy(root / "nbgrader_config.py", course)
    text = course / "solutions/06-layer-backward/layer_backward.md"
    text.write_text(text.read_text() + '\n+++ {"tags": ["explanation"]}\n\nWhy this is so.\n')
    release_all(course)
    assert "Why this is so." not in (course / "exercises/06-layer-backward/layer_backward.ipynb").read_text()


def test_table_of_contents_of_the_edition_is_the_public_one_and_a_part_more(root, tmp_path):
    pages = write_worked_solutions(root, root / "worked-solutions", tmp_path / "_toc.yml")
    public = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    edition = yaml.safe_load((tmp_path / "_toc.yml").read_text(encoding="utf-8"))
    assert edition["parts"][:-1] == public["parts"]
    assert len(edition["parts"][-1]["chapters"]) == len(pages) == len(list(source_texts(root / "solutions")))


def test_missing_table_of_contents_is_said(tmp_path):
    with pytest.raises(InstructorError, match=r"_toc\.yml is missing"):
        write_worked_solutions(tmp_path, tmp_path / "pages", tmp_path / "toc.yml")


def test_handout_without_exercises_or_wheel_is_refused_and_writes_nothing(root, tmp_path):
    for folder in (tmp_path, root):
        with pytest.raises(InstructorError, match="is missing"):
            write_handout(folder, tmp_path / "no.whl", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def learner(root: Path, tmp_path_factory) -> Path:
    """Return a learner's folder: the handout unpacked, and an environment made by its README's one line."""
    folder = tmp_path_factory.mktemp("learner")
    uv = Path(sys.executable).parent / "uv"
    build = [uv, "build", "-q", "--wheel", "--python", sys.executable, "--no-build-isolation", "-o", folder, root]
    subprocess.run(build, check=True, timeout=300)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(write_handout(root, wheel, folder)) as archive:
        archive.extractall(folder)
    unpacked = folder / "backprop-by-hand"
    (line,) = [text for text in (unpacked / "README.md").read_text().splitlines() if "pip install" in text]
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, unpacked / ".venv"], check=True, timeout=300)
    target = line.split("install", 1)[1].strip().strip('"')
    locked = ["-c", root / "requirements/learn.txt"]
    install = [uv, "pip", "install", "-q", "--python", unpacked / ".venv", *locked, target]
    subprocess.run(install, cwd=unpacked, check=True, timeout=600)
    return unpacked


def in_environment(learner: Path, *words: str | Path) -> subprocess.CompletedProcess:
    """Return how a command of the learner's environment ended."""
    path = os.pathsep.join([str(learner / ".venv/bin"), os.environ["PATH"]])
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("JUPYTER", "PYTHON"))}
    return subprocess.run(
        [learner / ".venv/bin" / words[0], *words[1:]],
        cwd=learner,
        env=environment | {"PATH": path},
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_learner_installs_no_tensorflow(learner):
    for module in ("tensorflow", "sklearn", "jupyter_book"):
        assert in_environment(learner, "python", "-c", f"import {module}").returncode != 0
    assert in_environment(learner, "python", "-c", "import gradcheck, matplotlib, jupyterlab, nbgrader").returncode == 0


def test_handout_holds_no_solution(learner):
    for file in (learner / "exercises").rglob("*.ipynb"):
        assert "BEGIN SOLUTION" not in file.read_text(encoding="utf-8")
    assert not list(learner.glob("**/solutions"))


def test_exercise_as_handed_out_runs_and_does_not_validate(learner):
    ended = in_environment(learner, "nbgrader", "validate", "exercises/06-layer-backward/layer_backward.ipynb")
    assert "VALIDATION FAILED ON 5 CELL(S)" in ended.stdout, ended.stdout + ended.stderr


def test_solved_exercise_validates(root, learner):
    from classroom.release import source_notebook

    notebook = learner / "exercises/06-layer-backward/layer_backward.ipynb"
    solved = source_notebook(root / "solutions/06-layer-backward/layer_backward.md")
    answers = {cell["id"]: cell["source"] for cell in solved["cells"]}
    import nbformat

    released = nbformat.read(notebook, as_version=4)
    for cell in released.cells:
        if cell.metadata.get("nbgrader", {}).get("solution"):
            cell.source = answers[cell.id]
    nbformat.write(released, notebook)
    ended = in_environment(learner, "nbgrader", "validate", str(notebook))
    assert "Success! Your notebook passes all the tests." in ended.stdout, ended.stdout + ended.stderr
