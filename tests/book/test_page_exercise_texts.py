"""The texts of the page's exercises: there are enough, each proves itself, and what is wrong with one is said."""

import importlib
import json
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
FILES = sorted(ROOT.glob("solutions/*/page-*.md"))
MUL = (ROOT / "solutions/05-chain-rule/page-mul-backward.md").read_text("utf-8")


@pytest.fixture(scope="module")
def extension():
    """Return the extension that reads the texts."""
    sys.path.insert(0, str(ROOT / "_ext"))
    yield importlib.import_module("page_exercises")
    sys.path.remove(str(ROOT / "_ext"))


def test_there_are_twelve_and_each_of_the_first_eight_chapters_has_one():
    assert len(FILES) == 12
    assert {file.parent.name[:2] for file in FILES} == {f"{n:02d}" for n in range(1, 9)}


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_exercise_proves_itself_and_stands_in_its_chapter_before_the_notebooks(file, extension):
    exercise = extension.read_exercise(file)
    checked = exercise.for_checker()
    assert json.loads(json.dumps(checked)) == checked and len(exercise.slips) >= 4 and len(exercise.cases) >= 3
    # No text of an answer leaves the sources, and a line that a phone does not hold is no stub.
    assert not any(slip.text.strip() in json.dumps(checked) for slip in exercise.slips)
    assert max(map(len, exercise.stub.splitlines())) <= 36
    chapter = (ROOT / f"chapters/{file.parent.name}.md").read_text("utf-8")
    here = chapter.index(f":::{{page-exercise}} {exercise.name}\n")
    assert chapter.index("class: recap") < here < chapter.index("\n:class: exercise\n")


@pytest.mark.parametrize(
    ("was", "becomes", "said"),
    [
        (
            "return dz * y, dz * x\n```\n\n## Hints",
            "return dz * x, dz * y\n```\n\n## Hints",
            "the solution does not pass",
        ),
        ("raise NotImplementedError()", "return dz * y, dz * x", "the stub passes as it is"),
        ("Cause: `order`", "Cause: `sign`", "'The two slopes in the wrong order' should be named by"),
        ("    return dz, dz", "    return dz * y, dz * x", "'What arrives, unchanged' should be named by"),
        ("Cause: `order`\n", "", "needs a sentence"),
        ("### A picture", "#### A picture", "there should be 3 hints, and there are 2"),
        ("### Without what arrives", "### Times the product itself", "'Times the product itself' stands twice"),
        ("## Given", "## Gift", "the sections should be"),
        ("function: mul", "functions: mul", "`function` must be there"),
        (
            "```text\nx=2.0, y=5.0\nx=-1.5, y=0.7\nx=0.4, y=-3.0\nx=3.1, y=1.2\n```",
            "x=2.0",
            "a fenced block is missing",
        ),
    ],
)
def test_what_is_wrong_with_a_text_is_said(was, becomes, said, tmp_path, extension):
    assert MUL.count(was) >= 1
    file = tmp_path / "page-mul-backward.md"
    file.write_text(MUL.replace(was, becomes, 1), "utf-8")
    with pytest.raises(ValueError, match=re.escape(said)):
        extension.read_exercise(file).for_checker()


def test_notebook_of_a_chapter_says_that_its_page_has_an_exercise():
    sys.path.insert(0, str(ROOT / "_ext"))
    plain = importlib.import_module("notebooks").plain
    sys.path.remove(str(ROOT / "_ext"))
    shown = plain("Text.\n\n:::{page-exercise} mul-backward\n:::\n\nMore.\n")
    assert shown == "Text.\n\n*(An exercise of the page: mul-backward.)*\n\nMore."
