"""The surfaces and the walks of the figure on learning rates, against finite differences and against NumPy."""

import numpy as np
import pytest

SURFACES = ("bowl", "ravine", "saddle")


def plain(w, g, memory, rate):
    return w - rate * g, None


def momentum(w, g, memory, rate):
    total = g if memory is None else 0.9 * memory + g
    return w - rate * total, total


def adam(w, g, memory, rate):
    m, q, t = memory or (0.0, 0.0, 0)
    m, q, t = 0.9 * m + 0.1 * g, 0.999 * q + 0.001 * g**2, t + 1
    return w - rate * m / (1 - 0.9**t) / (np.sqrt(q / (1 - 0.999**t)) + 1e-8), (m, q, t)


OPTIMISERS = {"SGD": plain, "momentum": momentum, "Adam": adam}
GRADIENTS = {
    "bowl": lambda w: w * [1, 10],
    "ravine": lambda w: w * [1, 100],
    "saddle": lambda w: np.array([w[0], w[1] ** 3 - w[1]]),
}


@pytest.mark.parametrize("surface", SURFACES)
def test_gradient_is_the_slope_of_the_loss(surface, numbers):
    h, points = 1e-5, np.random.default_rng(0).uniform(-2, 2, size=(20, 2))
    around = [(points + step).tolist() for step in ([h, 0], [-h, 0], [0, h], [0, -h])]
    told = numbers(
        "learning-rate-numbers",
        "{ losses: around.map((points) => points.map((w) => figure.SURFACES[surface].loss(...w))),"
        " gradients: points.map((w) => figure.SURFACES[surface].gradient(...w)) }",
        surface=surface,
        around=around,
        points=points.tolist(),
    )
    right, left, above, below = np.array(told["losses"])
    measured = np.stack([right - left, above - below], axis=1) / (2 * h)
    np.testing.assert_allclose(told["gradients"], measured, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("optimiser", OPTIMISERS)
@pytest.mark.parametrize("surface", SURFACES)
def test_walk_takes_the_steps_of_the_formulas(surface, optimiser, numbers):
    rate, start = 0.013, [-1.8, 0.3]
    told = numbers(
        "learning-rate-numbers",
        "figure.walk({ surface, optimiser, rate, start, steps: 50 })",
        surface=surface,
        optimiser=optimiser,
        rate=rate,
        start=start,
    )
    w, memory = np.array(start), None
    for step in told:
        np.testing.assert_allclose(step["point"], w, rtol=1e-9, atol=1e-12)
        w, memory = OPTIMISERS[optimiser](w, GRADIENTS[surface](w), memory, rate)
    assert len(told) == 51


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("height", [0.05, 0.25, 0.7, 3.0])
def test_contour_lines_stay_at_their_height_and_close(surface, height, numbers):
    told = numbers(
        "learning-rate-numbers",
        "figure.SURFACES[surface].contour(height)"
        ".map((line) => line.map((w) => ({ w, loss: figure.SURFACES[surface].loss(...w) })))",
        surface=surface,
        height=height,
    )
    assert len(told) == (2 if surface == "saddle" and height <= 0.25 else 1)
    for line in told:
        np.testing.assert_allclose([point["loss"] for point in line], height, rtol=1e-9)
        np.testing.assert_allclose(line[0]["w"], line[-1]["w"], atol=1e-7)


def test_walk_ends_where_the_loss_has_no_bound(numbers):
    told = numbers(
        "learning-rate-numbers",
        "figure.walk({ surface: 'ravine', optimiser: 'SGD', rate: 1, start: [-1.8, 0.5], steps: 400 })",
    )
    assert len(told) < 10 and 1e9 < told[-1]["loss"] < 1e15


# The best rate of plain descent in the ravine is still slow, and Adam, whose steps are bounded, cannot diverge.
ENDS = {
    ("bowl", "SGD"): ("slow", "arrives", "diverges"),
    ("bowl", "momentum"): ("slow", "arrives", "diverges"),
    ("bowl", "Adam"): ("slow", "arrives", "swings"),
    ("ravine", "SGD"): ("slow", "slow", "diverges"),
    ("ravine", "momentum"): ("slow", "arrives", "diverges"),
    ("ravine", "Adam"): ("slow", "arrives", "swings"),
    ("saddle", "SGD"): ("held", "arrives", "diverges"),
    ("saddle", "momentum"): ("held", "arrives", "diverges"),
    ("saddle", "Adam"): ("slow", "arrives", "swings"),
}


@pytest.mark.parametrize(("surface", "optimiser"), ENDS)
def test_rates_to_try_end_as_they_are_named(surface, optimiser, numbers):
    told = numbers(
        "learning-rate-numbers",
        "['small', 'good', 'too large'].map((name) => {"
        "  const { RATES, STEPS, SURFACES, walk, outcome } = figure;"
        "  const rate = RATES[surface][optimiser][name];"
        "  return outcome(walk({ surface, optimiser, rate, start: SURFACES[surface].start, steps: STEPS }), surface);"
        "})",
        surface=surface,
        optimiser=optimiser,
    )
    assert tuple(told) == ENDS[surface, optimiser]
