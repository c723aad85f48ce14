"""Every small change to the text of a right backward is refused, unless it gives the same numbers."""

import ast
import copy
import functools
import inspect
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import slips
import slips_of_networks

from gradcheck import check_gradients
from gradcheck.problem import count_required, read_gradients

SETTINGS = slips.SETTINGS | slips_of_networks.SETTINGS
# Those that are written as functions: of a lambda in a table the text is no text of its own.
WRITTEN = {name: one for name, one in SETTINGS.items() if getattr(one.right, "__name__", "").endswith("_backward")}
OPERATORS = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.MatMult: ast.Mult}
CLOSE = 1e-9
# So many changes of one backward are tried.
MOST = 25


def other_words(node: ast.AST, names: set[str]) -> Iterator[ast.AST]:
    """Yield what a learner may write in the place of an expression or a statement."""
    if isinstance(node, ast.BinOp):
        if type(node.op) in OPERATORS:
            yield ast.BinOp(node.left, OPERATORS[type(node.op)](), node.right)
        if isinstance(node.op, ast.MatMult | ast.Sub | ast.Div):
            yield ast.BinOp(node.right, node.op, node.left)
        yield from (node.left, node.right)
    elif isinstance(node, ast.Attribute) and node.attr == "T":
        yield node.value
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield node.operand
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield from (ast.Constant(node.value + 1), ast.Constant(node.value - 1))
    elif isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Gt):
        yield from (ast.Compare(node.left, [other], node.comparators) for other in (ast.Lt(), ast.NotEq()))
    elif isinstance(node, ast.AugAssign):
        yield ast.Assign([node.target], node.value)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("sum", "mean"):
        yield node.func.value
        yield ast.Call(node.func, [], [])
        other = {"sum": "mean", "mean": "sum"}[node.func.attr]
        yield ast.Call(ast.Attribute(node.func.value, other, ast.Load()), node.args, node.keywords)
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in names:
        yield from (ast.Name(other, ast.Load()) for other in sorted(names - {node.id}))


def changed(function: Callable[..., Any]) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield the text and the function of each small change to a function, one place at a time."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    seen = {ast.unparse(tree)}
    for place, node in enumerate(ast.walk(tree)):
        for other in other_words(node, names):

            class Replacement(ast.NodeTransformer):
                def __init__(self, target: ast.AST, new: ast.AST) -> None:
                    self.target, self.new = target, new

                def visit(self, node: ast.AST) -> Any:
                    return self.new if node is self.target else self.generic_visit(node)

            whole = copy.deepcopy(tree)
            target = next(one for k, one in enumerate(ast.walk(whole)) if k == place)
            whole = ast.fix_missing_locations(Replacement(target, copy.deepcopy(other)).visit(whole))
            if ast.unparse(whole) not in seen:
                seen.add(ast.unparse(whole))
                space = dict(inspect.unwrap(function).__globals__)
                exec(compile(whole, "a changed backward", "exec"), space)
                yield ast.unparse(whole), space[function.__name__]


def answers(backward: Callable[..., Any], setting: slips.Setting, inputs: dict[str, Any], dout: Any) -> list[Any]:
    """Return the gradients as arrays, none where they cannot be had."""
    _, cache = setting.forward(*copy.deepcopy(list(inputs.values())))
    wanted = setting.wrt or [name for name, x in inputs.items() if np.asarray(x).dtype.kind == "f"]
    try:
        with np.errstate(all="ignore"):
            found = backward(cache) if count_required(setting.right) == 1 else backward(dout.copy(), cache)
            return [np.asarray(one, dtype=np.float64) for one in read_gradients(found, [f"d{name}" for name in wanted])]
    except Exception:
        return []


def alike(yours: list[Any], right: list[Any]) -> bool:
    """Return whether two lists of gradients agree to rounding."""
    if [one.shape for one in yours] != [one.shape for one in right]:
        return False
    pairs = zip(yours, right, strict=True)
    return all(np.abs(mine - true).max(initial=0.0) <= CLOSE * np.abs(true).max(initial=0.0) for mine, true in pairs)


@pytest.mark.parametrize("name", WRITTEN)
def test_changed_backward_passes_only_where_it_gives_the_same_numbers(name):
    setting = WRITTEN[name]
    rng = np.random.default_rng(0)
    inputs = setting.draw(rng)
    out, _ = setting.forward(*copy.deepcopy(list(inputs.values())))
    dout = rng.normal(size=np.shape(out))
    right = answers(setting.right, setting, inputs, dout)
    passed, refused = [], 0
    all_changed = list(changed(setting.right))
    for k in rng.permutation(len(all_changed))[:MOST]:
        text, backward = all_changed[k]
        same = alike(answers(backward, setting, inputs, dout), right)
        report = check_gradients(setting.forward, functools.partial(backward), inputs, wrt=setting.wrt, seed=1)
        refused += not report.ok
        if report.ok != same:
            passed.append(f"{report.verdict}\n{text}")
    assert not passed, "\n\n".join(passed)
    assert refused > 3
