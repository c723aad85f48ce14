"""Print the built book to one PDF, with a title page, a table of contents and an outline: `make pdf`.

The pages of `_build/html` are put behind one another into one page, whose links lead inside it, and Chromium prints
that with the book's own print style sheet.
"""

import argparse
import re
import shutil
import sys
from importlib.metadata import version
from pathlib import Path

import yaml
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent.parent
ARTICLE = re.compile(r'<article class="bd-article">(.*)</article>', re.DOTALL)
GLYPHS = re.compile(r'<path id="(g-[\w-]+)" d="[^"]*"/>')
FOOTER = (
    '<div style="font: 8pt sans-serif; width: 100%; text-align: center; color: #555">'
    '<span class="pageNumber"></span></div>'
)
STYLE = """
.chapter { break-before: page; }
.contents ul { list-style: none; padding: 0; }
.contents h3 { margin: 1.2rem 0 0.3rem; }
.version { color: var(--quiet); }
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


def as_one_page(built: Path, toc: Path) -> str:
    """Return the whole book as the HTML of one page."""
    parts = parts_of(toc)
    pages = [page for _, names in parts for page in names]
    texts = [(built / f"{page}.html").read_text("utf-8") for page in pages]
    glyphs = {match[1]: match[0] for text in texts for match in GLYPHS.finditer(text)}
    contents = ""
    for caption, names in parts[1:]:
        entries = "".join(f'<li><a href="#{anchor_of(name)}">{title_of(name, built)}</a></li>' for name in names)
        contents += f"<h3>{caption}</h3><ul>{entries}</ul>"
    chapters = "".join(article_of(page, pages, built) for page in pages[1:])
    front = article_of(pages[0], pages, built).split('<section id="index--how-to-read">')[0]
    sheet = (built / "_static/book.css").resolve().as_uri()
    outlines = "".join(glyphs[name] for name in sorted(glyphs))
    return f"""<!DOCTYPE html>
<html lang="en" data-theme="light" data-mode="light">
<head><meta charset="utf-8" /><title>Backprop by Hand</title><link rel="stylesheet" href="{sheet}" />
<style>{STYLE}</style></head>
<body><svg width="0" height="0" style="position: absolute"><defs>{outlines}</defs></svg>
<main class="bd-article">{front}</section>
<p class="version">Version {version("backprop-by-hand")}</p>
<nav class="chapter contents"><h2>Contents</h2>{contents}</nav>
{chapters}</main></body></html>
"""


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
    one_page = options.into.with_suffix(".html")
    one_page.write_text(as_one_page(options.built, options.toc), "utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_program, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.goto(one_page.resolve().as_uri())
        page.evaluate("document.fonts.ready")
        page.pdf(
            path=options.into,
            format="A4",
            margin=MARGINS,
            print_background=True,
            tagged=True,
            outline=True,
            display_header_footer=True,
            header_template="<span></span>",
            footer_template=FOOTER,
        )
        browser.close()
    print(f"The book is at {options.into}: {options.into.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
