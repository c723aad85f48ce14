// A small network learns exclusive or. On each edge a blue line as thick as its weight, an orange one as its slope.
import { buttons, choice, controls, drawing, picture, slider, status, values } from "./controls.mjs";
import { RADIUS, arrowPath, node } from "./graph-drawing.mjs";
import { player } from "./motion.mjs";
import { factor, numeral, plain, write } from "./symbols.mjs";
import { EXAMPLES, PARAMETERS, STARTS, lossAndSlopes, predict, stepped } from "./xor-numbers.mjs";

const PLACES = { x_1: [24, 60], x_2: [24, 170], a_1: [118, 30], a_2: [118, 115], a_3: [118, 200], p: [212, 115] };
const EDGES = PARAMETERS.map((parameter, n) => ({ ...parameter, n })).filter(({ from }) => from !== "1");
const MAP = { left: 264, top: 48, size: 132, cells: 12 };
const CHOSEN = 11;
const RATE = 1;
// Small enough to call it learned, and to end the training.
const LEARNED = 0.02;
const AT_ONCE = 25;
const thickness = (number, scale) => Math.min(7, Math.abs(number) * scale);

/** Draws the figure into an element. */
export function draw(root) {
  const state = { parameters: STARTS.random, start: "random", step: 0, chosen: CHOSEN, rate: RATE };
  const svg = drawing(picture(root, "A network of two, three and one neurons, and its answers as a map"), 400, 240);

  for (const edge of EDGES) {
    const [a, b] = [PLACES[edge.from], PLACES[edge.to]];
    edge.weight = svg.append("path").attr("d", arrowPath(a, b, { aside: -3, tip: 0 }));
    edge.slope = svg.append("path").attr("class", "arrow back").attr("d", arrowPath(b, a, { aside: -3, tip: 0 }));
    const [x, y] = [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
    const number = (dy) => svg.append("text").attr("text-anchor", "middle").attr("x", x).attr("y", y + dy);
    [edge.text, edge.slopeText] = [number(-8), number(18)];
  }
  for (const [name, at] of Object.entries(PLACES)) write(node(svg, at, name.startsWith("x") ? "input" : "operation"), name);

  const side = MAP.size / MAP.cells;
  // Half a unit of margin around the four examples, which lie at 0 and 1.
  const position = (x) => ((x + 0.5) / 2) * MAP.size;
  const input = (cell) => ((cell + 0.5) / MAP.cells) * 2 - 0.5;
  const cells = Array.from({ length: MAP.cells ** 2 }, (_, n) => {
    const [column, line] = [n % MAP.cells, Math.floor(n / MAP.cells)];
    const cell = svg.append("rect").attr("class", "cell").attr("width", side).attr("height", side);
    cell.attr("x", MAP.left + column * side).attr("y", MAP.top + line * side);
    return { cell, at: [input(column), input(MAP.cells - 1 - line)] };
  });
  const frame = svg.append("rect").attr("class", "frame").attr("x", MAP.left).attr("y", MAP.top);
  frame.attr("width", MAP.size).attr("height", MAP.size);
  for (const [x1, x2, y] of EXAMPLES) {
    const [left, top] = [MAP.left + position(x1), MAP.top + MAP.size - position(x2)];
    svg.append("circle").attr("class", "example").attr("cx", left).attr("cy", top).attr("r", 9);
    svg.append("text").attr("class", "sign").attr("text-anchor", "middle").attr("x", left).attr("y", top + 4.5).text(y);
  }
  const center = MAP.left + MAP.size / 2;
  const caption = (y, words) => write(svg.append("text").attr("text-anchor", "middle").attr("x", center).attr("y", y), words);
  caption(38, "p for each x_1, x_2");
  const lossText = caption(MAP.top + MAP.size + 22, "L");
  const countText = caption(MAP.top + MAP.size + 42, "");

  const row = controls(root);
  choice(row, {
    name: "start", label: "First weights", value: state.start,
    options: [
      { value: "random", text: "random" },
      { value: "other", text: "other random ones" },
      { value: "equal", text: "all 0.5" },
      { value: "zeros", text: "all 0" },
    ],
    change: (start) => begin(start),
  });
  choice(row, {
    name: "chosen", label: "Look at", value: String(CHOSEN),
    options: PARAMETERS.map(({ name, from, to }, n) => ({
      value: String(n),
      text: from === "1" ? `bias ${plain(name)}` : `weight ${plain(name)}, ${plain(from)} to ${plain(to)}`,
    })),
    change: (chosen) => show({ chosen: Number(chosen) }),
  });
  const sliders = row.append("div").attr("class", "sliders");
  const moved = slider(sliders, {
    name: "w", label: "this one", min: -6, max: 6, step: 0.1, value: state.parameters[CHOSEN],
    change: (w) => show({ parameters: state.parameters.with(state.chosen, w) }),
  });
  slider(sliders, {
    name: "rate", label: "learning rate η", min: 0.1, max: 5, step: 0.1, value: RATE,
    change: (rate) => show({ rate }, `Each step will now take ${numeral(rate)} times the slope.`),
  });
  const pressed = buttons(controls(root), "Training", [
    { name: "play", text: "Train", press: () => {} },
    { name: "step", text: "One step", press: () => train(1) },
    { name: "steps", text: `${AT_ONCE} steps`, press: () => train(AT_ONCE) },
    { name: "again", text: "Start again", press: () => begin(state.start) },
  ]);
  const say = status(root);
  const fill = values(root, ["parameter", "number", "slope of L by it"]);
  const playing = player(pressed.play, { step: () => learn(5), every: 120, most: 100 });
  // A button that ends the training says where it has led.
  pressed.play.addEventListener("click", () => show());

  function begin(start) {
    playing.pause();
    show({ start, parameters: STARTS[start], step: 0 });
  }

  function train(steps) {
    playing.pause();
    const [n, before] = [state.chosen, lossAndSlopes(state.parameters)];
    const from = state.parameters[n];
    learn(steps);
    const { loss } = lossAndSlopes(state.parameters);
    const { name } = PARAMETERS[n];
    const to = numeral(state.parameters[n]);
    const update =
      steps === 1
        ? `${name} = ${numeral(from)} − ${numeral(state.rate)} · ${factor(before.slopes[n])} = ${to}`
        : `in ${steps} steps ${name} went from ${numeral(from)} to ${to}`;
    show({}, `Step ${state.step}: ${update}. L went from ${numeral(before.loss)} to ${numeral(loss)}.`);
  }

  /** Does some steps, and returns whether there is more to learn. */
  function learn(steps) {
    for (let done = 0; done < steps; done++) state.parameters = stepped(state.parameters, state.rate);
    state.step += steps;
    const { loss, slopes } = lossAndSlopes(state.parameters);
    const goesOn = loss > LEARNED && slopes.some((slope) => Math.abs(slope) > 1e-9) && state.step % 500 !== 0;
    // While it runs, a sentence every two seconds is enough for those who hear it.
    show({}, goesOn && state.step % 100 ? null : undefined);
    return goesOn;
  }

  function show(change, words) {
    Object.assign(state, change);
    const { loss, slopes, predictions } = lossAndSlopes(state.parameters);
    const right = EXAMPLES.filter(([, , y], n) => (predictions[n] > 0.5) === (y === 1)).length;
    for (const { n, weight, slope, text, slopeText } of EDGES) {
      weight.attr("class", `arrow forward${state.parameters[n] < 0 ? " negative" : ""}`);
      weight.style("stroke-width", `${(0.4 + thickness(state.parameters[n], 1.4)).toFixed(2)}px`);
      slope.style("stroke-width", `${thickness(slopes[n], 60).toFixed(2)}px`);
      const chosen = n === state.chosen;
      text.attr("class", chosen ? "number forward" : "hidden").text(chosen ? numeral(state.parameters[n], 2) : "");
      slopeText.attr("class", chosen ? "number back" : "hidden").text(chosen ? numeral(slopes[n], 2) : "");
    }
    for (const { cell, at } of cells) cell.attr("fill-opacity", predict(state.parameters, at).p.toFixed(2));
    lossText.text(`L = ${numeral(loss)}`);
    countText.text(`${right} of 4 right`);
    moved.set(state.parameters[state.chosen]);
    const { name } = PARAMETERS[state.chosen];
    const [value, slope] = [state.parameters[state.chosen], slopes[state.chosen]];
    if (words !== null) {
      const stuck = slopes.every((each) => Math.abs(each) < 1e-9) ? " Every slope is 0: nothing will change." : "";
      const update = `${numeral(value)} − ${numeral(state.rate)} · ${factor(slope)} = ${numeral(value - state.rate * slope)}`;
      say(
        words ??
          `Step ${state.step}: L = ${numeral(loss)}, ${right} of 4 answers are right. d${name} = ${numeral(slope)}; ` +
            `the next step makes ${name} = ${update}.${stuck}`,
      );
    }
    fill([
      [`${name}, the chosen one`, { shown: "w", number: value }, { shown: "dw", number: slope }],
      ...PARAMETERS.map((parameter, n) => [
        parameter.name,
        { shown: parameter.name, number: state.parameters[n] },
        { shown: `d${parameter.name}`, number: slopes[n] },
      ]),
      ["loss L", { shown: "L", number: loss }, ""],
      ...EXAMPLES.map(([x1, x2], n) => [
        `p for x_1 = ${x1}, x_2 = ${x2}`,
        { shown: `p ${x1} ${x2}`, number: predictions[n] },
        "",
      ]),
    ]);
  }
  show();
}
