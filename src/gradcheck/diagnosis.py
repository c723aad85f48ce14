"""Which mistake gives exactly this answer: small rules, each beside its sentence.

A rule gets the evidence and returns a diagnosis, or None. It may name a cause only where the mistake reproduces the
learner's answer.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from gradcheck.problem import Array, Problem

CLOSE = 1e-7


class Diagnosis(NamedTuple):
    """A cause of the documented list, a sentence for the learner, the factor where there is one."""

    cause: str
    sentence: str
    factor: float | None = None


@dataclass(frozen=True)
class Evidence:
    """One wrong gradient: the answer, the truth, and what produced them."""

    name: str
    yours: Array
    true: Array
    problem: Problem
    out: Array
    answers: Sequence[Any]
    truths: Sequence[Array]

    @property
    def x(self) -> Array:
        return self.problem.inputs[self.name]


def equal(a: Any, b: Any) -> bool:
    """Return whether two arrays have one shape and agree to 1e-7 of their largest entry."""
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or a.dtype.kind not in "fiub" or not np.isfinite(a).all():
        return False
    largest = max(float(np.abs(a).max(initial=0.0)), float(np.abs(b).max(initial=0.0)))
    return largest == 0.0 or bool((np.abs(a - b) <= CLOSE * largest).all())


def placeholder(e: Evidence) -> Diagnosis | None:
    if e.yours.size and not e.yours.any() and e.true.any():
        return Diagnosis("placeholder", f"Every entry of d{e.name} is 0: is this still the placeholder?")
    return None


def extra_dimension(e: Evidence) -> Diagnosis | None:
    if (
        e.yours.shape != e.true.shape
        and e.yours.size == e.true.size
        and equal(e.yours.reshape(e.true.shape), e.true)
    ):
        if e.yours.squeeze().shape == e.true.squeeze().shape:
            return Diagnosis(
                "extra-dimension",
                f"The numbers are right, the shape is not: d{e.name} has shape {e.yours.shape}, {e.name} has "
                f"{e.true.shape} (keepdims, or a slice where an index should be?).",
            )
    return None


def transposed(e: Evidence) -> Diagnosis | None:
    if e.yours.ndim == 2 and e.true.ndim == 2 and equal(e.yours.T, e.true):
        return Diagnosis(
            "transposed", f"d{e.name} is right but transposed: it must have the shape of {e.name}."
        )
    return None


def not_summed(e: Evidence) -> Diagnosis | None:
    extra = e.yours.ndim - e.true.ndim
    if extra > 0 and equal(e.yours.sum(axis=tuple(range(extra))), e.true):
        return Diagnosis(
            "not-summed",
            f"d{e.name} still has one row for each example: every row of the batch uses the same {e.name}, so its "
            f"gradients add up (a sum over axis 0).",
        )
    if extra == 0 and e.yours.shape != e.true.shape:
        wide = tuple(
            k for k, (a, b) in enumerate(zip(e.yours.shape, e.true.shape, strict=True)) if b == 1 and a != b
        )
        if wide and equal(e.yours.sum(axis=wide, keepdims=True), e.true):
            return Diagnosis(
                "not-summed",
                f"{e.name} was broadcast along axis {wide[0]}, so its gradient is the sum over that axis.",
            )
    return None


def order(e: Evidence) -> Diagnosis | None:
    for name, truth in zip(e.problem.wrt, e.truths, strict=True):
        if name != e.name and equal(e.yours, truth):
            return Diagnosis(
                "order", f"What you returned in the place of d{e.name} is d{name}: the order is wrong."
            )
    return None


def constant_factor(e: Evidence) -> Diagnosis | None:
    if e.yours.shape != e.true.shape or not e.true.any():
        return None
    top = np.unravel_index(int(np.abs(e.true).argmax()), e.true.shape)
    factor = float(e.yours[top] / e.true[top])
    if not factor or not equal(e.yours, factor * e.true):
        return None
    if abs(factor + 1) <= CLOSE:
        return Diagnosis("sign", f"d{e.name} has the opposite sign everywhere.", -1.0)
    return Diagnosis(
        "constant-factor",
        f"d{e.name} is {factor:.6g} times the true gradient everywhere{known_factor(factor, e)}.",
        factor,
    )


def known_factor(factor: float, e: Evidence) -> str:
    """Return a guess at where a factor comes from."""
    rows = (
        e.out.shape[0]
        if e.out.ndim
        else (max((v.shape[0] for v in e.problem.inputs.values() if v.ndim == 2), default=0))
    )
    guesses = [
        (2.0, "a factor 2 too much"), (0.5, "is the factor 2 of a square missing"),
        (float(rows), f"{rows} rows: is 1/N missing"),
        (1 / rows if rows else 0.0, f"1/{rows}, one over the number of rows: is 1/N counted twice"),
    ]  # fmt: skip
    said = [text for value, text in guesses if value and abs(factor / value - 1) < CLOSE]
    return f" ({' or '.join(said)}?)" if said else ""


def missing_upstream(e: Evidence) -> Diagnosis | None:
    if e.problem.is_loss:
        return None
    for dout in (np.ones_like(e.out, dtype=np.float64),):
        if equal(e.yours, gradient_for(e, dout)):
            return Diagnosis(
                "missing-upstream",
                f"d{e.name} does not contain the upstream gradient: multiply the local derivative by dout.",
            )
    return None


def missing_activation(e: Evidence) -> Diagnosis | None:
    if not e.problem.is_loss and e.yours.shape == e.problem.dout.shape and equal(e.yours, e.problem.dout):
        return Diagnosis(
            "missing-activation-derivative",
            f"d{e.name} is the upstream gradient itself: the derivative of the function is missing.",
        )
    return None


def gradient_for(e: Evidence, dout: Array) -> Array:
    """Return the true gradient under another upstream gradient."""
    from gradcheck.truth import whole_gradient

    return whole_gradient(e.problem, e.name, dout)


RULES: tuple[Callable[[Evidence], Diagnosis | None], ...] = (
    placeholder,
    extra_dimension,
    transposed,
    not_summed,
    constant_factor,
    order,
    missing_upstream,
    missing_activation,
)


def diagnose(e: Evidence) -> Diagnosis:
    """Return the first diagnosis that reproduces the answer, else "unknown"."""
    for rule in RULES:
        said = rule(e)
        if said:
            return said
    if e.yours.shape != e.true.shape:
        return Diagnosis(
            "wrong-shape",
            f"d{e.name} has shape {e.yours.shape}; it must have {e.name}'s shape {e.true.shape}.",
        )
    if e.yours.dtype.kind in "iub":
        return Diagnosis("integer-dtype", f"d{e.name} holds {e.yours.dtype} numbers; a gradient is float64.")
    return Diagnosis("unknown", "I do not recognise this mistake.")
