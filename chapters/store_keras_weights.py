"""Write what exercise 12 compares with: the weights of a network that Keras trained, some digits, Keras' predictions.

Run ``python chapters/store_keras_weights.py`` in the project's folder, with MNIST in reach (see ``mnist.py``), when
the exercise needs other numbers. The weights are rounded to float32; the probabilities are those that Keras computes
from these very weights in float64, so that the comparison is exact to rounding.
"""

from pathlib import Path

import keras
import numpy as np
from mnist import load_mnist

TARGET = Path(__file__).resolve().parent.parent / "solutions/12-keras-mnist/keras_digits.npz"
SHOWN = 40


def network(dtype: str) -> keras.Sequential:
    """Return the chapter's network, untrained, with layers that compute in ``dtype``."""
    return keras.Sequential(
        [
            keras.Input(shape=(28, 28), dtype=dtype),
            keras.layers.Flatten(dtype=dtype),
            keras.layers.Dense(128, activation="relu", dtype=dtype),
            keras.layers.Dense(10, activation="softmax", dtype=dtype),
        ]
    )


def main() -> None:
    """Train as chapter 12 does, predict in float64, and write everything into one compressed file."""
    digits = load_mnist()
    if not digits.source.startswith("MNIST"):
        raise SystemExit(f"The exercise needs MNIST itself; in reach is only: {digits.source}.")
    keras.utils.set_random_seed(0)
    trained = network("float32")
    trained.compile(optimizer="sgd", loss="sparse_categorical_crossentropy")
    trained.fit(digits.x_train / np.float32(255), digits.y_train, epochs=5, verbose=0)
    weights = trained.get_weights()
    exact = network("float64")
    exact.set_weights(weights)
    images = digits.x_test[:SHOWN]
    # Not exact.predict(...): Keras converts what predict is given to float32 first.
    probabilities = keras.ops.convert_to_numpy(exact(images / 255.0))
    names = ("W1", "b1", "W2", "b2")
    np.savez_compressed(
        TARGET,
        images=images,
        labels=digits.y_test[:SHOWN],
        probabilities=probabilities,
        **dict(zip(names, weights, strict=True)),
    )
    right = np.mean(probabilities.argmax(axis=1) == digits.y_test[:SHOWN])
    print(f"{TARGET}: {TARGET.stat().st_size / 1e3:.0f} kB, {probabilities.dtype}, {100 * right:.1f} % of them right")


if __name__ == "__main__":
    main()
