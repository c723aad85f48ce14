"""What stands in the judge for a learner's functions and objects, and the calls that it makes of them."""

import builtins
import contextlib
import inspect
import keyword
import sys
import time
import warnings
from collections.abc import Callable, Container, Iterator
from typing import Any, TypeGuard, cast

import numpy as np

from classroom.cells import Printed, TimeLimit, plain_text
from classroom.channel import Channel, Gone, Silent
from classroom.crossing import CannotCross, Garbled, Reader, TooMuch, Writer, restore

MAX_CALLBACKS = 200_000
MAX_NESTED = 8
GRACE = 2.0
PROCESS = "The process that runs your code"
# A crash, or the system where memory is short, ends a process as well: what is said accuses nobody.
ENDED_IN = (
    "Your code ended its own process in {what}, as os._exit, os.kill, a crash or too much memory does: take out what "
    "does so."
)
ENDED_BEFORE = (
    "The process that runs your code had ended before this check asked for it. Code elsewhere in your notebook ends "
    "processes, with os.kill for instance: take that out."
)


class LearnerError(Exception):
    """The learner's code raised something that has no name here."""


class LearnerGone(Exception):
    """The process that ran the learner's code has ended, or no longer answers.

    What is raised is one of its kinds: a check may show a learner the name. ``did`` tells the instructor what the code
    did, where that is a reason to look at it.
    """

    did = ""


class ProcessEnded(LearnerGone):
    """The process that ran the learner's code has ended."""

    did = "ended its process"


class NoAnswer(LearnerGone):
    """The process that ran the learner's code does not answer in time, or with more than can be taken."""


class FalseAnswer(NoAnswer):
    """The process that ran the learner's code sent something that is no answer."""

    did = "sent the grader something that is no answer"


class CannotBeJudged(TypeError, ValueError):
    """A check met a value that stays in the learner's process, where it needs a number, a string or an array."""


class Learner:
    """The process that holds a learner's notebook as it was at one point, as the judge sees it."""

    def __init__(self, channel: Channel, call_seconds: float, max_bytes: int) -> None:
        self.channel, self.call_seconds, self.max_bytes = channel, call_seconds, max_bytes
        self.number = 0
        self.gone: LearnerGone | None = None
        self.late: dict[int, str] = {}
        self.depth = 0
        self.callbacks_left = MAX_CALLBACKS

    def names(self, names: list[str], classes: Container[str] = ()) -> dict[str, Any]:
        """Return the values behind those of the names that the learner has defined; ``classes`` are open objects."""
        reply, blob = self.request({"do": "names", "names": names}, bytearray(), self.call_seconds, [], ENDED_BEFORE)
        found = reply.get("found")
        if not isinstance(found, dict):
            raise self.lost(FalseAnswer, f"{PROCESS} sent something that is no answer.")
        values = {}
        with self.garbled():
            for name in [name for name in names if name in found]:
                reader = Reader(blob, lambda tag, rest, name=name: self.stand_for(tag, rest, [], name in classes))  # type: ignore[misc]
                values[name] = reader.read(found[name])
        return values

    def apply(self, operation: str, target: "LearnerObject", what: str, *rest: Any) -> Any:
        """Return the result of an operation on an object of the learner's; the arguments are as they are after it.

        Raises what the learner's code raised, TimeLimit where it took too long, and LearnerGone.
        """
        number = object.__getattribute__(target, "_number")
        if number in self.late:
            raise TimeLimit(f"{self.late[number]} It was not called again.")
        lent: list[Callable[..., Any]] = []
        writer = Writer(lambda value: self.stand_in(value, lent), self.max_bytes)
        args = [target, *rest]
        try:
            form = writer.write(args)
        except CannotCross as problem:
            raise TypeError(f"{what} cannot be called with these arguments: {problem}") from None
        header = {
            "do": "apply", "operation": operation, "args": form, "what": what, "seconds": self.call_seconds,
            "errors": np.geterr(),
        }  # fmt: skip
        reply, blob = self.request(header, writer.blob, self.call_seconds, lent, ENDED_IN.format(what=what))
        with self.garbled():
            self.take_changes(reply, blob, args, lent)
            self.repeat_prints(reply)
            self.repeat_warnings(reply)
            if "error" in reply:
                raise self.error_of(reply["error"], number)
            is_open = target.__dict__["_open"]
            reader = Reader(blob, lambda tag, more: self.stand_for(tag, more, lent, is_open), known=writer.kept)
            return reader.read(reply.get("result"))

    def take_changes(self, reply: Any, blob: bytearray, args: list[Any], lent: list[Any]) -> None:
        """Do to the judge's own arguments what the call did to its copies."""
        if "args" not in reply or type(reply.get("args_at")) is not int or reply["args_at"] < 0:
            return
        reader = Reader(blob[reply["args_at"] :], lambda tag, more: self.stand_for(tag, more, lent))
        after = reader.read(reply["args"])
        if isinstance(after, list) and len(after) == len(args):
            restore(args[1:], after[1:])

    def request(
        self, header: Any, blob: bytearray, seconds: float, lent: list[Any], ended: str
    ) -> tuple[Any, bytearray]:
        """Return the reply to a request, and serve the learner's calls of lent functions meanwhile.

        ``ended`` is what to say where the process ends before the reply.
        """
        if self.gone:
            raise type(self.gone)(*self.gone.args)
        self.number += 1
        number = self.number
        deadline = time.monotonic() + seconds + GRACE
        try:
            self.channel.send({**header, "number": number}, blob, seconds + GRACE)
            while True:
                reply, data = self.channel.receive(max(0.0, deadline - time.monotonic()))
                if not isinstance(reply, dict):
                    raise Garbled("an answer has no known form")
                if "callback" in reply:
                    self.serve_callback(reply, data, lent, deadline)
                elif reply.get("reply") == number:
                    return reply, data
                else:
                    raise Garbled("an answer came that nobody asked for")
        except Silent:
            late = f"{PROCESS} did not answer within {seconds:g} seconds and could not be interrupted."
            raise self.lost(NoAnswer, late) from None
        except Gone:
            raise self.lost(ProcessEnded, ended) from None
        except Garbled as problem:
            raise self.unreadable(problem) from None

    @contextlib.contextmanager
    def garbled(self) -> Iterator[None]:
        """Give the learner up where an answer cannot be read."""
        try:
            yield
        except Garbled as problem:
            raise self.unreadable(problem) from None

    def unreadable(self, problem: Garbled) -> LearnerGone:
        """Give the learner's process up for what it sent; return the exception that says so."""
        kind = NoAnswer if isinstance(problem, TooMuch) else FalseAnswer
        return self.lost(kind, f"{PROCESS} sent something that is no answer: {problem}.")

    def lost(self, kind: type[LearnerGone], text: str) -> LearnerGone:
        """Give the learner's process up; return the exception that says so."""
        self.gone = kind(text)
        self.channel.close()
        return self.gone

    def serve_callback(self, request: Any, blob: bytearray, lent: list[Any], deadline: float) -> None:
        """Call a function that this call has lent, and send its value."""
        place, self.callbacks_left, self.depth = request["callback"], self.callbacks_left - 1, self.depth + 1
        writer = Writer(lambda value: self.stand_in(value, []), self.max_bytes)
        try:
            if type(place) is not int or not 0 <= place < len(lent):
                raise Garbled("a function was called that was not lent")
            if self.callbacks_left < 0 or self.depth > MAX_NESTED:
                raise TooMuch("a lent function was called too often")
            reader = Reader(blob, lambda tag, rest: self.stand_for(tag, rest, []))
            args, keywords = reader.read(request.get("args"))
            try:
                answer = {"answer": writer.write(lent[place](*args, **keywords))}
            except (Garbled, LearnerGone, TimeLimit):
                raise
            except Exception as problem:
                answer = {"answer": None, "error": f"{type(problem).__name__}: {problem}"[:500]}
            self.channel.send(answer, writer.blob, max(0.1, deadline - time.monotonic()))
        except (TypeError, ValueError):
            raise Garbled("a lent function was called in no known form") from None
        finally:
            self.depth -= 1

    def stand_in(self, value: Any, lent: list[Any]) -> Any:
        """Return the form of what cannot cross by value: an object of the learner's own, or a function to lend."""
        if isinstance(value, LearnerObject):
            if object.__getattribute__(value, "_learner") is not self:
                raise CannotCross("it belongs to an earlier state of the notebook")
            return ["h", object.__getattribute__(value, "_number")]
        if callable(value):
            for place, known in enumerate(lent):
                if known is value:
                    return ["f", place, str(getattr(value, "__name__", "function"))]
            lent.append(value)
            return ["f", len(lent) - 1, str(getattr(value, "__name__", "function"))]
        raise CannotCross(f"a {type(value).__name__} stays with the grader")

    def stand_for(self, tag: str, rest: list[Any], lent: list[Any], is_open: bool = False) -> Any:
        """Return what stands here for an object of the learner's, or the lent function that came back."""
        if tag in ("F", "f") and type(rest[0]) is int and 0 <= rest[0] < len(lent):
            return lent[rest[0]]
        if tag == "h" and type(rest[0]) is int and rest[0] >= 0:
            return stand_in_object(self, rest[0], rest[1] if len(rest) > 1 else {}, is_open)
        raise Garbled("a value has no known form")

    def repeat_prints(self, reply: Any) -> None:
        """Print what the call printed, if the check listens; feedback does not show it."""
        printed = reply.get("printed")
        if printed and isinstance(printed, str) and not isinstance(sys.stdout, Printed):
            sys.stdout.write(printed[:20_000])

    def repeat_warnings(self, reply: Any) -> None:
        """Warn as the call warned."""
        warned = reply.get("warned")
        for entry in warned[:50] if isinstance(warned, list) else []:
            if isinstance(entry, list) and len(entry) == 2 and all(isinstance(part, str) for part in entry):
                kind = known_class(entry[0], Warning) or UserWarning
                warnings.warn(plain_text(entry[1], 500), kind, stacklevel=4)

    def error_of(self, described: Any, number: int) -> Exception:
        """Return the exception that the learner's code raised, as one of the judge's own kinds."""
        if not isinstance(described, dict):
            raise Garbled("an exception has no known form")
        text = plain_text(described.get("text", ""), 1000)
        if described.get("late"):
            self.late[number] = text
            return TimeLimit(text)
        bases = described.get("bases")
        name = described.get("type")
        name = name if is_name(name) else "Exception"
        found = [known_class(base, Exception) for base in (bases if isinstance(bases, list) else [])[:50]]
        kind = next((base for base in found if base), LearnerError)
        if kind.__name__ != name:
            kind = type(name, (kind,), {"__module__": "notebook"})
        args = described.get("args")
        if isinstance(args, list) and all(type(arg) in (int, float, str, bool) for arg in args[:5]):
            args = [plain_text(arg, 1000) if isinstance(arg, str) else arg for arg in args[:5]]
        else:
            args = [text]
        for attempt in (args, [text]):
            with contextlib.suppress(Exception):
                return noted(cast(Exception, kind(*attempt)), described.get("line"))
        return noted(LearnerError(f"{name}: {text}"), described.get("line"))


def noted(error: Exception, line: Any) -> Exception:
    """Return an exception with the line of the learner's code that raised it, in a note."""
    if isinstance(line, str) and line:
        error.add_note(f"The line is `{plain_text(line, 80)}`.")
    return error


def is_name(text: Any) -> TypeGuard[str]:
    """Return whether text can be the name of a class or function."""
    return isinstance(text, str) and len(text) <= 100 and text.isidentifier() and not keyword.iskeyword(text)


def known_class(name: Any, base: type) -> Any:
    """Return Python's or NumPy's class of this name below ``base``, or None."""
    if not isinstance(name, str):
        return None
    for home in (builtins, np.exceptions, np.linalg):
        kind = getattr(home, name, None)
        if isinstance(kind, type) and issubclass(kind, base):
            return kind
    return None


class LearnerObject:
    """Stands for an object that stays in the learner's process.

    It is equal only to itself, has no truth value, and cannot be computed with: a check that expects a number is not
    to be satisfied by an object that answers as it likes. Only an *open* object, an instance of a class that the
    exercise asks for, has attributes, items and a length, since its own answers are what is judged.
    """

    def __init__(self, learner: Learner, number: int, known: dict[str, Any], is_open: bool) -> None:
        self.__dict__["_learner"], self.__dict__["_number"], self.__dict__["_open"] = learner, number, is_open
        name = known.get("name")
        self.__dict__["__name__"] = name if is_name(name) or name == "<lambda>" else type(self).__name__
        self.__dict__["__qualname__"] = self.__dict__["__name__"]
        signature = signature_of(known.get("signature"))
        if signature is not None:
            self.__dict__["__signature__"] = signature

    def _do(self, operation: str, *rest: Any) -> Any:
        if not self._open and operation != "call":
            self._refuse()
        return self._learner.apply(operation, self, self.__name__, *rest)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"{self.__name__} has no attribute {name}")
        return self._do("getattr", name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._do("setattr", name, value)

    def __eq__(self, other: Any) -> bool:
        return self is other or (
            isinstance(other, LearnerObject)
            and other.__dict__["_learner"] is self._learner
            and other.__dict__["_number"] == self._number
        )

    def __hash__(self) -> int:
        return hash((id(self._learner), self._number))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of the notebook>"

    def __copy__(self) -> "LearnerObject":
        return self

    def __deepcopy__(self, memo: Any) -> "LearnerObject":
        return self

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError("an object of the notebook stays there")

    def _refuse(self, *args: Any, **keywords: Any) -> Any:
        raise CannotBeJudged(
            f"a value of type {type(self).__name__} cannot be judged; expected a number, a string, an array, or a "
            "list, tuple or dict of these"
        )

    __bool__ = __float__ = __int__ = __index__ = __complex__ = __array__ = _refuse
    __lt__ = __le__ = __gt__ = __ge__ = _refuse

    def __getitem__(self, key: Any) -> Any:
        return self._do("getitem", key)

    def __setitem__(self, key: Any, value: Any) -> None:
        self._do("setitem", key, value)

    def __len__(self) -> int:
        length = self._do("len")
        return length if type(length) is int else self._refuse()

    def __iter__(self) -> Iterator[Any]:
        steps = self._do("iter")
        if not isinstance(steps, LearnerObject):
            return
        while True:
            try:
                step = steps._do("next")
            except StopIteration:
                return
            yield step

    def __instancecheck__(self, value: Any) -> bool:
        return isinstance(value, LearnerObject) and self._learner.apply("instance", value, self.__name__, self) is True

    def __neg__(self) -> Any:
        return self._do("neg")

    def __abs__(self) -> Any:
        return self._do("abs")


def _operation(name: str) -> Callable[[LearnerObject, Any], Any]:
    def operate(self: LearnerObject, other: Any) -> Any:
        if not (isinstance(other, LearnerObject) and other.__dict__["_open"]):
            self._refuse()
        return self._do(name, other)

    return operate


for _name in ("add", "sub", "mul", "truediv", "matmul", "pow", "floordiv", "mod"):
    setattr(LearnerObject, f"__{_name}__", _operation(_name))


class LearnerFunction(LearnerObject):
    """Stands for a function, method or class of the learner's."""

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        """Call it in the learner's process."""
        return self._do("call", list(args), keywords)


_classes: dict[tuple[bool, str], type[LearnerObject]] = {}


def stand_in_object(learner: Learner, number: int, known: Any, is_open: bool) -> LearnerObject:
    """Return what stands for object ``number``, in a class that has its type's name, for messages."""
    if not isinstance(known, dict):
        raise Garbled("an object has no known form")
    name = known.get("type")
    key = (known.get("callable") is True, name if is_name(name) else "object")
    if key not in _classes:
        if len(_classes) > 1000:
            _classes.clear()
        _classes[key] = type(key[1], (LearnerFunction if key[0] else LearnerObject,), {})
    return _classes[key](learner, number, known, is_open)


def signature_of(parameters: Any) -> inspect.Signature | None:
    """Return the signature that the learner's process told, None where it is none."""
    if not isinstance(parameters, list) or len(parameters) > 100:
        return None
    kinds = list(inspect._ParameterKind)
    with contextlib.suppress(Exception):
        return inspect.Signature(
            [
                inspect.Parameter(name, kinds[kind], default=... if has_default else inspect.Parameter.empty)
                for name, kind, has_default in parameters
            ]
        )
    return None
