"""Every link of the built book: inside it, to a place that exists; outside it, listed for people to check."""

from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from visits import BOOK, every_page


class Links(HTMLParser):
    """Collects the addresses and the anchors of one page."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.anchors: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Note what a tag links to and what can be linked to."""
        for name, value in attributes:
            if name in {"href", "src", "action"} and value is not None:
                self.addresses.append(value)
            if name == "id" and value is not None:
                self.anchors.append(value)


@cache
def links(file: Path) -> Links:
    """Return the links of a built page."""
    found = Links()
    found.feed(file.read_text("utf-8"))
    return found


@pytest.mark.parametrize("page", every_page())
def test_internal_links_lead_somewhere(page, built_book):
    file = built_book / f"{page}.html"
    broken = []
    for address in links(file).addresses:
        parts = urlsplit(address)
        if parts.scheme or parts.netloc:
            continue
        assert not parts.path.startswith("/"), f"{address} works only where the book lies at the root of its host"
        target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
        anchor = unquote(parts.fragment)
        if not target.is_file() or (anchor and target.suffix == ".html" and anchor not in links(target).anchors):
            broken.append(address)
    assert broken == []


@pytest.mark.parametrize("page", every_page())
def test_anchors_are_unique(page, built_book):
    anchors = links(built_book / f"{page}.html").anchors
    assert sorted(anchors) == sorted(set(anchors))


def test_external_links_are_listed_and_encrypted(built_book):
    external: dict[str, list[str]] = {}
    for page in every_page():
        for address in links(built_book / f"{page}.html").addresses:
            if urlsplit(address).scheme in {"http", "https"}:
                external.setdefault(address, []).append(page)
    lines = [f"{address}\t{', '.join(sorted(set(pages)))}" for address, pages in sorted(external.items())]
    (BOOK.parent / "external-links.txt").write_text("\n".join(lines) + "\n", "utf-8")
    assert external, "a book with a bibliography links to something"
    assert [address for address in external if address.startswith("http://")] == []


def test_site_names_no_folder_of_the_machine_that_built_it(built_book):
    here = str(built_book.parent.parent)
    telling = [
        file.relative_to(built_book).as_posix()
        for file in built_book.rglob("*")
        if file.suffix in {".html", ".js", ".css", ".json", ".xml", ".md", ".txt", ".ipynb"}
        and here in file.read_text("utf-8")
    ]
    assert telling == []


def test_published_anchors_stay(built_book):
    """Others link to these places: one that moves leaves a broken link behind. Add new ones, remove none."""
    published = (Path(__file__).parent / "permanent-anchors.txt").read_text("utf-8").split()
    gone = [
        place
        for place in published
        if place.partition("#")[2] not in links(built_book / place.partition("#")[0]).anchors
    ]
    assert len(published) > 50
    assert gone == []
