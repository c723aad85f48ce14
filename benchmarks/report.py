"""Measures the report on a large class: its time, and the size of its page.

Run it with ``python benchmarks/report.py [--learners 1000] [--rounds 3]``. The class is made up from the typical wrong
answers of an exercise: each answer is judged once by the real checks, and each learner gets a mixture, with a gradebook
and an autograded notebook of its own. Timed is the whole command, its start-up included; printed are medians of the
time on the clock and of the processor's time, which a busy machine changes less.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from course import BIN  # noqa: E402
from graded_class import make_class  # noqa: E402

SLUG, NAME = "06-layer-backward", "layer_backward"


def processor_time() -> float:
    """Return the processor's time of all commands that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Print the median time of the command and the size of the page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--learners", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        course = make_class(Path(folder), SLUG, NAME, given.learners, absent=given.learners // 20)
        seconds, cpu = [], []
        for _ in range(given.rounds):
            before, started = processor_time(), time.perf_counter()
            subprocess.run([BIN / "classroom", "report", SLUG], cwd=course.root, check=True, stdout=subprocess.DEVNULL)
            seconds.append(time.perf_counter() - started)
            cpu.append(processor_time() - before)
        size = (course.root / "results" / SLUG / "report.html").stat().st_size
    clock, processor = statistics.median(seconds), statistics.median(cpu)
    print(f"report on {given.learners:,} learners: {clock:.1f} s ({processor:.1f} CPU-s), page {size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
