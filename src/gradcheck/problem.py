"""The learner's two functions: called on copies, counted, and read with a sentence for each way to fail."""

import contextlib
import copy
import inspect
import io
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Function = Callable[..., Any]
Direction = Mapping[str, Array]


class Broken(Exception):
    """A learner's function did not do what was asked: the cause and a sentence."""

    def __init__(self, cause: str, sentence: str) -> None:
        super().__init__(sentence)
        self.cause, self.sentence = cause, sentence


def copied(value: Any) -> Any:
    """Return a deep copy, or the value itself where it cannot be copied."""
    try:
        return copy.deepcopy(value)
    except Exception:
        return value


def exception_text(error: BaseException) -> str:
    """Return what a function did that raised ``error``; a stub is not a mistake, it is only not written yet."""
    if isinstance(error, NotImplementedError) and not str(error):
        return "is not written yet: put your code in place of `raise NotImplementedError()`"
    return f"raised {type(error).__name__}: {error}".rstrip(": ")


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
    """``L = sum(dout * forward(*inputs)[0])``, or the loss itself where backward takes the cache alone."""

    forward: Function
    backward: Function
    inputs: dict[str, Array]
    wrt: tuple[str, ...]
    is_loss: bool
    dout: Array = field(default_factory=lambda: np.ones(()))
    evaluations: int = 0
    changed: list[str] = field(default_factory=list)

    def run(self, inputs: Mapping[str, Array]) -> tuple[Any, Any]:
        """Return (out, cache) of one forward evaluation on copies of the inputs; Broken unless a pair."""
        self.evaluations += 1
        arguments = [value.copy() if value.ndim else value[()] for value in inputs.values()]
        result = self.forward(*arguments)
        if not isinstance(result, tuple):
            raise Broken(
                "wrong-count",
                f"forward returned {type(result).__name__}, not (out, cache). End with: return out, cache",
            )
        if len(result) != 2:
            raise Broken("wrong-count", f"forward returned {len(result)} values; it must return two: (out, cache).")
        return result

    def start(self) -> tuple[Array, Any]:
        """Return out and cache of the first evaluation, checked in kind, shape and finiteness."""
        try:
            out, cache = self.run(self.inputs)
        except Broken:
            raise
        except (Exception, SystemExit) as error:
            raise Broken("raised", f"forward {exception_text(error)}") from error
        if out is None:
            raise Broken("none", "forward returned None as its output: is the line that computes it still missing?")
        if isinstance(out, list | tuple | dict):
            raise Broken("wrong-type", f"forward returned its output as a {type(out).__name__}; it must be an array.")
        value = np.asarray(out)
        if value.dtype.kind == "c":
            raise Broken("wrong-type", "forward returned complex numbers; its output must be real (float64).")
        if value.dtype.kind not in "fiub":
            raise Broken("wrong-type", f"forward returned {type(out).__name__}, not an array of numbers.")
        if not np.isfinite(value).all():
            count = int((~np.isfinite(value)).sum())
            raise Broken("not-finite", f"forward returned NaN or infinity in {count} of {value.size} entries.")
        if self.is_loss and value.size != 1:
            raise Broken(
                "wrong-shape",
                f"forward returned an output of shape {value.shape}, but backward(cache) takes no upstream "
                "gradient: the loss must be one number.",
            )
        return value, cache

    def repeat(self) -> Array | None:
        """Return the output once more, None where that fails; note inputs that forward changes in place."""
        given = [value.copy() for value in self.inputs.values()]
        self.evaluations += 1
        try:
            result = self.forward(*(value if value.ndim else value[()] for value in given))
            pairs = zip(self.inputs.items(), given, strict=True)
            self.changed = [name for (name, kept), value in pairs if kept.tobytes() != value.tobytes()]
            return np.asarray(result[0])
        except Exception:
            return None

    def loss(self, inputs: Mapping[str, Array]) -> Any:
        """Return L at these inputs, one number (complex where an input is)."""
        out = self.run(inputs)[0]
        return np.sum(self.dout * out)

    def call_backward(self, cache: Any, dout: Array | None = None, backward: Function | None = None) -> Any:
        """Return what backward returns for a cache; it may spoil the cache and dout that it is handed."""
        backward = backward or self.backward
        dout = self.dout.copy() if dout is None else dout
        return backward(cache) if self.is_loss else backward(dout if dout.ndim else dout[()], cache)


def read_problem(forward: Function, backward: Function, inputs: Mapping[str, Any], wrt: Any) -> Problem:
    """Return the problem; TypeError or ValueError tells the author of the check what to pass."""
    for role, function in (("forward", forward), ("backward", backward)):
        if not callable(function):
            raise TypeError(f"{role} must be a function, not {type(function).__name__}.")
    if not isinstance(inputs, Mapping):
        raise TypeError(
            f"inputs must be a dict from argument name to array in argument order, for instance "
            f'{{"X": X, "W": W, "b": b}}, not {type(inputs).__name__}.'
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
    for name in names:
        if name not in arrays:
            raise ValueError(f"wrt names {name!r}, which is not among the inputs {list(arrays)}.")
        if arrays[name].dtype.kind != "f":
            raise ValueError(f"{name!r} holds {arrays[name].dtype} numbers; to differentiate it pass floats.")
    if not names:
        raise ValueError("no input is a floating array: there is nothing to differentiate. Pass floats, not integers.")
    is_loss = count_required(backward) == 1
    return Problem(forward, backward, arrays, tuple(names), is_loss)


def read_gradients(result: Any, problem: Problem) -> list[Any]:
    """Return what backward returned, one value for each name in ``wrt``; Broken where the count differs.

    A tuple or list is in the order of the arguments; one gradient may come bare. A dict is read by its keys
    'd' + name; a list of dicts, one for each layer, by 'd' + name without the number of the layer, counted
    from 1: ``[{'dW', 'db'}, {'dW', 'db'}]`` holds dW1, db1, dW2, db2.
    """
    wanted = ["d" + name for name in problem.wrt]
    if result is None:
        return [None] * len(wanted)
    if isinstance(result, list | tuple) and result and all(isinstance(layer, Mapping) for layer in result):
        result = {f"{key}{k}": value for k, layer in enumerate(result, start=1) for key, value in layer.items()}
    if isinstance(result, Mapping):
        missing = [name for name in wanted if name not in result]
        if missing:
            raise Broken(
                "wrong-count",
                f"backward returned a dict with {', '.join(map(str, result)) or 'no keys'}; "
                f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing.",
            )
        return [result[name] for name in wanted]
    if len(wanted) == 1 and not isinstance(result, tuple):
        return [result]
    if not isinstance(result, Sequence) or isinstance(result, str):
        if isinstance(result, np.ndarray) or np.isscalar(result):
            raise Broken(
                "wrong-count",
                f"backward returned one {'array' if isinstance(result, np.ndarray) else 'number'}; it must "
                f"return {len(wanted)} gradients: {', '.join(wanted)}.",
            )
        raise Broken("wrong-type", f"backward returned {type(result).__name__}; it must return {', '.join(wanted)}.")
    if len(result) != len(wanted):
        raise Broken(
            "wrong-count",
            f"backward returned {len(result)} {'value' if len(result) == 1 else 'values'}; it must return "
            f"{len(wanted)}: {', '.join(wanted)}, one for each argument, in the same order.",
        )
    return list(result)


@contextlib.contextmanager
def quiet() -> Iterator[io.StringIO]:
    """Hold back what the learner's functions print, and floating-point warnings, in repeated calls."""
    with contextlib.redirect_stdout(io.StringIO()) as printed, np.errstate(all="ignore"):
        yield printed


@contextlib.contextmanager
def time_limit(seconds: float, role: str) -> Iterator[None]:
    """Raise Broken when a call takes longer; only where a POSIX main thread has its alarm free."""
    free = (
        hasattr(signal, "SIGALRM")
        and threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGALRM) in (signal.SIG_DFL, signal.SIG_IGN)
        and signal.getitimer(signal.ITIMER_REAL)[0] == 0.0
    )
    if not free:
        yield
        return

    def stop(*_: Any) -> None:
        raise Broken("too-slow", f"{role} did not return within {seconds:g} seconds. Is there a loop without an end?")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
