"""Honest work gets the same points and the same sentences, whether judged outside of the sandbox or in one process.

Right answers, other right answers and typical wrong ones of every exercise. The other side of the comparison is what
nbgrader's kernel does: the learner's cells and the checks run together in one shell.
"""

import contextlib
import importlib.util
import io
import json
import re
from itertools import zip_longest
from pathlib import Path

import pytest

from classroom.grading import JudgeServer, Sandboxes, WorkingFolder, grade_notebook
from classroom.rebuild import SubmittedCell, rebuild, source_of
from classroom.release import source_notebook, source_texts
from classroom.sandbox import SandboxSettings
from course import grade_id
from one_shell import one_shell

ROOT = Path(__file__).resolve().parent.parent.parent
EXERCISES = [(text.parent.name, text.stem) for text in source_texts(ROOT / "solutions")]


@pytest.fixture(scope="module")
def graders(requires_program):
    """Return sandboxes and a judge."""
    requires_program("bwrap")
    settings = SandboxSettings(call_seconds=60.0, cell_seconds=60.0, check_seconds=300.0)
    sandboxes, judge = Sandboxes(settings), JudgeServer()
    yield sandboxes, judge
    sandboxes.close()
    judge.close()


def table(path: Path, name: str) -> dict[str, dict]:
    """Return the dict ``name`` of the module at ``path``, empty where there is none."""
    if not path.exists():
        return {}
    spec = importlib.util.spec_from_file_location("answers", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, name, {})


def variants(slug: str) -> list[dict[str, str]]:
    """Return texts of solution cells by grade_id: none changed, then the k-th answer of every function together."""
    found: list[dict[str, str]] = [{}]
    for module, name, folder in (
        ("mistakes", "MISTAKES", ROOT / "solutions" / slug),
        ("alternatives", "ALTERNATIVES", ROOT / "tests" / "exercises" / "alternatives"),
    ):
        answers = table(folder / f"{slug if module == 'alternatives' else module}.py", name)
        lists = [
            [
                (function, f"import {module} as _{module}\n{function} = _{module}.{name}[{function!r}][{entry!r}]")
                for entry in entries
            ]
            for function, entries in answers.items()
        ]
        for row in zip_longest(*lists):
            found.append({pair[0].replace("_", "-"): pair[1] for pair in row if pair})
    return found


def files_of(slug: str) -> dict[str, Path]:
    """Return the files that stand beside the notebook."""
    released = ROOT / "exercises" / slug
    files = {path.name: path for path in released.iterdir() if path.suffix != ".ipynb"}
    alternatives = ROOT / "tests" / "exercises" / "alternatives" / f"{slug}.py"
    return files | ({"alternatives.py": alternatives} if alternatives.exists() else {})


def run_together(source: dict, answers: dict[str, str], folder: Path) -> dict[str, tuple[float, str]]:
    """Return score and printed text of each check when everything runs in one shell."""
    found = {}
    with contextlib.chdir(folder), one_shell() as shell:
        shell.run_cell(
            f"import sys; sys.path.insert(0, {str(folder)!r})\n"
            "for _name in ('mistakes', 'alternatives'): sys.modules.pop(_name, None)"
        )
        for cell in source["cells"]:
            if cell["cell_type"] != "code":
                continue
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                outcome = shell.run_cell(answers.get(grade_id(cell), cell["source"]))
            if cell["metadata"]["nbgrader"]["grade"]:
                found[grade_id(cell)] = (outcome.result if outcome.success else 0.0, without_echo(printed.getvalue()))
        shell.run_cell(f"sys.path.remove({str(folder)!r})")
    return found


def without_echo(text: str) -> str:
    """Return what a check printed, without IPython's own echo of the value and addresses in memory."""
    lines = [line for line in text.splitlines() if not line.startswith("Out[")]
    return re.sub(r"0x[0-9A-F]{6,}", "somewhere", "\n".join(lines)).strip()


def run_judged(slug, release, source, answers, folder, graders) -> dict[str, tuple[float, str]]:
    """Return score and printed text of each check when the learner's cells run in the sandbox."""
    texts = {grade_id(cell): cell["source"] for cell in source["cells"]}
    submitted = [
        SubmittedCell(cell["cell_type"], answers.get(grade_id(cell), texts[grade_id(cell)]), "", grade_id(cell), {})
        for cell in release["cells"]
        if cell["metadata"]["nbgrader"].get("solution")
    ]
    rebuilt = rebuild(release, submitted)
    for cell, role in zip(rebuilt.notebook["cells"], rebuilt.roles, strict=True):
        if role.kind in ("check", "instructor"):
            cell["source"] = texts[grade_id(cell)]
    sandboxes, judge = graders
    troubles: list[str] = []
    grade_notebook(
        rebuilt.notebook["cells"], rebuilt.roles, texts, learner=slug, files=files_of(slug), folder=folder,
        sandboxes=sandboxes, judge=judge, warn=troubles.append,
    )  # fmt: skip
    assert troubles == []
    found = {}
    for cell, role in zip(rebuilt.notebook["cells"], rebuilt.roles, strict=True):
        if role.kind != "check":
            continue
        assert source_of(cell) == texts[grade_id(cell)]
        value = [o["data"]["text/plain"] for o in cell["outputs"] if o["output_type"] == "execute_result"]
        text = "".join(o["text"] for o in cell["outputs"] if o["output_type"] == "stream")
        found[grade_id(cell)] = (float(value[0]) if value else 0.0, without_echo(text))
    return found


@pytest.mark.parametrize(("slug", "name"), EXERCISES, ids=[slug for slug, _ in EXERCISES])
def test_judged_scores_and_sentences_equal_those_of_one_process(graders, slug, name):
    source = source_notebook(ROOT / "solutions" / slug / f"{name}.md")
    release = json.loads((ROOT / "exercises" / slug / f"{name}.ipynb").read_text(encoding="utf-8"))
    folder = WorkingFolder(files_of(slug))
    try:
        for number, answers in enumerate(variants(slug)):
            together = run_together(source, answers, folder.path)
            judged = run_judged(slug, release, source, answers, folder.path, graders)
            assert judged == together, f"variant {number}: {answers}"
    finally:
        folder.close()
