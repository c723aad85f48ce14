import assert from "node:assert/strict";
import { createRequire } from "node:module";
import test from "node:test";
import { factor, numeral, plain, write } from "../../../web/figures/symbols.mjs";

const { parseHTML } = createRequire(new URL("../../../web/package.json", import.meta.url))("linkedom");
const { select } = createRequire(new URL("../../../web/package.json", import.meta.url))("d3-selection");

for (const [value, text] of [
  [0, "0"], [-0, "0"], [2, "2"], [-2, "−2"], [0.1 + 0.2, "0.3"], [1.2345, "1.23"], [-0.01234, "−0.0123"],
  [123.4, "123"], [99999, "99999"], [1e5, "1e5"], [0.00012, "1.2e−4"], [-3e-7, "−3e−7"],
  [Infinity, "∞"], [-Infinity, "−∞"], [NaN, "not a number"],
]) {
  test(`${value} is written ${text}`, () => assert.equal(numeral(value), text));
}

test("a negative factor stands in brackets", () => {
  assert.equal(factor(-2), "(−2)");
  assert.equal(factor(2), "2");
});

test("what follows an underscore is written lower, and left out of what is heard", () => {
  const { document } = parseHTML("<!doctype html><html><body><p></p></body></html>");
  const p = document.querySelector("p");
  write(select(p), "dw_1 = dz · x_1 = 2");
  assert.equal(p.innerHTML, "dw<sub>1</sub> = dz · x<sub>1</sub> = 2");
  assert.equal(plain("dw_1"), "dw1");
  const text = select(document.body).append("svg").append("text");
  write(text, "w_1 + b");
  assert.equal(text.node().textContent, "w1 + b");
  assert.deepEqual(text.selectAll("tspan").nodes().map((node) => node.getAttribute("dy")), [null, "0.3em", "-0.216em"]);
});
