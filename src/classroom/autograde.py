"""nbgrader's autograding with learners' code in a sandbox and the checks outside of it.

``make_safe(c)`` in a course's nbgrader_config.py is all that it takes; the plain nbgrader commands stay what they are.
"""

import atexit
import contextlib
import fnmatch
import glob
import json
import mimetypes
import os
import sys
import warnings
from pathlib import Path
from typing import Any

import nbformat
import nbgrader.apps.api
import nbgrader.apps.autogradeapp
import nbgrader.apps.generateassignmentapp
from nbconvert.preprocessors import ClearMetadataPreprocessor, CSSHTMLHeaderPreprocessor, Preprocessor
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.converters import Autograde, GenerateAssignment
from nbgrader.converters.base import NbGraderException
from nbgrader.preprocessors import (
    AssignLatePenalties,
    CheckCellMetadata,
    ClearHiddenTests,
    Execute,
    GetGrades,
    IgnorePattern,
    LimitOutput,
    SaveAutoGrades,
)
from nbgrader.utils import find_all_files
from traitlets import Bool, List

from classroom.errors import OTHER_NAMES, UNKNOWN_CELLS, InstructorError
from classroom.generate import CarefulGenerateAssignment, told_in_a_sentence
from classroom.grading import JudgeServer, Sandboxes, WorkingFolder, grade_notebook
from classroom.rebuild import ChangedCells, Rebuilt, check_folder, nbgrader_of, read_notebook, rebuild
from classroom.release import released_folder
from classroom.sandbox import INSTALL, Cgroup, SandboxSettings, find_problem

# Characters of code that a feedback page shows, of one cell and of all.
MAX_CODE_OF_CELL = 20_000
MAX_CODE_OF_PAGE = 200_000
NOT_COPIED = "{} stays in the submission: a browser would run it"


class SafeAutograde(Autograde):  # type: ignore[misc]
    """Autogrades without trusting what was handed in."""

    unsafe = Bool(
        False, help="Run learners' code with your own rights, as nbgrader does. Only for work that you trust."
    ).tag(config=True)

    autograde_preprocessors = List(
        [IgnorePattern, ClearMetadataPreprocessor, LimitOutput, SaveAutoGrades, AssignLatePenalties, CheckCellMetadata]
    ).tag(config=True)

    def __init__(self, *args: Any, **keywords: Any) -> None:
        super().__init__(*args, **keywords)
        self.settings = SandboxSettings(parent=self)
        self.sandboxes: Sandboxes | None = None
        self.judge: JudgeServer | None = None
        self.folders: dict[str, WorkingFolder] = {}
        self.rebuilt: set[str] = set()
        self.changed = ChangedCells()

    def start(self) -> None:
        """Autograde; one sentence says what cannot be graded, and the rest is."""
        with told_in_a_sentence(self.log):
            try:
                self.prepare()
                super().start()
            finally:
                self.close()

    def prepare(self) -> None:
        """Refuse to go on where no sandbox is to be had and none was waived."""
        if self.unsafe:
            if self.config.Execute.get("enabled", True) is False:
                raise InstructorError(
                    "SafeAutograde.unsafe and --no-execute together would give full marks to all. Drop one."
                )
            self.log.warning("Learners' code runs with your own rights (SafeAutograde.unsafe), beside the gradebook.")
            self.autograde_preprocessors = [Execute, *self.autograde_preprocessors]
            return
        problem = find_problem()
        if problem:
            raise InstructorError(INSTALL.format(problem=problem))
        group = Cgroup(self.settings)
        group.remove()
        if group.missing:
            self.log.warning(
                "No limit on the %s of a learner as a whole, since %s. Each process keeps its own limits (address "
                "space, CPU time, file size, open files).",
                group.missing,
                group.reason,
            )
        if self.sandboxes is None:
            self.sandboxes, self.judge = Sandboxes(self.settings), JudgeServer()
            self.sandboxes.start_ahead()
            atexit.register(self.close)

    def close(self) -> None:
        """End the sandboxes and the judge, and remove their folders."""
        if self.sandboxes is not None:
            self.sandboxes.close()
        if self.judge is not None:
            self.judge.close()
        for folder in self.folders.values():
            folder.close()
        self.sandboxes, self.judge, self.folders = None, None, {}
        atexit.unregister(self.close)

    def init_notebooks(self) -> None:
        """Find the submissions; say in one sentence where there are none."""
        assignment = self.coursedir.assignment_id
        try:
            with Gradebook(self.coursedir.db_url, self.coursedir.course_id) as gradebook:
                gradebook.find_assignment(assignment)
        except MissingEntry:
            released_folder(self.release_of("."), assignment)
        pattern = self._format_source(assignment, self.coursedir.student_id)
        if not glob.glob(pattern):
            raise InstructorError(f"Nothing was handed in at {pattern}. Put the submissions there.")
        super().init_notebooks()

    def init_assignment(self, assignment_id: str, student_id: str) -> None:
        """Copy what lies beside the notebooks, but no page that formgrader would run beside your own."""
        super().init_assignment(assignment_id, student_id)
        for name, path in self.plain_files(Path(self._format_dest(assignment_id, student_id))).items():
            if self.is_learners_page(assignment_id, name):
                self.log.warning("%s: %s", student_id, NOT_COPIED.format(name))
                path.unlink()

    def is_learners_page(self, assignment: str, name: str) -> bool:
        """Return whether a file beside a notebook is one that a browser would run, and none of the instructor's."""
        kind = mimetypes.guess_type(name)[0] or ""
        return (
            any(word in kind for word in ("html", "xml", "script")) and not (self.source_of(assignment) / name).exists()
        )

    def convert_notebooks(self) -> None:
        """Grade all submissions that can be read; then fail if there were others."""
        self.refuse_unknown_cells()
        refused = []
        for folder, notebooks in sorted(self.assignments.items()):
            try:
                check_folder(Path(folder))
                for notebook in notebooks:
                    read_notebook(Path(notebook))
                self.refuse_unknown_names(folder, notebooks)
                self.files_beside(self.coursedir.assignment_id, Path(folder))
            except InstructorError as problem:
                self.log.error("Not graded: %s", problem)
                refused.append(folder)
        for folder in refused:
            del self.assignments[folder]
        try:
            super().convert_notebooks()
        finally:
            for learner, said in self.changed.told(len(self.rebuilt)):
                self.log.warning("%s", f"{learner}: {said}" if learner else said)
        if refused:
            raise NbGraderException(f"{len(refused)} of the submissions could not be graded")

    def refuse_unknown_cells(self) -> None:
        """Raise InstructorError where the release has a cell that the gradebook lacks.

        nbgrader would find that out after it has removed what was autograded before, learner by learner.
        """
        assignment = self.coursedir.assignment_id
        known: dict[str, set[str]] = {}
        with (
            contextlib.suppress(MissingEntry),
            Gradebook(self.coursedir.db_url, self.coursedir.course_id) as gradebook,
        ):
            for notebook in gradebook.find_assignment(assignment).notebooks:
                known[notebook.name] = {cell.name for cell in notebook.source_cells}
        for name, cells in known.items():
            if not (self.release_of(assignment) / f"{name}.ipynb").is_file():
                continue
            about = [nbgrader_of(cell) for cell in self.read_release(assignment, name)["cells"]]
            new = [cell["grade_id"] for cell in about if cell.get("solution") or cell.get("grade") or cell.get("task")]
            new = [grade_id for grade_id in new if grade_id not in cells]
            if new:
                raise InstructorError(UNKNOWN_CELLS.format(cells=", ".join(new), assignment=assignment))

    def refuse_unknown_names(self, folder: str, notebooks: list[str]) -> None:
        """Refuse a submission in which no file has the name of a released notebook."""
        assignment = self.coursedir.assignment_id
        known = {path.stem for path in self.release_of(assignment).glob("*.ipynb")}
        if known and known.isdisjoint(Path(notebook).stem for notebook in notebooks):
            raise InstructorError(
                OTHER_NAMES.format(folder=folder, assignment=assignment, names=", ".join(sorted(known)))
            )

    def release_of(self, assignment: str) -> Path:
        """Return the folder of a released assignment."""
        return Path(self.coursedir.format_path(self.coursedir.release_directory, ".", assignment))

    def source_of(self, assignment: str) -> Path:
        """Return the folder of an assignment's source."""
        return Path(self.coursedir.format_path(self.coursedir.source_directory, ".", assignment))

    def convert_single_notebook(self, notebook_filename: str) -> None:
        """Rebuild a notebook on the released one, run it, and record its scores."""
        self.log.info("Rebuilding %s", notebook_filename)
        resources = self.init_single_notebook_resources(notebook_filename)
        about = resources["nbgrader"]
        try:
            rebuilt = self.rebuild(Path(notebook_filename), about["student"], about["assignment"], about["notebook"])
            self._sanitizing = True
            self._init_preprocessors()
            text, _ = self.exporter.from_notebook_node(as_node(rebuilt.notebook), resources)
            notebook: Any = nbformat.reads(text, as_version=4)  # type: ignore[no-untyped-call]
            if len(notebook.cells) != len(rebuilt.roles):
                raise InstructorError(f"{notebook_filename} changed its number of cells while it was rebuilt.")
            self._sanitizing = False
            if not self.unsafe:
                self.grade(notebook, rebuilt, about, Path(notebook_filename))
            self._init_preprocessors()
            notebook = as_node(notebook)
            text, resources = self.exporter.from_notebook_node(notebook, resources)
            self.write_single_notebook(text, resources)
        finally:
            self._sanitizing = True

    def rebuild(self, path: Path, learner: str, assignment: str, name: str) -> Rebuilt:
        """Return a submitted notebook rebuilt on the released one."""
        rebuilt = rebuild(self.read_release(assignment, name), read_notebook(path))
        self.put_whole_checks(rebuilt, assignment, name)
        for remark in rebuilt.remarks:
            self.log.warning("%s: %s", path, remark)
        self.rebuilt.add(learner)
        self.changed.add(learner, name, rebuilt.changed)
        return rebuilt

    def read_release(self, assignment: str, name: str) -> dict[str, Any]:
        """Return a released notebook."""
        released = self.release_of(assignment) / f"{name}.ipynb"
        try:
            release: dict[str, Any] = json.loads(released.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise InstructorError(
                f"The released notebook {released} cannot be read; it is needed to rebuild submissions. Run: nbgrader "
                f"generate_assignment {assignment}"
            ) from None
        return release

    def put_whole_checks(self, rebuilt: Rebuilt, assignment: str, name: str) -> None:
        """Put the text that the gradebook keeps, hidden checks included, into the instructor's cells."""
        with Gradebook(self.coursedir.db_url, self.coursedir.course_id) as gradebook:
            whole = {cell.name: cell.source for cell in gradebook.find_notebook(name, assignment).source_cells}
        for cell, role in zip(rebuilt.notebook["cells"], rebuilt.roles, strict=True):
            if role.kind in ("check", "instructor"):
                cell["source"] = whole.get(nbgrader_of(cell).get("grade_id"), cell["source"])

    def grade(self, notebook: Any, rebuilt: Rebuilt, about: dict[str, Any], path: Path) -> None:
        """Run one rebuilt notebook's cells inside and its checks outside."""
        assert self.sandboxes is not None and self.judge is not None
        assignment = about["assignment"]
        if assignment not in self.folders:
            self.folders[assignment] = WorkingFolder(self.instructors_files(assignment))
        solutions = self.solution_texts(assignment, about["notebook"])
        learner = (about["student"], assignment)
        self.sandboxes.of(learner)
        self.sandboxes.start_ahead()
        grade_notebook(
            notebook.cells,
            rebuilt.roles,
            solutions,
            learner=learner,
            files=self.files_for(assignment, path.parent),
            folder=self.folders[assignment].path,
            sandboxes=self.sandboxes,
            judge=self.judge,
            warn=lambda text: self.log.warning("%s: %s", path, text),
        )

    def plain_files(self, folder: Path) -> dict[str, Path]:
        """Return the files beside notebooks in a folder, by their names relative to it."""
        if not folder.is_dir():
            return {}
        found = find_all_files(str(folder), [*self.coursedir.ignore, "*.ipynb"])
        return {os.path.relpath(path, folder): Path(path) for path in found}

    def files_beside(self, assignment: str, submitted: Path) -> dict[str, Path]:
        """Return what a learner has handed in beside notebooks; InstructorError where it is in the way of yours."""
        own, ours = self.plain_files(submitted), self.instructors_files(assignment)
        folders = {str(parent) for name in ours for parent in Path(name).parents}
        for name in own:
            above = next((str(parent) for parent in Path(name).parents if str(parent) in ours), None)
            if name in folders or above:
                found, other = ("folder", "file") if above else ("file", "folder")
                raise InstructorError(
                    f"{submitted}: {above or name} is a {found}, and the exercise has a {other} of that name. Rename "
                    "it."
                )
        return own

    def instructors_files(self, assignment: str) -> dict[str, Path]:
        """Return the files that checks may read: the released ones, and the source's, which win."""
        return self.plain_files(self.release_of(assignment)) | self.plain_files(self.source_of(assignment))

    def files_for(self, assignment: str, submitted: Path) -> dict[str, Path]:
        """Return the files beside a learner's code: what the learner handed in, and the released ones, which win."""
        own = self.plain_files(submitted)
        keep = self.exclude_overwriting.get(assignment, [])
        total = 0
        chosen: dict[str, Path] = {}
        for name, path in own.items():
            total += path.stat(follow_symlinks=False).st_size
            if total > self.settings.folder_size * 500_000 or fnmatch.fnmatch(name, "timestamp.txt"):
                continue
            chosen[name] = path
        released = self.plain_files(self.release_of(assignment))
        return chosen | {name: path for name, path in released.items() if name not in keep or name not in chosen}

    def solution_texts(self, assignment: str, name: str) -> dict[str, str]:
        """Return the text of the source notebook's solution cells by grade_id, nothing where there is no source."""
        try:
            content = json.loads((self.source_of(assignment) / f"{name}.ipynb").read_text(encoding="utf-8"))
            cells = content["cells"]
        except (OSError, ValueError, KeyError):
            return {}
        texts = {}
        for cell in cells:
            about = cell.get("metadata", {}).get("nbgrader", {})
            if about.get("solution") and "grade_id" in about:
                source = cell["source"]
                texts[about["grade_id"]] = source if isinstance(source, str) else "".join(source)
        return texts


def as_node(notebook: Any) -> Any:
    """Return a notebook of plain dicts in nbformat's own kind."""
    return nbformat.from_dict(notebook)  # type: ignore[no-untyped-call]


class HideHiddenChecks(ClearHiddenTests):  # type: ignore[misc]
    """Leaves the hidden part of checks out of a page."""

    # The HTML exporter sets this for all its preprocessors, and nbgrader's do not know it.
    display_data_priority: Any = List().tag(config=True)


class ShortenLongCells(Preprocessor):
    """Cuts code that is far too long for a page: to colour it takes time by the square of a line's length."""

    enabled = Bool(True).tag(config=True)

    def preprocess(self, notebook: Any, resources: Any) -> Any:
        """Return a notebook without what is too long."""
        left = MAX_CODE_OF_PAGE
        for cell in notebook.cells:
            if cell.cell_type == "code":
                most = min(MAX_CODE_OF_CELL, left)
                if len(cell.source) > most:
                    cell.source = f"{cell.source[:most]}\n# ... (cut: too much code for a page)"
                left -= min(len(cell.source), most)
        return notebook, resources


def make_safe(c: Any) -> None:
    """Make the nbgrader commands of a course safe; call it in nbgrader_config.py with ``get_config()``.

    ``nbgrader autograde``, and formgrader's button for it, then use :class:`SafeAutograde`, and feedback leaves out
    the source of hidden checks, and code that is far too long. Where that cannot be, the command ends: nbgrader would
    only log an exception of its configuration's, and go on without the sandbox.
    """
    try:
        put_in_place(c)
    except Exception as problem:
        sys.exit(
            f"classroom: the sandbox cannot be put in place ({type(problem).__name__}: {problem}). Nothing was run."
        )


def put_in_place(c: Any) -> None:
    """Have nbgrader use our converters, and set what its own are told by configuration."""
    # nbgrader names its converters in two places each and has no setting for them.
    for stock, ours, modules in (
        (Autograde, SafeAutograde, (nbgrader.apps.autogradeapp, nbgrader.apps.api)),
        (GenerateAssignment, CarefulGenerateAssignment, (nbgrader.apps.generateassignmentapp, nbgrader.apps.api)),
    ):
        for module in modules:
            if getattr(module, stock.__name__, None) not in (stock, ours):
                raise InstructorError(f"this version of nbgrader has no {stock.__name__} in {module.__name__}")
            setattr(module, stock.__name__, ours)
    # nbgrader calls `alembic` by name; it is beside this Python even where the environment is not activated.
    beside = str(Path(sys.executable).parent)
    if beside not in os.environ.get("PATH", "").split(os.pathsep):
        os.environ["PATH"] = os.pathsep.join([beside, os.environ.get("PATH", "")])
    # Of nbgrader's own making, and nothing that an instructor could mend.
    warnings.filterwarnings("ignore", message="Object of type <Submitted", module="nbgrader")
    c.GenerateFeedback.preprocessors = [GetGrades, HideHiddenChecks, ShortenLongCells, CSSHTMLHeaderPreprocessor]
    c.HTMLExporter.sanitize_html = True
