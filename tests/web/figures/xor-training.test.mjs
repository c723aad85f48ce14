import assert from "node:assert/strict";
import test from "node:test";
import { EXAMPLES, PARAMETERS, STARTS, lossAndSlopes, predict, stepped } from "../../../web/figures/xor-numbers.mjs";
import { assertClose, centralDifference } from "./central-difference.mjs";

const trained = (start, rate, steps) => {
  let parameters = STARTS[start];
  for (let step = 0; step < steps; step++) parameters = stepped(parameters, rate);
  return parameters;
};

for (const start of Object.keys(STARTS)) {
  for (const steps of [0, 60]) {
    test(`${start} after ${steps} steps: every slope is that of the loss`, () => {
      const parameters = trained(start, 0.8, steps);
      const { slopes, loss } = lossAndSlopes(parameters);
      PARAMETERS.forEach(({ name }, n) => {
        const moved = (to) => lossAndSlopes(parameters.with(n, to)).loss;
        assertClose(slopes[n], centralDifference(moved, parameters[n]), name);
      });
      const plain = EXAMPLES.map(([x1, x2, y]) => {
        const { p } = predict(parameters, [x1, x2]);
        return -Math.log(y ? p : 1 - p);
      });
      assertClose(loss, plain.reduce((a, b) => a + b) / EXAMPLES.length, "loss");
    });
  }
}

for (const start of ["random", "other"]) {
  test(`from the start ${start} it learns all four answers`, () => {
    const { predictions, loss } = lossAndSlopes(trained(start, 1, 600));
    EXAMPLES.forEach(([, , y], n) => assert.equal(predictions[n] > 0.5, y === 1));
    assert.ok(loss < 0.1, `the loss is ${loss}`);
  });
}

test("from zeros nothing is learned, from equal weights the hidden neurons stay equal", () => {
  assert.deepEqual(trained("zeros", 1, 50), STARTS.zeros.map(() => 0));
  const [w11, w12, w13] = trained("equal", 1, 200);
  assertClose(w11, w12, "w_11 and w_12");
  assertClose(w12, w13, "w_12 and w_13");
  assert.ok(lossAndSlopes(trained("equal", 1, 600)).loss > 0.3);
});
