"""The learner's two functions: called on copies, counted, and read with a sentence for each way to fail."""

import contextlib
import copy
import inspect
import io
import linecache
import re
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradcheck.report import Diagnosis

Array = NDArray[Any]
Function = Callable[..., Any]
Direction = Mapping[str, Array]
LONGEST = 10.0
EPS = float(np.finfo(np.float64).eps)
# What Python and NumPy say to beginners in words that lead them astray, and what is meant.
IN_PLAIN_WORDS = (
    (
        "truth value of an array",
        "one yes or no is wanted here, as by `if`, `and` and `max`, and this is a whole array; np.where decides for "
        "each entry, and np.maximum compares entry by entry",
    ),
    (
        "boolean subtract",
        "True and False cannot be subtracted; make numbers of them first, as with (x > 0) * 1.0, or use np.sign",
    ),
    (
        r"bitwise_xor|for \^",
        "`^` is not a power in Python; write `**`",
    ),
    (
        "setting an array element with a sequence",
        "an entry of an array holds one number, and here it is given several: is a sum missing, or did a pair "
        "(out, cache) go where out alone belongs?",
    ),
    (
        "can be converted to Python scalars",
        "one number is wanted here, and this is a whole array; the functions of NumPy take arrays, those of `math` not",
    ),
    (
        r"matmul: .*not have enough dimensions \(has 0",
        "one side of a matrix product, @, is a single number",
    ),
)
# What a beginner's slip may be where what they say is clear.
HINTS = (
    ("'tuple' object has no attribute|operand.*'tuple'", " Did a pair (out, cache) go where out alone belongs?"),
    (
        r"together with shapes \((\d+),\d+\) \(\1,\)",
        " If the second is a sum or mean over axis 1: keepdims=True keeps it a column.",
    ),
    ("zero-size array to reduction", " A window or slice is empty: does it begin behind the end of the array?"),
)
NO_RETURN = "is the return line missing? (print() and sort() return None, too.)"
# A list or dict with more entries holds data, and no layers.
MOST_HELD = 1000
# The folder of the checker and of what is installed beside it: no learner's code lies there.
INSTALLED = str(Path(__file__).parents[1])
# A gradient that is not in the dict which backward returned.
LEFT_OUT = object()


class Broken(Exception):
    """A learner's function did not do what was asked; ``said`` is the diagnosis."""

    def __init__(self, cause: str, sentence: str) -> None:
        super().__init__(sentence)
        self.said = Diagnosis(cause, sentence)


class TooSlow(BaseException):
    """A learner's function was stopped; no ``except Exception`` on the way, the learner's included, holds this up."""

    def __init__(self) -> None:
        super().__init__(f"did not return within {LONGEST:g} seconds. Is there a loop without an end?")


def copied(value: Any) -> Any:
    """Return a deep copy, or the value itself where it cannot be copied."""
    try:
        return copy.deepcopy(value)
    except Exception:
        return value


def numbers(value: Any) -> Array | None:
    """Return an answer as an array of real numbers, None where it is no such thing."""
    try:
        array = np.asarray(value)
    except Exception:
        return None
    return array if array.dtype.kind in "fiub" else None


def agree(a: Array, b: Array, close: float = 1e-7) -> bool:
    """Return whether two arrays have one shape and agree to ``close`` times their largest entry."""
    if a.shape != b.shape or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return False
    largest = max(float(np.abs(a).max(initial=0.0)), float(np.abs(b).max(initial=0.0)))
    return largest == 0.0 or bool((np.abs(np.subtract(a, b, dtype=np.float64)) <= close * largest).all())


def exception_text(error: BaseException) -> str:
    """Return what a function did that raised ``error``; a stub is not a mistake, it is only not written yet."""
    try:
        text = str(error)
    except Exception:
        text = ""
    if isinstance(error, NotImplementedError) and not text:
        # The innermost function; an exception of another process comes without it.
        codes = [frame.f_code for frame, _ in traceback.walk_tb(error.__traceback__)][-1:]
        names = [code.co_name for code in codes if not code.co_filename.startswith(INSTALLED)]
        where = f" in {names[0]}" if names and not names[0].startswith("<") else ""
        return f"is not written yet: put your code in place of `raise NotImplementedError()`{where}."
    sizes = re.search(r"matmul: .*size (\d+) is different from (\d+)", text)
    if sizes:
        text = (
            f"in a matrix product A @ B the last axis of A has the size {sizes[2]} and the first axis of B has "
            f"{sizes[1]}; they must be equal"
        )
    text = next((words for pattern, words in IN_PLAIN_WORDS if re.search(pattern, text)), text)
    if isinstance(error, KeyError):
        text = f"there is no entry {text}"
    hint = next((hint for pattern, hint in HINTS if re.search(pattern, text)), "")
    return full_stop(f"raised {type(error).__name__}: {text}".rstrip(": .")) + hint


def full_stop(text: str) -> str:
    """Return a sentence with its full stop, where it does not end in one or in a question mark already."""
    return text if text.endswith((".", "?")) else f"{text}."


def line_of(error: BaseException) -> str:
    """Return a sentence with the learner's line on the way to ``error`` that is nearest to the check, or "".

    Where it called a function of the notebook's that raised, the line inside is told too. Lines of the check's own file
    or cell count only where there are no others. An exception of another process brings the sentence along as a note.
    """
    if isinstance(error, NotImplementedError):
        return ""
    asking = sys._getframe()
    while asking.f_back is not None and asking.f_code.co_filename.startswith(INSTALLED):
        asking = asking.f_back
    lines: dict[str, list[str]] = {}
    for frame, number in traceback.walk_tb(error.__traceback__):
        name = frame.f_code.co_filename
        line = linecache.getline(name, number, frame.f_globals).strip()
        if line and not name.startswith(INSTALLED):
            whose = "check" if name == asking.f_code.co_filename else "learner"
            lines.setdefault(whose, []).append(line if len(line) <= 80 else line[:77] + "...")
    notes = [note for note in getattr(error, "__notes__", ()) if note.startswith("The line is `")]
    told = lines.get("learner", [])
    if notes and not told:
        return f" {notes[0]}"
    told = told or lines.get("check", [])
    inside = f", and in it `{told[-1]}`" if len(set(told)) > 1 else ""
    return f" The line is `{told[0]}`{inside}." if told else ""


def without_line(sentence: str) -> str:
    """Return what is said of an exception, without the line of code that raised it."""
    return re.sub(r" The line is `.*`\.$", "", sentence)


def count_required(function: Function) -> int | None:
    """Return how many positional parameters a call must give (defaults do not count), None where unknown."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(p.kind in positional and p.default is p.empty for p in parameters)


@dataclass
class Problem:
    """What is checked: ``L = sum(dout * out)``, or ``out`` itself where backward takes the cache alone.

    ``out`` and ``cache`` are those of the inputs; ``reference`` and ``mistakes`` are the author's own functions.
    """

    forward: Function
    backward: Function
    inputs: dict[str, Array]
    wrt: tuple[str, ...]
    is_loss: bool
    reference: Function | None = None
    mistakes: Mapping[str, Function] = field(default_factory=dict)
    rng: np.random.Generator = field(default_factory=np.random.default_rng)
    out: Array = field(default_factory=lambda: np.zeros(()))
    dout: Array = field(default_factory=lambda: np.ones(()))
    cache: Any = None
    changed: tuple[str, ...] = ()
    # Whether the steps of forward can be recorded, as far as is known, and how long one evaluation takes.
    recordable: bool = True
    seconds: float = 0.0
    calls: list[int] = field(default_factory=list)
    # The recorded steps; and L through them, where a complex step through forward loses a part. Both hold here alone.
    tape: Any = field(default=None, init=False)
    loss_of_steps: Callable[..., Any] | None = field(default=None, init=False)
    # Whether slopes come from the complex step; the verdict finds out.
    exact: bool = field(default=True, init=False)

    @property
    def evaluations(self) -> int:
        """The number of forward evaluations so far, those of copies of this problem included."""
        return len(self.calls)

    def run(self, inputs: Mapping[str, Array], forward: Function | None = None) -> tuple[Any, Any]:
        """Return (out, cache) of one forward evaluation on copies of the inputs; Broken unless a pair."""
        return self.evaluate({name: value.copy() for name, value in inputs.items()}, forward)

    def evaluate(self, inputs: Mapping[str, Any], forward: Function | None = None) -> tuple[Any, Any]:
        """Return (out, cache) of one forward evaluation on these very arrays; numbers are passed as numbers."""
        self.calls.append(1)
        given = (value[()] if isinstance(value, np.ndarray) and not value.ndim else value for value in inputs.values())
        result = (forward or self.forward)(*given)
        if not isinstance(result, tuple):
            kind = type(result).__name__
            raise Broken("wrong-count", f"forward returned {kind}, not (out, cache). End with: return out, cache")
        if len(result) != 2:
            raise Broken("wrong-count", f"forward returned {len(result)} values; it must return two: (out, cache).")
        return result

    def start(self) -> Any:
        """Evaluate forward: keep out, the cache and a random dout, and return the cache as it came."""
        given = {name: value.copy() for name, value in self.inputs.items()}
        before = time.perf_counter()
        with time_limit():
            out, cache = self.evaluate(given)
        self.seconds = time.perf_counter() - before
        self.out, self.cache = self.read_output(out), copied(cache)
        self.changed = tuple(n for n, kept in self.inputs.items() if kept.tobytes() != given[n].tobytes())
        if not self.is_loss:
            self.dout = self.draw(self.out.shape)
        return cache

    def repeat(self) -> None:
        """Evaluate forward once more; Broken where it gives another answer."""
        again = numbers(self.run(self.inputs)[0])
        if again is None or not agree(again, self.out, 1e-12):
            text = "forward gave two answers for the same inputs: draw random numbers outside, or from a seed."
            raise Broken("not-deterministic", text)

    def read_output(self, out: Any) -> Array:
        """Return the output as an array; Broken where it is none of finite real numbers."""
        kind = type(out).__name__
        if out is None:
            raise Broken("none", "forward returned None as its output: is the line that computes it still missing?")
        if isinstance(out, list | tuple | dict):
            raise Broken("wrong-type", f"forward returned its output as a {kind}; it must be an array.")
        # A backward may change what forward returned: its cache often holds the output itself.
        value = np.array(out)
        if value.dtype.kind == "c":
            raise Broken("wrong-type", "forward returned complex numbers; its output must be real (float64).")
        if value.dtype.kind not in "fiub":
            raise Broken("wrong-type", f"forward returned {kind}, not an array of numbers.")
        lost = value.size - np.count_nonzero(np.isfinite(value))
        if lost:
            raise Broken("not-finite", f"forward returned NaN or infinity in {lost} of {value.size} entries.")
        if self.is_loss and value.size != 1:
            text = (
                f"forward returned an output of shape {value.shape}, but backward(cache), with one required parameter, "
            )
            raise Broken("wrong-shape", f"{text}takes no upstream gradient: the loss must be one number.")
        return value

    def draw(self, shape: tuple[int, ...]) -> Array:
        """Return a random direction, ±U[0.5, 1.5] in each entry."""
        return np.asarray((2.0 * self.rng.integers(2, size=shape) - 1.0) * self.rng.uniform(0.5, 1.5, shape))

    @property
    def affordable(self) -> int:
        """The number of evaluations that take no longer than three calls may."""
        return int(3 * LONGEST / max(self.seconds, 1e-9))

    def last_digits_changed(self, value: Any) -> Any:
        """Return an array, or what holds arrays, in which each float is changed by four roundings, up or down."""
        if isinstance(value, dict):
            return {key: self.last_digits_changed(part) for key, part in value.items()}
        if type(value) in (list, tuple):
            return type(value)(map(self.last_digits_changed, value))
        if isinstance(value, np.ndarray | np.floating | float) and np.asarray(value).dtype.kind == "f":
            return value * (1 + 4 * EPS * np.sign(self.draw(np.shape(value))))
        return value

    def beside(self) -> dict[str, Array]:
        """Return inputs of which those to differentiate are changed in their last digits."""
        return self.inputs | {name: self.last_digits_changed(self.inputs[name]) for name in self.wrt}

    def loss(self, inputs: Mapping[str, Array]) -> Any:
        """Return L at these inputs, one number (complex where an input is)."""
        return np.multiply(self.dout, self.run(inputs)[0]).sum()

    def call_backward(self, cache: Any, dout: Array | None = None, backward: Function | None = None) -> list[Any]:
        """Return the gradients in the order of ``wrt``; backward may spoil the cache and dout that it is handed."""
        backward = backward or self.backward
        dout = self.dout.copy() if dout is None else dout
        with time_limit():
            result = backward(cache) if self.is_loss else backward(dout if dout.ndim else dout[()], cache)
        return read_gradients(result, ["d" + name for name in self.wrt])

    def answers(
        self, inputs: Mapping[str, Array] | None = None, dout: Array | None = None, backward: Function | None = None
    ) -> dict[str, Array]:
        """Return the gradients of one more call, those that are numbers, by name of the input; {} where it raises."""
        with contextlib.suppress(Exception, SystemExit):
            cache = copied(self.cache) if inputs is None else self.run(inputs)[1]
            return self.named(self.call_backward(cache, dout, backward))
        return {}

    def named(self, gradients: list[Any]) -> dict[str, Array]:
        """Return those gradients that are arrays of numbers, in float64, by the name of the input."""
        found = zip(self.wrt, map(numbers, gradients), strict=True)
        return {name: np.array(value, dtype=np.float64) for name, value in found if value is not None}


def read_problem(
    forward: Function,
    backward: Function,
    inputs: Mapping[str, Any],
    wrt: Any = None,
    reference: Function | None = None,
    mistakes: Mapping[str, Function] | None = None,
    seed: int | None = None,
) -> Problem:
    """Return the problem; TypeError or ValueError tells the author of the check what to pass."""
    for role, function in (("forward", forward), ("backward", backward)):
        if not callable(function):
            raise TypeError(f"{role} must be a function, not {type(function).__name__}.")
    if not isinstance(inputs, Mapping):
        example = '{"X": X, "W": W, "b": b}'
        raise TypeError(
            f"inputs must be a dict from argument name to array in argument order, for instance {example}, "
            f"not {type(inputs).__name__}."
        )
    arrays: dict[str, Array] = {}
    for name, value in inputs.items():
        try:
            array = np.array(value)
        except ValueError as error:
            raise ValueError(f"inputs[{name!r}] has rows of unequal length; pass an array.") from error
        if array.dtype.kind == "c":
            raise TypeError(f"inputs[{name!r}] is complex; gradients are checked at real points (float64).")
        if array.dtype.kind not in "fiub":
            raise TypeError(f"inputs[{name!r}] must be an array of numbers, not {type(value).__name__}.")
        arrays[str(name)] = array.astype(np.float64) if array.dtype.kind == "f" else array
        if not np.isfinite(arrays[str(name)]).all():
            raise ValueError(f"inputs[{name!r}] holds NaN or infinity; a slope needs finite numbers.")
    names = [name for name, array in arrays.items() if array.dtype.kind == "f"] if wrt is None else wrt
    if not isinstance(names, str | list | tuple | set):
        raise TypeError(f"wrt must be a list of input names, not {type(names).__name__}.")
    names = [names] if isinstance(names, str) else list(names)
    if wrt is not None and (not names or len(set(names)) < len(names)):
        raise ValueError(f"wrt must name each input to differentiate once, not {wrt!r}.")
    for name in names:
        if name not in arrays:
            raise ValueError(f"wrt names {name!r}, which is not among the inputs {list(arrays)}.")
        if arrays[name].dtype.kind != "f":
            raise ValueError(f"{name!r} holds {arrays[name].dtype} numbers; to differentiate it pass floats.")
    if not names:
        raise ValueError("no input is a floating array: there is nothing to differentiate. Pass floats, not integers.")
    if reference is not None and not callable(reference):
        raise TypeError(f"reference must be a forward function, not {type(reference).__name__}.")
    if mistakes is not None and not isinstance(mistakes, Mapping):
        raise TypeError("mistakes must be a dict from a short name to a wrong backward function.")
    for short_name, wrong in (mistakes or {}).items():
        if not callable(wrong):
            raise TypeError(f"mistakes[{short_name!r}] must be a function, not {type(wrong).__name__}.")
    try:
        rng = np.random.default_rng(seed)
    except (TypeError, ValueError) as error:
        raise type(error)(f"seed must be None or a whole number, 0 or more, not {seed!r}.") from error
    is_loss = count_required(backward) == 1
    return Problem(forward, backward, arrays, tuple(names), is_loss, reference, mistakes or {}, rng)


def read_gradients(result: Any, wanted: list[str]) -> list[Any]:
    """Return what backward returned, one value for each name; Broken where the count differs.

    A tuple or list is in the order of the arguments; one gradient may come bare. A dict is read by its keys
    'd' + name; a list of dicts, one for each layer, by 'd' + name without the number of the layer, counted
    from 1: ``[{'dW', 'db'}, {'dW', 'db'}]`` holds dW1, db1, dW2, db2.
    """
    names = ", ".join(wanted)
    if result is None:
        raise Broken("none", f"backward returned None, not {names}: {NO_RETURN}")
    kind = f"a dict with {', '.join(map(str, result)) or 'no keys'}" if isinstance(result, Mapping) else ""
    if isinstance(result, list | tuple) and result and all(isinstance(layer, Mapping) for layer in result):
        keys = ", ".join(dict.fromkeys(str(key) for layer in result for key in layer))
        kind = f"a list of {len(result)} {'dict' if len(result) == 1 else 'dicts'} with {keys or 'no keys'}"
        result = {f"{key}{k}": value for k, layer in enumerate(result, start=1) for key, value in layer.items()}
    if isinstance(result, Mapping):
        missing = [name for name in wanted if name not in result]
        # A dict may lack some; a list of dicts that lacks some has other layers, and its numbers say nothing.
        if missing and (kind.startswith("a list") or len(missing) == len(wanted)):
            verb = "is" if len(missing) == 1 else "are"
            text = f"backward returned {kind}; {', '.join(missing)} {verb} missing.{by_layers(wanted)}"
            raise Broken("wrong-count", text)
        return [result.get(name, LEFT_OUT) for name in wanted]
    if len(wanted) == 1 and not isinstance(result, tuple):
        return [result]
    if isinstance(result, np.ndarray) or np.isscalar(result) and not isinstance(result, str):
        kind = "array" if isinstance(result, np.ndarray) else "number"
        raise Broken("wrong-count", f"backward returned one {kind}; it must return {len(wanted)} gradients: {names}.")
    if not isinstance(result, list | tuple):
        raise Broken("wrong-type", f"backward returned {type(result).__name__}; it must return {names}.")
    if len(result) != len(wanted):
        count = f"{len(result)} {'value' if len(result) == 1 else 'values'}"
        text = f"it must return {len(wanted)}: {names}, one for each argument, in the same order."
        raise Broken("wrong-count", f"backward returned {count}; {text}{by_layers(wanted)}")
    return list(result)


def by_layers(wanted: list[str]) -> str:
    """Return what else may be returned where the names are those of several layers, "" where they are not."""
    keys = list(dict.fromkeys(name.rstrip("0123456789") for name in wanted))
    count = len(wanted) // len(keys)
    if count < 2 or set(wanted) != {f"{key}{k}" for key in keys for k in range(1, count + 1)}:
        return ""
    return f" A list of {count} dicts, one for each layer, with the keys {', '.join(keys)} will do, too."


@contextlib.contextmanager
def restored(*functions: Function) -> Iterator[None]:
    """Let the learner's objects hold afterwards what they held before, such as a layer's running mean."""
    found: dict[int, tuple[Any, bool]] = {}
    for function in functions:
        inner = getattr(function, "__func__", function)
        used = [getattr(function, "__self__", None)]
        # A name that has no value yet is a ValueError; a list in a list in a list may go too deep.
        with contextlib.suppress(ValueError, RecursionError):
            if inspect.isfunction(inner):
                names = inspect.getclosurevars(inner)
                used += [*names.nonlocals.values(), *names.globals.values()]
            for thing in used:
                gather(thing, getattr(inner, "__module__", ""), found)
    before = [(holder, holder.copy()) for holder, is_kept in found.values() if is_kept]
    try:
        yield
    finally:
        for holder, then in before:
            holder.clear()
            holder.extend(then) if isinstance(holder, list) else holder.update(then)


def gather(value: Any, module: str, found: dict[int, tuple[Any, bool]], inside: bool = False) -> None:
    """Add to ``found`` the lists and dicts that a value holds; kept are those inside of objects of this module."""
    is_own = type(value).__module__ == module and hasattr(value, "__dict__") and not inspect.isfunction(value)
    holder = vars(value) if is_own else value
    if type(holder) not in (list, tuple, dict) or id(holder) in found or len(holder) > MOST_HELD:
        return
    inside = inside or is_own
    found[id(holder)] = holder, inside and type(holder) is not tuple
    for part in holder.values() if type(holder) is dict else holder:
        gather(part, module, found, inside)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Hold back what the learner's functions print, and floating-point warnings, in repeated calls."""
    with contextlib.redirect_stdout(io.StringIO()), np.errstate(all="ignore"):
        yield


@contextlib.contextmanager
def time_limit() -> Iterator[None]:
    """Raise TooSlow when a call takes longer; only where a POSIX main thread has its alarm free."""
    free = (
        hasattr(signal, "SIGALRM")
        and signal.getitimer(signal.ITIMER_REAL)[0] == 0.0
        and threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGALRM) in (signal.SIG_DFL, signal.SIG_IGN)
    )
    if not free:
        yield
        return

    def stop(*_: Any) -> None:
        raise TooSlow

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, LONGEST)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
