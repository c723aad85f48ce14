"""The verdict: the answer against the slope along random directions, within a tolerance that is computed.

Directions are ±U[0.5, 1.5] in each entry. For any error E, one direction misses it with probability at most
``tolerance / max|E|``, since each entry's density is at most 1/2 with the others fixed; K directions with at
most the K-th power. One wrong entry is never missed: no weight is below 0.5.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from gradcheck.direction import NotExact, slope
from gradcheck.finite import EPS, measure, quick
from gradcheck.problem import Array, Problem
from gradcheck.report import Verdict

DIRECTIONS = 2
VACUOUS = 0.01
KINK_BUDGET = 2000
COARSE = 1e-9
ROUGHEST = 1e-9
# A part of the slope that the complex step loses is told from the rounding of L down to this share of it.
HIDDEN = 2e-8
# Up to so many entries in all, each gradient gets two second opinions instead of one.
SMALL = 2000

Answers = Mapping[str, Array]


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
    entries: int = 0
    kinks: list[int] = field(default_factory=list)


def draw(rng: np.random.Generator, shape: tuple[int, ...], without: list[int]) -> Array:
    """Return a random direction, ±U[0.5, 1.5] in each entry, 0 in the flat indices to leave out."""
    v = rng.choice([-1.0, 1.0], shape) * rng.uniform(0.5, 1.5, shape)
    v = np.asarray(v)
    v.ravel()[without] = 0.0 if v.ndim else v
    return v


def floor(problem: Problem, name: str, out: Array) -> float:
    """Return the resolution of a gradient by this input: 64 roundings of L over the size of the input."""
    size = float(np.abs(problem.inputs[name]).max(initial=0.0)) or 1.0
    return 64 * EPS * float(np.abs(problem.dout * out).sum()) / size


def judge(
    problem: Problem,
    answers: Answers,
    out: Array,
    rng: np.random.Generator,
    repeat: Callable[[Mapping[str, Array]], Answers | None],
) -> dict[str, Judgement]:
    """Return the verdict on each answer, an array of the right shape with finite entries.

    ``repeat`` runs forward and backward at other inputs, to see how far rounding alone moves the answers.
    """
    names = [name for name in problem.wrt if problem.inputs[name].size]
    kinks: dict[str, list[int]] = {name: [] for name in names}
    try:
        slopes, directions = exact_slopes(problem, names, kinks, rng)
        if has_kink(problem, slopes, directions, names, out):
            kinks = {name: guilty(problem, name, out, rng) for name in names}
            slopes, directions = exact_slopes(problem, names, kinks, rng)
        opinions = {name: quick(problem, {name: directions[name][0]}) for name in names}
        exact = not any(
            disputed(
                problem,
                name,
                exact_slope,
                opinions[name] if k == 0 else quick(problem, {name: v}),
                kinks[name],
                out,
                rng,
            )
            for name in names
            for k, (v, exact_slope) in enumerate(zip(directions[name], slopes[name], strict=True))
            if k == 0 or sum(problem.inputs[n].size for n in names) <= SMALL
        )
    except NotExact:
        exact = False
    if not exact:
        return {name: judge_measured(problem, name, answers[name], out, rng) for name in names if name in answers}
    judged = {}
    for name in names:
        if name in answers:
            judged[name] = judge_exact(
                problem, name, answers[name], out, slopes[name], directions[name], kinks[name], repeat
            )
            judged[name].agreement = agreement(answers[name], directions[name][0], opinions[name])
            judged[name].entries = answers[name].size
    return judged


def exact_slopes(
    problem: Problem, names: list[str], kinks: Mapping[str, list[int]], rng: np.random.Generator
) -> tuple[dict[str, list[float]], dict[str, list[Array]]]:
    """Return the slopes along fresh random directions, and the directions, for each name."""
    directions = {
        name: [draw(rng, problem.inputs[name].shape, kinks[name]) for _ in range(DIRECTIONS)] for name in names
    }
    return {name: [slope(problem, {name: v}) for v in directions[name]] for name in names}, directions


def has_kink(
    problem: Problem,
    slopes: Mapping[str, list[float]],
    directions: Mapping[str, list[Array]],
    names: list[str],
    out: Array,
) -> bool:
    """Return whether the slope along -v is not minus the slope along v: one evaluation for all inputs."""
    back = slope(problem, {name: -directions[name][0] for name in names})
    terms = [slopes[name][0] for name in names]
    bound = 1e-10 * float(np.abs(terms).sum()) + sum(floor(problem, name, out) for name in names)
    return abs(back + sum(terms)) > bound


def guilty(problem: Problem, name: str, out: Array, rng: np.random.Generator) -> list[int]:
    """Return the flat indices of the entries that stand on a kink, by bisection on D(v) + D(-v)."""
    x = problem.inputs[name]
    v = draw(rng, x.shape, [])
    found: list[int] = []
    stack, spent = [np.arange(x.size)], 0
    while stack:
        part = stack.pop()
        piece = np.zeros(x.shape)
        piece.ravel()[part] = v.ravel()[part]
        there, back = slope(problem, {name: piece}), slope(problem, {name: -piece})
        spent += 2
        if abs(there + back) <= 1e-10 * (abs(there) + abs(back)) + 0.1 * floor(problem, name, out):
            continue
        if part.size == 1:
            found.append(int(part[0]))
        elif spent > KINK_BUDGET:
            found.extend(int(k) for k in part)
        else:
            stack += [part[: part.size // 2], part[part.size // 2 :]]
    return sorted(found)


def disputed(
    problem: Problem,
    name: str,
    exact: float,
    opinion: float,
    kinks: list[int],
    out: Array,
    rng: np.random.Generator,
) -> bool:
    """Return whether finite differences overrule the complex step, as they must for ``np.abs``.

    One central difference that agrees is enough. Otherwise careful ones decide, along directions of ever
    fewer entries, so that kinks beside x are left behind: all that can be judged must disagree.
    """
    scale = max(abs(exact), abs(opinion))
    noise = EPS * float(np.abs(problem.dout * out).sum()) / 1e-6 / (np.abs(problem.inputs[name]).max() or 1.0)
    if abs(exact - opinion) <= min(HIDDEN * scale + 20 * noise, 1e-3 * scale):
        return False
    x = problem.inputs[name]
    usable = np.setdiff1d(np.arange(x.size), kinks)
    judged = 0
    for share in (1.0, 1.0, 1.0, 0.5, 0.25, 0.25, 0.1, 0.1, 0.03, 0.03, 0.0, 0.0, 0.0, 0.0):
        if not usable.size:
            return False
        chosen = rng.choice(usable, max(1, int(share * usable.size)), replace=False)
        v = draw(rng, x.shape, [int(k) for k in np.setdiff1d(np.arange(x.size), chosen)])
        measured = measure(problem, {name: v})
        share_of_length = (chosen.size / usable.size) ** 0.5
        if not 10 * measured.error <= 0.1 * abs(exact - opinion) * share_of_length:
            continue
        along = slope(problem, {name: v})
        if abs(along - measured.slope) <= max(10 * measured.error, HIDDEN * scale * share_of_length):
            return False
        judged += 1
        if judged == 3:
            return True
    return judged > 0


def judge_exact(
    problem: Problem,
    name: str,
    answer: Array,
    out: Array,
    slopes: list[float],
    directions: list[Array],
    kinks: list[int],
    repeat: Callable[[Mapping[str, Array]], Answers | None],
) -> Judgement:
    """Return the verdict on one answer from exact slopes.

    The tolerance is 1000 roundings of the answer. An answer just outside of it is given the rounding that
    formulas make, measured: the resolution of L, how far a last-digit change of the inputs moves the answer, how far
    the slopes are from linear, and how far they scatter about a line beside x (a forward such as log(1 - p)
    rounds inside). Nothing passes whose tolerance exceeds 1 % of the gradient, unless the gradient is zero
    to rounding.
    """
    kept = np.asarray(answer, dtype=np.float64).copy()
    kept.reshape(-1)[kinks] = 0.0
    if len(kinks) == kept.size:
        return Judgement("not differentiable here", kinks=kinks, reason="every entry stands on a kink")
    norm = length(kept)
    size = max(norm, max(abs(s) for s in slopes))
    tolerance = 1000 * float(np.finfo(answer.dtype).eps) * norm
    mismatch = max(abs(float((kept * v).sum()) - s) for v, s in zip(directions, slopes, strict=True))
    if not (np.isfinite(mismatch) and np.isfinite(size)):
        return Judgement("fail", tolerance, size, kinks=kinks)
    if mismatch <= tolerance <= VACUOUS * size:
        return Judgement("pass", tolerance, size, kinks=kinks)
    if mismatch > max(1e-3 * size, 1e3 * floor(problem, name, out)):
        return Judgement("fail", tolerance, size, mismatch=mismatch, kinks=kinks)
    one, two = directions[:2]
    nonlinear = [
        slope(problem, {name: one + two}) - slopes[0] - slopes[1],
        slope(problem, {name: one - two}) - slopes[0] + slopes[1],
        3 * slope(problem, {name: one / 3}) - slopes[0],
        3 * slope(problem, {name: two / 3}) - slopes[1],
    ]
    noise = max(abs(r) for r in nonlinear)
    tolerance += floor(problem, name, out) + 20 * noise
    given, x = problem.inputs, problem.inputs[name]
    beside = {
        by: slope(problem, {name: one}, {**given, name: x * (1 + by * np.sign(two))}) - slopes[0]
        for by in (1e-13, 1e-12, 1e-11, 1e-10, 1e-9, 1e-8, 1e-7)
    }
    rough = max(abs(move - by / 1e-7 * beside[1e-7]) for by, move in beside.items())
    tolerance += min(50 * rough, ROUGHEST * size)
    nudged = {**given, name: x * (1 + 4 * EPS * np.sign(one))}
    for inputs, known in ((given, True), (nudged, False)):
        again = (repeat(inputs) or {}).get(name)
        if again is None or again.shape != answer.shape:
            continue
        moved = np.asarray(again - answer, dtype=np.float64)
        moved.reshape(-1)[kinks] = 0.0
        if known and length(moved) > 1e-9 * size:
            reason = "two calls with the same arguments gave different answers"
            return Judgement("not deterministic", tolerance, size, kinks=kinks, reason=reason)
        tolerance += 10 * length(moved)
    if mismatch > tolerance:
        return Judgement("fail", tolerance, size, mismatch=mismatch, kinks=kinks)
    zero = max(abs(s) for s in slopes) <= 100 * noise
    if tolerance <= VACUOUS * size or zero:
        reason = "zero to rounding" if zero else "rough"
        return Judgement("pass", tolerance, size, mismatch=mismatch, kinks=kinks, reason=reason)
    return Judgement(
        "cannot tell", tolerance, size, kinks=kinks,
        reason=f"rounding moves it by about {tolerance:.1e}, more than 1 % of its size {size:.1e}",
    )  # fmt: skip


def judge_measured(problem: Problem, name: str, answer: Array, out: Array, rng: np.random.Generator) -> Judgement:
    """Return the verdict on one answer from measured slopes: only three directions of three reject it."""
    x = problem.inputs[name]
    kinks: list[int] = []
    first = measure(problem, {name: draw(rng, x.shape, [])})
    if first.kink:
        kinks = measured_kinks(problem, name, rng)
    if len(kinks) == x.size:
        return Judgement("not differentiable here", exact=False, kinks=kinks, reason="every entry stands on a kink")
    kept = np.asarray(answer, dtype=np.float64).copy()
    kept.reshape(-1)[kinks] = 0.0
    norm = length(kept)
    result = Judgement("cannot tell", exact=False, kinks=kinks)
    strict = 1000 * float(np.finfo(answer.dtype).eps) * norm + floor(problem, name, out)
    size = norm
    for _ in range(2):
        wrong, vacuous, noise, differences = 0, False, 0.0, []
        for _ in range(3):
            v = draw(rng, x.shape, kinks)
            measured = measure(problem, {name: v})
            size = max(size, abs(measured.slope))
            tolerance = strict + 10 * measured.error
            difference = abs(float((kept * v).sum()) - measured.slope)
            differences.append(difference)
            wrong += not difference <= tolerance
            vacuous |= not tolerance <= VACUOUS * size and not (tolerance == difference == 0.0)
            noise = max(noise, measured.noise)
            result.tolerance = max(result.tolerance, tolerance)
        result.size = size
        result.agreement = min(differences) / size if size else 0.0
        coarse = noise > COARSE * float(np.abs(problem.dout * out).sum())
        if not np.isfinite(result.tolerance):
            result.reason = "the slope could not be measured"
            return result
        if wrong == 3:
            result.verdict = "fail"
            return result
        if wrong == 0:
            if vacuous:
                by = f"{result.tolerance:.1e}, more than 1 % of its size {size:.1e}"
                result.reason = f"the measured slope is uncertain by {by}"
            elif coarse:
                result.reason = "the forward rounds to about 7 digits inside (is something float32?)"
            else:
                result.verdict = "pass"
            return result
    result.reason = "measured slopes contradict each other"
    return result


def measured_kinks(problem: Problem, name: str, rng: np.random.Generator) -> list[int]:
    """Return the flat indices of entries at (or next to) a kink, by bisection on the gap between sides."""
    x = problem.inputs[name]
    v = draw(rng, x.shape, [])
    found: list[int] = []
    stack, spent = [np.arange(x.size)], 0
    while stack:
        part = stack.pop()
        piece = np.zeros(x.shape)
        piece.ravel()[part] = v.ravel()[part]
        spent += 1
        if spent <= 100 and not measure(problem, {name: piece}).kink:
            continue
        if part.size == 1 or spent > 100:
            found.extend(int(k) for k in part)
        else:
            stack += [part[: part.size // 2], part[part.size // 2 :]]
    return sorted(found)


def length(values: Array) -> float:
    """Return the Euclidean norm, without overflow where the entries are huge."""
    top = float(np.abs(values).max(initial=0.0))
    return top * float(np.linalg.norm(values / top)) if top else 0.0


def agreement(answer: Array, v: Array, opinion: float) -> float:
    """Return how far the answer is from a central difference along v, relative to its size."""
    mine = float((answer * v).sum())
    size = max(length(answer), abs(opinion))
    return abs(mine - opinion) / size if size else 0.0
