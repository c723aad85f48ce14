"""Print the built book to one PDF, with a title page, a table of contents and an outline: `make pdf`.

The pages of `_build/html` are put behind one another into one page, whose links lead inside it, and Chromium prints
that with the book's own style sheets. It prints twice: no browser tells in the contents on which page a chapter will
begin, so the numbers are read from a first printing.
"""

import argparse
import re
import shutil
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import yaml
from playwright.sync_api import Page, sync_playwright
from pypdf import PdfReader

ROOT = Path(__file__).resolve().parent.parent.parent
ARTICLE = re.compile(r'<article class="bd-article">(.*)</article>', re.DOTALL)
SHEET = re.compile(r'<link rel="stylesheet" href="([^"]+)"')
GLYPHS = re.compile(r'<path id="(g-[\w-]+)" d="[^"]*"/>')
FOOTER = (
    '<div style="font: 8pt sans-serif; width: 100%; text-align: center; color: #555">'
    '<span class="pageNumber"></span></div>'
)
STYLE = """
.chapter { break-before: page; }
.version { color: var(--quiet); }
.printed-contents p { margin: 0.9rem 0 0.2rem; font-size: 1.05rem; font-weight: 650; }
.printed-contents ul { list-style: none; margin: 0; padding: 0; max-width: none; }
.printed-contents li { break-inside: avoid; line-height: 1.5; }
.printed-contents a { display: flex; align-items: baseline; text-decoration: none; }
.printed-contents .dots { flex: 1; margin: 0 0.4rem; border-bottom: 1px dotted var(--quiet); }
.printed-contents .page { min-width: 2.2em; text-align: right; font-variant-numeric: tabular-nums; }
"""
MARGINS = {"top": "18mm", "bottom": "18mm", "left": "20mm", "right": "20mm"}


def parts_of(toc: Path) -> list[tuple[str, list[str]]]:
    """Return the parts of the book in order: title and pages."""
    contents = yaml.safe_load(toc.read_text("utf-8"))
    parts = [(part.get("caption", ""), [chapter["file"] for chapter in part["chapters"]]) for part in contents["parts"]]
    return [("", [contents["root"]]), *parts]


def anchor_of(page: str) -> str:
    """Return the anchor of a page within the one page."""
    return page.replace("/", "-")


def article_of(page: str, pages: list[str], built: Path) -> str:
    """Return the text of a built page, its anchors and the links to them made unique by the name of the page."""
    found = ARTICLE.search((built / f"{page}.html").read_text("utf-8"))
    if not found:
        raise SystemExit(f"{built / page}.html has no article: build the book anew with `make book`")
    html, own = found[1], anchor_of(page)

    def link(match: re.Match[str]) -> str:
        target, _, anchor = match[1].partition("#")
        if not target:
            # The outlines of formulas are shared by all pages.
            return match[0] if anchor.startswith("g-") else f'href="#{own}--{anchor}"'
        name = (built / f"{page}.html").parent.joinpath(target).resolve()
        named = (
            name.relative_to(built.resolve()).with_suffix("").as_posix() if name.is_relative_to(built.resolve()) else ""
        )
        if named in pages:
            return f'href="#{anchor_of(named)}{"--" + anchor if anchor else ""}"'
        return match[0]

    html = re.sub(r'\bid="([^"]+)"', lambda match: f'id="{own}--{match[1]}"', html)
    html = re.sub(r'\bhref="(?!https?:|mailto:)([^"]*)"', link, html)
    html = re.sub(r"url\(#", f"url(#{own}--", html)
    html = re.sub(
        r'\b(src)="(?!https?:|data:)([^"]*)"',
        lambda match: f'{match[1]}="{(built / page).parent.joinpath(match[2]).resolve().as_uri()}"',
        html,
    )
    # On paper nothing opens: what is folded is printed open.
    html = re.sub(r"<details(?![^>]*\bhide\b)", "<details open", html)
    return f'<section class="chapter" id="{own}">{html}</section>'


def title_of(page: str, built: Path) -> str:
    """Return the title of a page, formulas in it as they are."""
    found = re.search(r"<h1>(.*?)<a class=\"headerlink\"", (built / f"{page}.html").read_text("utf-8"), re.DOTALL)
    return re.sub(r"</?a\b[^>]*>", "", found[1]) if found else page


def contents_of(parts: list[tuple[str, list[str]]], built: Path, numbers: Mapping[str, int]) -> str:
    """Return the contents: each page of the book with the number, if it is known, of the sheet on which it begins."""
    lists = ""
    for caption, names in parts:
        entries = "".join(
            f'<li><a href="#{anchor_of(name)}"><span>{title_of(name, built)}</span><span class="dots"></span>'
            f'<span class="page">{numbers.get(anchor_of(name), "")}</span></a></li>'
            for name in names
        )
        lists += f"<p>{caption}</p><ul>{entries}</ul>"
    return f'<nav class="chapter printed-contents"><h1>Contents</h1>{lists}</nav>'


def sheets_of(pages: list[str], texts: list[str], built: Path) -> list[str]:
    """Return the addresses of the style sheets of all pages, each once."""
    found = (
        (built / page).parent / href for page, text in zip(pages, texts, strict=True) for href in SHEET.findall(text)
    )
    return list(dict.fromkeys(path.resolve().as_uri() for path in found))


def as_one_page(built: Path, toc: Path, numbers: Mapping[str, int]) -> str:
    """Return the whole book as the HTML of one page, with the numbers of pages by their anchors in its contents."""
    parts = parts_of(toc)
    pages = [page for _, names in parts for page in names]
    texts = [(built / f"{page}.html").read_text("utf-8") for page in pages]
    glyphs = {match[1]: match[0] for text in texts for match in GLYPHS.finditer(text)}
    chapters = "".join(article_of(page, pages, built) for page in pages[1:])
    front = article_of(pages[0], pages, built).split('<section id="index--how-to-read">')[0]
    sheets = "".join(f'<link rel="stylesheet" href="{sheet}" />' for sheet in sheets_of(pages, texts, built))
    outlines = "".join(glyphs[name] for name in sorted(glyphs))
    return f"""<!DOCTYPE html>
<html lang="en" data-theme="light" data-mode="light">
<head><meta charset="utf-8" /><title>Backprop by Hand</title>{sheets}
<style>{STYLE}</style></head>
<body><svg width="0" height="0" style="position: absolute"><defs>{outlines}</defs></svg>
<main class="bd-article">{front}</section>
<p class="version">Version {version("backprop-by-hand")}</p>
{contents_of(parts[1:], built, numbers)}
{chapters}</main></body></html>
"""


def print_page(browser_page: Page, one_page: Path, into: Path) -> None:
    """Print an HTML file to a PDF file."""
    browser_page.goto(one_page.resolve().as_uri())
    browser_page.evaluate("document.fonts.ready")
    browser_page.pdf(
        path=into,
        format="A4",
        margin=MARGINS,
        print_background=True,
        tagged=True,
        outline=True,
        display_header_footer=True,
        header_template="<span></span>",
        footer_template=FOOTER,
    )


def numbers_of(printed: Path) -> dict[str, int]:
    """Return on which page each anchor of a printed book stands, counted from 1."""
    reader = PdfReader(printed)
    numbers = ((name, reader.get_destination_page_number(place)) for name, place in reader.named_destinations.items())
    return {name.removeprefix("/"): number + 1 for name, number in numbers if number is not None}


def print_book(built: Path, toc: Path, into: Path, browser_program: str) -> None:
    """Print a built book with its contents' page numbers to a PDF file."""
    one_page = into.with_suffix(".html")
    numbers: dict[str, int] = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_program, args=["--no-sandbox", "--disable-gpu"])
        browser_page = browser.new_page()
        # A third time only if the numbers themselves moved a chapter to another page.
        for _ in range(3):
            one_page.write_text(as_one_page(built, toc, numbers), "utf-8")
            print_page(browser_page, one_page, into)
            before, numbers = numbers, numbers_of(into)
            if numbers == before:
                break
        else:
            raise SystemExit("the page numbers of the contents do not come to rest")
        browser.close()
    one_page.unlink()


def main() -> None:
    """Print the book."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--built", type=Path, default=ROOT / "_build/html", help="the folder of the built book")
    parser.add_argument("--toc", type=Path, default=ROOT / "_toc.yml", help="its table of contents")
    parser.add_argument("--into", type=Path, default=ROOT / "_build/backprop-by-hand.pdf", help="the file to write")
    options = parser.parse_args()
    browser_program = shutil.which("chromium")
    if browser_program is None:
        sys.exit("chromium is not installed: run `make system` as root, or install the package chromium")
    if not (options.built / "index.html").is_file():
        sys.exit(f"{options.built} holds no book: run `make book` first")
    print_book(options.built, options.toc, options.into, browser_program)
    print(f"The book is at {options.into}: {options.into.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
