"""Grading one submission from bytes to bytes, as a worker does: it has no course folder and no gradebook.

What leaves a worker are the notebooks with their outputs. Scores are read from these by the one who writes them down.
"""

import contextlib
import functools
import gc
import itertools
import json
import pickle
import py_compile
import shutil
import signal
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from classroom.errors import InstructorError
from classroom.grading import JudgeServer, Sandboxes, grade_notebook
from classroom.rebuild import nbgrader_of, parse_notebook, rebuild
from classroom.sandbox import SandboxSettings
from classroom.submissions import Submission


@dataclass(frozen=True)
class Exercise:
    """One notebook of an assignment: as released, as graded, and the instructor's text of its solution cells.

    ``cells`` are the released ones with whole checks, and with the metadata that nbgrader wants to find.
    """

    release: dict[str, Any]
    cells: list[dict[str, Any]]
    metadata: dict[str, Any]
    solutions: dict[str, str]


@dataclass(frozen=True)
class Assignment:
    """All that it takes to grade a submission of one assignment.

    ``released`` files stand beside a learner's code, ``trusted`` ones beside the checks; of those named in ``kept``
    the learner's own version stays.
    """

    name: str
    exercises: dict[str, Exercise]
    released: dict[str, bytes]
    trusted: dict[str, bytes]
    kept: list[str]
    settings: dict[str, Any]
    token: str


@dataclass(frozen=True)
class Graded:
    """A submission's notebooks after grading, as JSON; or why there are none.

    ``changed`` has, by notebook, a digest of each of the instructor's cells that was handed in otherwise.
    """

    learner: str
    digest: str
    notebooks: dict[str, bytes] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    changed: dict[str, dict[str, str]] = field(default_factory=dict)
    refused: str = ""
    seconds: float = 0.0


class Grader:
    """What one thread of a worker grades with: sandboxes, a judge, and the assignment's files in a folder."""

    def __init__(self, assignment: Assignment, scratch: str | None) -> None:
        self.assignment = assignment
        self.folder = Path(tempfile.mkdtemp(prefix="classroom-grader-", dir=scratch))
        self.numbers = itertools.count()
        self.sandboxes = Sandboxes(SandboxSettings(**assignment.settings))
        self.judge = _judges.pop() if _judges else JudgeServer()
        self.released = write_files(self.folder / "released", assignment.released)
        trusted = write_files(self.folder / "trusted", assignment.trusted)
        self.sandboxes.start_ahead()
        # Each notebook's judge imports the instructor's modules anew; they are compiled once.
        for path in (path for path in trusted.values() if path.suffix == ".py"):
            with contextlib.suppress(py_compile.PyCompileError, OSError):
                py_compile.compile(str(path), doraise=True)
        self.judge.prepare(
            [
                cell["source"]
                for exercise in assignment.exercises.values()
                for cell in exercise.cells
                if cell["cell_type"] == "code" and not nbgrader_of(cell).get("solution")
            ]
        )

    def grade(self, submission: Submission, *, more_to_come: bool = False) -> Graded:
        """Return a submission graded; InstructorError where nothing can be graded here."""
        start = time.perf_counter()
        learner = next(self.numbers)
        self.sandboxes.of(learner)
        if more_to_come:
            self.sandboxes.start_ahead()
        remarks: list[str] = []
        changed: dict[str, dict[str, str]] = {}
        try:
            notebooks = self.grade_notebooks(submission, learner, remarks, changed)
            refused = ""
        except InstructorError as problem:
            notebooks, refused = {}, str(problem)
        seconds = time.perf_counter() - start
        return Graded(submission.learner, submission.digest, notebooks, remarks, changed, refused, seconds)

    def grade_notebooks(
        self, submission: Submission, learner: Any, remarks: list[str], changed: dict[str, dict[str, str]]
    ) -> dict[str, bytes]:
        """Return the graded notebooks; add to ``remarks`` and ``changed`` what an instructor may want to know."""
        submitted = {
            name: parse_notebook(text, f"{submission.where}/{name}.ipynb")
            for name, text in submission.notebooks.items()
        }
        own = write_files(self.folder / "own", submission.files)
        kept = [name for name in self.assignment.kept if name in own]
        files = own | {name: path for name, path in self.released.items() if name not in kept}
        graded = {}
        try:
            for name, exercise in self.assignment.exercises.items():
                if name not in submitted:
                    continue
                rebuilt = rebuild(exercise.release, submitted[name])
                remarks += [f"{name}: {remark}" for remark in rebuilt.remarks]
                changed[name] = rebuilt.changed
                cells = rebuilt.notebook["cells"]
                ours = iter(exercise.cells)
                for cell, role in zip(cells, rebuilt.roles, strict=True):
                    if role.kind != "added":
                        source = cell["source"] if role.kind == "solution" else None
                        cell |= next(ours)
                        cell["source"] = cell["source"] if source is None else source
                grade_notebook(
                    cells, rebuilt.roles, exercise.solutions, learner=learner, files=files,
                    folder=self.folder / "trusted", sandboxes=self.sandboxes, judge=self.judge,
                    warn=functools.partial(remark, remarks, name),
                )  # fmt: skip
                notebook = rebuilt.notebook | {"metadata": exercise.metadata}
                graded[name] = json.dumps(notebook).encode()
        finally:
            shutil.rmtree(self.folder / "own", ignore_errors=True)
        return graded

    def close(self) -> None:
        """End the sandboxes and the judge, and remove the folder."""
        self.sandboxes.close()
        self.judge.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def remark(remarks: list[str], notebook: str, text: str) -> None:
    """Add what an instructor may want to know of a notebook."""
    remarks.append(f"{notebook}: {text}")


def write_files(folder: Path, files: dict[str, bytes]) -> dict[str, Path]:
    """Write files below a folder and return their paths, by name."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {}
    for name, text in files.items():
        paths[name] = folder / name
        paths[name].parent.mkdir(parents=True, exist_ok=True)
        paths[name].write_bytes(text)
    return paths


# A judge that started with the worker, so that it is ready when the first submission comes.
_judges: list[JudgeServer] = []
# A worker's threads share nothing: each has a grader of its own.
_graders: dict[tuple[int, str], Grader] = {}


def grade(assignment: Assignment, submission: Submission, *, more_to_come: bool) -> Graded:
    """Return a submission graded by this thread's grader, which is made where there is none."""
    from distributed import get_worker

    key = (threading.get_ident(), assignment.token)
    if key not in _graders:
        _graders[key] = Grader(assignment, get_worker().local_directory)
    return _graders[key].grade(submission, more_to_come=more_to_come)


def unpack(packed: bytes) -> Assignment:
    """Return an assignment from the instructor's own bytes; a worker that was lost costs only to do this again."""
    assignment: Assignment = pickle.loads(packed)
    return assignment


def dask_setup(worker: Any) -> None:
    """Keep Ctrl-C from a worker on the instructor's machine, where the run ends its workers; start a judge ahead."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What is imported is never garbage.
    gc.freeze()
    _judges.append(JudgeServer())


def close_graders(token: str) -> None:
    """Close this process' graders of one run."""
    for key in [key for key in _graders if key[1] == token]:
        _graders.pop(key).close()
