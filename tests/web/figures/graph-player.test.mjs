import assert from "node:assert/strict";
import test from "node:test";
import { givens, gradientStep, hasSlope, knownAfter, run, sentence, stepsOf } from "../../../web/figures/graph-numbers.mjs";
import { graphs } from "../../../web/figures/graphs.mjs";
import { assertClose, centralDifference } from "./central-difference.mjs";

const shifted = (graph, by) => Object.fromEntries(givens(graph).map(([name, { value }], n) => [name, value + by * (n % 3)]));

for (const [title, graph] of Object.entries(graphs)) {
  const names = Object.keys(graph.values);
  const steps = stepsOf(graph);

  test(`${title}: every slope is that of the loss`, () => {
    for (const by of [0, 0.37, -0.21]) {
      const inputs = shifted(graph, by);
      const { slopes } = run(graph, inputs);
      for (const [name] of givens(graph)) {
        if (!hasSlope(graph, name)) continue;
        const loss = (moved) => run(graph, { ...inputs, [name]: moved }).values[graph.loss];
        assertClose(slopes[name], centralDifference(loss, inputs[name]), `d${name}`);
      }
    }
  });

  test(`${title}: each step uses what is known, and together they find everything`, () => {
    const numbers = run(graph, shifted(graph, 0));
    steps.forEach((step, n) => {
      const known = knownAfter(graph, steps.slice(0, n));
      const value = graph.values[step.name];
      if (step.kind === "forward") assert.ok(value.of.every((name) => known.values.has(name)), step.name);
      if (step.kind === "back") assert.ok(known.slopes.has(step.name) && known.values.has(step.name), step.name);
      if (step.kind === "gather") assert.ok(!known.slopes.has(step.name), step.name);
      assert.doesNotMatch(sentence(graph, numbers, step), /undefined|NaN|not a number|null/);
    });
    const known = knownAfter(graph, steps);
    assert.deepEqual([...known.values].sort(), [...names].sort());
    assert.deepEqual([...known.slopes].sort(), names.filter((name) => hasSlope(graph, name)).sort());
  });

  test(`${title}: lies within its drawing, and its sliders do not begin at an end`, () => {
    for (const [name, { at, hidden, value, min, max }] of Object.entries(graph.values)) {
      if (!hidden) assert.ok(at[0] >= 20 && at[0] <= 380 && at[1] >= 15 && at[1] <= graph.height - 15, name);
      if (value !== undefined) assert.ok(min < value && value < max, name);
    }
  });

  if (graph.loss && givens(graph).some(([, { weight }]) => weight)) {
    test(`${title}: a small gradient step lowers the loss by about the rate times the squared slopes`, () => {
      const inputs = shifted(graph, 0);
      const rate = 1e-5;
      const { slopes, values } = run(graph, inputs);
      const after = run(graph, gradientStep(graph, inputs, rate).inputs).values[graph.loss];
      const squares = givens(graph).filter(([, { weight }]) => weight).map(([name]) => slopes[name] ** 2);
      const promised = rate * squares.reduce((sum, square) => sum + square, 0);
      assert.ok(promised > 0 && Math.abs((values[graph.loss] - after) / promised - 1) < 0.01);
    });
  }
}

test("a step is a formula with numbers", () => {
  const graph = graphs["node-multiply"];
  const numbers = run(graph, { x: 3, y: 2, steepness: 2 });
  assert.equal(sentence(graph, numbers, { kind: "forward", name: "z" }), "Forward: z = x · y = 3 · 2 = 6.");
  assert.equal(
    sentence(graph, numbers, { kind: "back", name: "z" }),
    "Backward: dx = dz · y = 2 · 2 = 4; dy = dz · x = 2 · 3 = 6.",
  );
  const byHand = graphs["by-hand"];
  assert.equal(
    sentence(byHand, run(byHand, { w: 2, x: 3, b: -1, y: 4 }), { kind: "gather", name: "w" }),
    "Backward: dw = 6 + 4 = 10. The slopes that come back from p and r add up.",
  );
});
