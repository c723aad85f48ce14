"""Grids of numbers in plain Python: as much of an array as a layer needs, for pages that have no NumPy.

Runs in CPython, Pyodide and MicroPython alike, and imports nothing but ``math``. What it does, it does as NumPy would.
"""

import math

try:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any
except ImportError:  # MicroPython has neither module, and does not evaluate annotations
    pass


class Grid:
    """Numbers in rows and columns, ``Grid([[1, 2], [3, 4]])``, or in one line, ``Grid([1, 2])``.

    ``shape``, ``T``, ``@``, elementwise ``+ - * / **`` and comparisons with broadcasting, ``sum(axis)``, ``X[i]`` and
    ``X[i, j]`` mean what they mean in NumPy. A grid never changes: every operation makes a new one.
    """

    def __init__(self, values: "Sequence[Any] | Grid") -> None:
        self.flat: list[float]
        self.shape: tuple[int, ...]
        if isinstance(values, Grid):
            self.flat, self.shape = values.flat, values.shape
            return
        rows = [row if isinstance(row, (list, tuple, Grid)) else None for row in values]
        if not rows or all(row is None for row in rows):
            self.flat = [float(number) for number in values]
            self.shape = (len(self.flat),)
            return
        widths = {-1 if row is None else len(row) for row in rows}
        if len(widths) > 1 or -1 in widths:
            raise ValueError("a grid needs rows of one length, such as Grid([[1, 2], [3, 4]])")
        self.flat = [float(number) for row in rows if row is not None for number in row]
        self.shape = (len(rows), widths.pop())

    @property
    def T(self) -> "Grid":
        """The transpose: rows become columns. A single line stays as it is."""
        if len(self.shape) == 1:
            return self
        rows, columns = self.shape
        return made([self.flat[i * columns + j] for j in range(columns) for i in range(rows)], (columns, rows))

    def sum(self, axis: int | None = None, keepdims: bool = False) -> Any:
        """Return the sum of all numbers, of each column (``axis=0``) or of each row (``axis=1``)."""
        if axis is None:
            return made([sum(self.flat)], (1,) * len(self.shape)) if keepdims else sum(self.flat)
        if not -len(self.shape) <= axis < len(self.shape):
            raise ValueError(f"a grid of the shape {self.shape} has no axis {axis}")
        if len(self.shape) == 1:
            return made([sum(self.flat)], (1,)) if keepdims else sum(self.flat)
        rows, columns = self.shape
        if axis % 2 == 0:
            totals = [sum([self.flat[i * columns + j] for i in range(rows)]) for j in range(columns)]
            return made(totals, (1, columns) if keepdims else (columns,))
        totals = [sum(self.flat[i * columns : (i + 1) * columns]) for i in range(rows)]
        return made(totals, (rows, 1) if keepdims else (rows,))

    def tolist(self) -> list[Any]:
        """Return the numbers as a list, or as a list of rows."""
        if len(self.shape) == 1:
            return list(self.flat)
        rows, columns = self.shape
        return [self.flat[i * columns : (i + 1) * columns] for i in range(rows)]

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        return iter([self[i] for i in range(len(self))])

    def __getitem__(self, place: int | tuple[int, int]) -> Any:
        places = place if isinstance(place, tuple) else (place,)
        if len(places) > len(self.shape) or not all(isinstance(i, int) for i in places):
            raise TypeError("write X[i] for a row, or X[i, j] for a number, with whole numbers i and j")
        for i, size in zip(places, self.shape):  # noqa: B905  (MicroPython's zip has no `strict`)
            if not -size <= i < size:
                raise IndexError(f"there is no place {i} among {size}")
        if len(self.shape) == 1:
            return self.flat[places[0]]
        columns = self.shape[1]
        start = places[0] % self.shape[0] * columns
        if len(places) == 2:
            return self.flat[start + places[1] % columns]
        return made(self.flat[start : start + columns], (columns,))

    def __repr__(self) -> str:
        lines = self.tolist() if len(self.shape) == 2 else [self.flat]
        text = ", ".join(["[" + ", ".join([f"{number:.6g}" for number in line]) + "]" for line in lines])
        return f"Grid([{text}])" if len(self.shape) == 2 else f"Grid({text})"

    def __matmul__(self, other: "Grid") -> Any:
        if not isinstance(other, Grid):
            return NotImplemented
        n, inner = (1, self.shape[0]) if len(self.shape) == 1 else self.shape
        height, m = (other.shape[0], 1) if len(other.shape) == 1 else other.shape
        if inner != height:
            raise ValueError(
                f"the shapes {self.shape} and {other.shape} do not fit for @: "
                f"{inner} columns on the left, {height} rows on the right"
            )
        a, b = self.flat, other.flat
        flat = [sum([a[i * inner + k] * b[k * m + j] for k in range(inner)], 0.0) for i in range(n) for j in range(m)]
        shape = self.shape[:-1] + other.shape[1:]
        return made(flat, shape) if shape else flat[0]

    def __add__(self, other: Any) -> "Grid":
        return joined(lambda a, b: a + b, self, other)

    def __radd__(self, other: Any) -> "Grid":
        return joined(lambda a, b: a + b, other, self)

    def __sub__(self, other: Any) -> "Grid":
        return joined(lambda a, b: a - b, self, other)

    def __rsub__(self, other: Any) -> "Grid":
        return joined(lambda a, b: a - b, other, self)

    def __mul__(self, other: Any) -> "Grid":
        return joined(lambda a, b: a * b, self, other)

    def __rmul__(self, other: Any) -> "Grid":
        return joined(lambda a, b: a * b, other, self)

    def __truediv__(self, other: Any) -> "Grid":
        return joined(quotient, self, other)

    def __rtruediv__(self, other: Any) -> "Grid":
        return joined(quotient, other, self)

    def __pow__(self, other: Any) -> "Grid":
        return joined(lambda a, b: a**b, self, other)

    def __rpow__(self, other: Any) -> "Grid":
        return joined(lambda a, b: a**b, other, self)

    def __neg__(self) -> "Grid":
        return made([-number for number in self.flat], self.shape)

    def __gt__(self, other: Any) -> "Grid":
        return joined(lambda a, b: 1.0 if a > b else 0.0, self, other)

    def __lt__(self, other: Any) -> "Grid":
        return joined(lambda a, b: 1.0 if a < b else 0.0, self, other)

    def __ge__(self, other: Any) -> "Grid":
        return joined(lambda a, b: 1.0 if a >= b else 0.0, self, other)

    def __le__(self, other: Any) -> "Grid":
        return joined(lambda a, b: 1.0 if a <= b else 0.0, self, other)


def exp(x: Any) -> Any:
    """Return e to the power of a number, or of each number of a grid; infinity where it is too large."""
    return each(number_exp, x)


def log(x: Any) -> Any:
    """Return the natural logarithm of a number, or of each number of a grid; minus infinity at 0, NaN below."""
    return each(number_log, x)


def maximum(a: Any, b: Any) -> Any:
    """Return the larger of two numbers, or of each pair of numbers of two grids."""
    if isinstance(a, Grid) or isinstance(b, Grid):
        return joined(larger, a, b)
    return larger(a * 1.0, b * 1.0)


def made(flat: list[float], shape: tuple[int, ...]) -> Grid:
    """Return the grid of the given shape with the given numbers, row after row."""
    grid = Grid([])
    grid.flat, grid.shape = flat, shape
    return grid


def each(f: Callable[[float], float], x: Any) -> Any:
    """Return f of a number, or of each number of a grid."""
    # A product with 1.0 is a plain float in every engine, also of numbers that keep count of their uses.
    return made([f(number) for number in x.flat], x.shape) if isinstance(x, Grid) else f(x * 1.0)


def joined(f: Callable[[float, float], float], a: Any, b: Any) -> Grid:
    """Return f of each pair of numbers; a line serves every row, a single number or column every place."""
    a, b = as_grid(a), as_grid(b)
    if a.shape == b.shape:
        return made([f(p, q) for p, q in zip(a.flat, b.flat)], a.shape)  # noqa: B905
    one, other = (1,) * (2 - len(a.shape)) + a.shape, (1,) * (2 - len(b.shape)) + b.shape
    sizes = []
    for p, q in zip(one, other):  # noqa: B905
        if p != q and 1 not in (p, q):
            raise ValueError(f"the shapes {a.shape} and {b.shape} do not fit: {p} against {q}")
        sizes.append(q if p == 1 else p)
    rows, columns = sizes
    flat = [
        f(
            a.flat[(i if one[0] > 1 else 0) * one[1] + (j if one[1] > 1 else 0)],
            b.flat[(i if other[0] > 1 else 0) * other[1] + (j if other[1] > 1 else 0)],
        )
        for i in range(rows)
        for j in range(columns)
    ]
    return made(flat, (rows, columns) if 2 in (len(a.shape), len(b.shape)) else (columns,))


def as_grid(x: Any) -> Grid:
    """Return a grid as it is, a number or a list as a grid."""
    return x if isinstance(x, Grid) else Grid(x if isinstance(x, (list, tuple)) else [x])


def larger(a: float, b: float) -> float:
    """Return the larger of two numbers, NaN if either is."""
    return a if a > b or a != a else b


def quotient(a: float, b: float) -> float:
    """Return a / b; by zero, infinity or NaN."""
    if b:
        return a / b
    return math.copysign(1.0, a) * math.copysign(1.0, b) * float("inf") if a and a == a else float("nan")


def number_exp(x: float) -> float:
    """Return e to the power of x; infinity where it is too large for a float."""
    try:
        return math.exp(x)
    except (OverflowError, ValueError):
        return float("inf")


def number_log(x: float) -> float:
    """Return the natural logarithm of x; minus infinity at 0, NaN below."""
    if x > 0 or x != x:
        return math.log(x) if x == x else x
    return float("nan") if x else -float("inf")
