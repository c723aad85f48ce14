"""Measure the reader's own network against Keras on MNIST: accuracy, time, where the time goes, who wins when.

    python benchmarks/mnist.py            prints everything (about twelve minutes on two cores)
    python benchmarks/mnist.py --store    also writes benchmarks/results/mnist*.csv, which chapter 12 renders

Both sides start from the same weights and take the same batches in the same order: 784-128-10, ReLU, softmax
cross-entropy, SGD with learning rate 0.01, batches of 32, 5 epochs. The own network consists of the functions of the
exercises (chapters/own_network.py). NumPy uses one core or all, whichever a short trial finds faster. Runs alternate,
so that a slow moment of the machine hits both sides; medians count.
"""

import argparse
import csv
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
ROOT = Path(__file__).resolve().parent.parent
# In place of this folder, whose mnist.py and gradcheck.py would be taken for the modules.
sys.path[0] = str(ROOT / "chapters")

import keras  # noqa: E402  (after the search path is set, as the next two)
import numpy as np  # noqa: E402
from mnist import load_mnist  # noqa: E402
from own_network import fastest_threads, own_network  # noqa: E402

RESULTS = ROOT / "benchmarks/results"
LEARNING_RATE, BATCH, EPOCHS = 0.01, 32, 5
WIDTHS = (32, 64, 128, 256, 512, 1024, 2048, 4096)
own = own_network()


def seconds(function: Callable[[], Any]) -> tuple[float, Any]:
    """Return the wall time of one call, and its result."""
    start = time.perf_counter()
    result = function()
    return time.perf_counter() - start, result


def first_params(width: int, dtype: str) -> list[dict[str, np.ndarray]]:
    """Return the weights from which both sides start."""
    params = own.init_params([784, width, 10], "xavier", np.random.default_rng(0))
    return [{key: array.astype(dtype) for key, array in layer.items()} for layer in params]


def keras_network(params: list[dict[str, np.ndarray]]) -> keras.Sequential:
    """Return chapter 12's network in Keras, compiled, with the given weights."""
    model = keras.Sequential(
        [
            keras.Input(shape=(784,)),
            keras.layers.Dense(params[0]["b"].size, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    optimizer = keras.optimizers.SGD(LEARNING_RATE)
    model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.set_weights([layer[key] for layer in params for key in ("W", "b")])
    return model


def train_own(x: np.ndarray, y: np.ndarray, dtype: str) -> tuple[float, list[dict[str, np.ndarray]]]:
    """Return the wall time of the reader's ``train``, and the trained parameters."""
    first = first_params(128, dtype)

    def train(count: int, epochs: int) -> Any:
        rng = np.random.default_rng(1)
        return own.train(x[:count], y[:count], first, "relu", LEARNING_RATE, epochs, BATCH, rng)

    with fastest_threads(lambda: train(50 * BATCH, 1)):
        spent, (params, _) = seconds(lambda: train(len(x), EPOCHS))
    return spent, params


def train_keras(x: np.ndarray, y: np.ndarray) -> tuple[float, keras.Sequential]:
    """Return the wall time of Keras' ``fit`` alone, one call an epoch on examples in the order of ``train``."""
    model, rng, spent = keras_network(first_params(128, "float32")), np.random.default_rng(1), 0.0
    for _ in range(EPOCHS):
        order = rng.permutation(len(x))
        ordered, labels = x[order], y[order]
        spent += seconds(lambda: model.fit(ordered, labels, batch_size=BATCH, shuffle=False, verbose=0))[0]  # noqa: B023
    return spent, model


def train_keras_in_one_call(x: np.ndarray, y: np.ndarray) -> tuple[float, keras.Sequential]:
    """Return the wall time of a single ``fit`` of all epochs, which shuffles by itself."""
    model = keras_network(first_params(128, "float32"))
    return seconds(lambda: model.fit(x, y, batch_size=BATCH, epochs=EPOCHS, verbose=0))[0], model


def compare_runs(runs: int) -> list[dict[str, Any]]:
    """Return one row for each side: median time, its ratio to Keras' fit, and test accuracy of the last run."""
    digits = load_mnist()
    print("Data:", digits.source, flush=True)
    y, y_test = digits.y_train.astype(int), digits.y_test.astype(int)
    x64, x64_test = (part.reshape(len(part), 784) / 255 for part in (digits.x_train, digits.x_test))
    x32, x32_test = x64.astype("float32"), x64_test.astype("float32")
    times: dict[str, list[float]] = {}
    accuracy: dict[str, float] = {}
    for run in range(runs):
        for dtype, x, x_test in (("float32", x32, x32_test), ("float64", x64, x64_test)):
            name = f"own network, {dtype}"
            spent, params = train_own(x, y, dtype)
            times.setdefault(name, []).append(spent)
            logits, _ = own.mlp_forward(x_test, params, "relu")
            accuracy[name] = float(np.mean(logits.argmax(axis=1) == y_test))
        for name, trained in (("Keras fit", train_keras), ("Keras fit, one call", train_keras_in_one_call)):
            spent, model = trained(x32, y)
            times.setdefault(name, []).append(spent)
            accuracy[name] = float(model.evaluate(x32_test, y_test, verbose=0)[1])
            keras.backend.clear_session()
        print(f"run {run + 1}:", ", ".join(f"{name} {spent[-1]:.2f} s" for name, spent in times.items()), flush=True)
    fit = statistics.median(times["Keras fit"])
    return [
        {
            "side": name,
            "median_seconds": round(statistics.median(spent), 2),
            "fastest_seconds": round(min(spent), 2),
            "slowest_seconds": round(max(spent), 2),
            "ratio_to_keras": round(statistics.median(spent) / fit, 3),
            "test_accuracy_percent": round(100 * accuracy[name], 2),
            "runs": len(spent),
        }
        for name, spent in times.items()
    ]


def steps_for(width: int) -> int:
    """Return how many updates make a run of about a second, so that starting a fit does not count."""
    return max(60, min(1500, 400_000 // width))


def compare_widths(runs: int, widths: Iterable[int]) -> list[dict[str, Any]]:
    """Return one row for each width of the hidden layer: milliseconds an update, in float32, and their ratio.

    A fit has a start of its own (its function is traced once, a data set is built), which is not part of an update:
    the time of a long fit less that of a short one is divided by the updates that the long one has more.
    """
    rng, rows = np.random.default_rng(2), []
    for width in widths:
        steps = steps_for(width)
        x = rng.random((steps * BATCH, 784), dtype="float32")
        y = rng.integers(0, 10, size=len(x))
        params = first_params(width, "float32")
        model = keras_network(params)
        few = 10 * BATCH
        model.fit(x[:few], y[:few], batch_size=BATCH, verbose=0)
        ours, theirs = [], []
        for _ in range(runs):
            ours.append(own_step(x, y, params) * 1000)
            short = seconds(lambda: model.fit(x[:few], y[:few], batch_size=BATCH, verbose=0))[0]  # noqa: B023
            long = seconds(lambda: model.fit(x, y, batch_size=BATCH, verbose=0))[0]  # noqa: B023
            theirs.append((long - short) / (steps - 10) * 1000)
        keras.backend.clear_session()
        mine, its = statistics.median(ours), statistics.median(theirs)
        rows.append(
            {
                "width": width,
                "own_ms": round(mine, 3),
                "keras_ms": round(its, 3),
                "ratio": round(mine / its, 3),
                "products_ms": round(products_ms(width), 3),
            }
        )
        print("width {width}: own {own_ms} ms, Keras {keras_ms} ms, ratio {ratio}".format(**rows[-1]), flush=True)
    return rows


def own_step(x: np.ndarray, y: np.ndarray, params: list[dict[str, np.ndarray]]) -> float:
    """Return the seconds of one update of the reader's ``train``."""

    def train(count: int) -> None:
        own.train(x[:count], y[:count], params, "relu", LEARNING_RATE, 1, BATCH, np.random.default_rng(3))

    with fastest_threads(lambda: train(20 * BATCH)):
        return seconds(lambda: train(len(x)))[0] / (len(x) / BATCH)


def products_ms(width: int) -> float:
    """Return the milliseconds of the matrix products alone that one update cannot do without, in float32."""
    rng = np.random.default_rng(4)
    X, W1 = rng.random((BATCH, 784), dtype="float32"), rng.random((784, width), dtype="float32")
    A, W2 = rng.random((BATCH, width), dtype="float32"), rng.random((width, 10), dtype="float32")
    dZ = rng.random((BATCH, 10), dtype="float32")

    def products() -> None:
        for _ in range(20):
            X @ W1, A @ W2, A.T @ dZ, dZ @ W2.T, X.T @ A

    with fastest_threads(products):
        return min(seconds(products)[0] for _ in range(10)) / 20 * 1000


def show(rows: list[dict[str, Any]]) -> None:
    """Print rows as a table."""
    names = list(rows[0])
    cells = [names, *([str(row[name]) for name in names] for row in rows)]
    widths = [max(len(line[k]) for line in cells) for k in range(len(names))]
    for line in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def store(name: str, rows: list[dict[str, Any]], load: float) -> None:
    """Write rows to a CSV file, after a line that says on what they were measured, and how busy it was."""
    machine = (
        f"# Python {platform.python_version()}, NumPy {np.__version__}, Keras {keras.__version__} "
        f"({keras.backend.backend()}), {os.cpu_count()} cores, {platform.system()} {platform.machine()}, "
        f"load {load:.1f} when it began\n"
    )
    RESULTS.mkdir(exist_ok=True)
    with (RESULTS / name).open("w", newline="", encoding="utf-8") as file:
        file.write(machine)
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print("written:", RESULTS / name)


def main() -> None:
    """Measure, print, and store where asked to."""
    parser = argparse.ArgumentParser(description="The reader's own network against Keras, on MNIST.")
    parser.add_argument("--runs", type=int, default=5, help="how often each side is measured (default 5)")
    parser.add_argument("--widths", type=int, nargs="*", default=WIDTHS, help="widths of the hidden layer to compare")
    parser.add_argument("--store", action="store_true", help="write the tables that chapter 12 renders")
    arguments = parser.parse_args()
    if (load := os.getloadavg()[0]) > 0.5:
        print(f"The machine is busy (load {load:.1f}): threads that wait for a busy core make every number too large.")
    runs = compare_runs(arguments.runs)
    widths = compare_widths(arguments.runs, arguments.widths) if arguments.widths else []
    show(runs)
    if widths:
        show(widths)
        explain(widths)
    if arguments.store:
        store("mnist.csv", runs, load)
        if widths:
            store("mnist_widths.csv", widths, load)


def explain(widths: list[dict[str, Any]]) -> None:
    """Print where an update's time goes, and from which width on Keras is faster."""
    first, last = widths[0], widths[-1]
    print(
        f"At width {first['width']} the products need {first['products_ms']} ms; Keras adds "
        f"{first['keras_ms'] - first['products_ms']:.2f} ms of dispatch to each update, NumPy "
        f"{first['own_ms'] - first['products_ms']:.2f} ms."
    )
    wins = [row["width"] for row in widths if row["ratio"] > 1]
    if wins:
        print(
            f"Keras is faster from width {wins[0]} on; at {last['width']} it needs {1 / last['ratio']:.2f} of the time."
        )
    else:
        print(f"Keras is not faster at any of these widths; at {last['width']} the ratio is {last['ratio']}.")


if __name__ == "__main__":
    main()
