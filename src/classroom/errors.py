"""The one exception that an instructor sees: a sentence that says what, where and what to do."""


class InstructorError(Exception):
    """Something the instructor can mend; its text is printed as it stands, without a traceback."""
