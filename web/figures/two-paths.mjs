// Two paths lead from x to the loss. A slope comes back on each of them, and at x the two add up.
import { choice, controls, drawing, picture, slider, status, values } from "./controls.mjs";
import { RADIUS, arrow, node } from "./graph-drawing.mjs";
import { factor, numeral, write } from "./symbols.mjs";
import { lossAfterNudge, twoPaths } from "./two-paths-numbers.mjs";

const PLACES = { x: [40, 88], u: [165, 38], v: [165, 138], L: [290, 88], end: [372, 88] };
const ARROWS = [["x", "u"], ["x", "v"], ["u", "L"], ["v", "L"], ["L", "end"]];
const SIGNS = { x: "x", u: "+1", v: "( )²", L: "×" };
// The slopes that occur for x between −2 and 2.2.
const LEAST = -2;
const GREATEST = 19;

/** Draws the figure into an element. */
export function draw(root) {
  const state = { x: 2, nudge: 0.1, reaches: "both" };
  const svg = drawing(picture(root, "A fork: values, and the slopes that come back on both paths"), 400, 284);
  const label = (x, y, way, anchor = "middle") =>
    svg.append("text").attr("class", `number ${way}`).attr("x", x).attr("y", y).attr("text-anchor", anchor);

  const arrows = {};
  const numbers = {};
  for (const [from, to] of ARROWS) {
    const [a, b] = [PLACES[from], PLACES[to]];
    const ends = { to: to === "end" ? 0 : RADIUS };
    arrows[`${from}${to} forward`] = arrow(svg, a, b, "forward", { ...ends, aside: -3.5 });
    arrows[`${from}${to} back`] = arrow(svg, b, a, "back", { from: ends.to, aside: -3.5 });
    const [x, y] = [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
    // On the lower arrows the value stands below and to the outside of the picture, as on the upper ones above.
    const slope = Math.sign(b[1] - a[1]);
    const lean = slope * 8;
    numbers[`${from}${to} forward`] = label(x + (slope ? lean : 0), y - 10, "forward");
    numbers[`${from}${to} back`] = label(x - (slope ? lean : 0), y + 19, "back");
  }
  for (const [name, sign] of Object.entries(SIGNS)) {
    write(node(svg, PLACES[name], name === "x" ? "input" : "operation"), sign);
  }
  const names = { u: [165, 14], v: [165, 170], L: [290, 64] };
  const named = Object.fromEntries(Object.entries(names).map(([name, [x, y]]) => [name, label(x, y, "forward")]));

  const scale = (slope) => 50 + (312 * (slope - LEAST)) / (GREATEST - LEAST);
  const bars = svg.append("g").attr("class", "bars");
  bars.append("line").attr("class", "zero").attr("x1", scale(0)).attr("x2", scale(0)).attr("y1", 194).attr("y2", 280);
  const bar = Object.fromEntries(
    [["throughU", "by u"], ["throughV", "by v"], ["dx", "dx"]].map(([name, text], row) => {
      const y = 197 + 28 * row;
      label(0, y + 15, "quiet", "start").text(text);
      const box = bars.append("rect").attr("class", name === "dx" ? "sum" : "part").attr("y", y).attr("height", 20);
      return [name, { box, text: label(0, y + 15, "back", "start") }];
    }),
  );

  const row = controls(root);
  slider(row, { name: "x", min: -2, max: 2.2, step: 0.1, value: state.x, change: (x) => show({ x }) });
  slider(row, {
    name: "nudge", label: "nudge of x", min: 0.01, max: 0.5, step: 0.01, value: state.nudge,
    change: (nudge) => show({ nudge }),
  });
  choice(row, {
    name: "reaches", label: "The nudge reaches", value: state.reaches,
    options: [
      { value: "both", text: "both paths" },
      { value: "u", text: "only the path through u" },
      { value: "v", text: "only the path through v" },
    ],
    change: (reaches) => show({ reaches }),
  });
  const say = status(root);
  const fill = values(root, ["value", "number", "slope of L by it"]);

  const place = (name, from, to, sum) => {
    const [left, right] = [scale(Math.min(from, to)), scale(Math.max(from, to))];
    bar[name].box.attr("x", left).attr("width", Math.max(right - left, 0.5));
    bar[name].text.attr("x", right + 6).text(numeral(sum));
  };
  function show(change) {
    Object.assign(state, change);
    const at = twoPaths(state.x);
    const after = lossAfterNudge(state.x, state.nudge, state.reaches);
    const rise = (after - at.L) / state.nudge;
    for (const [name, number] of [["u", at.u], ["v", at.v], ["L", at.L]]) named[name].text(`${name} = ${numeral(number)}`);
    const onArrows = { xu: [at.x, at.throughU], xv: [at.x, at.throughV], uL: [at.u, at.du], vL: [at.v, at.dv], Lend: [at.L, 1] };
    for (const [name, [value, slope]] of Object.entries(onArrows)) {
      numbers[`${name} forward`].text(numeral(value));
      numbers[`${name} back`].text(numeral(slope));
    }
    for (const path of ["u", "v"]) {
      const off = state.reaches !== "both" && state.reaches !== path;
      for (const name of [`x${path}`, `${path}L`]) {
        for (const way of ["forward", "back"]) arrows[`${name} ${way}`].classed("off", off);
      }
    }
    // The second bar begins where the first ends: together they reach as far as the third.
    place("throughU", 0, at.throughU, at.throughU);
    place("throughV", at.throughU, at.dx, at.throughV);
    place("dx", 0, at.dx, at.dx);
    const expected = { both: at.dx, u: at.throughU, v: at.throughV }[state.reaches];
    const whole = { both: "both paths", u: "the path through u alone", v: "the path through v alone" }[state.reaches];
    say(
      `dx = du · 1 + dv · 2x = ${factor(at.du)} · 1 + ${factor(at.dv)} · ${factor(2 * at.x)} = ` +
        `${factor(at.throughU)} + ${factor(at.throughV)} = ${numeral(at.dx)}. ` +
        `A nudge of ${numeral(state.nudge)} on ${whole} moves L by ${numeral(after - at.L)}, ` +
        `that is ${numeral(rise)} for each unit; the slope says ${numeral(expected)}.`,
    );
    fill([
      ["x", { shown: "x", number: at.x }, { shown: "dx", number: at.dx }],
      ["u = x + 1", { shown: "u", number: at.u }, { shown: "du", number: at.du }],
      ["v = x²", { shown: "v", number: at.v }, { shown: "dv", number: at.dv }],
      ["x, through u", { shown: "x through u", number: at.x }, { shown: "dx through u", number: at.throughU }],
      ["x, through v", { shown: "x through v", number: at.x }, { shown: "dx through v", number: at.throughV }],
      ["L = u · v", { shown: "L", number: at.L }, { shown: "dL", number: 1 }],
      ["L after the nudge, and its rise for each unit", { shown: "L nudged", number: after }, { shown: "rise", number: rise }],
    ]);
  }
  show({});
}
