"""Measures the grading of a class beside stock nbgrader, in one run: speed, memory, loops, faults, the writer.

``python benchmarks/grading.py`` prints every row; ``--parts speed writer`` some of them, and the sizes are options.
Each round times stock and ours on the same class in turn, and the scores must agree. CPU time is that of all processes
which a command starts, the sandboxes too, where root can make a control group; elsewhere sandboxes are missing in it.
"""

import argparse
import contextlib
import functools
import itertools
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil

TESTS = Path(__file__).resolve().parent.parent / "tests"
# In place of this folder, whose gradcheck.py is a benchmark and would hide the package.
sys.path[:1] = [str(TESTS), str(TESTS / "classroom")]
import postgres  # noqa: E402
from course import BIN, ROOT, Course  # noqa: E402

SLUGS = [
    ("05-chain-rule", "chain_rule"),
    ("06-layer-backward", "layer_backward"),
    ("08-loss-backward", "loss_backward"),
]
# The exercise of the large class.
SLUG, NAME = SLUGS[1]
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
LOOP = "def linear_backward(dZ, cache):\n    while True:\n        pass"
measured: dict[str, float] = {}


def row(what: str, value: str, bar: str) -> None:
    """Print one row of the table."""
    print(f"{what:58}{value:>34}   {bar}", flush=True)


def make_course(folder: Path, kind: str, submissions: int) -> Course:
    """Return a course of one assignment with three notebooks, released, with a class handed in."""
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


# --- running and timing ----------------------------------------------------------------------------------------------


@contextlib.contextmanager
def group() -> Iterator[tuple[list[str], Callable[[], float]]]:
    """Yield a prefix for a command, and a function that returns the CPU time of all that ran behind it."""
    from classroom.sandbox import hand_down_controllers

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    v1, v2 = Path("/sys/fs/cgroup/cpuacct"), Path("/sys/fs/cgroup")
    name = f"classroom-bench-{os.getpid()}-{time.monotonic_ns()}"
    folders = [v1 / name] if v1.is_dir() else [v2 / name, v2 / name / "command"]
    shell, enter = ["sh"], f"echo $$ > {folders[-1]}/cgroup.procs"
    if not v1.is_dir():
        # In version 2 the group that limits a sandbox also counts its CPU time. The command sees its own group as the
        # top one, so that it makes those of its sandboxes below it.
        hand_down_controllers()
        shell = ["unshare", "--mount", "--propagation", "private", "sh"]
        enter += f"; mount --bind {folders[0]} {v2}"
    try:
        for folder in folders:
            folder.mkdir()
    except OSError:

        def of_children() -> float:
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

        yield [], of_children
        return

    def of_group() -> float:
        if v1.is_dir():
            return int((folders[0] / "cpuacct.usage").read_text()) / 1e9
        return int((folders[0] / "cpu.stat").read_text().split()[1]) / 1e6

    try:
        yield [*shell, "-c", f'{enter}; exec "$@"', "sh"], of_group
    finally:
        for _ in range(100):
            with contextlib.suppress(OSError):
                while folders:
                    folders[-1].rmdir()
                    folders.pop()
                break
            time.sleep(0.1)


def timed(course: Course, *command: str) -> tuple[float, float, list[tuple[float, dict[str, Any]]]]:
    """Return wall time and CPU time of a command, and the events that it told with the time of each."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONWARNINGS"}
    events = []
    with group() as (prefix, cpu), tempfile.TemporaryFile("w+") as said:
        start = time.perf_counter()
        with subprocess.Popen(
            [*prefix, *command], cwd=course.root, stdout=subprocess.PIPE, stderr=said, text=True, env=environment
        ) as process:
            for line in process.stdout or ():
                if line.startswith("{"):
                    events.append((time.perf_counter() - start, json.loads(line)))
        wall = time.perf_counter() - start
        if process.returncode:
            said.seek(0)
            sys.exit(f"{' '.join(command)} failed:\n{said.read()[-3000:]}")
        return wall, cpu(), events


def grade(course: Course, assignment: str, *options: str) -> tuple[float, float, list[tuple[float, dict[str, Any]]]]:
    """Grade a class anew and return the times and the events."""
    command = [str(BIN / "classroom"), "grade", assignment, "--regrade", "--json", "--workers", str(chosen.workers)]
    return timed(course, *command, *options)


def steady(events: list[tuple[float, dict[str, Any]]]) -> float:
    """Return the seconds for a submission once all workers are at work."""
    times = [at for at, event in events if event["event"] == "graded"]
    first = 2 * chosen.workers
    return (times[-1] - times[first]) / (len(times) - 1 - first)


# --- the parts -------------------------------------------------------------------------------------------------------


def speed() -> None:
    """Print throughput, the cost of safety and CPU time beside stock nbgrader's."""
    few, many = chosen.submissions, chosen.steady
    with tempfile.TemporaryDirectory() as folder:
        stock = make_course(Path(folder), "stock", few)
        ours = {count: make_course(Path(folder) / str(count), "ours", count) for count in (few, many)}
        walls: dict[str, list[float]] = {"stock": [], "start": [], "safe": [], "ours": [], "steady": []}
        cpus: dict[str, list[float]] = {"stock": [], "few": [], "many": []}
        for _ in range(chosen.rounds):
            wall, cpu, _ = timed(stock, str(BIN / "nbgrader"), "autograde", "three", "--force")
            walls["stock"].append(wall / few)
            cpus["stock"].append(cpu / few)
            walls["start"].append(timed(stock, str(BIN / "nbgrader"), "autograde", "three")[0] / few)
            wall, _, _ = timed(ours[few], str(BIN / "nbgrader"), "autograde", "three", "--force")
            walls["safe"].append(wall / few)
            wall, cpu, _ = grade(ours[few], "three")
            walls["ours"].append(wall / few)
            cpus["few"].append(cpu)
            _, cpu, events = grade(ours[many], "three")
            walls["steady"].append(steady(events))
            cpus["many"].append(cpu)
        if stock.scores("three") != ours[few].scores("three"):
            sys.exit("The scores differ.")
    whole = statistics.median(walls["stock"])
    alone = statistics.median(s - start for s, start in zip(walls["stock"], walls["start"], strict=True))
    safe = statistics.median(walls["safe"])
    first, settled = statistics.median(walls["ours"]), statistics.median(walls["steady"])
    cpu = (statistics.median(cpus["many"]) - statistics.median(cpus["few"])) / (many - few)
    measured.update(steady=settled, cpu=cpu)
    row("stock, submissions a minute, its start counted", f"{60 / whole:.1f}", "")
    row("stock, CPU-seconds a submission", f"{statistics.median(cpus['stock']):.2f}", "")
    row("nbgrader with sandbox and judge, one by one, starts counted", f"{safe / whole:.2f} of stock", "<= 0.50")
    row(f"ours, {few} submissions, all start-up counted", f"{60 / first:.1f} a minute, {whole / first:.1f} x", ">= 6 x")
    row("ours, steady", f"{60 / settled:.1f} a minute, {alone / settled:.1f} x", ">= 10 x")
    row("CPU-seconds a submission, steady", f"{cpu:.2f}", "<= 0.8")


@functools.cache
def variants() -> list[tuple[dict[str, str], float]]:
    """Return answers to one exercise with the score that each deserves, judged in one ordinary process."""
    import test_equal_scores as equal

    from classroom.grading import WorkingFolder
    from classroom.release import source_notebook

    answers = equal.answers_of(SLUG)
    cells = source_notebook(ROOT / "solutions" / SLUG / f"{NAME}.md")["cells"]
    folder = WorkingFolder(equal.files_of(SLUG))
    try:
        judged = equal.run_together(equal.with_all_answers(cells, answers, released=False), folder.path)
    finally:
        folder.close()
    scores = {check: score for check, (score, _) in judged.items()}
    right = sum(score for check, score in scores.items() if ":" not in check)
    others = [
        ({function: text}, right - scores[f"check-{function}"] + scores[f"check-{function}: {entry}"])
        for function, texts in answers.items()
        for entry, text in texts.items()
    ]
    return [({}, right), *others]


def large_class(folder: Path, size: int, every_loop: int) -> tuple[Course, dict[str, float]]:
    """Return a course with a class of all kinds of work, one in ``every_loop`` looping, and the scores deserved."""
    course = Course.ours(folder / "course", [SLUG])
    released, alternatives = course.released(SLUG, NAME), TESTS / "exercises" / "alternatives" / f"{SLUG}.py"
    notebooks = [(course.solved(SLUG, NAME, answers), score) for answers, score in variants()]
    crash = course.solved(SLUG, NAME, {"linear-backward": "raise SystemExit('crashed')"})
    others = {"linear-backward": "def linear_backward(dZ, cache):\n    raise ValueError('no')"}
    right = notebooks[0][1]
    lost = right - 6
    kinds = itertools.cycle([*notebooks, (crash, lost), (course.solved(SLUG, NAME, others), lost), (released, 0.0)])
    loop = course.solved(SLUG, NAME, {"linear-backward": LOOP})
    expected = {}
    for number in range(size):
        learner = f"s{number:04}"
        content, score = (loop, lost) if every_loop and number % every_loop == every_loop // 2 else next(kinds)
        path = course.hand_in(learner, SLUG, NAME, content)
        if alternatives.exists():
            shutil.copy(alternatives, path.parent / "alternatives.py")
        expected[learner] = score
    return course, expected


def watch(course: Course, *command: str) -> tuple[float, list[int]]:
    """Return the wall time of a command, and the memory of its own process each second, in MB."""
    start, memory = time.perf_counter(), []
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, cwd=course.root, stdout=said, stderr=subprocess.STDOUT)
        while process.poll() is None:
            with contextlib.suppress(psutil.Error):
                memory.append(psutil.Process(process.pid).memory_info().rss // 10**6)
            time.sleep(1)
        if process.returncode:
            said.seek(0)
            sys.exit(f"{' '.join(command)} failed:\n{said.read()[-3000:]}")
    return time.perf_counter() - start, memory


def large() -> None:
    """Print how a large class fares, and the report on it."""
    with tempfile.TemporaryDirectory() as folder:
        course, expected = large_class(Path(folder), chosen.large, 200)
        command = [str(BIN / "classroom"), "grade", SLUG, "--workers", str(chosen.workers)]
        wall, memory = watch(course, *command)
        found = course.totals(SLUG)
        wrong = [learner for learner in expected if abs(found.get(learner, -1) - expected[learner]) > 1e-9]
        if wrong:
            print({learner: (found.get(learner), expected[learner]) for learner in wrong[:10]})
        half, most = max(memory[: len(memory) // 2]), max(memory)
        row(f"a class of {chosen.large}: graded without a restart", f"{len(found)} in {wall / 60:.1f} min", "all")
        row("its scores that are not as expected", str(len(wrong)), "0")
        row("coordinator's memory, first half and all", f"{half} and {most} MB", "<= 300 MB, flat")
        wall, _ = watch(course, str(BIN / "classroom"), "report", SLUG)
        pages = sorted(course.root.glob(f"reports/**/*{SLUG}*.html")) or sorted(course.root.rglob("*.html"))
        size = max((page.stat().st_size for page in pages), default=0) / 1e6
        row(f"report for {chosen.large} submissions", f"{wall:.1f} s, {size:.2f} MB", "< 20 s, < 1 MB")


def loops() -> None:
    """Print what infinite loops cost."""
    times = {}
    with tempfile.TemporaryDirectory() as folder:
        for every in (0, 20):
            course, expected = large_class(Path(folder) / str(every), chosen.loops, every)
            times[every] = grade(course, SLUG)[0]
            assert course.totals(SLUG) == expected, "the scores of a class with loops are not as expected"
    row(f"5 % of {chosen.loops} in an infinite loop, slower by", f"{times[20] / times[0]:.2f} x", "< 2 x")


def faults() -> None:
    """Print what is lost where things break in the middle."""
    command = [
        "pytest",
        str(TESTS / "classroom" / "test_grade.py"),
        "-q",
        "-k",
        "killed or disk or drops or interrupted",
    ]
    ran = subprocess.run([str(BIN / command[0]), *command[1:]], capture_output=True, text=True, cwd=ROOT, check=False)
    said = ran.stdout.strip().splitlines()[-1].strip("= ")
    if ran.returncode:
        print(ran.stdout[-3000:])
    row("kill worker, kill coordinator, full disk, lost database", said, "0 lost, 0 double, 0 wrong")


def writer() -> None:
    """Print how many submissions the one writer records in a minute, folders included."""
    from classroom.grader import Graded, Grader
    from classroom.preparation import Preparation
    from classroom.submissions import find_submissions, read_submission

    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        course = make_course(Path(folder), "ours", 1)
        preparation = Preparation(course.root, "three")
        assignment = preparation.assignment()
        learner, place = next(iter(find_submissions(preparation.coursedir, "three").items()))
        grader = Grader(assignment, folder)
        stack.callback(grader.close)
        graded = grader.grade(read_submission(learner, place, lambda folder: {}, 0))
        urls = {"SQLite": preparation.coursedir.db_url}
        if postgres.programs() is not None:
            urls["PostgreSQL"] = stack.enter_context(postgres.postgres()).url
        for kind, url in urls.items():
            preparation.coursedir.db_url = url
            if kind == "PostgreSQL":
                config = course.root / "nbgrader_config.py"
                config.write_text(config.read_text() + f"c.CourseDirectory.db_url = {url!r}\n")
                preparation.enter_into_gradebook()
            records = preparation.records(print)
            start = time.perf_counter()
            for number in range(chosen.written):
                one = Graded(f"w{number:04}", graded.digest, graded.notebooks)
                entry, new = preparation.write_beside(one, place)
                preparation.remove_graded(one.learner)
                records.write([entry])
                preparation.put_in_place(one.learner, new)
            spent = (time.perf_counter() - start) / chosen.written
            records.close()
            measured.setdefault("writer", spent)
            row(f"the writer on {kind}, submissions a minute", f"{60 / spent:.0f}", ">= 600")


def model() -> None:
    """Print what 100,000 submissions need, from the costs measured above."""
    if not {"cpu", "writer"} <= measured.keys():
        print("The model needs the parts speed and writer.")
        return
    count, work, write = 100_000, max(measured["cpu"], measured["steady"] * chosen.workers), measured["writer"]
    print(f"\n{count:,} submissions: {work:.2f} s of one worker and {1e3 * write:.0f} ms of the writer for each")
    for workers in (2, 10, 50, 200):
        hours = count * max(work / workers, write) / 3600
        bottleneck = "the workers" if work / workers > write else "the writer"
        print(f"  {workers:4} workers: {hours:6.1f} h, held up by {bottleneck}")
    print(
        f"  from {work / write:.0f} workers on it is the writer: {count * write / 3600:.1f} h for as many submissions"
    )


def calls(count: int = 2000) -> None:
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
        for _ in range(count):
            start = time.perf_counter()
            backward(dZ, cache)
            spans.append(time.perf_counter() - start)
        row(f"one call of a learner's function, median of {count}", f"{statistics.median(spans) * 1e3:.2f} ms", "")
    finally:
        sandbox.close()


PARTS = {part.__name__: part for part in (speed, calls, large, loops, faults, writer, model)}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--submissions", type=int, default=16, help="of the class that stock nbgrader grades too")
    parser.add_argument("--steady", type=int, default=48, help="submissions of the class that is timed without start")
    parser.add_argument("--large", type=int, default=1000, help="submissions of the large class")
    parser.add_argument("--loops", type=int, default=100, help="submissions of the class with loops")
    parser.add_argument("--written", type=int, default=300, help="submissions that the writer records")
    chosen = parser.parse_args()
    print(
        f"{chosen.rounds} rounds, {chosen.workers} workers, {psutil.cpu_count()} processors, "
        f"load {os.getloadavg()[0]:.1f}"
    )
    for part in chosen.parts:
        PARTS[part]()
