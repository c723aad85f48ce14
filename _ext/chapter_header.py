"""The time that a chapter takes to read, counted from its text, in the box with which the chapter opens."""

from docutils import nodes
from sphinx.application import Sphinx

# Prose that explains is read slowly; a formula on its own line and a line of code are worked through, not skimmed.
WORDS_A_MINUTE = 180
SECONDS_A_FORMULA = 12
SECONDS_A_LINE_OF_CODE = 3


def minutes_to_read(doctree: nodes.document) -> int:
    """Return the minutes that the prose, the displayed formulas and the code of a page take, at least one."""
    words = sum(len(paragraph.astext().split()) for paragraph in doctree.findall(nodes.paragraph))
    formulas = sum(1 for _ in doctree.findall(nodes.math_block))
    lines = sum(
        block.astext().count("\n") + 1
        for block in doctree.findall(nodes.literal_block)
        if "output" not in block.get("classes", []) + block.parent.get("classes", [])
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
    """Register the step."""
    app.connect("doctree-read", add_time)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
