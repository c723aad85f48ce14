"""Honest work gets the same points and the same sentences, whether judged outside of the sandbox or in one process.

Right answers, other right answers and typical wrong ones of every exercise. The other side of the comparison is what
nbgrader's kernel does: the learner's cells and the checks run together in one shell.
"""

import contextlib
import importlib.util
import io
import json
import multiprocessing
import re
from concurrent.futures import ProcessPoolExecutor
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
    settings = SandboxSettings(
        call_seconds=60.0, cell_seconds=60.0, check_seconds=300.0, notebook_seconds=3000.0, judge_cpu_seconds=3000
    )
    sandboxes, judge = Sandboxes(settings), JudgeServer()
    yield sandboxes, judge
    sandboxes.close()
    judge.close()


@pytest.fixture(scope="module")
def other_process():
    """Return a process to run checks in: two threads of one process must not parse Python at once in CPython 3.11."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


def table(path: Path, name: str) -> dict[str, dict]:
    """Return the dict ``name`` of the module at ``path``, empty where there is none."""
    if not path.exists():
        return {}
    spec = importlib.util.spec_from_file_location("answers", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, name, {})


def answers_of(slug: str) -> dict[str, dict[str, str]]:
    """Return, by the grade_id of each function's cell, the texts of its wrong and its other right answers."""
    found: dict[str, dict[str, str]] = {}
    for module, name, path in (
        ("mistakes", "MISTAKES", ROOT / "solutions" / slug / "mistakes.py"),
        ("alternatives", "ALTERNATIVES", ROOT / "tests" / "exercises" / "alternatives" / f"{slug}.py"),
    ):
        for function, entries in table(path, name).items():
            texts = found.setdefault(function.replace("_", "-"), {})
            for entry in entries:
                text = f"import {module} as _{module}\n{function} = _{module}.{name}[{function!r}][{entry!r}]"
                texts[f"{module}, {entry}"] = text
    return found


def with_all_answers(cells: list[dict], answers: dict[str, dict[str, str]], *, released: bool) -> list[dict]:
    """Return an exercise's cells with all answers in one notebook: after a check, each answer and the check again.

    In the end the right answer stands there again, for what follows. A released notebook holds the stub instead.
    """
    by_id = {grade_id(cell): cell for cell in cells}
    found = []
    for cell in cells:
        found.append(cell)
        function = (grade_id(cell) or "").removeprefix("check-")
        if not cell["metadata"]["nbgrader"]["grade"] or function not in answers:
            continue
        solution = by_id[function]
        for entry, text in answers[function].items():
            found.append(renamed(solution, f"{function}: {entry}", None if released else text))
            found.append(renamed(cell, f"{grade_id(cell)}: {entry}"))
        found.append(renamed(solution, f"{function}: right again"))
    return found


def renamed(cell: dict, name: str, text: str | None = None) -> dict:
    """Return a cell under another grade_id, with another text if one is given."""
    metadata = cell["metadata"] | {"nbgrader": cell["metadata"]["nbgrader"] | {"grade_id": name}}
    return cell | {"metadata": metadata, "id": name, "source": cell["source"] if text is None else text}


def files_of(slug: str) -> dict[str, Path]:
    """Return the files that stand beside the notebook."""
    released = ROOT / "exercises" / slug
    files = {path.name: path for path in released.iterdir() if path.is_file() and path.suffix != ".ipynb"}
    alternatives = ROOT / "tests" / "exercises" / "alternatives" / f"{slug}.py"
    return files | ({"alternatives.py": alternatives} if alternatives.exists() else {})


def run_together(cells: list[dict], folder: Path) -> dict[str, tuple[float, str]]:
    """Return score and printed text of each check when everything runs in one shell."""
    found = {}
    with contextlib.chdir(folder), one_shell() as shell:
        shell.run_cell(
            f"import sys; sys.path.insert(0, {str(folder)!r})\n"
            "for _name in ('mistakes', 'alternatives'): sys.modules.pop(_name, None)"
        )
        for cell in cells:
            if cell["cell_type"] != "code":
                continue
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                outcome = shell.run_cell(cell["source"])
            if cell["metadata"]["nbgrader"]["grade"]:
                found[grade_id(cell)] = (outcome.result if outcome.success else 0.0, printed.getvalue())
        shell.run_cell(f"sys.path.remove({str(folder)!r})")
    return found


def without_echoes(found: dict[str, tuple[float, str]]) -> dict[str, tuple[float, str]]:
    """Return score and text of each check, of the text what is to be the same wherever it was run."""
    return {check: (score, without_echo(text)) for check, (score, text) in found.items()}


def without_echo(text: str) -> str:
    """Return what a check printed, without IPython's own echo of the value, addresses in memory and mere rounding.

    How far two numbers differ by rounding depends on the threads that multiply matrices. Lines that a report has broken
    are joined. Which line of code raised is left out: these answers stand in a file, a learner's in a cell.
    """
    lines = [line for line in text.splitlines() if not line.startswith("Out[")]
    text = re.sub(r" The line is `[^`]*`(, and in it `[^`]*`)?\.", "", "\n".join(lines).replace("\n      ", " "))
    text = re.sub(r"0x[0-9A-F]{6,}", "somewhere", text)
    return re.sub(r"\b\d(\.\d+)?e-(0[89]|[1-9]\d)", "rounding", text).strip()


def run_judged(slug: str, cells: list[dict], release: dict, folder: Path, graders) -> dict[str, tuple[float, str]]:
    """Return score and printed text of each check when the learner's cells run in the sandbox."""
    texts = {grade_id(cell): cell["source"] for cell in cells}
    submitted = [
        SubmittedCell(cell["cell_type"], texts[grade_id(cell)], "", grade_id(cell), {})
        for cell in release["cells"]
        if cell["metadata"]["nbgrader"].get("solution")
    ]
    rebuilt = rebuild(release, submitted)
    for cell, role in zip(rebuilt.notebook["cells"], rebuilt.roles, strict=True):
        if role.kind in ("check", "instructor"):
            cell["source"] = texts[grade_id(cell)]
    # The instructor's own answer is what tells which names a cell is to define.
    own = {name: texts[name.partition(":")[0]] for name in texts}
    sandboxes, judge = graders
    troubles: list[str] = []
    grade_notebook(
        rebuilt.notebook["cells"], rebuilt.roles, own, learner=slug, files=files_of(slug), folder=folder,
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
        found[grade_id(cell)] = (float(value[0]) if value else 0.0, text)
    return found


@pytest.mark.parametrize(("slug", "name"), EXERCISES, ids=[slug for slug, _ in EXERCISES])
def test_judged_scores_and_sentences_equal_those_of_one_process(graders, other_process, slug, name):
    answers = answers_of(slug)
    source = source_notebook(ROOT / "solutions" / slug / f"{name}.md")["cells"]
    cells = with_all_answers(source, answers, released=False)
    release = json.loads((ROOT / "exercises" / slug / f"{name}.ipynb").read_text(encoding="utf-8"))
    release["cells"] = with_all_answers(release["cells"], answers, released=True)
    folder = WorkingFolder(files_of(slug))
    try:
        running = other_process.submit(run_together, cells, folder.path)
        judged = run_judged(slug, cells, release, folder.path, graders)
        together = running.result()
        assert without_echoes(judged) == without_echoes(together)
    finally:
        folder.close()
    # Not in vain: every answer was judged, right ones got all points, wrong ones did not.
    points = {grade_id(cell): cell["metadata"]["nbgrader"].get("points") for cell in cells}
    assert len(together) >= 2 + sum(len(texts) for texts in answers.values())
    for check, (score, _) in together.items():
        assert (abs(score - points[check]) < 1e-9) == (": mistakes, " not in check), (check, score, points[check])


def test_line_that_raised_is_told_wherever_it_was_run(graders, other_process):
    slug, name, check = "06-layer-backward", "layer_backward", "check-relu-backward"
    raising = "def relu_backward(dA, cache):\n    gate = cache ^ 2\n    return dA * gate"
    source = source_notebook(ROOT / "solutions" / slug / f"{name}.md")["cells"]
    cells = [cell | {"source": raising} if grade_id(cell) == "relu-backward" else cell for cell in source]
    release = json.loads((ROOT / "exercises" / slug / f"{name}.ipynb").read_text(encoding="utf-8"))
    folder = WorkingFolder(files_of(slug))
    try:
        running = other_process.submit(run_together, cells, folder.path)
        judged = run_judged(slug, cells, release, folder.path, graders)
        for score, text in (judged[check], running.result()[check]):
            assert score == 0.0
            assert "write `**`. The line is `gate = cache ^ 2`." in text.replace("\n      ", " ")
    finally:
        folder.close()
