"""How a run tells what it does: a bar on a terminal, plain lines in a log, JSON for programs."""

import json
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

LINE_SECONDS = 10.0


class Lines:
    """Tells a run in plain lines: one each ten seconds, and one for whatever is amiss."""

    def __init__(self, out: TextIO = sys.stderr) -> None:
        self.out, self.total, self.done, self.told = out, 0, 0, 0.0
        self.times: deque[float] = deque(maxlen=200)

    def begin(self, assignment: str, total: int, skipped: int, workers: int) -> None:
        """Tell that a run begins."""
        self.total, self.told = total, time.monotonic()
        self.times.append(self.told)
        graded = f", {skipped} graded before" if skipped else ""
        self.line(f"{assignment}: {total} to grade{graded}, {workers} worker{'s' if workers != 1 else ''}")

    def graded(self, learner: str, score: float, most: float, seconds: float) -> None:
        """Tell of a submission that was graded."""
        self.count()

    def refused(self, learner: str, why: str) -> None:
        """Tell of one that could not be graded."""
        self.line(f"Not graded: {learner}: {why}")
        self.count()

    def remark(self, learner: str, text: str) -> None:
        """Tell what an instructor may want to know of a submission."""
        self.line(f"{learner}: {text}")

    def note(self, text: str) -> None:
        """Tell something of the run."""
        self.line(text)

    def end(self, graded: int, refused: int, changes: list[tuple[str, float | None, float]] | None) -> None:
        """Tell the end of a run; ``changes`` are the scores before and after that a regrade has changed."""
        self.line(f"{graded} graded" + (f", {refused} not graded" if refused else ""))
        for learner, before, after in changes or []:
            self.line(f"{learner}: {'none' if before is None else f'{before:g}'} before, {after:g} after")
        if changes is not None:
            said = "1 score has changed" if len(changes) == 1 else f"{len(changes)} scores have changed"
            self.line(said if changes else "No score has changed")

    def count(self) -> None:
        """Count one submission, and say how far it is where nothing was said for a while."""
        now = time.monotonic()
        self.times.append(now)
        self.done += 1
        if now - self.told >= LINE_SECONDS:
            self.told = now
            self.line(f"{self.done} of {self.total}, {60 * self.rate():.0f} a minute, {duration(self.left())} left")

    def rate(self) -> float:
        """Return how many submissions were graded in a second, of late."""
        span = self.times[-1] - self.times[0]
        return (len(self.times) - 1) / span if span > 0 else 0.0

    def left(self) -> float:
        """Return the seconds that are left at this rate."""
        return (self.total - self.done) / self.rate() if self.rate() else 0.0

    def line(self, text: str) -> None:
        """Write one line."""
        print(text, file=self.out, flush=True)


class Json(Lines):
    """Tells a run as JSON, one object a line."""

    def begin(self, assignment: str, total: int, skipped: int, workers: int) -> None:
        """Tell that a run begins."""
        self.total = total
        self.times.append(time.monotonic())
        self.event("begin", assignment=assignment, total=total, graded_before=skipped, workers=workers)

    def graded(self, learner: str, score: float, most: float, seconds: float) -> None:
        """Tell of a submission that was graded."""
        self.count()
        self.event(
            "graded", learner=learner, score=score, max_score=most, seconds=round(seconds, 3), done=self.done,
            total=self.total, per_minute=round(60 * self.rate(), 1), seconds_left=round(self.left(), 1),
        )  # fmt: skip

    def refused(self, learner: str, why: str) -> None:
        """Tell of one that could not be graded."""
        self.count()
        self.event("refused", learner=learner, why=why, done=self.done, total=self.total)

    def remark(self, learner: str, text: str) -> None:
        """Tell what an instructor may want to know of a submission."""
        self.event("remark", learner=learner, text=text)

    def note(self, text: str) -> None:
        """Tell something of the run."""
        self.event("note", text=text)

    def end(self, graded: int, refused: int, changes: list[tuple[str, float | None, float]] | None) -> None:
        """Tell the end of a run."""
        pairs = None if changes is None else [{"learner": n, "before": b, "after": a} for n, b, a in changes]
        self.event("end", graded=graded, refused=refused, changes=pairs)

    def count(self) -> None:
        """Count one submission."""
        self.times.append(time.monotonic())
        self.done += 1

    def event(self, kind: str, **about: Any) -> None:
        """Write one event."""
        print(json.dumps({"event": kind} | about), file=self.out, flush=True)


class Bar(Lines):
    """Tells a run on a terminal, with a bar that moves."""

    def __init__(self, progress: Any) -> None:
        super().__init__()
        self.progress, self.task = progress, None

    def begin(self, assignment: str, total: int, skipped: int, workers: int) -> None:
        """Tell that a run begins."""
        super().begin(assignment, total, skipped, workers)
        self.task = self.progress.add_task(assignment, total=total, rate="")

    def count(self) -> None:
        """Count one submission."""
        self.times.append(time.monotonic())
        self.done += 1
        if self.task is not None:
            self.progress.update(self.task, advance=1, rate=f"{60 * self.rate():.0f} a minute")

    def line(self, text: str) -> None:
        """Write one line above the bar."""
        self.progress.console.print(text, markup=False, highlight=False, soft_wrap=True)


def duration(seconds: float) -> str:
    """Return a time in words."""
    minutes = round(seconds / 60)
    return f"{seconds:.0f} s" if seconds < 100 else f"{minutes} min" if minutes < 100 else f"{seconds / 3600:.1f} h"


@contextmanager
def telling(*, as_json: bool) -> Iterator[Lines]:
    """Yield what tells a run in the way that fits: JSON where asked for, a bar on a terminal, lines elsewhere."""
    if as_json:
        yield Json(sys.stdout)
    elif sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
        )  # fmt: skip
        with Progress(*columns, console=Console(stderr=True), speed_estimate_period=60) as progress:
            yield Bar(progress)
    else:
        yield Lines()
