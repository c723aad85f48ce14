"""The workers that grade a class: on this machine, or behind a scheduler's address."""

import atexit
import contextlib
import logging
import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from classroom.errors import InstructorError
from classroom.sandbox import remove_leftovers

ANSWER_SECONDS = 10
WORKER_SECONDS = 120
FOLDER = "classroom-workers-"


@contextlib.contextmanager
def workers_here(count: int | None) -> Iterator[Any]:
    """Yield a client of a cluster on this machine: one process for each worker, as many as there are processors."""
    import dask
    from dask.system import CPU_COUNT
    from distributed import Client, LocalCluster, Security

    remove_leftovers()
    for old in (old for place in (tempfile.gettempdir(), "/tmp") for old in Path(place).glob(f"{FOLDER}*")):
        if not os.path.exists(f"/proc/{old.name.removeprefix(FOLDER).partition('-')[0]}"):
            shutil.rmtree(old, ignore_errors=True)
    prepare_forks()
    with (
        tempfile.TemporaryDirectory(prefix=f"{FOLDER}{os.getpid()}-", ignore_cleanup_errors=True) as folder,
        dask.config.set(QUIET | NO_PAGES | FORKED | {"temporary-directory": folder}),
        # Whoever may speak to a worker may run code there, so others on this machine are kept out by certificates.
        LocalCluster(
            n_workers=count or CPU_COUNT,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address=None,
            # A port that is free, so that a second run beside this one has nothing to complain about.
            scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
            local_directory=folder,
            silence_logs=logging.CRITICAL,
            security=Security.temporary(),
            preload=["classroom.grader"],
        ) as cluster,
        contextlib.closing(Client(cluster, set_as_default=False, direct_to_workers=True)) as client,
    ):
        yield client


def prepare_forks() -> None:
    """Have workers forked from a process that has imported what they need, once for all of them."""
    import dask
    from distributed.utils import get_mp_context

    with dask.config.set(FORKED):
        get_mp_context().set_forkserver_preload(["distributed", "classroom.grader"])
    # That process' socket goes where the next run finds it, should this one be killed, and where its name is short
    # enough, as it may not be in TMPDIR. Python has no public way to say so.
    ours = multiprocessing.current_process()._config  # type: ignore[attr-defined]
    if "tempdir" not in ours:
        ours["tempdir"] = tempfile.mkdtemp(prefix=f"{FOLDER}{os.getpid()}-", dir="/tmp")
        atexit.register(shutil.rmtree, ours["tempdir"], ignore_errors=True)


@contextlib.contextmanager
def workers_at(address: str) -> Iterator[Any]:
    """Yield a client of the scheduler at an address; InstructorError where none answers, or it has no worker."""
    import dask
    from distributed import Client
    from distributed.comm.addressing import parse_address, parse_host_port
    from distributed.comm.registry import get_backend

    with dask.config.set(QUIET):
        try:
            # Of an address of no known kind, or without a port, the client would complain again when it is forgotten.
            kind, place = parse_address(address)
            get_backend(kind)
            if kind in ("tcp", "tls"):
                parse_host_port(place)
            client = Client(address, timeout=ANSWER_SECONDS, set_as_default=False)
        except (OSError, ValueError, TimeoutError) as problem:
            said = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
            raise InstructorError(
                f"No scheduler answers at {address!r} within {ANSWER_SECONDS} seconds ({said}). Is it running, and is "
                "the address the one that it printed, such as tcp://10.0.0.1:8786?"
            ) from None
        with contextlib.closing(client):
            try:
                client.wait_for_workers(1, timeout=WORKER_SECONDS)
            except TimeoutError:
                raise InstructorError(
                    f"The scheduler at {address} has had no worker for {WORKER_SECONDS} seconds. Start one: dask "
                    f"worker {address} --nthreads 1"
                ) from None
            yield client


# A submission of many megabytes is no mistake, and what workers log is no news for an instructor. Nor does anybody
# look at what Dask would measure of its own work: that takes a fifteenth of a processor.
QUIET = {
    "distributed.admin.large-graph-warning-threshold": "2GB",
    "distributed.admin.system-monitor.interval": "5s",
    "distributed.admin.tick.interval": "1s",
    "distributed.worker.memory.monitor-interval": "1s",
    "distributed.worker.profile.enabled": False,
    "logging.distributed": "critical",
    "distributed.comm.timeouts.connect": f"{ANSWER_SECONDS}s",
}

FORKED = {"distributed.worker.multiprocessing-method": "forkserver"}
# The HTTP server asks for no certificate, and its pages would name the learners to everybody on this machine.
NO_PAGES: dict[str, list[str]] = {"distributed.scheduler.http.routes": [], "distributed.worker.http.routes": []}
