"""Scores as tables: for Canvas' gradebook, for Moodle's, and by question."""

import csv
import io
import os
import re
from collections.abc import Iterable
from pathlib import Path

from classroom.collect import listed
from classroom.collect import number as count_of
from classroom.errors import InstructorError
from classroom.results import Learner, Results, read_results
from classroom.roster import Person, Roster, Table, Unknown, folded, is_canvas, is_worksheet, natural_name

TARGETS = ("canvas", "moodle", "questions")


def export(
    root: Path,
    assignment: str,
    target: str,
    gradebook: Path | None = None,
    column: str | None = None,
    into: Path | None = None,
) -> str:
    """Write the scores of an assignment for ``target`` and return a sentence that says where.

    ``gradebook`` is the table that Canvas or Moodle exported, in whose rows the scores are to stand; ``column`` names
    the one of Canvas' assignments where its name does not tell.
    """
    results = read_results(root, assignment)
    if not results.scored:
        raise InstructorError(f"Nobody is graded in {assignment} yet. Grade first: classroom grade {assignment}")
    remarks: list[str] = []
    written = len(results.scored)
    if target == "questions":
        rows = by_question(results)
    elif gradebook is None:
        rows = (new_canvas if target == "canvas" else new_moodle)(results)
    else:
        table = Table(gradebook)
        if not (is_canvas if target == "canvas" else is_worksheet)(table):
            wanted = "an export of Canvas' gradebook (Student, ID)" if target == "canvas" else (
                "a grading worksheet of Moodle's (Identifier, Grade)"
            )  # fmt: skip
            raise InstructorError(
                f"{gradebook} is not {wanted}; it has the columns {', '.join(table.header) or 'none'}."
            )
        rows, written, remarks = (
            filled_canvas(results, table, column) if target == "canvas" else filled_worksheet(results, table)
        )
    if results.lost:
        remarks.append(
            "The autograded notebooks are missing, so these scores may be of an earlier grading: "
            f"{listed(learner.id for learner in results.lost)}. Grade again: classroom grade {assignment} --regrade"
        )
    waiting = [learner.id for learner in results.scored if learner.to_grade]
    if waiting:
        remarks.append(f"{len(waiting)} still wait for manual grading: {listed(waiting)}.")
    path = (into or root / "results" / assignment) / f"{target}.csv"
    write_table(path, rows)
    return "\n".join([f"{path}: scores of {count_of(written, 'learner')}.", *remarks])


def number(value: float) -> str:
    """Return a score as these systems write it."""
    return f"{value:.4f}".rstrip("0").rstrip(".")


def harmless(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula; numbers and a lone hyphen stay as they are.

    Where commas are decimal points, spreadsheets begin a cell after each semicolon, whatever stands in quotes.
    """
    if cell.strip() == "-":
        return cell
    try:
        float(cell)
    except ValueError:
        cell = re.sub(r"([;\t]\s*)(?=[=+\-@|%])", r"\1'", cell)
        return "'" + cell if cell.lstrip()[:1] in tuple("=+-@|%") or cell[:1] in ("\t", "\r", "\n") else cell
    return cell


def write_table(path: Path, rows: Iterable[Iterable[str]]) -> None:
    """Write a CSV file, whole or not at all."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows([harmless(str(cell)) for cell in row] for row in rows)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(path.name + ".new")
        new.write_text(text.getvalue(), encoding="utf-8", newline="")
        os.replace(new, path)
    except OSError as problem:
        raise InstructorError(f"{path} cannot be written: {problem.strerror}.") from None


def by_question(results: Results) -> list[list[str]]:
    """Return a row for each learner with the score of each question."""
    several = len({question.notebook for question in results.questions}) > 1
    names = [f"{question.notebook}/{question.name}" if several else question.name for question in results.questions]
    rows = [
        ["id", "first_name", "last_name", "email", *names, "late_penalty", "total", "handed_in_at", "late"],
        [
            "points possible",
            "",
            "",
            "",
            *(number(q.points) for q in results.questions),
            "",
            number(results.points),
            "",
            "",
        ],
    ]
    for learner in results.scored:
        scores = [learner.scores.get((question.notebook, question.name)) for question in results.questions]
        time = f"{learner.time:%Y-%m-%d %H:%M:%S} UTC" if learner.time else ""
        rows.append(
            [learner.id, learner.first_name, learner.last_name, learner.email]
            + ["" if score is None else number(score) for score in scores]
            + [number(learner.penalty), number(learner.total), time, "late" if learner.late else ""]
        )
    return rows


def new_canvas(results: Results) -> list[list[str]]:
    """Return a table that Canvas imports as a new assignment."""
    rows = [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", results.assignment],
        ["    Points Possible", "", "", "", "", number(results.points)],
    ]
    for learner in results.scored:
        known = learner.record.get("number", "") if learner.record.get("system") == "canvas" else learner.number
        name = f"{learner.last_name}, {learner.first_name}" if learner.first_name else learner.name
        rows.append([name, known, "", "" if known == learner.id else learner.id, "", number(learner.total)])
    return rows


def new_moodle(results: Results) -> list[list[str]]:
    """Return a grading worksheet where Moodle's numbers are known, else a table for importing into its gradebook."""
    if all(learner.record.get("system") == "moodle" and learner.record.get("number") for learner in results.scored):
        header = ["Identifier", "Full name", "Email address", "Grade", "Maximum Grade", "Last modified (grade)"]
        return [header] + [
            [f"Participant {learner.record['number']}", learner.name, learner.email, number(learner.total)]
            + [number(results.points), "-"]
            for learner in results.scored
        ]
    return [["Username", "First name", "Last name", "Email address", results.assignment]] + [
        [learner.id, learner.first_name, learner.last_name, learner.email, number(learner.total)]
        for learner in results.scored
    ]


Filled = tuple[list[list[str]], int, list[str]]


def filled_canvas(results: Results, table: Table, column: str | None) -> Filled:
    """Return Canvas' own table with the scores in one of its columns, how many these are, and remarks."""
    place = canvas_column(results, table, column)
    last = next((k for k, name in enumerate(table.header) if name == "Section"), 4)
    keep = [*range(last + 1), place]
    columns = (table.column("Student"), table.column("ID"), table.column("SIS Login ID"), table.column("SIS User ID"))
    people = [
        Person("", natural_name(name), number=id_, aliases=(login, user, name))
        for name, id_, login, user in zip(*columns, strict=True)
        if id_
    ]
    scores, remarks = scores_for(results, Roster(people, table.path, "canvas"))
    rows = [[table.header[k] for k in keep]]
    for id_, given in zip(columns[1], table.rows, strict=True):
        row = given + [""] * (len(table.header) - len(given))
        if id_:
            row[place] = scores.get(id_, row[place])
        elif "Points Possible" in row[0]:
            remarks += unequal("Canvas", row[place], results.points)
        else:
            continue
        rows.append([row[k] for k in keep])
    return rows, len(scores), remarks


def unequal(system: str, text: str, points: float) -> list[str]:
    """Return a remark where a system gives other points than the course."""
    try:
        same = not text.strip() or float(text.replace(",", ".")) == points
    except ValueError:
        return []
    if same:
        return []
    return [f"{system} gives {text.strip()} points and this course {number(points)}: the scores are not converted."]


def canvas_column(results: Results, table: Table, column: str | None) -> int:
    """Return the place of the assignment's column in Canvas' table."""
    places = [k for k, name in enumerate(table.header) if name.endswith(")") and name[:-1].rpartition("(")[2].isdigit()]
    wanted = column or results.assignment
    alike = [k for k in places if wanted in (table.header[k], table.header[k].rpartition(" (")[0])]
    alike = alike or [k for k in places if folded(wanted) == folded(table.header[k].rpartition(" (")[0])]
    alike = alike or [k for k in places if folded(wanted) in folded(table.header[k])]
    if len(alike) != 1:
        known = ", ".join(repr(table.header[k]) for k in places) or "none"
        raise InstructorError(
            f"{'Several columns' if alike else 'No column'} of {table.path} would be {wanted!r}. Name one with "
            f"--column; there are: {known}."
        )
    return alike[0]


def filled_worksheet(results: Results, table: Table) -> Filled:
    """Return Moodle's own worksheet with the scores in it, how many these are, and remarks."""
    numbers = ["".join(filter(str.isdigit, identifier)) for identifier in table.column("Identifier")]
    columns = (table.column("Full name"), table.column("Email address"), table.column("ID number"))
    people = [
        Person("", name, mail, number_there, (mail.partition("@")[0], mail, given))
        for number_there, name, mail, given in zip(numbers, *columns, strict=True)
        if number_there
    ]
    scores, remarks = scores_for(results, Roster(people, table.path, "moodle"))
    place = table.place("Grade")
    assert place is not None
    filled = [table.header]
    for number_there, given_row in zip(numbers, table.rows, strict=True):
        row = given_row + [""] * (len(table.header) - len(given_row))
        row[place] = scores.get(number_there, row[place])
        filled.append(row)
    most = sorted(set(table.column("Maximum Grade")))
    return filled, len(scores), remarks + [said for text in most for said in unequal("Moodle", text, results.points)]


def scores_for(results: Results, roster: Roster) -> tuple[dict[str, str], list[str]]:
    """Return the total of each person of a table, by the person's number there, and remarks on who is left out.

    People of the table have no id of their own, which might be that of another learner here.
    """
    found: dict[str, list[Learner]] = {}
    missing = []
    for learner in results.scored:
        try:
            found.setdefault(person_of(learner, roster).number, []).append(learner)
        except Unknown:
            missing.append(learner.id)
    remarks = [f"Not in {roster.path.name}, so left out: {listed(missing)}."] if missing else []
    remarks += [
        f"{listed(learner.id for learner in several)} are one person in {roster.path.name}, so left out. Which scores "
        "count? Remove the other learner: nbgrader db student remove ID --force"
        for several in found.values()
        if len(several) > 1
    ]
    return {there: number(one[0].total) for there, one in found.items() if len(one) == 1}, remarks


def person_of(learner: Learner, roster: Roster) -> Person:
    """Return the person of a system's table who is a learner here; Unknown where there is none."""
    known = learner.record.get("number", "") if learner.record.get("system") == roster.system else ""
    if roster.system == "canvas":
        known = known or learner.number
    if known in roster.by_number:
        return roster.by_number[known]
    names = [learner.id, learner.email, learner.record.get("label", "")]
    names += [learner.name] if learner.name != learner.id else []
    try:
        return roster.find(names)
    except Unknown:
        # Who was collected without a table of the class has Canvas' number for an id.
        if roster.system == "canvas" and learner.id in roster.by_number:
            return roster.by_number[learner.id]
        raise
