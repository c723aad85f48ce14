"""What crosses between a learner's code and the judge: numbers, strings, containers and arrays, by value.

A value becomes plain JSON (its structure) and a run of bytes (its arrays). Nothing is pickled. Whatever is none of
these crosses as a number that stands for it: a *handle* for an object of the learner's, a *callback* for a function
of the judge's. Both sides give the mutable parts of a message the same numbers in the same order, so that a thing
that stands twice in the arguments is one thing on the other side as well.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

import numpy as np

MAX_DEPTH = 60
MAX_ITEMS = 2_000_000
# Hexadecimal digits of a whole number: to compute with larger ones takes the judge too long at one go.
MAX_DIGITS = 100_000
PLAIN_KINDS = "biufcSUmM"
DTYPE = re.compile(r"[<>|=]?[biufcSUmM]\d{1,9}(\[\d{0,6}[A-Za-z]{1,2}\])?")
BIT_GENERATORS = {"PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64"}
TYPES: dict[str, type] = {kind.__name__: kind for kind in (bool, int, float, complex, str, bytes, list, tuple, dict)}


class CannotCross(TypeError):
    """A value may not cross by value; the text says which and why."""


class Garbled(Exception):
    """A message is not what the other side may send."""


class TooMuch(Garbled):
    """What came is more than there is room or time for, as an honest result may be."""


@dataclass
class Writer:
    """Turns values into JSON and bytes. ``other`` turns what is no plain value into JSON, or raises CannotCross."""

    other: Callable[[Any], Any]
    max_bytes: int
    known: dict[int, int] = field(default_factory=dict)
    blob: bytearray = field(default_factory=bytearray)
    seen: dict[int, int] = field(default_factory=dict)
    kept: list[Any] = field(default_factory=list)
    items: int = 0

    def number(self, value: Any) -> None:
        """Give a mutable value the next number."""
        self.seen[id(value)] = len(self.kept)
        self.kept.append(value)

    def add_bytes(self, data: bytes) -> list[int]:
        """Append to the blob; return where."""
        if len(self.blob) + len(data) > self.max_bytes:
            raise CannotCross(f"it is larger than the {self.max_bytes // 10**6} MB that may be passed at once")
        place = len(self.blob)
        self.blob += data
        return [place, len(data)]

    def write(self, value: Any, depth: int = 0) -> Any:
        """Return the JSON form of ``value``; CannotCross where it is too deep or too large."""
        kind = type(value)
        if value is None or kind is bool or kind is float or kind is str:
            return value
        if kind is int:
            if -(2**63) < value < 2**63:
                return value
            if value.bit_length() > 4 * MAX_DIGITS:
                raise CannotCross(f"a whole number of {value.bit_length()} bits is larger than may be passed")
            return ["i", hex(value)]
        self.items += 1
        if depth > MAX_DEPTH or self.items > MAX_ITEMS:
            raise CannotCross("it is nested too deeply or has too many parts")
        if id(value) in self.known:
            return ["A", self.known[id(value)]]
        if id(value) in self.seen:
            return ["r", self.seen[id(value)]]
        if isinstance(value, np.ndarray):
            return self.write_array(value)
        if isinstance(value, np.generic):
            array = np.asarray(value)
            if array.dtype.kind not in PLAIN_KINDS:
                return self.other(value)
            return ["n", array.dtype.str, *self.add_bytes(array.tobytes())]
        if isinstance(value, list):
            self.number(value)
            return ["l", [self.write(item, depth + 1) for item in list.__iter__(value)]]
        if isinstance(value, tuple):
            return ["t", [self.write(item, depth + 1) for item in tuple.__iter__(value)]]
        if isinstance(value, dict):
            self.number(value)
            pairs = list(dict.items(value))
            return ["d", [[self.write(k, depth + 1), self.write(v, depth + 1)] for k, v in pairs]]
        return self.write_rest(value, depth)

    def write_array(self, value: np.ndarray[Any, Any]) -> Any:
        array = np.asarray(value)
        dtype, flags = array.dtype, array.flags
        if dtype.kind not in PLAIN_KINDS or dtype.names:
            return self.other(value)
        order: Literal["C", "F"] = "F" if flags.f_contiguous and not flags.c_contiguous else "C"
        if array.nbytes > self.max_bytes:
            raise CannotCross(f"an array of {array.nbytes // 10**6} MB is larger than may be passed")
        self.number(value)
        place = self.add_bytes(array.tobytes(order))
        return ["a", dtype.str, list(array.shape), order, flags.writeable, *place]

    def write_rest(self, value: Any, depth: int) -> Any:
        """The rarer kinds, and subclasses of the plain ones, which cross as what they are made of."""
        if isinstance(value, int):
            return self.write(int.__index__(value), depth)
        if isinstance(value, float):
            return float.__float__(value)
        if isinstance(value, str):
            return str.__str__(value)
        if isinstance(value, complex):
            return ["c", value.real, value.imag]
        if isinstance(value, set | frozenset):
            if isinstance(value, set):
                self.number(value)
            return ["s" if isinstance(value, set) else "z", [self.write(item, depth + 1) for item in value]]
        if isinstance(value, bytes | bytearray):
            return ["b", *self.add_bytes(bytes(value))]
        if isinstance(value, range):
            return ["R", value.start, value.stop, value.step]
        if isinstance(value, slice):
            return ["S", *(self.write(part, depth + 1) for part in (value.start, value.stop, value.step))]
        if value is Ellipsis:
            return ["e"]
        if isinstance(value, type) and TYPES.get(value.__name__) is value:
            return ["y", value.__name__]
        if isinstance(value, type) and issubclass(value, np.generic) and value is not np.generic:
            return ["Y", value.__name__]
        if isinstance(value, np.dtype) and value.kind in PLAIN_KINDS:
            return ["D", value.str]
        if isinstance(value, np.random.Generator) and type(value.bit_generator).__name__ in BIT_GENERATORS:
            self.number(value)
            state = self.write(dict(value.bit_generator.state), depth + 1)
            return ["g", type(value.bit_generator).__name__, state]
        return self.other(value)


@dataclass
class Reader:
    """Turns JSON and bytes back into values. ``other`` turns a handle or callback into what stands for it here.

    Everything is checked: Garbled is raised for whatever :class:`Writer` cannot have written.
    """

    blob: bytearray
    other: Callable[[str, list[Any]], Any]
    known: list[Any] = field(default_factory=list)
    kept: list[Any] = field(default_factory=list)
    items: int = 0

    def bytes_at(self, place: Any, size: Any) -> memoryview:
        if type(place) is not int or type(size) is not int or place < 0 or size < 0 or place + size > len(self.blob):
            raise Garbled("an array lies outside of its message")
        return memoryview(self.blob)[place : place + size]

    def read(self, form: Any, depth: int = 0) -> Any:
        """Return the value of a JSON form."""
        if form is None or type(form) in (bool, int, float, str):
            return form
        self.items += 1
        if depth > MAX_DEPTH + 2 or self.items > MAX_ITEMS or not isinstance(form, list) or not form:
            raise Garbled("a value has no known form")
        try:
            return self.read_tagged(str(form[0]), form[1:], depth)
        except Garbled:
            raise
        except Exception as problem:
            kind = TooMuch if isinstance(problem, MemoryError) else Garbled
            raise kind(f"a value cannot be read ({type(problem).__name__})") from None

    def read_tagged(self, tag: str, rest: list[Any], depth: int) -> Any:
        if tag == "a":
            return self.read_array(*rest)
        if tag == "n":
            dtype = plain_dtype(rest[0])
            return np.frombuffer(self.bytes_at(rest[1], rest[2]), dtype=dtype)[0]
        if tag == "l":
            values: list[Any] = []
            self.kept.append(values)
            values.extend(self.read(item, depth + 1) for item in rest[0])
            return values
        if tag == "t":
            return tuple([self.read(item, depth + 1) for item in rest[0]])
        if tag == "d":
            table: dict[Any, Any] = {}
            self.kept.append(table)
            for key, value in rest[0]:
                table[self.read(key, depth + 1)] = self.read(value, depth + 1)
            return table
        if tag == "r":
            return self.kept[natural(rest[0])]
        if tag == "A":
            return self.known[natural(rest[0])]
        if tag == "i":
            if len(rest[0]) > MAX_DIGITS + len("-0x"):
                raise Garbled("a whole number is too large")
            return int(rest[0], 16)
        if tag == "c":
            return complex(float(rest[0]), float(rest[1]))
        if tag == "s":
            group: set[Any] = set()
            self.kept.append(group)
            group.update(self.read(item, depth + 1) for item in rest[0])
            return group
        if tag == "z":
            return frozenset(self.read(item, depth + 1) for item in rest[0])
        if tag == "b":
            return bytes(self.bytes_at(rest[0], rest[1]))
        if tag == "R":
            return range(int(rest[0]), int(rest[1]), int(rest[2]))
        if tag == "S":
            return slice(*(self.read(part, depth + 1) for part in rest))
        if tag == "e":
            return Ellipsis
        if tag == "y":
            return TYPES[rest[0]]
        if tag == "Y":
            kind = getattr(np, rest[0])
            if not (isinstance(kind, type) and issubclass(kind, np.generic)):
                raise Garbled("a type has no known name")
            return kind
        if tag == "D":
            return plain_dtype(rest[0])
        if tag == "g":
            return self.read_generator(rest[0], rest[1], depth)
        return self.other(tag, rest)

    def read_array(self, dtype: Any, shape: Any, order: Any, writeable: Any, place: Any, size: Any) -> Any:
        kind, sides = plain_dtype(dtype), [natural(side) for side in shape]
        count = math.prod(sides)
        if len(sides) > 32 or count * kind.itemsize != size or order not in ("C", "F"):
            raise Garbled("an array does not have the size that it claims")
        array = np.frombuffer(self.bytes_at(place, size), kind, count).copy().reshape(sides, order=order)
        if not writeable:
            array.flags.writeable = False
        self.kept.append(array)
        return array

    def read_generator(self, name: Any, state: Any, depth: int) -> np.random.Generator:
        if name not in BIT_GENERATORS:
            raise Garbled("a generator of random numbers has no known name")
        bits = getattr(np.random, name)()
        generator = np.random.Generator(bits)
        self.kept.append(generator)
        bits.state = self.read(state, depth + 1)
        return generator


def natural(number: Any) -> int:
    """Return a number that is a natural one; Garbled otherwise."""
    if type(number) is not int or number < 0:
        raise Garbled("a number is out of range")
    return number


@lru_cache(maxsize=100)
def plain_dtype(text: Any) -> np.dtype[Any]:
    """Return the dtype of a description that names a plain kind; Garbled otherwise."""
    if not isinstance(text, str) or not DTYPE.fullmatch(text):
        raise Garbled("an array has no plain dtype")
    return np.dtype(text)


def restore(old: Any, new: Any, seen: set[int] | None = None) -> Any:
    """Bring ``old`` into the state of ``new`` in place where it can be, and return what stands there now."""
    seen = set() if seen is None else seen
    if id(old) in seen:
        return old
    if isinstance(old, np.ndarray) and isinstance(new, np.ndarray):
        if old.shape != new.shape or old.dtype != new.dtype:
            return new
        if old.flags.writeable and old.tobytes() != new.tobytes():
            old[...] = new
        return old
    if isinstance(old, np.random.Generator) and isinstance(new, np.random.Generator):
        if type(old.bit_generator) is not type(new.bit_generator):
            return new
        old.bit_generator.state = new.bit_generator.state
        return old
    if isinstance(old, list) and isinstance(new, list):
        seen.add(id(old))
        shared = [restore(o, n, seen) for o, n in zip(old, new, strict=False)]
        old[:] = shared + new[len(shared) :]
        return old
    if isinstance(old, dict) and isinstance(new, dict):
        seen.add(id(old))
        for key in [key for key in old if key not in new]:
            del old[key]
        for key, value in new.items():
            old[key] = restore(old[key], value, seen) if key in old else value
        return old
    if isinstance(old, set) and isinstance(new, set):
        old.clear()
        old.update(new)
        return old
    if isinstance(old, tuple) and isinstance(new, tuple) and len(old) == len(new):
        parts = [restore(o, n, seen) for o, n in zip(old, new, strict=True)]
        return old if all(a is b for a, b in zip(parts, old, strict=True)) else tuple(parts)
    return new
