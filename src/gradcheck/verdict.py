"""The verdict: the answer against the slope along random directions, within a tolerance that is computed.

Directions are ±U[0.5, 1.5] in each entry. For any error E, one direction misses it with probability at most
``tolerance / max|E|``, since each entry's density is at most 1/2 with the others fixed; K directions with at
most the K-th power. One wrong entry is never missed: no weight is below 0.5.
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from gradcheck.direction import NotExact, only, slope
from gradcheck.finite import EVALUATIONS_OF_A_MEASUREMENT, measure, quick
from gradcheck.localise import halving
from gradcheck.problem import EPS, Array, Direction, Problem
from gradcheck.report import Verdict
from gradcheck.trace import gradients_of_steps, loss_through_steps, recorded

DIRECTIONS = 2
VACUOUS = 0.01
COARSE = 1e-9
ROUGHEST = 1e-9
# A part of the slope that the complex step loses is told from the rounding of L down to this share of it.
HIDDEN = 2e-8
# Up to so many entries in all, each gradient gets two second opinions instead of one.
SMALL = 2000
# The questions that halving may ask for entries on a kink: cheap ones on the exact route, dear ones on the other.
KINKS_EXACT, KINKS_MEASURED = 20_000, 400
ON_KINKS = "every entry stands on a kink, or more do than can be told apart"
# No answer passes that is off by more of its size, however rough its numbers are.
FURTHEST = 1e-6
# Nor one whose own numbers, such as float32, are rougher than this.
FEWEST = 1e-5
FEW_DIGITS = "its {} numbers hold too few digits, and it is off by {:.0e} of its size"
# A second opinion that is as sharp as this needs no third one.
SHARP = 1e-5
MOST_AGREEING = 5


@dataclass
class Judgement:
    """The verdict on one gradient, the numbers behind it; ``kinks`` are flat indices that were left out."""

    verdict: Verdict
    tolerance: float = 0.0
    size: float = 0.0
    agreement: float = np.nan
    exact: bool = True
    reason: str = ""
    mismatch: float = 0.0
    kinks: list[int] = field(default_factory=list)


@dataclass
class Exact:
    """What the complex step says on one gradient: kinks that are left out, directions, and the slopes along them."""

    kinks: list[int]
    directions: list[Array]
    slopes: list[float]


def floor(problem: Problem, name: str, terms: Array | None = None) -> float:
    """Return the resolution of a gradient by this input: 64 roundings of L over the size of the input.

    L is the sum of ``terms``; None: of dout * out.
    """
    size = float(np.abs(problem.inputs[name]).max(initial=0.0)) or 1.0
    return 64 * EPS * float(np.abs(problem.dout * problem.out if terms is None else terms).sum()) / size


def floor_of_steps(problem: Problem, name: str) -> float:
    """Return the coarsest resolution in the recorded steps: where a sum is 0, its terms are rounded all the same."""
    tape = recorded(problem)
    try:
        arrived = {} if tape is None else tape.upstreams(problem.dout)
    except Exception:  # as in gradients_of_steps
        arrived = {}
    return max((floor(problem, name, G * node.value) for node, G in arrived.items() if node.parents), default=0.0)


def length(values: Array) -> float:
    """Return the Euclidean norm, without overflow where the entries are huge."""
    top = float(np.abs(values).max(initial=0.0))
    return top * float(np.linalg.norm(values / top)) if top else 0.0


def strict(answer: Array) -> float:
    """Return the share of its size by which an answer may be off: 1000 roundings, no more than FEWEST."""
    return min(coarse(answer), FEWEST)


def coarse(answer: Array) -> float:
    """Return 1000 roundings of an answer's numbers, as a share of its size, no more than VACUOUS."""
    return min(1000 * float(np.finfo(answer.dtype).eps), VACUOUS)


def without(values: Array, kinks: list[int]) -> Array:
    """Return values in float64, 0 in the flat indices that are left out."""
    # In C order reshape gives a view of it, whatever order the values came in.
    kept = np.array(values, dtype=np.float64, order="C")
    kept.reshape(-1)[kinks] = 0.0
    return kept


def judge(problem: Problem, answers: Mapping[str, Array]) -> dict[str, Judgement]:
    """Return the verdict on each answer, an array of the right shape with finite entries."""
    names = [name for name in problem.wrt if problem.inputs[name].size]
    judged = [name for name in names if name in answers]
    try:
        problem.loss_of_steps = loss_through_steps(problem)
        known = {name: exact_slopes(problem, name, []) for name in names}
        if has_kink(problem, known):
            known = {name: exact_slopes(problem, name, kinked(problem, name)) for name in names}
        few = DIRECTIONS if sum(problem.inputs[name].size for name in names) <= SMALL else 1
        opinions = {name: [opinion(problem, {name: v}) for v in known[name].directions[:few]] for name in names}
        by_steps = problem.loss_of_steps is not None
        # Slopes that come from the steps are not confirmed by them.
        replayed = functools.cache(lambda: None if by_steps else gradients_of_steps(problem))
        problem.exact = not any(
            disputed(problem, name, known[name], number, second, replayed)
            for name in names
            for number, second in enumerate(opinions[name])
        )
        found = {name: judge_exact(problem, name, answers[name], known[name]) for name in judged if problem.exact}
    except NotExact:
        problem.exact = False
    if not problem.exact:
        return {name: judge_measured(problem, name, answers[name]) for name in judged}
    for name, judgement in found.items():
        mine = float((answers[name] * known[name].directions[0]).sum())
        size = max(length(answers[name]), abs(opinions[name][0]))
        judgement.agreement = abs(mine - opinions[name][0]) / size if size else 0.0
    return found


def opinion(problem: Problem, v: Direction) -> float:
    """Return one central difference, or a careful one where forward cannot go that far, as below 0 in a logarithm."""
    measured = quick(problem, v)
    return measured if np.isfinite(measured) else measure(problem, v).slope


def exact_slopes(problem: Problem, name: str, kinks: list[int]) -> Exact:
    """Return slopes along fresh random directions that leave the kinks out."""
    directions = [without(problem.draw(problem.inputs[name].shape), kinks) for _ in range(DIRECTIONS)]
    return Exact(kinks, directions, [slope(problem, {name: v}) for v in directions])


def has_kink(problem: Problem, known: Mapping[str, Exact]) -> bool:
    """Return whether the slope along -v is not minus the slope along v: one evaluation for all inputs."""
    back = slope(problem, {name: -one.directions[0] for name, one in known.items()})
    terms = [one.slopes[0] for one in known.values()]
    bound = 1e-10 * float(np.abs(terms).sum()) + sum(floor(problem, name) for name in known)
    return abs(back + sum(terms)) > bound


def kinked(problem: Problem, name: str) -> list[int]:
    """Return the flat indices of the entries that stand on a kink, where D(v) + D(-v) is not 0."""

    def bent(v: Array) -> bool:
        there, back = slope(problem, {name: v}), slope(problem, {name: -v})
        return abs(there + back) > 1e-10 * (abs(there) + abs(back)) + 0.1 * floor(problem, name)

    return halving(problem.draw(problem.inputs[name].shape), bent, min(KINKS_EXACT, problem.affordable // 2))


def disputed(
    problem: Problem,
    name: str,
    known: Exact,
    number: int,
    opinion: float,
    replayed: Callable[[], Mapping[str, Array] | None],
) -> bool:
    """Return whether the complex step is overruled, as it must be for ``np.abs``.

    One central difference that agrees is enough where it is sharp. Otherwise the recorded steps of forward decide,
    where there are such, and the slopes are not theirs: their chain rule has no step size. Where there are none, a
    careful difference that agrees is enough, too; else careful ones decide, along directions of ever fewer entries, so
    that kinks beside x are left behind. One of all entries that agrees is enough; of parts MOST_AGREEING must agree and
    not two disagree, nor one entry, since the complex step may be wrong in other entries alone.
    """
    exact, v = known.slopes[number], known.directions[number]
    scale = max(abs(exact), abs(opinion))
    x = problem.inputs[name]
    noise = EPS * float(np.abs(problem.dout * problem.out).sum()) / 1e-6 / (np.abs(x).max() or 1.0)
    close = HIDDEN * scale + 20 * noise
    if abs(exact - opinion) <= close <= SHARP * scale:
        return False
    gradients = replayed()
    if gradients is not None:
        terms = np.asarray(gradients[name] * v)
        off = abs(float(terms.sum()) - exact) - FURTHEST * float(np.abs(terms).sum())
        return not off <= floor(problem, name) and not off <= floor_of_steps(problem, name)
    agreeing = disagreeing = 0
    if abs(exact - opinion) <= close:
        careful = measure(problem, {name: v})
        if abs(exact - careful.slope) <= max(10 * careful.error, HIDDEN * scale):
            return False
        opinion = careful.slope
        disagreeing = int(10 * careful.error <= 0.1 * abs(exact - opinion))
    usable = problem.rng.permutation(np.setdiff1d(np.arange(x.size), known.kinks))
    for number, share in enumerate((1.0, 1.0, 1.0, 0.5, 0.25, 0.25, 0.1, 0.1, 0.03, 0.03, *[0.0] * 8)):
        if not usable.size:
            return False
        # Other entries each time, as long as there are others.
        count = max(1, int(share * usable.size))
        chosen = np.roll(usable, number * count)[:count]
        v = only(problem.draw(x.shape), chosen)
        measured = measure(problem, {name: v})
        share_of_length = (count / usable.size) ** 0.5
        if not 10 * measured.error <= 0.1 * abs(exact - opinion) * share_of_length:
            continue
        along = slope(problem, {name: v})
        agrees = abs(along - measured.slope) <= max(10 * measured.error, HIDDEN * scale * share_of_length)
        agreeing += agrees
        # The gaps of several kinks may cancel, and hide them; one entry has its kink to itself, and counts twice.
        disagreeing += 0 if agrees else 2 if count == 1 else 1
        if disagreeing >= 2 or not disagreeing and (agreeing == MOST_AGREEING or agrees and share == 1.0):
            break
    return disagreeing > (1 if agreeing else 0)


def judge_exact(problem: Problem, name: str, answer: Array, known: Exact) -> Judgement:
    """Return the verdict on one answer from exact slopes.

    The tolerance is 1000 roundings of the answer, no more than FEWEST. An answer just outside of it is given the
    rounding that formulas make (see :func:`rounding`). Nothing passes whose tolerance exceeds 1 % of the gradient,
    unless the gradient is zero to rounding.
    """
    slopes, directions = known.slopes, known.directions
    if len(known.kinks) == answer.size:
        return Judgement("not differentiable here", kinks=known.kinks, reason=ON_KINKS)
    kept = without(answer, known.kinks)
    norm = length(kept)
    size = max(norm, *map(abs, slopes))
    mismatch = max(abs(float((kept * v).sum()) - s) for v, s in zip(directions, slopes, strict=True))
    result = Judgement("fail", strict(answer) * norm, size, kinks=known.kinks)
    if not (np.isfinite(mismatch) and np.isfinite(size)):
        return result
    result.mismatch = mismatch
    if mismatch <= result.tolerance <= VACUOUS * size:
        result.verdict = "pass"
        return result
    if mismatch <= coarse(answer) * norm:
        result.verdict, result.reason = "cannot tell", FEW_DIGITS.format(answer.dtype, mismatch / size)
        return result
    most = 100 * EPS * float(np.abs(problem.dout).max(initial=0.0))
    if mismatch > max(1e-3 * size, 1e3 * floor(problem, name), most):
        return result
    zero, moved = rounding(problem, name, answer, known, size)
    if moved is None:
        result.verdict, result.reason = "not deterministic", "two calls with the same arguments gave different answers"
        return result
    result.tolerance += moved
    if result.tolerance < mismatch <= result.tolerance + most:
        result.tolerance += min(10 * scatter(problem, name, answer, directions[1]), most)
    # A gradient below the resolution of L may be rounded away, as in 1 - tanh(20)**2.
    if mismatch > result.tolerance and not mismatch <= floor(problem, name) >= size:
        return result
    certain = result.tolerance <= VACUOUS * size and mismatch <= FURTHEST * size
    if mismatch <= result.tolerance and (zero or certain):
        result.verdict, result.reason = "pass", "zero to rounding" if zero else "rough"
        return result
    result.verdict = "cannot tell"
    result.reason = f"it is off by {mismatch:.1e}, and rounding moves it by about {result.tolerance:.1e}"
    return result


def rounding(problem: Problem, name: str, answer: Array, known: Exact, size: float) -> tuple[bool, float | None]:
    """Return whether the gradient is zero to rounding, and how far rounding may move the answer: measured, not guessed.

    It adds how far the slopes are from linear, how far they scatter about a line beside x (a forward such as log(1 - p)
    rounds inside), how far a last-digit change of the inputs moves the answer, or one of the cache (where p is next to
    1, p - 1 has few digits left), and the resolution of L, which is all that there is to a gradient of zero. None where
    two equal calls give unequal answers.
    """
    one, two = known.directions[:2]
    here, there = known.slopes[:2]
    nonlinear = [
        slope(problem, {name: one + two}) - here - there,
        slope(problem, {name: one - two}) - here + there,
        3 * slope(problem, {name: one / 3}) - here,
        3 * slope(problem, {name: two / 3}) - there,
    ]
    noise = max(map(abs, nonlinear))
    zero = max(abs(here), abs(there)) <= 100 * noise
    given, x = problem.inputs, problem.inputs[name]
    beside = {
        by: slope(problem, {name: one}, {**given, name: x * (1 + by * np.sign(two))}) - here
        for by in (1e-13, 1e-12, 1e-11, 1e-10, 1e-9, 1e-8, 1e-7)
    }
    rough = max(abs(move - by / 1e-7 * beside[1e-7]) for by, move in beside.items())
    resolution = floor(problem, name)
    total = (resolution if zero else min(resolution, ROUGHEST * size)) + 20 * noise + min(50 * rough, ROUGHEST * size)
    rounded, moves = replace(problem, cache=problem.last_digits_changed(problem.cache)), [0.0]
    for number, answers in enumerate((problem.answers(given), problem.answers(problem.beside()), rounded.answers())):
        again = answers.get(name)
        if again is not None and again.shape == answer.shape:
            moved = length(without(again - answer, known.kinks))
            if number == 0 and moved > 1e-9 * size:
                return zero, None
            moves.append(moved)
    return zero, total + 10 * max(moves)


def scatter(problem: Problem, name: str, answer: Array, v: Array) -> float:
    """Return how far the mismatch varies beside x, as rounding makes it: p - 1 rounds to the last digit of 1."""
    x, mismatches = problem.inputs[name], []
    for by in np.linspace(1e-5, 1e-4, 8):
        there = {**problem.inputs, name: x * (1 + by * np.sign(v))}
        yours = problem.answers(there).get(name)
        if yours is None or yours.shape != answer.shape:
            return 0.0
        mismatches.append(float((yours * v).sum()) - slope(problem, {name: v}, there))
    return float(np.std(mismatches))


def judge_measured(problem: Problem, name: str, answer: Array) -> Judgement:
    """Return the verdict on one answer from measured slopes: only three directions of three reject it."""
    shape = problem.inputs[name].shape
    kinks: list[int] = []
    if measure(problem, {name: problem.draw(shape)}).kink:
        budget = min(KINKS_MEASURED, problem.affordable // EVALUATIONS_OF_A_MEASUREMENT)
        kinks = halving(problem.draw(shape), lambda v: measure(problem, {name: v}).kink, budget)
    result = Judgement("cannot tell", exact=False, kinks=kinks)
    if len(kinks) == answer.size:
        result.verdict, result.reason = "not differentiable here", ON_KINKS
        return result
    kept = without(answer, kinks)
    result.size = length(kept)
    least, rough = (share(answer) * result.size + floor(problem, name) for share in (strict, coarse))
    for _ in range(2):
        wrong, vacuous, rounded, differences = 0, False, False, []
        for _ in range(3):
            v = without(problem.draw(shape), kinks)
            measured = measure(problem, {name: v})
            result.size = max(result.size, abs(measured.slope))
            tolerance = least + 10 * measured.error
            result.tolerance = max(result.tolerance, tolerance)
            difference = abs(float((kept * v).sum()) - measured.slope)
            differences.append(difference)
            wrong += not difference <= tolerance
            vacuous |= not tolerance <= VACUOUS * result.size
            rounded |= measured.noise > COARSE * float(np.abs(problem.dout * problem.out).sum())
        result.agreement = min(differences) / result.size if result.size else 0.0
        if not np.isfinite(result.tolerance):
            result.reason = "the slope could not be measured"
        elif wrong == 3 and max(differences) <= rough:
            result.reason = FEW_DIGITS.format(answer.dtype, max(differences) / result.size)
        elif wrong == 3:
            result.verdict = "fail"
        elif wrong:
            result.reason = "measured slopes contradict each other"
            continue
        elif vacuous:
            by = f"{result.tolerance:.1e}, more than 1 % of its size {result.size:.1e}"
            result.reason = f"the measured slope is uncertain by {by}"
        elif rounded:
            result.reason = "the forward rounds to about 7 digits inside (is something float32?)"
        else:
            result.verdict, result.reason = "pass", ""
        return result
    return result
