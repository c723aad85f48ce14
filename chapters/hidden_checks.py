"""What the hidden part of each check looks at, read from the checks themselves, for the instructor's guide.

A notebook's cells are run with the answers in place and with a checker that only writes down how it is called: so the
list cannot say anything but what the checks do.
"""

import contextlib
import io
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import gradcheck

CODE_CELL = re.compile(r"^```\{code-cell\}[^\n]*\n((?::[^\n]*\n)*)(.*?)^```$", re.DOTALL | re.MULTILINE)
HIDDEN = re.compile(r"^### BEGIN HIDDEN TESTS\n(.*?)^### END HIDDEN TESTS\n", re.DOTALL | re.MULTILINE)
LARGE = 30  # an entry beyond this is there to provoke an overflow or a loss of digits


@dataclass
class Check:
    """One check cell: what it is called, its points, and what its hidden part looks at."""

    name: str
    points: float
    hidden: list[str] = field(default_factory=list)


@dataclass
class Exercise:
    """One notebook: the slug it shares with its chapter, its title, its check cells in order."""

    slug: str
    title: str
    checks: list[Check]

    @property
    def points(self) -> float:
        """The points of all checks together."""
        return sum(check.points for check in self.checks)


def read_exercises(solutions: Path) -> list[Exercise]:
    """Return every exercise below ``solutions``, in the book's order: chapters by number, then the stretch."""
    texts = [path for path in solutions.glob("*/*.md") if path.read_text(encoding="utf-8").startswith("---\njupytext:")]
    return [read_exercise(text) for text in sorted(texts, key=lambda path: (path.parent.name[0] == "s", path))]


def read_exercise(text: Path) -> Exercise:
    """Return the exercise that ``text`` holds, its cells run up to the last check."""
    source = text.read_text(encoding="utf-8")
    title = re.search(r"^# (.*)$", source, re.MULTILINE)
    cells = [(match[1], match[2]) for match in CODE_CELL.finditer(source)]
    last = max((k for k, (options, _) in enumerate(cells) if "grade: true" in options), default=-1)
    checks: list[Check] = []
    seen: list[str] = []
    namespace: dict[str, Any] = {"__name__": "__main__"}
    with recording(seen), importing_from(text.parent), contextlib.redirect_stdout(io.StringIO()):
        for options, code in cells[: last + 1]:
            hidden = HIDDEN.search(code) if "grade: true" in options else None
            if hidden is None:
                exec(code, namespace)
                continue
            exec(code[: hidden.start()], namespace)
            seen.clear()
            exec(hidden[1], namespace)
            points = float(option(options, "points"))
            checks.append(Check(option(options, "grade_id"), points, list(dict.fromkeys(seen))))
    return Exercise(text.parent.name, title[1] if title else text.stem, checks)


def option(options: str, key: str) -> str:
    """Return the value of one key of a cell's nbgrader options."""
    found = re.search(rf"\b{key}: ([^,}}]+)", options)
    if found is None:
        raise ValueError(f"a check cell has no {key}: {options.strip()}")
    return found[1].strip()


@contextlib.contextmanager
def recording(seen: list[str]) -> Iterator[None]:
    """Replace the checker's functions by ones that write into ``seen`` what they were asked."""
    describe = {"check_layer": layer_text, "check_gradients": layer_text, "check_values": values_text}
    kept = {name: getattr(gradcheck, name) for name in describe}

    def recorder(text: Callable[..., str]) -> Callable[..., gradcheck.Report]:
        def record(*args: Any, **options: Any) -> gradcheck.Report:
            seen.append(text(*args, **options))
            return gradcheck.Report((gradcheck.Finding("recorded", True, "written down, not checked"),))

        return record

    for name, text in describe.items():
        setattr(gradcheck, name, recorder(text))
    try:
        yield
    finally:
        for name, function in kept.items():
            setattr(gradcheck, name, function)


@contextlib.contextmanager
def importing_from(folder: Path) -> Iterator[None]:
    """Run in ``folder`` as a notebook does: its data and its mistakes.py are at hand, and not another folder's."""
    with contextlib.chdir(folder):
        sys.path.insert(0, str(folder.resolve()))
        sys.modules.pop("mistakes", None)
        try:
            yield
        finally:
            sys.path.remove(str(folder.resolve()))
            sys.modules.pop("mistakes", None)


def layer_text(forward: Any, backward: Any, inputs: Mapping[str, Any], *, reference: Any = None, **options: Any) -> str:
    """Return in words what one call of check_layer looks at."""
    said = ", ".join(argument_text(name, value) for name, value in inputs.items())
    return said + remarks(list(inputs.values())) + ("; the forward function too" if reference is not None else "")


def values_text(
    function: Any, cases: Any, *, properties: Mapping[str, Any] | None = None, reference: Any = None, **options: Any
) -> str:
    """Return in words what one call of check_values looks at."""
    told: dict[str, int] = {}
    for args, expected in cases:
        arrays = arrays_in(args if isinstance(args, tuple) else (args,))
        text = (", ".join(size_text(array.shape) for array in arrays) or "plain arguments") + remarks(arrays)
        if isinstance(expected, type) and issubclass(expected, Exception):
            text += f" must raise {expected.__name__}"
        told[text] = told.get(text, 0) + 1
    words = "; ".join(text if count == 1 else f"{text} ({count} cases)" for text, count in told.items())
    words += "".join(f"; {sentence}" for sentence in properties or {})
    return words + ("; compared with the author's function" if reference is not None else "")


def arrays_in(value: Any) -> list[Any]:
    """Return the arrays of numbers among some arguments, those inside of lists and dicts too."""
    if isinstance(value, np.ndarray):
        return [value] if value.dtype.kind in "fiub" and value.size else []
    if isinstance(value, Mapping):
        value = list(value.values())
    return [array for part in value for array in arrays_in(part)] if isinstance(value, list | tuple) else []


def argument_text(name: str, value: Any) -> str:
    """Return an argument with its size, or with its value where it is a whole number."""
    value = np.asarray(value)
    if value.ndim == 0:
        return f"{name} = {value}" if value.dtype.kind in "iu" else f"{name} a number"
    return f"{name} {size_text(value.shape)}"


def size_text(shape: tuple[int, ...]) -> str:
    """Return a shape as it is spoken: 6 × 4, or the length alone."""
    return " × ".join(map(str, shape)) or "a number"


def remarks(values: list[Any]) -> str:
    """Return what is special about some arguments: large entries, zeros, NaN or infinity."""
    floats = [array for array in map(np.asarray, values) if array.dtype.kind == "f" and array.size]
    finite = [array[np.isfinite(array)] for array in floats]
    largest = max((float(np.abs(array).max(initial=0.0)) for array in finite), default=0.0)
    said = [f"entries up to {largest:.2g}"] if largest > LARGE else []
    if any(array.ndim and not array.any() for array in floats):
        said.append("all zeros")
    if any(kept.size < array.size for kept, array in zip(finite, floats, strict=True)):
        said.append("NaN or infinity")
    return f" ({', '.join(said)})" if said else ""
