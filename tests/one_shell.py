"""A notebook's shell in the tests' own process, gone without a trace when its notebook is done."""

import atexit
import contextlib
from collections.abc import Iterator

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config


@contextlib.contextmanager
def one_shell() -> Iterator[InteractiveShell]:
    """Yield a shell without history: a shell left alone keeps a thread, its memory, and work for the end."""
    shell = InteractiveShell(config=Config(HistoryManager={"enabled": False}))
    try:
        yield shell
    finally:
        atexit.unregister(shell.atexit_operations)
