import test from "node:test";
import { lossAfterNudge, twoPaths } from "../../../web/figures/two-paths-numbers.mjs";
import { assertClose, centralDifference } from "./central-difference.mjs";

for (const x of [-2, -0.5, 0, 0.3, 2]) {
  test(`the slopes at x = ${x} are those of the loss, on each path and on both`, () => {
    const at = twoPaths(x);
    for (const [reaches, slope] of [["u", at.throughU], ["v", at.throughV], ["both", at.dx]]) {
      assertClose(slope, centralDifference((h) => lossAfterNudge(x, h, reaches), 0, 1e-5), reaches);
    }
    assertClose(at.du, centralDifference((u) => u * at.v, at.u), "du");
    assertClose(at.dv, centralDifference((v) => at.u * v, at.v), "dv");
    assertClose(at.throughU + at.throughV, at.dx, "sum");
    assertClose(at.L, lossAfterNudge(x, 0, "both"), "loss");
  });
}
