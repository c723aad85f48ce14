"""The one exception that an instructor sees: a sentence that says what, where and what to do."""

# A submission in which no file is called as a released notebook is.
OTHER_NAMES = "{folder} holds none of the notebooks of {assignment}: {names}. Rename the file that is meant."

# Cells of a release or a source that came after nbgrader has written down those of the assignment.
UNKNOWN_CELLS = (
    "{cells} of {assignment} is not in the gradebook: it came after the exercise was published. Take it out of the "
    "source again, and run: make release. (Before anybody has handed in, run instead: nbgrader generate_assignment "
    "{assignment})"
)


class InstructorError(Exception):
    """Something the instructor can mend; its text is printed as it stands, without a traceback."""
