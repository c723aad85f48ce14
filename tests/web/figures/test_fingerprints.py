"""The stored fingerprints are those of chapter 11, and their patterns are named as the chapter names them."""

import importlib.util
import json
import re
import sys

import pytest

KINDS = {
    "constant factor": "factor",
    "flipped sign": "factor",
    "a loop that ends too early": "row",
    "one neuron forgotten": "column",
    "last example forgotten": "everywhere",
    "upstream gradient missing": "everywhere",
    "mask of ReLU forgotten": "mask",
    "sum taken as constant": "stripes",
    "softmax: diagonal only": "everywhere",
}
NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")


@pytest.fixture(scope="module")
def stored(root):
    """Return the fingerprints that the figure shows."""
    return json.loads((root / "web/figures/fingerprints.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def computed(root):
    """Return the fingerprints as the checker gives them now."""
    path, before = root / "web/figures/fingerprints.py", list(sys.path)
    spec = importlib.util.spec_from_file_location("fingerprints", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module.fingerprints()
    sys.path[:] = before


def test_stored_fingerprints_are_those_of_the_checker(stored, computed):
    stale = "run: .venv/bin/python web/figures/fingerprints.py"
    assert [each["mistake"] for each in stored] == [each["mistake"] for each in computed], stale
    for old, new in zip(stored, computed, strict=True):
        for key in ("gradient", "cause"):
            assert old[key] == new[key], stale
        assert NUMBER.sub("#", old["said"]) == NUMBER.sub("#", new["said"]), stale
        numbers_said = [[float(number) for number in NUMBER.findall(each["said"])] for each in (old, new)]
        assert numbers_said[0] == pytest.approx(numbers_said[1], rel=1e-3), stale
        for key in ("true", "yours"):
            values = [[value for row in each[key] for value in row] for each in (old, new)]
            assert values[0] == pytest.approx(values[1], rel=1e-4, abs=1e-9), stale


def test_patterns_are_named(stored, numbers):
    told = numbers(
        "fingerprints-numbers",
        "Object.fromEntries(gallery.map(({ mistake, true: truth, yours }) => [mistake, figure.pattern(truth, yours)]))",
        gallery=stored,
    )
    assert {mistake: pattern["kind"] for mistake, pattern in told.items()} == KINDS
    words = {mistake: pattern["words"] for mistake, pattern in told.items()}
    assert words["constant factor"] == "Every entry is 0.125 times the true one."
    assert words["flipped sign"] == "Every entry is −1 times the true one."
    assert words["a loop that ends too early"] == "Only row 4 is off."
    assert words["one neuron forgotten"] == "Only column 2 is off."


@pytest.mark.parametrize(
    ("true", "yours", "kind"),
    [
        ([[1, 2], [3, 4]], [[1, 2], [3, 4]], "right"),
        ([[1]], [[2]], "factor"),
        ([[1, 2, 3]], [[1, 5, 3]], "column"),
        ([[1], [2], [3]], [[1], [5], [3]], "row"),
        ([[0, 0], [0, 0]], [[1, 2], [3, 5]], "everywhere"),
        ([[1, 2], [3, 4]], [[0, 0], [0, 0]], "factor"),
        ([[1, 2], [3, 4]], [[2, 3], [2, 3]], "stripes"),
    ],
)
def test_patterns_of_small_gradients(true, yours, kind, numbers):
    told = numbers("fingerprints-numbers", "figure.pattern(truth, yours)", truth=true, yours=yours)
    assert told["kind"] == kind
