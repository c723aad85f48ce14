// A network of two inputs, three hidden neurons with tanh and one output with a sigmoid, which learns exclusive or.

/** The four examples: two inputs, and the right answer. */
export const EXAMPLES = [[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]];
const HIDDEN = 3;

/** The parameters in their order, each with its name and the two ends of its edge; a bias comes from "1". */
export const PARAMETERS = [
  ...[1, 2].flatMap((j) => [1, 2, 3].map((k) => ({ name: `w_${j}${k}`, from: `x_${j}`, to: `a_${k}` }))),
  ...[1, 2, 3].map((k) => ({ name: `b_${k}`, from: "1", to: `a_${k}` })),
  ...[1, 2, 3].map((k) => ({ name: `v_${k}`, from: `a_${k}`, to: "p" })),
  { name: "c", from: "1", to: "p" },
];

/** First weights, by name. The random ones are drawn once for all, from −1 to 1. */
export const STARTS = {
  random: [0.31, -0.62, 0.85, -0.44, 0.57, 0.76, 0, 0, 0, 0.68, -0.53, 0.24, 0],
  other: [-0.81, 0.29, 0.12, 0.94, -0.37, 0.66, 0, 0, 0, -0.25, 0.71, -0.9, 0],
  equal: PARAMETERS.map(() => 0.5),
  zeros: PARAMETERS.map(() => 0),
};

const split = (parameters) => ({
  w: [parameters.slice(0, 3), parameters.slice(3, 6)],
  b: parameters.slice(6, 9),
  v: parameters.slice(9, 12),
  c: parameters[12],
});

/** Returns the prediction for one input, the probability of 1, and what the way back needs. */
export function predict(parameters, [x1, x2]) {
  const { w, b, v, c } = split(parameters);
  const a = b.map((bias, k) => Math.tanh(w[0][k] * x1 + w[1][k] * x2 + bias));
  const z = a.reduce((sum, activation, k) => sum + v[k] * activation, c);
  return { a, z, p: 1 / (1 + Math.exp(-z)) };
}

/** Returns the loss, the mean cross-entropy of the four examples, its slope by each parameter, and the predictions. */
export function lossAndSlopes(parameters) {
  const { v } = split(parameters);
  const slopes = parameters.map(() => 0);
  const predictions = [];
  let loss = 0;
  for (const [x1, x2, y] of EXAMPLES) {
    const { a, z, p } = predict(parameters, [x1, x2]);
    predictions.push(p);
    // −y ln p − (1 − y) ln(1 − p), from z, so that no logarithm of 0 is taken.
    loss += (Math.max(z, 0) - y * z + Math.log1p(Math.exp(-Math.abs(z)))) / EXAMPLES.length;
    const dz = (p - y) / EXAMPLES.length;
    slopes[12] += dz;
    for (let k = 0; k < HIDDEN; k++) {
      const dh = dz * v[k] * (1 - a[k] ** 2);
      slopes[9 + k] += dz * a[k];
      slopes[6 + k] += dh;
      slopes[3 + k] += dh * x2;
      slopes[k] += dh * x1;
    }
  }
  return { loss, slopes, predictions };
}

/** Returns the parameters after one step of gradient descent. */
export function stepped(parameters, rate) {
  const { slopes } = lossAndSlopes(parameters);
  return parameters.map((parameter, n) => parameter - rate * slopes[n]);
}
