"""Repairs of what Jupyter Book 1 and its theme write into every page, each with its reason and its issue, if any.

Versions: Jupyter Book 1.0.4.post1, sphinx-book-theme 1.3.0, pydata-sphinx-theme 0.17.1, docutils 0.21. A repair that
finds nothing to repair on a page where it is expected is a warning, so that a strict build tells when to remove it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from front_end import Page
from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Repair:
    """One pattern of a page's HTML, what stands in its place, why, and whether every page has it."""

    reason: str
    pattern: str
    instead: str | Callable[[re.Match[str]], str] = ""
    everywhere: bool = True
    unless: str | None = None


REPAIRS = [
    Repair(
        "Sphinx, docutils and the theme each write a viewport tag (sphinx-doc/sphinx issue 11699).",
        r'<meta name="viewport" content="width=device-width, initial-scale=1" ?/>',
    ),
    Repair(
        "sphinx-thebe is loaded although `thebe: false`, declares its constants twice, which is an error in the "
        "console, and would fetch scripts from a public server.",
        r"\s*<script>const THEBE_JS_URL =.*?</script>",
    ),
    Repair(
        "The rest of sphinx-thebe.",
        r'\s*<script async="async" src="[^"]*_static/sphinx-thebe\.js[^"]*"></script>'
        r'|\s*<link rel="stylesheet"[^>]*_static/sphinx-thebe\.css[^>]*>'
        r'|\s*<script type="text/x-thebe-config">.*?</script>'
        r"|\s*<script>kernelName = [^<]*</script>",
    ),
    Repair(
        "All icons of Font Awesome, 543 kB compressed, for about fifteen that are used; they are drawn into the page "
        "instead (pydata/pydata-sphinx-theme issues 2379 and 2115).",
        r"\s*<!-- So that users can add custom icons -->\s*<script defer src=\"[^\"]*fontawesome\.js[^\"]*\"></script>",
    ),
    Repair(
        "The index of the whole book's words, for a search while typing which is switched off; the page of the search "
        "loads it (pydata/pydata-sphinx-theme issue 1977 brought it in).",
        r'\s*<script src="[^"]*_static/searchtools\.js"></script>'
        r'\s*<script src="[^"]*_static/language_data\.js"></script>'
        r'\s*<script src="[^"]*searchindex\.js"></script>',
        unless="search",
    ),
    Repair(
        "An empty header: a banner landmark with nothing in it (executablebooks/sphinx-book-theme issue 986; the "
        "`navbar_*` settings empty it). The theme's scripts measure an element of this id and class, so a hidden one "
        "stays.",
        r'<header id="pst-header"[^>]*>\s*</header>',
        '<div id="pst-header" class="bd-header" hidden></div>',
    ),
    Repair("An empty footer below the one with content.", r'<footer class="bd-footer">\s*</footer>'),
    Repair(
        "The place of an advertisement that only Read the Docs fills.",
        r'<div class="sidebar-primary-items__end sidebar-primary__section">\s*<div class="sidebar-primary-item">\s*'
        r'<div id="ethical-ad-placement".*?</div></div>\s*</div>',
    ),
    Repair(
        "The title and the contents a second time, for paper: found by the search of the browser and by screen readers "
        "that ignore styles. The print style sheet works without them.",
        r'<div id="jb-print-docs-body".*?</nav>\s*</div>\s*</div>\s*</div>'
        r'|<div id="jb-print-docs-body" class="onlyprint">\s*<h1>.*?</h1>.*?<div id="jb-print-toc">'
        r"\s*</div>\s*</div>\s*</div>",
        everywhere=False,
    ),
    Repair(
        "The button's name says `Search`, its text `Search Ctrl+K`: who speaks what is seen does not find it "
        "(WCAG 2.5.3, label in name). Without a label the text is the name.",
        r'(<button class="btn search-button-field[^"]*") title="Search" aria-label="Search"[^>]*>',
        r"\1>",
    ),
    Repair(
        "The sidebar with the book's title and the search belongs to no landmark.",
        r'<div id="pst-primary-sidebar"',
        '<div role="complementary" aria-label="Book" id="pst-primary-sidebar"',
    ),
    Repair(
        "The page's colours are set by a script at the end: in dark mode the page flashed white. The same choice, made "
        "before the first paint.",
        r"document\.documentElement\.dataset\.theme = localStorage\.getItem\(\"theme\"\) \|\| \"auto\";",
        "const mode = document.documentElement.dataset.mode;\n    document.documentElement.dataset.theme = "
        'mode !== "auto" ? mode : matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";',
    ),
    Repair("Without scripts the page has no colours at all under `auto`.", r'data-theme="auto"', 'data-theme="light"'),
    Repair(
        "myst-nb names the summary of hidden code other than it reads (WCAG 2.5.3, label in name).",
        r'<summary aria-label="Toggle hidden content">',
        "<summary>",
        everywhere=False,
    ),
    Repair(
        "A header without text, in the empty corner of a table, heads nothing.",
        r'<th class="head(?: [\w-]+)?">\s*<p>\s*</p>\s*</th>',
        "<td></td>",
        everywhere=False,
    ),
    Repair(
        "`doc-biblioentry` is deprecated in DPUB-ARIA 1.1; docutils 0.21 writes it (dequelabs/axe-core issue 2759). "
        "Within the list that docutils makes, an entry is an item.",
        r' role="doc-biblioentry"',
        ' role="listitem"',
        everywhere=False,
    ),
    Repair(
        '`title="previous page"` hides the neighbour\'s own title from the tooltip.',
        r'(class="(?:left-prev|right-next)"\s+href="[^"]*")\s+title="[^"]*"',
        r"\1",
        everywhere=False,
    ),
    Repair(
        "Leftovers of MathJax in the browser, which this book does not use.",
        r' class="tex2jax_ignore mathjax_ignore"',
        everywhere=False,
    ),
]

# Scripts that every page loads, and what a page must hold to need them.
NEEDED_BY = {
    r"\s*<script[^>]*_static/togglebutton\.js[^>]*></script>"
    r"|\s*<script>let toggle\w+ = [^<]*</script>|\s*<script>var togglebuttonSelector = [^<]*</script>": (
        r'class="(?:[^"]* )?(?:admonition [^"]*dropdown|toggle)[ "]'
    ),
    r"\s*<script[^>]*_static/design-tabs\.js[^>]*></script>": r'class="[^"]*\bsd-tab-set\b',
    r"\s*<script[^>]*_static/(?:clipboard\.min|copybutton)\.js[^>]*></script>": r'<div class="highlight"',
}


def repair(app: Sphinx, page: Page) -> None:
    """Apply every repair to a page, and leave out the scripts that it has no use for."""
    for each in REPAIRS:
        if page.name == each.unless:
            continue
        page.html, times = re.subn(each.pattern, each.instead, page.html, flags=re.DOTALL)
        if each.everywhere and not times:
            logger.warning(
                "this repair finds nothing to repair any more: %s", each.reason, location=page.name, type="repair"
            )
    for scripts, need in NEEDED_BY.items():
        if not re.search(need, page.html):
            page.html = re.sub(scripts, "", page.html)


def setup(app: Sphinx) -> dict[str, bool | str]:
    """Register the repairs."""
    app.setup_extension("front_end")
    app.connect("html-page-finished", repair, priority=100)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
