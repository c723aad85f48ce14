"""Correct forward and backward functions for the measure of false rejections: many kinds, near and on kinks."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import slips as c

Case = tuple[Callable[..., Any], Callable[..., Any], dict[str, Any], tuple[str, ...] | None]
KINDS = (
    "linear", "square linear", "sigmoid", "tanh", "relu", "leaky relu", "softmax", "mse", "bce", "cross-entropy",
    "ridge", "dropout", "fork", "gate", "batch norm", "convolution", "neuron", "two layers", "relu network",
    "deep network", "embedding", "softmax classifier",
)  # fmt: skip
KINKED = ("relu", "leaky relu", "relu network")


def draw(kind: str, rng: np.random.Generator, place: str, dtype: Any) -> dict[str, Any]:
    """Return inputs: "anywhere", "beside" a kink (1e-9 away) or "on" one in some entries."""
    inputs = c.SETTINGS[kind].draw(rng)
    if place != "anywhere":
        gap = 0.0 if place == "on" else 1e-9
        if "Z" in inputs:
            some = rng.random(inputs["Z"].shape) < 0.3
            some[0, 0] = False
            inputs["Z"][some] = gap * rng.choice([-1.0, 1.0], int(some.sum()))
        else:
            inputs["X"][0] = 0.0
            some = rng.random(inputs["b1"].shape) < 0.4
            some[0] = False
            inputs["b1"][some] = gap * rng.choice([-1.0, 1.0], int(some.sum()))
    return {
        name: value.astype(dtype) if isinstance(value, np.ndarray) and value.dtype.kind == "f" else value
        for name, value in inputs.items()
    }


def instances(count: int, seed: int = 0) -> Iterator[tuple[str, Case]]:
    """Yield ``count`` labelled correct cases: kinds in turn, float64 and float32, anywhere, beside and on kinks."""
    rng = np.random.default_rng(seed)
    plans = [(kind, "anywhere", dtype) for kind in KINDS for dtype in (np.float64, np.float32)]
    plans += [
        (kind, place, dtype) for kind in KINKED for place in ("beside", "on") for dtype in (np.float64, np.float32)
    ]
    for k in range(count):
        kind, place, dtype = plans[k % len(plans)]
        setting = c.SETTINGS[kind]
        label = f"{kind}, {place}, {np.dtype(dtype).name}, number {k}"
        yield label, (setting.forward, setting.right, draw(kind, rng, place, dtype), setting.wrt)
