"""How the sandbox is started: never as root, with each limit, and with a view that tells nothing of the host."""

import os
import time
from pathlib import Path

import pytest

from classroom import sandbox
from classroom.errors import InstructorError
from classroom.sandbox import Cgroup, Sandbox, SandboxSettings, bubblewrap_command, drop_rights, interpreter_view


@pytest.fixture
def box(requires_program):
    """Return a sandbox that is closed at the end."""
    requires_program("bwrap")
    box = Sandbox(SandboxSettings())
    yield box
    box.close()


def test_root_is_no_user_for_the_sandbox():
    with pytest.raises(InstructorError, match="root"):
        drop_rights("root")
    with pytest.raises(InstructorError, match="no such user"):
        drop_rights("nobody-of-this-name")


def test_rights_are_dropped_before_bubblewrap_starts():
    view = interpreter_view(("gradcheck",))
    command = " ".join([*drop_rights("nobody"), *bubblewrap_command(SandboxSettings(), view, {}, 3, 4)])
    assert command.index("--reuid=") < command.index("--bounding-set=-all") < command.index("bwrap")
    for part in ("--unshare-all", "--disable-userns", "--cap-drop ALL", "--clearenv", "--new-session", "--seccomp 4"):
        assert part in command
    assert "--proc" not in command and "--bind " not in command.replace("--ro-bind ", "")


def test_view_shows_no_folder_of_the_course_and_no_home(root):
    view = interpreter_view(("gradcheck",))
    targets = [target for _, target in view.binds]
    assert all(target.startswith(("/opt/", "/usr")) for target in targets)
    assert str(root) not in [source for source, _ in view.binds]
    assert not any(Path(source) in (root / "solutions").parents for source, _ in view.binds if source != str(root))


def test_processes_inside_belong_to_an_ordinary_user(box):
    box.wait_until_ready()
    status = Path(f"/proc/{box.process.pid}/status").read_text(encoding="utf-8")
    uids = next(line for line in status.splitlines() if line.startswith("Uid:")).split()[1:]
    assert "0" not in uids
    assert os.geteuid() != 0 or "CapEff:\t0000000000000000" in status


def test_settings_reach_the_limits_inside(box):
    outputs = box.open_notebook({}).run(
        "import resource as r\nprint([r.getrlimit(k)[1] for k in (r.RLIMIT_AS, r.RLIMIT_CPU, r.RLIMIT_FSIZE, "
        "r.RLIMIT_NOFILE, r.RLIMIT_CORE)])",
        20,
    )
    assert outputs[0]["text"] == "[1600000000, 300, 50000000, 256, 0]\n"


def test_cell_that_runs_too_long_is_stopped_and_the_next_one_runs(box):
    notebook = box.open_notebook({})
    late = notebook.run("while True:\n    pass", 0.5)
    assert [output["ename"] for output in late if output["output_type"] == "error"] == ["TimeLimit"]
    assert notebook.run("print(6 * 7)", 20)[0]["text"] == "42\n"


def test_traceback_that_takes_long_is_written_whole(box):
    # As on a slow machine, where a traceback takes longer than it takes until the next alarm.
    notebook = box.open_notebook({})
    notebook.run(
        "import time\nwriter = get_ipython().InteractiveTB\nwrite = writer.structured_traceback\n"
        "writer.structured_traceback = lambda *a, **k: [time.sleep(1.2), write(*a, **k)][1]",
        20,
    )
    late = notebook.run("while True:\n    pass", 0.2)
    assert [output.get("ename") for output in late] == ["TimeLimit"]
    assert "while True" in late[0]["traceback"][0]


def test_nothing_of_one_notebook_is_left_for_the_next(box):
    first = box.open_notebook({})
    first.run("import os, time\nopen('/notebook/a', 'w').close(); open('/tmp/b', 'w').close()", 20)
    first.run("if os.fork() == 0:\n    os.setsid()\n    time.sleep(600)", 20)
    second = box.open_notebook({})
    listed = second.run("import os\nprint(os.listdir('/notebook') + os.listdir('/tmp'))", 20)
    assert listed[0]["text"] == "[]\n"
    look = "for pid in set(range(3, 200)) - {os.getpid(), os.getppid()}:\n    try:\n        os.kill(pid, 0)\n"
    look += "        print('process', pid)\n    except OSError:\n        pass\nprint('looked')"
    assert second.run(look, 20)[0]["text"] == "looked\n"


FILL = """
import glob, os, time
made = []
for number in range(3):
    made.append(os.fork())
    if made[-1] == 0:
        hoard = [bytearray(os.urandom(1000) * 20_000) for _ in range(14)]
        open(f'/tmp/full{number}', 'w').close()
        time.sleep(600)
gone = []
while not gone and len(glob.glob('/tmp/full*')) < 3:
    gone = [pid for pid in made if os.waitpid(pid, os.WNOHANG)[0]]
    time.sleep(0.05)
print('held' if gone else 'all three are full')
"""


def test_memory_of_all_processes_together_is_limited(requires_program):
    requires_program("bwrap")
    box = Sandbox(SandboxSettings(memory=600))
    try:
        if box.cgroup.missing:
            pytest.skip(f"no group of processes has limits here: {box.cgroup.reason}")
        # 840 MB in three processes, none of which meets its own limit.
        assert box.open_notebook({}).run(FILL, 60)[0]["text"] == "held\n"
    finally:
        box.close()


LIMITS = ["memory.max", "memory.swap.max", "pids.max", "memory.limit_in_bytes", "memory.memsw.limit_in_bytes"]


def test_running_sandbox_is_in_a_group_with_the_limits_that_goes_with_it(requires_program):
    requires_program("bwrap")
    box = Sandbox(SandboxSettings(memory=700, processes=20))
    try:
        if box.cgroup.missing:
            pytest.skip(f"no group of processes has limits here: {box.cgroup.reason}")
        box.wait_until_ready()
        limits = {}
        for line in Path(f"/proc/{box.process.pid}/cgroup").read_text(encoding="utf-8").splitlines():
            _, controllers, group = line.split(":", 2)
            for name in LIMITS:
                file = Path(f"/sys/fs/cgroup/{controllers}{group}", name)
                if controllers in ("", "memory", "pids") and file.exists():
                    limits[file] = file.read_text().strip()
    finally:
        box.close()
    said = {file.name: value for file, value in limits.items()}
    # The kernel rounds to pages.
    assert round(int(said.get("memory.max") or said["memory.limit_in_bytes"]) / 1e6) == 700
    assert said["pids.max"] == str(20 + sandbox.MAX_SNAPSHOTS)
    # Neither is there where the kernel does not account for swap.
    assert said.get("memory.swap.max", "0") == "0"
    assert round(int(said.get("memory.memsw.limit_in_bytes", 7e8)) / 1e6) == 700
    end = time.monotonic() + 10
    while any(file.exists() for file in limits) and time.monotonic() < end:
        time.sleep(0.1)
    assert not any(file.exists() for file in limits)


def test_files_arrive_and_no_link_is_followed(box, tmp_path):
    (tmp_path / "data.csv").write_text("1,2", encoding="utf-8")
    notebook = box.open_notebook({"deep/data.csv": tmp_path / "data.csv"})
    assert notebook.run("print(open('deep/data.csv').read())", 20)[0]["text"] == "1,2\n"
    (tmp_path / "link").symlink_to("/etc/hostname")
    with pytest.raises(OSError):
        box.open_notebook({"link": tmp_path / "link"})


def test_missing_cgroups_are_named(monkeypatch):
    group = Cgroup(SandboxSettings(cgroups=False))
    assert group.missing == "memory and processes" and "switched off" in group.reason
    monkeypatch.setattr(sandbox.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(sandbox, "scope_limits", lambda: None)
    group = Cgroup(SandboxSettings())
    assert group.missing == "memory and processes" and "neither" in group.reason
    monkeypatch.setattr(sandbox, "scope_limits", lambda: {"memory", "processes"})
    scope = Cgroup(SandboxSettings())
    assert scope.missing == "" and scope.prefix[0] == "systemd-run" and "MemoryMax=2000000000" in scope.prefix


def test_limit_that_scopes_do_not_have_is_named_and_the_other_kept(monkeypatch):
    monkeypatch.setattr(sandbox.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(sandbox, "scope_limits", lambda: {"processes"})
    scope = Cgroup(SandboxSettings())
    assert scope.missing == "memory" and "scopes" in scope.reason and scope.prefix[0] == "systemd-run"


STARTS_WHAT_FOLLOWS = 'while [ "$1" != -- ] && [ "$1" != true ]; do shift; done; [ "$1" = true ] || shift; exec "$@"'


@pytest.mark.parametrize(
    ("systemd", "limits", "policy"),
    [
        # As systemd does where the controllers are not the user's: it starts the command and says nothing.
        (STARTS_WHAT_FOLLOWS, set(), ("-p", "OOMPolicy=continue")),
        # As an older one does with an option that it does not know.
        (f'case "$*" in *OOMPolicy*) exit 1;; esac; {STARTS_WHAT_FOLLOWS}', set(), ()),
        ("exit 1", None, ()),
    ],
    ids=["without-limits", "older", "without-manager"],
)
def test_scopes_without_limits_are_seen_through(monkeypatch, tmp_path, systemd, limits, policy):
    (tmp_path / "systemd-run").write_text(f"#!/bin/sh\n{systemd}\n", encoding="utf-8")
    (tmp_path / "systemd-run").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(sandbox, "oom_policy", sandbox.oom_policy.__wrapped__)
    assert sandbox.oom_policy() == policy
    assert sandbox.scope_limits.__wrapped__() == limits


def test_command_of_an_ordinary_user_runs_bubblewrap_in_a_scope_with_limits(monkeypatch, requires_program):
    requires_program("bwrap")
    monkeypatch.setattr(sandbox.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(sandbox, "scope_limits", lambda: {"memory", "processes"})
    settings = SandboxSettings(memory=700, processes=20)
    unstarted = Sandbox.__new__(Sandbox)
    unstarted.settings, unstarted.cgroup = settings, Cgroup(settings)
    command = unstarted.command(interpreter_view(("gradcheck",)), 3, 4)
    scope, rest = command[: command.index("--")], command[command.index("--") + 1 :]
    assert scope[:3] == ["systemd-run", "--user", "--scope"]
    assert {"MemoryMax=700000000", "MemorySwapMax=0", f"TasksMax={20 + sandbox.MAX_SNAPSHOTS}"} <= set(scope)
    assert rest[0].endswith("bwrap") and "unshare" not in command and "setpriv" not in command


@pytest.mark.parametrize("version", [1, 2])
def test_groups_that_root_makes_have_the_limits(monkeypatch, tmp_path, version):
    monkeypatch.setattr(sandbox.os, "geteuid", lambda: 0)
    monkeypatch.setattr(sandbox, "CGROUPS", tmp_path)
    if version == 2:
        (tmp_path / "cgroup.controllers").write_text("memory pids", encoding="utf-8")
    else:
        (tmp_path / "memory").mkdir()
        (tmp_path / "pids").mkdir()
    group = Cgroup(SandboxSettings(memory=700, processes=20))
    assert group.missing == ""
    written = {file.name: file.read_text() for folder in group.folders for file in folder.iterdir()}
    assert written.pop("cgroup.procs").strip().isdigit()
    most = str(20 + sandbox.MAX_SNAPSHOTS)
    if version == 2:
        assert written == {"memory.max": "700000000", "pids.max": most}
        assert (tmp_path / "cgroup.subtree_control").read_text() == "+memory +pids"
    else:
        assert written == {"memory.limit_in_bytes": "700000000", "pids.max": most}


def test_group_that_cannot_be_made_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(sandbox.os, "geteuid", lambda: 0)
    monkeypatch.setattr(sandbox, "CGROUPS", tmp_path / "nowhere")
    group = Cgroup(SandboxSettings())
    assert group.missing == "memory and processes" and "the system does not let them be made" in group.reason


def test_controller_that_is_not_there_is_named_and_the_other_limit_kept(monkeypatch, tmp_path):
    monkeypatch.setattr(sandbox.os, "geteuid", lambda: 0)
    monkeypatch.setattr(sandbox, "CGROUPS", tmp_path)
    (tmp_path / "memory").mkdir()
    group = Cgroup(SandboxSettings())
    assert group.missing == "processes" and len(group.folders) == 1
    (tmp_path / "cgroup.controllers").write_text("cpu memory", encoding="utf-8")
    assert "no controller for pids" in sandbox.hand_down_controllers()
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+memory"


def test_group_that_no_process_enters_is_removed_and_named(monkeypatch, tmp_path):
    monkeypatch.setattr(sandbox.os, "geteuid", lambda: 0)
    monkeypatch.setattr(sandbox, "CGROUPS", tmp_path)
    (tmp_path / "memory").mkdir()
    (tmp_path / "pids").mkdir()
    monkeypatch.setattr(Cgroup, "enter", lambda group: ["echo $$ > /nowhere/cgroup.procs"])
    monkeypatch.setattr(Cgroup, "remove", lambda group: group.folders.clear())
    group = Cgroup(SandboxSettings())
    assert group.missing == "memory and processes" and "no process into a group" in group.reason
    assert not group.folders


def test_refused_library_is_not_there_and_the_reason_is_said(box):
    outputs = box.open_notebook({}).run("import tensorflow", 20)
    assert "derived by hand" in outputs[0]["evalue"]


def test_package_in_a_folder_with_blanks_is_seen(requires_program, tmp_path, monkeypatch):
    requires_program("bwrap")
    folder = tmp_path / "a folder\twith #1 \\ and 'quotes'" / "own_package"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("VALUE = 42\n", encoding="utf-8")
    tmp_path.chmod(0o755)
    monkeypatch.syspath_prepend(folder.parent)
    box = Sandbox(SandboxSettings(packages=["gradcheck", "own_package"]))
    try:
        seen = box.open_notebook({}).run("import own_package\nprint(own_package.VALUE)", 20)
        assert seen[0]["text"] == "42\n"
    finally:
        box.close()
