// The learning rate on a loss surface: sixty steps of an optimiser on a bowl, in a ravine, over a saddle.
import { scaleLinear, scaleLog } from "d3-scale";
import { buttons, choice, controls, drawing, picture, slider, status, values } from "./controls.mjs";
import { follow } from "./dragging.mjs";
import { HEIGHTS, OPTIMISERS, RATES, STEPS, SURFACES, outcome, walk } from "./learning-rate-numbers.mjs";
import { player } from "./motion.mjs";
import { axes, curve } from "./plot.mjs";
import { numeral } from "./symbols.mjs";

const MAP = { left: 34, top: 22, width: 306, height: 234 };
const FALL = { left: 44, top: 22, width: 290, height: 234 };
const LEAST = 1e-10;
const MOST = 1e3;

const OUTCOMES = {
  arrives: "It arrives: less than a thousandth of the loss is left.",
  slow: "It is slow: the way is right, and most of it is still ahead.",
  diverges: "It diverges: the loss is larger than at the start.",
  held: "It is held up: the ground is nearly flat here, but this is not the bottom.",
  swings: "It swings to and fro and does not settle.",
};

const power = (exponent) => 10 ** exponent;

/** Draws the figure into `root`; `chosen` may name the first surface and optimiser. */
export function draw(root, chosen = {}) {
  const state = { surface: "bowl", optimiser: "SGD", ...chosen, shown: STEPS };
  const restart = () => {
    state.rate = RATES[state.surface][state.optimiser].good;
    state.start = [...SURFACES[state.surface].start];
  };
  restart();

  const pictures = picture(root, "A map of the loss surface with the path of the steps, and the loss after each step.");
  pictures.classed("beside", true);
  const map = drawing(pictures, 350, 300);
  const u = scaleLinear([-2.2, 1.2], [MAP.left, MAP.left + MAP.width]);
  const v = scaleLinear([-1.3, 1.3], [MAP.top + MAP.height, MAP.top]);
  const ground = axes(map, MAP, { x: u, y: v, labelX: "u", labelY: "v", ticksX: 4, ticksY: 5 });
  const contours = ground.append("g").attr("class", "contours");
  const whole = ground.append("path").attr("class", "path faint");
  const path = ground.append("path").attr("class", "path");
  const dots = ground.append("g").attr("class", "dots");
  const here = ground.append("circle").attr("class", "here").attr("r", 6);

  const fall = drawing(pictures, 350, 300);
  const step = scaleLinear([0, STEPS], [FALL.left, FALL.left + FALL.width]);
  const loss = scaleLog([LEAST, MOST], [FALL.top + FALL.height, FALL.top]);
  const height = axes(fall, FALL, { x: step, y: loss, labelX: "step", labelY: "loss", ticksY: 4, formatY: numeral });
  const wholeFall = height.append("path").attr("class", "path faint");
  const pathFall = height.append("path").attr("class", "path");
  const hereFall = fall.append("circle").attr("class", "here").attr("r", 6);

  const first = controls(root);
  const surfaces = Object.keys(SURFACES).map((value) => ({ value, text: value }));
  const optimisers = Object.keys(OPTIMISERS).map((value) => ({ value, text: value }));
  choice(first, { name: "surface", label: "Surface", options: surfaces, value: state.surface, change: (value) => change({ surface: value }) });
  choice(first, { name: "optimiser", label: "Optimiser", options: optimisers, value: state.optimiser, change: (value) => change({ optimiser: value }) });
  const second = controls(root);
  const rate = slider(second, { name: "rate", label: "learning rate", min: -3, max: 0.75, step: 0.01, value: Math.log10(state.rate), say: (exponent) => numeral(power(exponent)), change: (exponent) => update({ rate: power(exponent) }) });
  const shown = slider(second, { name: "step", label: "steps shown", min: 0, max: STEPS, step: 1, value: STEPS, change: (value) => { play.pause(); update({ shown: value }); } });
  const starts = ["u", "v"].map((name, k) =>
    slider(second, { name: `start-${name}`, label: `start ${name}`, min: k ? -1.25 : -2.15, max: k ? 1.25 : 1.15, step: 0.01, value: state.start[k], change: (value) => update({ start: state.start.map((old, at) => (at === k ? value : old)) }) }),
  );
  const pressed = buttons(controls(root), "Learning rates to try, and motion", [
    ...["small", "good", "too large"].map((name) => ({ name, text: name, press: () => setRate(RATES[state.surface][state.optimiser][name]) })),
    { name: "play", text: "Step by step", press: () => {} },
  ]);
  const say = status(root);
  const fill = values(root, ["step", "u", "v", "loss", "dL/du", "dL/dv"]);
  const play = player(pressed.play, {
    every: 150,
    step: () => {
      if (state.shown >= state.path.length - 1) state.shown = -1;
      update({ shown: state.shown + 1 });
      shown.set(state.shown);
      return state.shown < state.path.length - 1;
    },
  });

  function setRate(value) {
    rate.set(Math.log10(value));
    shown.set(STEPS);
    update({ rate: value, shown: STEPS });
  }

  function change(chosenNow) {
    Object.assign(state, chosenNow);
    restart();
    starts.forEach((start, k) => start.set(state.start[k]));
    play.pause();
    drawContours();
    setRate(state.rate);
  }

  function drawContours() {
    const lines = HEIGHTS[state.surface].flatMap((each) => SURFACES[state.surface].contour(each));
    contours.selectAll("path").data(lines).join("path").attr("d", (points) => curve(points, u, v));
  }

  function update(changed) {
    Object.assign(state, changed);
    state.path = walk({ ...state, steps: STEPS });
    const at = Math.min(state.shown, state.path.length - 1);
    const points = state.path.map(({ point }) => point);
    const losses = state.path.map((each, n) => [n, Math.min(Math.max(each.loss, LEAST), MOST)]);
    whole.attr("d", curve(points, u, v));
    path.attr("d", curve(points.slice(0, at + 1), u, v));
    dots.selectAll("circle").data(points.slice(0, at + 1)).join("circle").attr("r", 2.4).attr("cx", (point) => u(point[0])).attr("cy", (point) => v(point[1]));
    here.attr("cx", u(points[at][0])).attr("cy", v(points[at][1]));
    wholeFall.attr("d", curve(losses, step, loss));
    pathFall.attr("d", curve(losses.slice(0, at + 1), step, loss));
    hereFall.attr("cx", step(at)).attr("cy", loss(losses[at][1]));
    say(sentence(state, at));
    const told = state.path.map((_, n) => n).filter((n) => n < 5 || n % 10 === 0 || n === at || n === state.path.length - 1);
    fill(told.map((n) => row(state.path[n], n)));
  }

  follow(map, ([x, y]) => {
    const start = [u.invert(x), v.invert(y)].map((value, k) => {
      const { min, max } = starts[k].element;
      return Math.round(100 * Math.min(Math.max(value, Number(min)), Number(max))) / 100;
    });
    starts.forEach((each, k) => each.set(start[k]));
    update({ start });
  });
  drawContours();
  update({});
}

function sentence({ surface, optimiser, rate, path }, at) {
  const { loss, gradient } = path[at];
  const from = at === 0 ? "At the start" : `After ${at} step${at === 1 ? "" : "s"} of ${optimiser} with learning rate ${numeral(rate)} on the ${surface}`;
  const fallen = at === 0 ? "" : `, from ${numeral(path[0].loss)} at the start`;
  const slopes = `The slopes here are dL/du = ${numeral(gradient[0])} and dL/dv = ${numeral(gradient[1])}.`;
  const end = at === path.length - 1 ? ` ${OUTCOMES[outcome(path, surface)]}` : "";
  return `${from} the loss is ${numeral(loss)}${fallen}. ${slopes}${end}`;
}

function row({ point, loss, gradient }, n) {
  const [u, v] = point;
  const [du, dv] = gradient;
  const cells = { u, v, loss, du, dv };
  return [String(n), ...Object.entries(cells).map(([name, number]) => ({ shown: `${name}-${n}`, number }))];
}
