// The operations of a computation graph. Each has a sign for its node; `value` of its inputs; `slopes` of its output by
// each input, given inputs and output; and the same two as text, with names or with numbers for the inputs.

const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);
const sigmoid = (z) => (z < 0 ? Math.exp(z) / (1 + Math.exp(z)) : 1 / (1 + Math.exp(-z)));

export const operations = {
  add: {
    sign: "+",
    value: sum,
    slopes: (inputs) => inputs.map(() => 1),
    text: (inputs) => inputs.join(" + "),
    slopeTexts: (inputs) => inputs.map(() => "1"),
  },
  subtract: {
    sign: "−",
    value: ([a, b]) => a - b,
    slopes: () => [1, -1],
    text: ([a, b]) => `${a} − ${b}`,
    slopeTexts: () => ["1", "(−1)"],
  },
  multiply: {
    sign: "×",
    value: ([a, b]) => a * b,
    slopes: ([a, b]) => [b, a],
    text: ([a, b]) => `${a} · ${b}`,
    slopeTexts: ([a, b]) => [b, a],
  },
  divide: {
    sign: "÷",
    value: ([a, b]) => a / b,
    slopes: ([a, b]) => [1 / b, -a / b ** 2],
    text: ([a, b]) => `${a} / ${b}`,
    slopeTexts: ([a, b]) => [`(1 / ${b})`, `(−${a} / ${b}²)`],
  },
  maximum: {
    sign: "max",
    value: ([a, b]) => Math.max(a, b),
    slopes: ([a, b]) => (a >= b ? [1, 0] : [0, 1]),
    text: ([a, b]) => `max(${a}, ${b})`,
    slopeTexts: ([a, b]) => [`(1 where ${a} is larger, else 0)`, `(1 where ${b} is larger, else 0)`],
  },
  increase: {
    sign: "+1",
    value: ([a]) => a + 1,
    slopes: () => [1],
    text: ([a]) => `${a} + 1`,
    slopeTexts: () => ["1"],
  },
  square: {
    sign: "( )²",
    value: ([a]) => a ** 2,
    slopes: ([a]) => [2 * a],
    text: ([a]) => `${a}²`,
    slopeTexts: ([a]) => [`2${a}`],
  },
  squaredError: {
    sign: "( )²",
    value: ([p, y]) => (p - y) ** 2,
    slopes: ([p, y]) => [2 * (p - y), -2 * (p - y)],
    text: ([p, y]) => `(${p} − ${y})²`,
    slopeTexts: ([p, y]) => [`2 (${p} − ${y})`, `(−2) (${p} − ${y})`],
  },
  sigmoid: {
    sign: "σ",
    value: ([z]) => sigmoid(z),
    slopes: (_, a) => [a * (1 - a)],
    text: ([z]) => `σ(${z})`,
    slopeTexts: (_, a) => [`${a} (1 − ${a})`],
  },
  relu: {
    sign: "ReLU",
    value: ([z]) => Math.max(0, z),
    slopes: ([z]) => [z > 0 ? 1 : 0],
    text: ([z]) => `max(0, ${z})`,
    slopeTexts: ([z]) => [`(1 where ${z} > 0, else 0)`],
  },
  exponential: {
    sign: "exp",
    value: ([z]) => Math.exp(z),
    slopes: (_, e) => [e],
    text: ([z]) => `exp(${z})`,
    slopeTexts: (_, e) => [e],
  },
  minusLogarithm: {
    sign: "−ln",
    value: ([p]) => -Math.log(p),
    slopes: ([p]) => [-1 / p],
    text: ([p]) => `−ln ${p}`,
    slopeTexts: ([p]) => [`(−1 / ${p})`],
  },
  // All that comes behind a node, as steep as the reader chooses: nobody asks for the slope by the steepness.
  rest: {
    sign: "…",
    value: ([z, steepness]) => steepness * z,
    slopes: ([, steepness]) => [steepness, null],
    text: ([z, steepness]) => `${steepness} · ${z}`,
    slopeTexts: ([, steepness]) => [steepness, null],
  },
};
