"""Execute pages again when what they were executed with has changed.

Jupyter Book's execution cache compares code cells alone, and Sphinx reads a page again only when its own text has
changed. What a page prints also depends on the checker, the installed versions and the data.
"""

import hashlib
import os
import shutil
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)


def inputs_of_execution(root: Path) -> list[Path]:
    """Return the files, besides the pages, on which the output of the pages depends."""
    files = [
        *root.glob("src/gradcheck/**/*.py"),
        *root.glob("chapters/*.py"),
        *root.glob("chapters/*.mplstyle"),
        # Pages train with the functions of the solutions (chapters/own_network.py).
        *(text for text in root.glob("solutions/*/*.md") if not text.name.startswith("page-")),
    ]
    files.append(root / "requirements/book.txt")
    if named := os.environ.get("MNIST_NPZ"):
        files.append(Path(named))
    else:
        files.append(Path.home() / ".keras/datasets/mnist.npz")
    return sorted(files)


def fingerprint(files: list[Path]) -> str:
    """Return one SHA-256 of the names and contents of ``files``; a missing file counts by its name."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file}\0".encode())
        if file.is_file():
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def outdated_pages(app: Sphinx, env, added, changed, removed) -> list[str]:  # type: ignore[no-untyped-def]
    """Return every page when the fingerprint has changed since the pages were read, else none.

    The cache of executions keeps its own fingerprint: it outlives Sphinx's environment, which every change of a setting
    throws away.
    """
    now = fingerprint(inputs_of_execution(Path(app.srcdir)))
    cache = Path(env.mystnb_config.execution_cache_path)
    kept = cache.with_name("executed_with.txt")
    if cache.exists() and (not kept.is_file() or kept.read_text("utf-8") != now):
        logger.info("the checker, the installed versions or the data have changed: every page is executed again")
        shutil.rmtree(cache)
    cache.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(now, "utf-8")
    before, env.executed_with = getattr(env, "executed_with", None), now
    return [] if before == now else sorted(env.found_docs)


def setup(app: Sphinx) -> dict[str, bool | str]:
    """Register the check; it runs once, before pages are read."""
    # Before myst-nb's own handler of the same event, which executes what is outdated.
    app.connect("env-get-outdated", outdated_pages, priority=100)
    return {"version": "1", "parallel_read_safe": True}
