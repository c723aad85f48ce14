// The parts of a drawn computation graph: nodes, and arrows that lead forward or come back.

export const RADIUS = 16;

/** Returns the path of an arrow from the node at one point to the node at another, `aside` units to its right. */
export function arrowPath([x0, y0], [x1, y1], { aside = 0, from = RADIUS, to = RADIUS, tip = 6 } = {}) {
  const length = Math.hypot(x1 - x0, y1 - y0);
  const [cx, cy] = [(x1 - x0) / length, (y1 - y0) / length];
  const point = (along, across) => [
    x0 + cx * along - cy * (aside + across),
    y0 + cy * along + cx * (aside + across),
  ].map((number) => number.toFixed(1)).join(" ");
  const end = length - to - 1.5;
  return `M${point(from + 1.5, 0)}L${point(end, 0)}M${point(end - tip, -tip / 2)}L${point(end, 0)}L${point(end - tip, tip / 2)}`;
}

/** Draws an arrow, of the class `forward` or `back`, and returns it selected. */
export function arrow(place, from, to, way, options) {
  return place.append("path").attr("class", `arrow ${way}`).attr("d", arrowPath(from, to, options));
}

/** Draws a node at a point and returns the selected text inside it, for its sign. */
export function node(place, [x, y], kind = "operation") {
  const group = place.append("g").attr("class", `node ${kind}`).attr("transform", `translate(${x} ${y})`);
  group.append("circle").attr("r", RADIUS);
  return group.append("text").attr("class", "sign").attr("dy", "0.35em");
}
