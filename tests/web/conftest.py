"""The built book, served as a host would serve it, and a browser to read it with."""

import asyncio
import http.server
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from visits import BOOK, FLAGS, PREFIX, SCREENSHOTS, Host, Visit, see_all


@pytest.fixture(scope="session")
def built_book() -> Path:
    """Return the folder of the built book; fail where it is not built."""
    if not (BOOK / "index.html").is_file():
        pytest.fail(f"{BOOK} holds no book: run `make book` first")
    return BOOK


@pytest.fixture(scope="session")
def address(built_book) -> Iterator[str]:
    """Return the address at which the book is served while the tests run."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Host)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}{PREFIX}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="session")
def chromium(requires_program) -> str:
    """Return the path of the browser."""
    return requires_program("chromium")


@pytest.fixture(scope="session")
def browser(chromium):
    """Return a running browser, for tests that drive one page at a time."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield running
        running.close()


@pytest.fixture(scope="session")
def visits(chromium, address) -> dict[tuple[str, str, int], Visit]:
    """Return what a browser saw on every page in every mode, by page, scheme and width."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    # In a thread of its own: the driver of single pages keeps an event loop in this one.
    with ThreadPoolExecutor(max_workers=1) as thread:
        seen = thread.submit(asyncio.run, see_all(chromium, address)).result()
    kept = [visit.__dict__ for visit in sorted(seen, key=lambda visit: (visit.page, visit.scheme, visit.width))]
    (SCREENSHOTS / "visits.json").write_text(json.dumps(kept, indent=1), "utf-8")
    return {(visit.page, visit.scheme, visit.width): visit for visit in seen}
