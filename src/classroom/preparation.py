"""What a run knows before the first submission is graded: the course, the assignment, and what nbgrader wants written.

It is made with nbgrader's own converter and preprocessors, once for each notebook, so that the work of a submission is
left with what differs from one submission to the next.
"""

import hashlib
import json
import os
import pickle
import shutil
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.writers.files import FilesWriter
from nbformat.v4.rwbase import split_lines
from nbgrader.api import Gradebook
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import AssignLatePenalties, CheckCellMetadata, NbGraderPreprocessor, SaveAutoGrades
from nbgrader.utils import compute_checksum, determine_grade, is_grade, is_solution, is_task, parse_utc
from sqlalchemy.exc import SQLAlchemyError

from classroom.autograde import NOT_COPIED, SafeAutograde, as_node
from classroom.errors import OTHER_NAMES, InstructorError
from classroom.grader import Assignment, Exercise, Graded
from classroom.rebuild import nbgrader_of, rebuild, source_of
from classroom.records import Entry, Records, Scores, check_gradebook, reason
from classroom.release import course_config, ensure_in_gradebook, released_folder


class ReadScores(NbGraderPreprocessor):  # type: ignore[misc]
    """Reads what nbgrader's SaveAutoGrades would save."""

    def preprocess(self, nb: Any, resources: Any) -> Any:
        """Put the scores and comments of a graded notebook into ``resources``."""
        scores = {
            cell.metadata.nbgrader.grade_id: determine_grade(cell, self.log)[0] for cell in nb.cells if is_grade(cell)
        }
        comments = {}
        for cell in nb.cells:
            if is_solution(cell) or is_task(cell):
                untouched = cell.metadata.nbgrader.get("checksum") == compute_checksum(cell) and not is_task(cell)
                comments[cell.metadata.nbgrader.grade_id] = "No response." if untouched else None
        resources["scores"] = Scores(scores, comments)
        return nb, resources


def newest(folder: Path) -> float:
    """Return when the newest file in a folder was written, in seconds; 0 where there is none."""
    return max((path.stat().st_mtime for path in folder.iterdir() if path.is_file()), default=0.0)


class Preparation:
    """A course's own converter, ready for the notebooks of one assignment."""

    def __init__(self, root: Path, assignment: str) -> None:
        config = course_config(root)
        self.name, self.root = assignment, root
        self.coursedir = CourseDirectory(config=config, assignment_id=assignment)
        self.converter = SafeAutograde(coursedir=self.coursedir, config=config)
        if self.converter.unsafe:
            raise InstructorError(
                "SafeAutograde.unsafe is set, and classroom grade never runs learners' code without a sandbox. Unset "
                "it, or use: nbgrader autograde"
            )
        if self.converter.sanitize_preprocessors != SafeAutograde.sanitize_preprocessors.default_args[0]:
            raise InstructorError(
                "SafeAutograde.sanitize_preprocessors is not nbgrader's own list, which is the only one that classroom "
                "grade knows. Unset it, or use: nbgrader autograde"
            )
        self.converter.writer = FilesWriter(parent=self.converter, config=config)
        self.converter.exporter = self.converter.exporter_class(parent=self.converter, config=config)
        self.penalties = AssignLatePenalties(parent=self.converter, config=config)
        released_folder(self.converter.release_of("."), assignment)
        self.most_beside = self.converter.settings.folder_size * 500_000
        source = self.converter.plain_files(self.converter.source_of(assignment))
        kept = self.converter.exclude_overwriting.get(assignment, [])
        self.source_files = {name: path for name, path in source.items() if name not in kept}

    def read_from(self, submitted: Path | None) -> None:
        """Find submissions in another folder than the course's own."""
        if submitted is not None:
            self.coursedir.submitted_directory = str(submitted.resolve())

    def check_gradebook(self) -> None:
        """Raise InstructorError where the gradebook is not one for this course."""
        check_gradebook(self.coursedir.db_url, self.coursedir.course_id)

    def enter_into_gradebook(self) -> None:
        """See that the gradebook knows the assignment."""
        try:
            ensure_in_gradebook(self.name, self.root)
        except SQLAlchemyError as problem:
            raise InstructorError(f"The gradebook cannot be written: {reason(problem)}") from None

    def records(self, say: Callable[[str], None]) -> Records:
        """Return the gradebook, open for writing."""
        return Records(self.coursedir.db_url, self.coursedir.course_id, self.name, self.penalties, say)

    def files_beside(self, folder: Path) -> dict[str, Path]:
        """Return the files beside the notebooks in a submission's folder."""
        return self.converter.files_beside(self.name, folder)

    def destination(self, learner: str) -> Path:
        """Return the folder of a learner's autograded notebooks."""
        return Path(os.path.normpath(self.converter._format_dest(self.name, learner)))

    def is_graded(self, learner: str, folder: Path) -> bool:
        """Return whether there are autograded notebooks of this submission.

        nbgrader's time stamps say it; without them, whether the submission's files were written before.
        """
        graded = self.destination(learner)
        if not graded.is_dir():
            return False
        try:
            new, old = self.timestamp(folder), self.timestamp(graded)
        except InstructorError:
            return False
        if new is not None and old is not None:
            return bool(new <= old)
        return newest(folder) <= newest(graded)

    def timestamp(self, folder: Path) -> Any:
        """Return when a submission was handed in, None where nothing says it."""
        path = folder / "timestamp.txt"
        if not path.is_file():
            return None
        text = path.read_text(encoding="utf-8", errors="replace").strip()
        try:
            return parse_utc(text) if text else None
        except (ValueError, OverflowError):
            raise InstructorError(
                f"{path} holds no time: {text[:80]!r}. Write it as 2026-01-31 23:59:00 UTC."
            ) from None

    def write_beside(self, graded: Graded, folder: Path) -> tuple[Entry, Path]:
        """Write a new folder of notebooks beside the old one; return what the gradebook is to know, and the folder.

        No page that formgrader would run beside the instructor's own is among the files; a remark says so.
        """
        if not graded.notebooks:
            names = ", ".join(self.layouts)
            raise InstructorError(OTHER_NAMES.format(folder=folder, assignment=self.name, names=names))
        place = self.destination(graded.learner)
        new = place.with_name(f".{place.name}.new")
        shutil.rmtree(new, ignore_errors=True)
        scores: dict[str, Scores | None] = dict.fromkeys(self.layouts)
        new.mkdir(parents=True)
        beside = self.files_beside(folder)
        pages = [name for name in beside if self.converter.is_learners_page(self.name, name)]
        graded.remarks.extend(map(NOT_COPIED.format, pages))
        for name, path in ({n: p for n, p in beside.items() if n not in pages} | self.source_files).items():
            (new / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, new / name)
        for name, notebook in graded.notebooks.items():
            text, scores[name] = self.finish(graded.learner, name, notebook)
            (new / f"{name}.ipynb").write_text(text, encoding="utf-8")
        permissions = int(str(self.converter.permissions), 8)
        for path in new.rglob("*"):
            if path.is_file():
                path.chmod(permissions)
        return Entry(graded.learner, self.timestamp(folder), scores), new

    def remove_graded(self, learner: str) -> None:
        """Remove a learner's autograded notebooks."""
        place = self.destination(learner)
        if place.is_dir():
            shutil.rmtree(place)

    def put_in_place(self, learner: str, new: Path) -> None:
        """Put a new folder where nbgrader looks for it."""
        new.rename(self.destination(learner))
        if self.coursedir.groupshared:
            self.converter.set_permissions(self.name, learner)

    def assignment(self) -> Assignment:
        """Return what a worker needs to grade this assignment."""
        converter, name = self.converter, self.name
        with Gradebook(self.coursedir.db_url, self.coursedir.course_id) as gradebook:
            self.layouts = [notebook.name for notebook in gradebook.find_assignment(name).notebooks]
        released = {
            place: path.read_bytes() for place, path in converter.plain_files(converter.release_of(name)).items()
        }
        trusted = {place: path.read_bytes() for place, path in converter.instructors_files(name).items()}
        parts = (
            name,
            {notebook: self.exercise(notebook) for notebook in self.layouts},
            released,
            trusted,
            converter.exclude_overwriting.get(name, []),
            {key: getattr(converter.settings, key) for key in converter.settings.trait_names(config=True)},
        )
        return Assignment(*parts, token=hashlib.sha256(pickle.dumps(parts)).hexdigest())

    def exercise(self, name: str) -> Exercise:
        """Return one notebook of the assignment; its cells are those of an empty submission as nbgrader wants them."""
        converter = self.converter
        release = converter.read_release(self.name, name)
        rebuilt = rebuild(release, [])
        converter.put_whole_checks(rebuilt, self.name, name)
        converter._sanitizing = True
        converter._init_preprocessors()
        text, _ = converter.exporter.from_notebook_node(as_node(rebuilt.notebook), self.resources("", name))
        clean = json.loads(json.dumps(nbformat.reads(text, as_version=4)))  # type: ignore[no-untyped-call]
        if len(clean["cells"]) != len(release["cells"]):
            raise InstructorError(f"{converter.release_of(self.name)}/{name}.ipynb has cells that the gradebook drops.")
        return Exercise(release, clean["cells"], clean["metadata"], converter.solution_texts(self.name, name))

    @cached_property
    def last_preprocessors(self) -> list[Any]:
        """What nbgrader does after the cells have run, without touching the gradebook."""
        converter = self.converter
        converter._sanitizing = False
        converter._init_preprocessors()
        converter._sanitizing = True
        places = {SaveAutoGrades: ReadScores(parent=converter), AssignLatePenalties: None, CheckCellMetadata: None}
        kept = [places.get(type(step), step) for step in converter.exporter._preprocessors]
        return [step for step in kept if step is not None and step.enabled]

    def resources(self, learner: str, name: str) -> dict[str, Any]:
        """Return what nbgrader tells its preprocessors of a notebook."""
        about = {"student": learner, "assignment": self.name, "notebook": name, "db_url": self.coursedir.db_url}
        return {"unique_key": name, "output_files_dir": f"{name}_files", "nbgrader": about}

    def finish(self, learner: str, name: str, notebook: bytes) -> tuple[str, Scores]:
        """Return the text of an autograded notebook as nbgrader would write it, and its scores.

        This is what its exporter does, without the copies that it makes: nobody else has this notebook.
        """
        node, resources = as_node(json.loads(notebook)), self.resources(learner, name)
        for step in self.last_preprocessors:
            node, resources = step(node, resources)
        text = nbformat.v4.writes_json(split_lines(node), split_lines=False)  # type: ignore[no-untyped-call]
        return f"{text}\n", resources["scores"]

    def stale_checks(self) -> tuple[list[str], list[str]]:
        """Return the locked cells whose text in the source is not that in the gradebook, and checks that it lacks."""
        changed, unknown = [], []
        with Gradebook(self.coursedir.db_url, self.coursedir.course_id) as gradebook:
            for notebook in gradebook.find_assignment(self.name).notebooks:
                path = self.converter.source_of(self.name) / f"{notebook.name}.ipynb"
                if not path.is_file():
                    continue
                cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
                texts = {nbgrader_of(cell).get("grade_id"): source_of(cell) for cell in cells}
                graded = [nbgrader_of(cell)["grade_id"] for cell in cells if nbgrader_of(cell).get("grade")]
                known = {cell.name for cell in notebook.source_cells}
                unknown += [grade_id for grade_id in graded if grade_id not in known]
                changed += [
                    cell.name
                    for cell in notebook.source_cells
                    if cell.locked and cell.name in texts and texts[cell.name].strip() != cell.source.strip()
                ]
        return changed, unknown
