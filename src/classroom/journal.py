"""What a run of grading writes down as it goes, so that a run that was interrupted can be gone on with.

One file for each assignment, ``.classroom/<assignment>.jsonl`` in the course's folder. Its first line describes the
run; each further line names a learner whose scores and notebooks are in place, with a digest of what was graded. A
line is written last: a submission without one is graded again, and comes out the same.
"""

import contextlib
import fcntl
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from classroom.errors import InstructorError

FOLDER = ".classroom"


@dataclass
class Run:
    """What is known of the last run: how it was begun, what it has graded, and whether it came to its end."""

    regrade: bool = False
    submitted: str | None = None
    # Total scores as they were when the run began, by learner; taken for a regrade alone.
    before: dict[str, float] = field(default_factory=dict)
    # Digests of what earlier runs have graded, by learner.
    known: dict[str, str] = field(default_factory=dict)
    done: dict[str, str] = field(default_factory=dict)
    ended: bool = False


class Journal:
    """The journal of one assignment, held by one run at a time."""

    def __init__(self, root: Path, assignment: str) -> None:
        self.path = journal_path(root, assignment)
        self.path.parent.mkdir(exist_ok=True)
        self.file: IO[str] | None = None
        # The lock is on a file of its own: the journal itself is replaced.
        self.lock = open(self.path.with_suffix(".lock"), "w")  # noqa: SIM115  (closed with the journal)
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.lock.close()
            raise InstructorError(
                f"Another `classroom grade` is at work on {assignment} in {root}. Wait for its end, or stop it."
            ) from None
        self.last = read_run(self.path)

    def begin(self, run: Run) -> None:
        """Begin a new run; what was graded before stays known."""
        run.known = self.last.known | self.last.done | run.known
        text = json.dumps({key: value for key, value in asdict(run).items() if key not in ("done", "ended")})
        new = self.path.with_suffix(".new")
        new.write_text(f"{text}\n", encoding="utf-8")
        os.replace(new, self.path)
        self.last = run
        self.file = open(self.path, "a", encoding="utf-8")  # noqa: SIM115  (closed with the journal)

    def go_on(self) -> Run:
        """Go on with the last run, and return it."""
        text = self.path.read_bytes()
        # What a full disk or a kill left of a line.
        os.truncate(self.path, text.rfind(b"\n") + 1)
        self.file = open(self.path, "a", encoding="utf-8")  # noqa: SIM115  (closed with the journal)
        return self.last

    def graded(self, digests: dict[str, str]) -> None:
        """Write down learners whose scores and notebooks are in place."""
        self.write(*({"learner": learner, "digest": digest} for learner, digest in digests.items()))
        self.last.done |= digests

    def end(self) -> None:
        """Write down that the run came to its end."""
        self.write({"ended": True})
        self.last.ended = True

    def write(self, *entries: dict[str, Any]) -> None:
        """Add lines, and see that they reach the system."""
        assert self.file is not None
        self.file.write("".join(json.dumps(entry) + "\n" for entry in entries))
        self.file.flush()

    def close(self) -> None:
        """Let the journal go."""
        if self.file is not None:
            # What could not be written before cannot be written now.
            with contextlib.suppress(OSError):
                self.file.close()
        self.lock.close()


def journal_path(root: Path, assignment: str) -> Path:
    """Return where an assignment's journal is."""
    return root / FOLDER / f"{assignment}.jsonl"


def read_run(path: Path) -> Run:
    """Return the run that a journal describes; one that ended where there is no journal."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")[:-1]
        run = Run(**json.loads(lines[0]))
    except (OSError, ValueError, TypeError, IndexError):
        return Run(ended=True)
    for line in lines[1:]:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if "learner" in entry:
            run.done[entry["learner"]] = entry["digest"]
        run.ended = run.ended or "ended" in entry
    return run
