"""The course's nbgrader configuration: the plain nbgrader commands, run in this folder, work with it."""

import sys
from pathlib import Path

try:
    from classroom.autograde import make_safe
    from classroom.errors import InstructorError
    from classroom.release import ensure_in_gradebook, write_source_notebooks
except ImportError as problem:
    # Nothing may run without the sandbox, and nbgrader would go on after a mere error in this file.
    install = "run `make .venv/develop.stamp`, and use the commands in .venv/bin."
    sys.exit(f"{problem}. The course is not installed in this Python: {install}")

c = get_config()  # noqa: F821  (nbgrader provides it)
root = Path(__file__).resolve().parent

c.CourseDirectory.course_id = "backprop-by-hand"
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "exercises"
# The text sources, the ungraded rehearsals and what runs leave behind never reach a learner.
c.CourseDirectory.ignore = [".ipynb_checkpoints", "*.pyc", "__pycache__", ".pytest_cache", "*.md", ".*"]

# An exercise is always generated whole from its solution, so an existing release is replaced.
c.GenerateAssignment.force = True

# nbgrader reads notebooks; ours are written as text.
try:
    write_source_notebooks(root / "solutions")
except InstructorError as problem:
    sys.exit(f"classroom: {problem}")


def enter_into_gradebook(assignment: str, student: str, notebooks: list[str]) -> None:
    """Make autograding work in a fresh copy of the course, where nothing was generated yet."""
    ensure_in_gradebook(assignment, root)


c.Autograde.pre_convert_hook = enter_into_gradebook

# Learners' code runs in a sandbox, the checks outside of it.
make_safe(c)
