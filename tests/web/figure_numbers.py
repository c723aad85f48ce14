"""Which of the numbers that a moving figure shows is the slope of which, by which slider.

By default, wherever a figure has a slider `w` and shows `L` and `dw`, `dw` is claimed to be the slope of `L` by `w`.
A figure that shows other slopes says so in `SLOPES`; of one that shows none, `figure_claims.py` says what
holds instead.
"""

from dataclasses import dataclass

from playwright.sync_api import Locator


@dataclass(frozen=True)
class Slope:
    """A claim: when `slider` moves, the shown number `of` changes at the rate that is shown as `slope`."""

    slider: str
    of: str
    slope: str


# By the name of the figure, besides the default.
SLOPES: dict[str, list[Slope]] = {
    "learning-rate": [Slope("start-u", "loss-0", "du-0"), Slope("start-v", "loss-0", "dv-0")],
    "activation-slopes": [
        Slope("z", f"value-{name}", f"slope-{name}") for name in ("sigmoid", "tanh", "ReLU", "softmax")
    ],
}


def slopes_of(name: str, sliders: list[str], shown: list[str]) -> list[Slope]:
    """Return the claims about a figure that has the given sliders and shows the given numbers."""
    usual = [Slope(slider, "L", f"d{slider}") for slider in sliders if {"L", f"d{slider}"} <= set(shown)]
    return usual + SLOPES.get(name, [])


def numbers_shown(figure: Locator) -> dict[str, float]:
    """Return the numbers of a figure's table, by their names, in full precision."""
    cells = figure.locator("[data-shown]").evaluate_all(
        "cells => cells.map((cell) => [cell.dataset.shown, Number(cell.dataset.value)])"
    )
    return dict(cells)


def move(figure: Locator, slider: str, to: float) -> None:
    """Move a slider of a figure to a value, which may lie between its steps and beyond its ends."""
    figure.locator(f'[data-control="{slider}"]').evaluate(
        """(input, to) => {
          const [min, max] = [Math.min(to, input.min), Math.max(to, input.max)];
          Object.assign(input, { step: "any", min, max });
          input.value = String(to);
          input.dispatchEvent(new Event("input", { bubbles: true }));
        }""",
        to,
    )


def measured_slope(figure: Locator, slope: Slope, h: float = 1e-4) -> float:
    """Return the central difference of a shown number as its slider moves to both sides; leave it where it was."""
    at = float(figure.locator(f'[data-control="{slope.slider}"]').input_value())
    numbers = []
    for to in (at + h, at - h, at):
        move(figure, slope.slider, to)
        numbers.append(numbers_shown(figure)[slope.of])
    return (numbers[0] - numbers[1]) / (2 * h)
