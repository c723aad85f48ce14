"""Exercises opened elsewhere by one click: the links that each page of the built book has once its places are named."""

import sys
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest
from test_links import Links
from visits import ROOT, contents

REPOSITORY = "https://github.com/someone/course"
HUB = "https://hub.example.org"


@pytest.fixture
def launch(built_book, monkeypatch):
    """Return a function that returns what a page links to that is new, by its words, with the settings given."""
    monkeypatch.syspath_prepend(str(ROOT / "_ext"))
    import front_end
    import notebooks

    class Launches(Links):
        """Collects the addresses of the launches by their words."""

        def __init__(self) -> None:
            super().__init__()
            self.by_words: dict[str, str] = {}

        def handle_data(self, data: str) -> None:
            """Note what the last link says."""
            if self.addresses and data.strip().isalnum():
                self.by_words.setdefault(data.strip(), self.addresses[-1])

    def find(page: str, repository: str = "", hub: str = "") -> dict[str, str]:
        text = (built_book / f"{page}.html").read_text("utf-8")
        assert 'class="launch"' not in text, "the book was built with its places named"
        config = SimpleNamespace(book_repository=repository, book_branch="main", jupyterhub_address=hub)
        offered = front_end.Page(page, text, {})
        notebooks.offer_launch(SimpleNamespace(config=config, srcdir=str(ROOT)), offered)
        _, opened, rest = offered.html.partition('<p class="launch">')
        launches = Launches()
        launches.feed(rest.partition("</p>")[0] if opened else "")
        return launches.by_words

    yield find
    for module in ("front_end", "notebooks"):
        sys.modules.pop(module, None)


def exercise_of(page: str) -> Path | None:
    """Return the released notebook of a page's exercise, if it has one."""
    return next(iter((ROOT / "exercises").glob(f"{Path(page).name}/*.ipynb")), None)


@pytest.mark.parametrize("page", [page for page in contents() if exercise_of(page)])
def test_page_launches_its_own_exercise(page, launch):
    notebook = exercise_of(page).relative_to(ROOT).as_posix()
    found = launch(page, REPOSITORY, HUB)
    assert list(found) == ["JupyterHub", "Binder", "Colab"]
    hub, binder, colab = (urlsplit(address) for address in found.values())
    # nbgitpuller fetches the repository into a folder of its name, and then opens what `urlpath` says.
    assert (hub.netloc, hub.path) == ("hub.example.org", "/hub/user-redirect/git-pull")
    assert parse_qs(hub.query) == {
        "repo": [REPOSITORY],
        "branch": ["main"],
        "urlpath": [f"lab/tree/course/{notebook}"],
    }
    assert (binder.netloc, binder.path) == ("mybinder.org", "/v2/gh/someone/course/main")
    assert parse_qs(binder.query) == {"urlpath": [f"lab/tree/{notebook}"]}
    assert (colab.netloc, colab.path) == ("colab.research.google.com", f"/github/someone/course/blob/main/{notebook}")


def test_repository_alone_brings_the_public_services(launch):
    assert list(launch("chapters/06-layer-backward", REPOSITORY)) == ["Binder", "Colab"]


@pytest.mark.parametrize("hub", ["", HUB])
def test_without_a_repository_nothing_is_launched(hub, launch):
    assert launch("chapters/06-layer-backward", hub=hub) == {}


def test_page_without_an_exercise_launches_nothing(launch):
    assert launch("chapters/glossary", REPOSITORY, HUB) == {}
