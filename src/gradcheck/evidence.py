"""The sentences of a finding: what is said, both numbers, a difference to repeat by hand."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np

from gradcheck.problem import Array, Problem, numbers
from gradcheck.report import Diagnosis, Finding, Worst
from gradcheck.verdict import Judgement

NUDGE = 1e-5
MEASURED = (
    "Maybe this was measured by finite differences instead of derived: it is right to 1e-6, and off by "
    "just what a difference quotient is off."
)


def decimal(number: float, digits: int = 3) -> str:
    """Return a number with three digits, or more, without an exponent where that stays short."""
    if number == 0 or not 1e-12 <= abs(number) < 1e7:
        return f"{number + 0.0:.{digits}g}"
    return format(Decimal(f"{number:.{digits - 1}e}"), "f")


def both(yours: float, true: float) -> str:
    """Return two numbers with as many digits as it takes to tell them apart."""
    digits = next((d for d in (6, 9, 12) if f"{yours:.{d}g}" != f"{true:.{d}g}"), 17)
    return f"yours {yours:.{digits}g}, true {true:.{digits}g}"


def place(name: str, index: Sequence[int]) -> str:
    """Return ``W[2, 1]``."""
    return f"{name}[{', '.join(map(str, index))}]" if len(index) else name


def unflat(k: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the index of a flat index."""
    return tuple(int(i) for i in np.unravel_index(k, shape))


def largest(values: Array) -> tuple[int, ...]:
    """Return the index of the entry of largest magnitude; of some that differ by rounding alone, that of the first."""
    sizes = np.abs(values)
    return unflat(int(np.argmax(sizes >= sizes.max() * (1 - 1e-6))), values.shape)


def change(problem: Problem, name: str, index: tuple[int, ...], step: float, central: bool = False) -> float:
    """Return how much the loss rises when an entry is nudged up; from the nudge down where central. NaN: it cannot."""
    x = problem.inputs[name]
    unit = np.zeros(x.shape)
    unit[index] = step
    try:
        start = problem.loss({**problem.inputs, name: x - unit}) if central else np.sum(problem.dout * problem.out)
        return float(problem.loss({**problem.inputs, name: x + unit})) - float(start)
    except Exception:
        return np.nan


def nudge(problem: Problem, name: str, index: tuple[int, ...], yours: float | None) -> str:
    """Return the sentence of one finite difference: nudge an entry, see the loss change, compare."""
    size = float(np.abs(problem.inputs[name]).max(initial=0.0))
    step = NUDGE if 1e-2 <= size <= 1e3 or not size else float(10.0 ** np.round(np.log10(size * NUDGE)))
    rise = change(problem, name, index, step) if problem.inputs[name].size else np.nan
    if np.isnan(rise):
        return ""
    verb = "rises" if rise > 0 else "falls" if rise < 0 else "changes"
    by = decimal(step).rstrip("0") if step < 1e-4 else f"{step:.10g}"
    predicted = abs(yours * step) if yours is not None and np.isfinite(yours) else np.nan
    # As many digits as it takes to tell a wrong prediction from the rise, and no more than the nudge can show.
    digits = next((n for n in (3, 4, 5) if decimal(abs(rise), n) != decimal(predicted, n)), 3)
    text = f" Nudge {place(name, index)} by {by}: the loss {verb} by {decimal(abs(rise), digits)}; your "
    if yours is None or not np.isfinite(yours):
        return f"{text}d{name} gives no prediction for it."
    # After "rises by", a number alone is a rise.
    way = "" if yours == 0.0 or yours > 0.0 and rise > 0.0 else f"that it {'rises' if yours > 0.0 else 'falls'} by "
    return f"{text}{place('d' + name, index)} predicts {way}{decimal(predicted, digits)}."


def failed(
    problem: Problem, name: str, said: Diagnosis, yours: Array | None = None, true: Array | None = None
) -> Finding:
    """Return the finding on a wrong gradient, with its worst entry where the shapes agree."""
    x, text = problem.inputs[name], said.sentence
    known = np.asarray(yours, dtype=np.float64) if yours is not None and yours.shape == x.shape and x.size else None
    index = tuple(0 for _ in x.shape)
    worst = error = None
    if known is not None and true is not None:
        error = known - true
        index = largest(np.where(np.isfinite(error), np.abs(error), np.inf))
        # No entry is told as -0, which an upstream gradient times a mask gives.
        worst = Worst(index, float(known[index]) + 0.0, float(true[index]) + 0.0)
        text += f" {place('d' + name, index)}: {both(worst.yours, worst.true)}."
    elif true is not None and true.size:
        index = largest(true)
    elif known is not None:
        index = worst_of_some(problem, name, known)
    text += nudge(problem, name, index, None if known is None else float(known[index]))
    return Finding("d" + name, False, text, said.cause, said.factor, worst, "fail", error=error)


def worst_of_some(problem: Problem, name: str, yours: Array) -> tuple[int, ...]:
    """Return the index whose central difference is furthest from yours, of the largest entries and some others."""
    order = np.argsort(-np.abs(yours), axis=None)
    some = np.unique(np.concatenate([order[:8], np.linspace(0, yours.size - 1, 40).astype(int)]))
    indices = [unflat(int(k), yours.shape) for k in some]
    errors = [abs(change(problem, name, i, NUDGE, central=True) / (2 * NUDGE) - float(yours[i])) for i in indices]
    return indices[int(np.argmax(np.nan_to_num(errors, nan=0.0, posinf=0.0)))]


def passed(problem: Problem, name: str, verdict: Judgement) -> Finding:
    """Return the finding on a gradient that is right, or that could not be judged."""
    label, left_out, count = "d" + name, "", len(verdict.kinks)
    if count:
        shown = [place(label, unflat(k, problem.inputs[name].shape)) for k in verdict.kinks[:3]]
        more = f" and {count - 3} more" if count > 3 else ""
        stand, were = ("stands", "was") if count == 1 else ("stand", "were")
        left_out = f"{', '.join(shown)}{more} {stand} on a kink, where no slope exists, and {were} left out."
    if verdict.verdict == "pass":
        text = f"{label} is right: it agrees with central differences to {verdict.agreement:.0e} of its size."
        if verdict.agreement > 1e-3:
            text = f"{label} is right. Central differences miss it by {verdict.agreement:.0e} of its size: within "
            text += "their step the function bends."
        if verdict.reason == "zero to rounding":
            text = f"{label} is right: it is zero to rounding, and agrees with central differences."
        if verdict.reason == "measured":
            return Finding(label, True, text, "measured-not-derived", remark=f"{left_out} {MEASURED}".strip())
        guard = verdict.reason if verdict.reason.endswith(".") else ""
        return Finding(label, True, text, remark=f"{left_out} {guard}".strip())
    cause, text = {
        "not differentiable here": ("not-differentiable", ", where no slope is. Move the inputs a little."),
        "not deterministic": ("not-deterministic", ". Draw random numbers in forward, for the cache."),
    }.get(verdict.verdict, ("cannot-tell", ". Other inputs, or float64 throughout, may help."))
    text = f"{label} cannot be judged: {verdict.reason}{text}"
    remark = left_out if cause == "cannot-tell" else ""
    return Finding(label, False, text, cause, verdict=verdict.verdict, remark=remark)


def with_numbers(problem: Problem, answers: Sequence[Any], finding: Finding) -> Finding:
    """Return a failed finding on behaviour or the forward with a finite difference added."""
    if finding.ok or finding.kind == "gradient" or finding.verdict == "not deterministic":
        return finding
    for name, answer in zip(problem.wrt, map(numbers, answers), strict=True):
        if answer is not None and answer.size and answer.shape == problem.inputs[name].shape:
            index = largest(answer)
            text = finding.message + nudge(problem, name, index, float(answer[index]))
            return replace(finding, message=text)
    return finding
