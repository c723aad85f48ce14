"""A zip file that others made, unpacked with suspicion: plain files only, each under a number, within limits."""

import contextlib
import errno
import re
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from classroom.errors import InstructorError

MB = 1_000_000
MAX_FILE = 50 * MB
MAX_ALL = 20_000 * MB
MAX_MEMBERS = 100_000
# What one zip inside of the zip may hold, with the zips in it: what one learner hands in.
MAX_INNER = 200 * MB
MAX_INNER_MEMBERS = 1_000
MAX_DEPTH = 2
# What operating systems and editors leave behind.
LITTER = {"__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini", ".ipynb_checkpoints", "__pycache__", ".git"}
UTF8_NAME = 0x800
ENCRYPTED = 0x1


class Refused(Exception):
    """A member is not taken; the text says why."""


@dataclass(frozen=True)
class Member:
    """A file of the archive: its folders and its name, where its content lies now, when it was last changed."""

    parts: tuple[str, ...]
    path: Path
    modified: tuple[int, ...]

    @property
    def name(self) -> str:
        """The whole name, as the archive has it."""
        return "/".join(self.parts)


@dataclass
class Unpacked:
    """What came out of an archive, what was refused and why, and how many files were litter."""

    members: list[Member] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    litter: int = 0


class BudgetSpent(Exception):
    """An archive unpacks to more than it may; ``budget`` is the one that was not enough."""

    def __init__(self, budget: "Budget") -> None:
        super().__init__()
        self.budget = budget


class Budget:
    """How many bytes and entries an archive may unpack to; what is spent counts in the budget above as well."""

    def __init__(self, most: int, members: int, above: "Budget | None" = None) -> None:
        self.most, self.members, self.left, self.above = most, members, most, above

    def spend(self, size: int) -> None:
        """Count bytes; BudgetSpent where there are too many."""
        self.left -= size
        if self.left < 0:
            raise BudgetSpent(self)
        if self.above is not None:
            self.above.spend(size)


def unpack(archive: Path, scratch: Path) -> Unpacked:
    """Return the plain files of a zip file, unpacked into ``scratch``, those of zip files inside of it among them.

    Raises InstructorError where the zip file cannot be read at all, or unpacks to more than a class can hand in.
    """
    if not archive.is_file():
        raise InstructorError(f"{archive} is no file. Give the zip file that you downloaded.")
    if archive.stat().st_size == 0:
        raise InstructorError(f"{archive} is empty (0 bytes). Download it again.")
    places = (scratch / str(number) for number in count())
    try:
        return take_all(archive, (), Budget(MAX_ALL, MAX_MEMBERS), places, 0)
    except Refused as problem:
        raise InstructorError(f"{archive} {problem}. Nothing was collected.") from None


def take_all(archive: Path, above: tuple[str, ...], budget: Budget, places: Iterator[Path], depth: int) -> Unpacked:
    """Return what one zip file holds; Refused where it cannot be read or is too much for the budget."""
    found = Unpacked()
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = opened.infolist()
            if len(entries) > budget.members:
                raise Refused(f"has {len(entries)} entries, more than {budget.members}")
            budget.members -= len(entries)
            for info in entries:
                take(opened, info, above, found, budget, places, depth)
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OverflowError):
        discard(found)
        raise Refused("is not a whole zip file; maybe it was cut off on its way") from None
    except BudgetSpent as spent:
        discard(found)
        # Zip files in a learner's zip file have its budget, and it is refused as a whole.
        if depth > 1 or spent.budget is not budget:
            raise
        raise Refused(f"unpacks to more than {budget.most / MB:g} MB") from None
    return found


def discard(found: Unpacked) -> None:
    """Delete what was unpacked."""
    for member in found.members:
        member.path.unlink(missing_ok=True)


def take(
    opened: zipfile.ZipFile,
    info: zipfile.ZipInfo,
    above: tuple[str, ...],
    found: Unpacked,
    budget: Budget,
    places: Iterator[Path],
    depth: int,
) -> None:
    """Add one entry of an open zip file to what was found."""
    name = decoded_name(info)
    try:
        parts = safe_parts(name)
        if info.is_dir() or not parts:
            return
        if LITTER & set(parts) or parts[-1].startswith("._"):
            found.litter += 1
            return
        check_kind(info)
        member = Member((*above, *parts), next(places), info.date_time)
        copy(opened, info, member.path, budget)
        if not parts[-1].lower().endswith(".zip"):
            found.members.append(member)
            return
        if depth == MAX_DEPTH:
            member.path.unlink()
            raise Refused("lies in a zip file in a zip file; unpack it by hand")
        learners = budget if depth else Budget(MAX_INNER, MAX_INNER_MEMBERS, above=budget)
        inner = take_all(member.path, member.parts, learners, places, depth + 1)
        member.path.unlink()
        if not inner.members and not inner.refused:
            raise Refused("is a zip file without files")
        found.members += inner.members
        found.refused += inner.refused
        found.litter += inner.litter
    except Refused as problem:
        found.refused.append((shown("/".join((*above, name))), str(problem)))


def decoded_name(info: zipfile.ZipInfo) -> str:
    """Return an entry's name; some systems write UTF-8 without saying so."""
    name = info.filename
    if not info.flag_bits & UTF8_NAME:
        with contextlib.suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return unicodedata.normalize("NFC", name.replace("\\", "/"))


def safe_parts(name: str) -> tuple[str, ...]:
    """Return the folders and the name of an entry; Refused where it has none, or would lead anywhere else."""
    if not name:
        raise Refused("has no name")
    if name.startswith("/") or re.match(r"[A-Za-z]:", name):
        raise Refused("has an absolute path")
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    if ".." in parts:
        raise Refused("has a path that leads out of the zip file")
    if not name.isprintable():
        raise Refused("has control characters in its name")
    if len(parts) > 30 or any(len(part.encode()) > 250 for part in parts):
        raise Refused("has a name that is too long")
    return parts


def check_kind(info: zipfile.ZipInfo) -> None:
    """Refuse what is no plain file."""
    mode = info.external_attr >> 16
    if stat.S_ISLNK(mode):
        raise Refused("is a symbolic link; ask for the file itself")
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        raise Refused("is no plain file")
    # The others unpack a whole block at once: a kilobyte may need all memory there is.
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Refused("is packed in a way that is not known here; zip it again")
    if info.flag_bits & ENCRYPTED:
        raise Refused("is encrypted; ask for it without a password")


def copy(opened: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path, budget: Budget) -> None:
    """Unpack one entry, counting the bytes that really come and not those that it claims."""
    size = 0
    try:
        with opened.open(info) as source, path.open("wb") as target:
            while block := source.read(MB):
                size += len(block)
                budget.spend(len(block))
                if size > MAX_FILE:
                    raise Refused(f"unpacks to more than {MAX_FILE / MB:g} MB")
                target.write(block)
    except NotImplementedError:
        raise Refused("is packed in a way that is not known here; zip it again") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError):
        raise Refused("is damaged; ask for it again") from None
    except OSError as problem:
        # The place in the file that it names is before its beginning.
        if problem.errno != errno.EINVAL:
            raise
        raise Refused("is damaged; ask for it again") from None
    finally:
        if size > MAX_FILE or budget.left < 0:
            path.unlink(missing_ok=True)


def shown(name: str) -> str:
    """Return a name that a terminal can show, cut where it is long."""
    name = "".join(sign if sign.isprintable() else "?" for sign in name)
    return name if len(name) <= 200 else name[:200] + "..."
