"""The steps of a forward function, recorded, so that the chain rule can be replayed with one step done wrong.

The diagnosis uses this on a wrong answer, and the verdict where its two slopes of the whole function leave a doubt. A
forward that cannot be recorded (loops into buffers, other libraries) is judged and diagnosed from outside.
"""

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from gradcheck.direction import STEP, NotExact
from gradcheck.problem import Array, Function, Problem, TooSlow, agree, time_limit

LARGEST_JACOBIAN = 2_000_000
KINDS: dict[Any, str] = {
    np.where: "elementwise", np.clip: "elementwise", np.nan_to_num: "elementwise",
    np.sum: "sum", np.mean: "sum", np.max: "max", np.amax: "max", np.dot: "matmul", np.matmul: "matmul",
}  # fmt: skip
LONGEST_STRETCH, MOST_STEPS = 16, 10_000
# A number up to this one in a step is a guard, as in log(p + 1e-8).
LARGEST_GUARD = 1e-2
# The source of a step that picks entries, x[index].
ENTRIES = "entries"
# Comparisons that decide which side of a condition is taken.
ORDERS = (np.greater, np.greater_equal, np.less, np.less_equal)
# Steps that take conjugates, so that the complex step says nothing about their slope.
NOT_ANALYTIC = (
    np.conjugate, getattr(np, "vecdot", None), getattr(np, "vecmat", None), np.correlate, np.cov, np.corrcoef,
    "conj", "conjugate",
)  # fmt: skip
ANALYTIC_ALGEBRA = ("inv", "solve", "det", "matrix_power", "multi_dot")
IN_PLACE = ("fill", "sort", "put", "resize", "itemset", "partition", "item", "tolist")


class Untraceable(TypeError):
    """This forward does something that is not recorded."""


@dataclass(eq=False)
class Node:
    """One step: its value, how it follows from its parents, and the derivatives found so far.

    ``axis`` is that of a sum or maximum; of a step that picks entries it is their index. ``guard`` is the tiny number
    that the step adds, 0 where there is none.
    """

    value: Array
    parents: tuple["Node", ...] = ()
    call: Callable[..., Any] | None = None
    kind: str = "input"
    axis: Any = None
    source: Any = None
    guard: float = 0.0
    slopes: dict[int, Array] = field(default_factory=dict)

    def again(self, values: Mapping["Node", Array]) -> Array:
        """Return the value of this step with other values of some parents."""
        assert self.call is not None
        return np.asarray(self.call(*(values.get(parent, parent.value) for parent in self.parents)))

    def change(self, k: int, unit: Array) -> Array:
        """Return the derivative of this step's value when parent number k moves along unit."""
        assert self.call is not None
        values = [parent.value for parent in self.parents]
        x = values[k]

        def shifted(by: Array) -> Array:
            values[k] = x + by
            return np.asarray(self.call(*values))  # type: ignore[misc]

        try:
            moved = shifted(1j * STEP * unit)
            if moved.dtype.kind == "c" and self.is_analytic:
                return np.asarray(moved.imag / STEP)
        except TypeError:
            pass
        h = 1e-6 * max(1.0, float(np.abs(x).max(initial=0.0)))
        return (shifted(h * unit) - shifted(-h * unit)) / (2 * h)

    def beside(self, k: int, by: float) -> "Node":
        """Return this step with a number added to its parent k."""
        call = self.call
        assert call is not None
        shifts = [by if j == k else 0.0 for j in range(len(self.parents))]
        return replace(self, call=lambda *xs: call(*(x + h for x, h in zip(xs, shifts, strict=True))), slopes={})

    def slope(self, k: int) -> Array:
        """Return the derivative by parent number k: entry by entry where elementwise, else the Jacobian."""
        if k not in self.slopes:
            x = self.parents[k].value
            if self.kind == "elementwise":
                self.slopes[k] = self.change(k, np.ones(x.shape))
            elif x.size * self.value.size > LARGEST_JACOBIAN or x.size > 4096:
                raise Untraceable("too large a step")
            else:
                units = np.eye(x.size).reshape(x.size, *x.shape)
                self.slopes[k] = np.array([self.change(k, unit).ravel() for unit in units])
        return self.slopes[k]

    def wide(self, k: int, G: Array) -> Array:
        """Return G times the local derivative, before the sum over axes along which parent k broadcast."""
        return G * self.slope(k)

    def pull(self, k: int, G: Array) -> Array:
        """Return what the chain rule hands to parent number k: its vector-Jacobian product with G."""
        x = self.parents[k].value
        if self.kind == "elementwise":
            return unbroadcast(self.wide(k, G), x.shape)
        if self.kind == "sum":
            spread = widened(G, x.ndim, self.axis)
            weight = self.change(k, np.ones(x.shape)).max(initial=0.0) / (x.size / max(1, G.size))
            return np.broadcast_to(spread * weight, x.shape)
        if self.kind == "max":
            largest = x == widened(self.value, x.ndim, self.axis)
            return np.asarray(widened(G, x.ndim, self.axis) * largest / largest.sum(axis=self.axis, keepdims=True))
        if self.source is ENTRIES:
            spread = np.zeros(x.shape)
            np.add.at(spread, self.axis, G)
            return spread
        if self.kind == "matmul":
            a, b = self.factors
            G = self.matrix(G)
            return unbroadcast(G @ b.mT if k == 0 else a.mT @ G, self.factors[k].shape).reshape(x.shape)
        return (self.slope(k) @ G.ravel()).reshape(x.shape)

    @property
    def factors(self) -> tuple[Array, Array]:
        """The factors of a product, as matrices."""
        a, b = (parent.value for parent in self.parents)
        return as_factor(a, 0), as_factor(b, 1)

    def matrix(self, G: Array) -> Array:
        """Return a gradient by this product with the axes that it lacks because a factor is a vector."""
        a, b = (parent.value.ndim for parent in self.parents)
        G = G[..., None] if b == 1 else G
        return G[..., None, :] if a == 1 else G

    @property
    def shrinks(self) -> bool:
        """Whether this step sums up (a mean, a norm, a maximum): it neither multiplies matrices nor picks entries."""
        smaller = self.value.size < max((parent.value.size for parent in self.parents), default=0)
        is_product = self.kind == "matmul" and self.value.ndim > 0
        return smaller and not is_product and self.source is not ENTRIES

    @property
    def is_analytic(self) -> bool:
        """Whether the complex step gives the slope of this step."""
        if self.source in CARRYING:
            return True
        is_algebra = getattr(self.source, "__module__", "") == "numpy.linalg"
        return self.source.__name__ in ANALYTIC_ALGEBRA if is_algebra else self.source not in NOT_ANALYTIC


def unbroadcast(G: Array, shape: tuple[int, ...]) -> Array:
    """Return G summed over the axes along which an array of this shape was broadcast."""
    if G.shape == shape:
        return G
    G = G.sum(axis=tuple(range(G.ndim - len(shape))))
    wide = tuple(k for k, n in enumerate(shape) if n == 1 and G.shape[k] != 1)
    return np.asarray(G.sum(axis=wide, keepdims=True) if wide else G)


def widened(values: Array, ndim: int, axis: Any) -> Array:
    """Return what a sum or maximum along an axis gave, with that axis kept; as it is where it was kept, or is None."""
    return values if values.ndim == ndim or axis is None else np.expand_dims(values, axis)


def as_factor(x: Array, k: int) -> Array:
    """Return factor k of a product as a matrix: a vector is a row on the left, and a column on the right."""
    return x if x.ndim >= 2 else x[None] if k == 0 else x[:, None]


def shifted(call: Callable[..., Any], by: float, *values: Any) -> Any:
    """Return what a call gives, and a number added to it."""
    return call(*values) + by


def absolute(x: Array) -> Array:
    """Return the absolute value, with the imaginary part that np.abs would drop."""
    return np.asarray(x * np.sign(x.real))


def signum(x: Array) -> Array:
    """Return the sign, whose slope is 0; of a complex number np.sign gives z / |z|."""
    return np.asarray(np.sign(x.real) + 0 * x)


def variance(x: Array, axis: Any = None, *, ddof: float = 0, keepdims: bool = False) -> Array:
    """Return the variance, with the imaginary part that np.var would drop."""
    squares = np.asarray((x - x.mean(axis=axis, keepdims=True)) ** 2)
    total = np.asarray(squares.sum(axis=axis, keepdims=keepdims))
    return np.asarray(total / (x.size / max(1, total.size) - ddof))


def standard_deviation(x: Array, axis: Any = None, **options: Any) -> Array:
    """Return the standard deviation, with the imaginary part that np.std would drop."""
    return np.asarray(np.sqrt(variance(x, axis, **options)))


def euclidean_norm(x: Array, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Array:
    """Return a norm of vectors, or the Frobenius norm, with the imaginary part that np.linalg.norm would drop."""
    if ord not in (None, 1, 2) or ord and x.ndim > 1 and not isinstance(axis, int):
        raise Untraceable("another norm")
    if ord == 1:
        return np.asarray(absolute(x).sum(axis=axis, keepdims=keepdims))
    return np.asarray(np.sqrt((x**2).sum(axis=axis, keepdims=keepdims)))


def inner_product(a: Array, b: Array) -> Array:
    """Return the inner product of all entries, where np.vdot would turn the imaginary part of the first around."""
    return np.asarray((np.ravel(a) * np.ravel(b)).sum())


# Functions through which the complex step loses its imaginary part, and such as carry it.
CARRYING: dict[Any, Callable[..., Array]] = {
    np.absolute: absolute, np.fabs: absolute, np.sign: signum, np.var: variance, np.std: standard_deviation,
    np.linalg.norm: euclidean_norm, np.vdot: inner_product,
}  # fmt: skip


class Slot(NamedTuple):
    """The place of a traced argument in a recorded call."""

    place: int


def rebuilt(part: Any, change: Callable[[Any], Any]) -> Any:
    """Return an argument with each part of its lists and tuples changed."""
    if type(part) in (list, tuple):
        return type(part)(rebuilt(inner, change) for inner in part)
    return change(part)


class Traced(NDArrayOperatorsMixin):
    """A value that records each NumPy function it goes through; anything else it meets fails."""

    __array_priority__ = 1000

    def __init__(self, node: Node, tape: list[Node]) -> None:
        self.node, self.tape = node, tape

    shape = property(lambda self: self.node.value.shape)
    ndim = property(lambda self: self.node.value.ndim)
    size = property(lambda self: self.node.value.size)
    dtype = property(lambda self: self.node.value.dtype)
    real = property(lambda self: self)
    T = property(lambda self: self.transpose())

    def __len__(self) -> int:
        return len(self.node.value)

    def __bool__(self) -> bool:
        return bool(self.node.value)

    def __array__(self, *_: Any, **__: Any) -> Array:
        raise Untraceable("turned into a plain array")

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        (target,) = kwargs.pop("out", (None,))
        of_vectors = "other" if ufunc.signature else "elementwise"
        kinds = {"__call__": "matmul" if ufunc is np.matmul else of_vectors}
        kinds["reduce"] = {np.add: "sum", np.maximum: "max"}.get(ufunc, "other")
        if ufunc.nout != 1 or method not in kinds:
            raise Untraceable(f"{ufunc.__name__}.{method}")
        axis = kwargs.get("axis", 0) if method == "reduce" else None
        result = self.record(kinds[method], CARRYING.get(ufunc, getattr(ufunc, method)), inputs, kwargs, axis, ufunc)
        if target is None:
            return result
        if not isinstance(target, Traced) or not isinstance(result, Traced):
            raise Untraceable("written into a plain array")
        target.node = result.node
        return target

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        kind = KINDS.get(func, "other")
        if func is np.dot and not all(np.ndim(factor) in (1, 2) for factor in args):
            kind = "other"
        axis = kwargs.get("axis", args[1] if kind in ("sum", "max") and len(args) > 1 else None)
        if kwargs.get("out") is not None or kwargs.get("copy") is False:
            raise Untraceable("written into a plain array")
        return self.record(kind, CARRYING.get(func, func), args, kwargs, axis, func)

    def record(self, kind: str, function: Any, args: Any, kwargs: Any, axis: Any = None, source: Any = None) -> Any:
        """Return the traced result of a call, or its plain value where that is no float array."""
        found: list[Node] = []
        # A sum over a part of the entries is not spread over all of them.
        kind = "other" if kind in ("sum", "max") and kwargs.keys() & {"where", "initial"} else kind

        def mark(value: Any) -> Any:
            if callable(value) and not isinstance(value, type):
                raise Untraceable("a function that is called unseen")
            if not isinstance(value, Traced) and not (kind == "matmul" and isinstance(value, np.ndarray)):
                return value
            found.append(value.node if isinstance(value, Traced) else Node(value))
            return Slot(len(found) - 1)

        plan = rebuilt(tuple(args), mark)
        if any(isinstance(value, Traced) for value in kwargs.values()):
            raise Untraceable("a traced keyword")

        def given(values: Any) -> Any:
            return rebuilt(plan, lambda part: values[part.place] if isinstance(part, Slot) else part)

        def call(*values: Any) -> Any:
            return function(*given(values), **kwargs)

        value = np.asarray(call(*(node.value for node in found)))
        if value.dtype.kind in "cO":
            raise Untraceable("complex numbers, or an array that is changed in place")
        if value.dtype.kind != "f":
            if source in ORDERS and np.equal(*given([node.value for node in found])).any():
                # On its kink: what decides there is where this difference goes.
                self.record("tie", np.subtract, args, {})
            return value
        guard = 0.0
        for place, part in enumerate(args if source in (np.add, np.subtract) else ()):
            if isinstance(part, float) and abs(part) <= LARGEST_GUARD:
                guard = -part if place and source is np.subtract else part
        if len(self.tape) == MOST_STEPS:
            raise Untraceable("too many steps")
        node = Node(value, tuple(found), call, kind, axis, source or function, guard)
        self.tape.append(node)
        return Traced(node, self.tape)

    def __getitem__(self, index: Any) -> Any:
        return self.record("other", lambda x: x[index], (self,), {}, index, ENTRIES)

    def __setitem__(self, index: Any, new: Any) -> None:
        def put(x: Array, value: Any) -> Array:
            x = np.array(x, dtype=np.result_type(x, value))
            x[index] = value
            return x

        mask = isinstance(index, np.ndarray) and index.dtype == bool and index.shape == self.shape
        kind = "elementwise" if mask and not isinstance(new, Traced) and np.ndim(new) == 0 else "other"
        self.node = self.record(kind, put, (self, new), {}).node

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or not callable(getattr(np.ndarray, name, None)):
            raise AttributeError(name)
        if name in ("sum", "mean", "max", "dot", "clip", "var", "std"):
            return lambda *args, **kwargs: getattr(np, name)(self, *args, **kwargs)
        if name in IN_PLACE:
            raise Untraceable(name)

        def method(*args: Any, **kwargs: Any) -> Any:
            return self.record("other", lambda x: getattr(x, name)(*args, **kwargs), (self,), {}, None, name)

        return method


@dataclass
class Tape:
    """The recorded steps of one forward evaluation, in order; the last one is the output."""

    nodes: list[Node]
    inputs: dict[str, Node]
    out: Node
    # The other arrays of floats, by which nothing is differentiated, with their names.
    given: dict[Node, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.names = {node: name for name, node in self.inputs.items()}
        self.ties = [node for node in self.nodes if node.kind == "tie"]
        self.join()

    def join(self) -> None:
        """Keep the steps that lead to the output, and note the users of each value and what lies above it.

        ``above`` holds for each step itself and the values from which it follows entry by entry, the nearest first, and
        no more than LONGEST_STRETCH of them.
        """
        alive = {self.out}
        for node in reversed(self.nodes):
            if node in alive:
                alive.update(node.parents)
        self.nodes = [node for node in self.nodes if node in alive]
        self.place = {node: k for k, node in enumerate(self.nodes)}
        self.users: dict[Node, list[tuple[Node, int]]] = {}
        self.above: dict[Node, list[Node]] = {}
        for node in self.nodes:
            for k, parent in enumerate(node.parents):
                self.users.setdefault(parent, []).append((node, k))
            lists = [self.above.get(parent, [parent]) for parent in node.parents if parent.kind != "constant"]
            self.above[node] = [node]
            if node.kind == "elementwise" and lists:
                shared = [z for z in lists[0] if all(z in others for others in lists[1:])]
                self.above[node] += [z for z in shared if z.value.shape == node.value.shape][:LONGEST_STRETCH]

    def upstreams(
        self,
        dout: Array,
        edges: Mapping[tuple[Node, int], Callable[[Array], Array | None]] | None = None,
        bridges: Mapping[Node, tuple[Node, Callable[[Array], Array | None]]] | None = None,
        arrivals: Mapping[Node, Callable[[Array], Array]] | None = None,
    ) -> dict[Node, Array]:
        """Return the gradient that arrives at each value by the chain rule, step by step from the output.

        ``edges`` replaces what one step hands to one parent (None: nothing); ``bridges`` replaces several
        steps, from a node to an ancestor; ``arrivals`` changes the gradient that arrives at a node. A
        replacement of another shape is allowed for an input alone.
        """
        edges, bridges, arrivals = edges or {}, bridges or {}, arrivals or {}
        upstream: dict[Node, Array] = {self.out: dout}
        for node in reversed(self.nodes):
            if node not in upstream:
                continue
            G = arrivals[node](upstream[node]) if node in arrivals else upstream[node]
            if node in bridges:
                root, rule = bridges[node]
                parts = [(root, rule(G))]
            else:
                steps = list(enumerate(node.parents))
                parts = [(p, edges[node, k](G) if (node, k) in edges else node.pull(k, G)) for k, p in steps]
            for parent, part in parts:
                if part is None:
                    continue
                if part.shape != parent.value.shape and parent.kind != "input":
                    raise Untraceable("shapes do not fit")
                upstream[parent] = upstream[parent] + part if parent in upstream else part
        return upstream

    def backprop(self, dout: Array, **changes: Any) -> dict[str, Array]:
        """Return the gradient of each input; the changes are those of :meth:`upstreams`."""
        upstream = self.upstreams(dout, **changes)
        return {name: upstream.get(node, np.zeros(node.value.shape)) for name, node in self.inputs.items()}

    def products(self) -> Iterator[Node]:
        """Yield the matrix products that are no product of two vectors."""
        return (n for n in self.nodes if n.kind == "matmul" and any(p.value.ndim > 1 for p in n.parents))

    def fix_shifts(self, dout: Array) -> None:
        """Make constants of the maxima on which no gradient depends, as a softmax subtracts one against overflow."""
        whole = self.backprop(dout)
        for node in self.nodes:
            if node.kind == "max":
                cut = self.backprop(dout, arrivals={node: np.zeros_like})
                if all(agree(cut[name], whole[name], 1e-9) for name in whole):
                    node.kind, node.parents = "constant", ()
        self.join()

    def without_guards(self, largest: float) -> list[float]:
        """Make the steps those of a forward without guards up to a size, and return what these were."""
        dropped = []
        for node in self.nodes:
            call, guard = node.call, node.guard
            assert call is not None
            if 0.0 < abs(guard) <= largest:
                node.call = functools.partial(shifted, call, -guard)
                dropped.append(abs(guard))
            node.value, node.slopes = node.again({}), {}
        return dropped

    def evaluate(self, moved: Mapping[Node, Array]) -> Array:
        """Return the output with other values of some inputs, such as complex ones; NotExact on a condition's kink."""
        known = dict(moved)
        for node in self.nodes:
            if node.kind != "constant":
                known[node] = node.again(known)
        if any(tie.again(known)[tie.value == 0.0].imag.any() for tie in self.ties):
            raise NotExact("a condition stands on its kink")
        return known[self.out]

    def replay(self, z: Node, a: Node, value: Array) -> Array:
        """Return what the elementwise steps from z to a give for another value of z."""
        between, stack = {a}, [a]
        while stack:
            parents = {parent for parent in stack.pop().parents if z in self.above.get(parent, ()) and parent is not z}
            stack += parents - between
            between |= parents
        known: dict[Node, Array] = {z: value}
        for node in sorted(between, key=lambda node: self.place[node]):
            known[node] = node.again(known)
        return known[a]


def record(problem: Problem, forward: Function) -> Tape | None:
    """Return the steps of a forward at the inputs, or None where it cannot be recorded."""
    nodes: list[Node] = []
    inputs = {name: Node(problem.inputs[name].copy()) for name in problem.wrt}
    given = {name: value.copy() for name, value in problem.inputs.items()}
    try:
        traced = {name: Traced(node, nodes) for name, node in inputs.items()}
        with time_limit():
            out = problem.evaluate({**given, **traced}, forward)[0]
        constants = {
            Node(value): name for name, value in given.items() if name not in inputs and value.dtype.kind == "f"
        }
        return Tape(nodes, inputs, out.node, constants) if isinstance(out, Traced) and nodes else None
    except (Exception, SystemExit, TooSlow):
        return None


def recorded(problem: Problem, fresh: bool = False) -> Tape | None:
    """Return the recorded steps of the forward, or of the author's one where that gives the same output.

    They are recorded once, and again where ``fresh`` ones are asked for, to be changed.
    """
    if problem.tape is not None and not fresh:
        return problem.tape  # type: ignore[no-any-return]
    # What stands for a function of a learner's in the grader can be called and has no truth value.
    for forward in (problem.reference, problem.forward) if problem.recordable else ():
        tape = record(problem, forward) if forward is not None else None
        if tape is not None and agree(tape.out.value, problem.out, 1e-9):
            problem.tape = problem.tape or tape
            return tape
    problem.recordable = False
    return None


def gradients_of_steps(problem: Problem) -> dict[str, Array] | None:
    """Return the gradients by the chain rule over the recorded steps of forward; None where they cannot be had."""
    try:
        tape = recorded(problem)
        return None if tape is None else tape.backprop(problem.dout)
    except Exception:  # one step alone may fail in any way that a learner's function may
        return None


def loss_through_steps(problem: Problem) -> Callable[..., Any] | None:
    """Return a function for L through the recorded steps, where a complex step through forward itself loses a part.

    It takes inputs, complex ones too, and those at which the steps are to be recorded, None for these here. None where
    nothing is lost, and where the steps cannot be told exactly. Raises NotExact where ``np.abs``, or another function
    of CARRYING, stands on its kink.
    """
    tape = recorded(problem)
    if tape is None or not any(node.source in CARRYING for node in tape.nodes):
        return None
    if not all(node.is_analytic for node in tape.nodes):
        return None
    if any((node.value == 0.0).any() for node in tape.nodes if node.source in CARRYING):
        raise NotExact("np.abs, or such a function, stands on its kink")

    def loss(moved: Mapping[str, Any], inputs: Mapping[str, Array] | None = None) -> Any:
        there = tape if inputs is None else record(replace(problem, inputs=dict(inputs)), problem.forward)
        if there is None:
            raise NotExact("forward cannot be recorded at other inputs")
        problem.calls.append(1)
        return np.multiply(
            problem.dout, there.evaluate({node: moved[name] for name, node in there.inputs.items()})
        ).sum()

    return loss
