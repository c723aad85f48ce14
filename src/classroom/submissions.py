"""What a class has handed in: found in nbgrader's folders, and read with suspicion."""

import fnmatch
import glob
import hashlib
import os
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from classroom.errors import InstructorError
from classroom.rebuild import MAX_NOTEBOOK, MAX_TOTAL, check_folder, read_file
from classroom.roster import id_problem


@dataclass(frozen=True)
class Submission:
    """What one learner has handed in: the text of each notebook, the files beside them, and a digest of it all."""

    learner: str
    where: str
    notebooks: dict[str, bytes]
    files: dict[str, bytes] = field(default_factory=dict)
    digest: str = ""


def check_learner_ids(names: Iterable[str]) -> None:
    """Raise InstructorError where a learner's id cannot be used."""
    for name in names:
        problem = id_problem(name)
        if problem:
            raise InstructorError(f"The learner's id {name!r} {problem}. Rename the learner's folder.")


def alike_ids(names: Iterable[str]) -> dict[str, str]:
    """Return a sentence for each learner whose id is the same as another's on some file systems."""
    groups: dict[str, list[str]] = defaultdict(list)
    for name in sorted(names):
        groups[unicodedata.normalize("NFC", name).casefold()].append(name)
    return {
        name: f"The learners' ids {' and '.join(map(repr, group))} differ only in capital letters or in how accents "
        "are written, so none of them is graded. Is that one learner? Put the work into one folder, or rename one."
        for group in groups.values()
        for name in group
        if len(group) > 1
    }


def find_submissions(coursedir: Any, assignment: str) -> dict[str, Path]:
    """Return each learner's folder of an assignment, by the learner's id; InstructorError where there is none."""
    mark = "\0"
    before, _, after = coursedir.format_path(coursedir.submitted_directory, mark, assignment).partition(mark)
    pattern = f"{glob.escape(before)}*{glob.escape(after)}"
    exclude = set(coursedir.student_id_exclude.split(",")) if coursedir.student_id_exclude else set()
    found = {}
    for path in sorted(glob.glob(pattern)):
        learner = path[len(before) : len(path) - len(after)]
        if os.path.isdir(path) and fnmatch.fnmatch(learner, coursedir.student_id) and learner not in exclude:
            found[learner] = Path(path)
    if not found:
        raise InstructorError(f"Nothing was handed in at {before}*{after}. Put the submissions there.")
    check_learner_ids(found)
    return found


def read_submission(
    learner: str, folder: Path, files_beside: Callable[[Path], dict[str, Path]], most: int
) -> Submission:
    """Return what stands in a learner's folder; InstructorError where it is not to be read.

    ``files_beside`` finds the files beside the notebooks, by name, once the folder has been looked at. As many of them
    as fit into ``most`` bytes are read along.
    """
    check_folder(folder)
    notebooks = {path.stem: read_file(path, MAX_NOTEBOOK) for path in sorted(folder.glob("*.ipynb"))}
    if not notebooks:
        raise InstructorError(f"{folder} holds no notebook. Ask the learner for it.")
    whole = hashlib.sha256()
    chosen: dict[str, bytes] = {}
    total = 0
    for name, text in notebooks.items():
        add(whole, f"{name}.ipynb", text)
    for name, path in sorted(files_beside(folder).items()):
        text = read_file(path, MAX_TOTAL)
        add(whole, name, text)
        total += len(text)
        if total <= most and not fnmatch.fnmatch(name, "timestamp.txt"):
            chosen[name] = text
    return Submission(learner, str(folder), notebooks, chosen, whole.hexdigest())


def add(whole: Any, name: str, text: bytes) -> None:
    """Add a file's name and content to a digest."""
    whole.update(f"{name}\0{len(text)}\0".encode())
    whole.update(text)
