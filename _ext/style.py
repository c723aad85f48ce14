"""One style sheet, one small script and the typeface, linked from every page by relative addresses.

Jupyter Book links nine style sheets of 500 kB, most of it for elements that this book does not have, and would link
every further `.css` and `.js` below `html_static_path` from every page. Here the rules that any page of the book can
match go into one file, after all pages are written.
"""

import re
import shutil
import subprocess
from pathlib import Path

from front_end import NODE, NODE_MODULES, WEB, Page
from sphinx.application import Sphinx

TYPEFACE = NODE_MODULES / "@fontsource-variable/source-sans-3/files"
FACES = ["source-sans-3-latin-wght-normal.woff2", "source-sans-3-latin-wght-italic.woff2"]
SHEET = re.compile(r"\s*(?:<!-- Loaded before other Sphinx assets -->\s*)?<link [^>]*rel=\"stylesheet\"[^>]*/>")


def link(app: Sphinx, page: Page) -> None:
    """Link the one style sheet instead of the many, and have the typeface loaded early."""
    static = f"{page.to_root}_static"
    head = "".join(
        f'\n    <link rel="preload" as="font" type="font/woff2" href="{static}/{face}" crossorigin />' for face in FACES
    )
    head += f'\n    <link rel="stylesheet" href="{static}/book.css" />'
    head += f'\n    <script defer src="{static}/book.js"></script>'
    page.html = SHEET.sub("", page.html)
    page.html = page.html.replace("</title>", f"</title>{head}", 1)


def write(app: Sphinx, exception: Exception | None) -> None:
    """Write the style sheet, the script and the typeface, and drop what no page asks for."""
    if exception or app.builder.format != "html":
        return
    static = Path(app.outdir) / "_static"
    for face in FACES:
        shutil.copyfile(TYPEFACE / face, static / face)
    shutil.copyfile(WEB / "script" / "book.js", static / "book.js")
    subprocess.run([NODE, WEB / "style" / "bundle.mjs", app.outdir], check=True)
    for unused in [*static.rglob("*.map"), static / "scripts/fontawesome.js", *static.glob("sphinx-thebe.*")]:
        unused.unlink(missing_ok=True)
    shutil.rmtree(static / "vendor", ignore_errors=True)


def setup(app: Sphinx) -> dict[str, bool | str]:
    """Register the links and the files."""
    app.setup_extension("front_end")
    app.connect("html-page-finished", link, priority=600)
    # Late: the theme writes the colours of code at the same event.
    app.connect("build-finished", write, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
