"""The book's extensions, on a book of two pages: what must fail does, and a second build changes nothing."""

import json
import os
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

GOOD = """(start)=
# Start here

*What is shown?*

:::{admonition} In this chapter
:class: chapter-goal
**Do.** Read.
:::

A formula $z = w x + b$ in a line, and one alone:

$$\\frac{\\partial L}{\\partial w} = x$$

![Two arrows, one forward and one back](arrows.svg)

| a | $b^2$ |
| - | ----- |
| 1 | 2     |

:::{admonition} Exercise
:class: exercise
Fill in {download}`start.ipynb <exercises/start/start.ipynb>`.
:::
"""
ARROWS = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9" width="9" height="9"><path id="a" d="M0 0h9"/></svg>'
)
MOVING = """# Moves

See {numref}`fig-fork`.

:::{moving-figure} two-paths
:name: fig-fork
:alt: A graph in which x goes into two nodes; below it three bars, of which the third is as long as the other two.
Slopes add up where $x$ forks.
:::
"""
PLACES = {"BOOK_ADDRESS": "https://example.org/course/", "BOOK_REPOSITORY": "https://github.com/someone/course.git"}
HUB = {"JUPYTERHUB_ADDRESS": "https://hub.example.org/"}


@pytest.fixture
def build(root: Path, tmp_path: Path):
    """Return a function that builds a book of the given pages and returns its folder and what the build said."""
    config = yaml.safe_load((root / "_config.yml").read_text("utf-8"))
    config["sphinx"]["local_extensions"] = {name: str(root / "_ext") for name in config["sphinx"]["local_extensions"]}
    (tmp_path / "_config.yml").write_text(yaml.safe_dump(config), "utf-8")
    (tmp_path / "chapters").mkdir()
    (tmp_path / "requirements").mkdir()
    shutil.copy(root / "chapters/figures.mplstyle", tmp_path / "chapters")
    shutil.copy(root / "references.bib", tmp_path)
    (tmp_path / "arrows.svg").write_text(ARROWS, "utf-8")
    (tmp_path / "exercises/start").mkdir(parents=True)
    (tmp_path / "exercises/start/start.ipynb").write_text("{}", "utf-8")
    if not (root / "web/node_modules/.package-lock.json").is_file():
        subprocess.run(["make", "web/node_modules/.package-lock.json"], cwd=root, check=True)

    def run(pages: dict[str, str], **environment: str) -> tuple[Path, str]:
        for name, text in pages.items():
            (tmp_path / f"{name}.md").write_text(text, "utf-8")
        root_page, *others = pages
        chapters = "".join(f"  - file: {name}\n" for name in others)
        (tmp_path / "_toc.yml").write_text(
            f"format: jb-book\nroot: {root_page}\n" + (f"chapters:\n{chapters}" if others else ""), "utf-8"
        )
        command = [Path(sys.executable).parent / "jupyter-book", "build", tmp_path, "--all"]
        said = subprocess.run(command, capture_output=True, text=True, env=os.environ | environment)
        return tmp_path / "_build/html", said.stdout + said.stderr

    return run


def warnings_of(said: str) -> list[str]:
    """Return the warnings of a build, without the colours of the terminal."""
    return [line for line in re.sub(r"\x1b\[[\d;]*m", "", said).splitlines() if "WARNING: " in line]


def test_mistakes_are_warnings_that_say_where(build):
    bad = "# Bad\n\nA formula $\\frac{a$ here.\n\n$$\\nosuchthing$$\n\n![](arrows.svg)\n\n![arrows.svg](arrows.svg)\n"
    _, said = build({"index": GOOD, "bad": bad})
    found = warnings_of(said)
    assert len(found) == 4, said
    for expected in (
        "bad.md:3: WARNING: the formula '\\\\frac{a' cannot be rendered: Missing close brace",
        "bad.md:5: WARNING: the formula '\\\\nosuchthing' cannot be rendered: Undefined control sequence",
        "WARNING: a figure has no text alternative: say",
        "WARNING: a figure has no text alternative but the path 'arrows.svg'",
    ):
        assert sum(expected in line for line in found) == 1, said


def test_mistakes_with_moving_figures_are_warnings(build):
    good = MOVING.replace("See {numref}`fig-fork`.\n\n", "").replace("fig-fork", "fig-{page}")
    spoiled = {
        "unknown": (("two-paths", "no-such-figure"), "'no-such-figure': there is no web/figures/no-such-figure.mjs"),
        "wordless": ((":alt:", ":alt: |\n:with:"), "it has no text alternative"),
        "bare": (("Slopes add up where $x$ forks.\n", ""), "it has no caption"),
        "broken": ((":alt:", ":with: {\n:alt:"), "`:with:` is neither a name nor JSON"),
        "undrawn": (("two-paths", "symbols"), "cannot be drawn: draw is not a function"),
    }
    pages = {page: good.replace("{page}", page).replace(*change) for page, (change, _) in spoiled.items()}
    _, said = build({"index": GOOD, **pages})
    found = warnings_of(said)
    assert len(found) == len(spoiled), said
    for page, (_, expected) in spoiled.items():
        assert any(expected in line and f"{page}.md:3: " in line for line in found), (page, found)


def test_moving_figure_is_in_the_page_before_any_script_runs(build):
    pages = {"index": GOOD, "moves": MOVING}
    built, said = build(pages)
    assert warnings_of(said) == []
    page = (built / "moves.html").read_text("utf-8")
    assert 'id="fig-fork"' in page and 'href="#fig-fork"><span class="std std-numref">Fig. 1</span>' in page
    (stage,) = re.findall(r'<div class="stage">(.*?)<figcaption>', page, re.DOTALL)
    assert 'aria-label="A graph in which x goes into two nodes;' in stage and "<svg" in stage
    assert len(re.findall(r'<div[^>]* class="controls"', stage)) == stage.count("inert=") - 2 >= 1
    assert "_static/figures" not in (built / "index.html").read_text("utf-8")
    bundles = {file: file.read_bytes() for file in (built / "_static/figures").iterdir()}
    assert {file.name for file in bundles} == {"arrive.mjs", "figures.css", "two-paths.mjs"}
    build(pages)
    assert [file.name for file, content in bundles.items() if file.read_bytes() != content] == []
    assert (built / "moves.html").read_text("utf-8") == page


def test_page_is_whole_and_a_second_build_changes_nothing(build):
    built, said = build({"index": GOOD, "other": "# Other\n\nBack to {ref}`start`, where $z = w x + b$.\n"})
    assert warnings_of(said) == []
    first = {file: file.read_bytes() for file in built.rglob("*") if file.suffix in {".html", ".css", ".ipynb"}}
    page = (built / "index.html").read_text("utf-8")
    assert page.count("<math>") == 3 and page.count('class="math') == 3
    for glyph in re.findall(r'href="#(g-[\w-]+)"', page):
        assert page.count(f'<path id="{glyph}"') == 1
    assert '<svg class="figure" role="img" aria-label="Two arrows, one forward and one back"' in page
    assert "<strong>Time.</strong> About 1 minute to read" in page
    assert '<meta name="description" content="What is shown? ' in page
    assert "example.org" not in page and "mybinder" not in page and not (built / "sitemap.xml").exists()
    build({"index": GOOD, "other": (built.parents[1] / "other.md").read_text("utf-8")})
    changed = [file.name for file, content in first.items() if file.read_bytes() != content]
    assert changed == []


def test_published_places_bring_sitemap_canonical_addresses_and_launches(build):
    built, said = build({"index": GOOD, "chapters/06-other": "# Other\n\nText.\n"}, **PLACES, **HUB)
    assert warnings_of(said) == []
    page = (built / "index.html").read_text("utf-8")
    (launch,) = re.findall('<p class="launch">Open it in (.*?)[.]</p>', page)
    assert re.findall(">([^<]+)</a>", launch) == ["JupyterHub", "Binder", "Colab"]
    assert '<link rel="canonical" href="https://example.org/course/" />' in page
    assert "https://example.org/course/chapters/06-other.html" in (built / "sitemap.xml").read_text("utf-8")
    assert '<base href="/course/" />' in (built / "404.html").read_text("utf-8")
    assert "https://mybinder.org/v2/gh/someone/course/main?urlpath=lab%2Ftree%2Fexercises%2Fstart%2Fstart.ipynb" in page
    assert "https://colab.research.google.com/github/someone/course/blob/main/exercises/start/start.ipynb" in page
    other = (built / "chapters/06-other.html").read_text("utf-8")
    for text, address in ((page, ""), (other, "chapters/06-other.html")):
        assert f'<meta property="og:url" content="https://example.org/course/{address}" />' in text
        assert '<meta property="og:image" content="https://example.org/course/_static/preview.png" />' in text
        assert re.search(r'<meta name="description" content="[^"]+"', text)


def test_chapter_shows_the_number_of_its_file_wherever_it_is_named(build):
    built, said = build(
        {"index": GOOD, "chapters/06-other": "(six)=\n# Other\n", "chapters/s2-more": "# See {ref}`six`\n"}
    )
    assert warnings_of(said) == []
    front, six, more = (
        (built / f"{name}.html").read_text("utf-8") for name in ("index", "chapters/06-other", "chapters/s2-more")
    )
    assert re.search(r'<h1><span class="chapter-number">6\.</span> Other<a ', six)
    assert re.search(r'<h1><span class="chapter-number">S2\.</span> See <a [^>]*><span[^>]*>6\. Other</span></a>', more)
    for text, named in ((front, "6. Other"), (six, "S2. See"), (more, "6. Other")):
        neighbours = [re.sub("<[^>]+>", "", title) for title in re.findall(r'(?s)prev-next-title">(.*?)</p>', text)]
        assert any(neighbour.startswith(named) for neighbour in neighbours)
    (sidebar,) = re.findall(r'(?s)<nav class="bd-links.*?</nav>', front)
    assert re.findall(r"(?:6|S2)\. \w+", re.sub("<[^>]+>", "", sidebar)) == ["6. Other", "S2. See"]
    assert "<title>6. Other" in six


def test_site_has_its_icon_its_version_its_preview_and_a_page_for_wrong_turns(build):
    from importlib.metadata import version

    built, _ = build({"index": GOOD, "chapters/one": "# One\n\nText.\n"})
    for name, to_root in (("index", ""), ("chapters/one", "../"), ("404", "")):
        text = (built / f"{name}.html").read_text("utf-8")
        assert f'<link rel="icon" type="image/svg+xml" href="{to_root}_static/favicon.svg" />' in text
        assert f'<meta property="og:image" content="{to_root}_static/preview.png" />' in text
        assert f"Version {version('backprop-by-hand')}" in text
    width_and_height = struct.unpack(">II", (built / "_static/preview.png").read_bytes()[16:24])
    assert width_and_height == (1200, 630)
    assert (built / "_static/favicon.svg").is_file()
    assert "This page is not here" in (built / "404.html").read_text("utf-8")


def test_exercise_in_a_page_is_built_with_or_without_full_python_and_its_mistakes_are_warnings(build, tmp_path, root):
    (tmp_path / "solutions/index").mkdir(parents=True)
    text = (root / "solutions/05-chain-rule/page-mul-backward.md").read_text("utf-8")
    (tmp_path / "solutions/index/page-mul-backward.md").write_text(text, "utf-8")
    (tmp_path / "solutions/index/page-wrong.md").write_text(text.replace("Cause: `order`", "Cause: `sign`"), "utf-8")
    page = "# Try\n\n:::{page-exercise} mul-backward\n:::\n\n:::{page-exercise} wrong\n:::\n"
    built, said = build({"index": page}, PAGE_EXERCISES_FULL_PYTHON="0")
    (warning,) = warnings_of(said)
    assert (
        "page-wrong.md cannot be shown: the wrong answer 'The two slopes in the wrong order' should be named" in warning
    )
    html = (built / "index.html").read_text("utf-8")
    assert html.count('<div class="page-exercise"') == 1 and "data-full" not in html
    folder = built / "_static/exercises"
    made = {"exercise.mjs", "editor.mjs", "worker.mjs", "exercise.css", "micropython", "index-mul-backward.json"}
    assert {file.name for file in folder.iterdir()} == made
    assert (folder / "micropython/micropython.wasm").stat().st_size > 100_000
    _, said = build({"index": page.split("\n\n:::{page-exercise} wrong")[0] + "\n"}, PAGE_EXERCISES_WHEELS="wheels")
    assert "page_exercises_wheels: there is no" in said and "which Pyodide's lock file asks for" in said


def test_missing_npm_packages_are_named_with_what_to_do(build, tmp_path, root):
    elsewhere = tmp_path / "copy"
    shutil.copytree(root / "_ext", elsewhere / "_ext")
    config = tmp_path / "_config.yml"
    config.write_text(config.read_text("utf-8").replace(str(root / "_ext"), str(elsewhere / "_ext")), "utf-8")
    _, said = build({"index": "# One\n"})
    assert "the npm packages of the book are missing" in said and "make book" in said


def test_lock_of_npm_packages_names_no_address(root):
    lock = json.loads((root / "web/package-lock.json").read_text("utf-8"))
    packages = {name: package for name, package in lock["packages"].items() if name}
    assert packages and not any("resolved" in package for package in packages.values())
    assert all("integrity" in package for package in packages.values())
