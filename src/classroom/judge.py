"""The trusted side: a fork server that runs a notebook's locked cells, its checks above all, outside of the sandbox.

Each notebook is judged in a process of its own, forked from a prepared one. The instructor's cells run there in
order; where the notebook has functions of the learner's, stand-ins call them in a snapshot of the learner's process.
"""

import contextlib
import gc
import json
import math
import os
import re
import resource
import socket
import sys
from collections.abc import Iterator
from typing import Any

from classroom.cells import CellShell, new_shell, plain_text, run_cell, warm_up
from classroom.channel import Channel, Gone, Silent
from classroom.proxy import Learner, LearnerGone, ProcessEnded


def judge(shell: CellShell, job: dict[str, Any], ends: list[socket.socket]) -> Iterator[dict[str, Any]]:
    """Yield what each step of a job gave: its outputs, whether it ran to its end, and what was amiss with the learner.

    ``met`` tells whether the learner's process was there when the step began, ``ended`` whether it has ended since,
    ``did`` what there is to tell an instructor of it.

    A step is a cell of the instructor's. ``snapshot`` is the place in ``ends`` of the learner's process as it was
    then, and the number of that state, ``names`` what may come from there, each with what to say where it was not
    defined, ``imports`` statements of the instructor's to run before it.
    """
    # What a check is given may be large, and what it makes of that larger: the grader's machine is not to suffer.
    for name, limit in job["limits"].items():
        resource.setrlimit(getattr(resource, name), (limit, limit))
    os.chdir(job["folder"])
    sys.path.insert(0, job["folder"])
    learners = [Learner(Channel(end, job["max_bytes"]), job["call_seconds"], job["max_bytes"]) for end in ends]
    shell.user_ns["__name__"] = "__main__"
    given: dict[str, Any] = {}
    at = None
    for step in job["steps"]:
        if step["snapshot"] is not None and step["snapshot"] != at:
            at = step["snapshot"]
            for statement in step["imports"]:
                with contextlib.suppress(Exception):
                    exec(compile(statement, "<import>", "exec"), shell.user_ns)  # the instructor's own text
            take_names(shell, learners[at[0]], step, given)
        met = at is None or learners[at[0]].gone is None
        result, outputs = run_cell(shell, step["source"], step["seconds"])
        failed = result is None or not result.success
        gone = learners[at[0]].gone if at is not None else None
        if step["check"]:
            outputs = check_outputs(step, result, outputs, failed, gone)
        yield {
            "index": step["index"],
            "outputs": outputs,
            "failed": failed,
            "amiss": None if gone is None else str(gone),
            "met": met,
            "ended": isinstance(gone, ProcessEnded),
            "did": "" if gone is None else gone.did,
        }
        # A traceback keeps the values of its frames, large ones too.
        sys.last_type = sys.last_value = sys.last_traceback = result = None


def take_names(shell: CellShell, learner: Learner, step: dict[str, Any], given: dict[str, Any]) -> None:
    """Put the learner's functions and values into the judge's notebook; none where the learner's process is gone.

    A name that the instructor's cells have bound since stays theirs, unless a later solution cell is to bind it.
    """
    names = [
        name
        for name in step["names"]
        if name in step["fresh"] or name not in shell.user_ns or shell.user_ns[name] is given.get(name, shell)
    ]
    for name in names:
        if name in given or name in step["fresh"]:
            shell.user_ns.pop(name, None)
    try:
        found = learner.names(names, step["classes"])
    except LearnerGone:
        return
    for name, value in found.items():
        shell.user_ns[name] = given[name] = value


def check_outputs(
    step: dict[str, Any],
    result: Any,
    outputs: list[dict[str, Any]],
    failed: bool,
    gone: LearnerGone | None = None,
) -> list[dict[str, Any]]:
    """Return a check's outputs such that nbgrader reads the score that the check gave, and 0 where it gave none.

    What a check prints to stderr is no failure. A traceback would show the source of hidden checks: of an error only
    its kind, its message and a line that the released notebook shows as well are kept. ``gone`` says why the learner's
    process is gone, where it is: then that is why a name did not come.
    """
    kept = []
    for output in outputs:
        if output["output_type"] == "stream":
            kept.append({**output, "name": "stdout", "text": plain_text(output["text"])})
        elif output["output_type"] == "display_data":
            kept.append(output)
    if failed:
        error = None if result is None else result.error_in_exec or result.error_before_exec
        late = [output for output in outputs if output["output_type"] == "error" and output["ename"] == "TimeLimit"]
        if error is None and late:
            return [*kept, failure("TimeLimit", "This check did not finish in time.", "")]
        if gone is not None and isinstance(error, NameError) and error.name in step["names"]:
            return [*kept, failure(type(gone).__name__, str(gone), "")]
        return [*kept, describe_failure(step, error)]
    value = result.result
    if value is None:
        return kept
    number = as_number(value)
    if number is None:
        return [*kept, value_output(plain_text(repr(value), 2000))]
    points = step["points"]
    if not (0 <= number <= points + 1e-9):
        text = f"This check gave {number:g} of {points:g} points, which cannot be; it counts 0."
        return [*kept, failure("WrongScore", text, "")]
    return [*kept, value_output(repr(min(number, points)))]


def as_number(value: Any) -> float | None:
    """Return the score in a check's last value: numbers as they are, False as 0, None for what is no number."""
    if isinstance(value, bool):
        return None if value else 0.0
    try:
        import numpy as np

        if isinstance(value, np.bool_):
            return None if value else 0.0
        if isinstance(value, int | float | np.number) or (isinstance(value, np.ndarray) and value.ndim == 0):
            return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan
    return None


def value_output(text: str) -> dict[str, Any]:
    """Return the output of a cell's last value."""
    return {"output_type": "execute_result", "data": {"text/plain": text}, "metadata": {}, "execution_count": None}


def failure(name: str, text: str, line: str) -> dict[str, Any]:
    """Return an error output without a traceback."""
    # A line such as "*[" says nothing.
    lines = [f"in the line:  {line}"] if re.search(r"\w", line) else []
    return {"output_type": "error", "ename": name, "evalue": text, "traceback": [*lines, f"{name}: {text}"]}


def describe_failure(step: dict[str, Any], error: BaseException | None) -> dict[str, Any]:
    """Return the error output of a check that raised."""
    if isinstance(error, NameError) and error.name in step["names"]:
        return failure("NotDefined", step["names"][error.name], "")
    name = type(error).__name__ if error is not None else "Error"
    text = plain_text(error, 2000) if error is not None else ""
    line, trace = "", error.__traceback__ if error is not None else None
    while trace is not None:
        if trace.tb_frame.f_code.co_name == "<module>":
            lines = step["source"].split("\n")
            if 1 <= trace.tb_lineno <= len(lines):
                line = lines[trace.tb_lineno - 1].strip()
        trace = trace.tb_next
    if line not in step["shown"]:
        # What a hidden line compares stands in the further lines of such messages as NumPy's.
        line, text = "", text.strip().partition("\n")[0]
    if isinstance(error, SyntaxError):
        text = str(error.msg)
    if isinstance(error, MemoryError):
        text = "this check needed more memory than it may use; is a result far larger than expected?"
    if not text and isinstance(error, AssertionError):
        text = "what is claimed here does not hold" if line else "a hidden check does not hold"
    return failure(name, text, line)


def serve_job(shell: CellShell, found: list[int]) -> None:
    """Judge one notebook and send the result of each step when it is done."""
    job_end, *ends = [socket.socket(fileno=number) for number in found]
    channel = Channel(job_end)
    job, _ = channel.receive()
    for step, result in zip(job["steps"], judge(shell, job, ends), strict=True):
        channel.send(result)
        if step["wait"]:
            # The grader looks for what the learner's functions did to the sandbox, before others are called.
            channel.receive()


def prepare(shell: CellShell, found: list[int]) -> None:
    """Read and compile the cells that come along, once for all notebooks that have them."""
    channel = Channel(socket.socket(fileno=found[0]))
    with contextlib.suppress(Gone, Silent), contextlib.closing(channel):
        for source in channel.receive(60.0)[0]:
            shell.prepare(source)


def main() -> None:
    """Serve the control socket whose number stands in the first argument."""
    control = socket.socket(fileno=int(sys.argv[1]))
    shell = new_shell()
    with contextlib.suppress(ImportError):
        # NumPy itself loads its masked arrays where np.median or np.unique is first used, in most checks.
        import numpy.ma  # noqa: F401
    with contextlib.suppress(ImportError):
        import gradcheck  # noqa: F401
    warm_up(shell)
    # A judge ends after one notebook, which seldom leaves that much garbage.
    gc.set_threshold(10_000)
    control.send(b'{"ready": true}')
    while True:
        text, found, _, _ = socket.recv_fds(control, 65536, 253)
        if not text:
            return
        if json.loads(text)["do"] == "prepare":
            prepare(shell, found)
            continue
        # Only here, so that the number of a judge at work stays its own until the next one is asked for.
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        pid = os.fork()
        if pid == 0:
            try:
                control.close()
                serve_job(shell, found)
            finally:
                os._exit(0)
        for number in found:
            os.close(number)
        control.send(json.dumps({"pid": pid}).encode())


if __name__ == "__main__":
    # A run may end before its judge is ready.
    with contextlib.suppress(ConnectionError):
        main()
