"""The slips: what a step of the chain rule hands on where it is done wrong, in tables, each beside its sentence."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from gradcheck.problem import Array
from gradcheck.trace import Node, Untraceable, unbroadcast, widened

Rule = Callable[[Array], Array | None]
# What a wrong step hands on, for the gradient G that arrives: cause, sentence, rule.
Wrong = tuple[str, str, Rule]

ALONE = "Only the {} term of the sum counts, such as one example of all: add them all, += instead of =."
LEFT_OUT = "The sum leaves out its {} term, such as one example of all: does a loop or a slice {}?"
# What a loop may keep of the sum in a product: the part, the cause, the sentence.
KEPT = (
    (slice(1), "overwritten-branch", ALONE.format("first")),
    (slice(-1, None), "overwritten-branch", ALONE.format("last")),
    (slice(1, None), "not-summed", LEFT_OUT.format("first", "begin too late")),
    (slice(-1), "not-summed", LEFT_OUT.format("last", "end too early")),
)
PATH = "missing-path"
BY_ACCIDENT = "the shapes agree only by accident"


def same(a: Array, b: Array) -> bool:
    return a.shape == b.shape and bool(np.allclose(a, b, rtol=1e-9, atol=1e-12))


def times(factor: Array) -> Rule:
    """Return the rule that multiplies by a factor."""
    return lambda G: G * factor


def times_within(factor: Array | float, shape: tuple[int, ...]) -> Callable[[Array], Array]:
    """Return the rule that multiplies by a factor, for a parent of this shape that may have been broadcast."""
    return lambda G: unbroadcast(G * factor, shape)


def into(values: Array) -> Callable[[Array], Array]:
    """Return the rule dW = values.T @ G."""
    return lambda G: values.mT @ G


def through(weights: Array) -> Callable[[Array], Array]:
    """Return the rule dA = G @ weights.T."""
    return lambda G: G @ weights.mT


def through_updated(product: Node, data: int, rate: float) -> Rule:
    """Return the rule dA = G @ (W - rate * dW).T, where dW = A.T @ G; with the data second, all is transposed."""
    first, second = product.factors
    if data == 0:
        return lambda G: G @ (second - rate * (first.mT @ G)).mT
    return lambda G: (first - rate * (G @ second.mT)).mT @ G


def always(dW: Array) -> Rule:
    """Return the rule that hands on the same, whatever arrives."""
    return lambda G: dW


def by_sign(G: Array) -> Array:
    """Return where the upstream gradient is positive, for a mask that looks at it; Untraceable where all or none is."""
    if (G > 0).all() or not (G > 0).any():
        raise Untraceable("no mask")
    return G > 0


def without_upstream(s: Array) -> Rule:
    """Return the rule that hands on s alone; Untraceable where G is one number everywhere: a factor is missing then."""

    def rule(G: Array) -> Array:
        if np.ptp(G) == 0.0:
            raise Untraceable("no pattern")
        return s

    return rule


def nothing(G: Array) -> None:
    """Hand nothing to the parent."""


def spread(weight: Array, axis: Any) -> Rule:
    """Return the rule that hands the gradient of a maximum along an axis to each entry, times a weight."""
    return lambda G: widened(G, weight.ndim, axis) * weight


def by_output(a: Array, s: Array, other: Array) -> Array | None:
    """Return the derivative s = 1 - a**2, a * (1 - a) or (a > 0) with another array in the place of a."""
    if same(s, 1 - a**2):
        return np.asarray(1 - other**2)
    if same(s, a * (1 - a)):
        return np.asarray(other * (1 - other))
    return np.asarray(other > 0.0) if same(s, np.asarray(a > 0.0)) else None


def activation_table(z: Array, a: Array, s: Array, beyond: Array | None, straight: bool) -> Iterator[Wrong]:
    """Yield slips in G * s, the gradient through an activation a = g(z) with slope s; ``beyond`` is g'(a).

    ``straight`` says that g is so in pieces, as a ReLU is: its slopes are a few levels.
    """
    variable, mask = "wrong-variable", "wrong-mask"
    levels = np.unique(s) if straight else np.zeros(0)
    if same(s, np.sign(z)) and levels.size == 2:
        signless = "The sign is missing: the slope of an absolute value is -1 or 1."
        yield "missing-activation-derivative", signless, lambda G: G
        return
    masked = levels.size == 2 and levels[0] == 0.0
    if masked and not np.array_equal(s > 0, z > 0):
        unmasked = (
            "The mask is not applied: entries that the forward set to 0, or to another constant, must get no gradient."
        )
        yield mask, unmasked, times(levels[1])
        if levels[1] != 1.0:
            both = f"The mask and the factor {levels[1]:.6g} that comes with it are not applied on the way back."
            yield mask, both, lambda G: G
    elif not same(s, np.ones(s.shape)):
        missing = "The derivative of the activation is missing: multiply the upstream gradient by it."
        if masked:
            missing = (
                "The derivative of the activation, its mask, is missing, or is 1 everywhere, as a >= 0 is: multiply "
                "the upstream gradient by z > 0."
            )
        yield "missing-activation-derivative", missing, lambda G: G
    upstream = "The upstream gradient is missing where the derivative of the activation enters: multiply by it."
    yield "missing-upstream", upstream, without_upstream(s)
    # A square, r**2 or half of it, is no activation: nobody takes its slope twice, nor at r**2.
    is_square = same(s * s, 4 * a) or same(s * s, 2 * a)
    if not same(s * s, s) and not is_square:
        squared = [level for level in levels if level * level != level]
        other = f", or its slope {squared[0]:.6g} is {squared[0] ** 2:.6g} in yours" if len(squared) == 1 else ""
        yield variable, f"The derivative of the activation is applied twice{other}.", times(s * s)
    if beyond is not None and beyond.any() and levels.size != 2 and not same(beyond, s) and not is_square:
        yield (
            variable,
            "The derivative of the activation is taken at its output a where its input z belongs.",
            times(beyond),
        )
    # The forward may have -z, as in 1 / (1 + np.exp(-X @ W)).
    for turn in (turn for turn in (1.0, -1.0) if same(turn * s, a * (1 - a))):
        for cause, text, wrong in (
            (variable, "a * (1 - a) needs the output a = sigmoid(z); yours has z in its place.", z * (turn - z)),
            (variable, "In a * (1 - a) yours has a in the place of 1 - a.", turn * a * a),
            ("sign", "In a * (1 - a) a sign is flipped: yours is a * (1 + a).", turn * a * (1 + a)),
            ("unknown", "In a * (1 - a) the factor 1 - a is missing.", turn * a),
            ("unknown", "In a * (1 - a) the factor a is missing.", turn * (1 - a)),
        ):
            yield cause, text, times(wrong)
    if same(s, 1 - a**2):
        for cause, text, wrong in (
            (variable, "1 - a**2 needs the output a = tanh(z); yours has z in its place.", 1 - z**2),
            ("sign", "In 1 - a**2 a sign is flipped: yours is 1 + a**2.", 1 + a**2),
            ("unknown", "In 1 - a**2 the square is missing: yours is 1 - a.", 1 - a),
            ("unknown", "In 1 - a**2 the 1 - is missing: yours is a**2.", a**2),
        ):
            yield cause, text, times(wrong)
    if same(s, a + 1):
        yield variable, "The slope here is a + 1, which is exp(z); yours is a.", times(a)
    if is_square:
        doubled = 2.0 if same(s * s, 4 * a) else 1.0
        without = "In the derivative of a square the factor that was squared is missing."
        yield "missing-activation-derivative", without, times(doubled * (s != 0.0))
    if levels.size == 0 and not is_square and np.abs(a).max(initial=0.0) <= 1.0:
        for of, slope in (("1 - a**2 is tanh's", 1 - a**2), ("a * (1 - a) is the sigmoid's", a * (1 - a))):
            if not same(np.abs(s), slope):
                yield "unknown", f"The derivative of another activation is used: {of}.", times(slope)
        yield "unknown", "The derivative of another activation is used: z > 0 is ReLU's.", times(z > 0.0)
    if s.all() and not same(s * s, np.ones(s.shape)):
        yield (
            "unknown",
            "Yours is divided by the derivative of the activation; it must be multiplied by it.",
            times(1 / s),
        )
    if masked:
        top = levels[1]
        turned = "The mask is the wrong way round: yours lets the gradient through where the forward blocks it."
        upstream = "The mask looks at the sign of the upstream gradient; it must look at the forward's input."
        yield mask, turned, times(top * (s == 0))
        for values in (z, a) if np.array_equal(s > 0, z > 0) else ():
            yield mask, "The values are multiplied in where their mask belongs: z > 0, which is 1 or 0.", times(values)
        yield mask, upstream, lambda G: G * top * by_sign(G)
    elif levels.size == 2 and levels[0] > 0.0:
        low, high = levels
        swapped = f"The slopes {low:.6g} and {high:.6g} are the wrong way round."
        yield mask, swapped, times(np.where(s == high, low, high))
        for level in levels:
            text = f"Where the slope is {level:.6g}, yours lets nothing through."
            yield mask, text, times(np.where(s == level, 0.0, s))


def softmax_table(P: Array, axis: int, logarithm: bool) -> Iterator[Wrong]:
    """Yield slips in the gradient through P = softmax(Z) along an axis, P * (G - sum(P * G)), or its logarithm's.

    That of log P is G - P * sum(G).
    """

    def whole(G: Array, total: Any) -> Array:
        return np.asarray(G - P * total if logarithm else P * (G - total))

    def total(G: Array, along: int | None) -> Any:
        return (G if logarithm else P * G).sum(axis=along, keepdims=True)

    def beside(along: int | None) -> Rule:
        return lambda G: whole(G, total(G, along))

    own = "Each output's own term is missing; with a cross-entropy that is the Y in P - Y."
    line = "row" if axis == P.ndim - 1 else "column" if P.ndim == 2 else f"line along axis {axis}"
    diagonal = (
        f"Only the diagonal of the softmax's Jacobian is there: every output depends on every input of its {line}."
    )
    yield "diagonal-jacobian", diagonal, times((1 - P) if logarithm else P * (1 - P))
    if not logarithm:
        positive = "Beside its diagonal the softmax's Jacobian is -p_i * p_j; yours has + p_i * p_j there."
        outside = "P multiplies G alone in yours; it multiplies the whole difference, P * (G - sum(P * G))."
        without = "In P * (G - sum(P * G)) the P in the sum is missing."
        yield "sign", positive, lambda G: P * (G + total(G, axis) - 2 * P * G)
        yield "unknown", outside, lambda G: P * G - total(G, axis)
        yield "unknown", without, lambda G: P * (G - G.sum(axis=axis, keepdims=True))
    yield PATH, "The path through the softmax's sum is missing: each output depends on all.", lambda G: whole(G, 0.0)
    yield "overwritten-branch", own, lambda G: -P * total(G, axis)
    yield "missing-activation-derivative", "The derivative of the softmax is missing.", lambda G: G
    yield "sign", "The sign of the sum in the softmax's gradient is flipped.", lambda G: whole(G, -total(G, axis))
    if logarithm:
        yield "missing-upstream", "The upstream gradient is missing where it is summed.", lambda G: whole(G, 1.0)
    for along in {None, *range(P.ndim)} - {axis}:
        text = f"The sum in the softmax's gradient runs over the wrong axis: the softmax runs along axis {axis}."
        yield "wrong-axis", text, beside(along)


def normalisation_table(x: Array, xhat: Array, axis: int) -> Iterator[Wrong]:
    """Yield slips in the gradient through xhat = (x - mean) / std along an axis.

    It is (G - mean(G) - xhat * mean(G * xhat)) / std, with means along that axis.
    """
    std = deviation(x, xhat, axis)

    def centred(one: int | None, other: int | None, divisor: Any) -> Rule:
        return lambda G: (G - mean(G, one) - xhat * mean(G * xhat, other)) / divisor

    yield "unknown", "The division by the standard deviation is missing.", centred(axis, axis, 1.0)
    for one, other in itertools.product((None, *range(xhat.ndim)), repeat=2):
        if (one, other) != (axis, axis):
            means = "One mean" if axis in (one, other) else "Both means"
            text = f"{means} in the gradient of the normalisation: over the wrong axis, forward takes axis {axis}."
            yield "wrong-axis", text, centred(one, other, std)


def mean(values: Array, axis: int | None) -> Array:
    return np.asarray(values.mean(axis=axis, keepdims=True))


def deviation(x: Array, xhat: Array, axis: int) -> Array:
    """Return the number by which x, less its mean, was divided: the standard deviation, with a guard in it perhaps."""
    return np.asarray(np.sqrt(mean((x - mean(x, axis)) ** 2, axis) / mean(xhat**2, axis)))


def is_softmax(P: Array, axis: int) -> bool:
    """Return whether positive numbers sum to 1 along an axis."""
    return P.shape[axis] > 1 and bool((P > 0).all()) and bool(np.allclose(P.sum(axis=axis), 1.0, rtol=1e-9))


def is_normalised(xhat: Array, axis: int) -> bool:
    """Return whether the mean is 0 along an axis and the mean square 1, or less by a guard."""
    squares = mean(xhat**2, axis)
    return bool((abs(mean(xhat, axis)) < 1e-9).all() and (squares > 0.1).all() and (squares < 1 + 1e-9).all())


class Formula(NamedTuple):
    """A formula that is known by its values, along an axis.

    Whether a value looks like its output, whether it follows from z, and the slips in its gradient.
    """

    looks: Callable[[Array, int], bool]
    follows: Callable[[Array, Array, int], bool]
    table: Callable[[Array, Array, int], Iterator[Wrong]]


FORMULAS = (
    Formula(
        is_softmax,
        lambda z, P, axis: np.ptp(z - np.log(P), axis=axis).max() < 1e-9,
        lambda z, P, axis: softmax_table(P, axis, logarithm=False),
    ),
    Formula(
        lambda log_P, axis: is_softmax(np.exp(log_P), axis),
        lambda z, log_P, axis: np.ptp(z - log_P, axis=axis).max() < 1e-9,
        lambda z, log_P, axis: softmax_table(np.exp(log_P), axis, logarithm=True),
    ),
    Formula(
        is_normalised,
        lambda x, xhat, axis: same(x - mean(x, axis), deviation(x, xhat, axis) * xhat),
        normalisation_table,
    ),
)


def of_factor(product: Node, k: int, rule: Rule) -> Rule:
    """Return the rule for parent k of a product, a vector or one for many examples, from that of the matrices."""
    x = product.parents[k].value

    def handed(G: Array) -> Array | None:
        part = rule(product.matrix(G))
        if part is None:
            return None
        part = np.asarray(part.sum(axis=tuple(range(part.ndim - max(2, x.ndim)))))
        return part.reshape(x.shape) if x.ndim == 1 and part.size == x.size else part

    return handed


def product_table(product: Node, first: str, second: str) -> Iterator[tuple[int, Wrong]]:
    """Yield slips in dA = G @ B.T (side 0) and dB = A.T @ G (side 1), the gradients of Z = A @ B.

    ``first`` and ``second`` are the names of the factors, "" where they have none.
    """
    A, B = product.factors
    accident = f"You multiplied by the {{}}; {BY_ACCIDENT}."
    upstream = "The upstream gradient of this product is missing: there are ones in its place."
    turned = "The factors of the matrix product are the wrong way round."
    transpose = "The upstream gradient of this product is transposed where it must not be, or lacks its transpose."
    star = "* multiplies entry by entry; a matrix product, @, belongs here: a sum."
    yield 0, ("missing-transpose", accident.format(untransposed("second", second, first)), lambda G: G @ B)
    yield 1, ("missing-transpose", accident.format(untransposed("first", first, second)), lambda G: A @ G)
    yield 0, ("missing-upstream", upstream, lambda G: np.ones(G.shape) @ B.mT)
    yield 1, ("missing-upstream", upstream, lambda G: A.mT @ np.ones(G.shape))
    for side, rule in ((0, lambda G: B @ G), (0, lambda G: B.mT @ G), (1, lambda G: G @ A), (1, lambda G: G @ A.mT)):
        yield side, ("missing-transpose", turned, rule)
    yield 0, ("missing-transpose", transpose, lambda G: G.mT @ B.mT)
    yield 1, ("missing-transpose", transpose, lambda G: A.mT @ G.mT)
    for side, factor in ((0, B.mT), (0, B), (1, A.mT), (1, A)):
        yield side, ("elementwise-product", star, times(factor))
    for part, cause, text in KEPT if A.shape[-1] > 1 else ():
        for side, rule in enumerate(partial_product(A, B, part)):
            yield side, (cause, text, rule)


def untransposed(place: str, name: str, other: str) -> str:
    """Return what to call a factor of a product that lacks its transpose, by its own name or by that of the other."""
    if name:
        return f"{place} factor ({name}, not {name}.T) without the transpose"
    return f"{place} factor of {f'the product with {other}' if other else 'a product'}, not by its transpose"


def partial_product(A: Array, B: Array, part: slice) -> tuple[Rule, Rule]:
    """Return the rules of dA = G @ B.T and dB = A.T @ G where a part of the terms alone is summed."""
    return lambda G: some(G[..., part] @ B.mT[..., part, :]), lambda G: some(A.mT[..., part] @ G[..., part, :])


def broadcast_table(node: Node, k: int, axis: int) -> Iterator[Wrong]:
    """Yield slips in the sum over the axes along which parent k, such as a bias, was broadcast."""
    shape = node.parents[k].value.shape
    total = "Everything is summed to one number; the sum must run over the examples alone."
    wrong = f"The sum runs over axis {axis}, the wrong one."
    yield "not-summed", "It was broadcast, so its gradients must be summed.", lambda G: node.wide(k, G)
    yield "wrong-axis", total, lambda G: np.full(shape, node.wide(k, G).sum())
    yield "wrong-axis", total, lambda G: np.asarray(node.wide(k, G).sum())
    yield "wrong-axis", wrong, lambda G: node.wide(k, G).sum(axis=axis)
    yield "wrong-axis", wrong, lambda G: node.wide(k, G).sum(axis=axis, keepdims=True)
    for part, _, text in KEPT if node.value.shape[axis] > 1 else ():
        yield "not-summed", text, partial_sum(node, k, (slice(None),) * axis + (part,))


def partial_sum(node: Node, k: int, part: tuple[slice, ...]) -> Rule:
    """Return the rule of the sum for a parent that was broadcast, where a part of the terms alone is summed."""
    return lambda G: some(unbroadcast(node.wide(k, G)[part], node.parents[k].value.shape))


def some(sum_of_part: Array) -> Array:
    """Return a sum over a part of the terms; Untraceable where it is 0: then it is none that a learner would keep."""
    if not sum_of_part.any():
        raise Untraceable("nothing in this part")
    return sum_of_part
