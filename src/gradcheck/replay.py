"""The chain rule replayed over the recorded steps with one step done wrong: what each slip would answer."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gradcheck.direction import STEP
from gradcheck.problem import Array
from gradcheck.trace import Node, Tape, Untraceable

Rule = Callable[[Array], Array | None]
# What a wrong step hands on, for the gradient G that arrives: cause, sentence, rule.
Wrong = tuple[str, str, Rule]


@dataclass(frozen=True)
class Replay:
    """A slip: its cause, its sentence, the ``changes`` to :meth:`Tape.backprop`, and the gradients they give.

    ``free`` names how far it may be scaled: "no", "rate" (any positive amount of it, such as a learning
    rate), or "edge" (the gradients are those without one contribution; its factor may be 0, -1, 2 or 1/2).
    """

    cause: str
    sentence: str
    changes: dict[str, Any]
    free: str = "no"
    gradients: dict[str, Array] = field(default_factory=dict)


def replays(tape: Tape, dout: Array, truths: Mapping[str, Array]) -> Iterator[Replay]:
    """Yield what each slip that is known would answer; slips that do not fit these steps are passed over."""
    slips = (activation_slips(tape), product_slips(tape), broadcast_slips(tape), updated_weights(tape, truths))
    for slip in itertools.chain(*slips, fork_slips(tape)):
        try:
            with np.errstate(all="ignore"):
                yield replace(slip, gradients=tape.backprop(dout, **slip.changes))
        except (Untraceable, ValueError, TypeError, IndexError):
            continue


def local_slope(tape: Tape, z: Node, a: Node, at: Array) -> Array | None:
    """Return da/dz of a stretch of elementwise steps for z = at, None where it cannot be had there."""
    try:
        with np.errstate(all="ignore"):
            moved = tape.replay(z, a, at + 1j * STEP)
    except (ValueError, TypeError):
        return None
    slope = np.asarray(moved.imag / STEP)
    return slope if slope.shape == at.shape and np.isfinite(slope).all() else None


def same(a: Array, b: Array) -> bool:
    return a.shape == b.shape and bool(np.allclose(a, b, rtol=1e-9, atol=1e-12))


def times(factor: Array) -> Rule:
    """Return the rule that multiplies by a factor."""
    return lambda G: G * factor


def into(values: Array) -> Rule:
    """Return the rule dW = values.T @ G."""
    return lambda G: values.T @ G


def through(weights: Array) -> Rule:
    """Return the rule dA = G @ weights.T."""
    return lambda G: G @ weights.T


def nothing(G: Array) -> None:
    """Hand nothing to the parent."""


def activation_table(z: Array, a: Array, s: Array, beyond: Array | None) -> Iterator[Wrong]:
    """Yield slips in G * s, the gradient through an activation a = g(z) with slope s; ``beyond`` is g'(a)."""
    variable, mask = "wrong-variable", "wrong-mask"
    levels = np.unique(s)
    masked = levels.size == 2 and levels[0] == 0.0
    if not same(s, np.ones(s.shape)):
        if not masked or levels[1] == 1.0:
            missing = "The derivative of the activation is missing: multiply the upstream gradient by it."
            yield "missing-activation-derivative", missing, lambda G: G
        upstream = "The upstream gradient is missing where the activation's derivative enters: multiply by it."
        yield "missing-upstream", upstream, lambda G: s
    if not same(s * s, s):
        yield variable, "The activation's derivative is applied twice.", times(s * s)
    if beyond is not None and not same(beyond, s):
        yield variable, "The activation's derivative is taken at its output a where its input z belongs.", times(beyond)
    if same(s, a * (1 - a)):
        yield variable, "a * (1 - a) needs the output a = sigmoid(z); yours has z in its place.", times(z * (1 - z))
    if same(s, 1 - a**2):
        yield variable, "1 - a**2 needs the output a = tanh(z); yours has z in its place.", times(1 - z**2)
    if masked:
        top = levels[1]
        unmasked = "The mask is not applied: entries that the forward set to 0 must get no gradient."
        turned = "The mask is the wrong way round: yours lets the gradient through where the forward blocks it."
        upstream = "The mask looks at the sign of the upstream gradient; it must look at the forward's input."
        if top != 1.0:
            yield mask, unmasked, times(top)
        yield mask, turned, times(top * (s == 0))
        yield mask, upstream, lambda G: G * top * (G > 0)
    elif levels.size == 2:
        low, high = levels
        swapped = f"The slopes {low:.6g} and {high:.6g} are the wrong way round."
        yield mask, swapped, times(np.where(s == high, low, high))
        yield mask, f"Where the slope is {low:.6g}, yours lets nothing through.", times(np.where(s == high, s, 0.0))


def activation_slips(tape: Tape) -> Iterator[Replay]:
    """Yield slips in the derivative of an activation, wherever the forward has one."""
    stretches = tape.activations()
    for z, a in stretches:
        s = local_slope(tape, z, a, z.value)
        if s is None or not (z.kind in ("input", "other") or is_linear(z)):
            continue
        for cause, sentence, rule in activation_table(z.value, a.value, s, local_slope(tape, z, a, a.value)):
            yield Replay(cause, sentence, {"bridges": {a: (z, rule)}})
        if is_linear(z):
            yield from surplus_slips(tape, z, a, s, {root for root, _ in stretches})


def is_linear(node: Node) -> bool:
    """Return whether a step is a matrix product (or another sum) or one plus a bias: the z of a layer."""
    return node.kind == "matmul" or (
        node.source is np.add and any(parent.kind in ("matmul", "sum", "other") for parent in node.parents)
    )


def surplus_slips(tape: Tape, z: Node, a: Node, own: Array, roots: set[Node]) -> Iterator[Replay]:
    """Yield what comes out when a hidden activation's derivative is applied at an output that has none."""
    text = "The derivative of an activation is applied where there is none: this output is linear."
    for node in tape.nodes:
        biased = any(user.source is np.add for user, _ in tape.users.get(node, []))
        if node in roots or biased or not is_linear(node):
            continue
        there = node.value
        slopes = [local_slope(tape, z, a, there)]
        slopes += [there * (1 - there)] if same(own, a.value * (1 - a.value)) else []
        slopes += [1 - there**2] if same(own, 1 - a.value**2) else []
        for s in slopes:
            if s is not None:
                yield Replay("wrong-variable", text, {"arrivals": {node: times(s)}})


def product_table(A: Array, B: Array) -> Iterator[tuple[int, Wrong]]:
    """Yield slips in dA = G @ B.T (side 0) and dB = A.T @ G (side 1), the gradients of Z = A @ B."""
    accident = "You multiplied by the {} without the transpose; the shapes agree only by accident."
    turned = "The factors of the matrix product are the wrong way round."
    star = "* multiplies entry by entry; a matrix product, @, belongs here: a sum."
    yield 0, ("missing-transpose", accident.format("second factor (W, not W.T)"), lambda G: G @ B)
    yield 1, ("missing-transpose", accident.format("first factor (X, not X.T)"), lambda G: A @ G)
    for side, rule in ((0, lambda G: B @ G), (0, lambda G: B.T @ G), (1, lambda G: G @ A), (1, lambda G: G @ A.T)):
        yield side, ("missing-transpose", turned, rule)
    for side, factor in ((0, B.T), (0, B), (1, A.T), (1, A)):
        yield side, ("elementwise-product", star, times(factor))


def product_slips(tape: Tape) -> Iterator[Replay]:
    """Yield slips in the two gradients of each matrix product, and another layer's values in it."""
    before = "The pre-activation z is used where its activation a belongs."
    other_layer = "The activation of another layer is used: dW[l] needs A[l-1], the input of that layer."
    for node in tape.products():
        first, second = node.parents
        slips = list(product_table(first.value, second.value))
        for other in (*tape.inputs.values(), *tape.nodes):
            if other is first or other.value.ndim != 2 or other.value.shape[0] != first.value.shape[0]:
                continue
            if other is tape.root(first):
                slips.append((1, ("wrong-variable", before, into(other.value))))
            elif other is not second:
                slips.append((1, ("off-by-one-layer", other_layer, into(other.value))))
        for k, (cause, text, rule) in slips:
            yield Replay(cause, text, {"edges": {(node, k): rule}})


def broadcast_table(node: Node, k: int, axis: int) -> Iterator[Wrong]:
    """Yield slips in the sum over the axes along which parent k, such as a bias, was broadcast."""
    shape = node.parents[k].value.shape
    total = "Everything is summed to one number; the sum runs over the examples alone."
    wrong = f"The sum runs over axis {axis}, the wrong one."
    lone = "Only the {} example counts; the gradients of all examples must be summed."
    yield "not-summed", "It was broadcast, so its gradients must be summed.", lambda G: node.wide(k, G)
    yield "wrong-axis", total, lambda G: np.full(shape, node.wide(k, G).sum())
    yield "wrong-axis", total, lambda G: np.asarray(node.wide(k, G).sum())
    yield "wrong-axis", wrong, lambda G: node.wide(k, G).sum(axis=axis)
    yield "wrong-axis", wrong, lambda G: node.wide(k, G).sum(axis=axis, keepdims=True)
    yield "not-summed", lone.format("first"), lambda G: node.wide(k, G).take(0, axis=axis)
    yield "not-summed", lone.format("last"), lambda G: node.wide(k, G).take(-1, axis=axis)


def broadcast_slips(tape: Tape) -> Iterator[Replay]:
    """Yield slips at each input that was broadcast."""
    for node in tape.nodes:
        for k, parent in enumerate(node.parents):
            if node.kind == "elementwise" and parent.value.shape != node.value.shape:
                for axis in range(node.value.ndim):
                    for cause, text, rule in broadcast_table(node, k, axis):
                        yield Replay(cause, text, {"edges": {(node, k): rule}})


def updated_weights(tape: Tape, truths: Mapping[str, Array]) -> Iterator[Replay]:
    """Yield the backward pass that uses weights which were updated first: W - rate * dW for any rate."""
    names = {node: name for name, node in tape.inputs.items()}
    for node in tape.products():
        weights = names.get(node.parents[1])
        if weights is not None:
            text = f"{weights} was already updated when the gradient went back through it: first all "
            moved = node.parents[1].value - truths[weights]
            changes = {"edges": {(node, 0): through(moved)}}
            yield Replay("updated-weights", f"{text}gradients, then the update.", changes, "rate")


def fork_slips(tape: Tape) -> Iterator[Replay]:
    """Yield slips where a value is used more than once, so that several contributions add."""
    sums, names = [], {node: name for name, node in tape.inputs.items()}
    for node in tape.nodes:
        for k, parent in enumerate(node.parents):
            users, what = tape.users[parent], names.get(parent, "A value on the way")
            if len(users) < 2 or node.source is np.where:
                continue
            cause, text = name_of_loss(tape, parent, node, what)
            yield Replay(cause, text, {"edges": {(node, k): nothing}}, "edge")
            if len(users) > 2:
                text = f"{what} is used more than once, and only one of its contributions has arrived: they add."
                others = {user: nothing for user in users if user != (node, k)}
                yield Replay("overwritten-branch", text, {"edges": others})
            if cause == "missing-path":
                sums.append((node, k))
    text = "A path is missing: sums over entries (a mean, a variance, a norm) depend on the input too."
    for lost in [*itertools.combinations(sums[:8], 2), *([tuple(sums)] if len(sums) > 2 else [])]:
        yield Replay("missing-path", text, {"edges": dict.fromkeys(lost, nothing)})


def name_of_loss(tape: Tape, parent: Node, node: Node, what: str) -> tuple[str, str]:
    """Return cause and sentence for a lost contribution to ``what``, by where the lost path leads.

    A path that shrinks to one number and joins the others in a final sum is a term of the loss; one that goes
    through a sum (a mean, a norm) is a path; any other is a branch.
    """
    beside: set[Node] = set()
    stack = [user for user, _ in tape.users[parent] if user is not node]
    while stack:
        there = stack.pop()
        if there not in beside:
            beside.add(there)
            stack += [user for user, _ in tape.users.get(there, [])]
    shrinks, here = False, node
    while here not in beside:
        shrinks |= here.value.size < parent.value.size
        users = tape.users.get(here, [])
        if not users:
            break
        here = users[0][0]
    final = here.value.size == 1 and tape.out.value.size == 1
    if shrinks and final and here.source in (np.add, np.subtract):
        return "missing-term", "The gradient of one term of the loss is missing, such as a regularisation term."
    if shrinks:
        text = "A path is missing: a sum over entries (a mean, a variance, a norm) depends on the input too."
        return "missing-path", text
    text = f"{what} is used more than once, and only one use is counted: the gradients of all uses add."
    return "overwritten-branch", text
