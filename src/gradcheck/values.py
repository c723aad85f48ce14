"""Forward functions and other plain functions: stored values, properties, nothing changed in place."""

import contextlib
import copy
import io
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from gradcheck.report import Finding, Report, Worst

Function = Callable[..., Any]


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

    ``cases`` is a list of ``(args, expected)``. ``args`` is the tuple of arguments (anything else counts as the only
    argument); every call gets its own deep copy, generators of random numbers included. ``expected`` is

    - a number, a string, an array, or lists, tuples and dicts of these: compared entry by entry, arrays to
      ``tolerance`` times their largest entry; shape and kind (float64, integer, text) must agree too;
    - a tuple with ``...`` in it, for instance ``(Z, ...)``: so many values are returned, that one may be anything;
    - an exception type, for instance ``ValueError``: the call must raise it;
    - None: only the properties, ``reference`` and the general rules are checked.

    A function that returns a pair ``(out, cache)`` is compared by ``out`` alone when ``expected`` is not a tuple.

    ``properties`` maps a sentence ("every row sums to 1") to a predicate ``(out, *args) -> bool``; a predicate may
    return a string instead, which is what is wrong ("" when all is well). ``out`` is the first of a returned pair,
    unless ``expected`` is a tuple without ``...``. ``reference`` is a right function, called with the same arguments;
    its result is the expectation of cases that have none (or ``...``). ``mistakes`` maps a short name to a wrong
    function: where it gives the learner's own results in every case that is wrong, the finding has the cause
    ``author-mistake`` and says the name.

    The general rules: no argument is changed in place, nothing overflows or divides by zero with a warning, every
    number is finite unless the expectation is not.

    A report of this function scores all or nothing. Raises TypeError or ValueError for arguments that make no check.
    """
    cases = read_cases(function, cases)
    properties, mistakes = dict(properties or {}), dict(mistakes or {})
    trouble: list[tuple[tuple[Any, ...], Any, Any, Finding]] = []
    broken: dict[str, Finding] = {}
    held: set[str] = set()
    name = getattr(function, "__name__", "function")
    name = "the function" if name == "<lambda>" else name
    for args, expected in cases:
        result, finding = call(function, args, name, expected)
        if finding is None and not is_exception(expected):
            if reference is not None and (expected is None or has_wildcard(expected)):
                expected = reference(*copy.deepcopy(args))
            finding = compare(result, expected, name, args, tolerance)
        if finding is not None:
            trouble.append((args, expected, result, finding))
        if is_exception(expected) or (finding is not None and finding.worst is None):
            continue
        out = result[0] if is_pair(result) and not is_plain_tuple(expected) else result
        for sentence, predicate in properties.items():
            held.add(sentence)
            complaint = ask(predicate, out, args)
            if complaint and sentence not in broken:
                broken[sentence] = Finding(
                    sentence, False, f"{name}{call_text(args)}: {complaint_text(sentence, complaint)}",
                    cause="unknown", verdict="fail", kind="value",
                )  # fmt: skip
    findings: list[Finding] = []
    if trouble:
        findings.append(name_authors_mistake(trouble, mistakes, tolerance))
    else:
        plural = "case" if len(cases) == 1 else "cases"
        findings.append(Finding(name, True, f"{name} is right in {len(cases)} {plural}.", kind="value"))
    for sentence in properties:
        if sentence in broken:
            findings.append(broken[sentence])
        elif sentence in held:
            findings.append(Finding(sentence, True, f"{name}: {sentence}.", kind="value"))
    return Report(tuple(findings), evaluations=len(cases), tolerance=tolerance)


def read_cases(function: Function, cases: Iterable[Any]) -> list[tuple[tuple[Any, ...], Any]]:
    """Return the cases as (tuple of arguments, expected); TypeError or ValueError says what to pass."""
    if not callable(function):
        raise TypeError(f"check_values() checks a function, not {type(function).__name__}.")
    if isinstance(cases, Mapping) or not isinstance(cases, Iterable):
        raise TypeError("cases is a list of (args, expected), for instance [((X, W, b), Z)].")
    read = []
    for case in cases:
        if not (isinstance(case, Sequence) and len(case) == 2 and not isinstance(case, str)):
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
    """Return how the call looked, short: ``(X of shape (5, 3), 2.0)``."""

    def one(value: Any) -> str:
        if isinstance(value, np.ndarray):
            return f"array of shape {value.shape}" if value.size > 6 else f"array {value.tolist()}"
        text = getattr(value, "__name__", None) or repr(value)
        return text if len(text) <= 40 else text[:37] + "..."

    return f"({', '.join(one(value) for value in args)})"


def call(function: Function, args: tuple[Any, ...], name: str, expected: Any) -> tuple[Any, Finding | None]:
    """Return the result of one call on a copy of the arguments, and a finding if the call itself went wrong."""

    def wrong(cause: str, text: str) -> Finding:
        return Finding(
            name, False, f"{name}{call_text(args)} {text}", cause=cause, verdict="fail", kind="value"
        )

    given = copy.deepcopy(args)
    result = None
    with (
        warnings.catch_warnings(record=True) as caught,
        np.errstate(over="warn", divide="warn", invalid="warn"),
    ):
        warnings.simplefilter("always")
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                result = function(*given)
        except Exception as error:
            if is_exception(expected):
                if isinstance(error, expected):
                    return None, None
                return None, wrong("raised", f"must raise {expected.__name__}; it raised {error!r}.")
            return None, wrong("raised", f"raised {type(error).__name__}: {error}")
    if is_exception(expected):
        return result, wrong(
            "accepts-bad-input", f"must raise {expected.__name__}; it returned {result!r:.60}."
        )
    changed = [
        k for k, (before, after) in enumerate(zip(args, given, strict=True)) if not same(before, after)
    ]
    if changed:
        return result, wrong(
            "modifies-input",
            f"changed its argument number {changed[0] + 1} in place, from {short(args[changed[0]])} to "
            f"{short(given[changed[0]])}. Work on a new array, and put back what you nudge.",
        )
    noise = [w for w in caught if issubclass(w.category, RuntimeWarning)]
    if noise:
        return result, wrong(
            "warns",
            f"gave the warning {str(noise[0].message)!r}. Rearrange the formula so that no step overflows.",
        )
    return result, None


def same(before: Any, after: Any) -> bool:
    """Return whether two deep copies still hold equal values (callables and generators count as equal)."""
    if isinstance(before, np.ndarray):
        return (
            isinstance(after, np.ndarray)
            and before.shape == after.shape
            and before.dtype == after.dtype
            and before.tobytes() == after.tobytes()
        )
    if isinstance(before, Mapping):
        return before.keys() == after.keys() and all(same(before[key], after[key]) for key in before)
    if isinstance(before, list | tuple):
        return len(before) == len(after) and all(map(same, before, after))
    if isinstance(before, int | float | complex | str | bytes | bool | type(None)):
        return bool(before == after) or before != before
    return True


def short(value: Any) -> str:
    """Return a value in at most 60 characters."""
    text = (
        " ".join(np.array2string(value, precision=6, threshold=8).split())
        if isinstance(value, np.ndarray)
        else repr(value)
    )
    return text if len(text) <= 60 else text[:57] + "..."


def compare(result: Any, expected: Any, name: str, args: tuple[Any, ...], tolerance: float) -> Finding | None:
    """Return what is wrong with a result, or None."""
    where = f"{name}{call_text(args)}"
    if expected is None:
        out = result[0] if is_pair(result) else result
        cause, text = general_rules(out)
        return (
            None
            if cause is None
            else Finding(name, False, f"{where} {text}", cause, verdict="fail", kind="value")
        )
    if is_pair(result) and not isinstance(expected, tuple):
        result = result[0]
    difference = find_difference(result, expected, "", tolerance)
    if difference is None:
        return None
    cause, text, worst, factor = difference
    return Finding(name, False, f"{where} {text}", cause, factor, worst, verdict="fail", kind="value")


def general_rules(out: Any) -> tuple[str | None, str]:
    """Return what any numeric result must be: not None, numbers, finite."""
    if out is None:
        return "none", "returned None: is the return line still missing?"
    if (
        isinstance(out, np.ndarray | float | np.number)
        and np.asarray(out).dtype.kind in "fc"
        and not np.isfinite(out).all()
    ):
        return "not-finite", f"returned NaN or infinity: {short(out)}."
    return None, ""


Difference = tuple[str, str, Worst | None, float | None]


def find_difference(yours: Any, expected: Any, path: str, tolerance: float) -> Difference | None:
    """Return (cause, sentence, worst, factor) of the first part that differs, or None; ``path`` says which part."""
    part = f"{path}: " if path else ""
    if expected is ... or expected is None and yours is None:
        return None
    if yours is None:
        return (
            "none",
            f"{part}returned None instead of {short(expected)}. Is the return line still missing?",
            None,
            None,
        )
    if isinstance(expected, str | bytes | bool):
        if type(yours) is type(expected) and yours == expected:
            return None
        return "unknown", f"{part}returned {short(yours)}, expected {short(expected)}.", None, None
    if isinstance(expected, Mapping):
        if not isinstance(yours, Mapping):
            return (
                "wrong-type",
                f"{part}returned {type(yours).__name__}, expected a dict with the keys {sorted(expected)}.",
                None,
                None,
            )
        if set(yours) != set(expected):
            return (
                "wrong-count",
                f"{part}the dict has the keys {sorted(map(str, yours))}, expected {sorted(map(str, expected))}.",
                None,
                None,
            )
        return next_difference(
            ((yours[key], expected[key], f"[{key!r}]") for key in expected), path, tolerance
        )
    if isinstance(expected, list | tuple):
        if not isinstance(yours, list | tuple):
            return (
                "wrong-type",
                f"{part}returned {type(yours).__name__}, expected {len(expected)} values in a {type(expected).__name__}.",
                None,
                None,
            )
        if len(yours) != len(expected):
            return "wrong-count", f"{part}returned {len(yours)} values, expected {len(expected)}.", None, None
        found = next_difference(
            ((y, e, f"[{k}]") for k, (y, e) in enumerate(zip(yours, expected, strict=True))), path, tolerance
        )
        if found and is_reordered(yours, expected, tolerance):
            return (
                "order",
                f"{part}returned the right values in the wrong order: {short(yours)}, expected {short(expected)}.",
                None,
                None,
            )
        return found
    return compare_numbers(yours, expected, part, tolerance)


def next_difference(parts: Iterable[tuple[Any, Any, str]], path: str, tolerance: float) -> Difference | None:
    """Return the first difference among parts."""
    for yours, expected, step in parts:
        found = find_difference(yours, expected, path + step, tolerance)
        if found:
            return found
    return None


def is_reordered(yours: Sequence[Any], expected: Sequence[Any], tolerance: float) -> bool:
    """Return whether each expected value is there once, elsewhere."""
    left = list(yours)
    for wanted in expected:
        place = next(
            (k for k, have in enumerate(left) if find_difference(have, wanted, "", tolerance) is None), None
        )
        if place is None:
            return False
        del left[place]
    return True


def compare_numbers(yours: Any, expected: Any, part: str, tolerance: float) -> Difference | None:
    """Compare two numbers or arrays: type, shape, kind, finiteness, values."""
    true = np.asarray(expected)
    try:
        have = np.asarray(yours)
    except ValueError:
        return "wrong-type", f"{part}returned rows of unequal length: {short(yours)}.", None, None
    if have.dtype.kind not in "biufc":
        return (
            "wrong-type",
            f"{part}returned {type(yours).__name__} {short(yours)}, expected {short(expected)}.",
            None,
            None,
        )
    if isinstance(expected, np.ndarray) and expected.ndim and not isinstance(yours, np.ndarray):
        return (
            "wrong-type",
            f"{part}returned {type(yours).__name__}, expected an array of shape {true.shape}.",
            None,
            None,
        )
    if have.shape != true.shape:
        cause, hint = explain_shape(have, true, tolerance)
        return cause, f"{part}returned shape {have.shape}, expected {true.shape}.{hint}", None, None
    if true.dtype.kind == "f" and (np.isfinite(true) & ~np.isfinite(have)).any():
        index = tuple(int(i) for i in np.argwhere(np.isfinite(true) & ~np.isfinite(have))[0])
        worst = Worst(index, float(have[index]), float(true[index]))
        return (
            "not-finite",
            f"{part}holds {have[index]} {place(index)}expected {true[index]:.6g}.",
            worst,
            None,
        )
    with np.errstate(invalid="ignore", over="ignore"):
        gap = np.abs(np.subtract(have, true, dtype=np.result_type(have, true, np.float64)))
        equal = (have == true) | (np.isnan(have) & np.isnan(true))
        # NaN on one side only, or opposite infinities, is as different as can be.
        gap = np.where(equal, 0.0, np.where(np.isnan(gap), np.inf, gap))
    scale = float(np.abs(true[np.isfinite(true)]).max(initial=0.0))
    if (gap <= tolerance * scale).all():
        if true.dtype.kind == "f" and have.dtype.kind != "f":
            return "integer-dtype", f"{part}has dtype {have.dtype}, expected float64.", None, None
        if true.dtype == np.float64 and isinstance(expected, np.ndarray) and have.dtype != np.float64:
            return "wrong-type", f"{part}has dtype {have.dtype}, expected float64.", None, None
        return None
    index = tuple(int(i) for i in np.unravel_index(int(np.argmax(gap)), gap.shape))
    worst = Worst(index, float(have[index].real), float(true[index].real))
    cause, hint, factor = explain_values(have, true, tolerance)
    text = f"{part}returned {worst.yours:.8g} {place(index)}expected {worst.true:.8g}.{hint}"
    return cause, text, worst, factor


def place(index: tuple[int, ...]) -> str:
    return f"at [{', '.join(map(str, index))}], " if index else "and "


def explain_shape(have: Any, true: Any, tolerance: float) -> tuple[str, str]:
    """Return the cause of a wrong shape when the numbers betray it."""

    def equal(candidate: Any) -> bool:
        return bool(
            candidate.shape == true.shape
            and np.allclose(candidate, true, rtol=tolerance, atol=tolerance * np.abs(true).max(initial=0))
        )

    if have.size == true.size and equal(have.reshape(true.shape)):
        return "extra-dimension", " The numbers are right; only the shape is not."
    if have.ndim == 2 and equal(have.T):
        return "transposed", " The numbers are right, but transposed."
    return "wrong-shape", ""


def explain_values(have: Any, true: Any, tolerance: float) -> tuple[str, str, float | None]:
    """Return cause, hint and factor of wrong values of the right shape."""
    if not have.any() and true.any():
        return "placeholder", " Everything is 0: is this still the placeholder?", None
    top = int(np.abs(np.nan_to_num(true)).argmax()) if true.size else 0
    if true.size and np.isfinite(true).all() and true.flat[top] != 0:
        factor = float(np.real(have.flat[top] / true.flat[top]))
        if factor and np.allclose(
            have, factor * true, rtol=1e-7, atol=1e-7 * abs(factor) * np.abs(true).max()
        ):
            if abs(factor + 1) < 1e-6:
                return "sign", " The sign is flipped.", -1.0
            if true.size > 1 or abs(factor) in (0.5, 2.0):
                return "constant-factor", f" Yours is {factor:.6g} times the right answer everywhere.", factor
    if have.ndim == 2 and have.shape[0] == have.shape[1] and np.allclose(have.T, true, rtol=tolerance):
        return "transposed", " The numbers are right, but transposed.", None
    return "unknown", "", None


def ask(predicate: Callable[..., Any], out: Any, args: tuple[Any, ...]) -> str | bool:
    """Return what a predicate objects to: False when it holds, True or a sentence when it does not."""
    try:
        answer = predicate(out, *copy.deepcopy(args))
    except Exception as error:
        return f"this could not be checked on your result ({type(error).__name__}: {error})"
    if isinstance(answer, str):
        return answer or False
    return not bool(np.all(answer))


def complaint_text(sentence: str, complaint: str | bool) -> str:
    return (
        f"this does not hold: {sentence}."
        if complaint is True
        else f"this does not hold: {sentence}; {complaint}."
    )


def name_authors_mistake(
    trouble: list[tuple[tuple[Any, ...], Any, Any, Finding]],
    mistakes: Mapping[str, Function],
    tolerance: float,
) -> Finding:
    """Return the first failure, named after the author's mistake that gives the same results in every failing case."""
    finding = trouble[0][3]
    if finding.cause not in ("raised", "accepts-bad-input"):
        for short_name, wrong in mistakes.items():
            if all(
                reproduces(wrong, args, expected, result, found, tolerance)
                for args, expected, result, found in trouble
            ):
                return Finding(
                    finding.name, False, f"{finding.message} It looks like this mistake: {short_name}.", "author-mistake",
                    finding.factor, finding.worst, verdict="fail", kind="value",
                )  # fmt: skip
    return finding


def reproduces(
    wrong: Function, args: tuple[Any, ...], expected: Any, result: Any, finding: Finding, tolerance: float
) -> bool:
    """Return whether an author's wrong function does what the learner's did on one failing case."""
    given = copy.deepcopy(args)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            answer = wrong(*given)
    except Exception:
        return finding.cause == "raised"
    if finding.cause == "modifies-input" and all(map(same, args, given)):
        return False
    if finding.cause == "raised":
        return False
    if is_exception(expected):
        return True
    return find_difference(result, answer, "", tolerance) is None
