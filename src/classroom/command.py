"""The command ``classroom``: what an instructor does beside the plain nbgrader commands."""

import gc
import sys
from pathlib import Path
from typing import Any

import click

from classroom.collect import SYSTEMS, collect_zip
from classroom.editions import write_handout, write_worked_solutions
from classroom.errors import InstructorError
from classroom.export import TARGETS, export
from classroom.feedback import LAYOUTS, pack_feedback
from classroom.release import release_all
from classroom.report import write_report


@click.group()
def classroom() -> None:
    """Release exercises to a class, and grade what comes back."""


course_folder = click.option("--root", type=click.Path(path_type=Path), default=".", help="The course's folder.")


@classroom.command()
@course_folder
@click.option("--into", type=click.Path(path_type=Path), help="Write there instead of the release directory.")
def release(root: Path, into: Path | None) -> None:
    """Generate every exercise anew from its solution."""
    slugs = release_all(root.resolve(), into)
    print(f"{len(slugs)} released: {', '.join(slugs)}")


@classroom.command("worked-solutions")
@course_folder
@click.option("--into", type=click.Path(path_type=Path), required=True, help="The folder of the pages, replaced.")
@click.option("--toc", type=click.Path(path_type=Path), required=True, help="The table of contents to write.")
def worked_solutions(root: Path, into: Path, toc: Path) -> None:
    """Write the pages and the table of contents of the edition with solutions."""
    pages = write_worked_solutions(root.resolve(), into.resolve(), toc.resolve())
    print(f"{len(pages)} worked solutions in {into}")


@classroom.command()
@course_folder
@click.option("--wheel", type=click.Path(path_type=Path), required=True, help="This distribution, built.")
@click.option("--into", type=click.Path(path_type=Path), required=True, help="The folder of the zip file.")
def handout(root: Path, wheel: Path, into: Path) -> None:
    """Pack the exercises and the checker for learners."""
    print(f"The handout is {write_handout(root.resolve(), wheel, into)}")


@classroom.command()
@course_folder
@click.argument("assignment")
@click.argument("archive", type=click.Path(path_type=Path), metavar="FILE.zip")
@click.option(
    "--students", type=click.Path(path_type=Path), help="A table of the class: nbgrader's, Canvas' or Moodle's."
)
@click.option(
    "--from", "system", type=click.Choice(list(SYSTEMS)), help="Whose zip file it is, if its names do not say."
)
def collect(root: Path, assignment: str, archive: Path, students: Path | None, system: str | None) -> None:
    """Place what Moodle, Canvas or a plain upload holds into submitted/."""
    print(collect_zip(archive, root, assignment, students=students, system=system))


@classroom.command("grade")
@course_folder
@click.argument("assignment")
@click.option("--submitted", type=click.Path(path_type=Path), help="Submissions there instead of in submitted/.")
@click.option("--zip", "archive", type=click.Path(path_type=Path), help="Collect this zip file first.")
@click.option("--workers", type=click.IntRange(min=1), help="Worker processes here; as many as processors by default.")
@click.option("--scheduler", metavar="ADDRESS", help="Grade with the workers of this Dask scheduler.")
@click.option("--resume", is_flag=True, help="Go on with a run that was interrupted, a regrade too.")
@click.option("--regrade", is_flag=True, help="Grade all again, and show each score that changes.")
@click.option("--json", "as_json", is_flag=True, help="Tell each event as a line of JSON.")
def grade_command(root: Path, assignment: str, **options: Any) -> None:
    """Grade a class: what is handed in and not graded yet."""
    from classroom.grade import grade_class  # slow to import

    if grade_class(root, assignment, **options).refused:
        sys.exit(1)


result_folder = click.option("--into", type=click.Path(path_type=Path), help="Write there instead of results/.")


@classroom.command("export")
@course_folder
@click.argument("assignment")
@click.option("--to", "target", type=click.Choice(TARGETS), required=True, help="Whose table to write.")
@click.option("--gradebook", type=click.Path(path_type=Path), help="Canvas' or Moodle's own table, to fill in.")
@click.option("--column", help="The assignment's column in Canvas' table, if its name does not tell.")
@result_folder
def export_scores(
    root: Path, assignment: str, target: str, gradebook: Path | None, column: str | None, into: Path | None
) -> None:
    """Write the scores as a table for Canvas or Moodle, or by question."""
    print(export(root, assignment, target, gradebook, column, into))


@classroom.command("return")
@course_folder
@click.argument("assignment")
@click.option("--to", "layout", type=click.Choice(LAYOUTS), default="plain", help="Whose upload to pack for.")
@result_folder
def return_feedback(root: Path, assignment: str, layout: str, into: Path | None) -> None:
    """Pack each learner's feedback pages for upload."""
    print(pack_feedback(root, assignment, layout, into))


@classroom.command()
@course_folder
@click.argument("assignment")
@click.option("--names/--without-names", default=True, help="Whether to say who may need help or has not handed in.")
@click.option("--book", help="The address of the built book, for links to its sections.")
@result_folder
def report(root: Path, assignment: str, names: bool, book: str | None, into: Path | None) -> None:
    """Write what the class has understood, which mistakes it makes, and what to say next."""
    print(write_report(root, assignment, names=names, book=book, into=into))


def main() -> None:
    """Run the command; what the instructor can mend ends in one sentence and exit status 1."""
    # Python looks for garbage among the objects of hundreds of modules, again and again while they are imported, and
    # once more at the end, where the system takes all back anyway.
    gc.set_threshold(100_000)
    try:
        # An exit that a command asks for comes back as its status.
        status = classroom(standalone_mode=False)
        sys.exit(status if isinstance(status, int) else 0)
    except click.ClickException as problem:
        problem.show()
        sys.exit(problem.exit_code)
    except InstructorError as problem:
        print(f"classroom: {problem}", file=sys.stderr)
        sys.exit(1)
    except ModuleNotFoundError as problem:
        # The book needs less than teaching does.
        print(f"classroom: {problem}. Install what teaching needs: make .venv/develop.stamp", file=sys.stderr)
        sys.exit(1)
    except click.exceptions.Abort:
        sys.exit(130)
    finally:
        gc.freeze()
