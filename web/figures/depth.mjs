// How much of the gradient reaches each layer of a deep network, and how steep its activations are.
import { scaleLinear, scaleLog } from "d3-scale";
import { choice, controls, drawing, picture, slider, status, values } from "./controls.mjs";
import { ACTIVATIONS, SCHEMES, draw as drawNumbers, measure } from "./depth-numbers.mjs";
import { axes, curve } from "./plot.mjs";
import { numeral } from "./symbols.mjs";

const AREA = { left: 50, top: 22, width: 284, height: 190 };
const FLOOR = 1e-40;
const CEILING = 1e10;
const MOST_LAYERS = 30;

/** Draws the figure into `root`; `chosen` may name the first activation and scheme. */
export function draw(root, chosen = {}) {
  const state = { activation: "sigmoid", scheme: "xavier", times: 1, layers: 20, ...chosen };
  const pictures = picture(
    root,
    "The norm of the gradient of each layer, and the mean slope of the activation in each layer.",
  );
  pictures.classed("beside", true);
  const [norms, slopes] = [drawing(pictures, 350, 260), drawing(pictures, 350, 260)];
  const size = scaleLog([FLOOR, CEILING], [AREA.top + AREA.height, AREA.top]);
  const steepness = scaleLinear([0, 1], [AREA.top + AREA.height, AREA.top]);
  const left = norms.append("g");
  const right = slopes.append("g");

  const first = controls(root);
  const named = (names) => names.map((value) => ({ value, text: value }));
  choice(first, {
    name: "activation",
    label: "Activation",
    options: named(ACTIVATIONS),
    value: state.activation,
    change: (activation) => update({ activation }),
  });
  choice(first, {
    name: "scheme",
    label: "First weights",
    options: named(Object.keys(SCHEMES)),
    value: state.scheme,
    change: (scheme) => update({ scheme }),
  });
  const second = controls(root);
  slider(second, {
    name: "times",
    label: "weights times",
    min: -2,
    max: 2,
    step: 0.25,
    value: Math.log2(state.times),
    say: (power) => numeral(2 ** power),
    change: (power) => update({ times: 2 ** power }),
  });
  slider(second, {
    name: "layers",
    label: "layers",
    min: 2,
    max: MOST_LAYERS,
    step: 1,
    value: state.layers,
    change: (layers) => update({ layers }),
  });
  const say = status(root);
  const fill = values(root, ["layer", "norm of dW", "mean slope", "flat, %"]);

  function update(changed) {
    Object.assign(state, changed);
    const { layers } = state;
    const found = measure({ ...state, drawn: drawNumbers(layers) });
    const at = scaleLinear([1, layers], [AREA.left + 8, AREA.left + AREA.width - 8]);
    const ticksX = Math.min(layers - 1, 6);
    left.selectAll("*").remove();
    const plotted = axes(left, AREA, {
      x: at,
      y: size,
      labelX: "layer",
      labelY: "norm of dW",
      ticksX,
      ticksY: 5,
      formatY: numeral,
    });
    const drawn = found.norms.map((norm, n) => [n + 1, Math.min(Math.max(norm, FLOOR), CEILING)]);
    plotted
      .append("path")
      .attr("class", "path")
      .attr("d", curve(drawn, at, size));
    plotted
      .selectAll("circle")
      .data(drawn)
      .join("circle")
      .attr("class", (_, n) => (found.norms[n] === drawn[n][1] ? "dot" : "dot off"))
      .attr("r", 3.5)
      .attr("cx", (point) => at(point[0]))
      .attr("cy", (point) => size(point[1]));

    right.selectAll("*").remove();
    const bars = axes(right, AREA, {
      x: at,
      y: steepness,
      labelX: "layer",
      labelY: "mean slope of its activation",
      ticksX,
      ticksY: 4,
    });
    const width = 0.7 * Math.min(24, at(2) - at(1));
    bars
      .selectAll("rect")
      .data(found.slopes)
      .join("rect")
      .attr("class", "bar")
      .attr("x", (_, n) => at(n + 1) - width / 2)
      .attr("width", width)
      .attr("y", (slope) => steepness(slope))
      .attr("height", (slope) => steepness(0) - steepness(slope));
    say(sentence(state, found));
    fill(found.norms.map((norm, n) => row(norm, found, n)));
  }
  update({});
}

function row(norm, { slopes, flat }, n) {
  const last = n === slopes.length;
  return [
    String(n + 1),
    { shown: `norm-${n + 1}`, number: norm },
    last ? "linear" : { shown: `slope-${n + 1}`, number: slopes[n] },
    last ? "" : { shown: `flat-${n + 1}`, number: 100 * flat[n] },
  ];
}

const TIMES = 30;

function sentence({ activation, scheme, times, layers }, { norms, slopes, flat }) {
  const [first, last] = [norms[0], norms.at(-1)];
  const mean = (list) => list.reduce((sum, value) => sum + value, 0) / list.length;
  const weights = `${times === 1 ? "" : `${numeral(times)} times `}${scheme}`;
  const steep = `Its slopes are ${numeral(mean(slopes))} on average, and ${numeral(100 * mean(flat))} % of its outputs are flat.`;
  return `${layers} layers of ${activation}, weights ${weights}: the gradient of layer 1 is ${numeral(first)}, that of layer ${layers} is ${numeral(last)}. ${verdict(first, last)} ${steep}`;
}

function verdict(first, last) {
  if (first === 0)
    return last === 0
      ? "Nothing moves at all: every gradient is exactly 0."
      : "Only the last layer would move: before it every gradient is exactly 0.";
  if (last > TIMES * first) return "On its way back the gradient vanishes.";
  if (first > TIMES * last) return "On its way back the gradient explodes.";
  if (last < 1e-6) return "It is level, and tiny everywhere: no layer would move.";
  if (last > 1000) return "It is level, and huge everywhere: the first step would throw all weights away.";
  return "It is level: all layers would learn at the same pace.";
}
