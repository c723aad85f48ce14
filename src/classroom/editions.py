"""What leaves this folder in another form: the worked solutions of the instructor's edition, the learners' handout."""

import re
import shutil
import zipfile
from pathlib import Path
from typing import Any

import yaml

from classroom.errors import InstructorError
from classroom.release import EXPLANATION, read_text_notebook, source_texts

HIDDEN_CHECK = re.compile(r"^### BEGIN HIDDEN TESTS\n.*?^### END HIDDEN TESTS\n", re.DOTALL | re.MULTILINE)
SOLUTION_MARKER = re.compile(r"^ *### (BEGIN|END) SOLUTION\n?", re.MULTILINE)
WHAT_IT_IS = "*The exercise with its answers, and below each of them why it is so*"
HANDOUT_README = """\
# Backprop by Hand: the exercises

You need Python 3.11, 3.12 or 3.13. Open a terminal in this folder. Once, make an environment and install into it:

    python3 -m venv .venv
    .venv/bin/python -m pip install "./{wheel}[learn]"

Then, whenever you work:

    .venv/bin/jupyter lab exercises

On Windows, write `.venv\\Scripts` in place of `.venv/bin`, and `python` in place of `python3`.

Each folder holds one notebook. Replace `raise NotImplementedError()` by your code, run the cell, then run the check
below it: it says what is right, and where it is not, which mistake it sees. The hints above each task open one by one.
When a notebook is done, "Kernel > Restart Kernel and Run All Cells", then the button "Validate", which calls everything
short of full points "partial credit". Hand in the notebook.
"""


def worked_solution(text: Path) -> str:
    """Return the page on one worked solution: the exercise with its answers, without markers or hidden checks."""
    import jupytext

    notebook = read_text_notebook(text)
    for cell in notebook.cells:
        tags = [tag for tag in cell.metadata.get("tags", []) if tag != EXPLANATION]
        cell.metadata.clear()
        if tags:
            cell.metadata["tags"] = tags
        if cell.cell_type == "code":
            cell.source = SOLUTION_MARKER.sub("", HIDDEN_CHECK.sub("", cell.source))
    notebook.cells[0].source = re.sub(
        r"^# Exercise ([\w.]+:.*)", rf"# Solution \1\n\n{WHAT_IT_IS}", notebook.cells[0].source
    )
    return str(jupytext.writes(notebook, fmt="md:myst"))


def write_worked_solutions(root: Path, into: Path, toc: Path) -> list[Path]:
    """Write one page for each exercise below ``into``, with its data beside it, and ``toc`` with a last part for them.

    ``into`` is replaced; ``toc`` is the public table of contents with the part "Worked solutions" added.
    """
    public = root / "_toc.yml"
    if not public.is_file():
        raise InstructorError(f"{public} is missing: the book has no table of contents. Run this in the book's folder.")
    contents: dict[str, Any] = yaml.safe_load(public.read_text(encoding="utf-8"))
    shutil.rmtree(into, ignore_errors=True)
    pages = []
    for text in source_texts(root / "solutions"):
        folder = into / text.parent.name
        folder.mkdir(parents=True)
        page = folder / text.name
        page.write_text(worked_solution(text), encoding="utf-8")
        pages.append(page)
        for data in text.parent.glob("*.npz"):
            shutil.copy(data, folder)
    part = {
        "caption": "Worked solutions",
        "chapters": [{"file": page.relative_to(root).with_suffix("").as_posix()} for page in pages],
    }
    contents["parts"].append(part)
    toc.parent.mkdir(parents=True, exist_ok=True)
    toc.write_text(yaml.safe_dump(contents, sort_keys=False), encoding="utf-8")
    return pages


def write_handout(root: Path, wheel: Path, into: Path) -> Path:
    """Write the zip that learners get: the released exercises with their data, the wheel, and how to begin.

    The same exercises and wheel give the same bytes. Raises InstructorError where either is missing.
    """
    files = sorted(path for path in (root / "exercises").rglob("*") if path.is_file())
    if not files or not wheel.is_file():
        missing = wheel if files else root / "exercises"
        raise InstructorError(
            f"{missing} is missing. Run `make handout`, which makes the exercises and the wheel first."
        )
    handout = into / "backprop-by-hand.zip"
    into.mkdir(parents=True, exist_ok=True)
    entries = {
        "README.md": HANDOUT_README.format(wheel=wheel.name).encode(),
        wheel.name: wheel.read_bytes(),
    } | {path.relative_to(root).as_posix(): path.read_bytes() for path in files if "__pycache__" not in path.parts}
    with zipfile.ZipFile(handout, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(zipfile.ZipInfo(f"backprop-by-hand/{name}", (2026, 1, 1, 0, 0, 0)), content)
    return handout
