// A deep network of random weights: how much of the gradient reaches each layer, and how steep its activations are.
import { ACTIVATIONS as CURVES } from "./activation-slopes-numbers.mjs";
import { normals } from "./normals.mjs";

// Softmax looks at whole rows, and belongs at the end.
export const ACTIVATIONS = ["sigmoid", "tanh", "ReLU"];

const WIDTH = 32;
const EXAMPLES = 64;
const CLASSES = 10;

// Matrices are { rows, columns, values } with the values row by row.
function matrix(rows, columns, value) {
  return { rows, columns, values: Float64Array.from({ length: rows * columns }, value) };
}

// P Q, where either may be read transposed.
function product(P, Q, { first = false, second = false } = {}) {
  const [rows, inner] = first ? [P.columns, P.rows] : [P.rows, P.columns];
  const columns = second ? Q.rows : Q.columns;
  const [down, along] = first ? [1, P.columns] : [P.columns, 1];
  const [below, beside] = second ? [1, Q.columns] : [Q.columns, 1];
  const result = matrix(rows, columns, () => 0);
  for (let i = 0; i < rows; i++)
    for (let k = 0; k < inner; k++) {
      const p = P.values[i * down + k * along];
      if (p === 0) continue;
      for (let j = 0; j < columns; j++) result.values[i * columns + j] += p * Q.values[k * below + j * beside];
    }
  return result;
}

// The standard deviation of the first weights of a layer.
export const SCHEMES = {
  zeros: () => 0,
  small: () => 0.01,
  xavier: (inputs, outputs) => Math.sqrt(2 / (inputs + outputs)),
  he: (inputs) => Math.sqrt(2 / inputs),
};

// The shapes, the examples with their classes, and for each layer the weights of standard deviation 1, to be scaled.
export function draw(layers, seed = 6) {
  const next = normals(seed);
  const X = matrix(EXAMPLES, WIDTH, next);
  const classes = Array.from({ length: EXAMPLES }, (_, n) => n % CLASSES);
  const units = Array.from({ length: layers }, (_, n) => matrix(WIDTH, n === layers - 1 ? CLASSES : WIDTH, next));
  return { X, classes, units };
}

// A layer counts as flat where its slope is below a tenth of the steepest.
const FLAT = 0.1;

// For each layer the Frobenius norm of dW; for each but the last the mean slope of its activation and the share of flat
// ones. The last layer is linear, and the loss behind it is softmax cross-entropy, a mean over the examples.
export function measure({ activation, scheme, times = 1, layers, drawn = draw(layers) }) {
  const { value, slope, steepest } = CURVES[activation];
  const weights = drawn.units.map(({ rows, columns, values }) => {
    const size = times * SCHEMES[scheme](rows, columns);
    return { rows, columns, values: values.map((unit) => size * unit) };
  });
  const outputs = [drawn.X];
  for (const [n, W] of weights.entries()) {
    const Z = product(outputs.at(-1), W);
    if (n < layers - 1) Z.values = Z.values.map(value);
    outputs.push(Z);
  }
  let back = slopeOfLoss(outputs.at(-1), drawn.classes);
  const norms = new Array(layers);
  const slopes = new Array(layers - 1);
  const flat = new Array(layers - 1);
  for (let n = layers - 1; n >= 0; n--) {
    norms[n] = Math.hypot(...product(outputs[n], back, { first: true }).values);
    if (n === 0) break;
    const steepness = outputs[n].values.map(slope);
    slopes[n - 1] = steepness.reduce((sum, s) => sum + s, 0) / steepness.length;
    flat[n - 1] = steepness.filter((s) => s < FLAT * steepest).length / steepness.length;
    back = product(back, weights[n], { second: true });
    back.values = back.values.map((d, k) => d * steepness[k]);
  }
  return { norms, slopes, flat };
}

function slopeOfLoss({ rows, columns, values }, classes) {
  const back = matrix(rows, columns, () => 0);
  for (let i = 0; i < rows; i++) {
    const row = values.subarray(i * columns, (i + 1) * columns);
    const largest = Math.max(...row);
    const powers = row.map((z) => Math.exp(z - largest));
    const sum = powers.reduce((total, e) => total + e, 0);
    powers.forEach((e, j) => {
      back.values[i * columns + j] = (e / sum - (j === classes[i] ? 1 : 0)) / rows;
    });
  }
  return back;
}
