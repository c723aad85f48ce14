"""Where a learner's code runs: a bubblewrap sandbox with limits, and the control of the fork server inside.

No network, its own users, processes, mounts, host name and message queues; a read-only system and interpreter, no
/proc; a private /notebook and /tmp that are gone with it. Bubblewrap never starts as root: root gives up its rights
first.
"""

import contextlib
import errno
import itertools
import json
import os
import pwd
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from traitlets import Bool, Float, Integer, List, Unicode
from traitlets.config import LoggingConfigurable

from classroom.channel import Channel, Gone, Silent
from classroom.crossing import Garbled, TooMuch
from classroom.errors import InstructorError
from classroom.syscalls import call_filter

MB = 1_000_000
# Processes that keep the learner's notebook as it was at a check, beside those that the learner may start.
MAX_SNAPSHOTS = 100
START_SECONDS = 60.0
# How long a cell whose time is over may take to write its traceback, before its process is given up.
GRACE = 6.0
# What the grader's own process takes of a cell's outputs, in bytes: more than their limits let through.
MAX_OUTPUTS = 8_000_000
INSTALL = (
    "Learners' code runs in a sandbox, and bubblewrap, which makes it, is {problem}. On Debian or Ubuntu: apt install "
    "bubblewrap. On Fedora: dnf install bubblewrap. On macOS or Windows: grade in a Linux machine, container or WSL. "
    "For work that you trust as your own, nbgrader's way of running it is left: add --SafeAutograde.unsafe=True."
)


class SandboxSettings(LoggingConfigurable):
    """Limits on a learner's code; set them in nbgrader_config.py as ``c.SandboxSettings.memory = 2000``."""

    memory = Integer(2000, help="All memory that one learner's processes may use together, in MB.").tag(config=True)
    address_space = Integer(1600, help="Address space of one process, in MB: beyond it there is a MemoryError.").tag(
        config=True
    )
    processes = Integer(48, help="Processes and threads that a learner's code may run at a time.").tag(config=True)
    cpu_seconds = Integer(300, help="CPU time of one process, in seconds.").tag(config=True)
    file_size = Integer(50, help="Size of a file that learner's code writes, in MB.").tag(config=True)
    folder_size = Integer(64, help="Size of each of /notebook and /tmp, in MB.").tag(config=True)
    open_files = Integer(256, help="Files that a process may have open.").tag(config=True)
    message_size = Integer(64, help="Largest result of a call that a check receives, in MB.").tag(config=True)
    cell_seconds = Float(30.0, help="Time limit of a cell, in seconds.").tag(config=True)
    notebook_seconds = Float(600.0, help="Time limit of all cells of a learner's notebook, in seconds.").tag(
        config=True
    )
    call_seconds = Float(10.0, help="Time limit of a call that a check makes of learner's code.").tag(config=True)
    check_seconds = Float(120.0, help="Time limit of a check cell, in seconds.").tag(config=True)
    judge_memory = Integer(3000, help="Address space of the process that runs a notebook's checks, in MB.").tag(
        config=True
    )
    judge_cpu_seconds = Integer(600, help="CPU time of the process that runs a notebook's checks, in seconds.").tag(
        config=True
    )
    refused = List(
        Unicode(),
        ["tensorflow", "torch", "jax", "jaxlib", "autograd", "keras", "aesara", "pytensor", "theano", "casadi"],
        help="Libraries that learners' code may not import, because they differentiate.",
    ).tag(config=True)
    packages = List(
        Unicode(),
        ["gradcheck"],
        help="Packages outside of site-packages (installed for development) that learners' code may import.",
    ).tag(config=True)
    user = Unicode("nobody", help="Where root grades: the ordinary user who runs the sandbox.").tag(config=True)
    cgroups = Bool(True, help="Limit memory and processes by cgroups where they are available.").tag(config=True)


@cache
def find_problem() -> str | None:
    """Return why bubblewrap cannot be used here, None where it can."""
    if sys.platform != "linux":
        return f"not available on {sys.platform}"
    program = shutil.which("bwrap")
    if program is None:
        return "not installed"
    arguments = [program, "--unshare-all", "--ro-bind", "/", "/", "true"]
    if os.geteuid() == 0:
        arguments = [*drop_rights("nobody"), *arguments]
    tried = subprocess.run(arguments, capture_output=True, text=True, stdin=subprocess.DEVNULL, cwd="/", check=False)
    if tried.returncode:
        reason = tried.stderr.strip().splitlines()[-1:] or ["it does not start"]
        return f"installed but not permitted to work ({reason[0][:200]}; are unprivileged user namespaces allowed?)"
    return None


def drop_rights(user: str) -> list[str]:
    """Return the command that runs another one as an ordinary user, without any of root's rights."""
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        raise InstructorError(f"SandboxSettings.user is {user!r}, and there is no such user here.") from None
    if entry.pw_uid == 0:
        raise InstructorError("SandboxSettings.user is root; learners' code never runs with root's rights.")
    return [
        "setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups", "--no-new-privs",
        "--inh-caps=-all", "--bounding-set=-all",
    ]  # fmt: skip


@dataclass
class View:
    """What of the host's files the sandbox shows, under names that tell nothing of the host."""

    binds: list[tuple[str, str]] = field(default_factory=list)
    path: list[str] = field(default_factory=list)
    python: str = ""

    def show(self, source: str, target: str) -> str:
        """Show a host's folder, read-only, at ``target``."""
        self.binds.append((source, target))
        return target


def within(path: Path, folder: Path) -> bool:
    return path == folder or folder in path.parents


@cache
def interpreter_view(packages: tuple[str, ...]) -> View:
    """Return a view of this interpreter, its libraries and the packages named, below /usr and /opt."""
    view = View()
    base = Path(sys.base_prefix).resolve()
    program = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    home = base if within(base, Path("/usr")) else Path("/opt/python")
    if home != base:
        view.show(str(base), str(home))
    view.python = str(home / program.relative_to(base)) if within(program, base) else str(program)
    numbers = itertools.count()
    for entry in sys.path:
        folder = Path(entry).resolve() if entry else None
        if folder is None or not folder.is_dir():
            continue
        if within(folder, base):
            view.path.append(str(home / folder.relative_to(base)))
        elif within(folder, Path("/usr")):
            view.path.append(str(folder))
        elif folder.name in ("site-packages", "dist-packages"):
            view.path.append(view.show(str(folder), f"/opt/packages/{next(numbers)}"))
    view.path.append("/opt/own")
    for name in ("classroom", *packages):
        package = package_folder(name)
        if package is not None:
            view.show(str(package), f"/opt/own/{name}")
    return view


def package_folder(name: str) -> Path | None:
    """Return the folder of a package that is importable but outside of every site-packages."""
    import importlib.util

    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    if spec is None or spec.origin is None or not spec.submodule_search_locations:
        return None
    folder = Path(spec.origin).resolve().parent
    return None if folder.parent.name in ("site-packages", "dist-packages") and name != "classroom" else folder


SANDBOX = [
    "--die-with-parent", "--new-session", "--unshare-all", "--unshare-user", "--disable-userns", "--cap-drop", "ALL",
    "--clearenv", "--uid", "65534", "--gid", "65534", "--hostname", "sandbox",
]  # fmt: skip
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin", "HOME": "/tmp", "LANG": "C.UTF-8", "MPLCONFIGDIR": "/tmp", "MPLBACKEND": "agg",
    "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2",
    "USER": "learner", "LD_LIBRARY_PATH": "/opt/python/lib", "PYTHONDONTWRITEBYTECODE": "1",
}  # fmt: skip


def bubblewrap_command(
    settings: SandboxSettings, view: View, sources: dict[str, str], control: int, calls: int | None
) -> list[str]:
    """Return bubblewrap's command; ``sources`` maps a host folder to where it can be reached without rights.

    ``control`` is the number of the inherited control socket, ``calls`` that of a file with the filter of calls.
    """
    size = str(settings.folder_size * MB)
    command = [shutil.which("bwrap") or "bwrap", *SANDBOX, "--ro-bind", "/usr", "/usr"]
    if calls is not None:
        command += ["--seccomp", str(calls)]
    for name in ("bin", "sbin", "lib", "lib64", "lib32"):
        path = Path("/", name)
        if path.is_symlink():
            command += ["--symlink", os.readlink(path), str(path)]
        elif path.is_dir():
            command += ["--ro-bind", str(path), str(path)]
    for file in ("/etc/ld.so.cache", "/etc/fonts"):
        command += ["--ro-bind-try", file, file]
    # What an alternative points to is below /usr; the links themselves are needed for libblas.so.3 and the like.
    command += ["--ro-bind-try", "/etc/alternatives", "/etc/alternatives"]
    for source, target in view.binds:
        command += ["--ro-bind", sources.get(source, source), target]
    for source, target in view.binds:
        for name in settings.refused:
            if (Path(source) / name).is_dir():
                command += ["--tmpfs", f"{target}/{name}", "--remount-ro", f"{target}/{name}"]
    command += ["--dev", "/dev", "--size", size, "--tmpfs", "/dev/shm", "--remount-ro", "/dev"]
    command += ["--size", size, "--tmpfs", "/tmp", "--size", size, "--tmpfs", "/notebook", "--remount-ro", "/"]
    for name, value in ENVIRONMENT.items():
        command += ["--setenv", name, value]
    inside = {
        "limits": {
            "RLIMIT_AS": settings.address_space * MB,
            "RLIMIT_CPU": settings.cpu_seconds,
            "RLIMIT_FSIZE": settings.file_size * MB,
            "RLIMIT_NOFILE": settings.open_files,
            "RLIMIT_NPROC": settings.processes + MAX_SNAPSHOTS,
            "RLIMIT_CORE": 0,
        },
        "refused": list(settings.refused),
        "packages": list(settings.packages),
        "max_bytes": settings.message_size * MB,
    }
    start = f"import gc, sys; gc.disable(); sys.path[:0] = {view.path!r}; from classroom.inside import main; main()"
    return [
        *command, "--chdir", "/notebook", "--", view.python, "-I", "-S", "-c", start, str(control), json.dumps(inside),
    ]  # fmt: skip


_numbers = itertools.count()
MOUNTS = "mounts"
CGROUPS = Path("/sys/fs/cgroup")


class Cgroup:
    """A group of processes with a limit on their memory and number; ``missing`` names the limits that it lacks."""

    def __init__(self, settings: SandboxSettings) -> None:
        self.folders: list[Path] = []
        self.prefix: list[str] = []
        self.missing, self.reason = "", ""
        limits = (settings.memory * MB, settings.processes + MAX_SNAPSHOTS)
        if not settings.cgroups:
            self.lack("memory", "processes", reason="they are switched off (SandboxSettings.cgroups)")
        elif os.geteuid() == 0:
            self.make(*limits)
        elif scope_limits() is None:
            self.lack("memory", "processes", reason="neither root's cgroups nor systemd's user scopes are available")
        else:
            self.prefix = scope_command(*limits)
            for what in sorted({"memory", "processes"} - (scope_limits() or set())):
                self.lack(what, reason="systemd does not pass that limit on to your user's scopes")

    def lack(self, *limits: str, reason: str) -> None:
        """Note limits that are missing; the first reason is the one that is told."""
        self.missing = " and ".join([*filter(None, [self.missing]), *limits])
        self.reason = self.reason or reason

    def make(self, memory: int, processes: int) -> None:
        """Make the group as root, in cgroup v1's two hierarchies or in the one of v2, with the limits that it takes."""
        name, why = f"classroom-{os.getpid()}-{next(_numbers)}", ""
        if (CGROUPS / "cgroup.controllers").exists():
            why = hand_down_controllers()
            self.limit("memory", CGROUPS / name, {"memory.max": memory, "memory.swap.max": 0}, why)
            self.limit("processes", CGROUPS / name, {"pids.max": processes}, why)
        else:
            swapped = {"memory.limit_in_bytes": memory, "memory.memsw.limit_in_bytes": memory}
            self.limit("memory", CGROUPS / "memory" / name, swapped, why)
            self.limit("processes", CGROUPS / "pids" / name, {"pids.max": processes}, why)
        if self.missing == "memory and processes":
            self.remove()
            return
        # In some containers a group takes limits, but no process.
        entered = subprocess.run(["sh", "-e", "-c", "\n".join(self.enter())], capture_output=True, check=False)
        if entered.returncode:
            self.remove()
            self.missing, self.reason = "", ""
            self.lack("memory", "processes", reason=f"the system lets no process into a group below {CGROUPS}")

    def limit(self, what: str, folder: Path, limits: dict[str, int], why: str) -> None:
        """Set the limits on ``what``, the first of them at least, in a folder of the group; note it if that fails."""
        try:
            folder.mkdir(exist_ok=True)
            if folder not in self.folders:
                self.folders.append(folder)
            for number, (file, limit) in enumerate(limits.items()):
                # Kernels can be told not to account for swap.
                if number == 0 or (folder / file).exists():
                    (folder / file).write_text(str(limit))
        except OSError as problem:
            self.lack(what, reason=why or f"the system does not let them be made ({problem.strerror})")

    def enter(self) -> list[str]:
        """Return the steps by which a shell enters the group that root made."""
        return [f"echo $$ > {shlex.quote(str(folder / 'cgroup.procs'))}" for folder in self.folders]

    def remove(self) -> None:
        """Remove the group; its processes are to have ended."""
        for folder in self.folders:
            for _ in range(200):
                try:
                    folder.rmdir()
                    break
                except FileNotFoundError:
                    break
                except OSError:
                    with contextlib.suppress(OSError, ValueError):
                        for pid in (folder / "cgroup.procs").read_text().split():
                            os.kill(int(pid), signal.SIGKILL)
                    time.sleep(0.01)
        self.folders = []


def hand_down_controllers() -> str:
    """Let groups of cgroup v2 have limits; return why they cannot, as far as that is known."""
    wanted = ("memory", "pids")
    try:
        offered = (CGROUPS / "cgroup.controllers").read_text().split()
        handed = " ".join(f"+{name}" for name in wanted if name in offered)
        (CGROUPS / "cgroup.subtree_control").write_text(handed)
    except OSError as problem:
        if problem.errno == errno.EBUSY:
            return f"processes run in {CGROUPS} itself, as in many containers, and so groups below it have no limits"
        return ""
    lacking = " and ".join(name for name in wanted if name not in offered)
    return f"the kernel offers no controller for {lacking} in {CGROUPS}/cgroup.controllers" if lacking else ""


def remove_leftovers() -> None:
    """Remove the groups and the folders of sandboxes whose grader was killed."""
    groups = [path for top in (".", "memory", "pids") for path in Path("/sys/fs/cgroup", top).glob("classroom-*-*")]
    for path in [*Path("/tmp").glob("classroom-view-*-*"), *groups]:
        number = path.name.removeprefix("classroom-").removeprefix("view-").partition("-")[0]
        if number.isdigit() and not os.path.exists(f"/proc/{number}"):
            with contextlib.suppress(OSError):
                # A folder's own folders were mount points; nothing else is ever in there, beside the table of them.
                (path / MOUNTS).unlink(missing_ok=True)
                for inner in path.glob("[0-9]*"):
                    inner.rmdir()
                path.rmdir()


def scope_command(memory: int, processes: int) -> list[str]:
    """Return the command that runs another one in a scope of systemd's with these limits."""
    return [
        "systemd-run", "--user", "--scope", "--quiet", "--collect", *oom_policy(), "-p", f"MemoryMax={memory}",
        "-p", "MemorySwapMax=0", "-p", f"TasksMax={processes}", "--",
    ]  # fmt: skip


def scope_environment() -> dict[str, str]:
    """Return the environment in which systemd-run finds the user's systemd, in a cron job or after sudo as well."""
    kept = {name: os.environ[name] for name in ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS") if name in os.environ}
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "XDG_RUNTIME_DIR": f"/run/user/{os.geteuid()}"} | kept


def said_in_scope(command: list[str]) -> str | None:
    """Return what a command says that starts a scope, None where it fails."""
    try:
        ran = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=10, check=False,
            env=scope_environment(),
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return None if ran.returncode else ran.stdout


@cache
def oom_policy() -> tuple[str, ...]:
    """Return the option that keeps systemd from ending a whole sandbox when one process in it had too much memory.

    Older versions of systemd do not know it for scopes.
    """
    option = ("-p", "OOMPolicy=continue")
    tried = said_in_scope(["systemd-run", "--user", "--scope", "--quiet", "--collect", *option, "true"])
    return () if tried is None else option


@cache
def scope_limits() -> set[str] | None:
    """Return which limits are in force in this user's scopes, None where systemd starts none.

    Systemd says nothing about a limit whose controller the user does not have, so a scope's own files are read.
    """
    look = 'cd "/sys/fs/cgroup$(sed -n s/^0:://p /proc/self/cgroup)" && grep -H . memory.max pids.max; exit 0'
    asked = {"memory": ("memory.max", 1000 * MB), "processes": ("pids.max", 100)}
    said = said_in_scope([*scope_command(*(limit for _, limit in asked.values())), "sh", "-c", look])
    if said is None:
        return None
    found = dict(line.split(":", 1) for line in said.splitlines())
    values = {file: int(value) for file, value in found.items() if value != "max"}
    return {what for what, (file, limit) in asked.items() if file in values and values[file] <= limit}


def escape_blanks(name: str) -> str:
    """Return a file's name as it stands in a table of mounts, where a blank would end it."""
    return "".join(f"\\{ord(sign):03o}" if sign in " \t\n\\#" else sign for sign in name)


# What a cell did. A crash, or the system where memory is short, ends a process as well: what is said accuses nobody.
ENDED = (
    "ended the process that runs your code, as os._exit, os.kill, a crash or too much memory does: take out what does "
    "so"
)
ENDED_OTHERS = "ended processes beside its own, as os.kill does: take that out"
CROWDED = "started as many processes as it may, so that nothing else can run: take out what starts them"
FORGED = "sent the grader something that is no answer"


class SandboxGone(Exception):
    """The sandbox has ended, or does not answer: what ran in it is lost.

    ``did`` tells the instructor what the code did, where that is a reason to look at it.
    """

    def __init__(self, text: str, did: str = "") -> None:
        super().__init__(text)
        self.did = did


class SandboxRefused(SandboxGone):
    """The sandbox is there, and could not do what it was asked for."""


class Sandbox:
    """One learner's sandbox: it starts in the background, takes files and notebooks, and is killed at the end."""

    def __init__(self, settings: SandboxSettings) -> None:
        problem = find_problem()
        if problem:
            raise InstructorError(INSTALL.format(problem=problem))
        self.settings, self.ready = settings, False
        self.cgroup = Cgroup(settings)
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.complaints = tempfile.TemporaryFile()  # noqa: SIM115  (closed with the sandbox)
        self.folder: str | None = None
        self.notebook: Inside | None = None
        view = interpreter_view(tuple(settings.packages))
        try:
            with theirs, tempfile.TemporaryFile() as calls:
                calls.write(call_filter())
                calls.seek(0)
                self.process = subprocess.Popen(
                    self.command(view, theirs.fileno(), calls.fileno()),
                    stdin=subprocess.DEVNULL,
                    stdout=self.complaints,
                    stderr=self.complaints,
                    cwd="/",
                    env=scope_environment(),
                    pass_fds=[theirs.fileno(), calls.fileno()],
                )
        except BaseException:
            self.cgroup.remove()
            raise

    def command(self, view: View, control: int, calls: int) -> list[str]:
        """Return the whole command: cgroups, view, an ordinary user, bubblewrap, in this order."""
        numbers = (control, calls if call_filter() else None)
        if os.geteuid() != 0:
            return [*self.cgroup.prefix, *bubblewrap_command(self.settings, view, {}, *numbers)]
        # Root's folders may be closed to the ordinary user who is to show them: they are mounted, in a namespace of
        # this command's own, below a folder that is open to that user.
        # Not in TMPDIR, which may be closed to that user as well.
        self.folder = tempfile.mkdtemp(prefix=f"classroom-view-{os.getpid()}-", dir="/tmp")
        os.chmod(self.folder, 0o711)
        sources = {source: f"{self.folder}/{number}" for number, (source, _) in enumerate(view.binds)}
        for target in sources.values():
            os.mkdir(target)
        # One command mounts all of them.
        table = [f"{escape_blanks(source)} {target} none bind 0 0\n" for source, target in sources.items()]
        Path(self.folder, MOUNTS).write_text("".join(table), encoding="utf-8")
        inner = [*drop_rights(self.settings.user), *bubblewrap_command(self.settings, view, sources, *numbers)]
        steps = [*self.cgroup.enter(), f"mount --all --fstab {self.folder}/{MOUNTS}", f"exec {shlex.join(inner)}"]
        return ["unshare", "--mount", "--propagation", "private", "sh", "-e", "-c", "\n".join(steps)]

    def wait_until_ready(self) -> None:
        """Return when the fork server inside is ready; InstructorError with its complaint if it does not start."""
        if self.ready:
            return
        found, _, _ = select.select([self.control], [], [], START_SECONDS)
        if not found or not self.control.recv(65536):
            self.complaints.seek(0)
            said = self.complaints.read(20_000).decode(errors="replace").strip().splitlines()[-3:]
            self.close()
            raise InstructorError(f"The sandbox for learners' code does not start: {' | '.join(said) or 'no reason'}.")
        self.ready = True

    def ask(self, request: dict[str, Any], descriptors: list[int], seconds: float = 10.0) -> None:
        """Have the fork server do something; SandboxGone where it cannot."""
        try:
            self.control.settimeout(seconds)
            socket.send_fds(self.control, [json.dumps(request).encode()], descriptors)
            reply = self.control.recv(65536)
            said = json.loads(reply) if reply else {}
        except (OSError, ValueError):
            raise SandboxGone("the sandbox does not answer") from None
        if not isinstance(said, dict) or said.get("done") != request["do"]:
            raise SandboxGone("the sandbox has ended")
        if "error" in said:
            raise SandboxRefused(f"the sandbox could not {request['do']}: {str(said['error'])[:200]}")

    def look_for_harm(self) -> None:
        """Raise SandboxGone where code has ended the sandbox's own process, or left no room for another one."""
        try:
            self.ask({"do": "fork"}, [])
        except SandboxRefused:
            raise SandboxGone(CROWDED, "started as many processes as it may") from None
        except SandboxGone:
            raise SandboxGone(ENDED_OTHERS, "ended processes beside its own") from None

    def open_notebook(self, files: dict[str, Path]) -> "Inside":
        """Return a fresh notebook process beside copies of ``files``, after all else in the sandbox is gone."""
        self.wait_until_ready()
        if self.notebook is not None:
            self.notebook.close()
        self.ask({"do": "clean"}, [])
        for name, path in files.items():
            with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
                self.ask({"do": "file", "name": name}, [file.fileno()])
        mine, theirs = socket.socketpair()
        self.notebook = Inside(Channel(mine, self.settings.message_size * MB, MAX_OUTPUTS))
        with theirs:
            self.ask({"do": "notebook"}, [theirs.fileno()])
        return self.notebook

    def close(self) -> None:
        """Kill everything in the sandbox and remove what it needed."""
        self.control.close()
        if self.notebook is not None:
            self.notebook.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.cgroup.remove()
        self.complaints.close()
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


class Inside:
    """The process of a learner's notebook, as the grader sees it: it runs cells and makes snapshots."""

    def __init__(self, channel: Channel) -> None:
        self.channel, self.number = channel, 0

    def request(self, header: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Return the reply to a request; SandboxGone where none comes in time."""
        self.number += 1
        try:
            self.channel.send({**header, "number": self.number}, b"", seconds)
            reply, _ = self.channel.receive(seconds)
        except Silent:
            raise SandboxGone(f"did not end within {seconds:g} seconds and could not be interrupted") from None
        except (Gone, OSError):
            raise SandboxGone(ENDED, "ended its process") from None
        except Garbled as problem:
            did = "" if isinstance(problem, TooMuch) else FORGED
            raise SandboxGone(f"sent something that is no answer: {problem}", did) from None
        if not isinstance(reply, dict) or reply.get("reply") != self.number:
            raise SandboxGone("sent an answer that nobody asked for", FORGED)
        return reply

    def run(self, source: str, seconds: float) -> Any:
        """Run a cell and return its outputs, as the learner's process tells them."""
        return self.request({"do": "run", "source": source, "seconds": seconds}, seconds + GRACE).get("outputs")

    def snapshot(self) -> socket.socket:
        """Return a connection to a process that stays as the notebook is now."""
        mine, theirs = socket.socketpair()
        with theirs:
            try:
                self.request({"do": "snapshot"}, 10.0)
                socket.send_fds(self.channel.end, [b"s"], [theirs.fileno()])
            except SandboxGone:
                mine.close()
                raise
            except OSError:
                mine.close()
                raise SandboxGone(ENDED, "ended its process") from None
        return mine

    def hand_over(self) -> socket.socket:
        """Return the connection itself, where no cell is to run any more: the last snapshot needs no process more."""
        return self.channel.end.dup()

    def close(self) -> None:
        """Close the connection."""
        self.channel.close()
