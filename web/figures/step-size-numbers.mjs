// The slope of a function by three differences, in the arithmetic of 64 or of 32 bits, and how far each is off.

// The operations on real numbers, each result rounded as the machine would.
function real(round) {
  return {
    constant: round,
    add: (a, b) => round(a + b),
    subtract: (a, b) => round(a - b),
    multiply: (a, b) => round(a * b),
    divide: (a, b) => round(a / b),
    exp: (a) => round(Math.exp(a)),
    sin: (a) => round(Math.sin(a)),
    max0: (a) => Math.max(0, a),
  };
}

// The same on complex numbers [x, y] = x + iy, by their textbook formulas.
function complex(round) {
  const rounded = (x, y) => [round(x), round(y)];
  return {
    constant: (a) => rounded(a, 0),
    add: ([a, b], [c, d]) => rounded(a + c, b + d),
    subtract: ([a, b], [c, d]) => rounded(a - c, b - d),
    multiply: ([a, b], [c, d]) => rounded(a * c - b * d, a * d + b * c),
    divide: ([a, b], [c, d]) => {
      const size = c * c + d * d;
      return rounded((a * c + b * d) / size, (b * c - a * d) / size);
    },
    exp: ([a, b]) => rounded(Math.exp(a) * Math.cos(b), Math.exp(a) * Math.sin(b)),
    sin: ([a, b]) => rounded(Math.sin(a) * Math.cosh(b), Math.cos(a) * Math.sinh(b)),
    max0: ([a, b]) => (a > 0 ? [a, b] : [0, 0]),
  };
}

export const PRECISIONS = { float64: (a) => a, float32: Math.fround };

// Each function is written once, for any of the arithmetics, and comes with the point and its slope there.
export const FUNCTIONS = {
  sine: { x: 1, slope: Math.cos(1), f: (on, x) => on.sin(x) },
  // The squared error of one sigmoid neuron with input 1 and target 1, as a function of its weight.
  neuron: {
    x: 0.5,
    slope: ((a) => 2 * (a - 1) * a * (1 - a))(1 / (1 + Math.exp(-0.5))),
    f: (on, w) => {
      const one = on.constant(1);
      const a = on.divide(one, on.add(one, on.exp(on.subtract(on.constant(0), w))));
      const off = on.subtract(a, one);
      return on.multiply(off, off);
    },
  },
  // A hair to the right of the kink.
  ReLU: { x: 2e-6, slope: 1, f: (on, z) => on.max0(z) },
};

export const DIFFERENCES = ["forward", "central", "complex"];

// The measured slopes, by the names of the differences.
export function measured(name, h, precision = "float64") {
  const { f, x: point } = FUNCTIONS[name];
  const round = PRECISIONS[precision];
  const [on, aside] = [real(round), complex(round)];
  const [x, step] = [round(point), round(h)];
  const at = (position) => f(on, round(position));
  return {
    forward: round(round(at(x + step) - at(x)) / step),
    central: round(round(at(x + step) - at(x - step)) / round(2 * step)),
    complex: round(f(aside, [x, step])[1] / step),
  };
}

// The relative errors of the measured slopes.
export function errors(name, h, precision) {
  const { slope } = FUNCTIONS[name];
  const slopes = measured(name, h, precision);
  return Object.fromEntries(DIFFERENCES.map((difference) => [difference, Math.abs(slopes[difference] / slope - 1)]));
}

// Steps from 10^-1 down to 10^-20, a few to each power of ten.
export const STEPS = Array.from({ length: 19 * 4 + 1 }, (_, n) => 10 ** (-1 - n / 4));
