"""Say, in the last line, which limits a running sandbox has under cgroup v2, which are missing, and what is left."""

import os
import time
from pathlib import Path

from classroom.sandbox import MB, Sandbox, SandboxSettings


def limits_of(folder: Path) -> list[str]:
    """Return the limits of a group in words, after a line for each."""
    values = {}
    for name in ("memory.max", "memory.swap.max", "pids.max"):
        values[name] = (folder / name).read_text().strip() if (folder / name).exists() else "max"
        print(f"{name}: {values[name]}")
    # The kernel rounds to pages.
    words = {
        "memory.max": lambda value: f"{round(int(value) / MB)} MB",
        "memory.swap.max": lambda value: "no swap" if value == "0" else f"swap of {value}",
        "pids.max": lambda value: f"{value} processes",
    }
    return [words[name](value) for name, value in values.items() if value != "max"]


def is_gone(folder: Path) -> bool:
    """Return whether a group is gone, within ten seconds: systemd removes scopes when it comes to it."""
    end = time.monotonic() + 10
    while folder.exists() and time.monotonic() < end:
        time.sleep(0.1)
    return not folder.exists()


box = Sandbox(SandboxSettings(memory=700, processes=20))
try:
    assert box.open_notebook({}).run("print(6 * 7)", 30)[0]["text"] == "42\n"
    group = Path(f"/proc/{box.process.pid}/cgroup").read_text(encoding="utf-8").strip().removeprefix("0::")
    print(f"uid {os.geteuid()}, group {group}")
    folder = Path("/sys/fs/cgroup" + group)
    said = ", ".join(limits_of(folder))
finally:
    box.close()
if said:
    said += "; afterwards no group is left" if is_gone(folder) else f"; {folder} is left"
if box.cgroup.missing:
    # Without a group of its own the sandbox is in that of this command, which has limits for other reasons.
    said = "works" if box.cgroup.missing == "memory and processes" else said
    said = f"{said}; missing: {box.cgroup.missing}, since {box.cgroup.reason}"
print(said)
