"""The one exception that an instructor sees: a sentence that says what, where and what to do."""

# A submission in which no file is called as a released notebook is.
OTHER_NAMES = "{folder} holds none of the notebooks of {assignment}: {names}. Rename the file that is meant."


class InstructorError(Exception):
    """Something the instructor can mend; its text is printed as it stands, without a traceback."""
