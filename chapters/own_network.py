"""The reader's own network: the functions that the exercises ask for, taken from where they are answered.

Chapter 12 and ``benchmarks/mnist.py`` train with exactly the functions that a reader writes in the exercises of
chapters 2 to 10. Their answers stand only in ``solutions/``; here they are executed, never copied and never shown.
"""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jupytext

SOLUTIONS = Path(__file__).resolve().parent.parent / "solutions"
# A notebook's text begins with jupytext's header; other Markdown beside it (rehearsals) has none.
NOTEBOOK_HEADER = "---\njupytext:"


def own_network(first: int = 2, last: int = 10, solutions: Path = SOLUTIONS) -> SimpleNamespace:
    """Return the functions of the solution cells of chapters ``first`` to ``last``, by name.

    All cells run in one namespace, so that a function calls those of earlier chapters as the reader wrote them.
    What an exercise gives its reader (locked cells, the checks left out) runs as well, but never replaces an answer.
    Raises ValueError where a chapter of the range has no exercise, or a cell of one fails.
    """
    namespace: dict[str, Any] = {"__name__": "own_network"}
    answers: dict[str, Any] = {}
    for chapter in range(first, last + 1):
        texts = sorted(solutions.glob(f"{chapter:02d}-*/*.md"))
        texts = [text for text in texts if text.read_text(encoding="utf-8").startswith(NOTEBOOK_HEADER)]
        if not texts:
            raise ValueError(
                f"{solutions} has no exercise of chapter {chapter}: expected {chapter:02d}-<slug>/<name>.md."
            )
        for text in texts:
            for grade_id, is_answer, source in cells_to_run(text):
                before = dict(namespace)
                try:
                    exec(compile(source, f"<{grade_id} of {text.stem}>", "exec"), namespace)
                except Exception as problem:
                    raise ValueError(f"the cell {grade_id} of {text} fails: {problem!r}. Mend it.") from problem
                if is_answer:
                    answers |= {name: value for name, value in namespace.items() if before.get(name) is not value}
                namespace |= answers
    return SimpleNamespace(**{name: value for name, value in answers.items() if not name.startswith("_")})


def cells_to_run(text: Path) -> Iterator[tuple[str, bool, str]]:
    """Yield grade_id, whether it is an answer, and source, of each code cell of a notebook's text but the checks."""
    for cell in jupytext.read(text, fmt="md:myst").cells:
        about = cell.metadata.get("nbgrader", {})
        if cell.cell_type == "code" and not about.get("grade"):
            yield about.get("grade_id", "without a name"), bool(about.get("solution")), cell.source
