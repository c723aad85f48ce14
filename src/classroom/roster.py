"""Who is in the class: tables that nbgrader, Canvas and Moodle write, and whom a file name or a number means."""

import csv
import io
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from classroom.errors import InstructorError

MAX_TABLE = 20_000_000
# The times that Moodle writes into its grading worksheet, in English, and what other tables hold.
TIME_FORMATS = ("%A, %d %B %Y, %I:%M %p", "%d %B %Y, %I:%M %p", "%d/%m/%y, %H:%M", "%Y-%m-%d %H:%M:%S %Z")


class Unknown(Exception):
    """Nobody is meant, or more than one; the text says why."""


@dataclass(frozen=True)
class Person:
    """One learner: the id that names the folder, and what a learning management system calls the same person.

    ``number`` is Canvas' user id, or Moodle's number of a participant, which is another in each assignment.
    """

    id: str
    name: str = ""
    email: str = ""
    number: str = ""
    aliases: tuple[str, ...] = ()
    time: str = ""


class Table:
    """A CSV file with a header: its columns, and its rows as they stand."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            if path.stat().st_size > MAX_TABLE:
                raise InstructorError(f"{path} has more than {MAX_TABLE // 10**6} MB. Is it a table of learners?")
            text = path.read_text(encoding="utf-8-sig")
        except OSError as problem:
            raise InstructorError(f"{path} cannot be read: {problem.strerror}.") from None
        except UnicodeError:
            raise InstructorError(f"{path} is not a CSV file in UTF-8. Save it as one.") from None
        first = text.partition("\n")[0]
        self.separator = max(",;\t", key=first.count)
        try:
            rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=self.separator, strict=True))
        except csv.Error as problem:
            raise InstructorError(f"{path} is not a CSV file: {problem}.") from None
        self.header = [cell.strip() for cell in rows[0]] if rows else []
        self.rows = [row for row in rows[1:] if any(cell.strip() for cell in row)]

    def place(self, *names: str) -> int | None:
        """Return the place of the first column that has one of these names."""
        folded = [cell.casefold() for cell in self.header]
        return next((folded.index(name.casefold()) for name in names if name.casefold() in folded), None)

    def column(self, *names: str) -> list[str]:
        """Return the values of such a column, one for each row, empty where there is none."""
        place = self.place(*names)
        return [row[place].strip() if place is not None and place < len(row) else "" for row in self.rows]


def is_canvas(table: Table) -> bool:
    """Return whether a table is an export of Canvas' gradebook."""
    return table.place("ID") is not None and (table.place("Student") is not None or table.place("LastName") is not None)


def is_worksheet(table: Table) -> bool:
    """Return whether a table is a grading worksheet of Moodle's."""
    return table.place("Identifier") is not None and table.place("Grade") is not None


def read_roster(path: Path) -> "Roster":
    """Return the class that a table lists; InstructorError where it is no such table or an id cannot be used.

    Known are nbgrader's own (``id,first_name,last_name,email``), the export of Canvas' gradebook, Moodle's grading
    worksheet and the export of Moodle's gradebook.
    """
    table = Table(path)
    if is_canvas(table):
        people = read_canvas(table)
    elif is_worksheet(table) or table.place("Email address") is not None:
        people = read_moodle(table)
    elif table.place("id") is not None:
        people = read_nbgrader(table)
    else:
        raise InstructorError(
            f"{path} has no column that names learners. Expected is id (nbgrader), Student and ID (Canvas), or "
            f"Identifier or Email address (Moodle); there are: {', '.join(table.header) or 'none'}."
        )
    if not people:
        raise InstructorError(f"{path} lists nobody.")
    seen: set[str] = set()
    for person in people:
        problem = id_problem(person.id)
        if problem:
            raise InstructorError(f"{path}: the id {person.id!r} {problem}. Change it there.")
        if person.id.casefold() in seen:
            raise InstructorError(f"{path}: the id {person.id!r} stands twice. Remove one of the lines.")
        seen.add(person.id.casefold())
    return Roster(people, path, "moodle" if is_worksheet(table) else "canvas")


def full_names(table: Table) -> list[str]:
    """Return names put together from the columns of a first and a last name."""
    first = table.column("first_name", "First name", "FirstName")
    last = table.column("last_name", "Last name", "Surname", "LastName")
    return [" ".join(filter(None, both)) for both in zip(first, last, strict=True)]


def read_nbgrader(table: Table) -> list[Person]:
    """Return the class of a table as ``nbgrader db student import`` takes it."""
    columns = (
        table.column("id"), full_names(table), table.column("email"), table.column("lms_user_id"),
        table.column("timestamp"),
    )  # fmt: skip
    return [
        Person(normal(id_), name, email, number, (email.partition("@")[0],), read_time(time, table.path))
        for id_, name, email, number, time in zip(*columns, strict=True)
    ]


def read_canvas(table: Table) -> list[Person]:
    """Return the class of an export of Canvas' gradebook; logins are the ids where everybody has one."""
    split = table.place("LastName") is not None
    names = full_names(table) if split else table.column("Student")
    rows = [
        row
        for row in zip(names, *map(table.column, ("ID", "SIS Login ID", "SIS User ID")), strict=True)
        if row[1] and row[0] not in ("Student, Test", "Test Student")
    ]
    logins = [row[2] for row in rows]
    by_login = all(logins) and len(set(logins)) == len(logins)
    return [
        Person(normal(login if by_login else number), natural_name(name), "", number, (login, user, name))
        for name, number, login, user in rows
    ]


def read_moodle(table: Table) -> list[Person]:
    """Return the class of Moodle's grading worksheet or gradebook; ID numbers are the ids, or else e-mail addresses."""
    numbers, emails, users = table.column("ID number"), table.column("Email address"), table.column("Username")
    names = table.column("Full name") if table.place("Full name") is not None else full_names(table)
    participants = [re.sub(r"\D+", "", text) for text in table.column("Identifier")]
    times = table.column("Last modified (submission)")
    ids = next((given for given in (numbers, users, emails) if all(given) and len(set(given)) == len(given)), None)
    if ids is None:
        ids = names if all(names) else [f"participant-{number}" for number in participants]
    return [
        Person(normal(id_), name, email, number, (email.partition("@")[0], email, user), read_time(time, table.path))
        for id_, name, email, number, user, time in zip(ids, names, emails, participants, users, times, strict=True)
    ]


def natural_name(name: str) -> str:
    """Return "Ada Lovelace" for "Lovelace, Ada"."""
    last, comma, first = name.partition(",")
    return f"{first.strip()} {last.strip()}" if comma else name


def read_time(text: str, path: Path) -> str:
    """Return a time as nbgrader writes it, in UTC; empty for "-" and the like. One without a zone is local."""
    if not any(sign.isdigit() for sign in text):
        return ""
    found = None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        for form in TIME_FORMATS:
            try:
                found = datetime.strptime(text, form)
                found = found.replace(tzinfo=UTC) if "%Z" in form else found
                break
            except ValueError:
                continue
    if found is None:
        raise InstructorError(f"{path}: {text!r} is no time that is known here. Write it as 2026-11-30 17:05:00.")
    return f"{found.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def normal(name: str) -> str:
    """Return a name in Unicode's composed form, without spaces at its ends."""
    return unicodedata.normalize("NFC", name).strip()


def folded(name: str) -> str:
    """Return the letters and digits of a name, in small letters: what is left of it in a file's name."""
    return "".join(sign for sign in unicodedata.normalize("NFC", name).casefold() if sign.isalnum())


def id_problem(name: str) -> str:
    """Return why a learner's id cannot name a folder, nothing where it can."""
    if not name:
        return "is empty"
    if not name.isprintable():
        return "has control characters"
    bad = sorted(set(name) & set('/\\:*?"<>|[]'))
    if bad:
        return f"has the character {bad[0]!r}, which no folder's name may have"
    if name[0] in ".-" or name != name.strip():
        return "begins with a dot, a hyphen or a space, or ends with a space"
    if len(name.encode()) > 120:
        return "is longer than 120 bytes"
    return ""


class Roster:
    """Whom a number or a name means; ``system`` is the one whose numbers these are."""

    def __init__(self, people: Iterable[Person], path: Path, system: str) -> None:
        self.people, self.path, self.system = list(people), path, system
        self.by_number = {person.number: person for person in self.people if person.number}
        self.by_name: dict[str, set[Person]] = defaultdict(set)
        for person in self.people:
            first, _, last = person.name.rpartition(" ")
            for name in (person.id, person.name, f"{last} {first}", *person.aliases):
                if folded(name):
                    self.by_name[folded(name)].add(person)

    def find(self, names: Iterable[str], number: str = "") -> Person:
        """Return the person whom the number, or else the first telling name, means; Unknown says why it is nobody."""
        names = [name for name in dict.fromkeys(names) if name]
        by_number = self.by_number.get(number)
        # Moodle numbers participants anew in each assignment, so that a number alone may mean somebody else.
        if by_number and (self.system == "canvas" or names in ([], ["Participant"])):
            return by_number
        for name in names:
            exact = [person for person in self.people if person.id == name]
            found = exact or list(self.by_name.get(folded(name), ()))
            if by_number in found or len(found) == 1:
                return by_number if by_number in found and by_number else found[0]
            if found:
                raise Unknown(f"{len(found)} learners in {self.path} are called {name!r}")
        said = " or ".join(repr(name) for name in names) or "nothing that could be a name"
        raise Unknown(f"nobody in {self.path} is called {said}")
