// The step of a finite difference against the error of the slope that it measures: the V.
import { scaleLog } from "d3-scale";
import { choice, controls, drawing, picture, slider, status, values } from "./controls.mjs";
import { follow } from "./dragging.mjs";
import { axes, curve } from "./plot.mjs";
import { DIFFERENCES, PRECISIONS, STEPS, errors, measured } from "./step-size-numbers.mjs";
import { numeral } from "./symbols.mjs";

const AREA = { left: 46, top: 50, width: 300, height: 206 };
// What is exact is drawn on the floor.
const FLOOR = 1e-17;
const SHORT = { forward: "forward", central: "central", complex: "complex step" };
const NAMES = { forward: "forward difference", central: "central difference", complex: "complex step" };
const TITLES = {
  sine: "sin x at x = 1",
  neuron: "loss of a sigmoid neuron at w = 0.5",
  ReLU: "max(0, z) at z = 0.000002",
};

/** Draws the figure into `root`; `chosen` may name the first function and precision. */
export function draw(root, chosen = {}) {
  const state = { name: "sine", precision: "float64", exponent: -5, ...chosen };
  const svg = drawing(
    picture(root, "The error of the measured slope against the step, both on logarithmic axes."),
    360,
    300,
    560,
  );
  const x = scaleLog([STEPS.at(-1), STEPS[0]], [AREA.left, AREA.left + AREA.width]);
  const y = scaleLog([FLOOR, 1], [AREA.top + AREA.height, AREA.top]);
  const place = axes(svg, AREA, {
    x,
    y,
    labelX: "step h",
    labelY: "",
    ticksX: 5,
    ticksY: 5,
    formatX: numeral,
    formatY: numeral,
  });
  svg.append("text").attr("class", "label").attr("x", 2).attr("y", 38).text("relative error of the slope");
  const mark = place
    .append("line")
    .attr("class", "mark")
    .attr("y1", AREA.top)
    .attr("y2", AREA.top + AREA.height);
  const lines = place
    .selectAll("path")
    .data(DIFFERENCES)
    .join("path")
    .attr("class", (name) => `path ${name}`);
  const points = place
    .selectAll("circle")
    .data(DIFFERENCES)
    .join("circle")
    .attr("r", 6)
    .attr("class", (name) => `here ${name}`);
  DIFFERENCES.forEach((name, n) => {
    const left = 2 + 110 * n;
    svg
      .append("line")
      .attr("class", `path ${name}`)
      .attr("x1", left)
      .attr("x2", left + 22)
      .attr("y1", 9)
      .attr("y2", 9);
    svg
      .append("text")
      .attr("x", left + 27)
      .attr("y", 14)
      .text(SHORT[name]);
  });

  const row = controls(root);
  choice(row, {
    name: "function",
    label: "Function",
    options: Object.entries(TITLES).map(([value, text]) => ({ value, text })),
    value: state.name,
    change: (name) => update({ name }),
  });
  choice(row, {
    name: "precision",
    label: "Numbers",
    options: Object.keys(PRECISIONS).map((value) => ({ value, text: value })),
    value: state.precision,
    change: (precision) => update({ precision }),
  });
  const steps = slider(controls(root), {
    name: "step",
    label: "step h",
    min: -20,
    max: -1,
    step: 0.25,
    value: state.exponent,
    say: (exponent) => numeral(10 ** exponent),
    change: (exponent) => update({ exponent }),
  });
  const say = status(root);
  const fill = values(root, ["difference", "slope", "error", "smallest error", "at h"]);

  function update(changed) {
    Object.assign(state, changed);
    const { name, precision, exponent } = state;
    const h = 10 ** exponent;
    const all = STEPS.map((step) => errors(name, step, precision));
    const best = Object.fromEntries(DIFFERENCES.map((each) => [each, smallest(all.map((these) => these[each]))]));
    const [slopes, off] = [measured(name, h, precision), errors(name, h, precision)];
    const drawn = (error) => Math.max(error, FLOOR);
    lines.attr("d", (each) =>
      curve(
        STEPS.map((step, n) => [step, drawn(all[n][each])]),
        x,
        y,
      ),
    );
    mark.attr("x1", x(h)).attr("x2", x(h));
    points.attr("cx", x(h)).attr("cy", (each) => y(drawn(off[each])));
    const parts = DIFFERENCES.map((each) => `the ${NAMES[each]} ${numeral(off[each])}`);
    say(`With h = ${numeral(h)} the relative error is: ${parts.join(", ")}. ${advice(h, off.central, best.central)}`);
    fill(
      DIFFERENCES.map((each) => [
        NAMES[each],
        { shown: `slope-${each}`, number: slopes[each] },
        { shown: `error-${each}`, number: off[each] },
        { shown: `best-error-${each}`, number: best[each].error },
        { shown: `best-step-${each}`, number: best[each].step },
      ]),
    );
  }

  follow(svg, ([along]) => {
    const exponent = Math.round(4 * Math.log10(x.invert(along))) / 4;
    const kept = Math.min(-1, Math.max(-20, exponent));
    steps.set(kept);
    update({ exponent: kept });
  });
  update({});
}

// The smallest of the errors, and the largest step that has it.
function smallest(off) {
  const error = Math.min(...off);
  return { error, step: STEPS[off.indexOf(error)] };
}

function advice(h, error, best) {
  if (error <= 10 * best.error) return "For the central difference this step is about as good as any.";
  if (h > best.step) return "For the central difference a smaller step would be better: here the formula is to blame.";
  return "For the central difference a larger step would be better: here rounding is to blame.";
}
