"""Formulas, rendered when the book is built: as SVG for the eye and as MathML for a screen reader.

The pages need no script and no network for them, and a mistake in TeX is a warning with its place, so that a strict
build fails. Jupyter Book's own way loads MathJax from a public server into every page, and shows raw TeX without it.
"""

import re
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from front_end import WEB, KeptAnswers, Page
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

logger = logging.getLogger(__name__)

RENDERER = WEB / "math" / "render.mjs"
# A formula in running text narrower than this many ex, half of a phone's line, stays on one line.
BREAKABLE = 18
GLYPH = re.compile(r'href="#(g-[\w-]+)"')


def as_tex(node: nodes.math | nodes.math_block) -> str:
    """Return the TeX of a node; a displayed one with several lines gets the environment that aligns them."""
    if isinstance(node, nodes.math) or node.get("nowrap"):
        return node.astext()
    parts = [part for part in node.astext().split("\n\n") if part.strip()]
    parts = [rf"\begin{{split}}{part}\end{{split}}" if r"\\" in part else part for part in parts]
    if len(parts) > 1:
        return r"\begin{aligned}" + r"\\".join(f"&{part}" for part in parts) + r"\end{aligned}"
    return "".join(parts)


def rendered(translator: Any, node: nodes.math | nodes.math_block, display: bool) -> tuple[str, float]:
    """Return the HTML of a formula and its width in ex; of one that cannot be rendered its TeX, with a warning."""
    tex = as_tex(node)
    answer = translator.builder.app.formulas({"tex": tex, "display": display})
    if "error" in answer:
        logger.warning("the formula %r cannot be rendered: %s", tex, answer["error"], location=node, type="formula")
        return f"<code>{escape(tex)}</code>", 0
    return f'<span aria-hidden="true">{"".join(answer["pieces"])}</span>{answer["mathml"]}', answer["width"]


def visit_inline(translator: Any, node: nodes.math) -> None:
    """Write a formula in running text."""
    html, width = rendered(translator, node, display=False)
    whole = " whole" if width < BREAKABLE else ""
    translator.body.append(f'<span class="math{whole}">{html}</span>')
    raise nodes.SkipNode


def visit_display(translator: Any, node: nodes.math_block) -> None:
    """Write a formula on a line of its own, with its number if it has one."""
    translator.body.append(translator.starttag(node, "div", CLASS="math displayed"))
    translator.body.append(f'<div class="scrolls">{rendered(translator, node, display=True)[0]}</div>')
    if node.get("number"):
        translator.body.append(f'<span class="eqno">({get_node_equation_number(translator, node)})')
        translator.add_permalink_ref(node, "Link to this equation")
        translator.body.append("</span>")
    translator.body.append("</div>\n")
    raise nodes.SkipNode


def add_glyphs(app: Sphinx, page: Page) -> None:
    """Put the outlines that the formulas of a page refer to into the page, each once, in a fixed order."""
    used = sorted(set(GLYPH.findall(page.html)))
    if used:
        outlines = {name: d for answer in app.formulas.answers.values() for name, d in answer.get("glyphs", {}).items()}  # type: ignore[attr-defined]
        paths = "".join(f'<path id="{name}" d="{outlines[name]}"/>' for name in used)
        block = (
            f'<svg class="glyphs" width="0" height="0" aria-hidden="true" focusable="false"><defs>{paths}</defs></svg>'
        )
        page.html = page.html.replace("</body>", f"{block}\n</body>", 1)


def choose_renderer(app: Sphinx, config: Config) -> None:
    """Have Sphinx write formulas by the functions above."""
    config.html_math_renderer = "formulas"


def start(app: Sphinx) -> None:
    """Open the store of rendered formulas, beside the build's folder of HTML."""
    app.formulas = KeptAnswers(RENDERER, [RENDERER], Path(app.doctreedir) / "formulas.json")  # type: ignore[attr-defined]


def finish(app: Sphinx, exception: Exception | None) -> None:
    """Close the store."""
    app.formulas.close()  # type: ignore[attr-defined]


def setup(app: Sphinx) -> dict[str, bool | str]:
    """Register the renderer."""
    app.setup_extension("front_end")
    app.add_html_math_renderer("formulas", (visit_inline, None), (visit_display, None))
    app.connect("config-inited", choose_renderer)
    app.connect("builder-inited", start)
    app.connect("html-page-finished", add_glyphs)
    app.connect("build-finished", finish)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": False}
