"""The stored measurement that chapter 12 renders shows what the chapter says of it."""

import csv

import pytest


@pytest.fixture(scope="module")
def stored(root):
    """Return a function that reads one stored table: the line on the machine, and the rows."""

    def read(name):
        lines = (root / "benchmarks/results" / name).read_text(encoding="utf-8").splitlines()
        return lines[0], list(csv.DictReader(lines[1:]))

    return read


@pytest.mark.parametrize(("dtype", "bar"), [("float32", 0.2), ("float64", 0.4)])
def test_own_network_takes_a_small_part_of_the_time_of_fit(stored, dtype, bar):
    _, rows = stored("mnist.csv")
    ratio = {row["side"]: float(row["ratio_to_keras"]) for row in rows}
    assert ratio[f"own network, {dtype}"] <= bar


def test_both_sides_are_equally_accurate(stored):
    _, rows = stored("mnist.csv")
    accuracies = [float(row["test_accuracy_percent"]) for row in rows]
    assert max(accuracies) - min(accuracies) <= 0.3


def test_times_name_their_machine_and_their_number_of_runs(stored):
    for name in ("mnist.csv", "mnist_widths.csv"):
        machine, rows = stored(name)
        assert "NumPy" in machine and "Keras" in machine and "cores" in machine
        assert rows
    _, rows = stored("mnist.csv")
    assert all(int(row["runs"]) >= 5 for row in rows)


def test_widths_reach_from_32_to_4096(stored):
    _, rows = stored("mnist_widths.csv")
    widths = [int(row["width"]) for row in rows]
    assert widths == sorted(widths) and widths[0] == 32 and widths[-1] == 4096
