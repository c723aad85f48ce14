"""Forward functions and other plain functions: stored values, properties, nothing changed in place."""

import contextlib
import copy
import inspect
import io
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcheck.diagnosis import looks_like
from gradcheck.problem import NO_RETURN, Array, TooSlow, exception_text, full_stop, line_of, time_limit, without_line
from gradcheck.report import Diagnosis, Finding, Report, Worst

Function = Callable[..., Any]
# The arguments of a call and what is expected of it.
Case = tuple[tuple[Any, ...], Any]
# What to do about a warning of NumPy, by a word of it.
ADVICE = {
    "overflow": "Rearrange the formula so that no step overflows.",
    "divide by zero encountered in log": "A step takes the logarithm of 0: keep its argument above 0.",
    "divide by zero": "A step divides by 0: look at the denominators.",
    "invalid value": "A step has no answer, such as 0/0, inf - inf, or the logarithm of a negative number.",
}


def check_values(
    function: Function,
    cases: Iterable[Any],
    *,
    properties: Mapping[str, Callable[..., Any]] | None = None,
    reference: Function | None = None,
    mistakes: Mapping[str, Function] | None = None,
    tolerance: float = 1e-9,
) -> Report:
    """Return a report on what ``function`` returns: one finding for the values, one for each property.

    ``cases`` is a list of ``(args, expected)``. ``args`` is the tuple of arguments (anything else counts as
    the only argument); every call gets its own deep copy, generators of random numbers included. ``expected``
    is

    - a number, a string, an array, or lists, tuples and dicts of these: compared entry by entry, arrays to
      ``tolerance`` times their largest entry; shape and kind (float64, integer, text) must agree too;
    - a tuple with ``...`` in it, for instance ``(Z, ...)``: so many values are returned, that one may be
      anything;
    - an exception type, for instance ``ValueError``: the call must raise it;
    - None: only the properties, ``reference`` and the general rules are checked.

    A function that returns a pair ``(out, cache)`` is compared by ``out`` alone when ``expected`` is not a
    tuple.

    ``properties`` maps a sentence ("every row sums to 1") to a predicate ``(out, *args) -> bool``; a
    predicate may return a string instead, which is what is wrong ("" when all is well). ``out`` is the first
    of a returned pair, unless ``expected`` is a tuple without ``...``. ``reference`` is a right function,
    called with the same arguments; its result is the expectation of cases that have none (or ``...``).
    ``mistakes`` maps a short name to a wrong function: where it gives the learner's own results in every case
    that is wrong, and is itself right where the learner's results are, the finding has the cause
    ``author-mistake`` and says the name.

    The general rules: no argument is changed in place, nothing overflows or divides by zero with a warning,
    every number is finite unless the expectation is not.

    A report of this function scores all or nothing. Raises TypeError or ValueError for arguments that make no
    check.
    """
    name = getattr(function, "__name__", "<lambda>")
    name = "the function" if name == "<lambda>" else name
    failures: list[Failure] = []
    passes: list[Case] = []
    objections: dict[str, list[Failure]] = {}
    unseen = False
    pairs = read_cases(function, cases)
    for args, expected in pairs:
        result, wrong = call(function, args, expected)
        if wrong is None and not is_exception(expected):
            if reference is not None and (expected is None or has_wildcard(expected)):
                expected = reference(*copy.deepcopy(args))
            wrong = compare(result, expected, tolerance)
        if wrong is not None:
            failures.append(Failure(args, expected, result, wrong))
            if wrong.cause == "too-slow":
                break
        elif not is_exception(expected):
            passes.append((args, expected))
        if is_exception(expected):
            continue
        if wrong is not None and wrong.worst is None:
            unseen = True
            continue
        if isinstance(expected, tuple) and isinstance(result, list):
            result = tuple(result)
        out = result[0] if is_pair(result) and not is_plain_tuple(expected) else result
        for sentence, predicate in (properties or {}).items():
            complaint = ask(predicate, out, args, not failures)
            against = objections.setdefault(sentence, [])
            if complaint:
                said = Diagnosis("unknown", f"breaks a rule: {sentence}{complaint}")
                against.append(Failure(args, expected, result, said))

    def finding(about: str, right: str, failures: list[Failure]) -> Finding:
        if not failures:
            return Finding(about, True, right, kind="value")
        said = name_authors_mistake(failures, passes, mistakes or {}, tolerance)
        colon = ":" if said.sentence.startswith("result[") else ""
        text = f"{name}{call_text(failures[0].args)}{colon} {said.sentence}"
        return Finding(about, False, text, said.cause, said.factor, said.worst, "fail", "value")

    count = f"{len(pairs)} case{'' if len(pairs) == 1 else 's'}"
    right = f"{name} is right in {count}."
    if reference is None and all(expected is None for _, expected in pairs):
        right = f"{name} answers in {count}, without an error or a warning."
    findings = [finding(name, right, failures)]
    # A rule that held where it could be looked at, and could not be everywhere, is not said to hold.
    told = {sentence: against for sentence, against in objections.items() if against or not unseen}
    findings += [finding(sentence, f"{name}: {sentence}.", against) for sentence, against in told.items()]
    return Report(tuple(findings), evaluations=len(pairs), tolerance=tolerance)


@dataclass(frozen=True)
class Failure:
    """A case that went wrong: what was asked, expected, returned, and what is wrong with it."""

    args: tuple[Any, ...]
    expected: Any
    result: Any
    wrong: Diagnosis


def read_cases(function: Function, cases: Iterable[Any]) -> list[Case]:
    """Return the cases as (tuple of arguments, expected); TypeError or ValueError says what to pass."""
    if not callable(function):
        raise TypeError(f"check_values() checks a function, not {type(function).__name__}.")
    if isinstance(cases, Mapping | str) or not isinstance(cases, Iterable):
        raise TypeError("cases is a list of (args, expected), for instance [((X, W, b), Z)].")
    read = []
    for case in cases:
        if not isinstance(case, tuple | list) or len(case) != 2:
            raise TypeError("each case is a pair (args, expected), for instance ((X, W, b), Z).")
        args, expected = case
        read.append((args if isinstance(args, tuple) else (args,), expected))
    if not read:
        raise ValueError("check_values() needs at least one case: (args, expected).")
    return read


def is_exception(expected: Any) -> bool:
    return isinstance(expected, type) and issubclass(expected, BaseException)


def has_wildcard(expected: Any) -> bool:
    return isinstance(expected, tuple) and any(part is ... for part in expected)


def is_plain_tuple(expected: Any) -> bool:
    return isinstance(expected, tuple) and not has_wildcard(expected)


def is_pair(result: Any) -> bool:
    return isinstance(result, tuple) and len(result) == 2


def call_text(args: tuple[Any, ...]) -> str:
    """Return how the call looked, short: ``(array of shape (5, 3), 2.0)``."""

    def one(value: Any) -> str:
        if isinstance(value, np.ndarray):
            return f"array of shape {value.shape}" if value.size > 6 else f"array {in_six_digits(value.tolist())}"
        if isinstance(value, np.random.Generator):
            return "rng"
        text = getattr(value, "__name__", None) or (outline(value) if holds_arrays(value) else repr(value))
        return text if len(text) <= 60 else text[:57] + "..."

    return f"({', '.join(one(value) for value in args)})"


def in_six_digits(values: Any) -> Any:
    """Return the entries of an array, in lists as they were, rounded to six significant digits."""
    if isinstance(values, list):
        return [in_six_digits(value) for value in values]
    return float(f"{values:.6g}") + 0.0 if isinstance(values, float) else values


def holds_arrays(value: Any) -> bool:
    """Return whether a list, tuple or dict has an array somewhere inside."""
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return any(isinstance(part, np.ndarray) or holds_arrays(part) for part in inner)


def outline(value: Any) -> str:
    """Return lists, tuples and dicts with the shapes of the arrays in them: ``[{'W': (3, 4), 'b': (4,)}]``."""
    if isinstance(value, np.ndarray):
        return str(value.shape)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key!r}: {outline(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(outline, value))}]"
    if isinstance(value, tuple):
        return f"({', '.join(map(outline, value))}{',' if len(value) == 1 else ''})"
    return repr(value)


def short(value: Any) -> str:
    """Return a value in at most 60 characters."""
    text = np.array2string(value, precision=6, threshold=8) if isinstance(value, np.ndarray) else repr(value)
    text = " ".join(text.split()).replace("Ellipsis", "...")
    return text if len(text) <= 60 else text[:57] + "..."


def counted(count: int) -> str:
    return f"{count} value{'' if count == 1 else 's'}"


def call(function: Function, args: tuple[Any, ...], expected: Any) -> tuple[Any, Diagnosis | None]:
    """Return the result of one call on a copy of the arguments, and what went wrong with the call itself."""
    given = copy.deepcopy(args)
    with (
        warnings.catch_warnings(record=True) as caught,
        np.errstate(over="warn", divide="warn", invalid="warn"),
    ):
        warnings.simplefilter("always")
        try:
            with contextlib.redirect_stdout(io.StringIO()), time_limit():
                result = function(*given)
        except TooSlow as slow:
            return None, Diagnosis("too-slow", str(slow))
        except (Exception, SystemExit) as error:
            if not is_exception(expected):
                return None, Diagnosis("raised", f"{exception_text(error)}{line_of(error)}")
            if isinstance(error, expected):
                return None, None
            return None, Diagnosis("raised", f"must raise {expected.__name__}; it raised {error!r}.")
    if is_exception(expected):
        text = f"must raise {expected.__name__}; it returned {short(result)}."
        return result, Diagnosis("accepts-bad-input", text)
    for k, (before, after) in enumerate(zip(args, given, strict=True)):
        if not same(before, after):
            name = argument(function, k)
            text = f"changed its argument {name} in place{first_difference(before, after, name)}."
            return result, Diagnosis("modifies-input", f"{text} Leave it as it was, and work on a copy.")
    noise = [str(one.message) for one in caught if issubclass(one.category, RuntimeWarning)]
    if noise:
        advice = next((words for said, words in ADVICE.items() if said in noise[0]), ADVICE["overflow"])
        return result, Diagnosis("warns", f"gave the warning {noise[0]!r}. {advice}")
    return result, None


def argument(function: Function, k: int) -> str:
    """Return what a function calls its argument number k, counted from 0; where that is unknown, the number."""
    try:
        return list(inspect.signature(function).parameters)[k]
    except (TypeError, ValueError, IndexError):
        return f"number {k + 1}"


def same(before: Any, after: Any, depth: int = 50) -> bool:
    """Return whether two deep copies still hold equal values (functions and generators count as equal).

    A list or dict that holds itself is gone into so deep and no deeper.
    """
    if not depth:
        return True
    if isinstance(before, np.ndarray):
        if not isinstance(after, np.ndarray) or (before.shape, before.dtype) != (after.shape, after.dtype):
            return False
        return before.dtype == object or before.tobytes() == after.tobytes()
    if isinstance(before, Mapping):
        return before.keys() == after.keys() and all(same(before[key], after[key], depth - 1) for key in before)
    if isinstance(before, list | tuple):
        return len(before) == len(after) and all(same(*pair, depth - 1) for pair in zip(before, after, strict=True))
    if isinstance(before, int | float | complex | str | bytes):
        return bool(before == after) or before != before
    return True


def differs(before: Array, after: Array, name: str) -> str:
    """Return the first entry that changed, before and after."""
    if before.shape != after.shape:
        return f"its shape was {before.shape} and is {after.shape}."
    changed = np.argwhere(~((before == after) | (np.isnan(before) & np.isnan(after))))
    if not len(changed):
        return "it is another array afterwards."
    index = tuple(int(i) for i in changed[0])
    was, now = told_apart(before[index], after[index], least=6)
    return f"{name}{at(index).removeprefix(' at ')} was {was} and is {now} afterwards."


def first_difference(before: Any, after: Any, path: str) -> str:
    """Return where two caches or arguments differ: `` (cache[0][1, 2] was 3 and is 0 afterwards)``."""
    steps: Any = []
    if isinstance(before, tuple | list) and isinstance(after, tuple | list):
        if len(before) != len(after):
            return f" ({path} had {len(before)} entries and has {len(after)} afterwards)"
        if all(any(same(a, b) for b in others) for one, others in ((before, after), (after, before)) for a in one):
            return f" (the entries of {path} stand in another order afterwards)"
        steps = range(len(before))
    if isinstance(before, dict) and isinstance(after, dict) and before.keys() == after.keys():
        steps = before
    for step in steps:
        if not same(before[step], after[step]):
            return first_difference(before[step], after[step], f"{path}[{step!r}]")
    if isinstance(before, np.ndarray) and isinstance(after, np.ndarray) and before.dtype.kind == "f":
        return f" ({differs(before, after, path).rstrip('.')})"
    return f" ({path} was {short(before)} and is {short(after)} afterwards)"


def compare(result: Any, expected: Any, tolerance: float) -> Diagnosis | None:
    """Return what is wrong with a result, or None."""
    cache = None
    if is_pair(result) and not isinstance(expected, tuple) and not (isinstance(expected, list) and len(expected) == 2):
        result, cache = result
    if expected is not None:
        found = find_difference(result, expected, "", tolerance)
        if found and cache is not None and find_difference(cache, expected, "", tolerance) is None:
            return Diagnosis("order", "returned the right output second: it must come first, before the cache.")
        return found
    if result is None:
        return Diagnosis("none", f"returned None: {NO_RETURN}")
    if isinstance(result, np.ndarray | float) and not np.isfinite(result).all():
        return Diagnosis("not-finite", f"returned NaN or infinity: {short(result)}.")
    return None


def told(path: str, verb: str, what: str) -> str:
    """Return ``returned 3`` of a whole result, ``result[1] is 3`` of the part of it that ``path`` names."""
    return f"result{path} {verb} {what}" if path else f"returned {what}"


def kind_of(value: Any) -> str:
    """Return in a word or two what a value is."""
    if isinstance(value, np.ndarray):
        return "one array"
    if isinstance(value, int | float | np.number) and not isinstance(value, bool):
        return "one number"
    return f"a {type(value).__name__}"


def find_difference(yours: Any, expected: Any, path: str, tolerance: float) -> Diagnosis | None:
    """Return what is wrong with the first part that differs, or None; ``path`` says which part."""
    if expected is ... or (expected is None and yours is None):
        return None
    yours, expected = in_python(yours), in_python(expected)
    if yours is None:
        text = f"{told(path, 'is', 'None')} instead of {short(expected)}"
        return Diagnosis("none", f"{text}." if path else f"{text}: {NO_RETURN}")
    if expected is None or isinstance(expected, str | bytes | bool):
        if type(yours) is type(expected) and yours == expected:
            return None
        return Diagnosis("unknown", told(path, "is", f"{short(yours)}, expected {short(expected)}."))
    if isinstance(expected, Mapping):
        if not isinstance(yours, Mapping):
            text = f"{kind_of(yours)}, expected a dict with the keys {sorted(expected)}."
            return Diagnosis("wrong-type", told(path, "is", text))
        if set(yours) != set(expected):
            mine, right = sorted(map(str, yours)), sorted(map(str, expected))
            return Diagnosis("wrong-count", told(path, "is", f"a dict with the keys {mine}, expected {right}."))
        steps = [(yours[key], expected[key], f"[{key!r}]") for key in expected]
    elif isinstance(expected, list | tuple):
        if not isinstance(yours, list | tuple):
            wanted = f"{counted(len(expected))} in a {type(expected).__name__}"
            return Diagnosis("wrong-type", told(path, "is", f"{kind_of(yours)}, expected {wanted}."))
        if len(yours) != len(expected):
            text = f"{counted(len(yours))}, expected {len(expected)}."
            return Diagnosis("wrong-count", told(path, "has", text))
        steps = [(y, e, f"[{k}]") for k, (y, e) in enumerate(zip(yours, expected, strict=True))]
    else:
        return compare_numbers(yours, expected, path, tolerance)
    parts = (find_difference(y, e, path + step, tolerance) for y, e, step in steps)
    found = next((one for one in parts if one is not None), None)
    if found and not isinstance(expected, Mapping) and is_reordered(yours, expected, tolerance):
        text = f"the right values in the wrong order: {short(yours)}, expected {short(expected)}."
        return Diagnosis("order", told(path, "has", text))
    return found


def in_python(value: Any) -> Any:
    """Return what NumPy holds as one True, False or text as Python's own."""
    is_one = isinstance(value, np.generic | np.ndarray) and not value.ndim and value.dtype.kind in "bUS"
    return value.item() if is_one else value


def is_reordered(yours: Sequence[Any], expected: Sequence[Any], tolerance: float) -> bool:
    """Return whether each expected value is there once, elsewhere."""
    left = list(yours)
    for wanted in expected:
        hits = (k for k, have in enumerate(left) if find_difference(have, wanted, "", tolerance) is None)
        found = next(hits, None)
        if found is None:
            return False
        del left[found]
    return True


def compare_numbers(yours: Any, expected: Any, path: str, tolerance: float) -> Diagnosis | None:
    """Compare two numbers or arrays: type, shape, finiteness, values, kind."""
    true = np.asarray(expected)
    wanted = f"an array of shape {true.shape}" if true.ndim else "one number"
    if isinstance(yours, tuple) and len(yours) > 2 and not path:
        text = f"returned {counted(len(yours))}, expected {wanted}."
        return Diagnosis("wrong-count", f"{text} (A cache of several values goes in brackets of its own: out, (a, b).)")
    try:
        have = np.asarray(yours)
    except Exception:
        text = f"{kind_of(yours)} that is no array of numbers, expected {wanted}."
        return Diagnosis("wrong-type", told(path, "is", text))
    if have.dtype.kind not in "biufc":
        text = f"{kind_of(yours)}, {short(yours)}, expected {short(expected)}."
        return Diagnosis("wrong-type", told(path, "is", text))
    if true.ndim and isinstance(expected, np.ndarray) and not isinstance(yours, np.ndarray):
        text = f"{kind_of(yours)}, expected {wanted}."
        return Diagnosis("wrong-type", told(path, "is", text))
    if have.shape != true.shape:
        cause, hint = explain_shape(have, true, tolerance)
        text = f"shape {have.shape}, expected {true.shape if true.ndim else wanted}.{hint}"
        what = "an array" if isinstance(yours, np.ndarray) else kind_of(yours)
        return Diagnosis(cause, told(path, "has", text) if path else f"returned {what} of {text}")
    lost = np.isfinite(true) & ~np.isfinite(have)
    if lost.any():
        index = tuple(int(i) for i in np.argwhere(lost)[0])
        worst = Worst(index, float(have[index].real), float(true[index]))
        text = told(path, "is", f"{have[index]}{at(index)}, expected {true[index]:.6g}.")
        return Diagnosis("not-finite", text, worst=worst)
    with np.errstate(all="ignore"):
        gap = np.abs(np.subtract(have, true, dtype=np.result_type(have, true, np.float64)))
    gap = np.where((have == true) | (np.isnan(have) & np.isnan(true)), 0.0, gap)
    scale = float(np.abs(true[np.isfinite(true)]).max(initial=0.0))
    if have.dtype.kind == "f" and (gap > tolerance * scale).any():
        precision = np.finfo(have.dtype)
        if (gap <= 1000 * precision.eps * scale).all():
            text = f"{have.dtype} numbers, which hold about {precision.precision} digits, expected float64."
            return Diagnosis("wrong-type", told(path, "has", text))
    if not (gap <= tolerance * scale).all():
        index = tuple(int(i) for i in np.unravel_index(int(np.argmax(np.nan_to_num(gap, nan=np.inf))), gap.shape))
        worst = Worst(index, float(have[index].real), float(true[index].real))
        cause, hint, factor = explain_values(have, true, tolerance)
        mine, right = told_apart(worst.yours, worst.true)
        if have.dtype == bool:
            mine, right, hint = str(have[index]), str(true[index]) if true.dtype == bool else right, ""
        return Diagnosis(cause, told(path, "is", f"{mine}{at(index)}, expected {right}.{hint}"), factor, worst)
    if have.dtype.kind == "i" and not have.any():
        # Python's own 0 makes whole numbers of an array of zeros; nothing is lost by it.
        have = have.astype(np.float64)
    if true.dtype.kind == "f" and have.dtype.kind != "f":
        return Diagnosis("integer-dtype", told(path, "has", f"{have.dtype} numbers, expected float64."))
    if isinstance(expected, np.ndarray) and true.dtype == np.float64 and have.dtype != np.float64:
        return Diagnosis("wrong-type", told(path, "has", f"{have.dtype} numbers, expected float64."))
    return None


def told_apart(a: float, b: float, least: int = 9) -> tuple[str, str]:
    """Return two unequal numbers with as many digits as it takes to tell them apart, at least ``least``."""
    # Neither is told as -0.
    a, b = a + 0.0, b + 0.0
    digits = next((d for d in range(least, 17) if f"{a:.{d}g}" != f"{b:.{d}g}"), 17)
    return f"{a:.{digits}g}", f"{b:.{digits}g}"


def at(index: tuple[int, ...]) -> str:
    return f" at [{', '.join(map(str, index))}]" if index else ""


def explain_shape(have: Any, true: Any, tolerance: float) -> tuple[str, str]:
    """Return the cause of a wrong shape when the numbers betray it."""
    close = tolerance * float(np.abs(true).max(initial=0.0))
    if have.size == true.size and np.allclose(have.reshape(true.shape), true, rtol=tolerance, atol=close):
        return "extra-dimension", " The numbers are right, row by row; only the shape is not."
    if have.T.shape == true.shape and np.allclose(have.T, true, rtol=tolerance, atol=close):
        return "transposed", " The numbers are right, but transposed."
    return "wrong-shape", ""


def explain_values(have: Any, true: Any, tolerance: float) -> tuple[str, str, float | None]:
    """Return cause, hint and factor of wrong values of the right shape."""
    if not have.any() and true.size > 1:
        return "placeholder", " Everything is 0: was it ever filled in?", None
    if not np.isfinite(true).all() or not true.any():
        return "unknown", "", None
    top = np.unravel_index(int(np.abs(true).argmax()), true.shape)
    factor, everywhere = float(np.real(have[top] / true[top])), " everywhere" if true.size > 1 else ""
    if factor and (np.abs(have - factor * true) <= 1e-7 * np.abs(factor * true[top])).all():
        if abs(factor + 1) < 1e-7:
            return "sign", " The sign is flipped.", -1.0
        is_pattern = np.unique(np.abs(true[true != 0])).size > 1 and abs(factor - 1) > 1e-6
        if is_pattern or factor in (0.5, 2.0):
            return "constant-factor", f" Yours is {factor:.6g} times the right answer{everywhere}.", factor
    if have.ndim == 2 and have.T.shape == true.shape and np.allclose(have.T, true, rtol=tolerance):
        return "transposed", " The numbers are right, but transposed.", None
    return "unknown", "", None


def ask(predicate: Function, out: Any, args: tuple[Any, ...], is_right: bool) -> str:
    """Return what a predicate objects to, "" where it holds.

    Where values are wrong, which is said elsewhere, neither the numbers nor an error of the predicate is told.
    """
    try:
        answer = predicate(out, *copy.deepcopy(args))
    except Exception as error:
        if not is_right:
            return " (that could not be looked at in this result)."
        return f" (it could not be checked on your result: {type(error).__name__}: {error})."
    if isinstance(answer, str):
        return f"; {answer.rstrip('.')}." if answer else ""
    if np.all(answer):
        return ""
    return full_stop(f". It returned {short(out)}") if is_right else "."


def name_authors_mistake(
    failures: list[Failure], passes: list[Case], mistakes: Mapping[str, Function], tolerance: float
) -> Diagnosis:
    """Return the first failure, named after the author's mistake that does the same in every case.

    Whether a mistake refuses what the learner's function rightly refuses is not asked: it is another matter. Where
    none does the same everywhere, a single one that does so in the first failing case is mentioned, and not named.
    """
    wrong = failures[0].wrong
    alike = [
        name
        for name, function in mistakes.items()
        if reproduces(function, failures[0], tolerance)
        and all(is_right(function, args, expected, tolerance) for args, expected in passes)
    ]
    names = [name for name in alike if all(reproduces(mistakes[name], f, tolerance) for f in failures[1:])]
    if names:
        return wrong._replace(cause="author-mistake", sentence=f"{wrong.sentence} {looks_like(names)}")
    if len(alike) == 1 and wrong.cause != "accepts-bad-input":
        text = full_stop(f"In this case it does the same as this mistake: {alike[0]}")
        return wrong._replace(sentence=f"{wrong.sentence} {text}")
    return wrong


def reproduces(function: Function, failure: Failure, tolerance: float) -> bool:
    """Return whether an author's wrong function does what the learner's did on one failing case."""
    result, wrong = call(function, failure.args, failure.expected)
    of_the_call = ("raised", "modifies-input", "warns", "accepts-bad-input", "too-slow")
    if (wrong.cause if wrong else None) != (failure.wrong.cause if failure.wrong.cause in of_the_call else None):
        return False
    if wrong is not None and wrong.cause == "raised":
        return without_line(wrong.sentence) == without_line(failure.wrong.sentence)
    mine = failure.result
    if is_pair(mine) and is_pair(result) and not isinstance(failure.expected, tuple):
        mine, result = mine[0], result[0]
    return find_difference(mine, as_asked(result, failure.expected), "", tolerance) is None


def as_asked(result: Any, expected: Any) -> Any:
    """Return a result with ``...`` in each place where the expectation has it: there nothing is compared."""
    if expected is ...:
        return ...
    if isinstance(result, list | tuple) and isinstance(expected, list | tuple) and len(result) == len(expected):
        return tuple(as_asked(*pair) for pair in zip(result, expected, strict=True))
    return result


def is_right(function: Function, args: tuple[Any, ...], expected: Any, tolerance: float) -> bool:
    """Return whether an author's wrong function gives what is expected in one case."""
    result, wrong = call(function, args, expected)
    return wrong is None and compare(result, expected, tolerance) is None
