// The learning rate on a loss surface: the steps of an optimiser on a bowl, in a ravine, over a saddle.
import { scaleLinear, scaleLog } from "d3-scale";
import { buttons, choice, controls, drawing, picture, slider, status, values } from "./controls.mjs";
import { follow } from "./dragging.mjs";
import { HEIGHTS, MOST_STEPS, OPTIMISERS, RATES, STEPS, SURFACES, outcome, walk } from "./learning-rate-numbers.mjs";
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
  const state = { surface: "bowl", optimiser: "SGD", ...chosen, steps: STEPS };
  // While it is shown step by step: up to which step.
  let goal = null;
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
  const path = ground.append("path").attr("class", "path");
  const dots = ground.append("g").attr("class", "dots");
  const here = ground.append("circle").attr("class", "here").attr("r", 6);

  const fall = drawing(pictures, 350, 300);
  const step = scaleLinear([0, MOST_STEPS], [FALL.left, FALL.left + FALL.width]);
  const loss = scaleLog([LEAST, MOST], [FALL.top + FALL.height, FALL.top]);
  const height = axes(fall, FALL, { x: step, y: loss, labelX: "step", labelY: "loss", ticksY: 4, formatY: numeral });
  const pathFall = height.append("path").attr("class", "path");
  const hereFall = fall.append("circle").attr("class", "here").attr("r", 6);

  const first = controls(root);
  const surfaces = Object.keys(SURFACES).map((value) => ({ value, text: value }));
  const optimisers = Object.keys(OPTIMISERS).map((value) => ({ value, text: value }));
  choice(first, {
    name: "surface",
    label: "Surface",
    options: surfaces,
    value: state.surface,
    change: (value) => change({ surface: value }),
  });
  choice(first, {
    name: "optimiser",
    label: "Optimiser",
    options: optimisers,
    value: state.optimiser,
    change: (value) => change({ optimiser: value }),
  });
  const second = controls(root);
  const rate = slider(second, {
    name: "rate",
    label: "learning rate",
    min: -3,
    max: 0.75,
    step: 0.01,
    value: Math.log10(state.rate),
    say: (exponent) => numeral(power(exponent)),
    change: (exponent) => update({ rate: power(exponent) }),
  });
  const steps = slider(second, {
    name: "steps",
    min: 0,
    max: MOST_STEPS,
    step: 1,
    value: state.steps,
    change: (steps) => {
      stop();
      update({ steps });
    },
  });
  const starts = ["u", "v"].map((name, k) =>
    slider(second, {
      name: `start-${name}`,
      label: `start ${name}`,
      min: k ? -1.25 : -2.15,
      max: k ? 1.25 : 1.15,
      step: 0.01,
      value: state.start[k],
      change: (value) => update({ start: state.start.map((old, at) => (at === k ? value : old)) }),
    }),
  );
  const pressed = buttons(controls(root), "Learning rates to try, and motion", [
    ...["small", "good", "too large"].map((name) => ({
      name,
      text: name,
      press: () => setRate(RATES[state.surface][state.optimiser][name]),
    })),
    { name: "play", text: "Step by step", press: () => {} },
  ]);
  const say = status(root);
  const fill = values(root, ["step", "u", "v", "loss", "dL/du", "dL/dv"]);
  const play = player(pressed.play, {
    every: 120,
    step: () => {
      if (goal === null) [goal, state.steps] = [state.steps || STEPS, 0];
      else state.steps++;
      steps.set(state.steps);
      update({});
      if (state.steps < Math.min(goal, state.path.length - 1)) return true;
      goal = null;
      update({});
      return false;
    },
  });

  function stop() {
    play.pause();
    goal = null;
  }

  function setRate(value) {
    stop();
    rate.set(Math.log10(value));
    steps.set(STEPS);
    update({ rate: value, steps: STEPS });
  }

  function change(chosenNow) {
    Object.assign(state, chosenNow);
    restart();
    starts.forEach((start, k) => start.set(state.start[k]));
    drawContours();
    setRate(state.rate);
  }

  function drawContours() {
    const lines = HEIGHTS[state.surface].flatMap((each) => SURFACES[state.surface].contour(each));
    contours
      .selectAll("path")
      .data(lines)
      .join("path")
      .attr("d", (points) => curve(points, u, v));
  }

  function update(changed) {
    Object.assign(state, changed);
    state.path = walk(state);
    const at = state.path.length - 1;
    const points = state.path.map(({ point }) => point);
    const losses = state.path.map((each, n) => [n, Math.min(Math.max(each.loss, LEAST), MOST)]);
    path.attr("d", curve(points, u, v));
    dots
      .selectAll("circle")
      .data(points)
      .join("circle")
      .attr("r", 2.4)
      .attr("cx", (point) => u(point[0]))
      .attr("cy", (point) => v(point[1]));
    here.attr("cx", u(points[at][0])).attr("cy", v(points[at][1]));
    pathFall.attr("d", curve(losses, step, loss));
    hereFall.attr("cx", step(at)).attr("cy", loss(losses[at][1]));
    // A screen reader is not to be flooded while the steps go by.
    if (goal === null || at % 20 === 0) say(sentence(state, at));
    const told = state.path.map((_, n) => n).filter((n) => n < 5 || n % 10 === 0 || n === at);
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
  const from =
    at === 0
      ? "At the start"
      : `After ${at} step${at === 1 ? "" : "s"} of ${optimiser} with learning rate ${numeral(rate)} on the ${surface}`;
  const fallen = at === 0 ? "" : `, from ${numeral(path[0].loss)} at the start`;
  const slopes = `The slopes here are dL/du = ${numeral(gradient[0])} and dL/dv = ${numeral(gradient[1])}.`;
  const end = at === 0 ? "" : ` ${OUTCOMES[outcome(path, surface)]}`;
  return `${from} the loss is ${numeral(loss)}${fallen}. ${slopes}${end}`;
}

function row({ point, loss, gradient }, n) {
  const [u, v] = point;
  const [du, dv] = gradient;
  const cells = { u, v, loss, du, dv };
  return [String(n), ...Object.entries(cells).map(([name, number]) => ({ shown: `${name}-${n}`, number }))];
}
