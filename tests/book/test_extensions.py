"""The parts of the book's extensions that are plain functions, and the colours of its style sheet."""

import html
import importlib
import re
import sys
from pathlib import Path

import nbformat
import pytest

LEAST_CONTRAST = 4.5


@pytest.fixture(scope="module")
def extension(root: Path):
    """Return a function that imports one of the book's extensions."""
    sys.path.insert(0, str(root / "_ext"))
    yield importlib.import_module
    sys.path.remove(str(root / "_ext"))


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour ``#rrggbb``, by WCAG 2.2."""
    parts = (int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5))
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours, (lighter + 0.05) / (darker + 0.05)."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_text_and_figures_stand_out_from_every_ground(mode, root):
    sheet = (root / "web/style/book.css").read_text("utf-8")
    block = re.search(rf'html\[data-theme="{mode}"\] {{\s+color-scheme(.*?)}}', sheet, re.DOTALL)[1]
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))
    inks = ["text", "quiet", "forward", "back", "true", "ask", "ink", *(f"c{n}" for n in range(7))]
    weak = {
        (ink, ground): round(contrast(colours[ink], colours[ground]), 2)
        for ink in inks
        for ground in ("paper", "raised", "forward-wash", "back-wash", "true-wash", "ask-wash")
        if contrast(colours[ink], colours[ground]) < LEAST_CONTRAST
    }
    assert weak == {}


def test_figures_take_the_colours_of_the_page_and_keep_their_references(extension, root):
    figures = extension("figures")
    svg = (
        '<?xml version="1.0"?><svg xmlns:xlink="x" width="72pt" height="36pt" viewBox="0 0 72 36" version="1.1">'
        '<metadata>date</metadata><defs><path id="glyph" d="M0 0"/></defs><g id="figure_1">'
        '<use xlink:href="#glyph" style="fill: #808080"/>'
        '<path clip-path="url(#glyph)" style="stroke: #2f86c4"/></g></svg>'
    )
    inside = figures.inlined(svg, 'a "line"', "f1-", figures.palette(root / "chapters/figures.mplstyle"))
    assert inside.startswith(
        '<svg class="figure" role="img" aria-label="a &quot;line&quot;" viewBox="0 0 72 36" width="96"'
    )
    assert (
        'href="#f1-glyph" style="fill: var(--ink)"' in inside and 'url(#f1-glyph)" style="stroke: var(--c0)"' in inside
    )
    assert "metadata" not in inside and "figure_1" not in inside and "xlink" not in inside


PRINTED = (
    '<div class="output stream highlight-myst-ansi notranslate"><div class="highlight"><pre><span></span>{}</pre>\n'
    "</div>\n</div>"
)


@pytest.fixture
def narrowed(extension):
    """Return a function that returns the HTML of a page, fitted to narrow screens."""

    def narrow(html: str) -> str:
        page = extension("front_end").Page("page", html, {})
        extension("narrow_screens").fit_to_screen(None, page)
        return page.html

    return narrow


def test_printed_report_has_one_line_for_each_finding(narrowed):
    from gradcheck import check_layer

    def forward(X, W):
        return X @ W, (X, W)

    inputs = {"X": [[1.0, 2.0, 3.0], [0.0, 1.0, 5.0]], "W": [[1.0, 2.0], [3.0, 4.0], [0.0, -1.0]]}
    report = check_layer(forward, lambda dout, cache: (dout @ cache[1].T, cache[0].T @ dout / 2), inputs, seed=0)
    lines = [f"{'WRONG' if not finding.ok else 'ok   '} {finding.message}" for finding in report.findings]
    assert "\n      " in str(report), "the checker has broken a line"
    shown = narrowed(PRINTED.format(f"[[1 2]]\n{html.escape(str(report), quote=False)}\n"))
    assert [html.unescape(line) for line in re.findall('<span class="finding">(.*?)</span>', shown)] == lines
    assert '<span class="sentence">[[1 2]]</span>' in shown
    assert '<div class="output stream report highlight-myst-ansi notranslate">' in shown


def test_remark_below_a_finding_stays_a_line_of_its_own(narrowed):
    shown = narrowed(PRINTED.format("ok    dw is right.\n      dw[0] stands on a kink.\n"))
    assert re.findall('<span class="finding">(.*?)</span>', shown) == [
        "ok    dw is right.",
        "      dw[0] stands on a kink.",
    ]


def test_other_outputs_stay_and_empty_ones_leave_no_box(narrowed):
    other = PRINTED.format("z = 1.10, output = 0.7503\n")
    assert narrowed(other + PRINTED.format("\n")) == other


def test_code_in_a_table_breaks_after_signs(narrowed):
    code = '<code><span class="pre">softmax_xent_forward(Z,</span> <span class="pre">y)</span></code>'
    assert narrowed(f"<p>{code}</p>") == f"<p>{code}</p>"
    assert "softmax_<wbr>xent_<wbr>forward(<wbr>Z,</span>" in narrowed(f"<td>{code}</td>")


def test_words_for_jupyter_need_no_extension_of_it(extension):
    text = """(label)=
See {ref}`weighted-sum` and {term}`upstream gradient`, by {cite}`lecun1998`.

::::{admonition} Question 1
:class: self-check
Why?

:::{dropdown} Answer
Because.
:::
::::
"""
    shown = extension("notebooks").plain(text)
    assert "See weighted sum and upstream gradient, by (lecun1998)." in shown
    assert "> **Question 1**" in shown and "> > **Answer**" in shown and "> > Because." in shown
    assert not re.search(r"[{}]|:::|:class:|^\(label", shown)


@pytest.mark.parametrize("source", sorted(Path(__file__).parents[2].glob("chapters/*.md")), ids=lambda path: path.stem)
def test_notebook_of_a_page_stands_alone(source, extension):
    if "```{code-cell}" not in source.read_text("utf-8"):
        return
    notebook = extension("notebooks").page_as_notebook(source)
    nbformat.validate(notebook)
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    assert ".mplstyle" not in code
    words = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert not re.search(r"^:::|^\([\w-]+\)=$|\{(?:ref|term|cite|numref|download)\}`", words, re.MULTILINE)


def test_lines_that_come_in_pieces_have_no_empty_line_between_them(extension):
    pieces = ["rate  loss", "\n", " 0.1  0.9\n", " 1.0  0.8\n\n"]
    outputs = [nbformat.v4.new_output("stream", name="stdout", text=text) for text in pieces]
    outputs.insert(2, nbformat.v4.new_output("display_data", data={"text/plain": "a figure"}))
    shown = extension("printed_output").joined(outputs)
    assert [output.get("text") for output in shown] == ["rate  loss\n 0.1  0.9\n 1.0  0.8\n", None]
