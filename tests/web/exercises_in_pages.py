"""The exercises of the pages as their texts describe them, and a reader who tries them in a browser."""

import importlib
import sys
from dataclasses import dataclass
from functools import cache
from typing import Any

from visits import AXE, PATIENCE, ROOT, RUN_AXE


@cache
def every_exercise() -> dict[str, Any]:
    """Return every exercise by ``slug/name``, in the order of the chapters."""
    sys.path.insert(0, str(ROOT / "_ext"))
    extension = importlib.import_module("page_exercises")
    sys.path.remove(str(ROOT / "_ext"))
    files = sorted(ROOT.glob("solutions/*/page-*.md"))
    found = {f"{file.parent.name}/{file.stem.removeprefix('page-')}": extension.read_exercise(file) for file in files}
    return found


@dataclass
class Reader:
    """Somebody at one exercise of a page."""

    page: Any
    root: Any

    @classmethod
    def at(cls, page: Any, address: str, place: str, editor: bool = True) -> "Reader":
        """Return a reader who has opened the page of an exercise and scrolled to it."""
        slug, name = place.split("/")
        page.set_default_timeout(PATIENCE * 1000)
        page.goto(f"{address}chapters/{slug}.html")
        root = page.locator(f"#exercise-{name}")
        if editor:
            root.scroll_into_view_if_needed()
            root.locator(".cm-content").wait_for()
        return cls(page, root)

    @property
    def code(self) -> str:
        """What stands in the editor."""
        return "\n".join(self.root.locator(".cm-line").all_inner_texts()).replace("\u200b", "")

    def write(self, code: str) -> None:
        """Put code into the editor in place of what is there."""
        self.root.locator(".cm-content").click()
        self.page.keyboard.press("Control+a")
        self.page.keyboard.insert_text(code)

    def state(self) -> str:
        """Return before, running, wrong or right."""
        return self.root.get_attribute("data-state")

    def wait_for(self, *states: str) -> None:
        """Wait until the exercise is in one of the states."""
        self.page.wait_for_function(
            "([id, states]) => states.includes(document.getElementById(id).dataset.state)",
            arg=[self.root.get_attribute("id"), states],
        )

    def check(self, button: str = "Check") -> str:
        """Click a button and return what the check says."""
        self.root.get_by_role("button", name=button, exact=True).click()
        self.wait_for("wrong", "right")
        return self.root.locator(".result").inner_text()

    def violations(self) -> list[str]:
        """Return what axe finds in the exercise as it is now."""
        if not self.page.evaluate("Boolean(window.axe)"):
            self.page.add_script_tag(path=AXE)
        run = RUN_AXE.replace("async () =>", "async (id) =>").replace(
            "axe.run(document", "axe.run(document.getElementById(id)"
        )
        return self.page.evaluate(run, self.root.get_attribute("id"))
