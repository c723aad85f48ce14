"""The release: fresh, byte-identical, exactly the expected files, and small changes stay small."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from nbformat import NotebookNode
from nbgrader.utils import determine_grade

from classroom.errors import InstructorError
from classroom.release import release_all, source_notebook


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file below ``folder`` by its relative path, without what Python compiles where a notebook runs."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.parent.name != "__pycache__"]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture
def course(root: Path, tmp_path: Path) -> Path:
    """Return a small course of its own: our configuration with one exercise."""
    shutil.copy(root / "nbgrader_config.py", tmp_path)
    (tmp_path / "solutions").mkdir()
    shutil.copytree(
        root / "solutions/06-layer-backward",
        tmp_path / "solutions/06-layer-backward",
        ignore=shutil.ignore_patterns("*.ipynb", "__pycache__"),
    )
    return tmp_path


def test_exercises_are_what_solutions_generate(root, tmp_path):
    release_all(root, into=tmp_path / "exercises")
    assert contents(tmp_path / "exercises") == contents(root / "exercises"), "run `make release` and commit"


def test_exercises_hold_exactly_the_expected_files(root):
    expected = set()
    for slug in (path for path in (root / "solutions").iterdir() if path.is_dir()):
        for path in slug.iterdir():
            if path.suffix == ".md" and not path.name.startswith("page-"):
                expected.add(f"{slug.name}/{path.stem}.ipynb")
            elif path.suffix in {".npz", ".csv"} or path.name == "mistakes.py":
                expected.add(f"{slug.name}/{path.name}")
    assert set(contents(root / "exercises")) == expected


def test_release_is_byte_identical_from_run_to_run(course):
    release_all(course)
    first = contents(course / "exercises")
    shutil.rmtree(course / "exercises")
    release_all(course)
    assert contents(course / "exercises") == first


def test_a_word_of_prose_changes_one_cell_of_one_file(course):
    release_all(course)
    before = contents(course / "exercises")
    text = course / "solutions/06-layer-backward/layer_backward.md"
    text.write_text(text.read_text().replace("You write the backward", "You program the backward", 1))
    release_all(course)
    after = contents(course / "exercises")
    changed = [name for name in before if before[name] != after[name]]
    assert changed == ["06-layer-backward/layer_backward.ipynb"] and set(before) == set(after)
    cells = [json.loads(content[changed[0]])["cells"] for content in (before, after)]
    different = [(old, new) for old, new in zip(*cells, strict=True) if old != new]
    assert len(different) == 1
    old, new = different[0]
    for cell in (old, new):
        cell.pop("source")
        cell["metadata"]["nbgrader"].pop("checksum")
    assert old == new


def test_files_that_no_solution_gives_are_removed(course):
    (course / "exercises/99-old").mkdir(parents=True)
    (course / "exercises/99-old/old.ipynb").write_text("{}")
    release_all(course)
    assert not (course / "exercises/99-old").exists()


def command(folder: Path, *words: str) -> subprocess.CompletedProcess:
    """Return how ``classroom`` ended, run in ``folder``."""
    program = Path(sys.executable).parent / "classroom"
    return subprocess.run([program, *words], cwd=folder, capture_output=True, text=True, timeout=120)


def broken(course: Path, old: str, new: str) -> None:
    """Replace ``old`` in the course's only exercise."""
    text = course / "solutions/06-layer-backward/layer_backward.md"
    assert old in text.read_text()
    text.write_text(text.read_text().replace(old, new))


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        pytest.param(lambda course: (course / "nbgrader_config.py").unlink(), "no nbgrader_config.py", id="no course"),
        pytest.param(lambda course: shutil.rmtree(course / "solutions"), "holds no exercise", id="no solutions"),
        pytest.param(
            lambda course: broken(course, "{grade_id: relu-backward, solution: true}", "{solution: true}"),
            "no grade_id",
            id="no grade_id",
        ),
        pytest.param(
            lambda course: broken(course, "grade_id: tanh-backward", "grade_id: relu-backward"),
            "stands twice",
            id="grade_id twice",
        ),
        pytest.param(
            lambda course: broken(course, ":nbgrader: {grade_id: setup}", "---\nnbgrader: {grade_id: [\n---"),
            "is not a notebook",
            id="not a notebook",
        ),
        pytest.param(lambda course: broken(course, "jupytext:", "x:"), "jupytext's header", id="no header"),
    ],
)
def test_what_cannot_be_released_is_said_in_a_sentence_and_nothing_is_written(course, spoil, sentence):
    spoil(course)
    ended = command(course, "release")
    assert ended.returncode == 1
    assert sentence in ended.stderr and ended.stderr.startswith("classroom: ")
    assert ended.stderr.count("\n") == 1, ended.stderr
    assert not (course / "exercises").exists()


def test_missing_folder_is_said_in_a_sentence(tmp_path):
    ended = command(tmp_path, "release", "--root", "nowhere")
    assert ended.returncode == 1 and "nowhere" in ended.stderr and ended.stderr.count("\n") == 1


def test_cell_ids_are_words(root):
    notebook = source_notebook(root / "solutions/06-layer-backward/layer_backward.md")
    ids = [cell["id"] for cell in notebook["cells"]]
    assert "linear-backward" in ids and len(set(ids)) == len(ids)


def test_not_markdown_is_refused(tmp_path):
    text = tmp_path / "x.md"
    text.write_text("---\njupytext: [\n---\n")
    with pytest.raises(InstructorError, match="is not a notebook"):
        source_notebook(text)


@pytest.mark.parametrize(("text", "grade"), [("4.0", 4.0), ("np.float64(4.0)", 6.0)], ids=["float", "NumPy's float"])
def test_nbgrader_reads_only_a_plain_number(text, grade):
    """The reason for the plain float: what nbgrader cannot read as a number gets full marks."""
    cell = NotebookNode(
        cell_type="code",
        metadata=NotebookNode(nbgrader=NotebookNode(grade=True, solution=False, points=6)),
        outputs=[NotebookNode(output_type="execute_result", data={"text/plain": text})],
    )
    assert determine_grade(cell)[0] == grade


def test_marker_without_its_end_is_said_with_the_exercise(course):
    (text,) = (course / "solutions/06-layer-backward").glob("layer_backward.md")
    text.write_text(text.read_text(encoding="utf-8").replace("### END HIDDEN TESTS", "### END HIDDEN", 1), encoding="utf-8")
    with pytest.raises(InstructorError, match="06-layer-backward cannot be released: .*hidden tests.*in pairs"):
        release_all(course)
