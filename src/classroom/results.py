"""What grading left behind: the scores in the gradebook, and who is in the class. Nothing is written."""

import contextlib
import json
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from classroom.collect import RECORD, UNREAD, read_record
from classroom.errors import InstructorError
from classroom.rebuild import nbgrader_of
from classroom.release import course_config
from classroom.submissions import find_submissions


@dataclass(frozen=True)
class Question:
    """A graded cell: its notebook and its name there, and its points."""

    notebook: str
    name: str
    points: float


@dataclass
class Learner:
    """One learner: who it is, what the learning management system says, and the scores of the questions."""

    id: str
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    number: str = ""
    scores: dict[tuple[str, str], float] = field(default_factory=dict)
    penalty: float = 0.0
    time: datetime | None = None
    late: bool = False
    handed_in: bool = False
    to_grade: bool = False
    record: dict[str, str] = field(default_factory=dict)
    in_hand: bool = False
    # Scores are in the gradebook, and the autograded notebooks are gone, as after an autograding that has failed.
    lost: bool = False

    @property
    def name(self) -> str:
        """The full name, or the id where none is known."""
        return " ".join(filter(None, (self.first_name, self.last_name))) or self.record.get("name") or self.id

    @property
    def total(self) -> float:
        """The sum of the scores less the penalty for being late, not below 0."""
        return max(0.0, sum(self.scores.values()) - self.penalty)


@dataclass(frozen=True)
class Results:
    """The results of one assignment: its questions in order, and the class by id."""

    assignment: str
    root: Path
    course: Any
    questions: tuple[Question, ...]
    learners: dict[str, Learner]
    sources: dict[tuple[str, str], str] = field(default_factory=dict)

    @property
    def points(self) -> float:
        """The sum of the points of all questions."""
        return sum(question.points for question in self.questions)

    @property
    def scored(self) -> list[Learner]:
        """Those who have scores in the gradebook, maybe of an earlier grading, in order of their ids."""
        return [learner for _, learner in sorted(self.learners.items()) if learner.handed_in]

    @property
    def graded(self) -> list[Learner]:
        """Those whose graded work is at hand, in order of their ids."""
        return [learner for learner in self.scored if not learner.lost]

    @property
    def lost(self) -> list[Learner]:
        """Those with scores whose autograded notebooks are gone, in order of their ids."""
        return [learner for learner in self.scored if learner.lost]

    @property
    def absent(self) -> list[Learner]:
        """Those who have not handed in, in order of their ids."""
        return [one for _, one in sorted(self.learners.items()) if not one.handed_in and not one.in_hand]

    @property
    def ungraded(self) -> list[Learner]:
        """Those whose work lies there and is not graded, such as a notebook that cannot be read."""
        return [one for _, one in sorted(self.learners.items()) if not one.handed_in and one.in_hand]

    def autograded(self, learner: Learner) -> Path:
        """Return the folder of a learner's autograded notebooks."""
        return Path(self.root, self.course.format_path(self.course.autograded_directory, learner.id, self.assignment))


def read_results(root: Path, assignment: str) -> Results:
    """Return the results of an assignment; InstructorError where there are none."""
    from nbgrader.api import (
        Assignment,
        BaseCell,
        Grade,
        GradeCell,
        Notebook,
        SourceCell,
        Student,
        SubmittedAssignment,
        SubmittedNotebook,
        TaskCell,
    )
    from nbgrader.coursedir import CourseDirectory
    from sqlalchemy import create_engine, select
    from sqlalchemy.exc import SQLAlchemyError
    from sqlalchemy.orm import Session

    root = root.resolve()
    course = CourseDirectory(config=course_config(root), assignment_id=assignment)
    check_there_is_one(course.db_url)
    engine = create_engine(course.db_url)
    learners: dict[str, Learner] = {}
    questions: list[Question] = []
    try:
        with Session(engine) as session:
            known = session.execute(
                select(Assignment.id, Assignment.duedate).where(
                    Assignment.name == assignment, Assignment.course_id == course.course_id
                )
            ).first()
            if known is None:
                names = defaultdict(list)
                for name, of_course in session.execute(select(Assignment.name, Assignment.course_id)):
                    names[of_course].append(name)
                if names and course.course_id not in names:
                    raise InstructorError(
                        f"The gradebook belongs to the course {', '.join(sorted(names))}, and this one is "
                        f"{course.course_id}. Set CourseDirectory.db_url to this course's own."
                    )
                raise InstructorError(
                    f"The gradebook knows no assignment {assignment!r}; it has "
                    f"{', '.join(sorted(names[course.course_id])) or 'none'}. Grade first: classroom grade ASSIGNMENT"
                )
            for kind in (GradeCell, TaskCell):
                rows = session.execute(
                    select(Notebook.name, kind.name, kind.max_score)
                    .join(Notebook, kind.notebook_id == Notebook.id)
                    .where(Notebook.assignment_id == known.id)
                )
                questions += [Question(*row) for row in rows]
            texts = session.execute(
                select(Notebook.name, SourceCell.name, SourceCell.source)
                .join(Notebook, SourceCell.notebook_id == Notebook.id)
                .where(Notebook.assignment_id == known.id)
            )
            sources = {(notebook, cell): source or "" for notebook, cell, source in texts}
            for row in session.execute(
                select(Student.id, Student.first_name, Student.last_name, Student.email, Student.lms_user_id)
            ):
                id_, first, last, email, number = (value or "" for value in row)
                learners[id_] = Learner(id_, first, last, email, number)
            submitted = select(
                SubmittedAssignment.id, SubmittedAssignment.student_id, SubmittedAssignment.timestamp,
                SubmittedAssignment.extension,
            ).where(SubmittedAssignment.assignment_id == known.id)  # fmt: skip
            of: dict[str, Learner] = {}
            for row in session.execute(submitted):
                learner = of[row.id] = learners[row.student_id]
                learner.handed_in, learner.time = True, row.timestamp
                due = known.duedate + (row.extension or timedelta()) if known.duedate else None
                learner.late = bool(due and row.timestamp and row.timestamp > due)
            notebooks = session.execute(
                select(SubmittedNotebook.id, SubmittedNotebook.assignment_id, SubmittedNotebook.late_submission_penalty)
                .join(SubmittedAssignment, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
                .where(SubmittedAssignment.assignment_id == known.id)
            )
            owner = {}
            for row in notebooks:
                owner[row.id] = of[row.assignment_id]
                owner[row.id].penalty += row.late_submission_penalty or 0.0
            grades = session.execute(
                select(Grade.notebook_id, Notebook.name, BaseCell.name, Grade.score, Grade.needs_manual_grade)
                .join(BaseCell, Grade.cell_id == BaseCell.id)
                .join(Notebook, BaseCell.notebook_id == Notebook.id)
                .where(Notebook.assignment_id == known.id)
            )
            for notebook_id, notebook, cell, score, manual in grades:
                owner[notebook_id].scores[(notebook, cell)] = float(score or 0.0)
                owner[notebook_id].to_grade |= bool(manual)
    except SQLAlchemyError as problem:
        said = str(problem).partition("\n")[0]
        raise InstructorError(f"The gradebook cannot be read: {said}. Maybe this helps: nbgrader db upgrade") from None
    finally:
        engine.dispose()
    for known_as in read_record(root / "downloaded" / assignment / RECORD):
        learner = learners.setdefault(known_as["id"], Learner(known_as["id"]))
        learner.record = known_as
        learner.late |= known_as.get("late") == "yes"
        learner.in_hand |= known_as.get("handed_in") == UNREAD
        learner.email = learner.email or known_as.get("email", "")
    with contextlib.suppress(InstructorError):  # nobody has handed in
        for id_ in find_submissions(course, assignment):
            learners.setdefault(id_, Learner(id_)).in_hand = True
    order = cell_order(root, course, assignment)
    questions.sort(key=lambda question: order.get((question.notebook, question.name), (10**6, 0)))
    results = Results(assignment, root, course, tuple(questions), learners, sources)
    for learner in results.scored:
        learner.lost = not results.autograded(learner).is_dir()
    return results


def check_there_is_one(url: str) -> None:
    """Raise InstructorError where there is no gradebook."""
    from sqlalchemy import make_url

    address = make_url(url)
    if address.drivername.startswith("sqlite") and not Path(address.database or "").is_file():
        raise InstructorError(
            f"There is no gradebook at {address.database} yet. Grade first: classroom grade ASSIGNMENT"
        )


def release_folder(root: Path, course: Any, assignment: str) -> Path:
    """Return the folder of a released assignment."""
    return Path(root, course.format_path(course.release_directory, ".", assignment)).resolve()


def cell_order(root: Path, course: Any, assignment: str) -> dict[tuple[str, str], tuple[int, int]]:
    """Return for each cell of the released notebooks, by notebook and grade_id, where it stands."""
    order = {}
    for place, path in enumerate(sorted(release_folder(root, course, assignment).glob("*.ipynb"))):
        for number, cell in enumerate(json.loads(path.read_text(encoding="utf-8"))["cells"]):
            if "grade_id" in nbgrader_of(cell):
                order[(path.stem, nbgrader_of(cell)["grade_id"])] = (place, number)
    return order
