"""A course in a temporary folder, graded by the plain nbgrader commands, and notebooks to hand in there."""

import contextlib
import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from nbgrader.api import Gradebook

from classroom.release import source_notebook

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
CONFIG = """
from classroom.autograde import make_safe

c = get_config()
c.CourseDirectory.course_id = "another-course"
make_safe(c)
"""


def code(grade_id: str | None, source: str, **about) -> dict:
    """Return a code cell with nbgrader's metadata, or a plain one."""
    metadata = {}
    if grade_id:
        metadata["nbgrader"] = {
            "grade": False, "locked": True, "schema_version": 3, "solution": False, "task": False,
            "grade_id": grade_id, **about,
        }  # fmt: skip
        if about.get("solution"):
            metadata["nbgrader"]["locked"] = False
    cell = {"cell_type": "code", "metadata": metadata, "source": source, "outputs": [], "execution_count": None}
    return {**cell, "id": grade_id or f"plain-{abs(hash(source)) % 10**8}"}


def markdown(source: str, **more) -> dict:
    """Return a Markdown cell that nbgrader does not know."""
    return {"cell_type": "markdown", "metadata": {}, "source": source, "id": f"text-{abs(hash(source)) % 10**8}"} | more


def notebook(*cells: dict) -> dict:
    """Return a notebook of these cells."""
    kernelspec = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {"cells": list(cells), "metadata": {"kernelspec": kernelspec}, "nbformat": 4, "nbformat_minor": 5}


def grade_id(cell: dict) -> str | None:
    """Return a cell's grade_id."""
    return cell["metadata"].get("nbgrader", {}).get("grade_id")


class Course:
    """A course folder and what its instructor does with it."""

    def __init__(self, root: Path, config: str = CONFIG) -> None:
        self.root, self.pids = root, []
        root.mkdir(parents=True, exist_ok=True)
        (root / "nbgrader_config.py").write_text(config, encoding="utf-8")

    @classmethod
    def ours(cls, root: Path, slugs: list[str], extra: str = "") -> "Course":
        """Return a copy of this project's course with some of its exercises."""
        course = cls(root, (ROOT / "nbgrader_config.py").read_text(encoding="utf-8") + extra)
        for slug in slugs:
            for part in ("solutions", "exercises"):
                ignore = shutil.ignore_patterns("*.ipynb" if part == "solutions" else "", "__pycache__")
                shutil.copytree(ROOT / part / slug, root / part / slug, ignore=ignore)
        return course

    def nbgrader(
        self, *arguments: str, cwd: Path | None = None, timeout: float = 2700, **more: str
    ) -> subprocess.CompletedProcess:
        """Run an nbgrader command in the course's folder; ``more`` is for its environment."""
        scratch = self.root.parent / "scratch"
        scratch.mkdir(exist_ok=True)
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONWARNINGS"}
        process = subprocess.Popen(
            [str(BIN / "nbgrader"), *arguments],
            cwd=cwd or self.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment | {"TMPDIR": str(scratch)} | more,
        )
        self.pids.append(process.pid)
        try:
            out, error = process.communicate(timeout=timeout)
        except BaseException:
            process.kill()
            process.communicate()
            raise
        return subprocess.CompletedProcess(arguments, process.returncode, out, error)

    def left_behind(self) -> set[str]:
        """Return what this course's commands left on the machine: processes, cgroups, temporary files."""
        scratch = self.root.parent / "scratch"
        found = {str(path) for path in scratch.rglob("*")}
        for pid in self.pids:
            found |= {str(path) for path in Path("/tmp").glob(f"classroom-view-{pid}-*")}
            for top in ("memory", "pids", "."):
                found |= {str(path) for path in Path("/sys/fs/cgroup", top).glob(f"classroom-{pid}-*")}
        for process in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                groups = (process / "cgroup").read_text() if process.name.isdigit() else ""
                environment = (process / "environ").read_bytes() if groups else b""
                command = (process / "cmdline").read_bytes() if groups else b""
                marks = [str(scratch).encode() in environment + command]
                if any(marks) or any(f"classroom-{pid}-" in groups for pid in self.pids):
                    found.add(f"process {process.name}: {command[:100]!r}")
        return found

    def write_source(self, assignment: str, name: str, content: dict) -> None:
        """Write a source notebook."""
        path = self.root / "source" / assignment / f"{name}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content), encoding="utf-8")

    def released(self, assignment: str, name: str) -> dict:
        """Return a released notebook."""
        for folder in ("release", "exercises"):
            path = self.root / folder / assignment / f"{name}.ipynb"
            if path.exists():
                return json.loads(path.read_text(encoding="utf-8"))
        raise FileNotFoundError(name)

    def hand_in(self, student: str, assignment: str, name: str, content: dict | str | bytes) -> Path:
        """Write a learner's notebook and return its path."""
        path = self.root / "submitted" / student / assignment / f"{name}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, dict):
            content = json.dumps(content)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def answered(self, assignment: str, name: str, answers: dict[str, str], added: str | None = None) -> dict:
        """Return the released notebook with answers in solution cells by grade_id; ``added`` is a cell at the top."""
        content = self.released(assignment, name)
        for cell in content["cells"]:
            if grade_id(cell) in answers:
                cell["source"] = answers[grade_id(cell)]
        if added is not None:
            content["cells"].insert(0, code(None, added))
        return content

    def solved(self, slug: str, name: str, answers: dict[str, str] | None = None) -> dict:
        """Return the notebook of one of our exercises with the right answers, but for those given."""
        source = source_notebook(ROOT / "solutions" / slug / f"{name}.md")
        right = {grade_id(cell): cell["source"] for cell in source["cells"] if cell["metadata"]["nbgrader"]["solution"]}
        return self.answered(slug, name, right | (answers or {}))

    def scores(self, assignment: str) -> dict[str, dict[str, float]]:
        """Return each learner's automatic score of each check, as the gradebook has it, None where there is none."""
        found: dict[str, dict[str, float]] = {}
        with Gradebook(f"sqlite:///{self.root / 'gradebook.db'}") as gradebook:
            for submission in gradebook.assignment_submissions(assignment):
                table = found.setdefault(submission.student.id, {})
                for part in submission.notebooks:
                    for grade in part.grades:
                        table[grade.name] = grade.auto_score
        return found

    def totals(self, assignment: str) -> dict[str, float]:
        """Return each learner's sum of automatic scores."""
        return {name: sum(s or 0 for s in table.values()) for name, table in self.scores(assignment).items()}

    def autograded(self, student: str, assignment: str, name: str) -> dict:
        """Return an autograded notebook."""
        path = self.root / "autograded" / student / assignment / f"{name}.ipynb"
        return json.loads(path.read_text(encoding="utf-8"))

    def shown(self, student: str, assignment: str, name: str) -> str:
        """Return all outputs of an autograded notebook as text."""
        cells = self.autograded(student, assignment, name)["cells"]
        return json.dumps([cell.get("outputs", []) for cell in cells], ensure_ascii=False)

    def feedback(self, student: str, assignment: str, name: str) -> str:
        """Return a feedback page."""
        return (self.root / "feedback" / student / assignment / f"{name}.html").read_text(encoding="utf-8")

    def exported(self) -> list[dict[str, str]]:
        """Return the rows of ``nbgrader export``."""
        ran = self.nbgrader("export")
        assert ran.returncode == 0, ran.stderr
        with open(self.root / "grades.csv", encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))
