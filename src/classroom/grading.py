"""Grading one notebook: the learner's cells run in the sandbox first, then the instructor's outside of it.

All outputs of the learner's cells exist before the first check runs, and each check meets the learner's notebook as
it was at that place, in a snapshot. So nothing that a check hands to a learner's function can come back in an output.
A snapshot is taken later than at its place where the cells between only define functions of which no cell before
speaks: the process that goes on pays for each snapshot, and several in a row cost it no more than one. Where moreover
no function that is asked for can leave anything behind, one snapshot will do for them all.
"""

import ast
import builtins
import contextlib
import functools
import itertools
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import symtable
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from classroom.cells import harmless, plain_text
from classroom.channel import Channel, Gone, Silent
from classroom.crossing import Garbled
from classroom.errors import InstructorError
from classroom.judge import failure
from classroom.rebuild import MISSING, NOTHING_DEFINED, Role, nbgrader_of, source_of
from classroom.sandbox import MAX_SNAPSHOTS, MB, Inside, Sandbox, SandboxGone, SandboxSettings

MAX_RESTARTS = 3
# Cells that one line tells of.
MOST_TOLD = 5
# What stands for the sandbox itself among the numbers of its snapshots.
THE_SANDBOX = -1
# Characters of all outputs of a learner's cells: each of thousands of cells may show a picture.
MAX_ALL_OUTPUTS = 20 * MB
# Characters of a cell that is read for its names: the tree takes some hundred times as much memory.
MAX_READ = 200_000
# "%matplotlib inline", "!ls", "?x" and "x?"; "files = !ls" and "times = %timeit -o f()".
MAGIC = re.compile(r"^([ \t]*)(?:[%!?].*|[\w.*%]+\?{1,2}[ \t;]*)$")
ASSIGNED = re.compile(r"^([\w ,.*\t]*=)[ \t]*[%!].*$")
TOO_MUCH = {
    "output_type": "stream", "name": "stdout",
    "text": f"... (cut: this notebook has more than {MAX_ALL_OUTPUTS // MB} MB of output)\n",
}  # fmt: skip
IPYTHON = {"get_ipython", "display", "In", "Out", "_", "__name__", "__file__", "__doc__"}


# The instructor's cells are the same in every submission, and to read them takes longer than to run them.
remembered = functools.lru_cache(maxsize=2000)


@remembered
def as_python(source: str) -> str:
    """Return a cell's text with IPython's magics turned into Python, as far as their names go.

    IPython's own way takes minutes for a cell of many magics, and the grader's time is not limited as a cell's is.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(source)
        return source
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        pass
    if source.lstrip().startswith("%%"):
        # What stands below may be no Python at all.
        return "get_ipython()"
    lines = (ASSIGNED.sub(r"\1 get_ipython()", MAGIC.sub(r"\1get_ipython()", line)) for line in source.split("\n"))
    return "\n".join(lines)


def tree_of(source: str) -> ast.Module:
    """Return a cell as a tree, an empty one where it cannot be parsed, or is longer than what anybody writes."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(as_python(source) if len(source) <= MAX_READ else "")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module([], [])


@remembered
def used_names(source: str) -> frozenset[str]:
    """Return the names that a cell reads."""
    return frozenset(node.id for node in ast.walk(tree_of(source)) if isinstance(node, ast.Name))


@remembered
def class_names(source: str) -> tuple[str, ...]:
    """Return the names of the classes that a cell defines at its top level."""
    return tuple(node.name for node in tree_of(source).body if isinstance(node, ast.ClassDef))


@remembered
def bound_names(source: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names that a cell binds at its top level, and the import statements among its lines.

    Names that an import binds are not among the names. A cell that cannot be parsed binds none.
    """
    names: dict[str, None] = {}
    imports: list[str] = []

    def visit(statements: list[ast.stmt]) -> None:
        for node in statements:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                names[node.name] = None
            elif isinstance(node, ast.Import | ast.ImportFrom):
                imports.append(ast.unparse(node))
            else:
                for part in ast.walk(node):
                    if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                        names[part.id] = None
                for blocks in ("body", "orelse", "finalbody"):
                    visit([inner for inner in getattr(node, blocks, []) if isinstance(inner, ast.stmt)])
                for handler in getattr(node, "handlers", []):
                    visit(handler.body)

    visit(tree_of(source).body)
    return tuple(names), tuple(imports)


@remembered
def words(source: str) -> frozenset[str]:
    """Return the words in a cell, comments and strings included."""
    return frozenset(re.findall(r"\w+", source))


@remembered
def only_functions(source: str) -> frozenset[str]:
    """Return the functions that a cell defines; none where it does anything else, or might when it defines them."""
    body = tree_of(source).body
    for node in body:
        if not isinstance(node, ast.FunctionDef) or node.decorator_list or node.returns:
            return frozenset()
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg]
        defaults = [*node.args.defaults, *node.args.kw_defaults]
        if any(argument and argument.annotation for argument in arguments):
            return frozenset()
        if not all(default is None or isinstance(default, ast.Constant) for default in defaults):
            return frozenset()
    return frozenset(node.name for node in body if isinstance(node, ast.FunctionDef))


# Functions of Python's own, and attributes of NumPy's, whose effects outlast a call.
LASTING = {
    "breakpoint", "compile", "delattr", "eval", "exec", "exit", "getattr", "globals", "input", "open", "quit", "random",
    "set_printoptions", "setattr", "setbufsize", "seterr", "seterrcall", "vars",
}  # fmt: skip
TIDY = frozenset(name for name in dir(builtins) if name not in LASTING and not name.startswith("_"))


@remembered
def outer_names(source: str) -> frozenset[str] | None:
    """Return what a cell's functions take from outside of them; None where they might leave something behind.

    None as well where they catch exceptions, that of the time limit perhaps, and where Python refuses the cell.
    """
    for node in ast.walk(tree_of(source)):
        if isinstance(node, ast.Global | ast.Import | ast.ImportFrom | ast.Try | ast.TryStar):
            return None
        changes = not isinstance(getattr(node, "ctx", None), ast.Load)
        if isinstance(node, ast.Attribute) and (changes or node.attr in LASTING or node.attr.startswith("_")):
            return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tables = symtable.symtable(as_python(source), "<cell>", "exec").get_children()
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    names: set[str] = set()
    while tables:
        table = tables.pop()
        tables += table.get_children()
        names |= {symbol.get_name() for symbol in table.get_symbols() if symbol.is_global()}
    return frozenset(names)


class Sandboxes:
    """The sandbox of the learner at hand, and the next one, started ahead."""

    def __init__(self, settings: SandboxSettings) -> None:
        self.settings = settings
        self.learner: Any = None
        self.current: Sandbox | None = None
        self.ahead: Sandbox | None = None

    def of(self, learner: Any) -> Sandbox:
        """Return the sandbox of a learner; the one of the learner before is killed."""
        if learner != self.learner or self.current is None:
            self.replace()
            self.learner = learner
        assert self.current is not None
        return self.current

    def replace(self) -> Sandbox:
        """Kill the sandbox and return a fresh one."""
        if self.current is not None:
            self.current.close()
        self.current, self.ahead = self.ahead or Sandbox(self.settings), None
        self.current.wait_until_ready()
        return self.current

    def start_ahead(self) -> None:
        """Start the next learner's sandbox while this one's work goes on."""
        if self.ahead is None:
            self.ahead = Sandbox(self.settings)

    def close(self) -> None:
        """Kill them all."""
        for sandbox in (self.current, self.ahead):
            if sandbox is not None:
                sandbox.close()
        self.current = self.ahead = self.learner = None


class JudgeEnded(Exception):
    """A notebook's judge has ended, or took too long, before all steps were done."""

    def __init__(self, done: list[dict[str, Any]], what: str) -> None:
        super().__init__(what)
        self.done = done


class JudgeServer:
    """The prepared process from which each notebook's judge is forked."""

    def __init__(self) -> None:
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-W", "ignore", "-m", "classroom.judge", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                cwd="/",
                pass_fds=[theirs.fileno()],
                # Ctrl-C is for the grader, which ends the judge in order.
                start_new_session=True,
            )
        self.ready = False

    def ask(self, what: str, ends: list[socket.socket]) -> None:
        """Have the server do something with the connections that come along."""
        if not self.ready:
            select.select([self.control], [], [], 60.0)
            self.control.recv(65536)
            self.ready = True
        self.control.settimeout(60.0)
        socket.send_fds(self.control, [json.dumps({"do": what}).encode()], [end.fileno() for end in ends])

    def prepare(self, sources: list[str]) -> None:
        """Have cells read and compiled ahead, which many notebooks will have."""
        mine, theirs = socket.socketpair()
        channel = Channel(mine)
        # Without it all goes on, only slower.
        with contextlib.suppress(Gone, Silent, OSError), contextlib.closing(channel):
            with theirs:
                self.ask("prepare", [theirs])
            channel.send(sources, b"", 60.0)

    def judge(
        self, job: dict[str, Any], ends: list[socket.socket], seconds: float, look: Callable[[int], None]
    ) -> list[dict[str, Any]]:
        """Return what each step of the job gave, within ``seconds`` for all; JudgeEnded where its process fails.

        ``look`` is called with the index of each step that is to wait, before the next one begins.
        """
        mine, theirs = socket.socketpair()
        deadline = time.monotonic() + seconds
        done: list[dict[str, Any]] = []
        channel = Channel(mine)
        pid = None
        try:
            with theirs:
                self.ask("judge", [theirs, *ends])
                pid = json.loads(self.control.recv(65536))["pid"]
            channel.send(job, b"", 60.0)
            for step in job["steps"]:
                done.append(channel.receive(max(0.0, deadline - time.monotonic()))[0])
                if step["wait"]:
                    look(step["index"])
                    if step is not job["steps"][-1]:
                        channel.send({}, b"", 60.0)
            return done
        except (Gone, Silent, Garbled, OSError, ValueError) as problem:
            if pid is None or self.process.poll() is not None:
                raise InstructorError("The process that runs the checks has ended. Run the command again.") from None
            self.kill_child(pid)
            raise JudgeEnded(done, "took too long" if isinstance(problem, Silent) else "ended") from None
        finally:
            channel.close()

    def kill_child(self, pid: int) -> None:
        """Kill a judge that does not end."""
        # The server reaps it only before its next fork, so its number still is its own.
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)

    def close(self) -> None:
        """End the server and the judge that may run."""
        self.control.close()
        self.process.terminate()
        self.process.wait()


@dataclass
class Pass:
    """What came of running a learner's cells: outputs by cell, and a snapshot for each judged cell.

    ``snapshot`` tells the place in ``ends`` and the state of the notebook, each by a number; ``shared`` whether one
    serves several states. ``waiting`` are the judged cells that have no snapshot yet, those of one state together.
    """

    outputs: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    ends: list[socket.socket] = field(default_factory=list)
    snapshot: dict[int, tuple[int, int]] = field(default_factory=dict)
    shared: bool = False
    waiting: list[list[int]] = field(default_factory=list)

    def take_snapshots(self, notebook: Inside, alike: set[int], *, to_the_end: bool = False) -> None:
        """Take the snapshots that are waited for, as far as there may be more of them; one for cells that are alike.

        Beyond that, checks meet the notebook as it is at its end, where the last snapshot is the process itself.
        """
        together = len(self.waiting) > 1 and alike.issuperset(itertools.chain(*self.waiting))
        while self.waiting:
            last = to_the_end and (together or len(self.waiting) == 1 or len(self.ends) >= MAX_SNAPSHOTS)
            if len(self.ends) >= MAX_SNAPSHOTS and not last:
                return
            self.ends.append(notebook.hand_over() if last else notebook.snapshot())
            states = self.waiting if last or together else self.waiting[:1]
            self.snapshot |= {k: (len(self.ends) - 1, state[0]) for state in states for k in state}
            self.shared |= together
            self.waiting = self.waiting[len(states) :]

    def close(self) -> None:
        """Let the snapshots go."""
        for end in self.ends:
            end.close()


@dataclass(frozen=True)
class Plan:
    """Which cells run inside, which are judged, and which names the judge may take from the learner where."""

    inside: dict[int, str]
    own: set[int]
    judged: list[int]
    # For each of them the last solution cell before it that is to define it.
    names: dict[int, dict[str, int]]
    unknown: dict[str, str]
    fresh: dict[int, list[str]]
    imports: dict[int, list[str]]
    classes: list[str]
    # Cells before which no snapshot need be taken: they add functions of which no cell before them speaks.
    calm: set[int]
    # Judged cells that ask for nothing but functions of calm cells that cannot leave anything behind.
    alike: set[int]


def plan(cells: list[dict[str, Any]], roles: list[Role], solutions: dict[str, str]) -> Plan:
    """Return the plan for a notebook; ``solutions`` maps a grade_id to the instructor's text of a solution cell.

    The learner's process runs the instructor's released cells too, so that the learner's code finds what it needs; a
    check's visible text only where a later cell of the learner's uses what it binds.
    """
    inside: dict[int, str] = {}
    own: set[int] = set()
    judged: list[int] = []
    names_at: dict[int, dict[str, int]] = {}
    fresh_at: dict[int, list[str]] = {}
    imports_at: dict[int, list[str]] = {}
    names: dict[str, int] = {}
    fresh: dict[str, None] = {}
    imports: dict[str, None] = {}
    imports_of_all: dict[str, None] = {}
    classes: list[str] = []
    used_later: list[frozenset[str]] = [frozenset()] * (len(cells) + 1)
    for k in range(len(cells) - 1, -1, -1):
        is_own = roles[k].kind in ("solution", "added") and cells[k]["cell_type"] == "code"
        used_later[k] = used_later[k + 1] | (used_names(source_of(cells[k])) if is_own else frozenset())
    for k, (cell, role) in enumerate(zip(cells, roles, strict=True)):
        if cell["cell_type"] != "code":
            continue
        if role.kind in ("solution", "added"):
            own.add(k)
            inside[k] = source_of(cell)
            if role.kind == "solution":
                for text in (solutions.get(str(nbgrader_of(cell).get("grade_id")), ""), role.shown):
                    bound, imported = bound_names(text)
                    classes += class_names(text)
                    names |= dict.fromkeys(bound, k)
                    fresh |= dict.fromkeys(bound)
                    imports |= dict.fromkeys(imported)
                    imports_of_all |= dict.fromkeys(imported)
            continue
        judged.append(k)
        names_at[k], fresh_at[k], imports_at[k] = dict(names), list(fresh), list(imports)
        fresh, imports = {}, {}
        if role.kind == "instructor" or used_later[k + 1] & set(bound_names(role.shown)[0]):
            inside[k] = role.shown
    defined = set(names) | set(dir(builtins)) | IPYTHON
    for k in judged:
        bound, imported = bound_names(source_of(cells[k]))
        imports_of_all |= dict.fromkeys(imported)
        defined |= set(bound)
    defined = defined.union(*map(imported_names, imports_of_all))
    unknown = {
        name: str(nbgrader_of(cells[k]).get("grade_id"))
        for k in judged
        if roles[k].kind == "check" and "*" not in defined
        for name in sorted(used_names(source_of(cells[k])) - defined - inner_names(source_of(cells[k])))
    }
    calm, alike = quiet_cells(inside, names_at)
    return Plan(inside, own, judged, names_at, unknown, fresh_at, imports_at, classes, calm, alike)


def quiet_cells(inside: dict[int, str], names: dict[int, dict[str, int]]) -> tuple[set[int], set[int]]:
    """Return the calm cells among those that run inside, and the cells that are alike among those that ask for names.

    Both are explained in :class:`Plan`. A function leaves nothing behind where it uses only what is its own, Python's,
    NumPy's, or another such function.
    """
    said: frozenset[str] = frozenset()
    numpy: frozenset[str] = frozenset()
    tidy: frozenset[str] = frozenset()
    calm, alike = set(), set()
    for k in sorted({*inside, *names}):
        if names.get(k) and tidy.issuperset(names[k]):
            alike.add(k)
        if k not in inside:
            continue
        functions = only_functions(inside[k])
        if functions and not functions & said:
            calm.add(k)
            used = outer_names(inside[k])
            if used is not None and used <= functions | tidy | numpy | TIDY:
                tidy |= functions
        else:
            bound, imports = bound_names(inside[k])
            found = [text for text in imports if text.startswith("import numpy as ")]
            others = frozenset(bound).union(*(imported_names(text) for text in imports if text not in found))
            if words(inside[k]) & tidy or numpy & others:
                tidy = frozenset()
            numpy = numpy.union(*map(imported_names, found)) - others
        said |= words(inside[k])
    return calm, alike


@remembered
def imported_names(statement: str) -> frozenset[str]:
    """Return the names that an import statement binds."""
    parts = [part for node in ast.parse(statement).body for part in getattr(node, "names", [])]
    return frozenset(part.asname or part.name.partition(".")[0] for part in parts)


@remembered
def inner_names(source: str) -> frozenset[str]:
    """Return the names that are bound anywhere in a cell, inside of functions too."""
    tree = tree_of(source)
    stored = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    caught = {node.name for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler) and node.name}
    return frozenset(stored | caught | {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)})


def run_learners_cells(
    work: Plan,
    sandboxes: Sandboxes,
    learner: Any,
    files: dict[str, Path],
    alike: set[int],
    left_out: dict[int, str],
    harm: dict[int, str],
) -> Pass:
    """Run the learner's cells in order and return their outputs and the snapshots, fewer for cells that are alike.

    A cell that ends the process, or cannot be stopped, is put into ``left_out`` and said so; the others run again
    without it. What it did goes into ``harm``, where an instructor should know of it.
    """
    settings = sandboxes.settings
    deadline = time.monotonic() + settings.notebook_seconds
    while True:
        done = Pass()
        at, changed, room = None, True, MAX_ALL_OUTPUTS
        try:
            notebook: Inside = open_notebook(sandboxes, learner, files)
            for k in sorted({*work.inside, *work.judged}):
                if k in work.judged and work.names[k]:
                    if changed:
                        done.waiting.append([])
                        changed = False
                    done.waiting[-1].append(k)
                if k in left_out:
                    text = f"This cell {left_out[k]}. It was left out, and the rest was graded without it."
                    done.outputs[k] = [failure("LeftOut", text, "")]
                elif k in work.own and time.monotonic() > deadline:
                    text = f"The {settings.notebook_seconds:g} seconds for this notebook were over. It was not run."
                    done.outputs[k] = [failure("NotRun", text, "")]
                elif k in work.inside:
                    if k not in work.calm:
                        done.take_snapshots(notebook, alike)
                    at, changed = k, True
                    outputs = harmless(notebook.run(work.inside[k], settings.cell_seconds))
                    if k in work.own and k not in work.calm:
                        sandboxes.of(learner).look_for_harm()
                    if k in work.own:
                        size = len(json.dumps(outputs))
                        room -= size
                        # A traceback says why a check finds nothing: what is short stays.
                        done.outputs[k] = outputs if room >= 0 or size < 10_000 else [dict(TOO_MUCH)]
            done.take_snapshots(notebook, alike, to_the_end=True)
            notebook.close()
            return done
        except SandboxGone as problem:
            if at is not None and problem.did:
                harm.setdefault(at, problem.did)
            if at is None or at in left_out or len(left_out) >= MAX_RESTARTS:
                last = at if at is not None else -1
                said = plain_text(problem, 300)
                for k in work.own:
                    if k >= last and k not in done.outputs:
                        text = f"This cell {said}." if k == last else f"An earlier cell {said}. This one was not run."
                        done.outputs[k] = [failure("NotRun", text, "")]
                return done
            left_out[at] = plain_text(problem, 300)
            done.close()
            sandboxes.replace()


def open_notebook(sandboxes: Sandboxes, learner: Any, files: dict[str, Path]) -> Inside:
    """Return a fresh notebook process, in a fresh sandbox where the learner has ruined the old one."""
    try:
        return sandboxes.of(learner).open_notebook(files)
    except SandboxGone:
        return sandboxes.replace().open_notebook(files)


def grade_notebook(
    cells: list[dict[str, Any]],
    roles: list[Role],
    solutions: dict[str, str],
    *,
    learner: Any,
    files: dict[str, Path],
    folder: Path,
    sandboxes: Sandboxes,
    judge: JudgeServer,
    warn: Callable[[str], None],
) -> None:
    """Run a rebuilt notebook and put the outputs into its cells, from which nbgrader reads the scores.

    ``files`` are put beside the learner's code, ``folder`` is where the instructor's cells run. Every check has either
    run to its end or carries an error, so that none counts which did not run.
    """
    begin = time.monotonic()
    settings = sandboxes.settings
    work = plan(cells, roles, solutions)
    for name, check in work.unknown.items():
        warn(
            f"The check {check!r} uses {name!r}, which no cell of the instructor's defines. Learners' code is "
            f"asked only for names that a solution cell defines in its source or stub, for instance: def {name}(...):"
        )
    for k in work.judged:
        if roles[k].kind == "check":
            cells[k]["outputs"] = [failure("NotRun", "This check was not run; it counts 0.", "")]
    left_out: dict[int, str] = {}
    unjudged: set[int] = set()
    harm: dict[int, str] = {}
    alike = work.alike

    def judged(work: Plan, done: Pass, alike: set[int]) -> list[dict[str, Any]]:
        steps = [step_of(k, cells, roles[k], work, done, alike, settings) for k in work.judged if k not in unjudged]
        job = {
            "folder": str(folder),
            "max_bytes": settings.message_size * MB,
            "call_seconds": settings.call_seconds,
            "limits": {"RLIMIT_AS": settings.judge_memory * MB, "RLIMIT_CPU": settings.judge_cpu_seconds},
            "steps": steps,
        }
        look = functools.partial(look_at_sandbox, sandboxes.of(learner), done, set(), harm)
        return judge.judge(job, done.ends, settings.check_seconds * (len(steps) + 1), look) if steps else []

    while True:
        done = run_learners_cells(work, sandboxes, learner, files, alike, left_out, harm)
        for k, outputs in done.outputs.items():
            cells[k]["outputs"] = outputs
        try:
            results = judged(work, done, alike)
            if done.shared and any(result["amiss"] for result in results):
                # A call that ended its process, which is rare, is to cost no other check anything.
                alike = set()
                continue
            break
        except JudgeEnded as problem:
            # The step at which it happened is left out, and the rest is judged anew.
            results = problem.done
            k = [k for k in work.judged if k not in unjudged][len(results)]
            name = nbgrader_of(cells[k]).get("grade_id", k + 1)
            text = f"The process that ran this check {problem}, as with a result that is far too large. It counts 0."
            cells[k]["outputs"] = [failure("NotRun", text, "")]
            warn(f"The process that ran {name!r} {problem}; it counts 0. Does it pass on your own solution?")
            unjudged.add(k)
            if len(unjudged) > MAX_RESTARTS:
                break
        finally:
            done.close()
    for result in results:
        k = result["index"]
        if (not result["met"] or result["ended"]) and time.monotonic() < begin + settings.notebook_seconds:
            # Maybe what another check called has ended this one's process, and then it costs this one nothing.
            sandboxes.replace()
            alone = work_of_one(k, work, cells, roles)
            done = run_learners_cells(alone, sandboxes, learner, files, set(), left_out, harm)
            with contextlib.suppress(JudgeEnded), contextlib.closing(done):
                again = judged(alone, done, set())[-1]
                if not again["amiss"] or not result["met"]:
                    result = again
        if result["met"] and result["did"]:
            harm.setdefault(k, result["did"])
        cells[k]["outputs"] = result["outputs"]
        if result["amiss"]:
            is_said = any(output.get("evalue") == result["amiss"] for output in result["outputs"])
            note = {"output_type": "stream", "name": "stdout", "text": result["amiss"] + "\n"}
            cells[k]["outputs"] = result["outputs"] if is_said else [note, *result["outputs"]]
        if result["failed"] and roles[k].kind == "instructor" and not work.names[k]:
            said = next((o["evalue"] for o in result["outputs"] if o["output_type"] == "error"), "no reason")
            name = nbgrader_of(cells[k]).get("grade_id", k + 1)
            warn(f"The instructor's cell {name!r} failed beside the checks: {said}. Checks that need it count 0.")
    if harm:
        warn(told_of_harm(harm, cells, work))


def work_of_one(k: int, work: Plan, cells: list[dict[str, Any]], roles: list[Role]) -> Plan:
    """Return the plan for judging cell ``k`` alone, after the cells that stand before it.

    The instructor's cells before it are judged again, and of the checks those that bind a name that it uses.
    """
    source = source_of(cells[k])
    missing = set(used_names(source)) - set(bound_names(source)[0])
    kept = []
    for j in reversed(work.judged[: work.judged.index(k)]):
        bound = set(bound_names(source_of(cells[j]))[0])
        if roles[j].kind != "check" or bound & missing:
            kept.append(j)
            missing = (missing - bound) | used_names(source_of(cells[j]))
    return replace(work, judged=[*reversed(kept), k], inside={j: text for j, text in work.inside.items() if j < k})


def look_at_sandbox(sandbox: Sandbox, done: Pass, ended: set[int], harm: dict[int, str], k: int) -> None:
    """Add to ``harm`` what the functions that cell ``k`` calls did to other processes.

    ``ended`` are the snapshots that had ended before, and THE_SANDBOX where others would be blamed for what it lacks.
    """
    if THE_SANDBOX in ended:
        return
    try:
        sandbox.look_for_harm()
    except SandboxGone as problem:
        harm.setdefault(k, problem.did)
        ended.add(THE_SANDBOX)
        return
    now = {place for place, end in enumerate(done.ends) if has_ended(end)}
    if now - ended - {done.snapshot[k][0]}:
        harm.setdefault(k, "ended processes beside its own")
    ended |= now


def has_ended(end: socket.socket) -> bool:
    """Return whether nobody holds the other side of a connection any more; what has come over it stays there."""
    try:
        return bool(select.select([end], [], [], 0)[0]) and not end.recv(1, socket.MSG_PEEK)
    except OSError:
        return True


def told_of_harm(harm: dict[int, str], cells: list[dict[str, Any]], work: Plan) -> str:
    """Return what to tell an instructor of cells that ended processes, and of checks that met functions that did.

    Nobody is accused: too much memory ends a process as well.
    """
    told = []
    for k, did in sorted(harm.items()):
        name = nbgrader_of(cells[k]).get("grade_id", k + 1)
        told.append(f"the cell {name} {did}" if k in work.own else f"while {name} ran, the learner's code {did}")
    more = f"; and so on in {len(told) - MOST_TOLD} more" if len(told) > MOST_TOLD else ""
    return (
        f"look at this work: {'; '.join(told[:MOST_TOLD])}{more}. It may be an accident, such as a crash or too much "
        "memory; nobody else's work is touched"
    )


def step_of(
    k: int, cells: list[dict[str, Any]], role: Role, work: Plan, done: Pass, alike: set[int], settings: SandboxSettings
) -> dict[str, Any]:
    """Return what the judge needs to know of cell ``k``."""
    return {
        "index": k,
        "source": source_of(cells[k]),
        "shown": [line.strip() for line in role.shown.split("\n") if line.strip()],
        "check": role.kind == "check",
        "points": float(nbgrader_of(cells[k]).get("points", 0) or 0),
        "snapshot": done.snapshot.get(k),
        # Functions that leave nothing behind start and end no process.
        "wait": k in done.snapshot and k not in alike,
        "names": {name: why_undefined(name, cells, work, place) for name, place in work.names[k].items()},
        "fresh": work.fresh[k],
        "imports": work.imports[k],
        "classes": work.classes,
        "seconds": settings.check_seconds,
    }


def why_undefined(name: str, cells: list[dict[str, Any]], work: Plan, place: int) -> str:
    """Return what to say where the cells that have run did not define a name that the one at ``place`` is to define.

    A learner may have moved the function into a cell of their own, and that one failed.
    """
    moved = [k for k in sorted(work.own) if re.search(rf"\bdef {name}\b", source_of(cells[k]))]
    for k in (place, *moved):
        for output in cells[k]["outputs"]:
            if output["output_type"] == "error":
                if output["ename"] in ("LeftOut", "NotRun"):
                    return f"{NOTHING_DEFINED.format(name=name)}: {output['evalue']}"
                # IPython has the cell in a file of its own making: "(<ipython-input-1-365d2e97e0fa>, line 2)".
                said = output["evalue"].partition("\n")[0][:200]
                said = re.sub(r"\(<[^>]*>, (line \d+)\)", r"(\1)", said).rstrip(".")
                return f"the cell of {name} ended in {output['ename']}: {said}: nothing was defined"
    if source_of(cells[place]) == MISSING:
        return f"the cell of {name} is missing from the notebook"
    return f"the cell of {name} does not define it: the name must stay as it was given"


class WorkingFolder:
    """The instructor's files of one assignment, as the checks find them in their working folder."""

    def __init__(self, files: dict[str, Path]) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="classroom-judge-"))
        for name, source in files.items():
            target = self.path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)

    def close(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.path, ignore_errors=True)
