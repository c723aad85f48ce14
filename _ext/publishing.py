"""What a site needs besides its text: descriptions, an icon, its version, a map, a page for wrong turns.

Three settings say where the book is published; all may stay empty, and each feature that needs one then stays away:
`book_address`, the address of its front page, `book_repository`, that of the public repository with the exercises, and
`jupyterhub_address`, that of a JupyterHub whose users fetch it. The environment variables BOOK_ADDRESS, BOOK_REPOSITORY
and JUPYTERHUB_ADDRESS go before them, so that a workflow can set what it knows.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import matplotlib
from docutils import nodes
from front_end import NODE, WEB, Page
from sphinx.application import Sphinx
from sphinx.config import Config

LONGEST_DESCRIPTION = 200
FONTS = Path(matplotlib.get_data_path()) / "fonts/ttf"
FACES = ["DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSans-Oblique.ttf", "DejaVuSans-BoldOblique.ttf"]
PREVIEW = "_static/preview.png"


def settle(app: Sphinx, config: Config) -> None:
    """Read the settings, and put the version of the distribution into the footer."""
    config.book_address = (os.environ.get("BOOK_ADDRESS") or config.book_address).rstrip("/")
    config.book_repository = (
        (os.environ.get("BOOK_REPOSITORY") or config.book_repository).removesuffix(".git").rstrip("/")
    )
    config.jupyterhub_address = (os.environ.get("JUPYTERHUB_ADDRESS") or config.jupyterhub_address).rstrip("/")
    config.version = config.release = version("backprop-by-hand")
    config.html_theme_options["extra_footer"] = f"Version {config.version}"


def describe(app: Sphinx, docname: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Put the first sentences of a page into its context, as the description of the page."""
    if doctree is None:
        return
    text = ""
    for paragraph in doctree.findall(nodes.paragraph):
        text = f"{text} {' '.join(paragraph.astext().split())}".strip()
        if len(text) > LONGEST_DESCRIPTION / 2:
            break
    if len(text) > LONGEST_DESCRIPTION:
        text = text[:LONGEST_DESCRIPTION].rsplit(" ", 1)[0] + " …"
    context["description"] = text


def add_head(app: Sphinx, page: Page) -> None:
    """Write the description of a page, what a link to it shows elsewhere, and the icon."""
    title = re.sub(r"<[^>]+>", "", page.context.get("title") or app.config.html_title)
    tags = [
        f'<link rel="icon" type="image/svg+xml" href="{page.to_root}_static/favicon.svg" />',
        f'<meta property="og:title" content="{escape(title)}" />',
        f'<meta property="og:site_name" content="{escape(app.config.project)}" />',
        f'<meta property="og:type" content="{"website" if page.name == app.config.root_doc else "article"}" />',
    ]
    # Most places ask for a whole address here; where the book's is not known, it is a relative one.
    start = f"{app.config.book_address}/" if app.config.book_address else page.to_root
    tags += [
        f'<meta property="og:image" content="{escape(start)}{PREVIEW}" />',
        '<meta property="og:image:width" content="1200" />',
        '<meta property="og:image:height" content="630" />',
        '<meta property="og:image:alt" content="A small network with an arrow forward and one backward" />',
        '<meta name="twitter:card" content="summary_large_image" />',
    ]
    if description := page.context.get("description"):
        tags += [
            f'<meta {kind} content="{escape(description)}" />'
            for kind in ('name="description"', 'property="og:description"')
        ]
    if address := app.config.book_address:
        here = address + "/" if page.name == app.config.root_doc else f"{address}/{page.name}.html"
        tags += [f'<link rel="canonical" href="{here}" />', f'<meta property="og:url" content="{here}" />']
        if page.name == "404":
            # A host shows this page at any depth, where its relative links would lead nowhere.
            tags.insert(0, f'<base href="{urlsplit(address).path}/" />')
    page.html = page.html.replace("</title>", "</title>\n    " + "\n    ".join(tags), 1)


def add_page_for_wrong_turns(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Yield the page that a host shows where there is none."""
    body = (
        "<section><h1>This page is not here</h1>"
        "<p>The address may be mistyped, or the page has moved.</p>"
        '<ul><li><a href="index.html">Begin at the front page</a></li>'
        '<li><a href="search.html">Search the book</a></li></ul></section>'
    )
    yield (
        "404",
        {"title": "This page is not here", "body": body, "description": "The page asked for does not exist."},
        "page.html",
    )


def write(app: Sphinx, exception: Exception | None) -> None:
    """Write the icon, the picture for links from elsewhere, and the map of the site where its address is known."""
    if exception or app.builder.format != "html":
        return
    built = Path(app.outdir)
    shutil.copyfile(WEB / "favicon.svg", built / "_static" / "favicon.svg")
    preview, sources = built / PREVIEW, [WEB / "two-passes.svg", WEB / "preview/preview.mjs"]
    if not preview.is_file() or preview.stat().st_mtime < max(file.stat().st_mtime for file in sources):
        subprocess.run([NODE, sources[1], preview, *(FONTS / face for face in FACES)], check=True)
    # Else GitHub Pages would leave out the folders whose names begin with an underscore.
    (built / ".nojekyll").touch()
    if address := app.config.book_address:
        pages = sorted(app.env.found_docs)
        places = "".join(f"  <url><loc>{address}/{escape(page)}.html</loc></url>\n" for page in pages)
        (built / "sitemap.xml").write_text(
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{places}</urlset>\n',
            "utf-8",
        )
        (built / "robots.txt").write_text(f"Sitemap: {address}/sitemap.xml\n", "utf-8")


def setup(app: Sphinx) -> dict[str, bool | str]:
    """Register the settings and the steps."""
    app.setup_extension("front_end")
    app.add_config_value("book_address", "", "html", str)
    app.add_config_value("book_repository", "", "html", str)
    app.add_config_value("book_branch", "main", "html", str)
    app.add_config_value("jupyterhub_address", "", "html", str)
    app.connect("config-inited", settle)
    app.connect("html-page-context", describe)
    app.connect("html-page-finished", add_head)
    app.connect("html-collect-pages", add_page_for_wrong_turns)
    app.connect("build-finished", write, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
