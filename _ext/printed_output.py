"""What one cell prints in several pieces is put together before it is trimmed.

myst-nb (1.4) trims each piece and ends it with a line break. The kernel may send a line and its own break in two
pieces, as it does when the next line takes a while, and then an empty line stood in the middle of a table.
"""

from typing import Any

from myst_nb.core import render, utils
from sphinx.application import Sphinx


def joined(outputs: list[Any]) -> list[Any]:
    """Return the outputs with the pieces of each stream in its first one, trimmed as myst-nb does it."""
    whole: dict[str, Any] = {}
    kept = []
    for output in outputs:
        first = whole.setdefault(output.get("name"), output) if output["output_type"] == "stream" else output
        if first is output:
            kept.append(output)
        else:
            first["text"] += output["text"]
    return utils.coalesce_streams(kept)


def setup(app: Sphinx) -> dict[str, bool | str]:
    """Put :func:`joined` in the place of myst-nb's own function."""
    render.coalesce_streams = joined
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
