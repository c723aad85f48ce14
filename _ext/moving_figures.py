"""Figures that move: a directive that names a module of `web/figures/`, whose picture stands in the page by itself.

While the book is built, the module draws its first state in Node; that is what a reader sees without scripts, from a
folder and on paper. Where scripts run, the same module draws the live figure in its place when the reader comes near.
Its controls are in the page from the start, without effect, so that nothing moves when it comes.
"""

import json
import subprocess
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.parsers.rst import directives
from executed_with import fingerprint
from front_end import NODE, WEB, KeptAnswers, Page
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

logger = logging.getLogger(__name__)

FIGURES = WEB / "figures"
# Before the first paint: whether modules run here, and the controls get their place. From a folder they do not run.
MODULES_RUN = 'if (location.protocol.startsWith("http")) document.documentElement.dataset.moves = "";'


class moving_figure(nodes.figure):
    """A figure with the name of its module, what it is drawn with, and its words for those who do not see it."""


class MovingFigure(SphinxDirective):
    """The directive: its argument is the figure's name, its body the caption."""

    required_arguments = 1
    has_content = True
    option_spec = {
        "with": directives.unchanged_required,
        "alt": directives.unchanged,
        "name": directives.unchanged,
    }

    def run(self) -> list[nodes.Node]:
        """Return the figure; warn where it has no module, no words or no caption."""
        name = self.arguments[0]
        figure = moving_figure("", figure=name, alt=self.options.get("alt", ""))
        self.set_source_info(figure)
        missing = []
        if not (FIGURES / f"{name}.mjs").is_file():
            missing.append(f"there is no web/figures/{name}.mjs")
        if not figure["alt"].strip():
            missing.append("it has no text alternative: say in `:alt:` what is to be seen")
        body = nodes.Element()
        self.state.nested_parse(self.content, self.content_offset, body)
        if len(body) == 1 and isinstance(body[0], nodes.paragraph):
            figure += nodes.caption("", "", *body[0].children)
        else:
            missing.append("it has no caption: write one paragraph as the body of the directive")
        if chosen := self.options.get("with"):
            try:
                figure["with"] = json.loads(chosen) if chosen[0] in '{["' else chosen
            except json.JSONDecodeError as problem:
                missing.append(f"`:with:` is neither a name nor JSON: {problem}")
        if missing:
            for each in missing:
                logger.warning("the moving figure %r: %s", name, each, location=figure, type="figure")
            return []
        self.add_name(figure)
        figures_of(self.env).setdefault(self.env.docname, set()).add(name)
        return [figure]


def figures_of(env: BuildEnvironment) -> dict[str, set[str]]:
    """Return the names of the moving figures of each page that has any."""
    if not hasattr(env, "moving_figures"):
        env.moving_figures = {}  # type: ignore[attr-defined]
    return env.moving_figures  # type: ignore[attr-defined,no-any-return]


def forget(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    """Forget the figures of a page that is read again."""
    figures_of(env).pop(docname, None)


def merge(app: Sphinx, env: BuildEnvironment, docnames: list[str], other: BuildEnvironment) -> None:
    """Take over what another process has read."""
    figures_of(env).update({name: found for name, found in figures_of(other).items() if name in docnames})


def sources() -> list[Path]:
    """Return the files from which figures are made."""
    return sorted(file for file in FIGURES.rglob("*") if file.suffix in {".mjs", ".json", ".css"})


def start(app: Sphinx) -> None:
    """Open the store of drawn figures, beside the build's folder of HTML."""
    app.stills = KeptAnswers(  # type: ignore[attr-defined]
        FIGURES / "build/still.mjs", sources(), Path(app.doctreedir) / "moving_figures.json"
    )


def outdated_pages(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Return the pages to write again: all that have a figure, when figures are made otherwise than before."""
    now = app.stills.made_by  # type: ignore[attr-defined]
    before, env.moving_figures_made_by = getattr(env, "moving_figures_made_by", None), now  # type: ignore[attr-defined]
    return [] if before == now else sorted(figures_of(env))


def visit(translator: Any, node: moving_figure) -> None:
    """Write the figure with its picture."""
    asked = {"figure": node["figure"], "alt": node["alt"], "with": node.get("with")}
    answer = translator.builder.app.stills(asked)
    if "error" in answer:
        logger.warning(
            "the moving figure %r cannot be drawn: %s", node["figure"], answer["error"], location=node, type="figure"
        )
    attributes = {"data-figure": node["figure"]}
    if "with" in node:
        attributes["data-with"] = json.dumps(node["with"])
    translator.body.append(translator.starttag(node, "figure", CLASS="moving-figure", **attributes))
    translator.body.append(f'<div class="stage">{answer.get("html", escape(node["alt"]))}</div>\n')


def depart(translator: Any, node: moving_figure) -> None:
    """Close the figure and its caption, which docutils leaves open for a legend."""
    translator.body.append("</figcaption>\n</figure>\n")


def caption(node: moving_figure) -> str:
    """Return the text by which a reference may name the figure."""
    return node[-1].astext()


def link(app: Sphinx, page: Page) -> None:
    """Link the style sheet and the loading module from a page that has a moving figure."""
    if '<figure class="moving-figure"' in page.html:
        folder = f"{page.to_root}_static/figures"
        head = (
            f'\n    <link rel="stylesheet" href="{folder}/figures.css" />\n    <script>{MODULES_RUN}</script>'
            f'\n    <script type="module" src="{folder}/arrive.mjs"></script>'
        )
        page.html = page.html.replace("</head>", f"{head}\n  </head>", 1)


def bundle(app: Sphinx, exception: Exception | None) -> None:
    """Write the modules of the figures that the book uses, if they are not there as they should be."""
    app.stills.close()  # type: ignore[attr-defined]
    names = sorted(set().union(*figures_of(app.env).values()))
    if exception or app.builder.format != "html" or not names:
        return
    into = Path(app.outdir) / "_static/figures"
    made = ["figures.css", *(f"{name}.mjs" for name in ["arrive", *names])]
    kept = Path(app.doctreedir) / "bundled_figures.txt"
    before = kept.read_text("utf-8").split() if kept.is_file() else []
    made_by = app.stills.made_by  # type: ignore[attr-defined]
    files = [into / name for name in made]
    if all(file.is_file() for file in files) and before == [made_by, fingerprint(files)]:
        return
    subprocess.run([NODE, FIGURES / "build/bundle.mjs", into, *names], check=True)
    kept.write_text(f"{made_by} {fingerprint(files)}\n", "utf-8")


def setup(app: Sphinx) -> dict[str, bool | str]:
    """Register the directive and the steps."""
    app.setup_extension("front_end")
    app.add_enumerable_node(moving_figure, "figure", caption, html=(visit, depart))
    app.add_directive("moving-figure", MovingFigure)
    app.connect("builder-inited", start)
    app.connect("env-purge-doc", forget)
    app.connect("env-merge-info", merge)
    app.connect("env-updated", outdated_pages)
    # After `style.py`, which drops every other style sheet.
    app.connect("html-page-finished", link, priority=700)
    app.connect("build-finished", bundle)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": False}
