"""Judged outside of the sandbox or in the learner's own notebook: honest work gets the same points and findings.

The stock scores come from the same code and the same checks run together in one shell, as nbgrader's kernel does.
"""

import importlib.util
import json
import sys
from pathlib import Path

import pytest
from course import Course

from classroom.release import source_texts

ROOT = Path(__file__).resolve().parent.parent.parent
TEXTS = [text for text in source_texts(ROOT / "solutions")]
EXTRA = "\nc.SandboxSettings.call_seconds = 30\nc.SandboxSettings.check_seconds = 300\n"


def table(path: Path, name: str) -> dict[str, dict]:
    """Return the dict ``name`` of the module at ``path``, empty where there is none."""
    if not path.exists():
        return {}
    spec = importlib.util.spec_from_file_location("answers", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, name, {})
