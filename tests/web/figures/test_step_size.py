"""The three differences of the figure on step sizes, against NumPy in the same arithmetic."""

import numpy as np
import pytest
from in_numpy import REAL, measured_slopes

STEPS = [10 ** (-n / 2) for n in range(2, 41)]


@pytest.mark.parametrize("kind", [np.float64, np.float32], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("name", REAL)
def test_measured_slopes_differ_from_numpy_by_rounding_alone(name, kind, numbers):
    told = numbers(
        "step-size-numbers",
        "steps.map((h) => figure.measured(name, h, kind))",
        steps=STEPS,
        name=name,
        kind=kind.__name__,
    )
    unit = float(np.finfo(kind).eps)
    for h, slopes in zip(STEPS, told, strict=True):
        right = measured_slopes(name, h, kind)
        # Two libraries may round the last digit of exp and sin differently; a difference divides that by h.
        for difference in ("forward", "central"):
            assert abs(slopes[difference] - right[difference]) <= 4 * unit / h, (difference, h)
        assert abs(slopes["complex"] - right["complex"]) <= 16 * unit, h


def test_slopes_to_compare_with_are_the_true_ones(numbers):
    told = numbers(
        "step-size-numbers",
        "Object.fromEntries(Object.entries(figure.FUNCTIONS).map(([name, { slope }]) => [name, slope]))",
    )
    assert set(told) == set(REAL)
    for name, slope in told.items():
        assert slope == pytest.approx(measured_slopes(name, 1e-20, np.float64)["complex"], rel=1e-14)


def test_errors_make_a_v_and_the_complex_step_loses_an_arm(numbers):
    told = numbers("step-size-numbers", "steps.map((h) => figure.errors('sine', h, 'float64'))", steps=STEPS)
    forward, central, aside = (
        np.array([errors[name] for errors in told]) for name in ("forward", "central", "complex")
    )
    steps = np.array(STEPS)
    assert 1e-9 < steps[forward.argmin()] < 1e-7 and 1e-10 < forward.min() < 1e-7
    assert 1e-6 < steps[central.argmin()] < 1e-4 and central.min() < 1e-10
    assert forward[-1] == central[-1] == 1
    assert aside[steps < 1e-8].max() < 5e-16


def test_32_bits_reach_less_deep_and_want_larger_steps(numbers):
    told = numbers("step-size-numbers", "steps.map((h) => figure.errors('sine', h, 'float32').central)", steps=STEPS)
    assert 1e-3 < STEPS[int(np.argmin(told))] < 1e-1 and 1e-7 < min(told) < 1e-3


def test_central_difference_errs_while_its_step_reaches_over_the_kink(numbers):
    told = numbers("step-size-numbers", "[1e-5, 1e-6].map((h) => figure.measured('ReLU', h))")
    assert told[0]["central"] == pytest.approx(0.6) and told[1]["central"] == pytest.approx(1)
    assert told[0]["complex"] == told[1]["complex"] == 1
