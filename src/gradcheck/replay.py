"""The chain rule replayed over the recorded steps with one step done wrong: what each slip would have answered."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcheck.problem import Array, Problem
from gradcheck.trace import STEP, Node, Tape, Untraceable

Rule = Callable[[Array], Array]


@dataclass(frozen=True)
class Replay:
    """A slip: its cause, its sentence, and the gradients it gives.

    ``free`` names how far it may be scaled: "no", "rate" (any positive amount of it, such as a learning rate), or
    "edge" (the gradients are those without one contribution; its factor may be 0, -1, 2 or 1/2).
    """

    cause: str
    sentence: str
    gradients: dict[str, Array]
    free: str = "no"


def replays(tape: Tape, problem: Problem) -> Iterator[Replay]:
    """Yield what each slip that is known would answer; slips that do not fit these steps are passed over."""
    for make in (activation_slips, product_slips, broadcast_slips, updated_weights, fork_slips):
        yield from make(tape, problem)


def attempt(tape: Tape, problem: Problem, **changes: Any) -> dict[str, Array] | None:
    """Return the gradients under changes, None where their shapes do not fit."""
    try:
        with np.errstate(all="ignore"):
            return tape.backprop(problem.dout, **changes)
    except (Untraceable, ValueError, TypeError, IndexError):
        return None


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


def activation_slips(tape: Tape, problem: Problem) -> Iterator[Replay]:
    """Yield slips in the derivative of an activation a = g(z), wherever the forward has one."""
    for z, a in tape.activations():
        s = local_slope(tape, z, a, z.value)
        if s is None or not (z.kind in ("input", "other") or is_linear(z)):
            continue
        slips: list[tuple[str, str, Rule]] = []

        def add(cause: str, sentence: str, rule: Rule, slips: list[Any] = slips) -> None:
            slips.append((cause, sentence, rule))

        levels = np.unique(s)
        ones, masked = np.ones(s.shape), levels.size == 2 and levels[0] == 0.0
        if not same(s, ones):
            if not (masked and levels[1] != 1.0):
                add(
                    "missing-activation-derivative",
                    "The derivative of the activation is missing: multiply the upstream gradient by it.",
                    lambda G: G,
                )
            add(
                "missing-upstream",
                "The upstream gradient is missing where the activation's derivative enters: multiply by it.",
                lambda G, s=s: s,
            )
        if not same(s * s, s):
            add(
                "wrong-variable",
                "The derivative of the activation is applied twice.",
                lambda G, s=s: G * s * s,
            )
        beyond = local_slope(tape, z, a, a.value)
        if beyond is not None and not same(beyond, s):
            add(
                "wrong-variable",
                "The derivative of the activation is taken at its output a where its input z belongs.",
                lambda G, t=beyond: G * t,
            )
        for formula, text in (
            (lambda v: v * (1 - v), "a * (1 - a) needs the output a = sigmoid(z); yours uses z"),
            (lambda v: 1 - v**2, "1 - a**2 needs the output a = tanh(z); yours uses z"),
        ):
            if same(s, formula(a.value)):
                add("wrong-variable", text + ".", lambda G, f=formula, v=z.value: G * f(v))
        if masked:
            top = levels[1]
            if top != 1.0:
                add(
                    "wrong-mask",
                    "The mask is not applied: entries that were set to 0 must get no gradient.",
                    lambda G, c=top: G * c,
                )
            add(
                "wrong-mask",
                "The mask is the wrong way round: yours lets the gradient through where the forward blocks it.",
                lambda G, s=s, c=top: G * c * (s == 0),
            )
            add(
                "wrong-mask",
                "The mask looks at the sign of the upstream gradient; it must look at the input of the forward.",
                lambda G, c=top: G * c * (G > 0),
            )
        elif levels.size == 2:
            low, high = levels
            add(
                "wrong-mask",
                "The two slopes are the wrong way round.",
                lambda G, s=s, low=low, high=high: G * np.where(s == high, low, high),
            )
            add(
                "wrong-mask",
                f"Where the slope is {low:.6g}, yours lets nothing through.",
                lambda G, s=s, high=high: G * np.where(s == high, s, 0.0),
            )
        for cause, sentence, rule in slips:
            found = attempt(tape, problem, bridges={a: (z, rule)})
            if found is not None:
                yield Replay(cause, sentence, found)
        yield from surplus_slips(tape, problem, z, a)


def is_linear(node: Node) -> bool:
    """Return whether a step is a matrix product or one plus a bias: the z of a layer."""
    return node.kind == "matmul" or (
        node.source is np.add and any(parent.kind in ("matmul", "sum", "other") for parent in node.parents)
    )


def surplus_slips(tape: Tape, problem: Problem, z: Node, a: Node) -> Iterator[Replay]:
    """Yield what comes out when the derivative of a hidden activation is applied at an output that has none."""
    if not is_linear(z):
        return
    roots = {root for root, _ in tape.activations()}
    for node in tape.nodes:
        if (
            node in roots
            or not is_linear(node)
            or any(user.source is np.add for user, _ in tape.users.get(node, []))
        ):
            continue
        slopes = [local_slope(tape, z, a, node.value)]
        own = local_slope(tape, z, a, z.value)
        if own is not None and same(own, a.value * (1 - a.value)):
            slopes.append(node.value * (1 - node.value))
        if own is not None and same(own, 1 - a.value**2):
            slopes.append(1 - node.value**2)
        for s in slopes:
            if s is None:
                continue
            found = attempt(tape, problem, arrivals={node: lambda G, s=s: G * s})
            if found is not None:
                yield Replay(
                    "wrong-variable",
                    "The derivative of an activation is applied where there is none: this output is linear.",
                    found,
                )


def product_slips(tape: Tape, problem: Problem) -> Iterator[Replay]:
    """Yield slips in the two gradients of a matrix product Z = A @ B."""
    for node in tape.nodes:
        if node.kind != "matmul" or any(p.value.ndim != 2 for p in node.parents) or len(node.parents) != 2:
            continue
        A, B = (p.value for p in node.parents)
        sides: list[tuple[int, str, str, Rule]] = [
            (0, "missing-transpose", "You multiplied by W, not by W.T; the shapes agree only by accident.", lambda G, B=B: G @ B),
            (0, "missing-transpose", "The factors are in the wrong order or not transposed.", lambda G, B=B: B @ G),
            (0, "missing-transpose", "The factors are the wrong way round.", lambda G, B=B: B.T @ G),
            (1, "missing-transpose", "You multiplied by X, not by X.T; the shapes agree only by accident.", lambda G, A=A: A @ G),
            (1, "missing-transpose", "The factors are in the wrong order or not transposed.", lambda G, A=A: G @ A),
            (1, "missing-transpose", "The factors are the wrong way round.", lambda G, A=A: G @ A.T),
            (0, "elementwise-product", "* is elementwise; here a matrix product belongs, a sum.", lambda G, B=B: G * B.T),
            (0, "elementwise-product", "* is elementwise; here a matrix product belongs, a sum.", lambda G, B=B: G * B),
            (1, "elementwise-product", "* is elementwise; here a matrix product belongs, a sum over examples.", lambda G, A=A: A.T * G),
            (1, "elementwise-product", "* is elementwise; here a matrix product belongs, a sum over examples.", lambda G, A=A: A * G),
        ]  # fmt: skip
        roots = {id(tape.root(other)) for other in tape.nodes if other is node.parents[0]}
        values = [*tape.inputs.values(), *tape.nodes]
        for other in values:
            if other is node.parents[0] or other.value.ndim != 2 or other.value.shape[0] != A.shape[0]:
                continue
            if id(other) in roots:
                cause, text = "wrong-variable", "The pre-activation z is used where its activation a belongs."
            elif other.value.shape == B.shape and other in tape.inputs.values():
                continue
            else:
                cause = "off-by-one-layer"
                text = "The activation of another layer is used: dW[l] needs A[l-1], the input of that layer."
            sides.append((1, cause, text, lambda G, V=other.value: V.T @ G))
        for k, cause, text, rule in sides:
            found = attempt(tape, problem, edges={(node, k): rule})
            if found is not None:
                yield Replay(cause, text, found)


def broadcast_slips(tape: Tape, problem: Problem) -> Iterator[Replay]:
    """Yield slips in the sum over the axes along which an input was broadcast, such as a bias."""
    for node in tape.nodes:
        for k, parent in enumerate(node.parents):
            if node.kind != "elementwise" or parent.value.shape == node.value.shape:
                continue

            def wide(G: Array, node: Node = node, k: int = k) -> Array:
                return np.asarray(node.wide(k, G))

            slips: list[tuple[str, str, Rule]] = [
                ("not-summed", "It was broadcast, so its gradients must be summed; yours are not.", wide),
                ("wrong-axis", "Everything is summed to one number; the sum runs over the examples alone.",
                 lambda G, w=wide, shape=parent.value.shape: np.full(shape, w(G).sum())),
                ("wrong-axis", "Everything is summed to one number; the sum runs over the examples alone.",
                 lambda G, w=wide: np.asarray(w(G).sum())),
            ]  # fmt: skip
            for axis in range(node.value.ndim):
                text = f"The sum runs over axis {axis}, which is the wrong one."
                slips.append(("wrong-axis", text, lambda G, w=wide, axis=axis: w(G).sum(axis=axis)))
                slips.append(
                    ("wrong-axis", text, lambda G, w=wide, axis=axis: w(G).sum(axis=axis, keepdims=True))
                )
                for row, which in ((0, "first"), (-1, "last")):
                    text_row = (
                        f"Only the {which} example counts; the gradients of all examples must be summed."
                    )
                    slips.append(
                        (
                            "not-summed",
                            text_row,
                            lambda G, w=wide, axis=axis, row=row: w(G).take(row, axis=axis),
                        )
                    )
            for cause, text, rule in slips:
                found = attempt(tape, problem, edges={(node, k): rule})
                if found is not None:
                    yield Replay(cause, text, found)


def updated_weights(tape: Tape, problem: Problem) -> Iterator[Replay]:
    """Yield the backward pass that uses weights which were updated first: W - rate * dW for any rate."""
    try:
        truths = tape.backprop(problem.dout)
    except (Untraceable, ValueError, TypeError):
        return
    names = {node: name for name, node in tape.inputs.items()}
    for node in tape.nodes:
        if node.kind == "matmul" and len(node.parents) == 2 and node.parents[1] in names:
            B, dB = node.parents[1].value, truths[names[node.parents[1]]]
            if B.ndim == 2:
                found = attempt(tape, problem, edges={(node, 0): lambda G, B=B, dB=dB: G @ (B - dB).T})
                if found is not None:
                    weights = names[node.parents[1]]
                    text = f"{weights} was already updated when the gradient went back through it: first all "
                    yield Replay("updated-weights", text + "gradients, then the update.", found, "rate")


def fork_slips(tape: Tape, problem: Problem) -> Iterator[Replay]:
    """Yield slips where a value is used more than once, so that several contributions add."""
    sums = []
    for node in tape.nodes:
        for k, parent in enumerate(node.parents):
            if len(tape.users[parent]) < 2 or node.source is np.where:
                continue
            found = attempt(tape, problem, edges={(node, k): nothing})
            if found is None:
                continue
            cause, text = name_of_loss(tape, parent, node)
            yield Replay(cause, text, found, "edge")
            if len(tape.users[parent]) > 2:
                others = {user: nothing for user in tape.users[parent] if user != (node, k)}
                kept = attempt(tape, problem, edges=others)
                if kept is not None:
                    text = (
                        "It is used more than once, and the last contribution replaced the others: they add."
                    )
                    yield Replay("overwritten-branch", text, kept)
            if cause == "missing-path":
                sums.append((node, k))
    pairs = [*itertools.combinations(sums[:8], 2), *([tuple(sums)] if len(sums) > 2 else [])]
    for lost in pairs:
        found = attempt(tape, problem, edges=dict.fromkeys(lost, nothing))
        if found is not None:
            yield Replay(
                "missing-path",
                "A path is missing: sums over the batch (a mean, a variance, a norm) depend on the input too.",
                found,
            )


def nothing(G: Array) -> None:
    """Hand nothing to the parent."""


def name_of_loss(tape: Tape, parent: Node, node: Node) -> tuple[str, str]:
    """Return cause and sentence for a lost contribution, by where the lost path leads.

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
        return (
            "missing-term",
            "The gradient of one term of the loss is missing, such as a regularisation term.",
        )
    if shrinks:
        return (
            "missing-path",
            "A path is missing: a sum over several entries (a mean, a variance, a norm) depends on the input too.",
        )
    return (
        "overwritten-branch",
        "It is used more than once, and only one use is counted: the gradients of all uses add.",
    )
