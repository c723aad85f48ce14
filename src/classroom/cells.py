"""Running a notebook's cells in a prepared IPython shell, without a kernel, and keeping what they put out."""

import ast
import base64
import contextlib
import copy
import gc
import io
import re
import signal
import types
import warnings
from collections.abc import Iterator
from typing import Any

from IPython.core.compilerop import CachingCompiler
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import ExecutionResult, InteractiveShell
from traitlets import Type
from traitlets.config import Config

MAX_TEXT = 20_000
MAX_IMAGES = 2_000_000
MAX_ERRORS = 3
MAX_REMEMBERED = 1000
IMAGES = {"image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff"}
# Data beside a text that no page renders, such as a report for machines.
DATA = re.compile(r"application/vnd\.(?!jupyter)[\w.-]+\+json")
ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])")
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class TimeLimit(Exception):
    """Code ran longer than it may."""


def plain_text(text: Any, most: int = MAX_TEXT) -> str:
    """Return text without terminal escapes and control characters, cut where it is too long."""
    text = str(text)
    cut = text[: 4 * most]
    cut = CONTROL.sub("", ESCAPE.sub("", cut.replace("\r\n", "\n").replace("\r", "\n")))
    return cut if len(cut) <= most and len(text) <= 4 * most else cut[:most] + "\n... (cut: too much output)"


class Outputs:
    """The outputs of one cell in the notebook format, within limits."""

    def __init__(self) -> None:
        self.list: list[dict[str, Any]] = []
        self.text_left, self.images_left = MAX_TEXT, MAX_IMAGES

    def clear(self) -> None:
        """Forget what was put out so far, as ``clear_output()`` asks; the limits stay used."""
        self.list.clear()

    def stream(self, name: str, text: str) -> None:
        """Add printed text."""
        if self.text_left <= 0:
            return
        if len(text) > self.text_left:
            text = text[: self.text_left] + "\n... (cut: too much output)\n"
        self.text_left -= len(text)
        if self.list and self.list[-1].get("name") == name:
            self.list[-1]["text"] += text
        else:
            self.list.append({"output_type": "stream", "name": name, "text": text})

    def data(self, kind: str, data: dict[str, Any]) -> None:
        """Add a displayed value."""
        kept: dict[str, Any] = {}
        for mime, content in data.items():
            if mime == "text/plain":
                text = str(content)
                if len(text) > self.text_left:
                    text = text[: max(0, self.text_left)] + "... (cut: too much output)"
                self.text_left -= len(text)
                kept[mime] = text
            elif mime in IMAGES:
                encoded = content if isinstance(content, str) else base64.b64encode(content).decode()
                if len(encoded) <= self.images_left:
                    self.images_left -= len(encoded)
                    kept[mime] = encoded
            elif DATA.fullmatch(mime):
                kept[mime] = content
        if kept and (kept.get("text/plain") or len(kept) > 1 or kind == "execute_result"):
            if len(self.list) >= 1000:
                return
            output: dict[str, Any] = {"output_type": kind, "data": kept, "metadata": {}}
            if kind == "execute_result":
                output["execution_count"] = None
            self.list.append(output)

    def error(self, name: str, value: str, traceback: list[str]) -> None:
        """Add a traceback; a cell has one, and one more where its time runs out."""
        if sum(output["output_type"] == "error" for output in self.list) >= MAX_ERRORS:
            return
        self.list.append(
            {
                "output_type": "error",
                "ename": plain_text(name, 200),
                "evalue": plain_text(value, 2000),
                "traceback": [plain_text("\n".join(traceback))],
            }
        )


class Printed(io.TextIOBase):
    """A stream that keeps what is printed as output of the cell that runs."""

    def __init__(self, shell: "CellShell", name: str) -> None:
        self.shell, self.stream_name = shell, name

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        """Keep ``text``."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        self.shell.outputs.stream(self.stream_name, text)
        return len(text)


class KeepResult(DisplayHook):
    """Keeps the value of a cell's last line instead of printing it."""

    def write_output_prompt(self) -> None:
        pass

    def write_format_data(self, format_dict: dict[str, Any], md_dict: Any = None) -> None:
        running().data("execute_result", format_dict)

    def finish_displayhook(self) -> None:
        pass


class KeepDisplayed(DisplayPublisher):
    """Keeps what a cell displays."""

    def publish(self, data: Any, metadata: Any = None, source: Any = None, **more: Any) -> None:
        running().data("display_data", data)

    def clear_output(self, wait: bool = False) -> None:
        running().clear()


class CellCompiler(CachingCompiler):
    """IPython's compiler, which remembers what it has read and compiled, in processes forked from its own too."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.trees: dict[Any, ast.AST] = {}
        self.codes: dict[Any, tuple[types.CodeType, int, ast.AST]] = {}

    def ast_parse(self, source: str, filename: str = "<unknown>", symbol: str = "exec") -> ast.AST:
        """Return the tree of a cell's text."""
        key = (source, symbol, self.flags)
        if key not in self.trees:
            if len(self.trees) >= MAX_REMEMBERED:
                self.trees.clear()
            self.trees[key] = super().ast_parse(source, filename, symbol)
        return self.trees[key]

    def forget(self, source: str) -> None:
        """Forget the tree of a text."""
        self.trees = {key: tree for key, tree in self.trees.items() if key[0] != source}

    def __call__(self, source: Any, filename: str, symbol: str) -> types.CodeType:
        """Return the code of a tree, which is one statement of a cell, or what a magic command makes of it."""
        body = getattr(source, "body", None)
        if not isinstance(body, list) or len(body) != 1:
            return super().__call__(source, filename, symbol)
        node = body[0]
        key = (id(node), filename, symbol, self.flags)
        if key not in self.codes:
            if len(self.codes) >= MAX_REMEMBERED:
                self.codes.clear()
            code = super().__call__(source, filename, symbol)
            # Flags change with an import from __future__; the node is kept so that its id stays its own.
            self.codes[key] = (code, self.flags, node)
        code, self.flags, _ = self.codes[key]
        return code


class CellShell(InteractiveShell):
    """IPython without a terminal and without a kernel: outputs are kept in ``outputs``."""

    compiler_class = Type(CellCompiler)
    displayhook_class = Type(KeepResult)
    display_pub_class = Type(KeepDisplayed)
    compile: CellCompiler
    outputs = Outputs()

    def init_io(self) -> None:
        pass

    def transform_cell(self, raw_cell: str) -> str:
        """Return the cell as Python. Most are Python already, and IPython takes longer to look for magics than to run.

        What Python can parse has no magics, no shell commands, no questions and no prompts that IPython would replace.
        """
        cell = raw_cell if raw_cell.endswith("\n") else f"{raw_cell}\n"
        try:
            with warnings.catch_warnings(record=True) as warned:
                warnings.simplefilter("always")
                self.compile.ast_parse(cell)
            if warned:
                # Python is to warn when the cell runs, as it would have.
                self.compile.forget(cell)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return str(super().transform_cell(raw_cell))  # type: ignore[no-untyped-call]
        return cell

    def should_run_async(self, raw_cell: str, *, transformed_cell: str | None = None, **more: Any) -> bool:
        """Return whether a cell awaits something; to find out, IPython compiles the whole of it."""
        awaits = re.search(r"\b(await|async)\b", transformed_cell or "")
        return bool(awaits and super().should_run_async(raw_cell, transformed_cell=transformed_cell, **more))

    def transform_ast(self, node: Any) -> Any:
        """Return the tree of a cell after the transformations that the notebook asks for, on a copy of its own."""
        return super().transform_ast(copy.deepcopy(node)) if self.ast_transformers else node  # type: ignore[no-untyped-call]

    def prepare(self, source: str) -> None:
        """Read and compile a cell, without running it, so that processes forked from this one need not."""

        async def leave_out(code: Any, result: Any = None, *, async_: bool = False) -> bool:
            return False

        self.run_code = leave_out  # type: ignore[method-assign]
        try:
            run_cell(self, source, 60.0)
        finally:
            del self.run_code

    def enable_gui(self, gui: Any = None) -> None:
        """Do nothing: there is no window, and figures are kept as images."""

    def ask_exit(self) -> None:
        """Refuse what exit() and quit() ask for; without this method they would speak of the lack of it."""
        __tracebackhide__ = True
        raise RuntimeError("exit() and quit() end the notebook, so nothing after them would run: take them out")

    def showtraceback(self, *args: Any, **keywords: Any) -> None:
        """Put out the traceback of an error; a time limit waits meanwhile, since its next alarm would spoil it."""
        left, interval = signal.setitimer(signal.ITIMER_REAL, 0)
        try:
            super().showtraceback(*args, **keywords)
        finally:
            if left:
                signal.setitimer(signal.ITIMER_REAL, left, interval)

    def _showtraceback(self, etype: Any, evalue: Any, stb: Any) -> None:
        lines = [str(line) for line in (stb if isinstance(stb, list) else [stb])]
        self.outputs.error(getattr(etype, "__name__", "Error"), safe_str(evalue), lines)


def running() -> Outputs:
    """Return the outputs of the cell that runs."""
    return CellShell.instance().outputs


def safe_str(value: Any) -> str:
    """Return ``str(value)``, or a placeholder where that fails."""
    try:
        return str(value)
    except Exception:
        return f"<{type(value).__name__} that cannot be shown>"


def new_shell() -> CellShell:
    """Return the shell of this process, prepared to run a notebook's cells."""
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "NoColor"
    config.InteractiveShell.xmode = "Context"
    config.InteractiveShell.cache_size = 0
    shell: CellShell = CellShell.instance(config=config)
    if shell.display_formatter is not None:
        shell.display_formatter.active_types = ["text/plain", *IMAGES]
    return shell


@contextlib.contextmanager
def time_limit(seconds: float, what: str) -> Iterator[None]:
    """Raise TimeLimit inside the block after ``seconds``, and again until the block ends."""

    def stop(number: int, frame: Any) -> None:
        __tracebackhide__ = True
        raise TimeLimit(f"{what} did not finish within {seconds:g} seconds.")

    old = signal.signal(signal.SIGALRM, stop)
    before = signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
    try:
        yield
    finally:
        # A last alarm may ring between the end of the block and this line.
        while True:
            try:
                signal.setitimer(signal.ITIMER_REAL, 0)
                break
            except TimeLimit:
                continue
        signal.signal(signal.SIGALRM, old)
        if before[0]:
            signal.setitimer(signal.ITIMER_REAL, *before)


def run_cell(shell: CellShell, source: str, seconds: float) -> tuple[ExecutionResult | None, list[dict[str, Any]]]:
    """Run one cell; return IPython's result (None when time ran out outside of the code) and the outputs."""
    shell.outputs = Outputs()
    result = None
    with (
        contextlib.redirect_stdout(Printed(shell, "stdout")),
        contextlib.redirect_stderr(Printed(shell, "stderr")),
    ):
        try:
            with time_limit(seconds, "This cell"):
                result = shell.run_cell(source, store_history=False)  # type: ignore[no-untyped-call]
        except (TimeLimit, KeyboardInterrupt) as late:
            shell.outputs.error("TimeLimit", str(late), [f"TimeLimit: {late}"])
    return result, shell.outputs.list


def warm_up(shell: CellShell) -> None:
    """Run a cell, so that what IPython loads at the first one is loaded before a process is forked.

    Objects are frozen for the collector of garbage, which would copy them in each of the processes. Nothing is
    collected before: what imports leave behind is little, and to look for it takes a tenth of a sandbox's start.
    """
    run_cell(shell, "None", 60.0)
    shell.outputs = Outputs()
    gc.freeze()
    gc.enable()


def harmless(outputs: Any) -> list[dict[str, Any]]:
    """Return outputs that came from a learner's process, each made anew from the parts that cannot do harm."""
    kept = Outputs()
    for output in outputs[:1000] if isinstance(outputs, list) else []:
        if not isinstance(output, dict):
            continue
        kind = output.get("output_type")
        if kind == "stream":
            kept.stream("stderr" if output.get("name") == "stderr" else "stdout", plain_text(output.get("text", "")))
        elif kind in ("display_data", "execute_result") and isinstance(output.get("data"), dict):
            data = output["data"]
            clean: dict[str, Any] = {}
            if isinstance(data.get("text/plain"), str):
                clean["text/plain"] = plain_text(data["text/plain"])
            for mime, magic in IMAGES.items():
                if is_image(data.get(mime), magic):
                    clean[mime] = data[mime]
            kept.data(kind, clean)
        elif kind == "error":
            lines = output.get("traceback")
            lines = [str(line) for line in lines[:100]] if isinstance(lines, list) else []
            kept.error(plain_text(output.get("ename", ""), 200), plain_text(output.get("evalue", ""), 2000), lines)
    return kept.list


def is_image(content: Any, magic: bytes) -> bool:
    """Return whether ``content`` is base64 of a file that begins as it must."""
    if not isinstance(content, str) or len(content) > MAX_IMAGES:
        return False
    try:
        return base64.b64decode("".join(content.split()), validate=True).startswith(magic)
    except ValueError:
        return False
