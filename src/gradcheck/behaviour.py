"""What a backward must not do besides returning wrong numbers: change its arguments, remember, roll dice."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gradcheck.diagnosis import Diagnosis
from gradcheck.direction import slope
from gradcheck.finite import measure
from gradcheck.problem import Array, Direction, Problem, copied, read_gradients
from gradcheck.report import Finding
from gradcheck.values import same, short


def misbehaviour(
    problem: Problem, answers: Sequence[Any], right: Sequence[bool], cache: Any, kept: Any, dout: Array
) -> list[Finding]:
    """Return findings on behaviour: from the first call, and from more calls after a forward at other inputs.

    ``answers`` came from the first call, which was handed ``cache`` and ``dout``, and are ``right`` or not;
    ``kept`` is the cache before it.
    """
    found: list[Finding] = []

    def wrong(name: str, cause: str, text: str) -> None:
        verdict: Any = "not deterministic" if cause == "not-deterministic" else "fail"
        found.append(Finding(name, False, text, cause, verdict=verdict, kind="behaviour"))

    for name in problem.changed:
        text = f"forward changes its argument {name} in place. Work on a new array, for instance a copy."
        wrong("forward", "modifies-input", text)
    if not problem.is_loss and not same(problem.dout, dout):
        text = f"{differs(problem.dout, dout, 'dout')} The caller needs it: make a new array, as dout * mask."
        wrong("dout", "modifies-upstream", f"backward changes the upstream gradient that it was given: {text}")
    if not same(kept, cache):
        text = "A second call, or another layer that shares the array, then computes with changed numbers."
        where = first_difference(kept, cache, "cache")
        wrong("cache", "modifies-cache", f"backward changes its cache in place{where}. {text} Make a new array.")
    moved = {name: value * 1.01 + 0.01 if name in problem.wrt else value for name, value in problem.inputs.items()}
    remembered = remembers_first_cache(problem, moved, answers, right)
    try:
        later = read_gradients(problem.call_backward(copied(kept)), problem)
    except Exception as error:
        wrong("repeat", "raised", f"backward raised {type(error).__name__} when it was called again: {error}")
        return found
    for name, said, one, two in zip(problem.wrt, restlessness(problem, kept), answers, later, strict=True):
        a, b = numbers(one), numbers(two)
        if said is not None:
            wrong(f"repeat d{name}", said.cause, said.sentence)
        elif a is not None and b is not None and not is_close(a, b):
            text = f"d{name} uses numbers of a later forward call instead of those in the cache it is handed."
            wrong(f"repeat d{name}", "stale-cache", text)
        elif name in remembered:
            text = f"d{name} stays the same for the cache of another forward call, where the slope is another."
            wrong(
                f"repeat d{name}", "stale-cache", f"{text} Use the cache that is handed in, nothing kept from before."
            )
    return found


def measured_slope(problem: Problem, direction: Direction) -> float:
    """Return the slope along a direction by finite differences."""
    return measure(problem, direction).slope


def remembers_first_cache(
    problem: Problem, inputs: dict[str, Array], answers: Sequence[Any], right: Sequence[bool]
) -> set[str]:
    """Return the inputs whose right gradient stays the same at other ``inputs``, where the slope is another."""
    there, kept = replace(problem, inputs=inputs), set()
    try:
        later = read_gradients(there.call_backward(there.run(inputs)[1]), there)
    except Exception:
        return set()
    rng = np.random.default_rng(0)
    for name, one, two, was_right in zip(problem.wrt, answers, later, right, strict=True):
        a, b = numbers(one), numbers(two)
        if (
            not was_right
            or a is None
            or b is None
            or a.shape != inputs[name].shape
            or not is_close(a, b)
            or not np.isfinite(b).all()
        ):
            continue
        v, size = rng.uniform(0.5, 1.5, b.shape), float(np.linalg.norm(b))
        try:
            # Finite differences, which cost more, are asked only where the exact slope contradicts.
            if all(abs(float((b * v).sum()) - way(there, {name: v})) > 1e-5 * size for way in (slope, measured_slope)):
                kept.add(name)
        except Exception:
            continue
    problem.evaluations = there.evaluations
    return kept


def restlessness(problem: Problem, cache: Any) -> list[Diagnosis | None]:
    """Return for each gradient whether equal calls give unequal answers: growing ones, or any others."""
    try:
        calls = [read_gradients(problem.call_backward(copied(cache)), problem) for _ in range(3)]
    except Exception:
        return [None] * len(problem.wrt)
    found: list[Diagnosis | None] = []
    for name, *answers in zip(problem.wrt, *calls, strict=True):
        a, b, c = (numbers(answer) for answer in answers)
        if a is None or b is None or c is None or (is_close(a, b) and is_close(b, c)):
            found.append(None)
        elif a.shape == b.shape == c.shape and is_close(b - a, c - b):
            text = f"d{name} grows from call to call: {short(a)}, then {short(b)}. Start each call from zeros."
            found.append(Diagnosis("accumulates", text))
        else:
            text = f"d{name} differs between two calls with the same arguments: {short(a)}, then {short(b)}."
            found.append(Diagnosis("not-deterministic", text))
    return found


def ignores_upstream(problem: Problem, name: str, cache: Any, rng: np.random.Generator) -> bool:
    """Return whether the gradient stays the same, and not zero, under two other upstream gradients."""
    if problem.is_loss:
        return False
    place = problem.wrt.index(name)
    seen = []
    for dout in (problem.dout.copy(), *(np.asarray(rng.normal(size=problem.dout.shape)) for _ in range(2))):
        try:
            answer = numbers(read_gradients(problem.call_backward(copied(cache), dout), problem)[place])
        except Exception:
            return False
        if answer is None or not answer.any():
            return False
        seen.append(answer)
    return is_close(seen[0], seen[1]) and is_close(seen[0], seen[2])


def numbers(value: Any) -> Array | None:
    """Return an answer as float64, None where it is no array of numbers."""
    try:
        return np.array(value, dtype=np.float64)
    except Exception:
        return None


def is_close(a: Array, b: Array) -> bool:
    """Return whether two answers agree to rounding."""
    close = 1e-9 * float(np.abs(a).max(initial=0.0))
    return a.shape == b.shape and bool(np.allclose(a, b, rtol=1e-9, atol=close, equal_nan=True))


def differs(before: Array, after: Array, name: str) -> str:
    """Return the first entry that changed, before and after."""
    if before.shape != after.shape:
        return f"its shape was {before.shape} and is {after.shape}."
    changed = np.argwhere(~((before == after) | (np.isnan(before) & np.isnan(after))))
    if not len(changed):
        return "it is another array afterwards."
    index = tuple(int(i) for i in changed[0])
    return f"{name}[{', '.join(map(str, index))}] was {before[index]:.6g} and is {after[index]:.6g} afterwards."


def first_difference(before: Any, after: Any, path: str) -> str:
    """Return where two caches differ: `` (cache[0][1, 2] was 3 and is 0 afterwards)``."""
    if isinstance(before, tuple | list) and isinstance(after, tuple | list) and len(before) == len(after):
        for k, (one, two) in enumerate(zip(before, after, strict=True)):
            if not same(one, two):
                return first_difference(one, two, f"{path}[{k}]")
    if isinstance(before, dict) and isinstance(after, dict) and before.keys() == after.keys():
        for key in before:
            if not same(before[key], after[key]):
                return first_difference(before[key], after[key], f"{path}[{key!r}]")
    if isinstance(before, np.ndarray) and isinstance(after, np.ndarray) and before.dtype.kind == "f":
        return f" ({differs(before, after, path).rstrip('.')})"
    return f" ({path})"
