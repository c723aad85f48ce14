"""Draw a computation graph: values go along the arrows, slopes come back beneath them."""

from collections.abc import Iterable, Mapping

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch

RADIUS = 0.3


def draw_graph(
    nodes: Mapping[str, tuple[float, float, str]], arrows: Iterable[tuple[str, str, str, str]], *, height: float = 3.0
) -> Figure:
    """Return the figure of a graph.

    ``nodes`` maps a key to (x, y, text); a node without text is a bare end of arrows. ``arrows`` holds (from, to,
    value, slope): the value stands above an arrow in the first colour, the slope below an arrow in the second, which
    points the other way. Where one of the two texts is empty, its arrow is left out.
    """
    fig, ax = plt.subplots(figsize=(6.4, height))
    for x, y, text in nodes.values():
        if text:
            ax.add_patch(Circle((x, y), RADIUS, facecolor="none", edgecolor="C0", linewidth=1.5))
            # What is more than a letter or a sign stays within its circle.
            size = 12 if len(text) < 9 else 9
            ax.text(x, y, text, ha="center", va="center", color="C0", fontsize=size)
    for start, end, value, slope in arrows:
        a, b = np.array(nodes[start][:2]), np.array(nodes[end][:2])
        along = (b - a) / np.linalg.norm(b - a)
        a = a + along * RADIUS * bool(nodes[start][2])
        b = b - along * RADIUS * bool(nodes[end][2])
        across = np.array([-along[1], along[0]])
        for text, side, colour, ends in [(value, 1, "C0", (a, b)), (slope, -1, "C1", (b, a))]:
            if text:
                tail, tip = (point + side * 0.05 * across for point in ends)
                arrow = FancyArrowPatch(tail, tip, arrowstyle="-|>", mutation_scale=10, color=colour)
                arrow.shrinkA = arrow.shrinkB = 0
                ax.add_patch(arrow)
                away = 0.26 if text.startswith("−") else 0.2
                ax.text(*((tail + tip) / 2 + side * away * across), text, ha="center", va="center", color=colour)
    ax.set_aspect("equal")
    ax.autoscale_view()
    ax.set_axis_off()
    return fig
