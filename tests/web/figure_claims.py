"""What holds of the numbers of moving figures that show no slope of a number that they show: they are NumPy's."""

import json
from collections.abc import Callable

import numpy as np
import pytest
from figure_numbers import move, numbers_shown
from in_numpy import drawn_network, loss_and_gradients, measured_slopes, scaled
from node_numbers import FIGURES, asking_node
from playwright.sync_api import Locator


def choose(figure: Locator, control: str, option: str) -> None:
    """Choose an option of a figure by its value."""
    figure.locator(f'[data-control="{control}"]').select_option(option)


def differences_are_those_of_numpy(figure: Locator) -> None:
    """Compare the three measured slopes and their errors, in both precisions, at steps on both arms of the V."""
    for name, true in (("sine", np.cos(1)), ("neuron", measured_slopes("neuron", 1e-20, np.float64)["complex"])):
        for kind in (np.float64, np.float32):
            choose(figure, "function", name)
            choose(figure, "precision", kind.__name__)
            for exponent in (-1.5, -5, -8.25, -20):
                move(figure, "step", exponent)
                shown = numbers_shown(figure)
                for difference, slope in measured_slopes(name, 10**exponent, kind).items():
                    rounding = 16 * float(np.finfo(kind).eps) * (1 if difference == "complex" else 1 / 10**exponent)
                    assert shown[f"slope-{difference}"] == pytest.approx(slope, abs=rounding)
                    assert shown[f"error-{difference}"] == pytest.approx(abs(shown[f"slope-{difference}"] / true - 1))


def norms_are_those_of_numpy(figure: Locator) -> None:
    """Compare gradient norms, mean slopes and flat shares of some networks."""
    with asking_node() as numbers:
        for activation, scheme, times, layers in [("sigmoid", "xavier", 1, 20), ("ReLU", "he", 2, 7)]:
            choose(figure, "activation", activation)
            choose(figure, "scheme", scheme)
            move(figure, "times", np.log2(times))
            move(figure, "layers", layers)
            X, y, units = drawn_network(numbers, layers)
            weights = [times * scaled(unit, scheme) for unit in units]
            _, gradients, steepness = loss_and_gradients(X, y, weights, activation.lower())
            shown = numbers_shown(figure)
            for n, dW in enumerate(gradients, start=1):
                assert shown[f"norm-{n}"] == pytest.approx(np.linalg.norm(dW), rel=1e-6)
            for n, slopes in enumerate(steepness, start=1):
                assert shown[f"slope-{n}"] == pytest.approx(slopes.mean(), rel=1e-6)
            assert f"norm-{layers + 1}" not in shown


def verdicts_are_those_of_numpy(figure: Locator) -> None:
    """Compare the largest difference of right and of wrong answers, in square and in other shapes."""
    with asking_node() as numbers:
        for wanted, first, operation, sizes in [
            ("dX", "dZ", "@ W", "W square"),
            ("dX", "dZ", "@ W.T", "all different"),
            ("dW", "X.T", "@ dZ", "all equal"),
            ("dW", "dZ", "@ X.T", "all equal"),
            ("db", "dZ", ".sum(axis=1)", "all equal"),
            ("db", "dZ", ".sum(axis=0)", "all different"),
        ]:
            for control, option in (("wanted", wanted), ("first", first), ("operation", operation)):
                choose(figure, control, option)
            figure.locator(f'[data-control="{sizes}"]').click()
            moved = {
                letter: int(figure.locator(f'[data-control="{counted}"]').input_value())
                for letter, counted in (("i", "examples"), ("k", "inputs"), ("j", "neurons"))
            }
            drawn = numbers("shape-matcher-numbers", "figure.drawArrays(sizes)", sizes=moved)
            X, W, dZ = (np.array(drawn[name]) for name in ("X", "W", "dZ"))
            right = {"dX": dZ @ W.T, "dW": X.T @ dZ, "db": dZ.sum(axis=0)}[wanted]
            given = eval(f"{first} {operation}", {}, {"X": X, "W": W, "dZ": dZ})
            difference = np.abs(given - right).max()
            assert numbers_shown(figure)["difference"] == pytest.approx(difference, rel=1e-6, abs=1e-8)
            said = figure.locator(".status").inner_text()
            assert ("its numbers are right" in said) == (difference < 1e-8)
            assert ("its numbers are wrong" in said) == (difference > 1e-8)


def fingerprints_are_the_stored_ones(figure: Locator) -> None:
    """Compare every entry of every mistake with what `gradcheck` has judged, and its sentence."""
    for number, stored in enumerate(json.loads((FIGURES / "fingerprints.json").read_text("utf-8"))):
        choose(figure, "mistake", str(number))
        shown = numbers_shown(figure)
        true, yours = np.array(stored["true"]), np.array(stored["yours"])
        for (r, c), value in np.ndenumerate(true):
            assert shown[f"true-{r}-{c}"] == value and shown[f"yours-{r}-{c}"] == yours[r, c]
            assert shown[f"off-{r}-{c}"] == pytest.approx(yours[r, c] - value)
        assert len(shown) == 3 * true.size
        assert " ".join(stored["said"].split()) in " ".join(figure.locator(".status").inner_text().split())


def has_slopes_where_it_has_a_loss(figure: Locator) -> None:
    """Assert that a graph without slopes is one that has no loss: the neuron of chapter 2, which only goes forward."""
    shown = numbers_shown(figure)
    assert ("L" in shown) == any(f"d{name}" in shown for name in shown)
    assert shown.get("L", shown.get("a")) is not None


# By the name of the figure.
CLAIMS: dict[str, Callable[[Locator], None]] = {
    "graph-player": has_slopes_where_it_has_a_loss,
    "step-size": differences_are_those_of_numpy,
    "depth": norms_are_those_of_numpy,
    "shape-matcher": verdicts_are_those_of_numpy,
    "fingerprints": fingerprints_are_the_stored_ones,
}
