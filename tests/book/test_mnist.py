"""The loader of chapter 12: a named file is used or refused in words; the stand-in is honest."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="module")
def mnist(root: Path):
    """Return the chapters' module ``mnist``."""
    spec = importlib.util.spec_from_file_location("mnist", root / "chapters/mnist.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def digits(number: int, **other) -> dict[str, np.ndarray]:
    """Return arrays like those of Keras' file, some replaced or left out (None)."""
    rng = np.random.default_rng(0)
    arrays = {}
    for part in ("train", "test"):
        arrays[f"x_{part}"] = rng.integers(0, 256, size=(number, 28, 28), dtype=np.uint8)
        arrays[f"y_{part}"] = rng.integers(0, 10, size=number, dtype=np.uint8)
    return {key: array for key, array in (arrays | other).items() if array is not None}


def test_named_file_is_used(mnist, tmp_path, monkeypatch):
    file = tmp_path / "digits.npz"
    np.savez(file, **digits(3))
    monkeypatch.setenv("MNIST_NPZ", str(file))
    loaded = mnist.load_mnist()
    assert loaded.x_train.shape == (3, 28, 28)
    assert loaded.source == "MNIST (3 training and 3 test images)"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(None, id="missing"),
        pytest.param(b"", id="empty"),
        pytest.param(b"not an archive", id="not an archive"),
        pytest.param(b"PK\x03\x04" + b"\0" * 40, id="truncated archive"),
        pytest.param(digits(3, y_test=None), id="key missing"),
        pytest.param(digits(3, x_train=np.zeros((3, 8, 8), np.uint8)), id="wrong shape"),
        pytest.param(digits(3, x_train=np.zeros((3, 28, 28))), id="wrong dtype"),
        pytest.param(digits(3, y_train=np.zeros(2, np.uint8)), id="labels missing"),
        pytest.param(digits(0), id="no image"),
        pytest.param(digits(3, y_test=np.array([None] * 3)), id="objects"),
    ],
)
def test_named_file_that_is_no_mnist_is_refused_by_name_and_keys(mnist, tmp_path, monkeypatch, content):
    file = tmp_path / "digits.npz"
    if isinstance(content, dict):
        np.savez(file, **content)
    elif content is not None:
        file.write_bytes(content)
    monkeypatch.setenv("MNIST_NPZ", str(file))
    with pytest.raises(ValueError) as refusal:
        mnist.load_mnist()
    for word in (str(file), "x_train", "y_train", "x_test", "y_test", "unset MNIST_NPZ"):
        assert word in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_stand_in_says_what_it_is_and_has_the_shape_of_mnist(mnist, monkeypatch):
    monkeypatch.delenv("MNIST_NPZ", raising=False)

    def out_of_reach():
        raise OSError("no network")

    monkeypatch.setattr(mnist, "mnist_from_keras", out_of_reach)
    loaded = mnist.load_mnist()
    assert "not MNIST" in loaded.source and "no network" in " ".join(loaded.source.split())
    assert max(map(len, loaded.source.splitlines())) <= 58
    assert loaded.x_train.shape == (1500, 28, 28) and loaded.x_train.dtype == np.uint8
    assert loaded.x_test.shape == (297, 28, 28) and set(loaded.y_test) == set(range(10))
    assert loaded.x_train.max() > 200


def test_what_keras_prints_before_a_download_stands_on_no_page(mnist, monkeypatch, capsys):
    keras_mnist = pytest.importorskip("keras.datasets.mnist")
    monkeypatch.delenv("MNIST_NPZ", raising=False)

    def out_of_reach():
        print("Downloading data from an address that is wider than a page")
        raise OSError("no network")

    monkeypatch.setattr(keras_mnist, "load_data", out_of_reach)
    assert "not MNIST" in mnist.load_mnist().source
    assert capsys.readouterr().out == ""
