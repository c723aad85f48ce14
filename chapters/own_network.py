"""The reader's own network: the functions that the exercises ask for, taken from where they are answered.

Chapter 12 and ``benchmarks/mnist.py`` train with exactly the functions that a reader writes in the exercises of
chapters 2 to 10. Their answers stand only in ``solutions/``; here they are executed, never copied and never shown.
"""

import contextlib
import io
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jupytext
from threadpoolctl import threadpool_limits

SOLUTIONS = Path(__file__).resolve().parent.parent / "solutions"
# A notebook's text begins with jupytext's header; other Markdown beside it (rehearsals) has none.
NOTEBOOK_HEADER = "---\njupytext:"


def own_network(first: int = 2, last: int = 10, solutions: Path = SOLUTIONS) -> SimpleNamespace:
    """Return the functions of the solution cells of chapters ``first`` to ``last``, by name.

    All cells run in one namespace, so that a function calls those of earlier chapters as the reader wrote them, and
    each in its notebook's folder. What an exercise gives its reader (locked cells, the checks left out) runs as well,
    but never replaces an answer.
    Raises ValueError where a chapter of the range has no exercise, or a cell of one fails.
    """
    namespace: dict[str, Any] = {"__name__": "own_network"}
    answers: dict[str, Any] = {}
    for chapter in range(first, last + 1):
        texts = sorted(solutions.glob(f"{chapter:02d}-*/*.md"))
        texts = [text for text in texts if text.read_text(encoding="utf-8").startswith(NOTEBOOK_HEADER)]
        if not texts:
            raise ValueError(f"chapter {chapter} has no exercise: expected {solutions}/{chapter:02d}-<slug>/<name>.md.")
        for text in texts:
            for grade_id, is_answer, source in cells_to_run(text):
                before = dict(namespace)
                try:
                    with contextlib.chdir(text.parent), contextlib.redirect_stdout(io.StringIO()):
                        exec(compile(source, f"<{grade_id} of {text.stem}>", "exec"), namespace)
                except Exception as problem:
                    raise ValueError(f"the cell {grade_id} of {text} fails: {problem!r}. Mend it.") from problem
                if is_answer:
                    answers |= {name: value for name, value in namespace.items() if before.get(name) is not value}
                put_in(answers, namespace)
    return SimpleNamespace(**{name: value for name, value in answers.items() if not name.startswith("_")})


def put_in(answers: dict[str, Any], namespace: dict[str, Any]) -> None:
    """Put the answers in place of what an exercise has given, by name and in tables such as {"relu": relu_forward}."""
    namespace |= answers
    for table in [value for value in namespace.values() if isinstance(value, dict)]:
        for key, value in table.items():
            table[key] = answers.get(getattr(value, "__name__", ""), value)


def cells_to_run(text: Path) -> Iterator[tuple[str, bool, str]]:
    """Yield grade_id, whether it is an answer, and source, of each code cell of a notebook's text but the checks."""
    for cell in jupytext.read(text, fmt="md:myst").cells:
        about = cell.metadata.get("nbgrader", {})
        if cell.cell_type == "code" and not about.get("grade"):
            yield about.get("grade_id", "without a name"), bool(about.get("solution")), cell.source


@contextlib.contextmanager
def fastest_threads(trial: Callable[[], object]) -> Iterator[int]:
    """Run a block with the number of BLAS threads, one or one for each core, with which ``trial`` is faster.

    The threads that share a matrix product wait for each other. On an idle machine two are faster than one; where
    another program keeps a core busy, two may take a hundred times as long.
    """
    spent = {}
    for threads in (1, os.cpu_count() or 1):
        with threadpool_limits(threads, user_api="blas"):
            trial()
            start = time.perf_counter()
            trial()
            spent[threads] = time.perf_counter() - start
    best = min(spent, key=lambda threads: spent[threads])
    with threadpool_limits(best, user_api="blas"):
        yield best
