"""Which mistake gives exactly this answer: small rules, each beside its sentence.

A rule gets the evidence on one wrong gradient and returns a diagnosis, or None. It may name a cause only
where that mistake reproduces the learner's answer. The rules run in the order of the tables at the end.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from gradcheck.problem import Array, Problem
from gradcheck.replay import Replay
from gradcheck.truth import jacobian


class Diagnosis(NamedTuple):
    """A cause of the documented list, a sentence for the learner, the factor where there is one."""

    cause: str
    sentence: str
    factor: float | None = None


@dataclass(frozen=True)
class Evidence:
    """One wrong gradient: the answer, the truth, the truths of the others, and what slips would answer."""

    name: str
    yours: Array
    true: Array
    truths: Mapping[str, Array]
    problem: Problem
    out: Array
    slips: Callable[[], Sequence[tuple[Replay, int]]]
    right: frozenset[str] = frozenset()
    close: float = 1e-7

    def same(self, a: Array, b: Array) -> bool:
        """Return whether two arrays have one shape and agree, to ``close`` times their largest entry.

        Where the answer is off by very little, they must agree to a thousandth of that error too.
        """
        return agree(a, b, min(self.close, 1e-3 * self.error))

    @cached_property
    def error(self) -> float:
        """The largest error relative to the largest entry, 1 where the shapes differ."""
        if self.yours.shape != self.true.shape or not self.true.size:
            return 1.0
        largest = max(float(np.abs(self.true).max()), float(np.abs(self.yours).max()))
        return float(np.abs(self.yours - self.true).max()) / largest if largest else 0.0

    @property
    def x(self) -> Array:
        return self.problem.inputs[self.name]

    @cached_property
    def local(self) -> Array | None:
        """The Jacobian of the output by this input, flat by flat, where it is small."""
        return jacobian(self.problem, self.name)

    @property
    def rows(self) -> int:
        """The number of examples, N."""
        matrices = [a for a in (self.out, *self.problem.inputs.values()) if a.ndim >= 2]
        return matrices[0].shape[0] if matrices else 0


def agree(a: Array, b: Array, close: float = 1e-7) -> bool:
    """Return whether two arrays have one shape and agree to ``close`` times their largest entry."""
    if a.shape != b.shape or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return False
    largest = max(float(np.abs(a).max(initial=0.0)), float(np.abs(b).max(initial=0.0)))
    return largest == 0.0 or bool((np.abs(a - b) <= close * largest).all())


def placeholder(e: Evidence) -> Diagnosis | None:
    if e.yours.shape == e.true.shape and e.yours.size and not e.yours.any():
        return Diagnosis("placeholder", f"Every entry of d{e.name} is 0: is this still the placeholder?")
    return None


def extra_dimension(e: Evidence) -> Diagnosis | None:
    squeezed = e.yours.squeeze().shape == e.true.squeeze().shape
    if e.yours.shape != e.true.shape and squeezed and e.same(e.yours.reshape(e.true.shape), e.true):
        return Diagnosis(
            "extra-dimension",
            f"The numbers of d{e.name} are right, the shape is not: yours is {e.yours.shape}, {e.name} has "
            f"{e.true.shape} (keepdims, or a slice where an index should be?).",
        )
    return None


def transposed(e: Evidence) -> Diagnosis | None:
    if e.yours.ndim == 2 and e.same(e.yours.T, e.true):
        return Diagnosis("transposed", f"d{e.name} is right but transposed: it must have {e.name}'s shape.")
    return None


def not_summed(e: Evidence) -> Diagnosis | None:
    if e.yours.ndim < e.true.ndim or e.yours.size <= e.true.size:
        return None
    padded = (1,) * (e.yours.ndim - e.true.ndim) + e.true.shape
    axes = tuple(k for k, (a, b) in enumerate(zip(e.yours.shape, padded, strict=True)) if b == 1 and a != b)
    if axes and e.same(e.yours.sum(axis=axes).reshape(-1), e.true.reshape(-1)):
        return Diagnosis(
            "not-summed",
            f"d{e.name} still has shape {e.yours.shape}: {e.name} was broadcast over axis {axes[0]} (the "
            f"same {e.name} serves every example), so its gradients must be summed over it.",
        )
    return None


def order(e: Evidence) -> Diagnosis | None:
    for name, truth in e.truths.items():
        if name != e.name and e.same(e.yours, truth):
            text = f"In the place of d{e.name} you returned d{name}"
            if name in e.right:
                return Diagnosis("unknown", f"{text}, which is in its own place too.")
            return Diagnosis("order", f"{text}: the order is wrong.")
    return None


def factor_of(e: Evidence) -> float | None:
    """Return c where the answer is c times the truth in every entry."""
    if e.yours.shape != e.true.shape or not e.true.any():
        return None
    top = np.unravel_index(int(np.abs(e.true).argmax()), e.true.shape)
    factor = float(e.yours[top] / e.true[top])
    return factor if factor and e.same(e.yours, factor * e.true) else None


def sign(e: Evidence) -> Diagnosis | None:
    factor = factor_of(e)
    if factor is not None and abs(factor + 1) <= e.close:
        return Diagnosis("sign", f"d{e.name} has the wrong sign in every entry: it is minus the true gradient.", -1.0)
    return None


def known_factors(e: Evidence) -> list[tuple[float, str]]:
    """Return the factors that mistakes are known to leave, and what each may be."""
    rows = e.rows
    named = [(2.0, "a factor 2 too much"), (0.5, "is the factor 2 of a square missing")]
    if rows > 1:
        named += [(rows, f"N = {rows}: is 1/N missing"), (1 / rows, f"1/N = 1/{rows}: is 1/N counted twice")]
    if e.out.size > 1 and e.out.size != rows or e.problem.is_loss and e.x.size != rows:
        size = e.x.size if e.problem.is_loss else e.out.size
        named += [
            (size, f"the number of entries, {size}: is the mean not divided"),
            (1 / size, f"one over the number of entries, {size}: is it divided twice"),
        ]
    if e.problem.is_loss and e.x.ndim == 2 and e.x.shape[1] > 1:
        wide = e.x.shape[1]
        named += [
            (wide, f"the number of columns, {wide}: does the mean run over all entries"),
            (1 / wide, f"one over the number of columns, {wide}: does the mean run over the examples alone"),
        ]
    rates = [(r, f"{r}, as a learning rate is: that belongs to the update") for r in (0.1, 0.01, 0.001)]
    return named + rates


def constant_factor(e: Evidence, known: bool = False) -> Diagnosis | None:
    """Name a factor; with one entry alone any number is a factor, so only a known one is named."""
    factor = factor_of(e)
    if factor is None:
        return None
    said = [text for value, text in known_factors(e) if abs(abs(factor) / value - 1) < 10 * e.close]
    if not said and (known or np.unique(np.abs(e.true[e.true != 0])).size < 2):
        return None
    guess = f" ({' or '.join(dict.fromkeys(said))}?)" if said else ""
    turned = ", and the sign is flipped" if factor < 0 else ""
    return Diagnosis(
        "constant-factor",
        f"d{e.name} is {factor:.10g} times the true gradient everywhere{guess}{turned}.",
        factor,
    )


def known_factor(e: Evidence) -> Diagnosis | None:
    return constant_factor(e, known=True)


def missing_upstream(e: Evidence) -> Diagnosis | None:
    if e.problem.is_loss or e.local is None:
        return None
    if e.same(e.yours, e.local.sum(axis=0).reshape(e.x.shape)):
        return Diagnosis(
            "missing-upstream",
            f"d{e.name} does not contain the upstream gradient: multiply the local derivative by dout.",
        )
    return None


def diagonal(e: Evidence) -> Diagnosis | None:
    if e.local is None or e.local.shape[0] != e.local.shape[1] or e.x.shape != e.out.shape:
        return None
    own = np.diag(e.local).reshape(e.x.shape)
    for answer, tail in ((own * e.problem.dout, ""), (own, " The upstream gradient is missing too.")):
        if np.count_nonzero(e.local) > np.count_nonzero(own) and e.same(e.yours, answer):
            return Diagnosis(
                "diagonal-jacobian",
                f"d{e.name} has only the diagonal of the Jacobian: every output depends on every input of "
                f"its row.{tail}",
            )
    return None


def nothing_but_upstream(e: Evidence) -> Diagnosis | None:
    if e.problem.is_loss or len(e.problem.wrt) > 1 or not e.same(e.yours, e.problem.dout):
        return None
    return Diagnosis(
        "missing-activation-derivative",
        f"d{e.name} is the upstream gradient itself: the derivative of the function is missing.",
    )


def by_the_logit(e: Evidence) -> Diagnosis | None:
    p = e.x
    if e.yours.shape == e.true.shape and (p > 0).all() and (p < 1).all() and e.same(e.yours, e.true * p * (1 - p)):
        return Diagnosis(
            "wrong-variable",
            f"d{e.name} is the derivative by the logit z where {e.name} = sigmoid(z); here {e.name} itself "
            f"is the input.",
        )
    return None


def overwritten(e: Evidence) -> Diagnosis | None:
    """Test whether of several contributions to an entry only the last (or first) in a loop was kept."""
    if e.local is None or e.yours.shape != e.true.shape or e.out.ndim < 1:
        return None
    parts = e.local.T * e.problem.dout.ravel()
    used = parts != 0
    for fix in range(e.out.ndim + 1):
        groups = np.arange(e.out.size).reshape(e.out.shape)
        keys = groups if fix == e.out.ndim else np.zeros_like(groups) + np.arange(e.out.shape[fix]).reshape(
            [-1 if k == fix else 1 for k in range(e.out.ndim)]
        )  # fmt: skip
        count = int(keys.max()) + 1
        grouped = np.zeros((e.x.size, count))
        active = np.zeros((e.x.size, count), dtype=bool)
        np.add.at(grouped.T, keys.ravel(), parts.T)
        np.logical_or.at(active.T, keys.ravel(), used.T)
        for last in (count - 1 - active[:, ::-1].argmax(axis=1), active.argmax(axis=1)):
            if e.same(e.yours, grouped[np.arange(e.x.size), last].reshape(e.x.shape)):
                return Diagnosis(
                    "overwritten-branch",
                    f"Entries of {e.name} that are used several times (windows overlap, indices repeat) keep "
                    f"one contribution only: they add, += instead of =.",
                )
    return None


def missing_term(e: Evidence) -> Diagnosis | None:
    if e.yours.shape != e.true.shape or np.count_nonzero(e.x) < 2 or factor_of(e) is not None:
        return None
    top = np.unravel_index(int(np.abs(e.x).argmax()), e.x.shape)
    rate = float((e.true - e.yours)[top] / e.x[top])
    if rate and e.same(e.true - e.yours, rate * e.x) and e.same(e.yours + rate * e.x, e.true):
        return Diagnosis(
            "missing-term" if rate > 0 else "unknown",
            f"d{e.name} {'lacks' if rate > 0 else 'has too much of'} the term {abs(rate):.6g} * {e.name}, as "
            f"a regularisation term gives it.",
        )
    return None


def summed_over_batch(e: Evidence) -> Diagnosis | None:
    if e.true.ndim < 2 or e.true.shape[0] < 2:
        return None
    for total in (e.true.sum(axis=0), e.true.mean(axis=0)):
        for answer in (total, total[None], np.broadcast_to(total, e.true.shape)):
            if e.same(e.yours, answer):
                return Diagnosis(
                    "summed-over-batch",
                    f"d{e.name} is summed over the batch: every example has its own row of {e.name} and "
                    f"keeps its own gradient.",
                )
    return None


def replayed(e: Evidence) -> Diagnosis | None:
    """Return the slip in the chain rule that gives this answer; of several, the one that explains most."""
    hits: dict[str, tuple[int, Diagnosis]] = {}
    for slip, explained in e.slips():
        said = match(e, slip)
        if said is not None and explained > hits.get(said.cause, (-1, said))[0]:
            hits[said.cause] = (explained, said)
    if not hits:
        return None
    most = max(count for count, _ in hits.values())
    best = [said for count, said in hits.values() if count == most]
    if len(best) == 1:
        return best[0]
    others = "; or ".join(said.sentence.rstrip(".") for said in best[1:3])
    return Diagnosis(best[0].cause, f"Maybe: {best[0].sentence} Or maybe: {others}.", best[0].factor)


def match(e: Evidence, replay: Replay) -> Diagnosis | None:
    """Return the diagnosis of a slip where it reproduces the answer."""
    wrong = replay.gradients[e.name]
    if replay.free == "no":
        same = e.same(e.yours, wrong) and not (wrong.shape == e.true.shape and e.same(wrong, e.true))
        return Diagnosis(replay.cause, f"d{e.name} is wrong. {replay.sentence}") if same else None
    if wrong.shape != e.true.shape or e.yours.shape != e.true.shape or not wrong.any():
        return None
    difference, delta = e.yours - e.true, wrong - e.true
    if not delta.any() or e.same(wrong, e.true):
        return None
    top = np.unravel_index(int(np.abs(delta).argmax()), delta.shape)
    amount = float(difference[top] / delta[top])
    close = e.close * max(1.0, np.abs(e.true).max() / max(np.abs(difference).max(), 1e-300))
    if not agree(difference, amount * delta, min(close, 1e-3)):
        return None
    if replay.free == "rate":
        if amount <= 0 or np.count_nonzero(delta) < 2:
            return None
        return Diagnosis(replay.cause, f"d{e.name} is wrong. {replay.sentence} (The step was {amount:.4g} * dW.)")
    kept = 1 - amount
    if abs(kept) < 1e-6:
        return Diagnosis(replay.cause, f"d{e.name} is wrong. {replay.sentence}")
    if abs(kept + 1) < 1e-6:
        return Diagnosis("sign", f"The sign of one of the terms that make up d{e.name} is flipped.")
    for value, text in ((2.0, "twice"), (0.5, "half")):
        if abs(kept - value) < 1e-6:
            return Diagnosis(
                "constant-factor",
                f"One of the terms that make up d{e.name} counts {text} what it should.",
                value,
            )
    return None


def one_place(e: Evidence) -> Diagnosis | None:
    if e.yours.shape != e.true.shape or e.true.size < 2:
        return None
    wrong = np.abs(e.yours - e.true) > min(1e-11, 1e-3 * e.error) * max(np.abs(e.true).max(), np.abs(e.yours).max())
    places = np.argwhere(wrong)
    if len(places) == 1:
        where = ", ".join(map(str, places[0]))
        return Diagnosis("one-entry", f"d{e.name} is wrong in one entry alone, [{where}].")
    if e.true.ndim >= 2 and len(places):
        for axis, word in ((0, "row"), (1, "column")):
            if e.true.shape[axis] > 1 and len(set(places[:, axis])) == 1:
                return Diagnosis(f"one-{word}", f"d{e.name} is wrong in {word} {places[0, axis]} alone.")
    return None


def integer_dtype(e: Evidence) -> Diagnosis | None:
    if e.yours.dtype.kind in "iub":
        return Diagnosis("integer-dtype", f"d{e.name} holds {e.yours.dtype} numbers; a gradient is float64.")
    return None


def wrong_shape(e: Evidence) -> Diagnosis | None:
    if e.yours.shape != e.true.shape:
        return Diagnosis(
            "wrong-shape",
            f"d{e.name} has shape {e.yours.shape}; it must have {e.name}'s shape {e.true.shape}.",
        )
    return None


def unknown(e: Evidence) -> Diagnosis:
    wrong = np.abs(e.yours - e.true) > min(1e-9, 1e-3 * e.error) * np.abs(e.true).max(initial=0.0)
    where = f"{np.count_nonzero(wrong)} of {wrong.size} entries are off"
    if e.x.shape == wrong.shape:
        for sign_text, place in (("positive", e.x > 0), ("negative", e.x < 0)):
            if wrong.any() and not (wrong & ~place).any() and (~place).any():
                where += f", all of them where {e.name} is {sign_text}"
    return Diagnosis("unknown", f"d{e.name} is wrong in a way that I do not recognise: {where}.")


RULES: tuple[Callable[[Evidence], Diagnosis | None], ...] = (
    placeholder,
    extra_dimension,
    transposed,
    not_summed,
    sign,
    order,
    missing_upstream,
    diagonal,
    known_factor,
    replayed,
    nothing_but_upstream,
    by_the_logit,
    overwritten,
    missing_term,
    summed_over_batch,
    constant_factor,
    integer_dtype,
    wrong_shape,
    one_place,
)


def diagnose(e: Evidence) -> Diagnosis:
    """Return the first diagnosis that reproduces the answer, else "unknown" and where the error lies."""
    for rule in RULES:
        said = rule(e)
        if said is not None:
            return said
    return unknown(e)
