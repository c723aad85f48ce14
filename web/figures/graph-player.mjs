// Plays both passes of a small graph: values go forward, slopes come back, one step at a time.
import { buttons, choice, controls, drawing, picture, slider, status, values as table } from "./controls.mjs";
import { RADIUS, arrowPath, node } from "./graph-drawing.mjs";
import { givens, gradientStep, knownAfter, run, sentence, stepsOf, usersOf } from "./graph-numbers.mjs";
import { graphs } from "./graphs.mjs";
import { player, travel } from "./motion.mjs";
import { operations } from "./operations.mjs";
import { numeral, write } from "./symbols.mjs";

const BOX = { width: 68, height: 36 };
const LEARNING_RATE = 0.1;

/** Draws the player of the graph `chosen`, or of several, among which the reader then chooses. */
export function draw(root, chosen) {
  const names = [chosen].flat();
  for (const name of names) if (!graphs[name]) throw new Error(`there is no graph ${JSON.stringify(name)} in graphs.mjs`);
  const svg = drawing(picture(root, "A computation graph: values in blue, slopes in orange"), 400, 200);
  const row = controls(root);
  let playing;
  let current;
  if (names.length > 1) {
    choice(row, {
      name: "graph", label: "The graph", value: names[0],
      options: names.map((name) => ({ value: name, text: graphs[name].title })),
      change: (name) => begin(name),
    });
  }
  const sliders = row.append("div").attr("class", "sliders");
  const steering = controls(root);
  const say = status(root);
  const withSlopes = names.some((name) => graphs[name].loss);
  const fill = table(root, ["value", "number", ...(withSlopes ? ["slope of L by it"] : [])]);

  function begin(name) {
    playing?.pause();
    current = play(graphs[name], svg, sliders, say, fill);
    steering.selectAll("*").remove();
    const pressed = (action) => () => {
      playing.pause();
      action();
    };
    const each = [
      { name: "back", text: "Back", press: pressed(() => current.go(-1)) },
      { name: "next", text: "Next step", press: pressed(() => current.next()) },
      { name: "play", text: "Play", press: () => {} },
    ];
    if (current.learns) each.push({ name: "update", text: "One gradient step", press: pressed(() => current.update()) });
    each.push({ name: "again", text: "Start again", press: pressed(() => current.again()) });
    playing = player(buttons(steering, "Steps", each).play, { step: () => current.next(), most: 200 });
  }
  begin(names[0]);
}

/** Returns the point where an arrow between two places leaves the shape that stands at the first. */
function reach(graph, from, to) {
  const [[x0, y0], [x1, y1]] = [graph.values[from].at, graph.values[to].at];
  if (graph.values[from].by) return RADIUS;
  const length = Math.hypot(x1 - x0, y1 - y0);
  return Math.min((BOX.width / 2 / Math.abs(x1 - x0)) * length, (BOX.height / 2 / Math.abs(y1 - y0)) * length);
}

/** Draws a graph and its sliders, all of it known, and returns what the buttons do with it. */
function play(graph, svg, sliders, say, fill) {
  const steps = stepsOf(graph);
  const first = Object.fromEntries(givens(graph).map(([name, { value }]) => [name, value]));
  const state = { inputs: { ...first }, rate: LEARNING_RATE, done: steps.length };
  const shown = Object.entries(graph.values).filter(([, { hidden }]) => !hidden);
  const arrows = shown.flatMap(([to, value]) =>
    (value.of ?? []).filter((from) => !graph.values[from].hidden).map((from) => ({ from, to })),
  );

  svg.attr("viewBox", `0 0 400 ${graph.height}`).selectAll("*").remove();
  for (const arrow of arrows) {
    const [a, b] = [graph.values[arrow.from].at, graph.values[arrow.to].at];
    const ends = { from: reach(graph, arrow.from, arrow.to), to: reach(graph, arrow.to, arrow.from) };
    arrow.forward = svg.append("path").attr("d", arrowPath(a, b, { ...ends, aside: -3 }));
    arrow.back = svg.append("path").attr("d", arrowPath(b, a, { from: ends.to, to: ends.from, aside: -3 }));
    if (usersOf(graph, arrow.from).length > 1) {
      // Its part of the slope stands beside the arrow's end, where it comes back.
      const length = Math.hypot(b[0] - a[0], b[1] - a[1]);
      const [along, aside] = [ends.from + 0.55 * (length - ends.from - ends.to), 13];
      const [cx, cy] = [(b[0] - a[0]) / length, (b[1] - a[1]) / length];
      arrow.part = svg.append("text").attr("class", "number back").attr("text-anchor", "middle");
      arrow.part.attr("x", a[0] + cx * along - cy * aside).attr("y", a[1] + cy * along + cx * aside + 4.5);
    }
  }
  const dots = svg.append("g");
  const places = Object.fromEntries(
    shown.map(([name, { by, at, weight, shift = {} }]) => {
      const place = {};
      const text = (way, dy, [right, down] = [0, 0]) =>
        svg.append("text").attr("class", `number ${way}`).attr("text-anchor", "middle").attr("x", at[0] + right).attr("y", at[1] + dy + down);
      if (by) {
        const { sign } = operations[by];
        place.mark = node(svg, at).text(sign).classed("small", sign.length > 3).node().parentNode;
        [place.value, place.slope] = [text("forward", -RADIUS - 6, shift.value), text("back", RADIUS + 16, shift.slope)];
      } else {
        const { width, height } = BOX;
        const box = svg.append("rect").attr("class", weight ? "given weight" : "given").attr("rx", 5);
        box.attr("x", at[0] - width / 2).attr("y", at[1] - height / 2).attr("width", width).attr("height", height);
        place.mark = box.node();
        [place.value, place.slope] = [text("inside forward", graph.loss ? -3 : 4.5), text("inside back", 13)];
      }
      return [name, place];
    }),
  );

  sliders.selectAll("*").remove();
  const moved = Object.fromEntries(
    givens(graph).map(([name, settings]) => [
      name,
      slider(sliders, {
        name, ...settings,
        change: (value) => {
          state.inputs[name] = value;
          show();
        },
      }),
    ]),
  );
  const learns = Boolean(graph.loss) && givens(graph).some(([, { weight }]) => weight);
  if (learns) {
    slider(sliders, {
      name: "rate", label: "learning rate η", min: 0.01, max: 1, step: 0.01, value: state.rate,
      change: (rate) => {
        state.rate = rate;
        show(`A gradient step will now take ${numeral(rate)} times each slope.`);
      },
    });
  }

  function show(words) {
    const numbers = run(graph, state.inputs);
    const known = knownAfter(graph, steps.slice(0, state.done));
    const step = steps[state.done - 1];
    for (const [name, place] of Object.entries(places)) {
      const value = numeral(numbers.values[name], 2);
      write(place.value, known.values.has(name) ? `${name} = ${value}` : name);
      place.slope.text(known.slopes.has(name) ? numeral(numbers.slopes[name], 2) : "");
      const now = step?.name === name ? (step.kind === "forward" ? " now forward" : " now back") : "";
      place.mark.setAttribute("class", place.mark.getAttribute("class").replace(/ now \w+/, "") + now);
    }
    for (const { from, to, forward, back, part } of arrows) {
      const came = known.sent.has(`${to} ${from}`);
      forward.attr("class", `arrow ${known.values.has(to) ? "forward" : "off"}`);
      back.attr("class", `arrow back${came ? "" : " hidden"}`);
      part?.text(came ? numeral(numbers.sent[to][from], 2) : "");
    }
    say(words ?? (step ? said(step, numbers) : beginning()));
    fill(
      Object.entries(graph.values).map(([name, { label }]) => [
        label ?? name,
        known.values.has(name) ? { shown: name, number: numbers.values[name] } : "–",
        ...(graph.loss ? [known.slopes.has(name) ? { shown: `d${name}`, number: numbers.slopes[name] } : "–"] : []),
      ]),
    );
  }

  function beginning() {
    const inputs = givens(graph).filter(([, { hidden }]) => !hidden).map(([name]) => name);
    const listed = `${inputs.slice(0, -1).join(", ")} and ${inputs.at(-1)}`;
    return `Nothing is computed yet. Known are ${listed}. The next step begins the forward pass.`;
  }

  function said(step, numbers) {
    const words = sentence(graph, numbers, step);
    if (state.done < steps.length) return `Step ${state.done} of ${steps.length}. ${words}`;
    return `Step ${state.done} of ${steps.length}, the last. ${words}`;
  }

  function go(by) {
    state.done = Math.max(0, Math.min(steps.length, state.done + by));
    show();
    if (by > 0) send(steps[state.done - 1]);
  }

  /** Sends a dot along each arrow of a step. */
  function send({ kind, name }) {
    for (const { from, to } of arrows) {
      if (to !== name || kind === "seed" || kind === "gather") continue;
      const ends = [graph.values[from].at, graph.values[to].at];
      const dot = dots.append("circle").attr("r", 5).attr("class", kind === "forward" ? "dot forward" : "dot back");
      travel(dot, ...(kind === "forward" ? ends : ends.reverse()));
    }
  }

  show();
  return {
    learns,
    go,
    /** Does the next step, or the first when all are done; returns whether there is another. */
    next() {
      if (state.done === steps.length) state.done = 0;
      go(1);
      return state.done < steps.length;
    },
    update() {
      const { inputs, words } = gradientStep(graph, state.inputs, state.rate);
      state.inputs = inputs;
      for (const [name, value] of Object.entries(inputs)) moved[name].set(value);
      state.done = steps.length;
      show(words);
    },
    again() {
      state.inputs = { ...first };
      for (const [name, value] of Object.entries(first)) moved[name].set(value);
      state.done = 0;
      show();
    },
  };
}
