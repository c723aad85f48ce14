"""nbgrader's generating of a release, such that one that fails leaves everything as it was."""

import contextlib
import json
import logging
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nbgrader.api import Gradebook, MissingEntry
from nbgrader.converters import GenerateAssignment
from nbgrader.converters.base import NbGraderException

from classroom.errors import InstructorError
from classroom.rebuild import nbgrader_of


@contextlib.contextmanager
def told_in_a_sentence(log: Any) -> Iterator[None]:
    """Log an InstructorError as the sentence that it is, and end the command as nbgrader's own errors do."""
    log.addFilter(say_in_a_sentence)
    try:
        yield
    except InstructorError as problem:
        log.error("%s", problem)
        raise NbGraderException(str(problem)) from None
    finally:
        log.removeFilter(say_in_a_sentence)


def say_in_a_sentence(record: logging.LogRecord) -> bool:
    """Keep of a logged traceback what is meant for the instructor, where it ends in such a sentence."""
    text, mark = record.getMessage(), f"{InstructorError.__module__}.{InstructorError.__name__}: "
    if text.startswith("Traceback") and mark in text:
        record.msg, record.args = text.rpartition(mark)[2].strip(), ()
    return True


class CarefulGenerateAssignment(GenerateAssignment):  # type: ignore[misc]
    """Generates the release of an assignment; where that cannot be, it says so before it removes anything."""

    def start(self) -> None:
        """Generate, or say in one sentence why not."""
        with told_in_a_sentence(self.log):
            super().start()

    def convert_notebooks(self) -> None:
        """Generate all notebooks, or put back what nbgrader removes when it fails."""
        for notebooks in self.assignments.values():
            for notebook in notebooks:
                self.check(Path(notebook))
        with tempfile.TemporaryDirectory() as scratch:
            kept = {}
            for number, folder in enumerate(sorted(self.assignments)):
                release = Path(self._format_dest(Path(folder).name, "."))
                if release.is_dir():
                    kept[release] = shutil.copytree(release, Path(scratch, str(number)))
            try:
                super().convert_notebooks()
            except BaseException:
                for release, copy in kept.items():
                    put_back(copy, release)
                raise

    def check(self, path: Path) -> None:
        """Raise InstructorError where nbgrader could not generate from this source notebook."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            cells = [nbgrader_of(cell) for cell in content["cells"]]
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise InstructorError(f"{path} is not a notebook. Mend it, or take it out of the source folder.") from None
        if self.no_database:
            return
        try:
            with Gradebook(self.coursedir.db_url, self.coursedir.course_id) as gradebook:
                known = gradebook.find_notebook(path.stem, path.parent.name)
                if not known.submissions:
                    return
                before = {
                    kind: {cell.name for cell in getattr(known, f"{kind}_cells")}
                    for kind in ("grade", "solution", "task")
                }
        except MissingEntry:
            return
        for kind, names in before.items():
            now = {str(cell["grade_id"]) for cell in cells if cell.get(kind) and "grade_id" in cell}
            changed = [f"{name} is new" for name in sorted(now - names)] + [
                f"{name} is gone" for name in sorted(names - now)
            ]
            if changed:
                raise InstructorError(
                    f"{path}: {', '.join(changed)}, and submissions of {path.parent.name!r} are in the gradebook, "
                    "where nbgrader lets no cell be added or removed. Nothing was changed. Put a further function "
                    "into an assignment of its own."
                )


def put_back(copy: Path, release: Path) -> None:
    """Copy the files of ``copy`` that ``release`` no longer has."""
    for path in copy.rglob("*"):
        target = release / path.relative_to(copy)
        if path.is_file() and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target)
