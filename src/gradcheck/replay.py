"""The chain rule replayed over the recorded steps with one step done wrong: what each slip would answer."""

import contextlib
import functools
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gradcheck.direction import STEP
from gradcheck.problem import Array, Problem
from gradcheck.slips import (
    FORMULAS,
    PATH,
    Rule,
    Wrong,
    activation_table,
    always,
    broadcast_table,
    by_output,
    into,
    nothing,
    of_factor,
    product_table,
    same,
    spread,
    through,
    through_updated,
    times,
    times_within,
)
from gradcheck.trace import ENTRIES, Node, Tape, Untraceable, as_factor, recorded

TRANSPOSES = ("transpose", np.transpose)
ACTIVATIONS = (np.tanh, np.maximum, np.where)
# Steps gone through in all; ends of one activation that are tried; first and last uses of a value that are tried.
BUDGET, ENDS, MOST_USES = 200_000, 8, 32
# Pairs of a product and a value that is tried in the place of one of its factors.
MOST_PAIRS = 50_000
# A small constant up to this one, against a division by 0, may be left out; a larger one is part of the function.
HARMLESS = 1e-6
USUAL_RATES = (1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.001)
BARE = "It leaves out the small constant {} of forward."
TERM = "The gradient of one term of the loss is missing, such as a regularisation term."
TERMS = "Only the last of the terms that make up the loss count, such as that of the last time step: add all of them."
ONE_SIDE = "One side of a condition gets no gradient: each entry gets that of the side it took."
MISSING = "A path is missing: a sum over entries (a mean, a variance, a norm) depends on the input too."


@dataclass(frozen=True)
class Replay:
    """A slip: its cause, its sentence, the ``changes`` to :meth:`Tape.upstreams`, and the gradients they give.

    ``free`` names how far it may be scaled: "no", "rate" (any positive amount of it, such as a learning
    rate), or "edge" (the gradients are those without one contribution, which may have any factor instead). ``guard`` is
    the largest small constant that is left out or added.
    """

    cause: str
    sentence: str
    changes: dict[str, Any]
    free: str = "no"
    guard: float = 0.0
    gradients: dict[str, Array] = field(default_factory=dict)


def replays(tape: Tape, dout: Array, truths: Mapping[str, Array]) -> Iterator[Replay]:
    """Yield what each slip that is known would answer; slips that do not fit these steps are passed over.

    There is an end to it where a forward has very many steps: each replay of all of them counts against BUDGET.
    """
    try:
        tape.fix_shifts(dout)
        arrived = tape.upstreams(dout)
    except (Untraceable, ValueError, TypeError, IndexError):
        return
    tables = (
        formula_slips, broadcast_slips, maximum_slips, term_slips, condition_slips, activation_slips, fork_slips,
        guard_slips, factor_slips, pick_slips,
    )  # fmt: skip
    slips = (product_slips(tape, arrived), updated_weights(tape, truths), *(table(tape) for table in tables))
    right = RightPass(tape, dout, arrived)
    spent = 0
    for slip in itertools.chain(*slips):
        spent += right.cost(slip.changes)
        if spent > BUDGET:
            return
        try:
            with np.errstate(all="ignore"):
                yield replace(slip, gradients=right.changed(slip.changes))
        except (Untraceable, ValueError, TypeError, IndexError):
            continue


def guard_replays(problem: Problem) -> Iterator[Replay]:
    """Yield the right answer, and those that leave out harmless small constants of forward's or have one more."""
    tape = recorded(problem, fresh=True)
    if tape is None:
        return
    with contextlib.suppress(Untraceable, ValueError, TypeError), np.errstate(all="ignore"):
        yield Replay("", "", {}, gradients=tape.backprop(problem.dout))
        for slip in guard_slips(tape):
            if slip.guard <= HARMLESS:
                yield replace(slip, gradients=tape.backprop(problem.dout, **slip.changes))
        if dropped := tape.without_guards(HARMLESS):
            text = BARE.format(" and ".join(f"{by:g}" for by in dict.fromkeys(dropped)))
            yield Replay("unknown", text, {}, gradients=tape.backprop(problem.dout))


class RightPass:
    """The chain rule done right; where all that is wrong lies beside the inputs, the answer follows from it at once."""

    def __init__(self, tape: Tape, dout: Array, arrived: Mapping[Node, Array]) -> None:
        self.tape, self.dout, self.arrived = tape, dout, arrived
        self.parts: dict[tuple[Node, int], Array] = {}

    def inputs_beside(self, changes: Mapping[str, Any]) -> list[Node]:
        """Return the inputs whose gradients change, an empty list where the changes lie deeper."""
        beside = {node.parents[k]: None for node, k in changes.get("edges", ())}
        return list(beside) if set(changes) == {"edges"} and all(node in self.tape.names for node in beside) else []

    def cost(self, changes: Mapping[str, Any]) -> int:
        """Return about how many steps are gone through for the answer with these changes, and to compare it."""
        uses = sum(len(self.tape.users[node]) for node in self.inputs_beside(changes))
        return 5 * len(self.tape.names) + (uses // 4 or len(self.tape.nodes))

    def changed(self, changes: Mapping[str, Any]) -> dict[str, Array]:
        """Return the gradient of each input with these changes to :meth:`Tape.upstreams`."""
        beside = self.inputs_beside(changes)
        if not beside:
            return self.tape.backprop(self.dout, **changes)
        found = {name: self.arrived.get(node, np.zeros(node.value.shape)) for node, name in self.tape.names.items()}
        for x in beside:
            uses = [use for use in self.tape.users[x] if use[0] in self.arrived]
            rules = changes["edges"]
            parts = [rules[use](self.arrived[use[0]]) if use in rules else self.part(*use) for use in uses]
            kept = [part for part in parts if part is not None]
            found[self.tape.names[x]] = sum(kept[1:], kept[0]) if kept else np.zeros(x.value.shape)
        return found

    def part(self, node: Node, k: int) -> Array:
        """Return what a step hands to its parent number k."""
        if (node, k) not in self.parts:
            self.parts[node, k] = node.pull(k, self.arrived[node])
        return self.parts[node, k]


def local_slope(tape: Tape, z: Node, a: Node, at: Array) -> Array | None:
    """Return da/dz of a stretch of elementwise steps for z = at, None where it cannot be had there."""
    try:
        with np.errstate(all="ignore"):
            moved = tape.replay(z, a, at + 1j * STEP)
    except (ValueError, TypeError):
        return None
    slope = np.asarray(moved.imag / STEP)
    return slope if np.iscomplexobj(moved) and slope.shape == at.shape and np.isfinite(slope).all() else None


@dataclass(frozen=True)
class Activation:
    """The steps from z to a = g(z), entry by entry: their slope g'(z), and the slips in it."""

    z: Node
    a: Node
    slope: Array
    table: list[Wrong]


def activations(tape: Tape) -> dict[Node, list[Activation]]:
    """Return the activations of each z: an input, a layer's z, or what follows from those by a line.

    Where the steps go on entry by entry, as in (sigmoid(z) - y)**2, each of the last ENDS may be the activation's end.
    """
    linear = layer_values(tape)
    starts: dict[Node, bool] = {}
    ends: dict[Node, list[Node]] = {}
    for a, (*_, root) in tape.above.items():
        whole = root not in tape.above or len(tape.above[root]) == 1
        for z in tape.above[a][1:] if whole else ():
            if z not in starts:
                starts[z] = z in linear or z.kind in ("input", "other") if z is root else not bends(tape, root, z)
            if starts[z]:
                ends.setdefault(z, []).append(a)
    found: dict[Node, list[Activation]] = {}
    for z in ends:
        for a in ends[z][-ENDS:]:
            s = local_slope(tape, z, a, z.value)
            # Straight steps, such as a division by a number, are no activation, unless they are a mask or two slopes.
            if s is None:
                continue
            levels = np.unique(s)
            two = levels.size == 2 and (levels[0] >= 0.0 or np.array_equal(s, np.sign(z.value)))
            if bends(tape, z, a) or not s.any() or two:
                straight = not bends(tape, z, a, 1e-6)
                table = activation_table(z.value, a.value, s, local_slope(tape, z, a, a.value), straight)
                found.setdefault(z, []).append(Activation(z, a, s, list(table)))
    return found


def called(tape: Tape, one: Activation) -> str:
    """Return what an activation is called: "exp" where that is its only step that bends, such as in exp(-z)."""
    step = one.a
    known = isinstance(step.source, np.ufunc) and step.source in (np.exp, np.log, np.sqrt, np.tanh)
    alone = known and (step.parents[0] is one.z or not bends(tape, one.z, step.parents[0]))
    return step.source.__name__ if alone else "the activation"


def activation_slips(tape: Tape) -> Iterator[Replay]:
    """Yield slips in the derivative of an activation, wherever the forward has one, and in several layers at once."""
    found = activations(tape)
    for one in itertools.chain.from_iterable(found.values()):
        name = called(tape, one)
        for cause, text, rule in one.table:
            yield Replay(cause, text.replace("the activation", name), {"bridges": {one.a: (one.z, rule)}})
    for one in itertools.chain.from_iterable(found.values()):
        yield from residual_slips(tape, one)
    layers = [found[z] for z in layer_values(tape) if z in found]
    hidden = [ends[-1] for ends in layers[:-1]]
    of_one_kind = [[end for ends in layers for end in ends if end.a.source is source] for source in ACTIVATIONS]
    for several in (hidden, *([*hidden, end] for ends in layers[-1:] for end in ends), *of_one_kind):
        alike: dict[tuple[str, str], dict[Node, tuple[Node, Rule]]] = {}
        for one in several:
            for cause, text, rule in one.table:
                alike.setdefault((cause, text), {})[one.a] = one.z, rule
        for (cause, text), bridges in alike.items():
            if len(bridges) > 1:
                yield Replay(cause, text, {"bridges": bridges})
    before_a_product = {
        one.z: one
        for one in itertools.chain.from_iterable(layers)
        if any(user.kind == "matmul" for user, _ in tape.users.get(one.a, []))
    }
    yield from surplus_slips(tape, before_a_product)
    yield from neighbour_slips(tape, before_a_product)


def residual_slips(tape: Tape, one: Activation) -> Iterator[Replay]:
    """Yield slips in the error, the prediction p minus a target or the reverse, of which a loss is made."""
    # The target is data: an array of the inputs, or one that is not recorded.
    data = all(parent in tape.names for parent in one.z.parents[1:])
    if one.z.source is not np.subtract or one.z.parents[0].value.shape != one.z.value.shape or not data:
        return
    p, turn = one.z.parents[0].value, one.z.slope(0)
    target = p - turn * one.z.value
    if np.ptp(target) <= 1e-9 * np.abs(p).max(initial=0.0):
        return
    text = "The error is needed here, the prediction minus the target; yours is the {} alone."
    flipped = "The sign of the target is flipped: yours has the prediction plus the target."
    for error, cause, said in (
        (p, "unknown", text.format("prediction")),
        (p + target, "sign", flipped),
        (-target, "unknown", text.format("target")),
        (target, "unknown", text.format("target")),
    ):
        s = local_slope(tape, one.z, one.a, turn * error)
        if s is not None:
            yield Replay(cause, said, {"bridges": {one.a: (one.z, times(s))}})


def bends(tape: Tape, z: Node, a: Node, by: float = 0.01) -> bool:
    """Return whether the steps from z to a are no straight line: their slope nearby is another."""
    here, nearby = local_slope(tape, z, a, z.value), local_slope(tape, z, a, (1 + by) * z.value + by)
    return here is None or nearby is None or not same(here, nearby)


def layer_values(tape: Tape) -> dict[Node, None]:
    """Return the steps that are a matrix product (or another sum), or one plus others or a bias: the z of a layer."""
    found: dict[Node, None] = {}
    for node in tape.nodes:
        terms = node.parents if node.source is np.add else ()
        if node.kind == "matmul" or any(
            term.kind in ("sum", "other") or term.source is np.multiply or term in found for term in terms
        ):
            found[node] = None
    return found


def surplus_slips(tape: Tape, hidden: Mapping[Node, Activation]) -> Iterator[Replay]:
    """Yield what comes out when a hidden activation's derivative is applied at an output that has none."""
    text = "The derivative of an activation is applied where there is none: this output is linear."
    for node in layer_values(tape):
        biased = any(user.source is np.add for user, _ in tape.users.get(node, []))
        for one in hidden.values() if node not in hidden and not biased else ():
            if one.z.value.ndim != node.value.ndim:
                continue
            at_output = local_slope(tape, one.z, one.a, node.value)
            for s in (at_output, by_output(one.a.value, one.slope, node.value)):
                if s is not None:
                    yield Replay("wrong-variable", text, {"arrivals": {node: times(s)}})


def neighbour_slips(tape: Tape, hidden: Mapping[Node, Activation]) -> Iterator[Replay]:
    """Yield the activation's derivative taken at the input of another layer, for one hidden layer z and for all."""
    text = "The derivative of the activation is taken at another layer's values."
    inputs = list(dict.fromkeys(node.parents[orientation(tape, node)[0]] for node in tape.products()))
    shifted: dict[int, dict[Node, tuple[Node, Rule]]] = {}
    for z, one in hidden.items():
        for k, other in enumerate(inputs if one.a in inputs else ()):
            s = by_output(one.a.value, one.slope, other.value)
            if s is not None and s.shape == one.slope.shape and other is not one.a:
                yield Replay("off-by-one-layer", text, {"bridges": {one.a: (z, times(s))}})
                shifted.setdefault(k - inputs.index(one.a), {})[one.a] = z, times(s)
    for bridges in shifted.values():
        if len(bridges) > 1:
            yield Replay("off-by-one-layer", text, {"bridges": bridges})


def formula_slips(tape: Tape) -> Iterator[Replay]:
    """Yield slips at each softmax, logarithm of one, and normalisation, known by their values."""
    before: list[Node] = list(tape.inputs.values())
    for node in tape.nodes:
        for axis, formula in itertools.product(range(node.value.ndim), FORMULAS):
            alike = [z for z in before if z.value.shape == node.value.shape] if formula.looks(node.value, axis) else []
            for z in [z for z in alike if formula.follows(z.value, node.value, axis)][:1]:
                for cause, text, rule in formula.table(z.value, node.value, axis):
                    yield Replay(cause, text, {"bridges": {node: (z, rule)}})
        before.append(node)


def maximum_slips(tape: Tape) -> Iterator[Replay]:
    """Yield slips at each maximum along an axis, as a pooling takes one: its gradient belongs to the largest entry."""
    for node in tape.nodes:
        if node.kind == "max" and node.axis is not None:
            x, axis = node.parents[0].value, node.axis
            share = np.full(x.shape, node.value.size / x.size)
            for weight, text in (
                (np.ones(x.shape), "Every entry of a window gets the gradient of its maximum; only the largest must."),
                (share, "The gradient of a maximum is shared out over its window; only the largest entry must get it."),
                (x != x.max(axis=axis, keepdims=True), "The mask is the wrong way round: all but the largest get it."),
            ):
                yield Replay("wrong-mask", text, {"edges": {(node, 0): spread(weight, axis)}})


def product_slips(tape: Tape, arrived: Mapping[Node, Array]) -> Iterator[Replay]:
    """Yield slips in the two gradients of each matrix product, and another layer's values in it."""
    before = "The pre-activation z is used where its activation a belongs."
    other_layer = "{} used: dW[l] needs A[l-1], the input of its own layer."
    other_gradient = "The gradient dZ of another layer is used: dW[l] needs the dZ[l] of its own layer."
    other_weights = "The gradient goes back through the weights of another layer."
    no_time = "Nothing goes back from one step to the one before: what the later step hands back must be added."
    too_late = "What came out of each step is used; dW needs what went in, such as h[t - 1] for h[t]."
    alone: list[Replay] = []
    together: dict[tuple[Any, ...], tuple[str, str, dict[tuple[Node, int], Rule]]] = {}
    products = list(tape.products())
    before_a_product = (node.parents[0] for node in products)
    values = dict.fromkeys([*tape.inputs.values(), *tape.given, *tape.nodes, *before_a_product])
    if len(values) * len(products) > MOST_PAIRS:
        values = dict.fromkeys([*tape.inputs.values(), *tape.given])
    sides = {node: orientation(tape, node) for node in products}
    # What goes into a layer, and what follows entry by entry from its product.
    of_layers = {node.parents[data] for node, (data, _) in sides.items()}
    zs = layer_values(tape).keys()
    of_layers |= {a for a, above in tape.above.items() if not zs.isdisjoint(above)}
    for place, node in enumerate(products):
        data, weights = sides[node]
        W, A = node.parents[weights], node.factors[data]
        above = tape.above.get(node.parents[data], [])
        to_data, to_weights = (through, into) if weights else (into, through)
        slips = list(product_table(node, *(tape.names.get(parent, "") for parent in node.parents)))

        def at_once(key: Any, k: int, wrong: Wrong, node: Node = node) -> None:
            cause, text, rule = wrong
            together.setdefault((key, cause), (cause, text, {}))[2][node, k] = of_factor(node, k, rule)

        for row, (k, wrong) in enumerate(slips):
            # One matrix in several products, as the steps of a recurrent network share theirs; one input in several.
            for parent in node.parents:
                at_once((row, parent), k, wrong)
        at_once(("time", W), data, ("overwritten-branch", no_time, nothing))
        came_out = as_factor(output(tape, node).value, data)
        if came_out.shape == A.shape:
            at_once(("late", W), weights, ("off-by-one-layer", too_late, to_weights(came_out)))
        for other in values:
            # As many examples as A has, in rows or in columns.
            if other is node.parents[data] or other.value.ndim != node.parents[data].value.ndim:
                continue
            B = as_factor(other.value, data)
            if B.shape[data - 2] != A.shape[data - 2] or not B.any():
                continue
            name = tape.names.get(other) or tape.given.get(other, "")
            if other in above:
                text = f"{name} is used where what follows from it entry by entry belongs." if name else before
                # Where that is some number times it, the number says more.
                if not proportional(A, B):
                    slips.append((weights, ("wrong-variable", text, to_weights(B))))
            elif other in of_layers and is_input(tape, W):
                text = other_layer.format(f"{name} is" if name else "The activation of another layer is")
                slips.append((weights, ("off-by-one-layer", text, to_weights(B))))
            elif other is not W:
                belongs = tape.names.get(node.parents[data], "the other factor")
                text = f"{name or 'Another array'} is used where {belongs} belongs."
                slips.append((weights, ("unknown", text, to_weights(B))))
        for there, product in enumerate(products):
            others, G = product.parents[sides[product][1]], arrived.get(product, np.zeros(0))
            if product is not node and G.shape == node.value.shape:
                dW = to_weights(A)(node.matrix(G))
                slips.append((weights, ("off-by-one-layer", other_gradient, always(dW))))
            if others is not W and others.value.shape == W.value.shape:
                wrong = "off-by-one-layer", other_weights, to_data(as_factor(others.value, weights))
                slips.append((data, wrong))
                at_once(there - place, data, wrong)
        for k, (cause, text, rule) in slips:
            alone.append(Replay(cause, text, {"edges": {(node, k): of_factor(node, k, rule)}}))
    for cause, text, edges in together.values():
        if len(edges) > 1:
            yield Replay(cause, text, {"edges": edges})
    yield from alone
    for node in tape.nodes:
        for k, parent in enumerate(node.parents if node.source is np.multiply and len(node.parents) == 2 else ()):
            for z in tape.above.get(parent, [])[1:]:
                s = local_slope(tape, z, parent, z.value)
                inverse = same(z.value * parent.value, np.ones(z.value.shape))
                if s is not None and not inverse and (np.ptp(s) > 0.0 or bends(tape, z, parent)):
                    yield Replay("wrong-variable", before, {"edges": {(node, 1 - k): times(z.value)}})


def proportional(a: Array, b: Array) -> bool:
    """Return whether one array is some number times the other."""
    top = np.unravel_index(int(np.abs(b).argmax()), b.shape)
    return a.shape == b.shape and bool(b[top]) and same(a, a[top] / b[top] * b)


def output(tape: Tape, node: Node) -> Node:
    """Return what comes out of a layer: the end of the steps that follow its product entry by entry, one by one."""
    while True:
        users = {user for user, _ in tape.users.get(node, [])}
        after = [user for user in users if user.kind == "elementwise" and user.value.shape == node.value.shape]
        if len(users) != 1 or not after:
            return node
        node = after[0]


def orientation(tape: Tape, product: Node) -> tuple[int, int]:
    """Return which parent of a product holds the data and which the weights: X @ W, or W @ X with examples in columns.

    Weights are an input, or one transposed, where the other factor is none, in this product or in most.
    """

    def weights(node: Node) -> list[bool]:
        return [is_input(tape, parent) for parent in node.parents]

    certain = [found for found in (weights(product), *map(weights, tape.products())) if sum(found) == 1]
    if not certain:
        turned = [parent.source in TRANSPOSES for parent in product.parents]
        certain = [turned] if sum(turned) == 1 else [[columns(tape, product), False]]
    return (1, 0) if certain[0][0] else (0, 1)


def is_input(tape: Tape, node: Node) -> bool:
    """Return whether a value is an input to differentiate, or one transposed."""
    return node in tape.names or node.source in TRANSPOSES and node.parents[0] in tape.names


def columns(tape: Tape, product: Node) -> bool:
    """Return whether a bias of shape (n, 1) is added to a product, one number for each of its rows."""
    biases = (parent for user, _ in tape.users.get(product, []) for parent in user.parents)
    return any(bias.value.shape == (len(product.value), 1) != product.value.shape for bias in biases)


def factor_slips(tape: Tape) -> Iterator[Replay]:
    """Yield products and quotients, entry by entry, whose gradient goes on without the other factor, or with it turned.

    The other factor may be an array that is no input, such as a mask or the weights of the examples.
    """
    for node in tape.nodes:
        if node.source in (np.log, np.sqrt):
            text = f"The derivative of {node.source.__name__} is missing: multiply the upstream gradient by it."
            yield Replay(
                "missing-activation-derivative", text, {"edges": {(node, 0): times_within(1.0, node.value.shape)}}
            )
        parents = node.parents if node.kind == "elementwise" and node.source in (np.multiply, np.divide) else ()
        for k, parent in enumerate(parents if node.source is np.multiply else parents[:1]):
            others = [other for other in parents if other is not parent]
            s = node.slope(k)
            edge = times_within(1.0, parent.value.shape)
            if not s.size or not others and (len(parents) == 2 or np.ptp(s) == 0.0):
                # Where it is all that the answer lacks, the answer is some number times the truth anyway.
                if len(parents) == 1 and s.size and abs(s.flat[0]) != 1.0:
                    text = f"The factor {s.flat[0]:.6g} of a step of forward's is missing on the way back."
                    yield Replay("constant-factor", text, {"edges": {(node, k): edge}})
                continue
            name = tape.names.get(others[0], "") if others else ""
            to = f" to {tape.names[parent]}" if parent in tape.names else ""
            which = f", {name}," if name else ""
            factor = f"the other factor of a product{which}" if node.source is np.multiply else f"a divisor{which}"
            wrong, right = ("divides", "multiply") if node.source is np.multiply else ("multiplies", "divide")
            mask = not others and np.isin(s, (0.0, 1.0)).all()
            lacking = ("wrong-mask", "A mask of forward's is not applied on the way back.") if mask else (
                "unknown", f"On the way back{to} {factor} is missing."
            )  # fmt: skip
            yield Replay(*lacking, {"edges": {(node, k): edge}})
            if others and node.source is np.multiply:
                text = f"On the way back{to} {factor} is needed; yours has {tape.names.get(parent, 'this one')} itself."
                own = times_within(parent.value, parent.value.shape)
                yield Replay("wrong-variable", text, {"edges": {(node, k): own}})
            if s.all():
                text = f"On the way back yours {wrong} by a factor of forward's{which[:-1]}; it must {right} by it."
                yield Replay("unknown", text, {"edges": {(node, k): times_within(1 / s, parent.value.shape)}})


def pick_slips(tape: Tape) -> Iterator[Replay]:
    """Yield entries that are picked more than once, x[index], of which one contribution alone is kept."""
    text = (
        "Entries that are picked several times keep one contribution alone: np.add.at(dX, index, G) adds all of them."
    )
    for node in tape.nodes:
        if node.source is ENTRIES:
            yield Replay("overwritten-branch", text, {"edges": {(node, 0): functools.partial(put_back, node)}})


def put_back(node: Node, G: Array) -> Array:
    """Return zeros with G put where entries were picked; of those that meet in one place the last one stays."""
    dX = np.zeros(node.parents[0].value.shape)
    dX[node.axis] = G
    return dX


def condition_slips(tape: Tape) -> Iterator[Replay]:
    """Yield conditions, np.where, whose gradient goes to one side everywhere or nowhere, or to the wrong one."""
    unmasked = "A condition of forward's is not applied on the way back: one side gets the gradients of all entries."
    turned = "The condition is the wrong way round: each entry gets the gradient of the side that it did not take."
    for node in tape.nodes:
        both: dict[tuple[Node, int], Rule] = {}
        for k, parent in enumerate(node.parents if node.source is np.where and node.kind == "elementwise" else ()):
            both[node, k] = times_within(1 - node.slope(k), parent.value.shape)
            yield Replay("wrong-mask", ONE_SIDE, {"edges": {(node, k): nothing}})
            yield Replay("wrong-mask", unmasked, {"edges": {(node, k): times_within(1.0, parent.value.shape)}})
            yield Replay("wrong-mask", turned, {"edges": {(node, k): both[node, k]}})
        if len(both) > 1:
            yield Replay("wrong-mask", turned, {"edges": both})


def guard_slips(tape: Tape) -> Iterator[Replay]:
    """Yield slopes without the small constants that are added against 0, all of them or one, or with another one."""
    guards = [(user, k, -node.guard) for node in tape.nodes if node.guard for user, k in tape.users.get(node, [])]
    for several in [guards, *([one] for one in guards if len(guards) > 1)]:
        edges: dict[tuple[Node, int], Rule] = {}
        for user, k, by in several:
            edges |= beside(user, k, by)
        if edges:
            constants = " and ".join(dict.fromkeys(f"{abs(by):g}" for *_, by in several))
            yield Replay("unknown", BARE.format(constants), {"edges": edges}, guard=max(abs(by) for *_, by in several))
    for node in tape.nodes:
        for by in (10.0**-k for k in range(5, 17)) if node.source in (np.log, np.divide, np.sqrt) else ():
            text = f"It has the small constant {by:g} in it, which forward has not."
            yield Replay("unknown", text, {"edges": beside(node, len(node.parents) - 1, by)}, guard=by)


def beside(node: Node, k: int, by: float) -> dict[tuple[Node, int], Rule]:
    """Return the edges of a step whose slopes are those with a number added to its parent k."""
    moved = node.beside(k, by)
    return {(node, j): functools.partial(moved.pull, j) for j in range(len(node.parents))}


def broadcast_slips(tape: Tape) -> Iterator[Replay]:
    """Yield slips at each input that was broadcast."""
    for node in tape.nodes:
        for k, parent in enumerate(node.parents):
            if node.kind == "elementwise" and parent.value.shape != node.value.shape:
                for axis in range(node.value.ndim):
                    for cause, text, rule in broadcast_table(node, k, axis):
                        yield Replay(cause, text, {"edges": {(node, k): rule}})


def updated_weights(tape: Tape, truths: Mapping[str, Array]) -> Iterator[Replay]:
    """Yield the backward pass that uses weights which were updated first: W - rate * dW for any rate.

    Where several layers are updated on the way back, each by the dW that comes out then, some usual rates are tried.
    """
    text = "{} already updated when the gradient went back through it: first all gradients, then the update."
    layers = [(node, *orientation(tape, node)) for node in tape.products()]
    layers = [(node, data, weights) for node, data, weights in layers if node.parents[weights] in tape.names]
    for node, data, weights in layers:
        W = node.parents[weights]
        updated = W.value - truths[tape.names[W]]
        changes = {"edges": {(node, data): through(updated) if weights else into(updated)}}
        yield Replay("updated-weights", text.format(f"{tape.names[W]} was"), changes, "rate")
    for rate in USUAL_RATES if len(layers) > 1 else ():
        edges = {(node, data): through_updated(node, data, rate) for node, data, _ in layers}
        yield Replay("updated-weights", text.format("Each layer's W was"), {"edges": edges})


def term_slips(tape: Tape) -> Iterator[Replay]:
    """Yield each term of a loss without its gradient, however often it uses an input; among numbers there are none."""
    arrays = any(node.value.size > 1 for node in tape.inputs.values())
    for node in tape.nodes if arrays else ():
        is_sum = node.source in (np.add, np.subtract) and node.value.size == 1 < len(node.parents)
        for k, parent in enumerate(node.parents if is_sum else ()):
            text = TERMS if k == 0 and parent.source is np.add else TERM
            yield Replay("missing-term", text, {"edges": {(node, k): nothing}}, "edge")


def fork_slips(tape: Tape) -> Iterator[Replay]:
    """Yield slips where a value is used more than once, so that several contributions add."""
    sums = []
    at_last = (
        "The upstream gradient arrives at the last step alone: at each step its own must be added to what comes back."
    )
    for node in tape.nodes:
        steps = [(node, k) for k, parent in enumerate(node.parents) if len(tape.users[parent]) > 1]
        if node.source in (np.stack, np.concatenate) and len(steps) == len(node.parents) - 1 > 0:
            yield Replay("overwritten-branch", at_last, {"edges": dict.fromkeys(steps, nothing)})
    for parent, users in tape.users.items():
        what = tape.names.get(parent, "A value on the way")
        # A square, W * W, is one use.
        uses: dict[Node, list[tuple[Node, int]]] = {}
        for node, k in users:
            uses.setdefault(node, []).append((node, k))
        nodes = [node for node in uses if len(uses) > 1 and node.source is not np.where]
        nodes = nodes[:MOST_USES] + nodes[MOST_USES:][-MOST_USES:]
        losses = {node: name_of_loss(tape, parent, node, what, len(uses)) for node in nodes}
        for node, (cause, text) in losses.items():
            yield Replay(cause, text, {"edges": dict.fromkeys(uses[node], nothing)}, "edge")
            if cause == PATH:
                sums.append(uses[node])
            others = [other for other in uses if other is not node]
            if len(others) > 1:
                text = f"{what} is used more than once, and only one of its contributions has arrived: they add."
                paths = all(losses.get(other) == (PATH, MISSING) for other in others)
                cause, text = (PATH, MISSING) if paths else ("overwritten-branch", text)
                edges = itertools.chain.from_iterable(uses[other] for other in others)
                yield Replay(cause, text, {"edges": dict.fromkeys(edges, nothing)})
    for lost in [*itertools.combinations(sums[:8], 2), *([tuple(sums)] if len(sums) > 2 else [])]:
        yield Replay(PATH, MISSING, {"edges": dict.fromkeys(itertools.chain(*lost), nothing)}, "edge")


def name_of_loss(tape: Tape, parent: Node, node: Node, what: str, uses: int) -> tuple[str, str]:
    """Return cause and sentence for a lost contribution to ``what``, by where the lost path leads.

    A path that shrinks to one number and joins the others in a final sum is a term of the loss; one that goes
    through a sum (a mean, a norm) is a path; any other is a branch.
    """
    beside, whole = followers(tape, parent, node), followers(tape, parent, node, entry_by_entry=True)
    here, shrinks = node, node.shrinks
    forks = False
    while here not in whole and not (shrinks and here in beside and here.value.size == 1):
        users = tape.users.get(here, [])
        if not users:
            break
        forks |= any(user is not users[0][0] for user, _ in users)
        here = users[0][0]
        shrinks |= here.shrinks
    if here.source is np.where and not shrinks:
        return "wrong-mask", ONE_SIDE
    final = here.value.size == 1 and tape.out.value.size == 1
    if shrinks and final and here.source in (np.add, np.subtract) and not forks:
        return "missing-term", TERM
    if shrinks and here in whole:
        return PATH, MISSING
    lost = "only one use is counted" if uses == 2 else "one use is not counted"
    text = f"{what} is used more than once, and {lost}: the gradients of all uses add."
    return "overwritten-branch", text


def followers(tape: Tape, parent: Node, node: Node, entry_by_entry: bool = False) -> set[Node]:
    """Return the steps that follow from a value by its other uses than a node, or without a sum on the way."""
    found: set[Node] = set()
    stack = [user for user, _ in tape.users[parent] if user is not node]
    while stack:
        there = stack.pop()
        if there not in found and not (entry_by_entry and there.shrinks):
            found.add(there)
            stack += [user for user, _ in tape.users.get(there, [])]
    return found
