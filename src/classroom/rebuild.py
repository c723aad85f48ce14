"""A submission, read with suspicion and rebuilt on the released notebook.

The released notebook is the skeleton. From the learner come only the text of solution cells and cells that the
learner added; the latter keep their place. Outputs, metadata, attachments other than images and whatever a page
would run are left behind.
"""

import hashlib
import json
import os
import re
import stat
from collections.abc import Container, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from classroom.cells import is_image
from classroom.errors import InstructorError

MAX_NOTEBOOK = 20_000_000
MAX_CELLS = 2_000
# Characters of a Markdown cell, and of all of a notebook's: what makes a page of them takes time by their square.
MAX_PROSE = 50_000
MAX_ALL_PROSE = 500_000
MAX_FILES = 500
MAX_TOTAL = 200_000_000
KINDS = ("code", "markdown", "raw")
# What a check says, before the reason, where a cell that was to define a name was left out or not run.
NOTHING_DEFINED = "nothing was defined by the cell of {name}"
MISSING = "# This cell was missing from the submission."
TAG = re.compile(r"<(?=[a-zA-Z/!?])(?!/?(?:b|i|em|strong|br|hr|sub|sup|code|pre|u|p|ul|ol|li|kbd)\s*/?>)")
ATTACHMENT = re.compile(r"(?i)\battachment\s*:\s*([\w.-]*)")
SCHEME = re.compile(r"(?i)\b(javascript|vbscript|data)([\s\\]*:)")
# What would be decoded into one of the above only when the page is made.
ENTITY = re.compile(r"&(?=#|\w+;)(?!(?:lt|gt|quot|nbsp);)")
# Neither of these looks ahead beyond the next place where it may begin: a cell made for it would take hours otherwise.
IMAGE = re.compile(r"!\[(?!(?:[^\]\n!]|!(?!\[))*+\]\(attachment:)")
MERMAID = re.compile(r"(?i)((?:`{3}|~{3})\s*+)(?=mermaid)")
# Commands with which a formula could make a link, or others of the kind.
TEX = re.compile(r"\\(?=(?:href|require|mmlToken|(?:re)?new\w+|def|let|csname|style|class|cssId|html\w*)(?![a-zA-Z]))")
NOT_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")


@dataclass(frozen=True)
class SubmittedCell:
    """What is read of a cell that a learner handed in."""

    kind: str
    source: str
    cell_id: str
    grade_id: str
    attachments: dict[str, dict[str, str]]


@dataclass(frozen=True)
class Role:
    """What a cell of the rebuilt notebook is: "instructor", "check", "solution" or "added", and its released text."""

    kind: str
    shown: str = ""


@dataclass
class Rebuilt:
    """A rebuilt notebook, the role of each of its cells, and what an instructor may want to know.

    ``changed`` has a digest of each of the instructor's cells that stood otherwise in what was handed in, by name.
    """

    notebook: dict[str, Any]
    roles: list[Role]
    remarks: list[str] = field(default_factory=list)
    changed: dict[str, str] = field(default_factory=dict)


def check_folder(folder: Path) -> None:
    """Raise InstructorError where a submission's folder holds what is no plain file, too much, or odd names."""
    count = total = 0
    for path, info in walk(folder):
        name = str(path.relative_to(folder))
        if not name.isprintable():
            raise InstructorError(f"{folder}: the file name {name!r} has control characters. Rename it.")
        if stat.S_ISLNK(info.st_mode):
            raise InstructorError(f"{folder}: {name} is a symbolic link. Replace it with the file itself.")
        if not stat.S_ISREG(info.st_mode):
            raise InstructorError(f"{folder}: {name} is not a plain file. Remove it.")
        count, total = count + 1, total + info.st_size
        if count > MAX_FILES or total > MAX_TOTAL:
            limit = f"{MAX_FILES} files or {MAX_TOTAL // 10**6} MB"
            raise InstructorError(f"{folder} holds more than {limit}. Remove what does not belong to the submission.")


def walk(folder: Path, depth: int = 0) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield all but the folders below ``folder``, following no link."""
    if depth > 20:
        raise InstructorError(f"{folder} lies more than 20 folders deep in a submission. Remove it.")
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.is_dir(follow_symlinks=False):
                yield from walk(Path(entry.path), depth + 1)
            else:
                yield Path(entry.path), entry.stat(follow_symlinks=False)


def read_notebook(path: Path) -> list[SubmittedCell]:
    """Return the cells of a notebook file; InstructorError says in a sentence what is wrong with it."""
    return parse_notebook(read_file(path, MAX_NOTEBOOK), str(path))


def read_file(path: Path, most: int) -> bytes:
    """Return what a plain file holds; InstructorError where it is none, or holds more than ``most`` bytes."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as problem:
        raise InstructorError(f"{path} cannot be read: {problem.strerror}.") from None
    with open(descriptor, "rb") as file:
        info = os.fstat(descriptor)
        if not stat.S_ISREG(info.st_mode):
            raise InstructorError(f"{path} is not a plain file.")
        if info.st_size > most:
            raise InstructorError(
                f"{path} has {info.st_size / 1e6:.0f} MB; more than {most // 10**6} MB is not read. Where it is a "
                "notebook, clear its outputs and hand it in again."
            )
        return file.read()


def parse_notebook(text: bytes, where: str) -> list[SubmittedCell]:
    """Return the cells of a notebook's text; InstructorError says in a sentence what is wrong with it."""

    def refuse(problem: str) -> InstructorError:
        return InstructorError(f"{where} {problem}")

    if not text.strip():
        raise refuse("is empty. Ask for the file that Jupyter saved.")
    try:
        decoded = text.decode("utf-8-sig")
    except UnicodeError:
        decoded = "\0"
    # UTF-16 may pass for UTF-8 with zeros in it.
    if "\0" in decoded:
        raise refuse("is not a notebook: it is not UTF-8 text. Ask for the file that Jupyter saved.")
    try:
        content = json.loads(decoded)
    except (ValueError, RecursionError) as problem:
        reason = "it is nested too deeply" if isinstance(problem, RecursionError) else "it is not JSON"
        raise refuse(f"is not a notebook: {reason}. Ask for the file that Jupyter saved.") from None
    version = content.get("nbformat") if isinstance(content, dict) else None
    # Before version 4 the cells lay in worksheets.
    if not isinstance(content, dict) or (version in (None, 4) and not isinstance(content.get("cells"), list)):
        raise refuse("is not a notebook: it has no list of cells.")
    if version != 4:
        raise refuse(
            f"has the notebook format {str(version)[:20]}, not 4. Open it in a current Jupyter and save it again."
        )
    if len(content["cells"]) > MAX_CELLS:
        raise refuse(f"has {len(content['cells'])} cells, more than the {MAX_CELLS} that are read.")
    cells = [read_cell(cell) for cell in content["cells"]]
    if None in cells:
        raise refuse(f"is not a notebook: cell {cells.index(None) + 1} has no type or no text.")
    return shortened([cell for cell in cells if cell is not None])


def shortened(cells: list[SubmittedCell]) -> list[SubmittedCell]:
    """Return cells of which none has more prose than a page can be made of."""
    left, kept = MAX_ALL_PROSE, []
    for cell in cells:
        if cell.kind != "code":
            most = min(MAX_PROSE, left)
            if len(cell.source) > most:
                cell = replace(cell, source=cell.source[:most] + "\n\n... (cut: too much text)")
            left -= min(len(cell.source), most)
        kept.append(cell)
    return kept


def read_cell(cell: Any) -> SubmittedCell | None:
    """Return what is taken from a cell, None where it is none."""
    if not isinstance(cell, dict) or cell.get("cell_type") not in KINDS:
        return None
    source = cell.get("source")
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str):
        return None
    metadata = cell.get("metadata")
    about = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    grade_id = about.get("grade_id") if isinstance(about, dict) else None
    cell_id, given = cell.get("id"), cell.get("attachments")
    attachments: dict[str, dict[str, str]] = {}
    for name, data in given.items() if isinstance(given, dict) else ():
        png: Any = data.get("image/png") if isinstance(data, dict) else None
        if re.fullmatch(r"[\w.-]{1,100}", name) and is_image(png, b"\x89PNG\r\n\x1a\n"):
            attachments[name] = {"image/png": png}
    return SubmittedCell(
        cell["cell_type"],
        NOT_TEXT.sub("", source),
        cell_id if isinstance(cell_id, str) else "",
        grade_id if isinstance(grade_id, str) else "",
        attachments,
    )


def quiet_markdown(text: str, attachments: Container[str] = ()) -> str:
    """Return Markdown in which no HTML tag but the plainest, no address that runs code, and no picture from elsewhere
    is left alive.

    A picture that should be attached and is not would stop the feedback page; it becomes text as well.
    """
    text = ATTACHMENT.sub(lambda found: found[0] if found[1] in attachments else f"attached {found[1]}", text)
    for pattern, dead in (
        (ENTITY, "& "),
        (TAG, "< "),
        (SCHEME, r"\1 \2"),
        (IMAGE, "! ["),
        (MERMAID, r"\1text "),
        (TEX, r"\\ "),
    ):
        text = pattern.sub(dead, text)
    return text


def source_of(cell: dict[str, Any]) -> str:
    """Return a cell's text."""
    source = cell["source"]
    return source if isinstance(source, str) else "".join(source)


def nbgrader_of(cell: dict[str, Any]) -> dict[str, Any]:
    """Return what nbgrader knows of a cell."""
    about = cell.get("metadata", {}).get("nbgrader", {})
    return about if isinstance(about, dict) else {}


def rebuild(release: dict[str, Any], submitted: list[SubmittedCell]) -> Rebuilt:
    """Return the released notebook with the learner's text in its solution cells and the learner's own cells."""
    cells = release["cells"]
    place_of_grade = {
        nbgrader_of(cell)["grade_id"]: k for k, cell in enumerate(cells) if "grade_id" in nbgrader_of(cell)
    }
    place_of_id = {cell["id"]: k for k, cell in enumerate(cells) if "id" in cell}
    texts: dict[tuple[str, str], int] = {}
    for k, cell in enumerate(cells):
        texts.setdefault((cell["cell_type"], source_of(cell).strip()), k)
    # Where a cell was copied, the last of its name counts, as with nbgrader; the others are the learner's own, and run
    # before it, as in the learner's notebook.
    answers: dict[int, SubmittedCell] = {}
    added: dict[int, list[SubmittedCell]] = {}
    remarks: list[str] = []
    changed: dict[str, str] = {}
    last = -1
    for cell in submitted:
        place = place_of_grade.get(cell.grade_id)
        if place is None and not cell.grade_id:
            place = place_of_id.get(cell.cell_id)
        if place is None:
            place = texts.get((cell.kind, cell.source.strip())) if cell.source.strip() else None
            if place is None:
                added.setdefault(last, []).append(cell)
                continue
        if place in answers:
            remarks.append(f"the cell {name_of(cells[place], place)} stands more than once: the last one counts")
            if is_solution(cells[place]):
                added.setdefault(place - 1, []).append(answers[place])
        answers[place] = cell
        last = max(last, place)
    made: list[dict[str, Any]] = []
    roles: list[Role] = []

    def add(extra: list[SubmittedCell]) -> None:
        for cell in extra:
            made.append(new_cell(cell, f"added-{len(made) + 1}"))
            roles.append(Role("added"))

    add(added.get(-1, []))
    for k, cell in enumerate(cells):
        given, shown = answers.get(k), source_of(cell)
        copy = {key: value for key, value in cell.items() if key not in ("outputs", "execution_count")} | {
            "source": shown
        }
        if cell["cell_type"] == "code":
            copy |= {"outputs": [], "execution_count": None}
        if is_solution(cell):
            if given is None:
                remarks.append(f"the cell {name_of(cell, k)} is missing")
                copy["source"] = MISSING if cell["cell_type"] == "code" else ""
            else:
                copy["source"] = (
                    given.source if cell["cell_type"] == "code" else quiet_markdown(given.source, given.attachments)
                )
                copy.pop("attachments", None)
                if given.attachments and cell["cell_type"] == "markdown":
                    copy["attachments"] = given.attachments
        made.append(copy)
        roles.append(role_of(cell, shown))
        if given is not None and not is_solution(cell) and given.source.strip() != shown.strip():
            if "grade_id" in nbgrader_of(cell):
                changed[name_of(cell, k)] = hashlib.sha256(given.source.strip().encode()).hexdigest()
            else:
                add([given])
        add(added.get(k, []))
    notebook = {"cells": made, "metadata": release.get("metadata", {}), "nbformat": 4, "nbformat_minor": 5}
    for number, cell in enumerate(made, start=1):
        cell.setdefault("id", f"cell-{number}")
    return Rebuilt(notebook, roles, remarks, changed)


class ChangedCells:
    """Whose copies of the instructor's cells are others than the released ones, in a class."""

    def __init__(self) -> None:
        # Learners by notebook, cell and a digest of its text.
        self.learners: dict[tuple[str, str, str], list[str]] = {}

    def add(self, learner: str, notebook: str, changed: dict[str, str]) -> None:
        """Note what :class:`Rebuilt` has of one notebook."""
        for cell, digest in changed.items():
            self.learners.setdefault((notebook, cell, digest), []).append(learner)

    def told(self, graded: int) -> Iterator[tuple[str, str]]:
        """Yield the learner, or nobody, and what to say: once where most have the same copy, an older one."""
        for (notebook, cell, _), learners in self.learners.items():
            if len(learners) > max(1, graded / 2):
                since = f"{notebook}: the cell {cell} has changed since {len(learners)} of {graded} learners fetched it"
                yield "", f"{since}: the released one counts"
                continue
            for learner in learners:
                yield learner, f"{notebook}: the cell {cell} was changed: the released one counts"


def is_solution(cell: dict[str, Any]) -> bool:
    """Return whether a released cell is the learner's to fill."""
    return bool(nbgrader_of(cell).get("solution"))


def role_of(cell: dict[str, Any], shown: str) -> Role:
    """Return the role of a released cell."""
    about = nbgrader_of(cell)
    if about.get("solution"):
        return Role("solution", shown)
    return Role("check" if about.get("grade") else "instructor", shown)


def name_of(cell: dict[str, Any], place: int) -> str:
    """Return what to call a released cell."""
    return str(nbgrader_of(cell).get("grade_id", place + 1))


def new_cell(cell: SubmittedCell, name: str) -> dict[str, Any]:
    """Return a cell that the learner added, without metadata; raw text becomes Markdown."""
    if cell.kind == "code":
        return {
            "cell_type": "code", "id": name, "metadata": {}, "source": cell.source, "outputs": [],
            "execution_count": None,
        }  # fmt: skip
    made: dict[str, Any] = {
        "cell_type": "markdown",
        "id": name,
        "metadata": {},
        "source": quiet_markdown(cell.source, cell.attachments),
    }
    if cell.attachments:
        made["attachments"] = cell.attachments
    return made
