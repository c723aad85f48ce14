"""What a backward must not do besides returning wrong numbers: change its arguments, remember, roll dice."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gradcheck.direction import slope
from gradcheck.evidence import largest, place
from gradcheck.finite import measured_slope, quick
from gradcheck.problem import Array, Broken, Problem, agree, copied, exception_text
from gradcheck.report import Diagnosis, Finding, Verdict
from gradcheck.values import differs, first_difference, same, told_apart
from gradcheck.verdict import floor, floor_of_steps


def misbehaviour(
    problem: Problem, answers: Sequence[Any], right: Sequence[bool], cache: Any, dout: Array
) -> list[Finding]:
    """Return findings on behaviour: from the first call, and from more calls after a forward at other inputs.

    ``answers`` came from the first call, which was handed ``cache`` and ``dout``, and are ``right`` or not.
    """
    found: list[Finding] = []

    def wrong(name: str, cause: str, text: str) -> None:
        verdict: Verdict = "not deterministic" if cause == "not-deterministic" else "fail"
        found.append(Finding(name, False, text, cause, verdict=verdict, kind="behaviour"))

    for name in problem.changed:
        text = f"forward changes its argument {name} in place. Work on a new array, for instance a copy."
        wrong("forward", "modifies-input", text)
    if not problem.is_loss and not same(problem.dout, dout):
        text = f"{differs(problem.dout, dout, 'dout')} The caller needs it: compute a new array instead."
        wrong("dout", "modifies-upstream", f"backward changes the upstream gradient that it was given: {text}")
    if not same(problem.cache, cache):
        text = "A second call, or another layer that shares the array, then computes with changed numbers."
        where = first_difference(problem.cache, cache, "cache")
        wrong("cache", "modifies-cache", f"backward changes its cache in place{where}. {text} Make a new array.")
    first = problem.named(list(answers))
    correct = {name: first[name] for name, ok in zip(problem.wrt, right, strict=True) if ok and name in first}
    remembered = remembers_first_cache(problem, correct)
    try:
        later = problem.named(problem.call_backward(copied(problem.cache)))
    except Exception as error:
        said = error.said.sentence if isinstance(error, Broken) else f"backward {exception_text(error)}"
        wrong("repeat", "raised", f"When it was called again, {said}")
        return found
    unlike = {name for name in first if name in later and not is_close(first[name], later[name])}
    restless = restlessness(problem) if unlike else {}
    # What a backward keeps of the last forward call is once more what it was.
    again = problem.answers(problem.inputs) if unlike else {}
    for name in problem.wrt:
        if name in restless:
            wrong(f"repeat d{name}", *restless[name][:2])
        elif name in unlike and not (name in again and is_close(first[name], again[name])):
            text = f"d{name} differs between two calls with the same arguments. Is every entry of it filled in?"
            wrong(f"repeat d{name}", "not-deterministic", text)
        elif name in unlike:
            text = f"d{name} uses numbers of a later forward call instead of those in the cache it is handed: "
            wrong(f"repeat d{name}", "stale-cache", text + "what backward needs belongs there.")
        elif name in remembered:
            text = f"d{name} stays the same for the cache of another forward call, where the slope is another. "
            wrong(f"repeat d{name}", "stale-cache", text + "Use the cache that is handed in, nothing kept from before.")
    return found


def remembers_first_cache(problem: Problem, correct: Mapping[str, Array]) -> set[str]:
    """Return the inputs whose right gradient stays the same at other inputs, where the slope is another."""
    moved = {name: value * 1.01 + 0.01 if name in problem.wrt else value for name, value in problem.inputs.items()}
    there, kept = replace(problem, inputs=moved), set()
    for name, later in there.answers(moved).items():
        if name not in correct or not is_close(correct[name], later) or not np.isfinite(later).all():
            continue
        v, size = np.random.default_rng(0).uniform(0.5, 1.5, later.shape), float(np.linalg.norm(later))
        mine = float((later * v).sum())
        try:
            least = 1e-4 * size + floor(problem, name)
            # At a kink, such as a tie for a maximum, whatever lies between the slopes to both sides is right.
            ahead = slope(there, {name: v})
            behind = ahead if abs(mine - ahead) <= least else -slope(there, {name: -v})
            if min(ahead, behind) - least <= mine <= max(ahead, behind) + least:
                continue
            if max(abs(mine), abs(ahead)) <= floor_of_steps(problem, name):
                continue
            # Finite differences, which cost more, are asked only where the exact slope contradicts.
            if abs(mine - measured_slope(there, {name: v})) > least:
                kept.add(name)
        except Exception:
            continue
    return kept


def restlessness(problem: Problem) -> dict[str, Diagnosis]:
    """Return what is wrong where equal calls give unequal answers: growing ones, or any others."""
    calls = [problem.answers() for _ in range(3)]
    found = {}
    for name in problem.wrt:
        if not all(name in answers for answers in calls):
            continue
        a, b, c = (answers[name] for answers in calls)
        if is_close(a, b) and is_close(b, c):
            continue
        if a.shape == b.shape == c.shape and is_close(b - a, c - b) and is_gradient(problem, name, b - a):
            text = f"d{name} grows from call to call: {one_entry_of_two(name, a, b)}. Start each call from zeros."
            found[name] = Diagnosis("accumulates", text)
        else:
            text = (
                f"d{name} differs between two calls with the same arguments: {one_entry_of_two(name, a, b)}. Does "
                "backward draw random numbers, or change what it keeps, such as weights?"
            )
            found[name] = Diagnosis("not-deterministic", text)
    return found


def one_entry_of_two(name: str, a: Array, b: Array) -> str:
    """Return the entry that two answers differ most in: ``dW[0, 1] is 2, then 4``; both where the shapes differ."""
    if a.shape != b.shape:
        return f"its shape is {a.shape}, then {b.shape}"
    index = largest(np.nan_to_num(b - a, nan=np.inf))
    was, now = told_apart(float(a[index]), float(b[index]), least=6)
    return f"{place('d' + name, index)} is {was}, then {now}"


def is_gradient(problem: Problem, name: str, step: Array) -> bool:
    """Return whether what each call adds is the gradient, as where a sum goes on from call to call."""
    v = problem.draw(step.shape)
    return bool(abs(float((step * v).sum()) - quick(problem, {name: v})) <= 1e-3 * np.linalg.norm(step))


def ignores_upstream(problem: Problem, name: str) -> bool:
    """Return whether the gradient stays the same, and not zero, under two other upstream gradients."""
    if problem.is_loss:
        return False
    others = (problem.rng.normal(size=problem.dout.shape) for _ in range(2))
    seen = [problem.answers(dout=np.asarray(dout)).get(name) for dout in (problem.dout.copy(), *others)]
    a, b, c = seen
    if a is None or b is None or c is None or not a.any():
        return False
    return is_close(a, b) and is_close(a, c)


def is_close(a: Array, b: Array) -> bool:
    """Return whether two answers agree to rounding, or are the same to the last bit, NaN included."""
    return a.shape == b.shape and (a.tobytes() == b.tobytes() or agree(a, b, 1e-9))
