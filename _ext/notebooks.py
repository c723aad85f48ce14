"""Each chapter as a notebook to download, and each exercise opened elsewhere by one click.

A page's notebook stands alone: it needs no file beside it, only Python with `gradcheck`, NumPy and matplotlib. What
Jupyter does not understand of a page's Markdown, boxes and references, becomes plain Markdown.
"""

import re
from html import escape
from pathlib import Path
from urllib.parse import quote

import jupytext
import nbformat
from front_end import Page
from sphinx.application import Sphinx

FOLDER = "notebooks"
EXERCISE = re.compile(r'<div class="(?:[\w-]+ )*exercise(?: [\w-]+)*">')
DOWNLOAD = re.compile(r'<a class="reference download internal"[^>]* href="[^"]*/([^/"]+\.ipynb)"')
# What stands above a box that has no title of its own.
TITLES = {"moving-figure": "On the page of the book, this figure moves"}
OPENING = re.compile(r"^(:{3,}|`{3,})\{(\w[\w-]*)\}[ \t]*(.*)$")


def plain(text: str) -> str:
    """Return MyST Markdown as Markdown that Jupyter shows: boxes as quotations, references as their words."""
    text = re.sub(r"^\([\w-]+\)=\n", "", text, flags=re.MULTILINE)
    # An exercise of the page needs the page; here is its chapter's notebook, which asks for more.
    text = re.sub(r"^:::\{page-exercise\} (.*)\n:::\n", r"*(An exercise of the page: \1.)*\n", text, flags=re.MULTILINE)
    text = re.sub(
        r"\{(?:ref|numref|term|doc|download)\}`([^`<]+?)\s*(?:<[^>`]*>)?`",
        lambda match: match[1].replace("-", " "),
        text,
    )
    text = re.sub(r"\{(?:cite|cite:\w+)\}`([^`]*)`", r"(\1)", text)
    text = re.sub(r"\{eq\}`([^`]*)`", "above", text)
    lines, depth = [], 0
    for line in text.splitlines():
        if opening := OPENING.match(line):
            depth += 1
            title = TITLES.get(opening[2]) or opening[3] or opening[2].capitalize()
            lines.append("> " * depth + f"**{title}**")
            lines.append(("> " * depth).rstrip())
        elif depth and re.fullmatch(r":{3,}|`{3,}", line):
            depth -= 1
            lines.append("")
        elif not (depth and re.match(r":[\w-]+:", line)):
            lines.append(("> " * depth + line).rstrip() if depth else line)
    return "\n".join(lines)


def settings_of(style: Path) -> str:
    """Return the statement that sets what a matplotlib style file sets."""
    pairs = (line.split(":", 1) for line in style.read_text("utf-8").splitlines() if line and not line.startswith("#"))
    settings = {key.strip(): value.strip() for key, value in pairs}
    return "plt.style.use({\n" + "".join(f"    {key!r}: {value!r},\n" for key, value in settings.items()) + "})"


def page_as_notebook(source: Path) -> nbformat.NotebookNode:
    """Return a page's notebook: its cells without outputs, with what it reads from its folder put into it."""
    notebook = jupytext.read(source)
    folder = source.parent
    modules = []
    for cell in notebook.cells:
        cell.metadata.clear()
        if cell.cell_type == "markdown":
            cell.source = plain(cell.source)
            continue
        for style in folder.glob("*.mplstyle"):
            cell.source = cell.source.replace(f'plt.style.use("{style.name}")', settings_of(style))
        modules += [
            name
            for name in re.findall(r"^(?:from|import) (\w+)", cell.source, re.MULTILINE)
            if (folder / f"{name}.py").is_file()
        ]
    for name in dict.fromkeys(modules):
        text = (folder / f"{name}.py").read_text("utf-8")
        notebook.cells.insert(0, nbformat.v4.new_code_cell(f"%%writefile {name}.py\n{text}"))
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number}"
    notebook.metadata = nbformat.from_dict(
        {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    )
    notebook.nbformat_minor = 5
    return notebook


def offer_notebook(app: Sphinx, page: Page) -> None:
    """Offer the notebook of a page beside its source, if the page has code."""
    if page.name not in app.notebook_pages:  # type: ignore[attr-defined]
        return
    name = f"{page.name.rsplit('/', 1)[-1]}.ipynb"
    button = (
        f'<li><a href="{page.to_root}{FOLDER}/{name}" download class="btn btn-sm dropdown-item" '
        'title="Download this page as a notebook"><span class="btn__icon-container"><i class="fas fa-book"></i></span>'
        '<span class="btn__text-container">.ipynb</span></a></li>'
    )
    page.html = page.html.replace('<ul class="dropdown-menu">', f'<ul class="dropdown-menu">{button}', 1)


def launchers(app: Sphinx, notebook: str) -> list[tuple[str, str]]:
    """Return name and address of each service that opens a notebook of the public repository."""
    repository, branch = app.config.book_repository, app.config.book_branch
    if not repository:
        return []
    owner_and_name = "/".join(repository.split("/")[-2:])
    found = [
        (
            "Binder",
            f"https://mybinder.org/v2/gh/{owner_and_name}/{branch}?urlpath={quote(f'lab/tree/{notebook}', safe='')}",
        ),
        ("Colab", f"https://colab.research.google.com/github/{owner_and_name}/blob/{branch}/{notebook}"),
    ]
    if hub := app.config.jupyterhub_address:
        tree = quote(f"lab/tree/{repository.rsplit('/', 1)[-1]}/{notebook}", safe="")
        found.insert(
            0,
            (
                "JupyterHub",
                f"{hub}/hub/user-redirect/git-pull?repo={quote(repository, safe='')}&branch={branch}&urlpath={tree}",
            ),
        )
    return found


def offer_launch(app: Sphinx, page: Page) -> None:
    """End the box of an exercise with the services that open its notebook, where the repository is public."""
    start = EXERCISE.search(page.html)
    exercise = DOWNLOAD.search(page.html, start.start()) if start else None
    if not start or not exercise:
        return
    found = sorted(Path(app.srcdir, "exercises").glob(f"*/{exercise[1]}"))
    if not found:
        return
    notebook = found[0].relative_to(app.srcdir).as_posix()
    links = [
        f'<a class="reference external" href="{escape(address)}">{name}</a>'
        for name, address in launchers(app, notebook)
    ]
    if links:
        end = page.html.index("</div>", exercise.end())
        page.html = f'{page.html[:end]}<p class="launch">Open it in {", ".join(links)}.</p>\n{page.html[end:]}'


def find_pages(app: Sphinx, env: object) -> None:
    """Note which pages have code, and write their notebooks."""
    app.notebook_pages = set()  # type: ignore[attr-defined]
    folder = Path(app.outdir) / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for name in sorted(app.env.found_docs):
        source = Path(app.env.doc2path(name))
        if (
            source.suffix == ".md"
            and source.parent.name == "chapters"
            and "```{code-cell}" in source.read_text("utf-8")
        ):
            app.notebook_pages.add(name)  # type: ignore[attr-defined]
            nbformat.write(page_as_notebook(source), folder / f"{source.stem}.ipynb")


def setup(app: Sphinx) -> dict[str, bool | str]:
    """Register the steps."""
    app.setup_extension("publishing")
    app.connect("env-check-consistency", find_pages)
    app.connect("html-page-finished", offer_notebook, priority=50)
    app.connect("html-page-finished", offer_launch)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": False}
