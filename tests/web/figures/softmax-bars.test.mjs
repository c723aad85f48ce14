import assert from "node:assert/strict";
import test from "node:test";
import { softmaxAndLoss } from "../../../web/figures/softmax-numbers.mjs";
import { assertClose, centralDifference } from "./central-difference.mjs";

for (const [logits, right] of [[[1, 2.5, 0.3, -1], 0], [[0, 0], 1], [[800, -800, 0], 1], [[3], 0]]) {
  test(`logits ${logits}, class ${right}: p − t is the slope of the loss, and adds up to 0`, () => {
    const { p, t, loss, dz } = softmaxAndLoss(logits, right);
    logits.forEach((z, k) => {
      const moved = (to) => softmaxAndLoss(logits.with(k, to), right).loss;
      assertClose(dz[k], centralDifference(moved, z, 1e-4), `dz ${k}`);
      assertClose(dz[k], p[k] - t[k], "p − t");
    });
    assertClose(p.reduce((a, b) => a + b), 1, "sum of p");
    assertClose(dz.reduce((a, b) => a + b), 0, "sum of dz");
    assert.ok(Number.isFinite(loss) && loss >= 0);
    if (loss < 30) assertClose(loss, -Math.log(p[right]), "loss");
  });
}
