"""What runs inside a learner's sandbox: a fork server, a process for each notebook, snapshots of it for the checks.

Nothing here is trusted by the judge. A learner's code shares the process with it and may do to it what it likes;
what leaves is checked on the other side.
"""

import contextlib
import ctypes
import importlib
import inspect
import io
import json
import linecache
import os
import resource
import shutil
import signal
import socket
import stat
import sys
import traceback
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from classroom.cells import (
    CellShell,
    TimeLimit,
    harmless,
    new_shell,
    plain_text,
    run_cell,
    safe_str,
    time_limit,
    warm_up,
)
from classroom.channel import Channel, Gone
from classroom.crossing import CannotCross, Reader, Writer

PR_SET_DUMPABLE = 4
FOLDERS = ("/notebook", "/tmp", "/dev/shm")
# The folder of this package and of what is installed beside it: no learner's code lies there.
INSTALLED = str(Path(__file__).parents[1])


class RefusedImports:
    """Says why a library is not there."""

    def __init__(self, names: list[str]) -> None:
        self.names = set(names)

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        """Raise ImportError for a refused library."""
        __tracebackhide__ = True
        if name.partition(".")[0] in self.names:
            raise ImportError(
                f"{name} is not available while your work is graded: the gradients are to be derived by hand, not by "
                "a library that differentiates."
            )


class Notebook:
    """Serves one notebook: runs its cells, and answers calls of its functions."""

    def __init__(self, shell: CellShell, end: socket.socket, max_bytes: int) -> None:
        self.shell, self.max_bytes = shell, max_bytes
        self.channel = Channel(end)
        self.objects: list[Any] = []
        self.numbers: dict[int, int] = {}
        # What the judge lent for the call that runs, innermost last.
        self.lent: list[list[Any]] = []

    def serve(self) -> None:
        """Answer requests until the other side closes its end."""
        while True:
            header, blob = self.channel.receive()
            self.answer(header, blob)

    def answer(self, header: Any, blob: bytearray) -> None:
        """Do what one request asks, and reply."""
        if header["do"] == "snapshot":
            # The socket comes after the reply, so that it is not read away with the request.
            self.channel.send({"reply": header["number"]})
            self.snapshot()
            return
        answers = {"run": self.run, "names": self.names, "apply": self.apply}
        reply, data = answers[header["do"]](header, blob)
        self.channel.send({"reply": header["number"], **reply}, data)

    def run(self, header: Any, blob: bytearray) -> tuple[Any, bytes]:
        """Run a cell."""
        _, outputs = run_cell(self.shell, header["source"], header["seconds"])
        return {"outputs": harmless(outputs)}, b""

    def snapshot(self) -> None:
        """Fork a process that keeps this moment, and serves the socket that comes along."""
        end = receive_socket(self.channel.end)
        if os.fork() == 0:
            self.channel.close()
            self.channel = Channel(end)
            serve_and_end(self)
        end.close()

    def names(self, header: Any, blob: bytearray) -> tuple[Any, bytes]:
        """Return what stands behind names of the notebook."""
        writer = Writer(self.handle, self.max_bytes)
        found: dict[str, Any] = {}
        for name in header["names"]:
            if name in self.shell.user_ns:
                found[name] = self.write_or_handle(writer, self.shell.user_ns[name])
        return {"found": found}, bytes(writer.blob)

    def write_or_handle(self, writer: Writer, value: Any) -> Any:
        try:
            return writer.write(value)
        except CannotCross:
            return self.handle(value)

    def handle(self, value: Any) -> Any:
        """Return what stands for an object that cannot cross by value."""
        for lent in self.lent[-1:]:
            for place, stub in enumerate(lent):
                if stub is value:
                    return ["F", place]
        return ["h", self.number(value), about(value)]

    def number(self, value: Any) -> int:
        """Return the number by which the judge knows an object."""
        if id(value) not in self.numbers:
            self.numbers[id(value)] = len(self.objects)
            self.objects.append(value)
        return self.numbers[id(value)]

    def apply(self, header: Any, blob: bytearray) -> tuple[Any, bytes]:
        """Call a function, or read, write or compute with an object, and return also what became of the arguments."""
        lent: list[Any] = []

        def stand_for(tag: str, rest: list[Any]) -> Any:
            if tag == "h":
                return self.objects[rest[0]]
            lent.append(self.callback(rest[0], rest[1]))
            return lent[-1]

        reader = Reader(blob, stand_for)
        printed = io.StringIO()
        given = header["args"]
        args = reader.read(given)
        self.lent.append(lent)
        try:
            with (
                contextlib.redirect_stdout(printed),
                contextlib.redirect_stderr(printed),
                warnings.catch_warnings(record=True) as warned,
                # NumPy is to treat floating-point errors as it does where the judge calls.
                np.errstate(**(header.get("errors") or {})),
            ):
                warnings.simplefilter("always")
                try:
                    with time_limit(header["seconds"], header["what"]):
                        result = perform(header["operation"], args)
                    trouble = None
                except Gone:
                    raise
                except BaseException as error:
                    trouble = describe(error)
            known = {id(value): place for place, value in enumerate(reader.kept)}
            writer = Writer(self.handle, self.max_bytes, known)
            reply: dict[str, Any] = {"printed": printed.getvalue()[:20_000], "warned": describe_warnings(warned)}
            if trouble is not None:
                reply["error"] = trouble
            else:
                try:
                    reply["result"] = writer.write(result)
                except CannotCross as problem:
                    writer = Writer(self.handle, self.max_bytes, known)
                    reply["error"] = {"type": "TypeError", "bases": ["TypeError"], "text": f"The result: {problem}."}
            self.add_changes(reply, writer, given, args, blob)
        finally:
            self.lent.pop()
        return reply, bytes(writer.blob)

    def add_changes(self, reply: Any, writer: Writer, given: Any, args: Any, blob: bytearray) -> None:
        """Put the arguments as they are now into the reply, if the call has changed them."""
        fresh = Writer(self.handle_again, self.max_bytes)
        try:
            now = fresh.write(args)
        except (CannotCross, RecursionError):
            return
        # As text, so that NaN equals NaN, and 1 is not 1.0.
        if fresh.blob != blob or repr(now) != repr(given):
            place = len(writer.blob)
            writer.blob += fresh.blob
            reply["args"], reply["args_at"] = now, place

    def handle_again(self, value: Any) -> Any:
        """Return a callback or handle among the arguments as it was given."""
        for place, stub in enumerate(self.lent[-1]):
            if stub is value:
                return ["f", place, getattr(stub, "__name__", "")]
        return ["h", self.number(value)]

    def callback(self, place: int, name: str) -> Any:
        """Return a function that calls the judge's function number ``place``."""

        def lent(*args: Any, **keywords: Any) -> Any:
            writer = Writer(self.handle, self.max_bytes)
            form = writer.write([list(args), keywords])
            self.channel.send({"callback": place, "args": form}, writer.blob)
            while True:
                header, blob = self.channel.receive()
                if "answer" not in header:
                    self.answer(header, blob)
                    continue
                if "error" in header:
                    raise RuntimeError(header["error"])
                return Reader(blob, lambda tag, rest: self.objects[rest[0]]).read(header["answer"])

        lent.__name__ = lent.__qualname__ = name
        return lent


def about(value: Any) -> dict[str, Any]:
    """Return what the judge may know of an object: its name, whether it can be called, its parameters."""
    known: dict[str, Any] = {"type": type(value).__name__[:100], "callable": callable(value)}
    with contextlib.suppress(Exception):
        known["name"] = str(value.__name__)[:100]
    if callable(value):
        with contextlib.suppress(Exception):
            known["signature"] = [
                [p.name, int(p.kind), p.default is not p.empty] for p in inspect.signature(value).parameters.values()
            ]
    return known


def perform(operation: str, args: list[Any]) -> Any:
    """Return the result of one operation on an object."""
    value, rest = args[0], args[1:]
    if operation == "call":
        return value(*rest[0], **rest[1])
    if operation == "getattr":
        return getattr(value, rest[0])
    if operation == "setattr":
        return setattr(value, rest[0], rest[1])
    if operation == "instance":
        return isinstance(value, rest[0])
    import operator

    functions: dict[str, Any] = {
        "getitem": operator.getitem, "setitem": operator.setitem, "len": len, "iter": iter, "next": next,
        "add": operator.add, "sub": operator.sub, "mul": operator.mul, "truediv": operator.truediv,
        "matmul": operator.matmul, "pow": operator.pow, "neg": operator.neg, "floordiv": operator.floordiv,
        "mod": operator.mod, "abs": abs,
    }  # fmt: skip
    return functions[operation](value, *rest)


def describe(error: BaseException) -> dict[str, Any]:
    """Return an exception as plain values."""
    bases = [kind.__name__ for kind in type(error).__mro__]
    described: dict[str, Any] = {"type": type(error).__name__, "bases": bases, "text": safe_str(error)[:2000]}
    args = getattr(error, "args", ())
    if isinstance(args, tuple) and all(type(arg) in (int, float, str, bool) for arg in args):
        described["args"] = [arg[:2000] if isinstance(arg, str) else arg for arg in args[:5]]
    if isinstance(error, TimeLimit):
        described["late"] = True
    with contextlib.suppress(Exception):
        described["line"] = line_of(error)[:80]
    return described


def line_of(error: BaseException) -> str:
    """Return the first line of the learner's own code on the way to an exception, "" where there is none."""
    for frame, number in traceback.walk_tb(error.__traceback__):
        name = frame.f_code.co_filename
        line = linecache.getline(name, number, frame.f_globals).strip()
        if line and not name.startswith(INSTALLED):
            return line if len(line) <= 80 else line[:77] + "..."
    return ""


def describe_warnings(warned: list[Any] | None) -> list[list[str]]:
    """Return warnings as plain values, each once."""
    found = [(warning.category.__name__, safe_str(warning.message)[:500]) for warning in (warned or [])[:10_000]]
    return [list(pair) for pair in dict.fromkeys(found)][:50]


def serve_and_end(notebook: Notebook) -> None:
    """Serve until the other side is done; then leave without running anything of the learner's."""
    try:
        notebook.serve()
    finally:
        os._exit(0)


def receive_socket(end: socket.socket) -> socket.socket:
    """Return the socket that comes along with one byte."""
    end.settimeout(None)
    _, found, _, _ = socket.recv_fds(end, 1, 1)
    return socket.socket(fileno=found[0])


def set_limits(limits: dict[str, int]) -> None:
    """Set this process' limits and those of all it starts; they cannot be raised again."""
    for name, limit in limits.items():
        resource.setrlimit(getattr(resource, name), (limit, limit))


def empty(folder: str) -> None:
    """Remove everything in a folder, whatever its permissions."""
    for entry in list(os.scandir(folder)):
        if entry.is_dir(follow_symlinks=False):
            for inner, _, _ in os.walk(entry.path):
                with contextlib.suppress(OSError):
                    os.chmod(inner, 0o700)
            shutil.rmtree(entry.path, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                os.unlink(entry.path)


def clean() -> None:
    """End every other process here and remove every file that they left."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(-1, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)
    for folder in FOLDERS:
        if os.path.isdir(folder):
            empty(folder)


def fork_once() -> None:
    """Start a process that ends at once; BlockingIOError where there may be no more of them.

    Where memory is too short for one, nothing is said: nobody has started too many.
    """
    try:
        pid = os.fork()
    except BlockingIOError:
        raise
    except OSError:
        return
    if pid == 0:
        os._exit(0)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)


def put_file(name: str, source: int) -> None:
    """Copy the file open at ``source`` to ``name`` in the working folder."""
    target = Path("/notebook", name)
    target.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with open(os.open(target, flags, stat.S_IRUSR | stat.S_IWUSR), "wb") as copy, open(source, "rb") as original:
        shutil.copyfileobj(original, copy)


def start_notebook(shell: CellShell, end: socket.socket, control: socket.socket, settings: dict[str, Any]) -> None:
    """Fork the process of one notebook."""
    if os.fork():
        end.close()
        return
    try:
        control.close()
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.chdir("/notebook")
        sys.path.insert(0, "/notebook")
        shell.user_ns["__name__"] = "__main__"
        serve_and_end(Notebook(shell, end, settings["max_bytes"]))
    finally:
        os._exit(1)


def main() -> None:
    """Serve the control socket whose number stands in the first argument, with the settings in the second."""
    control = socket.socket(fileno=int(sys.argv[1]))
    settings = json.loads(sys.argv[2])
    set_limits(settings["limits"])
    # Processes of the learner's have the same user: none may look into this one.
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    shell = new_shell()
    sys.meta_path.insert(0, RefusedImports(settings["refused"]))
    # Loaded once, before every fork.
    for name in settings["packages"]:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    warm_up(shell)

    null = os.open(os.devnull, os.O_RDWR)
    control.send(b'{"ready": true}')
    for number in (0, 1, 2):
        os.dup2(null, number)
    while True:
        text, found, _, _ = socket.recv_fds(control, 65536, 8)
        if not text:
            return
        request = json.loads(text)
        reply: dict[str, Any] = {"done": request["do"]}
        try:
            if request["do"] == "clean":
                clean()
            elif request["do"] == "fork":
                fork_once()
            elif request["do"] == "file":
                put_file(request["name"], found.pop())
            elif request["do"] == "notebook":
                start_notebook(shell, socket.socket(fileno=found.pop()), control, settings)
        except OSError as problem:
            reply["error"] = plain_text(problem, 300)
        for left in found:
            os.close(left)
        control.send(json.dumps(reply).encode())
