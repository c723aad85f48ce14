"""What is wide, fitted to the width of the screen: what checks print, and code in tables. No empty boxes below cells.

A report is printed in lines of up to 100 characters, more than a page's column holds and twice as many as a telephone
shows. Its findings are sentences: here each becomes one line again, which the browser breaks where its screen ends.
Code in a table may break after a sign: without that, one long name makes its column wider than a telephone, and with
breaks anywhere the column becomes as narrow as a letter.
"""

import re
from html import unescape

from front_end import Page
from sphinx.application import Sphinx

from gradcheck.report import MARKS, WIDTH

PRINTED = re.compile(
    r'<div class="output (stream|text_plain)( [^"]*)"><div class="highlight">'
    r"<pre><span></span>(.*?)</pre>\s*</div>\s*</div>",
    re.DOTALL,
)
CELL = re.compile(r"<t[dh][ >].*?</t[dh]>", re.DOTALL)
INLINE = re.compile(r'(?<=<span class="pre">)[^<]+(?=</span>)')
SIGN = re.compile(r"(?<=[\w>;)])([_./=(]|,)(?=[\w&\"'(\[])")
MARK = re.compile(rf"(?:{'|'.join(map(re.escape, [*MARKS.values(), '?    ']))}) \S")
# What follows a mark stands behind it, and so do remarks, which have none.
INDENT = " " * 6
# The checker breaks no line within an index or a shape.
WORD = re.compile(r"(?:[\[(][\d, ]+[\])]|\S)+")


def joined(lines: list[str]) -> list[str]:
    """Return the lines of a report as they were before the checker broke them."""
    whole: list[str] = []
    last = 0
    for line in lines:
        word = WORD.match(line.lstrip())
        broken = line.startswith(INDENT) and word and last + 1 + len(unescape(word[0])) > WIDTH
        if broken and whole:
            whole[-1] += " " + line.strip()
        else:
            whole.append(line)
        last = len(unescape(line))
    return whole


def fitted(match: re.Match[str]) -> str:
    """Return a printed output: nothing where it is empty, one element for each line where it holds a report."""
    kind, classes, text = match.groups()
    if not text.strip():
        return ""
    if not any(map(MARK.match, text.splitlines())):
        return match[0]
    lines = "".join(
        f'<span class="{"finding" if MARK.match(line) or line.startswith(INDENT) else "sentence"}">{line or " "}</span>'
        for line in joined(text.rstrip("\n").split("\n"))
    )
    return f'<div class="output {kind} report{classes}"><div class="highlight"><pre>{lines}</pre>\n</div>\n</div>'


def breakable(match: re.Match[str]) -> str:
    """Return a table's cell in which code may break after a sign."""
    return INLINE.sub(lambda code: SIGN.sub(r"\1<wbr>", code[0]), match[0])


def fit_to_screen(app: Sphinx, page: Page) -> None:
    """Fit a page's printed reports and its tables."""
    page.html = CELL.sub(breakable, PRINTED.sub(fitted, page.html))


def setup(app: Sphinx) -> dict[str, bool | str]:
    """Register the step."""
    app.setup_extension("front_end")
    app.connect("html-page-finished", fit_to_screen)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
