"""The number of a chapter, from its file's name, and the time that it takes to read, counted from its text."""

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

# Prose that explains is read slowly; a formula on its own line and a line of code are worked through, not skimmed.
WORDS_A_MINUTE = 180
SECONDS_A_FORMULA = 12
SECONDS_A_LINE_OF_CODE = 3
NUMBERED = re.compile(r"(?:\d+|s\d+)(?=-)")


def number_of(docname: str) -> str:
    """Return the number of a chapter as readers say it: 6 for `chapters/06-layer-backward`, S1 for `s1-batch-norm`.

    A page whose name begins with no number has none.
    """
    found = NUMBERED.match(docname.rsplit("/", 1)[-1])
    return found.group().lstrip("0").upper() if found and docname.startswith("chapters/") else ""


class Number(SphinxTransform):
    """Begins the title of a chapter with its number: in the page, in every list of pages and in the search."""

    # Before the step that notes titles for references, so that all agree.
    default_priority = 800

    def apply(self, **_: Any) -> None:
        """Put the number before the title's words."""
        number = number_of(self.env.docname)
        title = next(self.document.findall(nodes.title), None)
        if number and title is not None:
            title.insert(0, nodes.inline("", f"{number}.", classes=["chapter-number"]))
            title.insert(1, nodes.Text(" "))


def minutes_to_read(doctree: nodes.document) -> int:
    """Return the minutes that the prose, the displayed formulas and the code of a page take, at least one.

    Exercises do not count, neither the notebook's nor those in the page.
    """
    exercises = [part for part in doctree.findall(nodes.Element) if part.tagname == "page_exercise"]
    of_exercises = {id(part) for exercise in exercises for part in exercise.findall()}
    words = sum(
        len(paragraph.astext().split())
        for paragraph in doctree.findall(nodes.paragraph)
        if id(paragraph) not in of_exercises
    )
    formulas = sum(1 for _ in doctree.findall(nodes.math_block))
    lines = sum(
        block.astext().count("\n") + 1
        for block in doctree.findall(nodes.literal_block)
        if "output" not in block.get("classes", []) + block.parent.get("classes", []) and id(block) not in of_exercises
    )
    return max(1, round(words / WORDS_A_MINUTE + (formulas * SECONDS_A_FORMULA + lines * SECONDS_A_LINE_OF_CODE) / 60))


def add_time(app: Sphinx, doctree: nodes.document) -> None:
    """End every box of the class `chapter-goal` with the time to read."""
    for box in doctree.findall(nodes.admonition):
        if "chapter-goal" in box.get("classes", []):
            minutes = minutes_to_read(doctree)
            text = f"about {minutes} minute{'s' if minutes != 1 else ''} to read, the exercise not counted."
            box += nodes.paragraph("", "", nodes.strong("", "Time."), nodes.Text(f" {text[0].upper()}{text[1:]}"))


def setup(app: Sphinx) -> dict[str, bool | str]:
    """Register both steps."""
    app.add_transform(Number)
    app.connect("doctree-read", add_time)
    return {"version": "2", "parallel_read_safe": True, "parallel_write_safe": True}
