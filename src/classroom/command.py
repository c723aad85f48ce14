"""The command ``classroom``: what an instructor does beside the plain nbgrader commands."""

import sys
from pathlib import Path

import click

from classroom.errors import InstructorError
from classroom.release import release_all


@click.group()
def classroom() -> None:
    """Release exercises to a class, and grade what comes back."""


@classroom.command()
@click.option("--root", type=click.Path(path_type=Path), default=".", help="The course's folder.")
@click.option("--into", type=click.Path(path_type=Path), help="Write there instead of the release directory.")
def release(root: Path, into: Path | None) -> None:
    """Generate every exercise anew from its solution."""
    slugs = release_all(root.resolve(), into)
    print(f"{len(slugs)} released: {', '.join(slugs)}")


def main() -> None:
    """Run the command; what the instructor can mend ends in one sentence and exit status 1."""
    try:
        classroom()
    except InstructorError as problem:
        print(f"classroom: {problem}", file=sys.stderr)
        sys.exit(1)
