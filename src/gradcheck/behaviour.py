"""What a backward must not do besides returning numbers: change its input, remember, ignore, roll dice."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradcheck.problem import Array, Broken, Problem, copied, quiet, read_gradients
from gradcheck.report import Finding
from gradcheck.values import same, short


def behaviour(problem: Problem, gradients: Sequence[Any]) -> list[Finding]:
    """Return findings on what three further calls reveal; ``gradients`` is what the first call returned.

    Changed upstream gradient, cache or inputs; answers that grow from call to call; answers that change at random.
    """
    found: list[Finding] = []

    def wrong(name: str, cause: str, text: str) -> None:
        found.append(Finding(name, False, text, cause, verdict="fail", kind="behaviour"))

    inputs = {name: value.copy() for name, value in problem.inputs.items()}
    arguments = [value if value.ndim else value[()] for value in inputs.values()]
    problem.evaluations += 1
    with quiet():
        try:
            _, cache = problem.forward(*arguments)
        except Exception:
            return found
        for name, value in inputs.items():
            if not same(problem.inputs[name], value):
                wrong(
                    "forward", "modifies-input",
                    f"forward changed its argument {name} in place, from {short(problem.inputs[name])} to "
                    f"{short(value)}. Work on a new array.",
                )  # fmt: skip
        dout, kept = problem.dout.copy(), copied(cache)
        try:
            first = read_gradients(problem.call_backward(cache, dout), problem)
        except (Broken, Exception):
            return found
        if not problem.is_loss and not same(problem.dout, dout):
            wrong(
                "dout", "modifies-upstream",
                f"backward changed the dout that it was given, from {short(problem.dout)} to {short(dout)}. The caller "
                "still needs it: work on a new array, for instance dout * mask.",
            )  # fmt: skip
        if not same(kept, cache):
            wrong(
                "cache",
                "modifies-cache",
                "backward changed its cache in place. A second call, or another layer that reads the same array, then "
                "computes with changed numbers: work on a new array.",
            )
        try:
            second = read_gradients(problem.call_backward(copied(kept)), problem)
            third = read_gradients(problem.call_backward(copied(kept)), problem)
        except (Broken, Exception) as error:
            wrong(
                "repeat",
                "raised",
                f"backward raised {type(error).__name__} when it was called again: {error}",
            )
            return found
    for name, a, b, c in zip(problem.wrt, first, second, third, strict=True):
        try:
            one, two, three = (np.asarray(x, dtype=np.float64) for x in (a, b, c))
        except (TypeError, ValueError):
            continue
        if one.shape != two.shape or two.shape != three.shape or is_close(two, three) and is_close(one, two):
            continue
        if is_close(three - two, two - one) and not is_close(one, two):
            wrong(
                f"repeat d{name}", "accumulates",
                f"d{name} grows from call to call: {short(one)}, then {short(two)}, then {short(three)}. Start from "
                "zeros inside backward.",
            )  # fmt: skip
        else:
            found.append(
                Finding(
                    f"repeat d{name}",
                    False,
                    f"d{name} differs between two calls with the same arguments: {short(two)}, then {short(three)}.",
                    "not-deterministic",
                    verdict="not deterministic",
                    kind="behaviour",
                )  # fmt: skip
            )
    return found


def is_close(a: Array, b: Array) -> bool:
    """Return whether two answers agree to rounding."""
    return bool(np.allclose(a, b, rtol=1e-9, atol=1e-9 * float(np.abs(a).max(initial=0.0)), equal_nan=True))
