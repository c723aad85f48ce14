"""From the zip file of a learning management system to nbgrader's ``submitted/`` folder.

Each file of the archive is claimed for one learner and one notebook, or listed with the reason why it is not. What is
placed is made ready in a scratch folder first and moved at the end, so that nothing is ever half-written.
"""

import contextlib
import csv
import json
import os
import re
import shutil
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from classroom.archive import Member, shown, unpack
from classroom.errors import InstructorError
from classroom.rebuild import MAX_FILES, MAX_TOTAL, nbgrader_of, read_notebook
from classroom.release import course_config, released_folder
from classroom.roster import Person, Roster, Unknown, folded, id_problem, natural_name, normal, read_roster
from classroom.submissions import alike_ids, find_submissions

SYSTEMS = {"moodle": "Moodle", "canvas": "Canvas", "plain": "a plain upload"}
MOODLE = re.compile(r"(?P<name>.+?)_(?P<number>\d+)_assignsubmission_(?P<kind>[a-z]+)(?:_(?P<rest>.*))?")
CANVAS = re.compile(r"(?P<name>.+?)(?P<late>_LATE)?_(?P<number>\d+)_(?P<order>\d+)_(?P<rest>.+)")
CANVAS_ANONYMOUS = re.compile(r"(?P<late>LATE_)?anon_(?P<number>[A-Za-z0-9]+)_(?P<order>\d+)_(?P<rest>.+)")
CANVAS_TEXT = re.compile(r"(?P<name>.+)_(?:(?P<number>\d+)|anon_[A-Za-z0-9]+)_(?:text|link)\.html")
# "x (1)", "x-1", "x-Copy1", "x - Copy", "x copy 2": what browsers, Jupyter and file managers make of a second x.
COPY = r"[\s_-]*(?:copy|kopie|copie|copia)?[\s_-]*\(?(\d{0,2})\)?"
NOTEBOOK = re.compile(r"(?P<stem>.+)\.ipynb(?:\.(?:json|txt))?", re.IGNORECASE)
ABANDONED_SECONDS = 3600
RECORD = "collected.csv"
# What stands there of a learner who has handed in what could not be placed.
UNREAD = "unread"
COLUMNS = ["id", "name", "email", "system", "number", "label", "attachment", "handed_in", "late", "timestamp"]


@dataclass(frozen=True)
class Claim:
    """A file that somebody has handed in: whose, as which notebook, and how it stands to others of the kind."""

    member: Member
    person: Person
    notebook: str
    order: tuple[Any, ...]
    late: bool = False
    label: str = ""
    number: str = ""
    remark: str = ""


@dataclass(frozen=True)
class Summary:
    """What came of collecting an archive; ``str()`` tells the instructor.

    ``placed`` has the ids of the learners whose work lies in ``submitted/`` now; ``left`` pairs each file that could
    not be placed with the reason; ``unread`` are the ids of those of whom nothing could be placed; ``absent`` are the
    ids of the roster that have handed in nothing; ``alike`` are sentences on ids that differ too little.
    """

    assignment: str
    archive: str
    system: str
    placed: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    late: tuple[str, ...] = ()
    untimed_late: tuple[str, ...] = ()
    incomplete: tuple[tuple[str, str], ...] = ()
    attempts: tuple[tuple[str, str, str], ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()
    left: tuple[tuple[str, str], ...] = ()
    unread: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    alike: tuple[str, ...] = ()
    extra: int = 0
    litter: int = 0

    def __str__(self) -> str:
        first = f"{self.assignment}: {number(len(self.placed), 'learner')} collected from {self.archive}"
        lines = [f"{first} ({SYSTEMS[self.system]})."]
        if self.unchanged:
            lines.append(f"{number(len(self.unchanged), 'learner')} had handed in the same before: left as it was.")
        if self.replaced:
            lines.append(f"Replaced, the earlier work kept below downloaded/: {listed(self.replaced)}.")
        if self.late:
            lines.append(f"Marked late: {listed(self.late)}.")
        if self.untimed_late:
            lines.append(
                f"For {len(self.untimed_late)} of them no time is known. nbgrader's late penalty needs one: write "
                "submitted/<learner>/<assignment>/timestamp.txt."
            )
        lines += section("Handed in without a notebook that belongs to it", self.incomplete)
        if self.attempts:
            lines.append(f"Handed in more than once, the last counts ({len(self.attempts)}):")
            lines += [f"  {id_}: {last} counts, not {earlier}" for id_, last, earlier in self.attempts]
        lines += section("Recognised under another name", self.renamed)
        if self.extra:
            lines.append(f"{number(self.extra, 'other file')} placed beside the notebooks.")
        if self.litter:
            lines.append(f"{number(self.litter, 'file')} that systems leave behind, such as __MACOSX, passed over.")
        lines += section("Could not be placed", self.left)
        lines += self.alike
        if self.unread:
            lines.append(f"Handed in and nothing of it placed, see above: {listed(self.unread)}.")
        if self.absent:
            lines.append(f"Nothing from {len(self.absent)} of the class: {listed(self.absent)}.")
        return "\n".join(lines)


def number(count: int, what: str) -> str:
    """Return "1 file", "2 files"."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def listed(names: Iterable[str], most: int = 30) -> str:
    """Return names with commas, cut where there are many."""
    names = sorted(names)
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest


def section(title: str, pairs: Iterable[tuple[str, str]]) -> list[str]:
    """Return the lines of a list with its number, none where it is empty."""
    pairs = list(pairs)
    return [f"{title} ({len(pairs)}):", *(f"  {name}: {text}" for name, text in pairs)] if pairs else []


@dataclass
class Assignment:
    """The released notebooks of an assignment by name, each with its grade_ids, and whose the other notebooks are."""

    name: str
    release: Path
    notebooks: dict[str, frozenset[str]]
    elsewhere: dict[str, str] = field(default_factory=dict)


def read_assignment(release: Path, name: str) -> Assignment:
    """Return what was released under a name; InstructorError where nothing was."""
    folder = released_folder(release, name)
    notebooks = {path.stem: grade_ids(path) for path in sorted(folder.glob("*.ipynb"))}
    if not notebooks:
        raise InstructorError(f"{folder} holds no notebook. Run: nbgrader generate_assignment {name}")
    others = {path.stem: path.parent.name for path in sorted(release.glob("*/*.ipynb")) if path.stem not in notebooks}
    return Assignment(name, folder, notebooks, others)


def grade_ids(path: Path) -> frozenset[str]:
    """Return the grade_ids of a notebook's cells, none where it cannot be read."""
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        return frozenset(str(nbgrader_of(cell)["grade_id"]) for cell in cells if "grade_id" in nbgrader_of(cell))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return frozenset()


def collect_zip(
    zip_path: Path,
    course_root: Path,
    assignment: str,
    *,
    students: Path | None = None,
    system: str | None = None,
) -> Summary:
    """Place what a zip file holds into the course's ``submitted/`` folder and return what was placed and what not.

    ``students`` is a table of the class (see :func:`classroom.roster.read_roster`); with it, only those who stand
    there are placed. ``system`` is "moodle", "canvas" or "plain", recognised where it is not given. Raises
    InstructorError, with nothing changed, where nothing could be placed.
    """
    from nbgrader.coursedir import CourseDirectory

    root = course_root.resolve()
    course = CourseDirectory(config=course_config(root), assignment_id=assignment)
    release = Path(course.format_path(course.release_directory, ".", ".")).resolve()
    task = read_assignment(release, assignment)
    roster = read_roster(students) if students else None
    everybody = [person.id for person in roster.people] if roster else []

    def place_of(learner: str) -> Path:
        return Path(course.format_path(course.submitted_directory, learner, assignment))

    def graded_of(learner: str) -> Path:
        return Path(course.format_path(course.autograded_directory, learner, assignment))

    downloaded = root / "downloaded" / assignment
    downloaded.mkdir(parents=True, exist_ok=True)
    for left_behind in downloaded.glob(".collecting-*"):
        # Of a run that was killed; one that goes on is younger, or ends meanwhile.
        with contextlib.suppress(FileNotFoundError):
            if time.time() - left_behind.stat().st_mtime > ABANDONED_SECONDS:
                shutil.rmtree(left_behind)
    try:
        with tempfile.TemporaryDirectory(dir=downloaded, prefix=".collecting-") as scratch:
            files, ready = Path(scratch, "files"), Path(scratch, "ready")
            files.mkdir()
            found = unpack(zip_path, files)
            system = system or recognise(found.members)
            read = reader(found.members, task, system)
            claims, extras, left = claim_all(found.members, task, roster, system, read)
            claims, unreadable = readable(claims)
            left = [*found.refused, *left, *unreadable]
            if not claims:
                raise InstructorError(nothing(zip_path, left, task))
            counting, attempts = last_of_each(claims)
            orphans = [member for id_, others in extras.items() if id_ not in counting for member in others]
            left += [(shown(member.name), "came with no notebook that can be read") for member in orphans]
            placed = {id_: make_ready(ready / id_, given, extras.get(id_, [])) for id_, given in counting.items()}
            left += [item for _, refused in placed.values() for item in refused]
            unread = owners(left, roster, system, read) - counting.keys() if roster else set()
            summary = Summary(
                assignment,
                zip_path.name,
                system,
                placed=tuple(sorted(counting)),
                late=tuple(sorted(id_ for id_, given in counting.items() if any(claim.late for claim in given))),
                untimed_late=tuple(
                    sorted(id_ for id_, given in counting.items() if any(c.late and not c.person.time for c in given))
                ),
                incomplete=tuple(
                    (id_, ", ".join(sorted(missing)))
                    for id_, given in sorted(counting.items())
                    if (missing := task.notebooks.keys() - {claim.notebook for claim in given})
                ),
                attempts=tuple(attempts),
                renamed=tuple((c.member.name, c.remark) for given in counting.values() for c in given if c.remark),
                left=tuple(left),
                unread=tuple(sorted(unread)),
                absent=tuple(
                    sorted(id_ for id_ in everybody if id_ not in {*counting, *unread} and not place_of(id_).exists())
                ),
                extra=sum(count for count, _ in placed.values()),
                litter=found.litter,
            )
            unchanged, replaced = move(ready, place_of, graded_of, downloaded)
            write_record(downloaded / RECORD, counting, unread, roster, system)
    except OSError as problem:
        raise InstructorError(f"{zip_path} was not collected: {problem.strerror or problem}.") from None
    finally:
        remove_empty(downloaded)
    with contextlib.suppress(InstructorError):  # an id that cannot be used is not from here
        summary = replace(summary, alike=tuple(sorted(set(alike_ids(find_submissions(course, assignment)).values()))))
    return replace(summary, unchanged=tuple(unchanged), replaced=tuple(replaced))


def remove_empty(folder: Path) -> None:
    """Remove a folder and the one above where nothing lies in them."""
    for empty in (folder, folder.parent):
        try:
            empty.rmdir()
        except OSError:
            return


def nothing(zip_path: Path, left: list[tuple[str, str]], task: Assignment) -> str:
    """Return why nothing could be placed, in one sentence and the first examples."""
    names = " or ".join(f"{name}.ipynb" for name in task.notebooks)
    if not left:
        return f"{zip_path} holds no files. Nothing was collected."
    first = "; ".join(f"{name} {why}" for name, why in left[:3])
    rest = f"; and {len(left) - 3} more" if len(left) > 3 else ""
    return f"{zip_path} holds no {names} that could be placed, so nothing was collected: {first}{rest}."


def recognise(members: list[Member]) -> str:
    """Return the system whose way of naming files most of the archive's files follow."""
    count = Counter(
        "moodle"
        if any(MOODLE.fullmatch(part) for part in member.parts)
        else "canvas"
        if any(match_canvas(part) or CANVAS_TEXT.fullmatch(part) for part in member.parts)
        else "plain"
        for member in members
    )
    return max(("plain", "canvas", "moodle"), key=lambda system: count[system])


def match_canvas(part: str) -> re.Match[str] | None:
    """Return the parts of a file's name as Canvas makes it."""
    return CANVAS_ANONYMOUS.fullmatch(part) or CANVAS.fullmatch(part)


Read = tuple[str, list[str], str, bool, tuple[Any, ...], str]


def reader(members: list[Member], task: Assignment, system: str) -> Callable[[Member], Read]:
    """Return the function that reads the names of files as a system makes them."""
    if system == "plain":
        return PlainNames(members, task)
    return read_moodle_name if system == "moodle" else read_canvas_name


def owners(left: list[tuple[str, str]], roster: Roster, system: str, read: Callable[[Member], Read]) -> set[str]:
    """Return the ids of the learners whose files could not be placed, as far as the files' names say it."""
    ids = set()
    for name, _ in left:
        # A zip file of a learner's own that could not be opened stands for the folder that it would have been.
        parts = (*name.split("/"), *([""] if name.lower().endswith(".zip") else []))
        with contextlib.suppress(Unknown):
            _, names, given_number, *_ = read(Member(parts, Path(name), ()))
            ids.add(whom(names, given_number, roster, system).id)
    return ids


def claim_all(
    members: list[Member], task: Assignment, roster: Roster | None, system: str, read: Callable[[Member], Read]
) -> tuple[list[Claim], dict[str, list[Member]], list[tuple[str, str]]]:
    """Return the notebooks with the learners whose they are, other files by learner, and what belongs to nobody."""
    claims: list[Claim] = []
    extras: dict[str, list[Member]] = defaultdict(list)
    left: list[tuple[str, str]] = []
    for member in members:
        try:
            label, names, given_number, late, order, rest = read(member)
            if not rest:
                raise Unknown(f"is a text or an address typed into {SYSTEMS[system]}, not a file")
            person = whom(names, given_number, roster, system)
            notebook, copy, remark = which_notebook(rest, member, task)
            if notebook is None:
                extras[person.id].append(member)
                continue
            order = (*order, member.modified, copy)
            claims.append(Claim(member, person, notebook, order, late, label, given_number, remark))
        except Unknown as problem:
            left.append((shown(member.name), str(problem)))
    numbers = defaultdict(set)
    for claim in claims:
        numbers[claim.person.id].add(claim.number)
    if roster is None:
        # Two people of one name; nobody can say whose the work is.
        alike = [claim for claim in claims if len(numbers[claim.person.id]) > 1]
        claims = [claim for claim in claims if len(numbers[claim.person.id]) == 1]
        why = "is by one of several learners called {!r}: give --students, a table with their ids"
        left += [(shown(claim.member.name), why.format(claim.person.id)) for claim in alike]
    known = {claim.person.id for claim in claims}
    for id_, others in extras.items():
        if id_ not in known:
            left += [(shown(member.name), "is no notebook, and none came with it") for member in others]
    return claims, {id_: others for id_, others in extras.items() if id_ in known}, left


def read_moodle_name(member: Member) -> Read:
    """Return what Moodle's names say: ``Ada Lovelace_4711_assignsubmission_file/x.ipynb``, or all in one name.

    A text that was typed has no name of its own.
    """
    for place, part in enumerate(member.parts):
        found = MOODLE.fullmatch(strip_zip(part) if place < len(member.parts) - 1 else part)
        typed = found and found["kind"] == "onlinetext"
        if found and (typed or found["rest"] or place < len(member.parts) - 1):
            rest = "" if typed else "/".join(filter(None, (found["rest"], *member.parts[place + 1 :])))
            pieces = found["name"].split("-")
            # A class in groups has the group's name first: "Group A-Ada Lovelace".
            names = ["-".join(pieces[k:]) for k in range(len(pieces))]
            return found["name"], names, found["number"], False, (), rest
    raise Unknown("is not named as Moodle names files")


def read_canvas_name(member: Member) -> Read:
    """Return what Canvas' names say: ``lovelaceada_LATE_4711_90210_x.ipynb``, or ``anon_Xy12z_90210_x.ipynb``.

    A text or an address that was typed, ``lovelaceada_4711_text.html``, has no name of its own.
    """
    for place, part in enumerate(member.parts):
        typed = CANVAS_TEXT.fullmatch(part)
        if typed:
            return typed["name"], [typed["name"]], typed["number"] or "", False, (), ""
        found = match_canvas(part)
        if found:
            rest = "/".join((found["rest"], *member.parts[place + 1 :]))
            label = found.groupdict().get("name") or ""
            return label, [label], found["number"], bool(found["late"]), (int(found["order"]),), rest
    raise Unknown("is not named as Canvas names files")


def strip_zip(part: str) -> str:
    """Return a name without .zip at its end."""
    return part[:-4] if part.lower().endswith(".zip") else part


class PlainNames:
    """Reads the names of a plain upload: a folder or a zip file for each learner, or the learner in the file's name."""

    def __init__(self, members: list[Member], task: Assignment) -> None:
        self.task = task
        # Folders that say what was handed in and not who did.
        self.telling_nothing = {
            folded(name)
            for name in (task.name, *task.notebooks, "submitted", "submissions", "exercises", "backprop-by-hand")
        }
        folders = [self.folders(member) for member in members]
        self.common = os.path.commonprefix(folders) if folders else []
        inside = defaultdict(set)
        for member in members:
            stem, name, rest = split_name(member.parts[-1], task)
            if name and rest:
                inside[(tuple(self.folders(member)), name)].add(rest)
        # Where one folder has the same notebook of several people, the people stand in the files' names.
        self.crowded = {key for key, names in inside.items() if len(names) > 1}

    def folders(self, member: Member) -> list[str]:
        """Return the folders of a file that may name a learner."""
        return [strip_zip(part) for part in member.parts[:-1] if folded(strip_zip(part)) not in self.telling_nothing]

    def __call__(self, member: Member) -> Read:
        """Return what a file's name and its folders say."""
        folders = self.folders(member)
        _, name, in_name = split_name(member.parts[-1], self.task)
        own = folders[len(self.common) :] or folders[-1:]
        if (tuple(folders), name) in self.crowded:
            own = []
        file, bare = member.parts[-1], NOTEBOOK.fullmatch(member.parts[-1])
        if name and in_name:
            file = f"{name}.ipynb"
        elif not name and not own and bare:
            in_name = bare["stem"]
        names = [*own[:1], *([in_name] if in_name else []), *own[1:]]
        if not names:
            raise Unknown("says nowhere whose it is: put it into a folder with the learner's name")
        return names[0], names, "", False, (), file


def flexible(name: str) -> str:
    """Return a pattern for a notebook's name with its words joined in any way."""
    return r"[\s_-]+".join(re.escape(word) for word in re.split(r"[\s_-]+", name) if word)


def split_name(file: str, task: Assignment) -> tuple[str, str | None, str]:
    """Return a file's stem, the notebook that its name contains, and what else it contains but marks of a copy."""
    found = NOTEBOOK.fullmatch(file)
    if not found:
        return file, None, ""
    stem = re.sub(r"\s*\(\d{1,2}\)$", "", found["stem"])
    for name in sorted(task.notebooks, key=len, reverse=True):
        inside = re.search(rf"(?<![^\W_])(?:copy of )?{flexible(name)}(?:{COPY})?(?![^\W_])", stem, re.IGNORECASE)
        if inside:
            before, after = stem[: inside.start()].strip(" _-+."), stem[inside.end() :].strip(" _-+.")
            return stem, name, before or after
    return stem, None, ""


def whom(names: list[str], given_number: str, roster: Roster | None, system: str) -> Person:
    """Return the learner whom a file's name means; Unknown where it is nobody, or nobody who can have a folder."""
    if roster is not None:
        return roster.find(names, given_number if roster.system == system else "")
    name = normal(names[0])
    # Canvas' number of a person stays the same; Moodle's is another in each assignment, so there the name is the id.
    id_ = given_number if system == "canvas" else name
    if system == "moodle" and name == "Participant":
        id_ = f"participant-{given_number}"
    problem = id_problem(id_)
    if problem:
        raise Unknown(f"would belong to the learner {id_!r}, an id that {problem}")
    return Person(id_, natural_name(name) if system != "canvas" else name, number=given_number)


def which_notebook(rest: str, member: Member, task: Assignment) -> tuple[str | None, int, str]:
    """Return the notebook that a file is, the number of its copy, and a remark where that was not plain to see.

    None where it is no notebook at all; Unknown where it is one of another kind.
    """
    file = rest.rpartition("/")[2]
    found = NOTEBOOK.fullmatch(file)
    if not found:
        return None, 0, ""
    stem = found["stem"]
    if stem in task.notebooks:
        return stem, 0, ""
    for name in sorted(task.notebooks, key=len, reverse=True):
        copy = re.fullmatch(rf"(?:copy of )?{flexible(name)}(?:{COPY})", stem, re.IGNORECASE)
        if copy:
            return name, int(copy[1] or 0), f"is {name}.ipynb"
    if stem in task.elsewhere:
        raise Unknown(f"belongs to {task.elsewhere[stem]}")
    given = grade_ids(member.path)
    alike = {name: len(given & wanted) / len(wanted) for name, wanted in task.notebooks.items() if wanted}
    best = max(alike, key=lambda name: alike[name], default=None)
    if best is not None and alike[best] >= 0.5:
        return best, 0, f"is {best}.ipynb by its cells"
    _, inside, _ = split_name(file, task)
    if inside:
        return inside, 0, f"is {inside}.ipynb"
    raise Unknown(f"is none of the notebooks of {task.name}, neither by its name nor by its cells")


def readable(claims: list[Claim]) -> tuple[list[Claim], list[tuple[str, str]]]:
    """Return the claims whose notebooks can be read, and what is wrong with the others."""
    good, bad = [], []
    for claim in claims:
        try:
            read_notebook(claim.member.path)
            good.append(claim)
        except InstructorError as problem:
            why = str(problem).removeprefix(str(claim.member.path)).strip().rstrip(".")
            bad.append((shown(claim.member.name), why))
    return good, bad


def last_of_each(claims: list[Claim]) -> tuple[dict[str, list[Claim]], list[tuple[str, str, str]]]:
    """Return by learner the last file of each notebook, and the earlier ones that do not count."""
    groups: dict[tuple[str, str], list[Claim]] = defaultdict(list)
    for claim in claims:
        groups[(claim.person.id, claim.notebook)].append(claim)
    counting: dict[str, list[Claim]] = defaultdict(list)
    attempts = []
    for (id_, _), group in sorted(groups.items()):
        *earlier, last = sorted(group, key=lambda claim: claim.order)
        counting[id_].append(last)
        attempts += [(id_, shown(last.member.name), shown(claim.member.name)) for claim in earlier]
    return counting, attempts


def make_ready(folder: Path, claims: list[Claim], extras: list[Member]) -> tuple[int, list[tuple[str, str]]]:
    """Put a learner's files into a folder; return the number of other files, and those that are not taken."""
    folder.mkdir(parents=True)
    for claim in claims:
        shutil.move(claim.member.path, folder / f"{claim.notebook}.ipynb")
    time = claims[0].person.time
    if time:
        (folder / "timestamp.txt").write_text(time + "\n", encoding="utf-8")
    count, size, left = 0, 0, []
    for member in sorted(extras, key=lambda member: member.modified, reverse=True):
        name = member.parts[-1]
        size += member.path.stat().st_size
        if name.casefold() == "timestamp.txt":
            left.append((shown(member.name), "is not taken from a learner's files: it would say when they came"))
        elif (folder / name).exists():
            left.append((shown(member.name), "has the name of a later file, which counts"))
        elif count >= MAX_FILES - 100 or size > MAX_TOTAL // 2:
            left.append((shown(member.name), f"is too much: {claims[0].person.id} has handed in many or large files"))
        else:
            shutil.move(member.path, folder / name)
            count += 1
    return count, left


def move(
    ready: Path, place_of: Callable[[str], Path], graded_of: Callable[[str], Path], downloaded: Path
) -> tuple[list[str], list[str]]:
    """Move the folders of learners to where nbgrader looks; return whose were there before, unchanged or replaced.

    Replaced work is kept, with what was autograded of it: where that stays, nbgrader takes the new work for graded,
    since Canvas says no time.
    """
    unchanged, replaced = [], []
    for folder in sorted(ready.iterdir()):
        target = place_of(folder.name)
        if target.is_dir() and same(folder, target):
            unchanged.append(folder.name)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        graded, keep = graded_of(folder.name), downloaded / "replaced"
        place = next(keep / f"{folder.name}-{k}" for k in range(1, 10**6) if not (keep / f"{folder.name}-{k}").exists())
        if target.exists():
            keep.mkdir(exist_ok=True)
            os.rename(target, place)
            replaced.append(folder.name)
        if graded.is_dir():
            place.mkdir(parents=True, exist_ok=True)
            shutil.move(graded, place / "autograded")
        os.rename(folder, target)
    return unchanged, replaced


def same(one: Path, other: Path) -> bool:
    """Return whether two folders hold the same files."""
    names = {path.name for path in one.iterdir()}
    if names - {"timestamp.txt"} != {path.name for path in other.iterdir()} - {"timestamp.txt"}:
        return False
    if "timestamp.txt" in names and not (other / "timestamp.txt").is_file():
        return False
    return all((other / name).is_file() and (one / name).read_bytes() == (other / name).read_bytes() for name in names)


def write_record(
    path: Path, counting: dict[str, list[Claim]], unread: Iterable[str], roster: Roster | None, system: str
) -> None:
    """Write down who has handed in and what the system calls them, for what is given back to it later."""
    rows = {row["id"]: row for row in read_record(path)}
    for person in roster.people if roster else ():
        row = rows.setdefault(person.id, {"id": person.id})
        row |= {"name": person.name, "email": person.email}
        if roster and person.number and not row.get("number"):
            row |= {"number": person.number, "system": roster.system}
    for id_ in unread:
        rows[id_]["handed_in"] = rows[id_].get("handed_in") or UNREAD
    for id_, given in counting.items():
        claim = given[0]
        row = rows.get(id_, {"id": id_, "name": claim.person.name, "email": claim.person.email})
        row |= {"system": system, "number": claim.number or row.get("number", ""), "label": claim.label}
        row |= {"attachment": str(claim.order[0]) if system == "canvas" else ""}
        row |= {"handed_in": "yes", "late": "yes" if any(c.late for c in given) else "", "timestamp": claim.person.time}
        rows[id_] = row
    new = path.with_suffix(".new")
    with new.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows[id_] for id_ in sorted(rows))
    os.replace(new, path)


def read_record(path: Path) -> list[dict[str, str]]:
    """Return what :func:`write_record` wrote, nothing where there is no such file."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return [row for row in csv.DictReader(file) if row.get("id")]
    except OSError:
        return []
