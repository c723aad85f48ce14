"""The steps of a forward function, recorded, so that the chain rule can be replayed with one step done wrong.

Only the diagnosis uses this, and only on a wrong answer: the verdict rests on slopes of the whole function. A
forward that cannot be recorded (loops into buffers, other libraries) is diagnosed from outside.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from gradcheck.problem import Array, Problem

STEP = 1e-30
LARGEST_JACOBIAN = 2_000_000
ELEMENTWISE = {np.where, np.clip, np.nan_to_num}
SUMS = {np.sum, np.mean}
PRODUCTS = {np.dot, np.matmul}


class Untraceable(TypeError):
    """This forward does something that is not recorded."""


@dataclass(eq=False)
class Node:
    """One step: its value, how it follows from its parents, and the derivatives found so far."""

    value: Array
    parents: tuple["Node", ...] = ()
    call: Callable[..., Any] | None = None
    kind: str = "input"
    axis: Any = None
    source: Any = None
    slopes: dict[int, Array] = field(default_factory=dict)

    def shifted(self, k: int, value: Array) -> Array:
        """Return the value of this step with parent number k replaced."""
        assert self.call is not None
        return np.asarray(self.call(*(value if j == k else p.value for j, p in enumerate(self.parents))))

    def change(self, k: int, unit: Array) -> Array:
        """Return the derivative of this step's value when parent number k moves along unit."""
        x = self.parents[k].value
        try:
            moved = self.shifted(k, x + 1j * STEP * unit)
            if moved.dtype.kind == "c" and self.source is not np.sign:
                return np.asarray(moved.imag / STEP)
        except TypeError:
            pass
        h = 1e-6 * max(1.0, float(np.abs(x).max(initial=0.0)))
        return (self.shifted(k, x + h * unit) - self.shifted(k, x - h * unit)) / (2 * h)

    def slope(self, k: int) -> Array:
        """Return the derivative by parent number k: entry by entry where elementwise, else the Jacobian."""
        if k not in self.slopes:
            x = self.parents[k].value
            if self.kind == "elementwise":
                self.slopes[k] = self.change(k, np.ones(x.shape))
            else:
                if x.size * self.value.size > LARGEST_JACOBIAN or x.size > 4096:
                    raise Untraceable("too large a step")
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
            spread = G if G.ndim == x.ndim else np.expand_dims(G, self.axis) if self.axis is not None else G
            weight = self.change(k, np.ones(x.shape)).max(initial=0.0) / (x.size / max(1, G.size))
            return np.broadcast_to(spread * weight, x.shape)
        if self.kind == "matmul" and all(p.value.ndim == 2 for p in self.parents) and len(self.parents) == 2:
            a, b = (p.value for p in self.parents)
            return G @ b.T if k == 0 else a.T @ G
        return (self.slope(k) @ G.ravel()).reshape(x.shape)


def unbroadcast(G: Array, shape: tuple[int, ...]) -> Array:
    """Return G summed over the axes along which an array of this shape was broadcast."""
    G = G.sum(axis=tuple(range(G.ndim - len(shape))))
    wide = tuple(k for k, n in enumerate(shape) if n == 1 and G.shape[k] != 1)
    return np.asarray(G.sum(axis=wide, keepdims=True) if wide else G)


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
        targets = kwargs.pop("out", (None,))
        if ufunc.nout != 1 or method not in ("__call__", "reduce"):
            raise Untraceable(f"{ufunc.__name__}.{method}")
        if method == "__call__":
            kind = "matmul" if ufunc is np.matmul else "elementwise"
        else:
            kind = "sum" if ufunc is np.add else "other"
        function = getattr(ufunc, method)
        axis = kwargs.get("axis") if method == "reduce" else None
        result = self.record(kind, function, inputs, kwargs, axis, ufunc)
        if targets[0] is None:
            return result
        if not isinstance(targets[0], Traced) or not isinstance(result, Traced):
            raise Untraceable("written into a plain array")
        targets[0].node = result.node
        return targets[0]

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        kind = "elementwise" if func in ELEMENTWISE else "sum" if func in SUMS else "other"
        if func in PRODUCTS:
            kind = "matmul"
        axis = kwargs.get("axis", args[1] if func in SUMS and len(args) > 1 else None)
        return self.record(kind, func, args, kwargs, axis)

    def record(self, kind: str, function: Any, args: Any, kwargs: Any, axis: Any = None, source: Any = None) -> Any:
        """Return the traced result of a call, or its plain value where that is no float array."""
        found: list[Node] = []

        def mark(value: Any) -> Any:
            if isinstance(value, Traced):
                found.append(value.node)
                return Slot(len(found) - 1)
            if kind == "matmul" and isinstance(value, np.ndarray):
                found.append(Node(value))
                return Slot(len(found) - 1)
            return type(value)(map(mark, value)) if type(value) in (list, tuple) else value

        plan = tuple(mark(value) for value in args)
        if any(isinstance(value, Traced) for value in kwargs.values()):
            raise Untraceable("a traced keyword")

        def call(*values: Any) -> Any:
            def fill(part: Any) -> Any:
                if isinstance(part, Slot):
                    return values[part.place]
                return type(part)(map(fill, part)) if type(part) in (list, tuple) else part

            return function(*map(fill, plan), **kwargs)

        value = np.asarray(call(*(node.value for node in found)))
        if value.dtype.kind != "f":
            return value
        node = Node(value, tuple(found), call, kind, axis, source or function)
        self.tape.append(node)
        return Traced(node, self.tape)

    def __getitem__(self, index: Any) -> Any:
        return self.record("other", lambda x: x[index], (self,), {})

    def __setitem__(self, index: Any, new: Any) -> None:
        def put(x: Array, value: Any) -> Array:
            x = np.array(x, dtype=np.result_type(x, value))
            x[index] = value
            return x

        self.node = self.record("other", put, (self, new), {}).node

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or not callable(getattr(np.ndarray, name, None)):
            raise AttributeError(name)
        if name in ("sum", "mean", "dot", "clip"):
            return lambda *args, **kwargs: getattr(np, name)(self, *args, **kwargs)
        if name in ("fill", "sort", "put", "resize", "itemset", "partition", "item", "tolist"):
            raise Untraceable(name)
        return lambda *args, **kwargs: self.record("other", lambda x: getattr(x, name)(*args, **kwargs), (self,), {})


@dataclass(frozen=True)
class Slot:
    """The place of a traced argument in a recorded call."""

    place: int


@dataclass
class Tape:
    """The recorded steps of one forward evaluation, in order; the last one is the output."""

    nodes: list[Node]
    inputs: dict[str, Node]
    out: Node

    def __post_init__(self) -> None:
        alive = {self.out}
        for node in reversed(self.nodes):
            if node in alive:
                alive.update(node.parents)
        self.nodes = [node for node in self.nodes if node in alive]
        self.users: dict[Node, list[tuple[Node, int]]] = {}
        for node in self.nodes:
            for k, parent in enumerate(node.parents):
                self.users.setdefault(parent, []).append((node, k))

    def backprop(
        self,
        dout: Array,
        edges: Mapping[tuple[Node, int], Callable[[Array], Array | None]] | None = None,
        bridges: Mapping[Node, tuple[Node, Callable[[Array], Array]]] | None = None,
        arrivals: Mapping[Node, Callable[[Array], Array]] | None = None,
    ) -> dict[str, Array]:
        """Return the gradient of each input by the chain rule, step by step from the output.

        ``edges`` replaces what one step hands to one parent (None: nothing); ``bridges`` replaces several
        steps, from a node to an ancestor; ``arrivals`` changes the gradient that arrives at a node. A
        replacement of another shape is allowed for an input alone.
        """
        edges, bridges, arrivals = edges or {}, bridges or {}, arrivals or {}
        upstream: dict[Node, Array] = {self.out: dout}
        for node in reversed(self.nodes):
            G = upstream.get(node)
            if G is None:
                continue
            if node in arrivals:
                G = arrivals[node](G)
            if node in bridges:
                root, rule = bridges[node]
                parts = [(root, rule(G))]
            else:
                parts = []
                for k, parent in enumerate(node.parents):
                    changed = edges.get((node, k))
                    part = node.pull(k, G) if changed is None else changed(G)
                    if part is not None:
                        parts.append((parent, part))
            for parent, part in parts:
                if part.shape != parent.value.shape and parent.kind != "input":
                    raise Untraceable("shapes do not fit")
                upstream[parent] = upstream[parent] + part if parent in upstream else part
        return {
            name: upstream[node] if node in upstream else np.zeros(node.value.shape)
            for name, node in self.inputs.items()
        }

    def root(self, node: Node) -> Node | None:
        """Return the one node from which this follows entry by entry, as an activation does; else None."""
        if node.kind != "elementwise":
            return None
        roots = {self.root(parent) or parent for parent in node.parents}
        if len(roots) != 1:
            return None
        (root,) = roots
        return root if root.value.shape == node.value.shape else None

    def activations(self) -> list[tuple[Node, Node]]:
        """Return (z, a) for each stretch of elementwise steps from z to a, the longest ones."""
        found = []
        for node in self.nodes:
            root = self.root(node)
            if root is not None:
                users = self.users.get(node, [])
                if not users or any(self.root(user) is not root for user, _ in users):
                    found.append((root, node))
        return found

    def replay(self, z: Node, a: Node, value: Array) -> Array:
        """Return what the elementwise steps from z to a give for another value of z."""
        known: dict[Node, Array] = {z: value}

        def evaluate(node: Node) -> Array:
            if node not in known:
                assert node.call is not None
                known[node] = np.asarray(node.call(*(evaluate(parent) for parent in node.parents)))
            return known[node]

        return evaluate(a)


def record(problem: Problem) -> Tape | None:
    """Return the steps of the forward at the inputs, or None where it cannot be recorded."""
    nodes: list[Node] = []
    inputs = {name: Node(problem.inputs[name].copy()) for name in problem.wrt}
    arguments = [
        Traced(inputs[name], nodes) if name in inputs else value.copy() if value.ndim else value[()]
        for name, value in problem.inputs.items()
    ]
    problem.evaluations += 1
    try:
        result = problem.forward(*arguments)
        out = result[0] if isinstance(result, tuple) else result
        return Tape(nodes, inputs, out.node) if isinstance(out, Traced) and nodes else None
    except Exception:
        return None
