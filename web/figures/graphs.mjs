// The graphs that the player plays, as data. A value is either given, with a slider from `min` to `max`, or made `by` an
// operation `of` earlier values; `at` is its place in a drawing 400 units wide, and `shift` moves the number above or below
// it out of the way of arrows. `weight: true` marks what a gradient step
// changes, `hidden: true` what has a slider and no place. A graph with a `loss` has slopes.

const given = (value, min, max, more) => ({ value, min, max, step: 0.1, ...more });
const weight = (value, more) => given(value, -3, 3, { weight: true, ...more });

const oneNode = (by, title) => ({
  title,
  height: 190,
  loss: "L",
  values: {
    x: given(3, -4, 4, { at: [60, 45] }),
    y: given(2, by === "divide" ? 0.5 : -4, 4, { at: [60, 145] }),
    steepness: given(2, -4, 4, { label: "dz, what arrives", hidden: true }),
    z: { by, of: ["x", "y"], at: [200, 95] },
    L: { by: "rest", of: ["z", "steepness"], at: [340, 95] },
  },
});

const neuron = {
  x_1: given(0.8, -2, 2, { at: [37, 30] }),
  w_1: weight(1.5, { at: [37, 76] }),
  x_2: given(0.3, -2, 2, { at: [37, 140] }),
  w_2: weight(-2, { at: [37, 186] }),
  b: weight(0.5, { at: [225, 214] }),
  q_1: { by: "multiply", of: ["w_1", "x_1"], at: [145, 53] },
  q_2: { by: "multiply", of: ["w_2", "x_2"], at: [145, 163] },
  z: { by: "add", of: ["q_1", "q_2", "b"], at: [225, 108], shift: { slope: [30, -5] } },
};

export const graphs = {
  "weighted-sum": {
    title: "One neuron, forward",
    height: 250,
    values: { ...neuron, a: { by: "sigmoid", of: ["z"], at: [310, 108] } },
  },
  "sigmoid-neuron": {
    title: "A neuron with its loss",
    height: 250,
    loss: "L",
    values: {
      ...neuron,
      p: { by: "sigmoid", of: ["z"], at: [298, 108] },
      y: given(1, 0, 1.2, { at: [320, 214] }),
      L: { by: "squaredError", of: ["p", "y"], at: [370, 108] },
    },
  },
  "node-multiply": oneNode("multiply", "z = x · y"),
  "node-add": oneNode("add", "z = x + y"),
  "node-divide": oneNode("divide", "z = x / y"),
  "node-maximum": oneNode("maximum", "z = max(x, y)"),
  fork: {
    title: "The fork, (x + 1) · x²",
    height: 200,
    loss: "L",
    values: {
      x: given(2, -3, 3, { at: [45, 100] }),
      u: { by: "increase", of: ["x"], at: [185, 45] },
      v: { by: "square", of: ["x"], at: [185, 150] },
      L: { by: "multiply", of: ["u", "v"], at: [320, 100] },
    },
  },
  "by-hand": {
    title: "The graph worked by hand",
    height: 270,
    loss: "L",
    values: {
      w: weight(2, { at: [37, 62] }),
      x: given(3, -4, 4, { at: [37, 160] }),
      b: weight(-1, { at: [110, 224] }),
      y: given(4, -4, 5, { at: [195, 244] }),
      p: { by: "multiply", of: ["w", "x"], at: [125, 118] },
      z: { by: "add", of: ["p", "b"], at: [190, 150] },
      e: { by: "subtract", of: ["z", "y"], at: [255, 172] },
      q: { by: "square", of: ["e"], at: [315, 150] },
      r: { by: "square", of: ["w"], at: [235, 46] },
      L: { by: "add", of: ["q", "r"], at: [368, 98] },
    },
  },
  "two-layers": {
    title: "Two layers",
    height: 260,
    loss: "L",
    values: {
      x: given(1.2, -2, 2, { at: [37, 132] }),
      w_1: weight(0.8, { at: [37, 32] }),
      w_2: weight(-0.5, { at: [37, 232] }),
      v_1: weight(-0.6, { at: [314, 24] }),
      v_2: weight(0.9, { at: [314, 240] }),
      z_1: { by: "multiply", of: ["w_1", "x"], at: [110, 76], shift: { slope: [15, 0] } },
      z_2: { by: "multiply", of: ["w_2", "x"], at: [110, 188], shift: { value: [6, 0] } },
      a_1: { by: "relu", of: ["z_1"], at: [166, 76] },
      a_2: { by: "relu", of: ["z_2"], at: [166, 188] },
      q_1: { by: "multiply", of: ["v_1", "a_1"], at: [224, 76] },
      q_2: { by: "multiply", of: ["v_2", "a_2"], at: [224, 188] },
      z: { by: "add", of: ["q_1", "q_2"], at: [276, 132], shift: { value: [5, 0], slope: [6, 0] } },
      p: { by: "sigmoid", of: ["z"], at: [332, 132] },
      L: { by: "minusLogarithm", of: ["p"], at: [380, 132], shift: { value: [-2, 0] } },
    },
  },
  softmax: {
    title: "Softmax and cross-entropy; class 1 is right",
    height: 260,
    loss: "L",
    values: {
      z_1: given(1, -3, 3, { at: [37, 45] }),
      z_2: given(2.5, -3, 3, { at: [37, 130] }),
      z_3: given(0.3, -3, 3, { at: [37, 215] }),
      e_1: { by: "exponential", of: ["z_1"], at: [130, 45] },
      e_2: { by: "exponential", of: ["z_2"], at: [130, 130] },
      e_3: { by: "exponential", of: ["z_3"], at: [130, 215], shift: { value: [-10, 0] } },
      S: { by: "add", of: ["e_1", "e_2", "e_3"], at: [226, 130] },
      p_1: { by: "divide", of: ["e_1", "S"], at: [298, 78] },
      L: { by: "minusLogarithm", of: ["p_1"], at: [370, 78] },
    },
  },
};
