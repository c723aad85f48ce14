"""From the text of a solution to the notebook that learners get.

``solutions/<slug>/<name>.md`` is the only place where an exercise is written. From it come, by jupytext, the
source notebook that nbgrader wants beside it, and from that, by nbgrader, ``exercises/<slug>/<name>.ipynb``.
"""

import json
import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from traitlets.config.loader import Config, PyFileConfigLoader

from classroom.errors import InstructorError

# What nbgrader asks of every cell it knows, unless the author says otherwise.
CELL_DEFAULTS = {"grade": False, "locked": True, "schema_version": 3, "solution": False, "task": False}
KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
# A notebook's text begins with jupytext's header.
NOTEBOOK_HEADER = "---\njupytext:"
# The tag of prose that explains a solution: it reaches the worked solutions, never a learner's notebook.
EXPLANATION = "explanation"


def source_texts(source: Path) -> Iterator[Path]:
    """Yield the Markdown of every notebook below ``source``, in order; ``page-*.md`` beside them are none.

    Raises InstructorError where another one does not begin as a notebook does, so that none is left out unseen.
    """
    for path in sorted(source.glob("*/*.md")):
        if path.name.startswith("page-"):
            continue
        if not path.read_text(encoding="utf-8", errors="replace").startswith(NOTEBOOK_HEADER):
            raise InstructorError(f"{path} is not a notebook: it does not begin with jupytext's header. Mend it.")
        yield path


def read_text_notebook(text: Path) -> Any:
    """Return the notebook that jupytext reads from ``text``; raise InstructorError where it cannot."""
    import jupytext  # slow to import, and most commands find every notebook up to date

    try:
        return jupytext.reads(text.read_text(encoding="utf-8"), fmt="md:myst")
    except Exception as problem:
        reason = str(problem).splitlines()[0]
        raise InstructorError(f"{text} is not a notebook in MyST Markdown: {reason}. Mend it.") from problem


def source_notebook(text: Path) -> dict[str, Any]:
    """Return the notebook that ``text`` describes, with nbgrader's metadata complete and words for cell ids.

    A cell's id is its ``grade_id``; prose without one is numbered. Explanations of the solution stay behind. Raises
    InstructorError where the text is not a notebook, a code cell has no ``grade_id``, or two cells have the same.
    """
    notebook = read_text_notebook(text)
    cells, seen, prose = [], set(), 0
    for number, cell in enumerate(notebook.cells, start=1):
        if EXPLANATION in cell.metadata.get("tags", []):
            continue
        given = cell.metadata.get("nbgrader", {})
        if "grade_id" not in given and cell.cell_type == "code":
            raise InstructorError(f"{text}: code cell {number} has no grade_id. Add one to it.")
        prose += "grade_id" not in given
        nbgrader = CELL_DEFAULTS | {"grade_id": f"text-{prose}"} | given
        if nbgrader["solution"]:
            nbgrader["locked"] = False
        if nbgrader["grade_id"] in seen:
            raise InstructorError(f"{text}: the grade_id {nbgrader['grade_id']!r} stands twice. Rename one.")
        seen.add(nbgrader["grade_id"])
        metadata = {key: value for key, value in cell.metadata.items() if key != "nbgrader"}
        metadata["nbgrader"] = dict(sorted(nbgrader.items()))
        entry = {"cell_type": cell.cell_type, "id": nbgrader["grade_id"], "metadata": metadata}
        if cell.cell_type == "code":
            entry |= {"execution_count": None, "outputs": []}
        cells.append(entry | {"source": cell.source})
    info = {"kernelspec": KERNELSPEC, "language_info": {"name": "python"}}
    return {"cells": cells, "metadata": info, "nbformat": 4, "nbformat_minor": 5}


def write_source_notebooks(source: Path, *, all_of_them: bool = False) -> None:
    """Write the notebook beside each text below ``source`` that is newer than it, or beside all of them."""
    for text in source_texts(source):
        notebook = text.with_suffix(".ipynb")
        if all_of_them or not notebook.exists() or notebook.stat().st_mtime_ns <= text.stat().st_mtime_ns:
            notebook.write_text(json.dumps(source_notebook(text), indent=1) + "\n", encoding="utf-8")


def course_config(root: Path) -> Config:
    """Return nbgrader's configuration of the course in ``root``.

    Raises InstructorError where ``root`` is not a course.
    """
    if not (root / "nbgrader_config.py").is_file():
        raise InstructorError(f"{root} is not a course: it has no nbgrader_config.py. Run this in the course's folder.")
    config: Config = PyFileConfigLoader("nbgrader_config.py", path=str(root)).load_config()
    config.CourseDirectory.root = str(root)
    return config


def released_folder(release: Path, name: str) -> Path:
    """Return the folder of a released assignment; InstructorError where none has that name."""
    folder = release / name
    if name in ("", ".", "..") or Path(name).name != name or not folder.is_dir():
        known = ", ".join(sorted(path.name for path in release.glob("*/"))) or "none"
        raise InstructorError(f"There is no assignment {name!r} in {release} (there are: {known}).")
    return folder


def generate(slug: str, config: Config) -> None:
    """Generate the release of one exercise, as ``nbgrader generate_assignment`` does."""
    from nbgrader.converters import GenerateAssignment
    from nbgrader.converters.base import NbGraderException
    from nbgrader.coursedir import CourseDirectory

    coursedir = CourseDirectory(config=config, assignment_id=slug)
    converter = GenerateAssignment(coursedir=coursedir, config=config)
    heard = Heard()
    converter.log.addHandler(heard)
    try:
        converter.start()
    except NbGraderException:
        # It says where: in its log.
        where = coursedir.format_path(coursedir.source_directory, ".", slug)
        last = heard.said.rstrip().rpartition("\n")[2]
        text = f"{where} cannot be released: {last}. Are the lines ### BEGIN … and ### END … in pairs?"
        raise InstructorError(text) from None
    finally:
        converter.log.removeHandler(heard)


class Heard(logging.Handler):
    """Keep the last traceback that is logged."""

    said = "an error that nbgrader does not tell"

    def emit(self, record: logging.LogRecord) -> None:
        if "Traceback" in record.getMessage():
            self.said = record.getMessage()


def release_all(root: Path, into: Path | None = None) -> list[str]:
    """Write ``exercises/`` (or the folder ``into``) anew from ``solutions/`` and return the slugs, in order.

    Nothing is replaced before everything has been made. The gradebook is not touched.
    """
    from nbgrader.coursedir import CourseDirectory

    config = course_config(root)
    course = CourseDirectory(config=config)
    source = root / course.source_directory
    slugs = sorted({text.parent.name for text in source_texts(source)})
    if not slugs:
        raise InstructorError(f"{source} holds no exercise. Expected {source}/<slug>/<name>.md.")
    write_source_notebooks(source, all_of_them=True)
    destination = into or root / course.release_directory
    config.SaveCells.enabled = False
    config.GenerateAssignment.no_database = True
    with tempfile.TemporaryDirectory() as scratch:
        config.CourseDirectory.release_directory = scratch
        for slug in slugs:
            generate(slug, config)
        make_equal(Path(scratch), destination)
    return slugs


def make_equal(made: Path, destination: Path) -> None:
    """Make ``destination`` hold exactly the files of ``made``; a file that is equal already is left alone."""
    wanted = {path.relative_to(made) for path in made.rglob("*") if path.is_file()}
    for old in [path for path in destination.rglob("*") if path.is_file()]:
        if old.relative_to(destination) not in wanted:
            old.unlink()
    for name in sorted(wanted):
        content, target = (made / name).read_bytes(), destination / name
        if not target.is_file() or target.read_bytes() != content:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    for folder in sorted((path for path in destination.rglob("*") if path.is_dir()), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()


def ensure_in_gradebook(assignment: str, root: Path) -> None:
    """Enter ``assignment`` into the gradebook if it is not there yet, as generating it would.

    A fresh copy of the course holds the release but no gradebook, and autograding needs both.
    """
    from nbgrader.api import Gradebook, MissingEntry
    from nbgrader.coursedir import CourseDirectory

    config = course_config(root)
    course = CourseDirectory(config=config, assignment_id=assignment)
    with Gradebook(course.db_url, course.course_id) as gradebook:
        try:
            if gradebook.find_assignment(assignment).notebooks:
                return
        except MissingEntry:
            pass
    with tempfile.TemporaryDirectory() as scratch:
        config.CourseDirectory.release_directory = scratch
        generate(assignment, config)
