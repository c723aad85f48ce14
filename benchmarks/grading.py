"""Measures what safety costs: a class autograded by stock nbgrader and by the sandbox with its judge, side by side.

Run it with ``python benchmarks/grading.py [--submissions N] [--rounds R]``. Each round times both on the same class of
right, wrong and empty work, in turn, one submission after the other, with the plain ``nbgrader autograde`` and all of
its start-up; the start-up alone is measured by a run that finds nothing to do. Scores must agree. Printed are medians
and ratios, and for the bridge the time of one call of a learner's function.
"""

import argparse
import os
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from course import ROOT, Course  # noqa: E402

SLUGS = [
    ("05-chain-rule", "chain_rule"),
    ("06-layer-backward", "layer_backward"),
    ("08-loss-backward", "loss_backward"),
]
STOCK = """
import os
import sys
from pathlib import Path
from classroom.release import write_source_notebooks

c = get_config()
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
c.CourseDirectory.course_id = "stock"
c.CourseDirectory.ignore = [".ipynb_checkpoints", "*.pyc", "__pycache__", "*.md", ".*"]
"""


def make_course(folder: Path, kind: str, submissions: int) -> Course:
    """Return a course of one assignment with three notebooks, released, with a class handed in."""
    import shutil

    from classroom.release import source_notebook

    config = STOCK if kind == "stock" else STOCK + "from classroom.autograde import make_safe\nmake_safe(c)\n"
    course = Course(folder / kind, config)
    answers = {}
    for slug, name in SLUGS:
        source = source_notebook(ROOT / "solutions" / slug / f"{name}.md")
        course.write_source("three", name, source)
        cells = [cell for cell in source["cells"] if cell["metadata"]["nbgrader"]["solution"]]
        answers[name] = {cell["metadata"]["nbgrader"]["grade_id"]: cell["source"] for cell in cells}
        mistakes = ROOT / "solutions" / slug / "mistakes.py"
        if mistakes.exists() and not (course.root / "source" / "three" / "mistakes.py").exists():
            shutil.copy(mistakes, course.root / "source" / "three" / "mistakes.py")
    made = course.nbgrader("generate_assignment", "three")
    assert made.returncode == 0, made.stderr
    for number in range(submissions):
        for _, name in SLUGS:
            given = dict(answers[name])
            if number % 4 == 2:
                given = {key: text.replace("return", "return 2 *", 1) for key, text in given.items()}
            if number % 4 == 3:
                given = {}
            course.hand_in(f"s{number:03}", "three", name, course.answered("three", name, given))
    return course


def timed(course: Course, *arguments: str) -> tuple[float, float]:
    """Return wall time and CPU time of one autograde command and all that it starts, in seconds."""
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    ran = course.nbgrader("autograde", "three", *arguments, timeout=7200)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if ran.returncode:
        sys.exit(ran.stderr)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - start, cpu


def measure(submissions: int, rounds: int) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        courses = {kind: make_course(Path(folder), kind, submissions) for kind in ("stock", "safe")}
        walls: dict[str, list[float]] = {"stock": [], "safe": []}
        cpus: dict[str, list[float]] = {"stock": [], "safe": []}
        starts: dict[str, list[float]] = {"stock": [], "safe": []}
        for _ in range(rounds):
            for kind, course in courses.items():
                wall, cpu = timed(course, "--force")
                walls[kind].append(wall)
                cpus[kind].append(cpu)
                starts[kind].append(timed(course)[0])
        scores = {kind: course.scores("three") for kind, course in courses.items()}
        if scores["stock"] != scores["safe"]:
            sys.exit(f"The scores differ: {scores}")
    load = os.getloadavg()[0]
    print(f"{submissions} submissions of 3 notebooks, {rounds} rounds in turn, load {load:.1f}, equal scores")
    steady = {kind: [w - s for w, s in zip(walls[kind], starts[kind], strict=True)] for kind in walls}
    rows = (("whole command", walls), ("without its start", steady), ("CPU, whole command", cpus))
    print(f"{'seconds a submission, median':32}{'stock':>8}{'safe':>8}{'safe / stock':>14}")
    for title, table in rows:
        stock, safe = (statistics.median(table[kind]) / submissions for kind in ("stock", "safe"))
        print(f"{title:32}{stock:8.2f}{safe:8.2f}{safe / stock:14.2f}")
    measure_calls()


def measure_calls(calls: int = 2000) -> None:
    """Print the time of one call of a learner's function from the judge."""
    import numpy as np

    from classroom.channel import Channel
    from classroom.proxy import Learner
    from classroom.sandbox import MB, Sandbox, SandboxSettings

    sandbox = Sandbox(SandboxSettings())
    try:
        notebook = sandbox.open_notebook({})
        notebook.run("def backward(dZ, cache):\n    X, W = cache\n    return dZ @ W.T, X.T @ dZ, dZ.sum(axis=0)", 20.0)
        learner = Learner(Channel(notebook.snapshot()), 20.0, 64 * MB)
        backward = learner.names(["backward"])["backward"]
        rng = np.random.default_rng(0)
        dZ, cache = rng.normal(size=(5, 4)), (rng.normal(size=(5, 3)), rng.normal(size=(3, 4)))
        for _ in range(100):
            backward(dZ, cache)
        spans = []
        for _ in range(calls):
            start = time.perf_counter()
            backward(dZ, cache)
            spans.append(time.perf_counter() - start)
        print(f"one call of a learner's function: median {statistics.median(spans) * 1e3:.2f} ms of {calls}")
    finally:
        sandbox.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--submissions", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    measure(chosen.submissions, chosen.rounds)
