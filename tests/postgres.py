"""A PostgreSQL server of one's own on loopback, for as long as a test or a benchmark runs; never as root."""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path


def programs() -> Path | None:
    """Return the folder of PostgreSQL's server programs, None where it is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    initdb = shutil.which("initdb")
    return Path(initdb).parent if initdb else None


class Server:
    """A running server; ``url`` is the address of a fresh database for SQLAlchemy."""

    def __init__(self, folder: Path, port: int, prefix: list[str]) -> None:
        self.data, self.port, self.prefix = folder / "data", port, prefix
        self.url = f"postgresql+psycopg://teacher@127.0.0.1:{port}/gradebook"

    def control(self, *arguments: str) -> None:
        """Run ``pg_ctl``."""
        command = [*self.prefix, str(programs() / "pg_ctl"), "-D", str(self.data), "-w", "-l", f"{self.data}.log"]
        # Not through a pipe, which the server would hold open.
        with open(os.devnull, "w") as nowhere:
            subprocess.run([*command, *arguments], check=True, stdout=nowhere, timeout=120, cwd="/")

    def tell(self, database: str, statement: str) -> None:
        """Run one statement as the server's owner."""
        import psycopg

        with psycopg.connect(f"postgresql://teacher@127.0.0.1:{self.port}/{database}", autocommit=True) as connection:
            connection.execute(statement)

    def fresh_database(self) -> str:
        """Return the address of an empty database, in the place of what was there."""
        self.tell("postgres", "DROP DATABASE IF EXISTS gradebook WITH (FORCE)")
        self.tell("postgres", "CREATE DATABASE gradebook")
        return self.url


@contextlib.contextmanager
def postgres() -> Iterator[Server]:
    """Yield a server that is stopped and removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="postgres-", dir="/tmp"))
    prefix: list[str] = []
    if os.geteuid() == 0:
        names = [entry.pw_name for entry in pwd.getpwall()]
        entry = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
        os.chown(folder, entry.pw_uid, entry.pw_gid)
        prefix = ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups"]
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = Server(folder, port, prefix)
    try:
        subprocess.run(
            [*prefix, str(programs() / "initdb"), "-D", str(server.data), "-U", "teacher", "-A", "trust", "-E", "UTF8"],
            check=True, capture_output=True, timeout=300, cwd="/",
        )  # fmt: skip
        server.control("-o", f"-h 127.0.0.1 -p {port} -k {folder}", "start")
        try:
            server.fresh_database()
            yield server
        finally:
            server.control("-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
