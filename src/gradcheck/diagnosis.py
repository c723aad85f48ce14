"""Which mistake gives exactly this answer: small rules, each beside its sentence.

A rule asks the evidence on one wrong gradient whether a mistake reproduces the learner's answer, and only then names
it. The rules are asked in the order of the table at the end.
"""

import itertools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from gradcheck.direction import jacobian
from gradcheck.problem import Array, Problem, agree, full_stop
from gradcheck.replay import Replay
from gradcheck.report import Diagnosis
from gradcheck.slips import KEPT

DIGITS = "0123456789"
# What the places along the axes of a matrix are called, and along that of a vector.
LINES, PLACES = (("row", "rows"), ("column", "columns")), (("entry", "entries"),)
# What a test finds: nothing, that the rule fits, the words that its sentence lacks, or all that is to be said.
Found = bool | dict[str, Any] | Diagnosis | None


class Rule(NamedTuple):
    """A cause, the test of the evidence, and the sentence; braces in it hold words of the test or the evidence."""

    cause: str
    test: Callable[["Evidence"], Found]
    sentence: str = ""


@dataclass(frozen=True)
class Evidence:
    """One wrong gradient: the answer, the truth, the truths of the others, and what slips would answer."""

    name: str
    yours: Array
    true: Array
    problem: Problem
    truths: Mapping[str, Array]
    slips: Callable[[], Sequence[tuple[Replay, int]]]
    right: frozenset[str] = frozenset()
    close: float = 1e-7

    def same(self, a: Array, b: Array) -> bool:
        """Return whether two arrays have one shape and agree, to ``close`` times their largest entry.

        Where the answer is off by very little, they must agree to a thousandth of that error too.
        """
        return agree(a, b, min(self.close, 1e-3 * self.error))

    def is_mine(self, wrong: Array) -> bool:
        """Return whether this wrong answer is the one that was handed in."""
        return self.same(self.yours, wrong)

    @cached_property
    def fits(self) -> bool:
        """Whether the answer has the right shape."""
        return self.yours.shape == self.true.shape

    @cached_property
    def largest(self) -> float:
        """The largest entry of the answer and the truth."""
        return max(float(np.abs(self.true).max(initial=0.0)), float(np.abs(self.yours).max(initial=0.0)))

    @cached_property
    def error(self) -> float:
        """The largest error relative to the largest entry, 1 where the shapes differ."""
        if not self.fits or not self.true.size:
            return 1.0
        return float(np.abs(self.yours - self.true).max()) / self.largest if self.largest else 0.0

    @property
    def x(self) -> Array:
        return self.problem.inputs[self.name]

    @property
    def wrong_arrays(self) -> bool:
        """Whether another gradient, of more than one entry, is wrong: the mistake shows better there."""
        inputs = self.problem.inputs
        return any(inputs[n].size > 1 for n in self.problem.wrt if n != self.name and n not in self.right)

    @cached_property
    def local(self) -> Array | None:
        """The Jacobian of the output by this input, flat by flat, where it is small."""
        return jacobian(self.problem, self.name)

    @cached_property
    def factor(self) -> float | None:
        """The number c where the answer is c times the truth in every entry."""
        return self.factor_of(self.true)

    def factor_of(self, wrong: Array) -> float | None:
        """Return the number c where the answer is c times an array in every entry, None where there is none."""
        if self.yours.shape != wrong.shape or not wrong.any():
            return None
        top = np.unravel_index(int(np.abs(wrong).argmax()), wrong.shape)
        factor = float(self.yours[top] / wrong[top])
        return factor if factor and self.is_mine(factor * wrong) else None

    @property
    def rows(self) -> int:
        """The number of examples, N."""
        # Integers are labels: one for each example, where they stand in a list.
        lists = [a for a in self.problem.inputs.values() if a.dtype.kind in "iub" and a.ndim == 1]
        matrices = [a for a in self.problem.inputs.values() if a.ndim >= 2]
        batches = [*([self.problem.out] if self.problem.out.ndim >= 2 else []), *lists, *matrices]
        return batches[0].shape[0] if batches else 0

    def wrong_places(self, close: float) -> Array:
        """Return the indices of the wrong entries, one row each; none where the shapes differ."""
        if not self.fits:
            return np.empty((0, self.true.ndim), dtype=int)
        # A truth that was measured is itself off by more.
        close *= (self.close / 1e-7) ** 2
        return np.argwhere(np.abs(self.yours - self.true) > min(close, 1e-3 * self.error) * self.largest)

    def times(self, factor: float) -> str:
        """Return a factor in words, with the digits that are known."""
        few = f"{factor:.5g}"
        return f"{factor:.10g} times" if self.close <= 1e-7 or few == "1" else f"{few} times"


def placeholder(e: Evidence) -> Found:
    if not e.fits or not e.true.any() or e.yours.any():
        return e.true.size == 1 and e.yours.ravel().tolist() == [1.0] and {"value": 1}
    # One number may come out as zero by a mistake that shows in other gradients.
    if e.true.size == 1 and any(explained > 1 and match(e, slip) for slip, explained in e.slips()):
        return None
    # One contribution of several may be zero, where a recurrent network starts from zeros.
    lost = (slip for slip, _ in e.slips() if slip.cause == "overwritten-branch" and match(e, slip))
    return not any(all(e.same(slip.gradients[n], e.truths[n]) for n in e.right) for slip in lost) and {"value": 0}


def extra_dimension(e: Evidence) -> Found:
    squeezed = e.yours.squeeze().shape == e.true.squeeze().shape
    if e.fits or not squeezed or not e.same(e.yours.reshape(e.true.shape), e.true):
        return None
    return {"hint": "keepdims, or a slice where an index should be" if e.yours.ndim > e.true.ndim else "keepdims=True"}


def transposed(e: Evidence) -> Found:
    return e.yours.ndim == 2 and e.same(e.yours.T, e.true)


def not_summed(e: Evidence) -> Found:
    if e.yours.ndim < e.true.ndim or e.yours.size <= e.true.size:
        return None
    padded = (1,) * (e.yours.ndim - e.true.ndim) + e.true.shape
    axes = tuple(k for k, (a, b) in enumerate(zip(e.yours.shape, padded, strict=True)) if b == 1 and a != b)
    return bool(axes) and e.same(e.yours.sum(axis=axes).ravel(), e.true.ravel()) and {"axis": axes[0]}


def sign(e: Evidence) -> Found:
    everywhere = " in every entry" if e.true.size > 1 else ""
    return e.factor is not None and abs(e.factor + 1) <= e.close and {"factor": -1.0, "everywhere": everywhere}


def misplaced(e: Evidence) -> Found:
    others = [name for name, truth in e.truths.items() if name != e.name and e.is_mine(truth)]
    return bool(others) and others[0] not in e.right and {"other": others[0]}


def in_two_places(e: Evidence) -> Found:
    others = [name for name in e.truths if name in e.right and name != e.name and e.is_mine(e.truths[name])]
    if not others or any(match(e, slip) for slip, _ in e.slips()):
        return None
    # W1 and W2 are of one kind.
    kind = others[0].rstrip(DIGITS)
    cause = "wrong-shape" if not e.fits else "off-by-one-layer" if kind == e.name.rstrip(DIGITS) else "unknown"
    text = f"In the place of d{e.name} you returned d{others[0]}, which is in its own place too."
    return Diagnosis(cause, text)


def no_upstream(e: Evidence) -> Found:
    return not e.problem.is_loss and e.local is not None and e.is_mine(e.local.sum(axis=0).reshape(e.x.shape))


def diagonal(e: Evidence) -> Found:
    if e.local is None or e.local.shape[0] != e.local.shape[1] or e.x.shape != e.problem.out.shape:
        return None
    own = np.diag(e.local).reshape(e.x.shape)
    if np.count_nonzero(e.local) > np.count_nonzero(own):
        for answer, more in ((own * e.problem.dout, ""), (own, " The upstream gradient is missing too.")):
            if e.is_mine(answer):
                return {"more": more}
    return None


def upstream_twice(e: Evidence) -> Found:
    dout = e.problem.dout
    if e.problem.is_loss or not e.fits or not (dout.size == 1 or dout.shape == e.true.shape):
        return None
    if not e.is_mine(e.true * dout):
        return None
    cause = "unknown" if e.factor is None else "constant-factor"
    return Diagnosis(cause, f"d{e.name} has the upstream gradient in it twice: multiply by it once.", e.factor)


def counts(e: Evidence) -> tuple[dict[int, str], dict[int, str]]:
    """Return the numbers that a sum or a mean may run over, with what each counts: examples and entries, then axes."""
    problem, inputs = e.problem, e.problem.inputs
    entries = {e.name: e.x} if problem.is_loss else {"the output": problem.out}
    entries |= {name: a for name, a in inputs.items() if name not in problem.wrt and a.dtype.kind == "f"}
    whole = {e.rows: "N, the number of examples"}
    for name, a in entries.items():
        whole.setdefault(a.size, f"the number of entries of {name}")
    axes: dict[int, str] = {}
    for name, a in inputs.items():
        for k, n in enumerate(a.shape):
            axes.setdefault(n, f"the size of axis {k} of {name}")
    return {n: what for n, what in whole.items() if n > 1}, {n: what for n, what in axes.items() if n > 2}


def known_factors(e: Evidence) -> list[tuple[float, str]]:
    """Return the factors that mistakes are known to leave, and what each may be."""
    named = [(2.0, "a factor 2 too much"), (0.5, "is the factor 2 of a square missing")]
    whole, axes = counts(e)
    for n, what in (axes | whole).items():
        named += [
            (n, f"{n} is {what}: is the division by it missing, or a sum where a mean belongs"),
            (1 / n, f"1/{n}, and {n} is {what}: is it divided twice, or a mean where a sum belongs"),
        ]
        # Smaller squares are other factors as well.
        if n in whole and n > 3:
            named.append((n * n, f"{n} * {n}, and {n} is {what}: is it multiplied where it must be divided"))
    return named + [(r, f"{r}, as a learning rate is: that belongs to the update") for r in (0.1, 0.01, 0.001)]


def known_factor(e: Evidence) -> Found:
    if e.factor is None or e.true.size == 1 and e.wrong_arrays:
        return None
    guess = guesses(e, e.factor)
    return bool(guess) and words_of_factor(e, guess)


def guesses(e: Evidence, factor: float) -> str:
    """Return in brackets what a factor may be, "" where it is none that mistakes are known to leave."""
    said = [text for value, text in known_factors(e) if abs(abs(factor) / value - 1) < 10 * e.close]
    return f" ({' or '.join(dict.fromkeys(said))}?)" if said else ""


def any_factor(e: Evidence) -> Found:
    """Name any factor, except where there is but one number: then every wrong answer has a factor."""
    levels = np.unique(e.true).size
    return e.factor is not None and levels > 1 and words_of_factor(e, "")


def words_of_factor(e: Evidence, guess: str) -> dict[str, Any]:
    """Return the words for a factor, and for what it may be."""
    turned = ", and the sign is flipped" if guess and e.factor is not None and e.factor < 0 else ""
    everywhere = " everywhere" if e.true.size > 1 else ""
    times = e.times(e.factor or 0.0)
    return {"factor": e.factor, "times": times, "everywhere": everywhere, "guess": guess, "turned": turned}


def replayed(e: Evidence) -> Found:
    """Return the slip in the chain rule that gives this answer; of several, the one that explains most."""
    hits: dict[str, tuple[int, Diagnosis]] = {}
    for slip, explained in e.slips():
        said = match(e, slip) if slip.cause != "unknown" else None
        if said is not None and explained > hits.get(said.cause, (-1, said))[0]:
            hits[said.cause] = (explained, said)
    return likeliest(hits)


def twofold(e: Evidence) -> Found:
    """Return the slip that gives this answer but for a factor that mistakes are known to leave, or for the sign."""
    hits: dict[str, tuple[int, Diagnosis]] = {}
    for slip, explained in e.slips():
        wrong = slip.gradients[e.name]
        factor = e.factor_of(wrong) if slip.free != "rate" else None
        if factor is None:
            continue
        guess = guesses(e, factor)
        # Few numbers are some factor times others by accident.
        few = np.unique(np.abs(wrong)).size < 3
        right = wrong.size == e.true.size and e.same(wrong.ravel(), e.true.ravel())
        if not few and not right and (guess or abs(factor + 1) <= e.close):
            turned = " The sign is flipped, too." if factor < 0 else ""
            also = f" Besides, all of it counts {e.times(abs(factor))} what it should{guess}." if guess else ""
            said = Diagnosis(slip.cause, f"d{e.name} is wrong in two ways. {slip.sentence}{also}{turned}", factor)
            hits.setdefault(slip.cause, (explained, said))
    return likeliest({cause: hit for cause, hit in hits.items() if cause != "unknown"} or hits)


def likeliest(hits: Mapping[str, tuple[int, Diagnosis]]) -> Diagnosis | None:
    """Return what is said of the slip that explains most wrong gradients, with "maybe" where several do."""
    most = max((count for count, _ in hits.values()), default=0)
    best = [said for count, said in hits.values() if count == most]
    if len(best) < 2:
        return best[0] if best else None
    others = "; or ".join(re.sub(r"^d\w+ is wrong\. ", "", said.sentence).rstrip(".") for said in best[1:3])
    return best[0]._replace(sentence=full_stop(f"Maybe: {best[0].sentence} Or maybe: {others}"))


def recognised(e: Evidence) -> Found:
    """Return the slip that gives this answer and has no name among the causes, but a sentence."""
    said = (match(e, slip) for slip, _ in e.slips() if slip.cause == "unknown")
    return next((one for one in said if one is not None), None)


def match(e: Evidence, replay: Replay) -> Diagnosis | None:
    """Return the diagnosis of a slip where it reproduces the answer."""
    wrong = replay.gradients[e.name]
    said = Diagnosis(replay.cause, f"d{e.name} is wrong. {replay.sentence}")
    if replay.free == "no":
        return said if e.is_mine(wrong) and not e.same(wrong, e.true) else None
    if wrong.shape != e.true.shape or not e.fits or not wrong.any() or e.same(wrong, e.true):
        return None
    difference, delta = e.yours - e.true, wrong - e.true
    top = np.unravel_index(int(np.abs(delta).argmax()), delta.shape)
    amount = float(difference[top] / delta[top])
    close = e.close * max(1.0, np.abs(e.true).max() / max(np.abs(difference).max(), 1e-300))
    if not agree(difference, amount * delta, min(close, 1e-3)):
        return None
    if replay.free == "rate":
        told = said._replace(sentence=f"{said.sentence} (The step was {amount:.4g} * dW.)")
        # Learning rates are typed by hand: any other amount fits by accident.
        typed = amount > 0 and abs(amount / float(f"{amount:.3g}") - 1) < 1e-6
        return told if typed and np.count_nonzero(delta) > 1 else None
    kept, which = 1 - amount, f"one of the terms that make up d{e.name}"
    if abs(kept) < 1e-6:
        rate = lost_rate(e) if replay.cause == "missing-term" else 0.0
        return said._replace(sentence=LACKS.format(f"d{e.name}", f"{rate:.6g} * {e.name}")) if rate > 0.0 else said
    if e.x.size > 2 and e.same(delta, delta[top] / (e.x[top] or 1.0) * e.x):
        which = f"the term of d{e.name} in {e.name} alone, such as that of a regularisation,"
    if abs(kept + 1) < 1e-6:
        return Diagnosis("sign", f"The sign of {which.rstrip(',')} is flipped.")
    guess = guesses(e, kept)
    # In one number alone every wrong answer is some factor of a term.
    if not guess and np.unique(delta[delta != 0.0]).size < 2:
        return None
    text = f"{which[0].upper()}{which[1:]} counts {e.times(kept)} what it should{guess}."
    return Diagnosis("constant-factor", text, kept)


def nothing_but_upstream(e: Evidence) -> Found:
    return not e.problem.is_loss and len(e.problem.wrt) == 1 and e.is_mine(e.problem.dout)


def by_the_logit(e: Evidence) -> Found:
    p = e.x
    return e.fits and bool(((p > 0) & (p < 1)).all()) and e.is_mine(e.true * p * (1 - p))


def overwritten(e: Evidence) -> Found:
    """Test whether of several contributions to an entry the last (or first) in a loop was kept alone, or left out."""
    if e.local is None or not e.fits or e.problem.out.ndim < 1 or not e.local.size:
        return None
    parts, shape = e.local.T * e.problem.dout.ravel(), e.problem.out.shape
    places = np.indices(shape)
    # The loops run over one axis of the output, over some, or over all.
    for axes in itertools.chain.from_iterable(
        itertools.combinations(range(len(shape)), n + 1) for n in range(len(shape))
    ):
        sizes = tuple(shape[k] for k in axes)
        steps = np.ravel_multi_index(tuple(places[k] for k in axes), sizes)
        count = math.prod(sizes)
        sums, used = np.zeros((count, e.x.size)), np.zeros((count, e.x.size), dtype=bool)
        np.add.at(sums, steps.ravel(), parts.T)
        np.logical_or.at(used, steps.ravel(), parts.T != 0)
        for kept in (count - 1 - used[::-1].argmax(axis=0), used.argmax(axis=0)):
            if e.is_mine(sums[kept, np.arange(e.x.size)].reshape(e.x.shape)):
                return True
        for (_, cause, text), kept in zip(KEPT[2:], (0, -1), strict=True):
            shared = used[kept].any() and (used.sum(axis=0)[used[kept]] > 1).all()
            if count > 2 and shared and e.is_mine(e.true - sums[kept].reshape(e.x.shape)):
                return Diagnosis(cause, f"d{e.name} is wrong. {text}")
    return None


def lost_rate(e: Evidence) -> float:
    """Return c where c * x is what the answer lacks, 0 where it lacks something else."""
    if not e.fits or np.count_nonzero(e.x) < 2 or e.factor is not None:
        return 0.0
    top = np.unravel_index(int(np.abs(e.x).argmax()), e.x.shape)
    rate = float((e.true - e.yours)[top] / e.x[top])
    is_it = rate and e.same(e.true - e.yours, rate * e.x) and e.same(e.yours + rate * e.x, e.true)
    return rate if is_it else 0.0


def missing_term(e: Evidence) -> Found:
    return lost_rate(e) > 0 and {"rate": lost_rate(e)}


def term_alone(e: Evidence) -> Found:
    """Test whether a term of a loss is all that is there, such as that of a regularisation."""
    rate = e.factor_of(e.x) if e.x.size > 2 else None
    if rate is None or not any(slip.cause == "missing-term" and match(e, slip) for slip, _ in e.slips()):
        return None
    return {"rate": rate}


def updated(e: Evidence) -> Found:
    """Test whether the input after a step of gradient descent was returned."""
    step = replace(e, yours=e.x - e.yours) if e.fits and e.x.size > 1 else e
    return step is not e and (step.factor or 0.0) > 0.0 and {"rate": step.factor}


def transposed_and_more(e: Evidence) -> Found:
    """Test whether the transpose of the truth was returned, and a factor that mistakes are known to leave."""
    factor = e.factor_of(e.true.T) if e.yours.ndim == 2 else None
    if factor is None:
        return None
    guess = guesses(e, factor)
    few = np.unique(np.abs(e.true)).size < 3
    if abs(factor + 1) <= e.close:
        return not few and {"also": "its sign is flipped"}
    return not few and bool(guess) and {"also": f"it is {e.times(factor)} what it should be{guess}"}


def labels(e: Evidence) -> Array | None:
    """Return the label of each row, from integers or rows with a 1 in them; None where there are none."""
    for name, y in e.problem.inputs.items() if e.x.ndim == 2 else ():
        if name != e.name and y.shape == e.x.shape and np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all():
            return np.asarray(y.argmax(axis=1))
        inside = y.dtype.kind in "iu" and y.size > 0 and y.min() >= 0 and y.max() < e.x.shape[-1]
        if y.shape == e.x.shape[:1] and inside:
            return y
    return None


def of_labels(e: Evidence) -> Found:
    """Test the slips in P - Y, the gradient of a cross-entropy by the logits: in Y, and in P."""
    y = labels(e)
    if y is None or not e.fits or not e.problem.is_loss:
        return None
    own, n = (np.arange(len(y)), y), len(y)
    Y = np.zeros(e.true.shape)
    Y[own] = 1.0
    for columns, text in ((y, "as with dZ[:, y] -= 1"), (slice(None), "as with P - 1")):
        extra = np.zeros(e.true.shape)
        extra[:, columns] = 1.0
        by = e.yours - e.true
        if (extra - Y).any() and e.same(by, by.min() * (extra - Y)) and by.min() < 0.0:
            return {"what": f"1 is subtracted in more entries than those of the labels, {text}; each row has one label"}
    for scale in (n, 1):
        P = e.true * scale + Y
        if (P > 0.0).all() and np.allclose(P.sum(axis=1), 1.0, rtol=1e-9):
            if e.is_mine(e.true * P * (1 - P)):
                return {"what": "P - Y holds the derivative of the softmax already; yours has P * (1 - P) in it, too"}
            if e.is_mine((e.x - Y) / scale):
                return {"what": f"the probabilities P belong in P - Y; yours has {e.name} itself there"}
    return None


def surplus_term(e: Evidence) -> Found:
    return lost_rate(e) < 0 and {"rate": -lost_rate(e)}


def summed_over_batch(e: Evidence) -> Found:
    if e.true.ndim < 2 or e.true.shape[0] < 2 or e.true.shape[0] != e.rows:
        return None
    for total, how in ((e.true.sum(axis=0), "summed"), (e.true.mean(axis=0), "averaged")):
        if any(map(e.is_mine, (total, total[None], np.broadcast_to(total, e.true.shape)))):
            return {"how": how}
    return None


def summed_over_all(e: Evidence) -> Found:
    total = e.true.sum()
    if e.true.size < 2 or not any(map(e.is_mine, (total, np.full(e.true.shape, total)))):
        return None
    return {"shape": "" if e.fits else f" It has shape {e.yours.shape}; it must have {e.name}'s shape {e.true.shape}."}


def reversed_order(e: Evidence) -> Found:
    for count, along in ((1, "its last axis"), (2, "its last two axes")):
        if e.true.ndim >= count and e.is_mine(np.flip(e.true, tuple(range(-count, 0)))):
            return {"along": along}
    return None


def integer_dtype(e: Evidence) -> Found:
    return e.yours.dtype.kind in "iub"


def wrong_shape(e: Evidence) -> Found:
    return not e.fits


def one_entry(e: Evidence) -> Found:
    places = e.wrong_places(1e-11)
    return e.true.size > 1 and len(places) == 1 and {"place": ", ".join(map(str, places[0]))}


def one_line(e: Evidence, axis: int) -> int | None:
    """Return the row (axis 0) or column (axis 1) in which all that is wrong lies, None where there is none."""
    places = e.wrong_places(1e-11)
    if e.true.ndim < 2 or e.true.shape[axis] < 2 or len(set(places[:, axis])) != 1:
        return None
    return int(places[0, axis])


def one_along(axis: int) -> Callable[[Evidence], Found]:
    """Return the test whether a whole row (axis 0) or column (axis 1) is wrong, and it alone."""

    def test(e: Evidence) -> Found:
        line = one_line(e, axis)
        if line is None or len(e.wrong_places(1e-11)) < np.count_nonzero(e.true.take(line, axis)):
            return None
        return {"place": line if e.true.ndim < 3 else f"{line} (of axis {axis})"}

    return test


def unknown(e: Evidence) -> Found:
    places = e.wrong_places(1e-9)
    if e.true.size == 1:
        return {"where": ""}
    where = f": {len(places)} of {e.true.size} entries are off"
    for word, side in (("positive", e.x > 0), ("negative", e.x < 0)):
        # All of that side, or it is a coincidence; where the upstream gradient is 0 nothing can be wrong.
        if side[tuple(places.T)].all() and 0.9 * side.sum() <= len(places) and not side.all():
            where += f", all of them where {e.name} is {word}"
    for axis, (word, words) in enumerate(LINES if e.true.ndim > 1 else PLACES):
        lines = np.unique(places[:, axis]).tolist()
        in_a_row = lines == list(range(lines[0], lines[-1] + 1)) if lines else False
        if in_a_row and 2 * len(lines) <= e.true.shape[axis]:
            which = f"{word} {lines[0]}" if len(lines) == 1 else f"{words} {lines[0]} to {lines[-1]}"
            where += f", all of them in {which}"
    return {"where": where}


LACKS = "{} lacks the term {}, as a regularisation term gives it."
FACTOR = "{d} is {times} the true gradient{everywhere}{guess}{turned}."
RULES = (
    Rule("placeholder", placeholder, "Every entry of {d} is {value}: was it ever filled in?"),
    Rule(
        "extra-dimension", extra_dimension,
        "The numbers of {d} are right, the shape is not: yours is {yours.shape}, {name} has {true.shape} ({hint}?).",
    ),
    Rule("transposed", transposed, "{d} is right but transposed: it must have {name}'s shape."),
    Rule(
        "not-summed", not_summed,
        "{d} still has shape {yours.shape}: {name} was broadcast over axis {axis} (the same {name} serves every "
        "example), so its gradients must be summed over it.",
    ),
    Rule("sign", sign, "{d} has the wrong sign{everywhere}: it is minus the true gradient."),
    Rule("order", misplaced, "In the place of {d} you returned d{other}: the order is wrong."),
    Rule("in two places", in_two_places),
    Rule(
        "missing-upstream", no_upstream,
        "{d} does not contain the upstream gradient: multiply the local derivative by it.",
    ),
    Rule(
        "diagonal-jacobian", diagonal,
        "{d} has only the diagonal of the Jacobian: every output depends on every input of its row.{more}",
    ),
    Rule("upstream twice", upstream_twice),
    Rule("constant-factor", known_factor, FACTOR),
    Rule(
        "missing-term", term_alone,
        "{d} is {rate:.6g} * {name} alone, as a regularisation term gives it: the gradient of the rest is missing.",
    ),
    Rule("replayed", replayed),
    Rule(
        "missing-activation-derivative", nothing_but_upstream,
        "{d} is the upstream gradient itself: the derivative of the function is missing.",
    ),
    Rule(
        "wrong-variable", by_the_logit,
        "{d} is the derivative by the logit z where {name} = sigmoid(z); here {name} itself is the input.",
    ),
    Rule(
        "overwritten-branch", overwritten,
        "Entries of {name} that are used several times (windows overlap, indices repeat, a loop goes on) keep one "
        "contribution only: they add, += instead of =.",
    ),
    Rule("missing-term", missing_term, LACKS.format("{d}", "{rate:.6g} * {name}")),
    Rule("unknown", surplus_term, "{d} has too much of {rate:.6g} * {name}, as a regularisation term gives it."),
    Rule(
        "summed-over-batch", summed_over_batch,
        "{d} is {how} over the batch: every example has its own row of {name} and keeps its own gradient.",
    ),
    Rule(
        "wrong-axis", summed_over_all,
        "{d} is the sum of all entries of the true gradient: its sum runs over too many axes.{shape}",
    ),
    Rule("unknown", reversed_order, "{d} has the right numbers in reverse order along {along}."),
    Rule("constant-factor", any_factor, FACTOR),
    Rule("transposed", transposed_and_more, "{d} is wrong in two ways: it is transposed, and {also}."),
    Rule("unknown", of_labels, "{d} is wrong: {what}."),
    Rule(
        "updated-weights", updated,
        "{d} is {name} after a step of gradient descent, {name} - {rate:.6g} * {d}: return the gradient alone.",
    ),
    Rule("recognised", recognised),
    Rule("two at once", twofold),
    Rule("integer-dtype", integer_dtype, "{d} holds {yours.dtype} numbers; a gradient is float64."),
    Rule("wrong-shape", wrong_shape, "{d} has shape {yours.shape}; it must have {name}'s shape {true.shape}."),
    Rule("one-entry", one_entry, "{d} is wrong in one entry alone, [{place}]."),
    Rule("one-row", one_along(0), "{d} is wrong in row {place} alone."),
    Rule("one-column", one_along(1), "{d} is wrong in column {place} alone."),
    Rule("unknown", unknown, "{d} is wrong in a way that I do not recognise{where}"),
)  # fmt: skip


def diagnose(e: Evidence) -> Diagnosis:
    """Return the first diagnosis that reproduces the answer, else "unknown" and where the error lies."""
    for rule in RULES:
        found = rule.test(e)
        if isinstance(found, Diagnosis):
            return found
        if found:
            words = found if isinstance(found, dict) else {}
            text = rule.sentence.format(d=f"d{e.name}", name=e.name, yours=e.yours, true=e.true, **words)
            return Diagnosis(rule.cause, full_stop(text), words.get("factor"))
    raise AssertionError("the last rule always holds")


def looks_like(names: Sequence[str]) -> str:
    """Return the sentence on the author's mistakes that give this answer."""
    if len(names) > 1:
        return full_stop(f"Maybe it is one of these mistakes: {'; '.join(names)}")
    return full_stop(f"It looks like this mistake: {names[0]}")
