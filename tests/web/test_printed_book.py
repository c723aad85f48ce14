"""The book as one PDF: an outline and contents with the right page numbers, and formulas and figures on its pages."""

import re
import subprocess
import sys

import pytest
from visits import ROOT

# A chapter with formulas, static and moving figures and exercises; a page whose only curves are its formulas.
TOC = """
format: jb-book
root: index
parts:
  - caption: One part
    chapters:
      - file: chapters/05-chain-rule
  - caption: Another
    chapters:
      - file: chapters/glossary
      - file: chapters/changes
"""
TITLES = ["5. Pass the slope on", "Glossary", "See what has changed"]
# The blue of the way forward, as a colour of strokes: 0e5fa8.
FORWARD = ".0549 .3725 .6588 RG"


@pytest.fixture(scope="module")
def printed(built_book, chromium, tmp_path_factory):
    """Return a reader of three pages of the book, printed."""
    from pypdf import PdfReader

    folder = tmp_path_factory.mktemp("printed")
    (folder / "_toc.yml").write_text(TOC, "utf-8")
    command = [sys.executable, ROOT / "web/print/book_to_pdf.py", "--built", built_book]
    command += ["--toc", folder / "_toc.yml", "--into", folder / "book.pdf"]
    subprocess.run(command, check=True, capture_output=True, text=True)
    assert sorted(path.name for path in folder.iterdir()) == ["_toc.yml", "book.pdf"]
    return PdfReader(folder / "book.pdf")


@pytest.fixture(scope="module")
def texts(printed) -> list[str]:
    """Return the text of each sheet."""
    return [page.extract_text() for page in printed.pages]


def sheet_of(title: str, texts: list[str]) -> int:
    """Return the number, counted from 1, of the sheet after the contents on which a title stands in a line alone."""
    (number,) = (n for n, text in enumerate(texts, start=1) if n > 2 and title in text.splitlines())
    return number


def curves(printed, number: int) -> int:
    """Return how many curves are drawn on a sheet: outlines of formulas, round corners, figures."""
    return len(re.findall(rb" c$", printed.pages[number - 1].get_contents().get_data(), re.MULTILINE))


@pytest.mark.parametrize("title", TITLES)
def test_contents_and_outline_say_where_a_page_begins(title, printed, texts):
    number = sheet_of(title, texts)
    assert f"{title} {number}" in re.sub(r"[ \xa0]+", " ", texts[1]).splitlines()
    assert texts[number - 1].splitlines()[-1] == str(number), "the number at the foot of the sheet"
    (entry,) = (entry for entry in printed.outline if not isinstance(entry, list) and entry.title == title)
    assert printed.get_destination_page_number(entry) == number - 1


def test_every_link_of_the_contents_leads_to_its_page(printed, texts):
    places = printed.named_destinations
    targets = [link.get_object()["/Dest"] for link in printed.pages[1]["/Annots"]]
    found = [printed.get_destination_page_number(places[str(target)]) + 1 for target in targets]
    assert found == [sheet_of(title, texts) for title in TITLES]


def test_formulas_are_drawn(printed, texts):
    assert curves(printed, 2) == 0, "letters are no curves"
    assert curves(printed, sheet_of("Glossary", texts)) > 50


def test_figures_are_drawn_in_their_colours_and_have_words(printed, texts):
    words, waiting = [], [printed.trailer["/Root"]["/StructTreeRoot"]]
    while waiting:
        part = waiting.pop().get_object()
        if isinstance(part, list):
            waiting += part
        elif isinstance(part, dict):
            words += [str(part["/Alt"])] if "/Alt" in part else []
            waiting += [part["/K"]] if "/K" in part and not isinstance(part["/K"], int) else []
    for figure in ("A small network, drawn with its two passes", "A circle marked f", "A graph in which x = 2 goes up"):
        assert [alt for alt in words if alt.startswith(figure)] != [], figure
    (fork,) = (number for number, text in enumerate(texts, start=1) if "Two paths lead from" in text)
    assert FORWARD in printed.pages[fork - 1].get_contents().get_data().decode("latin-1")


def test_what_needs_a_click_is_open_and_what_only_clicks_is_gone(texts):
    whole = "\n".join(texts)
    assert "Hint 3" in whole and "Start again" not in whole
    assert "Show code cell source" not in whole and "Begin with the introduction" not in whole
