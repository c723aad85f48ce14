"""Grading a whole class: submissions go to workers, results come back, and one writer records them.

What is graded is in the gradebook, in ``autograded/`` and in the journal, in this order, so that a run may end at any
moment and the next one goes on: what has no line in the journal is graded again, and nothing is counted twice.
"""

import contextlib
import errno
import pickle
import shutil
import sys
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from classroom.errors import UNKNOWN_CELLS, InstructorError
from classroom.grader import Graded, close_graders, grade, unpack
from classroom.journal import Journal, Run, journal_path, read_run
from classroom.rebuild import ChangedCells
from classroom.sandbox import INSTALL, find_problem
from classroom.submissions import Submission, alike_ids, find_submissions, read_submission
from classroom.telling import Lines, telling

if TYPE_CHECKING:
    from classroom.preparation import Preparation
    from classroom.records import Entry, Records

# Submissions on their way for each thread of the workers: enough that none ever waits for the next.
AHEAD = 3


@dataclass
class Outcome:
    """What came of a run: how many were graded, who was not and why, and which scores a regrade has changed."""

    graded: int = 0
    refused: dict[str, str] = field(default_factory=dict)
    changes: list[tuple[str, float | None, float]] | None = None


def grade_class(
    root: Path,
    assignment: str,
    *,
    submitted: Path | None = None,
    archive: Path | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    resume: bool = False,
    regrade: bool = False,
    as_json: bool = False,
) -> Outcome:
    """Grade all of a class that is not graded yet, or all of it for a regrade, and return what came of it.

    Raises InstructorError, with nothing changed, where it cannot begin, and with all kept that is graded, where it
    cannot go on.
    """
    if workers and scheduler:
        raise InstructorError("--workers is for this machine, and --scheduler has workers of its own. Drop one.")
    if submitted and archive:
        raise InstructorError("--submitted and --zip both say where the submissions are. Drop one.")
    problem = None if scheduler else find_problem()
    if problem:
        raise InstructorError(INSTALL.format(problem=problem))
    root = root.resolve()
    with telling(as_json=as_json) as tell, contextlib.ExitStack() as stack:
        client = stack.enter_context(client_ahead(workers, scheduler))
        run = stack.enter_context(prepared(root, assignment, submitted, archive, resume, regrade, tell))
        if scheduler:
            # Nothing is changed where none answers.
            client()
        return run.go(client)


@contextlib.contextmanager
def client_ahead(workers: int | None, scheduler: str | None) -> Iterator[Any]:
    """Yield a function that returns the workers' client; they start while the course is read."""
    from classroom.cluster import workers_at, workers_here

    cluster = workers_at(scheduler) if scheduler else workers_here(workers)
    with ThreadPoolExecutor(1) as starter:
        started = starter.submit(cluster.__enter__)
        try:
            yield started.result
        finally:
            if started.exception() is None:
                cluster.__exit__(None, None, None)


@contextlib.contextmanager
def prepared(
    root: Path,
    assignment: str,
    submitted: Path | None,
    archive: Path | None,
    resume: bool,
    regrade: bool,
    tell: Lines,
) -> Iterator["ClassRun"]:
    """Yield a run that is ready to begin, all its input checked."""
    # nbgrader imports jsonschema, which builds a parser for a kind of address that nobody here uses: two seconds.
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
    from classroom.preparation import Preparation

    preparation = Preparation(root, assignment)
    last = read_run(journal_path(root, assignment))
    if resume and submitted is None and not last.ended and last.submitted:
        submitted = Path(last.submitted)
    if archive is not None:
        from classroom.collect import collect_zip

        preparation.check_gradebook()
        for line in str(collect_zip(archive, root, assignment)).splitlines():
            tell.note(line)
    with contextlib.ExitStack() as stack:
        preparation.read_from(submitted)
        folders = find_submissions(preparation.coursedir, assignment)
        preparation.check_gradebook()
        yield ClassRun(preparation, folders, submitted, resume, regrade, tell, stack)


class ClassRun:
    """One run of grading a class."""

    def __init__(
        self,
        preparation: "Preparation",
        folders: dict[str, Path],
        submitted: Path | None,
        resume: bool,
        regrade: bool,
        tell: Lines,
        stack: contextlib.ExitStack,
    ) -> None:
        self.preparation, self.folders, self.tell, self.stack = preparation, folders, tell, stack
        self.submitted, self.resume, self.regrade = submitted, resume, regrade
        self.alike = alike_ids(folders)
        self.outcome = Outcome()
        self.changed = ChangedCells()
        self.records: Records
        self.journal: Journal

    def go(self, workers: Callable[[], Any]) -> Outcome:
        """Grade, and return what came of it; ``workers`` returns their client when they have started."""
        preparation, name = self.preparation, self.preparation.name
        self.journal = Journal(Path(preparation.coursedir.root), name)
        self.stack.callback(self.journal.close)
        self.refuse_to_lose_a_regrade()
        preparation.enter_into_gradebook()
        self.warn_of_stale_checks()
        self.records = preparation.records(self.tell.note)
        self.stack.callback(self.records.close)
        todo = self.begin()
        assignment = preparation.assignment()
        client = workers()
        threads = sum(client.nthreads().values())
        self.tell.begin(name, len(todo), len(self.folders) - len(todo), threads)
        try:
            if todo:
                self.grade_all(client, assignment, todo)
                for learner, said in self.changed.told(self.outcome.graded):
                    if learner:
                        self.tell.remark(learner, said)
                    else:
                        self.tell.note(said)
            self.journal.end()
        except OSError as problem:
            if problem.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise InstructorError(f"The disk is full ({problem.filename or problem.strerror}). {self.kept()}") from None
        except KeyboardInterrupt:
            self.tell.note(f"Interrupted. {self.kept()}")
            raise
        finally:
            with contextlib.suppress(Exception):
                client.run(close_graders, assignment.token)
        if self.journal.last.regrade:
            self.outcome.changes = self.changes()
        self.tell.end(self.outcome.graded, len(self.outcome.refused), self.outcome.changes)
        return self.outcome

    def kept(self) -> str:
        """Return what to say where a run stops early."""
        return (
            f"{self.outcome.graded} were graded, and are kept. Go on with: classroom grade {self.preparation.name} "
            "--resume"
        )

    def refuse_to_lose_a_regrade(self) -> None:
        """Raise InstructorError where a regrade was interrupted and is to be forgotten by an ordinary run."""
        last, name = self.journal.last, self.preparation.name
        if last.regrade and not last.ended and not self.resume and not self.regrade:
            raise InstructorError(
                f"A regrade of {name} was interrupted when {len(last.done)} were graded. Go on with it: classroom "
                f"grade {name} --resume. Or begin it anew: classroom grade {name} --regrade"
            )

    def warn_of_stale_checks(self) -> None:
        """Say where the source was changed since the gradebook took the checks from it; refuse a regrade then.

        A check that the gradebook does not know has nowhere to put its score.
        """
        name = self.preparation.name
        stale, unknown = self.preparation.stale_checks()
        if unknown:
            raise InstructorError(UNKNOWN_CELLS.format(cells=", ".join(unknown), assignment=name))
        if not stale:
            return
        text = (
            f"{', '.join(stale)} of {name} is not the same in the source and in the gradebook, which counts. To take "
            f"the source, run: nbgrader generate_assignment {name}"
        )
        if self.regrade:
            raise InstructorError(text)
        self.tell.note(text)

    def begin(self) -> list[str]:
        """Begin or go on with a run in the journal; return the learners who are to be graded, in order."""
        last = self.journal.last
        if self.resume and last.regrade and not last.ended:
            run = self.journal.go_on()
            return [learner for learner in self.folders if learner not in run.done]
        known = last.known | last.done
        if self.regrade:
            todo = list(self.folders)
        else:
            todo = [learner for learner in self.folders if not self.is_graded(learner, known)]
        self.journal.begin(
            Run(
                regrade=self.regrade,
                submitted=str(self.submitted.resolve()) if self.submitted else None,
                before=self.records.totals() if self.regrade else {},
            )
        )
        return todo

    def is_graded(self, learner: str, known: dict[str, str]) -> bool:
        """Return whether what a learner has handed in is graded as it is."""
        if learner in self.alike or not self.preparation.is_graded(learner, self.folders[learner]):
            return False
        if learner not in known:
            return True
        try:
            return self.read(learner).digest == known[learner]
        except InstructorError:
            return False

    def read(self, learner: str) -> Submission:
        """Return what a learner has handed in; InstructorError where it cannot be graded."""
        if learner in self.alike:
            raise InstructorError(self.alike[learner])
        preparation = self.preparation
        return read_submission(learner, self.folders[learner], preparation.files_beside, preparation.most_beside)

    def grade_all(self, client: Any, assignment: Any, todo: list[str]) -> None:
        """Send submissions to workers, a few ahead of what they can do, and record what comes back."""
        from distributed import as_completed

        run = uuid.uuid4().hex
        packed = client.submit(unpack, pickle.dumps(assignment), key=f"assignment-{run}", pure=False)
        waiting, left, on_the_way = iter(todo), len(todo), 0
        sent: dict[str, str] = {}
        results = as_completed(loop=client.loop)

        def send_more() -> None:
            nonlocal left, on_the_way
            threads = sum(client.nthreads().values())
            while on_the_way < AHEAD * max(threads, 1):
                learner = next(waiting, None)
                if learner is None:
                    return
                left -= 1
                try:
                    submission = self.read(learner)
                except InstructorError as problem:
                    self.refuse(learner, str(problem))
                    continue
                more = left >= threads
                future = client.submit(
                    grade, packed, submission, more_to_come=more, key=f"grade-{run}-{learner}", pure=False
                )
                sent[future.key] = learner
                results.add(future)
                on_the_way += 1

        send_more()
        while on_the_way:
            batch = results.next_batch(block=True)
            on_the_way -= len(batch)
            done = [future for future in batch if future.status == "finished"]
            for future in batch:
                if future.status != "finished":
                    self.tell_failure(sent[future.key], future)
            graded = client.gather(done) if done else []
            # The workers get their next submissions before these are written down.
            send_more()
            self.record(graded)
            for future in batch:
                del sent[future.key]
            del batch, done, graded

    def tell_failure(self, learner: str, future: Any) -> None:
        """Refuse a submission whose task has failed; InstructorError where no other would fare better."""
        from distributed.scheduler import KilledWorker

        if future.status in ("cancelled", "lost"):
            raise InstructorError(f"The scheduler is gone. {self.kept()}")
        problem = future.exception()
        if isinstance(problem, InstructorError):
            raise InstructorError(f"{problem} {self.kept()}")
        if isinstance(problem, KilledWorker):
            self.refuse(learner, "the worker ended each time that it was given this submission. Run the command again.")
        else:
            self.refuse(learner, f"it cannot be graded: {type(problem).__name__}: {problem}")

    def refuse(self, learner: str, why: str) -> None:
        """Note that a submission is not graded."""
        self.outcome.refused[learner] = why
        self.tell.refused(learner, why)

    def record(self, graded: list[Graded]) -> None:
        """Write results down: new folders beside the old, the gradebook, the folders in place, the journal."""
        ready: list[tuple[Graded, Entry, Path]] = []
        try:
            for result in graded:
                try:
                    if result.refused:
                        raise InstructorError(result.refused)
                    entry, folder = self.preparation.write_beside(result, self.folders[result.learner])
                except InstructorError as problem:
                    self.refuse(result.learner, str(problem))
                else:
                    ready.append((result, entry, folder))
            for result, _, _ in ready:
                self.preparation.remove_graded(result.learner)
            totals = self.records.write([entry for _, entry, _ in ready])
            for result, _, folder in ready:
                self.preparation.put_in_place(result.learner, folder)
            self.journal.graded({result.learner: result.digest for result, _, _ in ready})
        except BaseException:
            for _, _, folder in ready:
                shutil.rmtree(folder, ignore_errors=True)
            raise
        for result, _, _ in ready:
            self.outcome.graded += 1
            for remark in result.remarks:
                self.tell.remark(result.learner, remark)
            for notebook, changed in result.changed.items():
                self.changed.add(result.learner, notebook, changed)
            self.tell.graded(result.learner, totals[result.learner], self.records.most, result.seconds)

    def changes(self) -> list[tuple[str, float | None, float]]:
        """Return the scores that are not what they were when the regrade began."""
        before, after = self.journal.last.before, self.records.totals()
        return [
            (learner, before.get(learner), after[learner])
            for learner in sorted(self.journal.last.done)
            if learner in after and before.get(learner) != after[learner]
        ]
