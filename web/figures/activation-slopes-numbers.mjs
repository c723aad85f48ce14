// The four activation functions of chapter 3, and their slopes, each from the value a that the forward pass has computed.

const sigmoid = (z) => (z >= 0 ? 1 / (1 + Math.exp(-z)) : Math.exp(z) / (1 + Math.exp(z)));

// The first of the three probabilities of the row z, 0, 0, shifted by its largest entry.
const softmax = (z) => {
  const largest = Math.max(z, 0);
  return Math.exp(z - largest) / (Math.exp(z - largest) + 2 * Math.exp(-largest));
};

export const ACTIVATIONS = {
  sigmoid: { value: sigmoid, slope: (a) => a * (1 - a), formula: "a (1 − a)", steepest: 0.25 },
  tanh: { value: Math.tanh, slope: (a) => 1 - a * a, formula: "1 − a²", steepest: 1 },
  // At z = 0 there is no slope; it counts as 0.
  ReLU: { value: (z) => Math.max(0, z), slope: (a) => (a > 0 ? 1 : 0), formula: "1 where z > 0, else 0", steepest: 1 },
  softmax: { value: softmax, slope: (a) => a * (1 - a), formula: "a (1 − a)", steepest: 0.25 },
};
