"""The instructor's guide names commands that exist."""

import re
import shlex
import subprocess

import pytest
from nbgrader.apps.nbgraderapp import NbGraderApp

from classroom.command import classroom


@pytest.fixture
def commands(root):
    """Return every command line that the guide shows, as words."""
    text = (root / "chapters" / "instructors-guide.md").read_text(encoding="utf-8")
    fenced = re.findall(r"^```([^\n]*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    blocks = [block for language, block in fenced if language == "bash"]
    inline = re.findall(r"`((?:nbgrader|classroom|make) [^`]+)`", text)
    return [shlex.split(line) for line in [*"".join(blocks).splitlines(), *inline] if line and "(" not in line]


def test_nbgrader_commands_exist(commands):
    used = {words[1] for words in commands if words[0] == "nbgrader"}
    assert {"autograde", "generate_feedback", "export"} <= used <= NbGraderApp.subcommands.keys()


def test_make_targets_exist(commands, root):
    makefile = (root / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([\w./-]+):", makefile, re.MULTILINE))
    used = {words[1] for words in commands if words[0] == "make"}
    assert {"release", "handout", "book"} <= used <= targets


def test_classroom_commands_exist(commands):
    used = {words[1] for words in commands if words[0] == "classroom"}
    assert used <= classroom.commands.keys()


def test_assignments_and_folders_exist(commands, root):
    slugs = {word for words in commands for word in words if re.fullmatch(r"[0-9s]\d-[a-z-]+|\d\d-[a-z-]+", word)}
    assert slugs and all((root / "solutions" / slug).is_dir() for slug in slugs)


@pytest.mark.parametrize(
    "kept",
    [
        "roster.csv",
        "grades.csv",
        "submissions.zip",
        "gradebook.db",
        "gradebook.db.before",
        ".classroom/05-chain-rule.jsonl",
        *(f"{folder}/alice/x" for folder in ("downloaded", "submitted", "autograded", "feedback", "results")),
    ],
)
def test_what_is_kept_of_a_class_is_never_committed(kept, root):
    if not (root / ".git").exists():
        pytest.skip("no git repository")
    assert subprocess.run(["git", "check-ignore", "--quiet", kept], cwd=root).returncode == 0
