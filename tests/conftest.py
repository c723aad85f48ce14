"""Where things are, for every test."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the folder of the project."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def requires_program() -> Callable[[str], str]:
    """Return a function that returns a system program's path, skips where it is missing, and fails so in CI."""

    def find(name: str) -> str:
        path = shutil.which(name)
        if path is None:
            said = f"{name} is not installed: see requirements/debian.txt"
            if os.environ.get("CI") == "true":
                pytest.fail(said)
            pytest.skip(said)
        return path

    return find
