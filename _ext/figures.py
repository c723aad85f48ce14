"""Figures drawn by cells, put into the page itself, so that their colours follow the page's light or dark mode.

A picture that the page only links to cannot know the mode that a reader has chosen: grey that is legible on white is
not on near-black. Inside the page, the colours of `chapters/figures.mplstyle` become the page's own (`--ink`, `--c0`
to `--c6`), which reach a contrast of 4.5 to 1 in both. Every figure must have a text alternative: without one,
matplotlib's file path would be read aloud.
"""

import re
from html import escape, unescape
from pathlib import Path
from urllib.parse import unquote

from docutils import nodes
from front_end import Page
from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)

# Beyond this many bytes a figure stays a file of its own: most likely a scatter of thousands of points.
HEAVIEST = 300_000
# A figure wider than this many pixels does not shrink to a phone's width, where its text would be lost: it scrolls.
WIDEST_ON_A_PHONE = 600
IMAGE = re.compile(r"<img\b[^>]*?>")
ATTRIBUTE = re.compile(r'([\w:-]+)="([^"]*)"')


def palette(style: Path) -> dict[str, str]:
    """Return which colour of the style sheet is which of the page's."""
    (cycle,) = re.findall(r"^axes\.prop_cycle:.*\[(.*)\]", style.read_text("utf-8"), re.MULTILINE)
    colours = re.findall(r"[0-9a-f]{6}", cycle)
    return {f"#{colour}": f"var(--c{n})" for n, colour in enumerate(colours)} | {
        "#808080": "var(--ink)",
        # White is written on a coloured ground, which is light in dark mode.
        "#ffffff": "var(--paper)",
    }


def recoloured(svg: str, colours: dict[str, str]) -> str:
    """Return the drawing with the style sheet's colours replaced by the page's."""
    return re.sub(r"#[0-9a-f]{6}\b", lambda match: colours.get(match.group(), match.group()), svg)


def inlined(svg: str, alt: str, prefix: str, colours: dict[str, str]) -> str:
    """Return an SVG file as an element of a page: named by ``alt``, its ids made unique by ``prefix``."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->|<title>.*?</title>", "", svg, flags=re.DOTALL)
    used = set(re.findall(r'(?:url\(#|href="#)([\w.:-]+)', svg))
    svg = re.sub(r' id="([\w.:-]+)"', lambda match: f' id="{prefix}{match[1]}"' if match[1] in used else "", svg)
    svg = re.sub(r'url\(#|xlink:href="#', lambda match: match.group().removeprefix("xlink:") + prefix, svg)
    svg = recoloured(svg, colours)
    opening, rest = svg.removeprefix("<svg").split(">", 1)
    attributes = dict(ATTRIBUTE.findall(opening))
    box = attributes.pop("viewBox")
    # One point of matplotlib is 1/72 inch, one CSS pixel 1/96.
    scale = 96 / 72 if attributes.pop("width").endswith("pt") else 1
    width, height = (scale * float(number) for number in box.split()[2:])
    own = "".join(
        f' {name}="{value}"'
        for name, value in ({"fill": "currentColor"} | attributes).items()
        if name not in {"height", "version"} and not name.startswith("xmlns")
    )
    rest = re.sub(r"\s*\n\s*", "\n", rest)
    kind = "figure wide" if width > WIDEST_ON_A_PHONE else "figure"
    return (
        f'<svg class="{kind}" role="img" aria-label="{escape(alt)}" viewBox="{box}" width="{width:.0f}" '
        f'height="{height:.0f}"{own}>{rest}'
    )


def put_into_page(app: Sphinx, page: Page) -> None:
    """Replace the page's links to drawings by the drawings."""
    sources = {Path(name).name: Path(app.srcdir, source) for source, name in app.builder.images.items()}
    colours = palette(Path(app.srcdir, "chapters/figures.mplstyle"))
    number = 0

    def replace(match: re.Match[str]) -> str:
        nonlocal number
        attributes = dict(ATTRIBUTE.findall(match.group()))
        source = sources.get(unquote(attributes.get("src", "")).rsplit("/", 1)[-1])
        if source is None or source.suffix != ".svg" or source.stat().st_size > HEAVIEST:
            return match.group()
        number += 1
        return inlined(source.read_text("utf-8"), unescape(attributes.get("alt", "")), f"f{number}-", colours)

    page.html = IMAGE.sub(replace, page.html)


def require_alternatives(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Warn of every picture without words for those who do not see it; a path is none."""
    for image in doctree.findall(nodes.image):
        alt = image.get("alt", "").strip()
        if not alt or alt == image.get("uri") or re.fullmatch(r"\S*\.(svg|png|jpe?g|gif|webp)", alt):
            logger.warning(
                "a figure has no text alternative%s: say in `image: alt:` of the cell what is to be seen",
                f" but the path {alt!r}" if alt else "",
                location=image if image.line else docname,
                type="figure",
            )


def setup(app: Sphinx) -> dict[str, bool | str]:
    """Register both steps."""
    app.setup_extension("front_end")
    app.connect("doctree-resolved", require_alternatives)
    app.connect("html-page-finished", put_into_page)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
