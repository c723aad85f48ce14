"""The sentences of a finding: what is said, both numbers, a difference to repeat by hand."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gradcheck.diagnosis import Diagnosis
from gradcheck.problem import Array, Problem
from gradcheck.report import Finding, Worst
from gradcheck.verdict import Judgement

NUDGE = 1e-5


def decimal(number: float) -> str:
    """Return a number with three digits, without an exponent where that stays short."""
    if number == 0 or not 1e-12 <= abs(number) < 1e7:
        return f"{number:.3g}"
    return np.format_float_positional(number, precision=3, unique=False, fractional=False, trim="k")


def both(yours: float, true: float) -> str:
    """Return two numbers with as many digits as it takes to tell them apart."""
    digits = next((d for d in (6, 9, 12) if f"{yours:.{d}g}" != f"{true:.{d}g}"), 17)
    return f"yours {yours:.{digits}g}, true {true:.{digits}g}"


def place(name: str, index: Sequence[int]) -> str:
    """Return ``W[2, 1]``."""
    return f"{name}[{', '.join(map(str, index))}]" if len(index) else name


def nudge(problem: Problem, name: str, index: tuple[int, ...], yours: float | None) -> str:
    """Return the sentence of one finite difference: nudge an entry, see the loss change, compare."""
    x = problem.inputs[name]
    if not x.size:
        return ""
    size = float(np.abs(x).max())
    step = NUDGE if 1e-2 <= size <= 1e3 or not size else float(10.0 ** np.round(np.log10(size * NUDGE)))
    unit = np.zeros(x.shape)
    unit[index] = step
    try:
        change = float(problem.loss({**problem.inputs, name: x + unit})) - float(problem.loss(problem.inputs))
    except Exception:
        return ""
    verb = "rises" if change > 0 else "falls" if change < 0 else "changes"
    text = f" Nudge {place(name, index)} by {step:.10g}"
    if step < 1e-4:
        text = f" Nudge {place(name, index)} by {decimal(step).rstrip('0')}"
    text += f": the loss {verb} by {decimal(abs(change))}; your "
    if yours is None or not np.isfinite(yours):
        return f"{text}d{name} gives no prediction for it."
    return f"{text}{place('d' + name, index)} predicts {decimal(yours * step)}."


def failed(
    problem: Problem, name: str, said: Diagnosis, yours: Array | None = None, true: Array | None = None
) -> Finding:
    """Return the finding on a wrong gradient, with its worst entry where the shapes agree."""
    x = problem.inputs[name]
    index = tuple(0 for _ in x.shape)
    worst = error = None
    if true is not None and true.size:
        index = largest(true)
        if yours is not None and yours.shape == true.shape:
            error = np.asarray(yours, dtype=np.float64) - true
            index = largest(np.where(np.isfinite(error), np.abs(error), np.inf))
            worst = Worst(index, float(yours[index]), float(true[index]))
    elif yours is not None and yours.shape == x.shape and yours.size:
        index = worst_of_some(problem, name, yours)
    text = said.sentence
    if worst is not None:
        text += f" {place('d' + name, index)}: {both(worst.yours, worst.true)}."
    known = yours is not None and yours.shape == x.shape and x.size
    text += nudge(problem, name, index, float(yours[index]) if known and yours is not None else None)
    return Finding("d" + name, False, text, said.cause, said.factor, worst, "fail", error=error)


def worst_of_some(problem: Problem, name: str, yours: Array) -> tuple[int, ...]:
    """Return the index whose central difference is furthest from yours, of the largest entries and some others."""
    x = problem.inputs[name]
    order = np.argsort(-np.abs(yours), axis=None)
    some = np.unique(np.concatenate([order[:8], np.linspace(0, yours.size - 1, 40).astype(int)]))
    errors = {largest(yours): 0.0}
    for k in some:
        index = tuple(int(i) for i in np.unravel_index(k, x.shape))
        unit = np.zeros(x.shape)
        unit[index] = NUDGE
        try:
            change = problem.loss({**problem.inputs, name: x + unit}) - problem.loss({**problem.inputs, name: x - unit})
        except Exception:
            return largest(yours)
        error = abs(float(change) / (2 * NUDGE) - float(yours[index]))
        errors[index] = error if np.isfinite(error) else 0.0
    return max(errors, key=lambda index: errors[index])


def largest(values: Array) -> tuple[int, ...]:
    """Return the index of the entry of largest magnitude."""
    return tuple(int(i) for i in np.unravel_index(int(np.argmax(np.abs(values))), values.shape))


def passed(problem: Problem, name: str, verdict: Judgement, measured: str) -> Finding:
    """Return the finding on a gradient that is right, or that could not be judged."""
    label = "d" + name
    left_out = ""
    if verdict.kinks:
        shape = problem.inputs[name].shape
        shown = [place(label, tuple(int(i) for i in np.unravel_index(k, shape))) for k in verdict.kinks[:3]]
        more = f" and {len(verdict.kinks) - 3} more" if len(verdict.kinks) > 3 else ""
        stands = "stands on a kink, where no slope exists, and was" if len(verdict.kinks) == 1 else (
            "stand on a kink, where no slope exists, and were"
        )  # fmt: skip
        left_out = f"{', '.join(shown)}{more} {stands} left out."
    if verdict.verdict == "pass":
        text = f"{label} is right: it agrees with central differences to {verdict.agreement:.0e} of its size."
        if verdict.reason == "zero to rounding":
            text = f"{label} is right: it is zero to rounding, and agrees with central differences."
        cause = "measured-not-derived" if verdict.reason == "measured" else None
        remark = " ".join(filter(None, [left_out, measured if cause else ""]))
        return Finding(label, True, text, cause, remark=remark)
    if verdict.verdict == "not differentiable here":
        text = f"{label} cannot be judged here: {verdict.reason}, where no slope is. Move the inputs a little."
        return Finding(label, False, text, "not-differentiable", verdict=verdict.verdict)
    if verdict.verdict == "not deterministic":
        text = f"{label} cannot be judged: {verdict.reason}. Draw random numbers in forward, for the cache."
        return Finding(label, False, text, "not-deterministic", verdict=verdict.verdict)
    text = f"{label} cannot be judged: {verdict.reason}. Other inputs, or float64 throughout, may help."
    return Finding(label, False, text, "cannot-tell", verdict=verdict.verdict, remark=left_out)


def with_numbers(problem: Problem, answers: Sequence[Any], finding: Finding) -> Finding:
    """Return a failed finding on behaviour or the forward with a finite difference added."""
    if finding.ok or finding.kind == "gradient" or finding.verdict == "not deterministic":
        return finding
    for name, answer in zip(problem.wrt, answers, strict=True):
        if (
            isinstance(answer, np.ndarray | float)
            and np.shape(answer) == problem.inputs[name].shape
            and np.size(answer)
        ):
            index = largest(np.asarray(answer))
            return replace(
                finding,
                message=finding.message + nudge(problem, name, index, float(np.asarray(answer)[index])),
            )
    return finding
