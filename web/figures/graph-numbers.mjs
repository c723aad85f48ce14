// The numbers of a computation graph, the steps in which they come to be known, and each step as a sentence.
import { operations } from "./operations.mjs";
import { factor, numeral } from "./symbols.mjs";

/** Returns the values of a graph that are given, with their sliders' settings. */
export function givens(graph) {
  return Object.entries(graph.values).filter(([, value]) => !value.by);
}

/** Returns the values that a graph makes, in the order of the forward pass. */
function made(graph) {
  return Object.entries(graph.values).filter(([, value]) => value.by);
}

/** Returns the names of the values into which a value goes. */
export function usersOf(graph, name) {
  return made(graph).filter(([, value]) => value.of.includes(name)).map(([user]) => user);
}

/** Returns whether somebody asks for the slope by a value: not by what only says how steep the rest is. */
export function hasSlope(graph, name) {
  return Boolean(graph.loss) && !graph.values[name].hidden;
}

/**
 * Runs both passes. Returns `values` and `slopes` by name, and `sent`: by `from` and `to` the slope that the value `from`
 * sends back to the value `to`.
 */
export function run(graph, inputs) {
  const values = { ...inputs };
  const inputsOf = (value) => value.of.map((name) => values[name]);
  for (const [name, value] of made(graph)) values[name] = operations[value.by].value(inputsOf(value));
  const slopes = {};
  const sent = {};
  if (!graph.loss) return { values, slopes, sent };
  for (const name of Object.keys(graph.values)) slopes[name] = 0;
  slopes[graph.loss] = 1;
  for (const [name, value] of made(graph).reverse()) {
    sent[name] = {};
    operations[value.by].slopes(inputsOf(value), values[name]).forEach((local, n) => {
      if (local === null) return;
      sent[name][value.of[n]] = slopes[name] * local;
      slopes[value.of[n]] += slopes[name] * local;
    });
  }
  return { values, slopes, sent };
}

/**
 * Returns the steps of both passes, each `{kind, name}`: `forward` makes a value, `seed` begins the way back, `back` sends
 * slopes from a value to what it was made of, `gather` adds the slopes that have arrived at a value on several paths.
 */
export function stepsOf(graph) {
  const steps = made(graph).map(([name]) => ({ kind: "forward", name }));
  if (!graph.loss) return steps;
  steps.push({ kind: "seed", name: graph.loss });
  const arrived = {};
  for (const [name, value] of made(graph).reverse()) {
    steps.push({ kind: "back", name });
    for (const to of value.of) {
      arrived[to] = (arrived[to] ?? 0) + 1;
      const paths = usersOf(graph, to).length;
      if (paths > 1 && arrived[to] === paths) steps.push({ kind: "gather", name: to });
    }
  }
  return steps;
}

/** Returns which values, slopes and sent slopes are known after some steps, as sets of names and of `from to`. */
export function knownAfter(graph, steps) {
  const values = new Set(givens(graph).map(([name]) => name));
  const slopes = new Set();
  const sent = new Set();
  for (const { kind, name } of steps) {
    if (kind === "forward") values.add(name);
    else if (kind === "back") {
      for (const to of graph.values[name].of.filter((each) => hasSlope(graph, each))) {
        sent.add(`${name} ${to}`);
        if (usersOf(graph, to).length === 1) slopes.add(to);
      }
    } else slopes.add(name);
  }
  return { values, slopes, sent };
}

/** Returns a step as a sentence with its formula in names and in numbers. */
export function sentence(graph, { values, slopes, sent }, { kind, name }) {
  const { by, of } = graph.values[name];
  if (kind === "forward") {
    const { text } = operations[by];
    const numbers = of.map((each) => factor(values[each]));
    return `Forward: ${name} = ${text(of)} = ${text(numbers)} = ${numeral(values[name])}.`;
  }
  if (kind === "seed") return `Backward: d${name} = 1. The slope of ${name} by itself is where every way back begins.`;
  if (kind === "gather") {
    const from = usersOf(graph, name);
    const parts = from.map((user, n) => (n ? factor : numeral)(sent[user][name])).join(" + ");
    return `Backward: d${name} = ${parts} = ${numeral(slopes[name])}. The slopes that come back from ${from.join(" and ")} add up.`;
  }
  const texts = operations[by].slopeTexts(of, name);
  const locals = operations[by].slopes(of.map((each) => values[each]), values[name]);
  const parts = of.flatMap((to, n) => {
    if (locals[n] === null) return [];
    // A part of a sum, so far, where other slopes arrive on other paths.
    const head = usersOf(graph, to).length > 1 ? `from ${name} back to ${to}: ` : `d${to} = `;
    const product = `${numeral(slopes[name])} · ${factor(locals[n])} = ${numeral(sent[name][to])}`;
    return [`${head}d${name} · ${texts[n]} = ${product}`];
  });
  return `Backward: ${parts.join("; ")}.`;
}

/** Returns the inputs after one step of gradient descent, and the sentence that says what it changed. */
export function gradientStep(graph, inputs, rate) {
  const before = run(graph, inputs);
  const after = { ...inputs };
  const parts = [];
  for (const [name, { weight }] of givens(graph)) {
    if (!weight) continue;
    after[name] -= rate * before.slopes[name];
    parts.push(
      `${name} = ${numeral(inputs[name])} − ${numeral(rate)} · ${factor(before.slopes[name])} = ${numeral(after[name])}`,
    );
  }
  const [from, to] = [before, run(graph, after)].map(({ values }) => values[graph.loss]);
  const way = to < from ? "falls" : to > from ? "rises" : "stays, it goes";
  const words = `Update: ${parts.join("; ")}. ${graph.loss} ${way} from ${numeral(from)} to ${numeral(to)}.`;
  return { inputs: after, words };
}
