"""The built book, served as a host would serve it, and a browser to read it with."""

import asyncio
import http.server
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from visits import BOOK, FLAGS, PATIENCE, PREFIX, SCREENSHOTS, Host, Reading, Visit, see_all


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


@pytest.fixture
def open_page(browser, address):
    """Return a function that opens a page of the book in a context of its own, with patience, until the test ends."""
    contexts = []

    def open_one(name: str, **settings):
        contexts.append(browser.new_context(**settings))
        contexts[-1].set_default_timeout(PATIENCE * 1000)
        visitor = contexts[-1].new_page()
        visitor.goto(f"{address}{name}")
        return visitor

    yield open_one
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def sweep(chromium, address) -> tuple[list[Visit], list[Reading]]:
    """Return what a browser saw on every page, in every mode and in plainer ways."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    # In a thread of its own: the driver of single pages keeps an event loop in this one.
    with ThreadPoolExecutor(max_workers=1) as thread:
        visits, readings = thread.submit(asyncio.run, see_all(chromium, address)).result()
    (SCREENSHOTS / "visits.json").write_text(json.dumps([visit.__dict__ for visit in visits], indent=1), "utf-8")
    return visits, readings


@pytest.fixture(scope="session")
def visits(sweep) -> dict[tuple[str, str, int], Visit]:
    """Return what a browser saw on every page in every mode, by page, scheme and width."""
    return {(visit.page, visit.scheme, visit.width): visit for visit in sweep[0]}


@pytest.fixture(scope="session")
def readings(sweep) -> dict[tuple[str, str], Reading]:
    """Return what there is to read on each page without scripts and from its folder, by page and way."""
    return {(reading.page, reading.way): reading for reading in sweep[1]}
