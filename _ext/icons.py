"""The theme's icons, drawn into the page as SVG: no font and no script, so that nothing loads late or moves."""

import re
from functools import cache
from pathlib import Path

import pydata_sphinx_theme
from fontTools.pens.svgPathPen import SVGPathPen
from fontTools.pens.transformPen import TransformPen
from fontTools.ttLib import TTFont
from front_end import Page
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

FONTS = Path(pydata_sphinx_theme.__file__).parent / "theme/pydata_sphinx_theme/static/vendor/fontawesome/webfonts"
ICON = re.compile(r'<(i|span) class="([^"]*\b(?:fa-solid|fas)\b[^"]*)"([^>]*)></\1>')
# Classes of Font Awesome that are not the name of an icon.
NO_NAMES = {"fa-solid", "fas", "fa-lg", "fa-fw"}
# Font Awesome renamed these between its versions 5 and 6; the theme still writes the old names.
RENAMED = {"search": "magnifying-glass", "file-pdf": "file-pdf"}


@cache
def solid() -> TTFont:
    """Return the font of solid icons that the theme brings."""
    return TTFont(FONTS / "fa-solid-900.ttf")


@cache
def outline(name: str) -> tuple[float, str]:
    """Return the width of an icon, in units of which 512 make its height, and its outline as an SVG path."""
    font = solid()
    glyphs = font.getGlyphSet()
    name = RENAMED.get(name, name)
    if name not in glyphs:
        raise ExtensionError(f"the theme's icon font has no icon named {name!r}")
    scale = 512 / font["head"].unitsPerEm
    pen = SVGPathPen(glyphs, ntos=lambda number: f"{number:.0f}")
    glyphs[name].draw(TransformPen(pen, (scale, 0, 0, -scale, 0, 448)))
    return glyphs[name].width * scale, pen.getCommands()


def draw(match: re.Match[str]) -> str:
    """Return the SVG of one icon, with the attributes that scripts look for."""
    _, classes, attributes = match.groups()
    words = classes.split()
    (name,) = (word.removeprefix("fa-") for word in words if word.startswith("fa") and word not in NO_NAMES)
    width, path = outline(name)
    kept = " ".join(["icon", *(word for word in words if not word.startswith("fa"))])
    attributes = re.sub(r'\s+title="[^"]*"', "", attributes)
    return (
        f'<svg class="{kept}"{attributes} viewBox="0 0 {width:.0f} 512" aria-hidden="true" focusable="false">'
        f'<path fill="currentColor" d="{path}"/></svg>'
    )


def draw_icons(app: Sphinx, page: Page) -> None:
    """Replace every icon of a page."""
    page.html = ICON.sub(draw, page.html)


def setup(app: Sphinx) -> dict[str, bool | str]:
    """Register the replacement."""
    app.setup_extension("front_end")
    app.connect("html-page-finished", draw_icons)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
