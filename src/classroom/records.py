"""The one writer of a run: scores go into nbgrader's gradebook, notebooks into nbgrader's folders.

What is written is what ``nbgrader autograde`` writes, in a few statements instead of some hundred. All of it can be
written twice: it sets values and adds nothing, so that a submission graded again after an interruption counts once.
"""

import contextlib
import errno
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbgrader.api import (
    Assignment,
    Comment,
    Course,
    Grade,
    Gradebook,
    Student,
    SubmittedAssignment,
    SubmittedNotebook,
    new_uuid,
)
from nbgrader.preprocessors import AssignLatePenalties
from sqlalchemy import bindparam, create_engine, func, insert, inspect, make_url, select, text, update
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

from classroom.errors import InstructorError

RETRY_SECONDS = 60.0


@dataclass(frozen=True)
class Scores:
    """What one notebook brought: the automatic score of each graded cell, the comment on each answered one."""

    scores: dict[str, float | None]
    comments: dict[str, str | None]


@dataclass(frozen=True)
class Entry:
    """What one submission brought, by notebook; None stands for a notebook that was not handed in."""

    learner: str
    timestamp: Any
    notebooks: dict[str, Scores | None]


@dataclass(frozen=True)
class Layout:
    """A notebook in the gradebook: its key, and those of its cells, by name."""

    id: str
    grades: dict[str, str]
    comments: dict[str, str]


def safe_url(url: str) -> str:
    """Return a database's address without its password."""
    return make_url(url).render_as_string(hide_password=True)


def check_gradebook(url: str, course: str) -> None:
    """Raise InstructorError where there is a gradebook that is not this course's, or not of this nbgrader's form.

    Nothing is written, and no gradebook is made.
    """
    where = safe_url(url)
    engine = create_engine(url)
    try:
        database = make_url(url).database
        if engine.dialect.name == "sqlite" and not (database and Path(database).is_file()):
            return
        with engine.connect() as connection:
            tables = set(inspect(connection).get_table_names())
            if not tables:
                return
            if "course" not in tables or "alembic_version" not in tables:
                raise InstructorError(
                    f"{where} holds tables, but no gradebook of this nbgrader's form. Back it up, then run: nbgrader "
                    "db upgrade. If it is no gradebook at all, set CourseDirectory.db_url to another."
                )
            version = connection.scalar(text("SELECT version_num FROM alembic_version"))
            known, head = known_versions()
            if version not in known:
                raise InstructorError(
                    f"The gradebook {where} has the form {version}, which this nbgrader does not know: a newer one "
                    "made it. Upgrade nbgrader here, or grade with the version that made it."
                )
            if version != head:
                raise InstructorError(
                    f"The gradebook {where} has the form {version}, and this nbgrader writes {head}. Back it up, then "
                    "run: nbgrader db upgrade"
                )
            # nbgrader itself adds a course of the name default_course to every gradebook.
            others = set(connection.scalars(select(Course.id))) - {"default_course", ""}
            if others and course not in others:
                raise InstructorError(
                    f"The gradebook {where} belongs to the course {', '.join(sorted(others))}, and this one is "
                    f"{course or 'default_course'}. Set CourseDirectory.db_url to this course's own."
                )
    except SQLAlchemyError as problem:
        raise InstructorError(f"The gradebook {where} cannot be read: {reason(problem)}") from None
    finally:
        engine.dispose()


def known_versions() -> tuple[set[str], str]:
    """Return the forms of a gradebook that this nbgrader knows, and the newest of them."""
    from alembic.script import ScriptDirectory
    from nbgrader.dbutil import ALEMBIC_DIR

    scripts = ScriptDirectory(ALEMBIC_DIR)
    return {script.revision for script in scripts.walk_revisions()}, str(scripts.get_current_head())


def reason(problem: BaseException) -> str:
    """Return the first line of what a database said."""
    said = str(getattr(problem, "orig", None) or problem).strip().splitlines()
    return f"{said[0] if said else type(problem).__name__}."


def is_full(problem: BaseException) -> bool:
    """Return whether a disk is full."""
    number = getattr(problem, "errno", None)
    return number in (errno.ENOSPC, errno.EDQUOT) or "is full" in str(problem) or "No space left" in str(problem)


class Records:
    """The gradebook of one assignment, open for writing."""

    def __init__(
        self, url: str, course: str, assignment: str, penalties: AssignLatePenalties, say: Callable[[str], None]
    ):
        self.url, self.name, self.say = url, assignment, say
        self.gradebook = Gradebook(url, course)
        self.engine = self.gradebook.engine
        self.penalties = penalties
        penalties.init_plugin()
        with Session(self.engine) as session:
            found = session.scalars(select(Assignment).where(Assignment.name == assignment)).one()
            self.id, self.most = found.id, float(found.max_score)
            self.layouts = {
                notebook.name: Layout(
                    notebook.id,
                    {cell.name: cell.id for cell in [*notebook.grade_cells, *notebook.task_cells]},
                    {cell.name: cell.id for cell in [*notebook.solution_cells, *notebook.task_cells]},
                )
                for notebook in found.notebooks
            }

    def totals(self) -> dict[str, float]:
        """Return each learner's score, as the gradebook has it."""
        with Session(self.engine) as session:
            return self.totals_in(session)

    def totals_in(self, session: Session, learners: list[str] | None = None) -> dict[str, float]:
        """Return the scores of some learners, or of all."""
        statement = (
            select(SubmittedAssignment.student_id, func.coalesce(func.sum(Grade.score), 0.0))
            .join(SubmittedNotebook, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
            .join(Grade, Grade.notebook_id == SubmittedNotebook.id)
            .where(SubmittedAssignment.assignment_id == self.id)
            .group_by(SubmittedAssignment.student_id)
        )
        if learners is not None:
            statement = statement.where(SubmittedAssignment.student_id.in_(learners))
        return {learner: float(score) for learner, score in session.execute(statement)}

    def write(self, entries: list[Entry]) -> dict[str, float]:
        """Write what some submissions brought, all or nothing, and return the learners' scores.

        Waits and repeats where the database is away for a while.
        """
        deadline, wait = time.monotonic() + RETRY_SECONDS, 0.2
        while True:
            try:
                with Session(self.engine) as session:
                    for entry in entries:
                        self.write_one(session, entry)
                    totals = self.totals_in(session, [entry.learner for entry in entries])
                    session.commit()
                return totals
            except DBAPIError as problem:
                if is_full(problem):
                    raise OSError(errno.ENOSPC, f"No space left for the gradebook {safe_url(self.url)}") from None
                if not isinstance(problem, OperationalError | InterfaceError) or time.monotonic() > deadline:
                    raise InstructorError(
                        f"The gradebook {safe_url(self.url)} cannot be written: {reason(problem)}"
                    ) from None
                self.say(f"The gradebook does not answer ({reason(problem)}) Trying again.")
                self.engine.dispose()
                time.sleep(wait)
                wait = min(2 * wait, 5.0)

    def write_one(self, session: Session, entry: Entry) -> None:
        """Write what one submission brought."""
        if session.scalar(select(Student.id).where(Student.id == entry.learner)) is None:
            session.execute(insert(Student), [{"id": entry.learner}])
        submission = session.scalar(
            select(SubmittedAssignment).where(
                SubmittedAssignment.assignment_id == self.id, SubmittedAssignment.student_id == entry.learner
            )
        )
        if submission is None:
            submission = SubmittedAssignment(assignment_id=self.id, student_id=entry.learner)
            submission.id = new_uuid()
            session.add(submission)
        if entry.timestamp is not None:
            submission.timestamp = entry.timestamp
        session.flush()
        notebooks = self.complete(session, submission.id)
        ids = list(notebooks.values())
        manual = {
            (notebook, cell): score
            for notebook, cell, score in session.execute(
                select(Grade.notebook_id, Grade.cell_id, Grade.manual_score).where(Grade.notebook_id.in_(ids))
            )
        }
        grades, comments = [], []
        for name, scores in entry.notebooks.items():
            layout, notebook = self.layouts[name], notebooks[name]
            given = dict.fromkeys(layout.grades, 0.0) if scores is None else scores.scores
            for cell, score in given.items():
                key = (notebook, layout.grades[cell])
                waits = scores is not None and (score is None or manual[key] is not None)
                grades.append({"n": key[0], "c": key[1], "score": score, "waits": waits})
            for cell, said in ({} if scores is None else scores.comments).items():
                comments.append({"n": notebook, "c": layout.comments[cell], "said": said})
        connection = session.connection()
        if grades:
            connection.execute(UPDATE_GRADE, grades)
        if comments:
            connection.execute(UPDATE_COMMENT, comments)
        self.assign_penalties(session, submission, {n: notebooks[n] for n, s in entry.notebooks.items() if s})

    def complete(self, session: Session, submission: str) -> dict[str, str]:
        """Return the keys of a submission's notebooks; make what is missing of them and of their cells."""
        statement = select(SubmittedNotebook.notebook_id, SubmittedNotebook.id)
        rows = session.execute(statement.where(SubmittedNotebook.assignment_id == submission)).all()
        found: dict[str, str] = {notebook: key for notebook, key in rows}
        missing = [layout for layout in self.layouts.values() if layout.id not in found]
        if missing:
            found |= {layout.id: new_uuid() for layout in missing}
            parts = [{"id": found[m.id], "notebook_id": m.id, "assignment_id": submission} for m in missing]
            session.execute(insert(SubmittedNotebook), parts)
            for kind, cells in ((Grade, "grades"), (Comment, "comments")):
                new = [
                    {"id": new_uuid(), "notebook_id": found[layout.id], "cell_id": cell}
                    for layout in missing
                    for cell in getattr(layout, cells).values()
                ]
                if new:
                    session.execute(insert(kind), new)
        return {name: found[layout.id] for name, layout in self.layouts.items()}

    def assign_penalties(self, session: Session, submission: Any, notebooks: dict[str, str]) -> None:
        """Set the late penalty of each notebook handed in, as the course's plugin has it."""
        late = submission.total_seconds_late
        if not late:
            session.execute(
                update(SubmittedNotebook)
                .where(SubmittedNotebook.id.in_(list(notebooks.values())))
                .values(late_submission_penalty=None)
            )
            return
        for key in notebooks.values():
            notebook = session.get_one(SubmittedNotebook, key)
            penalty = self.penalties.plugin_inst.late_submission_penalty(submission.student_id, notebook.score, late)
            if penalty is not None:
                penalty = self.penalties._check_late_penalty(notebook, penalty)
            notebook.late_submission_penalty = penalty

    def close(self) -> None:
        """Close the gradebook."""
        with contextlib.suppress(SQLAlchemyError):
            self.gradebook.close()


UPDATE_GRADE = (
    update(Grade.__table__)
    .where(Grade.__table__.c.notebook_id == bindparam("n"), Grade.__table__.c.cell_id == bindparam("c"))
    .values(auto_score=bindparam("score"), needs_manual_grade=bindparam("waits"))
)
UPDATE_COMMENT = (
    update(Comment.__table__)
    .where(Comment.__table__.c.notebook_id == bindparam("n"), Comment.__table__.c.cell_id == bindparam("c"))
    .values(auto_comment=bindparam("said"))
)
