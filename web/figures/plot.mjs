// Axes and curves of the figures that plot something.
import { axisBottom, axisLeft } from "d3-axis";
import { line } from "d3-shape";
import { write } from "./symbols.mjs";

/**
 * Draws the axes of two D3 scales into an SVG, and returns the selected, clipped place for what is plotted, whose
 * coordinates are those of the SVG. `area` is `{left, top, width, height}`.
 */
export function axes(svg, area, { x, y, labelX, labelY, ticksX = 5, ticksY = 5, formatX, formatY }) {
  const { left, top, width, height } = area;
  const bottom = svg.append("g").attr("class", "axis").attr("transform", `translate(0 ${top + height})`);
  bottom.call(axisBottom(x).ticks(ticksX, formatX).tickSizeOuter(0));
  const side = svg.append("g").attr("class", "axis").attr("transform", `translate(${left} 0)`);
  side.call(axisLeft(y).ticks(ticksY, formatY).tickSizeOuter(0));
  // The size and the typeface are the style sheet's.
  svg.selectAll(".axis").attr("font-size", null).attr("font-family", null);
  if (labelX) {
    const label = svg.append("text").attr("class", "label").attr("text-anchor", "end");
    write(label.attr("x", left + width).attr("y", top + height + 34), labelX);
  }
  if (labelY) write(svg.append("text").attr("class", "label").attr("x", 2).attr("y", top - 10), labelY);
  // A drawing within the drawing clips what leaves it, and needs no id as a clip path does.
  return svg
    .append("svg")
    .attr("x", left)
    .attr("y", top)
    .attr("width", width)
    .attr("height", height)
    .attr("viewBox", `${left} ${top} ${width} ${height}`);
}

/** Returns the path through points `[x, y]` on two scales; points that are not finite leave a gap. */
export function curve(points, x, y) {
  return line()
    .defined((point) => point.every(Number.isFinite))
    .x((point) => x(point[0]))
    .y((point) => y(point[1]))(points);
}
