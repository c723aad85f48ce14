"""Run an exercise's notebook with other code in its solution cells, and read what its check cells say."""

import contextlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from classroom.release import source_notebook
from one_shell import one_shell


@dataclass(frozen=True)
class Checked:
    """What one check cell gave: its points, the most it gives, and what it printed (the traceback if it failed).

    Lines that a report has broken are joined again.
    """

    score: float
    points: float
    text: str


def run_checks(notebook: dict, folder: Path, answers: dict[str, str], only: str | None) -> dict[str, Checked]:
    """Return what each check cell of ``notebook`` gives (or the one cell ``only``).

    ``answers`` stand in the solution cells, by grade_id.
    """
    results = {}
    with contextlib.chdir(folder), one_shell() as shell:
        shell.run_cell(f"import sys; sys.path.insert(0, {str(folder)!r}); sys.modules.pop('mistakes', None)")
        for cell in notebook["cells"]:
            about = cell["metadata"]["nbgrader"]
            if cell["cell_type"] != "code" or (about["grade"] and only not in (None, about["grade_id"])):
                continue
            source = "".join(cell["source"])
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                outcome = shell.run_cell(answers.get(about["grade_id"], source))
            if about["grade"]:
                score = 0.0 if outcome.error_in_exec or outcome.error_before_exec else outcome.result
                assert type(score) is float, f"{about['grade_id']} returned {score!r}, not a plain float"
                results[about["grade_id"]] = Checked(
                    score, about["points"], printed.getvalue().replace("\n      ", " ")
                )
        shell.run_cell(f"sys.path.remove({str(folder)!r})")
    return results


@pytest.fixture
def checks_of(root: Path) -> Callable[..., dict[str, Checked]]:
    """Return a function that runs the checks of one exercise, hidden ones included, on given answers."""

    def checks(
        slug: str, name: str, answers: dict[str, str] | None = None, only: str | None = None
    ) -> dict[str, Checked]:
        text = root / "solutions" / slug / f"{name}.md"
        return run_checks(source_notebook(text), text.parent, answers or {}, only)

    return checks


@pytest.fixture
def released(root: Path) -> Callable[[str, str], dict]:
    """Return a function that reads a released notebook."""

    def read(slug: str, name: str) -> dict:
        return json.loads((root / "exercises" / slug / f"{name}.ipynb").read_text(encoding="utf-8"))

    return read
