"""The handwritten digits of chapter 12: MNIST where it can be had, an honest stand-in where it cannot."""

import contextlib
import io
import os
import textwrap
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

KEYS = ("x_train", "y_train", "x_test", "y_test")


class Digits(NamedTuple):
    """Images (N, 28, 28) uint8 with labels 0 to 9 (N,), for training and for testing, and where they came from."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    source: str


def load_mnist() -> Digits:
    """Return the MNIST digits, or scikit-learn's small digits where MNIST is out of reach.

    The file that the environment variable MNIST_NPZ names comes first; then Keras' own copy or download; then the
    bundled digits. Raises ValueError where MNIST_NPZ names a file that is missing or not such a file: a named file
    is never replaced silently.
    """
    if named := os.environ.get("MNIST_NPZ"):
        return mnist_from_file(Path(named))
    try:
        return mnist_from_keras()
    except Exception as problem:  # Keras raises a bare Exception where it cannot download
        return bundled_digits(str(problem).splitlines()[0])


def mnist_from_file(path: Path) -> Digits:
    """Return the digits in ``path``, an .npz with the keys of Keras' own file."""
    need = f"MNIST_NPZ names {path}, which must be an .npz file with the arrays {', '.join(KEYS)}"
    if not path.is_file():
        raise ValueError(f"{need}; there is no such file. Correct the path, or unset MNIST_NPZ.")
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = [stored[key] for key in KEYS]
    except (KeyError, ValueError, TypeError, OSError, EOFError, zipfile.BadZipFile) as problem:
        raise ValueError(f"{need}; reading it failed: {problem}. Replace the file, or unset MNIST_NPZ.") from None
    if len(arrays[0]) != len(arrays[1]) or len(arrays[2]) != len(arrays[3]):
        raise ValueError(f"{need}; its images and labels differ in number. Replace the file, or unset MNIST_NPZ.")
    for key, array in zip(KEYS, arrays, strict=True):
        expected = (28, 28) if key.startswith("x") else ()
        if array.shape[1:] != expected or array.dtype != np.uint8 or len(array) == 0:
            raise ValueError(
                f"{need}; {key} is {array.dtype} of shape {array.shape}, not uint8 of shape (N, 28, 28) or (N,). "
                "Replace the file, or unset MNIST_NPZ."
            )
    return Digits(*arrays, source=f"MNIST ({len(arrays[0]):,} training and {len(arrays[2]):,} test images)")


def mnist_from_keras() -> Digits:
    """Return the digits that Keras has kept or downloads; what it says on the way stands on no page."""
    from keras.datasets import mnist

    with contextlib.redirect_stdout(io.StringIO()):
        (x_train, y_train), (x_test, y_test) = mnist.load_data()
    return Digits(x_train, y_train, x_test, y_test, source="MNIST, from Keras")


def bundled_digits(reason: str) -> Digits:
    """Return scikit-learn's 1,797 digits of 8 x 8, each pixel drawn as 3 x 3 in a frame of two, so 28 x 28."""
    from sklearn.datasets import load_digits

    small = load_digits()
    large = np.kron(small.images * (255 / 16), np.ones((3, 3)))
    images = np.pad(large, ((0, 0), (2, 2), (2, 2))).round().astype(np.uint8)
    labels = small.target.astype(np.uint8)
    order = np.random.default_rng(0).permutation(len(labels))
    train, test = order[:1500], order[1500:]
    said = f"not MNIST but scikit-learn's bundled digits, 8 x 8 enlarged to 28 x 28 (MNIST was out of reach: {reason})"
    # Behind "The data on this page:" a line of so many characters fits the page.
    source = textwrap.fill(said, 58)
    return Digits(images[train], labels[train], images[test], labels[test], source)
