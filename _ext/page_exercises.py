"""Exercises in the page: a first attempt, a Check button and three hints, with no account, no install and no network.

The directive `page-exercise` of a chapter reads `solutions/<slug>/page-<name>.md` (CONTRIBUTING.md describes the text).
What the reader must not see, the solution and the wrong answers, is run while the book is built: the page gets the
numbers that they give, never their text.
"""

import ast
import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from docutils.statemachine import StringList
from front_end import NODE, NODE_MODULES, WEB, Page
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from gradcheck import grid, plain

logger = logging.getLogger(__name__)

FOLDER = "_static/exercises"
HINTS = 3
SECTIONS = ["Given", "Stub", "Solution", "Hints", "Cases", "Wrong answers"]
SETTINGS = {"function", "forward", "wrt", "loss", "tolerance"}
FENCE = re.compile(r"(?ms)^```(?:python|text)\n(.*?)^```$")
CAUSE = re.compile(r"Cause: `([\w-]+)`")
PYODIDE = ["pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip", "pyodide-lock.json"]
NEEDS_SERVER = (
    "Checks need JavaScript and a page that comes from a server, not from a folder: <code>make serve</code> in the "
    "book's project shows it so."
)


@dataclass(frozen=True)
class Slip:
    """A typical wrong answer: its name, its text, and either the checker's cause or the author's sentence."""

    name: str
    text: str
    cause: str
    says: str


@dataclass(frozen=True)
class Exercise:
    """One exercise of a page, as its source text says."""

    name: str
    title: str
    prose: str
    settings: dict[str, Any]
    given: str
    stub: str
    solution: str
    hints: dict[str, str]
    cases: list[str]
    slips: list[Slip] = field(default_factory=list)

    def for_checker(self) -> dict[str, Any]:
        """Return what the checker needs of the exercise, with the numbers of the wrong answers but without their text.

        Raises ValueError where the solution does not pass, the stub does, or a wrong answer is not named as the source
        says.
        """
        exercise: dict[str, Any] = {
            "function": self.settings["function"],
            "given": self.given,
            "cases": self.cases,
            "slips": [],
        }
        if "forward" in self.settings:
            names = [keyword.arg for keyword in as_call(self.cases[0]).keywords]
            function = next(
                statement
                for statement in ast.parse(self.solution).body
                if isinstance(statement, ast.FunctionDef) and statement.name == self.settings["function"]
            )
            exercise |= {
                "forward": self.settings["forward"],
                "inputs": names,
                "wrt": self.settings.get("wrt", names),
                "upstream": None if self.settings.get("loss") else function.args.args[0].arg,
            }
        else:
            exercise["tolerance"] = self.settings.get("tolerance", 1e-9)
            exercise["expected"] = answers(exercise, self.solution)
        for slip in self.slips:
            if slip.says:
                exercise["slips"].append({"says": slip.says, "answers": answers(exercise, slip.text)})
        self.prove(exercise)
        return exercise

    def prove(self, exercise: dict[str, Any]) -> None:
        """Raise ValueError unless the solution passes, the stub fails, and each wrong answer is named."""
        report = plain.check(exercise, self.solution)
        if not report["ok"]:
            raise ValueError(f"the solution does not pass: {report}")
        if plain.check(exercise, self.stub)["ok"]:
            raise ValueError("the stub passes as it is")
        for slip in self.slips:
            report = plain.check(exercise, slip.text)
            wanted = ("author-mistake", slip.says) if slip.says else (slip.cause, report["says"])
            if (report["cause"], report["says"]) != wanted or not report["says"]:
                raise ValueError(f"the wrong answer {slip.name!r} should be named by {wanted}, but: {report}")


def answers(exercise: dict[str, Any], text: str) -> list[Any]:
    """Return the numbers that an answer gives in each case, None where it gives none."""
    given, function = plain.run(exercise, text)
    if "forward" not in exercise:
        given[exercise["function"]] = function
        return [plain.as_lists(eval(call, dict(given))) for call in exercise["cases"]]
    found: list[Any] = []
    for number in range(len(exercise["cases"])):
        case = plain.Case(exercise, given, number)
        arguments = [case.cache] if case.upstream is None else [case.dout, case.cache]
        answer = function(*plain.copied(arguments))
        found.append([plain.flat(one) for one in (answer if len(case.names) > 1 else plain.one_of(answer, case))])
    return found


def as_call(case: str) -> ast.Call:
    """Return the inputs of a case, `x=2.0, y=3.0`, as the call that they are the arguments of."""
    call = ast.parse(f"dict({case})", mode="eval").body
    assert isinstance(call, ast.Call)
    return call


def parts_of(text: str, mark: str) -> tuple[str, dict[str, str]]:
    """Return what stands before the first heading of a level, and the text below each, code fences left whole."""
    before, found, fenced = [], {}, False
    current = before
    for line in text.splitlines(keepends=True):
        fenced ^= line.startswith("```")
        if line.startswith(f"{mark} ") and not fenced:
            name = line[len(mark) :].strip()
            if name in found:
                raise ValueError(f"the heading {name!r} stands twice")
            current = found[name] = []
        else:
            current.append(line)
    return "".join(before).strip(), {name: "".join(lines).strip() for name, lines in found.items()}


def code_of(section: str) -> tuple[str, str]:
    """Return the first fenced block of a section, and the prose around it."""
    match = FENCE.search(section)
    if not match:
        raise ValueError("a fenced block is missing")
    return match[1], f"{section[: match.start()]}{section[match.end() :]}".strip()


def read_exercise(file: Path) -> Exercise:
    """Return the exercise that a file describes; raise ValueError with what is wrong with it."""
    _, header, text = re.split(r"(?m)^---\n", file.read_text("utf-8"), maxsplit=2)
    settings = yaml.safe_load(header)
    if "function" not in settings or not set(settings) <= SETTINGS:
        raise ValueError(f"the settings should be some of {sorted(SETTINGS)}, and `function` must be there")
    head, sections = parts_of(text, "##")
    if list(sections) != SECTIONS:
        raise ValueError(f"the sections should be {SECTIONS}, in this order, but are {list(sections)}")
    title, _, prose = head.partition("\n")
    _, hints = parts_of(sections["Hints"], "###")
    if len(hints) != HINTS:
        raise ValueError(f"there should be {HINTS} hints, and there are {len(hints)}")
    slips = []
    for name, section in parts_of(sections["Wrong answers"], "###")[1].items():
        code, said = code_of(section)
        cause = CAUSE.fullmatch(said)
        if not said:
            raise ValueError(f"the wrong answer {name!r} needs a sentence, or `Cause:` with what the checker finds")
        slips.append(Slip(name, code, cause[1] if cause else "", "" if cause else " ".join(said.split())))
    return Exercise(
        name=file.stem.removeprefix("page-"),
        title=title.removeprefix("# "),
        prose=prose.strip(),
        settings=settings,
        given=code_of(sections["Given"])[0],
        stub=code_of(sections["Stub"])[0],
        solution=code_of(sections["Solution"])[0],
        hints=hints,
        cases=code_of(sections["Cases"])[0].strip().splitlines(),
        slips=slips,
    )


class page_exercise(nodes.General, nodes.Element):
    """An exercise in the page: its title, words, given code, stub and hints."""


class page_exercise_part(nodes.General, nodes.Element):
    """The title of an exercise, or one of its hints."""


class page_exercise_stub(nodes.literal_block):
    """The lines with which the reader begins."""


class PageExercise(SphinxDirective):
    """The directive: its argument is the name of a file beside the chapter's exercise, `page-<name>.md`."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the exercise as the page shows it, and keep what its checks need for the end of the build."""
        name, slug = self.arguments[0], Path(self.env.docname).name
        file = Path(self.env.srcdir, "solutions", slug, f"page-{name}.md")
        for read in (file, Path(plain.__file__), Path(grid.__file__)):
            self.env.note_dependency(str(read))
        try:
            exercise = read_exercise(file)
            checked = exercise.for_checker()
        except (OSError, ValueError, SyntaxError, StopIteration) as problem:
            logger.warning("the exercise %s cannot be shown: %s", file, problem, location=self.get_location())
            return []
        exercises_of(self.env).setdefault(self.env.docname, {})[name] = checked
        key = f"exercise-{name}"
        node = page_exercise("", ids=[key], name=name, slug=slug, function=exercise.settings["function"])
        node += self.part("title", exercise.title)
        node += self.parsed(exercise.prose)
        # Highlighted only where the text and its source are equal.
        given = nodes.literal_block(exercise.given.strip(), exercise.given.strip(), language="python")
        given["classes"].append("given")
        node += given
        node += page_exercise_stub(exercise.stub, exercise.stub.strip(), key=key)
        for number, (title, text) in enumerate(exercise.hints.items(), start=1):
            node += self.part("hint", text, title=f"Hint {number}: {title[0].lower()}{title[1:]}", number=number)
        return [node]

    def part(self, kind: str, text: str, **values: Any) -> nodes.Element:
        """Return a part with its Markdown parsed."""
        part = page_exercise_part("", kind=kind, **values)
        part += self.parsed(text)
        return part

    def parsed(self, text: str) -> list[nodes.Node]:
        """Return the nodes of a piece of Markdown."""
        container = nodes.Element()
        self.state.nested_parse(StringList(text.splitlines(), "page-exercise"), self.content_offset, container)
        return container.children


def exercises_of(env: BuildEnvironment) -> dict[str, dict[str, dict[str, Any]]]:
    """Return what is kept between builds: for each page its exercises, by name."""
    if not hasattr(env, "page_exercises"):
        env.page_exercises = {}
    return env.page_exercises


def forget(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    """Drop the exercises of a page that is read again."""
    exercises_of(env).pop(docname, None)


def merge(app: Sphinx, env: BuildEnvironment, docnames: list[str], other: BuildEnvironment) -> None:
    """Take over what another process has read."""
    exercises_of(env).update({page: found for page, found in exercises_of(other).items() if page in docnames})


def file_name(slug: str, name: str) -> str:
    """Return the name of the file with what the checks of an exercise need."""
    return f"{slug}-{name}.json"


def full_python(config: Config) -> str:
    """Return how the second button names what it runs, an empty string where the site does not carry it."""
    if not config.page_exercises_full_python:
        return ""
    return "full Python and NumPy" if config.page_exercises_wheels else "full Python (6 MB)"


def visit_exercise(translator: Any, node: nodes.Element) -> None:
    """Open the box of an exercise."""
    app = translator.builder.app
    static = "../" * translator.builder.current_docname.count("/") + FOLDER
    key = node["ids"][0]
    full = full_python(app.config)
    offers = f' data-full="{escape(full)}"' if full else ""
    translator.body.append(
        f'<div class="page-exercise" id="{key}" role="group" aria-labelledby="{key}-title" data-state="before"'
        f' data-exercise="{static}/{file_name(node["slug"], node["name"])}"{offers}>\n'
    )


def depart_exercise(translator: Any, node: nodes.Element) -> None:
    """Close the list of hints, and the box."""
    translator.body.append("</div></div>\n")


def visit_part(translator: Any, node: nodes.Element) -> None:
    """Open the title or a hint."""
    key = node.parent["ids"][0]
    if node["kind"] == "title":
        translator.body.append(f'<div class="page-exercise-title" id="{key}-title"><span>Try it here</span> ')
    else:
        translator.body.append(f"<details><summary>{escape(node['title'])}</summary>")


def depart_part(translator: Any, node: nodes.Element) -> None:
    """Close the title or a hint."""
    translator.body.append("</div>\n" if node["kind"] == "title" else "</details>\n")


def visit_stub(translator: Any, node: nodes.Element) -> None:
    """Write the text area and the places of the buttons and of the result, and open the list of hints."""
    key, text = node["key"], node.astext()
    rows = text.count("\n") + 2
    translator.body.append(
        f'<label id="{key}-label" for="{key}-code">Your code</label>'
        f'<textarea id="{key}-code" rows="{rows}" spellcheck="false" autocapitalize="off" autocomplete="off">\n'
        f"{escape(text)}\n</textarea>\n"
        f'<div class="actions" hidden></div><p class="unserved">{NEEDS_SERVER}</p>\n'
        '<div class="result" role="status"></div><div class="hints">\n'
    )
    raise nodes.SkipNode


def link(app: Sphinx, page: Page) -> None:
    """Link the module and the style sheet from the pages with an exercise."""
    if '<div class="page-exercise"' in page.html:
        folder = f"{page.to_root}{FOLDER}"
        head = (
            f'<link rel="stylesheet" href="{folder}/exercise.css" />\n    '
            f'<script type="module" src="{folder}/exercise.mjs"></script>\n'
        )
        page.html = page.html.replace("</head>", f"    {head}</head>", 1)


def write(app: Sphinx, exception: Exception | None) -> None:
    """Write what the checks need: modules, the two Pythons, and each exercise."""
    if exception or app.builder.format != "html":
        return
    folder = Path(app.outdir, FOLDER)
    shutil.rmtree(folder, ignore_errors=True)
    exercises = {
        file_name(Path(page).name, name): exercise
        for page, found in exercises_of(app.env).items()
        for name, exercise in found.items()
    }
    if not exercises:
        return
    folder.mkdir(parents=True)
    for name, exercise in exercises.items():
        (folder / name).write_text(json.dumps(exercise), "utf-8")
    shutil.copyfile(WEB / "exercise/exercise.css", folder / "exercise.css")
    carries = ["numpy"] if app.config.page_exercises_full_python and app.config.page_exercises_wheels else []
    subprocess.run([NODE, WEB / "exercise/bundle.mjs", folder, *carries], check=True)
    small = NODE_MODULES / "@micropython/micropython-webassembly-pyscript"
    copy([small / name for name in ("micropython.mjs", "micropython.wasm")], folder / "micropython")
    if app.config.page_exercises_full_python:
        copy([NODE_MODULES / "pyodide" / name for name in PYODIDE], folder / "pyodide")
        if app.config.page_exercises_wheels:
            lock = json.loads((NODE_MODULES / "pyodide/pyodide-lock.json").read_text("utf-8"))
            wheel = Path(app.srcdir, app.config.page_exercises_wheels, lock["packages"]["numpy"]["file_name"])
            if not wheel.is_file():
                raise ExtensionError(f"page_exercises_wheels: there is no {wheel}, which Pyodide's lock file asks for")
            shutil.copyfile(wheel, folder / "pyodide" / wheel.name)


def copy(files: list[Path], into: Path) -> None:
    """Copy files into a folder."""
    into.mkdir()
    for file in files:
        shutil.copyfile(file, into / file.name)


def settle(app: Sphinx, config: Config) -> None:
    """Read the settings: the environment goes before the configuration, as for the places of publication."""
    if (given := os.environ.get("PAGE_EXERCISES_FULL_PYTHON")) is not None:
        config.page_exercises_full_python = given.lower() not in {"", "0", "no", "false"}
    config.page_exercises_wheels = os.environ.get("PAGE_EXERCISES_WHEELS") or config.page_exercises_wheels


def setup(app: Sphinx) -> dict[str, bool | str]:
    """Register the directive, its settings and the steps."""
    app.setup_extension("front_end")
    app.add_config_value("page_exercises_full_python", True, "html", bool)
    app.add_config_value("page_exercises_wheels", "", "html", str)
    app.add_node(page_exercise, html=(visit_exercise, depart_exercise))
    app.add_node(page_exercise_part, html=(visit_part, depart_part))
    app.add_node(page_exercise_stub, html=(visit_stub, None))
    app.add_directive("page-exercise", PageExercise)
    app.connect("config-inited", settle)
    app.connect("env-purge-doc", forget)
    app.connect("env-merge-info", merge)
    # After the theme's style sheets have become one, which would take this one in.
    app.connect("html-page-finished", link, priority=700)
    app.connect("build-finished", write)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
