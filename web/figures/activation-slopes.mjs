// The four activation functions with one z to drag: the value, the tangent and the slope at that place.
import { scaleLinear } from "d3-scale";
import { ACTIVATIONS } from "./activation-slopes-numbers.mjs";
import { controls, drawing, picture, slider, status, values } from "./controls.mjs";
import { follow } from "./dragging.mjs";
import { axes, curve } from "./plot.mjs";
import { numeral } from "./symbols.mjs";

const AREA = { left: 26, top: 24, width: 132, height: 100 };
const END = 5;
const HEIGHTS = { sigmoid: [-0.1, 1.1], tanh: [-1.1, 1.1], ReLU: [-0.5, 5], softmax: [-0.1, 1.1] };
const POINTS = Array.from({ length: 201 }, (_, n) => -END + (2 * END * n) / 200);
// Half the length of the drawn tangent, in z.
const REACH = 1.4;

/** Draws the figure into `root`. */
export function draw(root, chosen = {}) {
  const pictures = picture(root, "The graphs of sigmoid, tanh, ReLU and softmax with their tangents at z.").classed(
    "four",
    true,
  );
  const z = scaleLinear([-END, END], [AREA.left, AREA.left + AREA.width]);
  const panels = Object.entries(ACTIVATIONS).map(([name, { value, slope }]) => {
    const svg = drawing(pictures, 165, 148, 240);
    const y = scaleLinear(HEIGHTS[name], [AREA.top + AREA.height, AREA.top]);
    const place = axes(svg, AREA, { x: z, y, labelX: "", labelY: "", ticksX: 3, ticksY: 3 });
    const title = svg.append("text").attr("class", "label").attr("x", 2).attr("y", 14);
    const dropped = place
      .append("line")
      .attr("class", "mark")
      .attr("y1", AREA.top)
      .attr("y2", AREA.top + AREA.height);
    place
      .append("path")
      .attr("class", "path slopes")
      .attr(
        "d",
        curve(
          POINTS.map((at) => [at, slope(value(at))]),
          z,
          y,
        ),
      );
    place
      .append("path")
      .attr("class", "path")
      .attr(
        "d",
        curve(
          POINTS.map((at) => [at, value(at)]),
          z,
          y,
        ),
      );
    const tangent = place.append("line").attr("class", "tangent");
    const here = place.append("circle").attr("class", "here").attr("r", 5);
    follow(svg, ([along]) => {
      const moved = Math.round(100 * Math.min(END, Math.max(-END, z.invert(along)))) / 100;
      slide.set(moved);
      update(moved);
    });
    return (at) => {
      const [a, steepness] = [value(at), slope(value(at))];
      title.text(`${name}: slope ${numeral(steepness)}`);
      dropped.attr("x1", z(at)).attr("x2", z(at));
      const [from, to] = [at - REACH, at + REACH];
      tangent
        .attr("x1", z(from))
        .attr("x2", z(to))
        .attr("y1", y(a - REACH * steepness))
        .attr("y2", y(a + REACH * steepness));
      here.attr("cx", z(at)).attr("cy", y(a));
    };
  });
  const slide = slider(controls(root), {
    name: "z",
    label: "z",
    min: -END,
    max: END,
    step: 0.01,
    value: chosen.z ?? 2,
    change: (at) => update(at),
  });
  const say = status(root);
  const fill = values(root, ["function", "a", "slope", "slope from a"]);

  function update(at) {
    for (const panel of panels) panel(at);
    const found = Object.entries(ACTIVATIONS).map(([name, { value, slope, formula, steepest }]) => {
      const a = value(at);
      return { name, a, slope: slope(a), formula, steepest };
    });
    const flat = found.filter(({ slope, steepest }) => slope < steepest / 10).map(({ name }) => name);
    const parts = found.map(({ name, a, slope }) => `${name} gives ${numeral(a)} with slope ${numeral(slope)}`);
    const ends =
      flat.length === 0
        ? "None of them is flat here."
        : `Flat here, so that little or nothing gets back: ${flat.join(", ")}.`;
    say(`At z = ${numeral(at)} ${parts.join(", ")}. ${ends}`);
    fill(
      found.map(({ name, a, slope, formula }) => [
        name,
        { shown: `value-${name}`, number: a },
        { shown: `slope-${name}`, number: slope },
        formula,
      ]),
    );
  }
  update(chosen.z ?? 2);
}
