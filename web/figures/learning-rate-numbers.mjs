// Gradient descent, momentum and Adam on three surfaces of two parameters, with the formulas of chapter 10.

// Every surface is L(u, v) = a u² / 2 + across(v), so that a contour line can be had by solving for u.
function surface({ a, across, slope, bend, intervals, start }) {
  return {
    start,
    loss: (u, v) => (a * u * u) / 2 + across(v),
    gradient: (u, v) => [a * u, slope(v)],
    // Whether the ground falls away to the sides, as no valley does.
    ridge: (u, v) => bend(v) < 0,
    // The closed line on which the loss has a given height; several where the surface has several valleys.
    contour: (height, corners = 96) =>
      intervals(height).map(([low, high]) =>
        Array.from({ length: corners + 1 }, (_, n) => {
          const turn = (2 * Math.PI * n) / corners;
          const v = (low + high) / 2 - ((high - low) / 2) * Math.cos(turn);
          const u = Math.sqrt(Math.max(0, (2 / a) * (height - across(v))));
          return [turn <= Math.PI ? u : -u, v];
        }),
      ),
  };
}

function quadratic(a, c, start) {
  return surface({
    a,
    start,
    across: (v) => (c * v * v) / 2,
    slope: (v) => c * v,
    bend: () => c,
    intervals: (height) => [[-Math.sqrt((2 * height) / c), Math.sqrt((2 * height) / c)]],
  });
}

export const SURFACES = {
  bowl: quadratic(1, 10, [-1.8, 0.5]),
  ravine: quadratic(1, 100, [-1.8, 0.5]),
  // Flat at (0, 0), where the way along u ends and two valleys begin, at v = 1 and v = -1.
  saddle: surface({
    a: 1,
    start: [-1.8, 0.01],
    across: (v) => (v * v - 1) ** 2 / 4,
    slope: (v) => v * (v * v - 1),
    bend: (v) => 3 * v * v - 1,
    intervals: (height) => {
      const [inner, outer] = [1 - 2 * Math.sqrt(height), Math.sqrt(1 + 2 * Math.sqrt(height))];
      if (inner < 0) return [[-outer, outer]];
      return [
        [-outer, -Math.sqrt(inner)],
        [Math.sqrt(inner), outer],
      ];
    },
  }),
};

// Each takes the gradient and what it remembers of earlier steps, and returns the step to subtract, before the rate.
export const OPTIMISERS = {
  SGD: (gradient) => [gradient, null],
  momentum: (gradient, sum, beta = 0.9) => {
    const next = gradient.map((g, k) => (sum ? beta * sum[k] + g : g));
    return [next, next];
  },
  Adam: (gradient, memory, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8) => {
    const { mean, square, t } = memory ?? { mean: [0, 0], square: [0, 0], t: 0 };
    const next = {
      mean: gradient.map((g, k) => beta1 * mean[k] + (1 - beta1) * g),
      square: gradient.map((g, k) => beta2 * square[k] + (1 - beta2) * g * g),
      t: t + 1,
    };
    const step = next.mean.map(
      (m, k) => m / (1 - beta1 ** next.t) / (Math.sqrt(next.square[k] / (1 - beta2 ** next.t)) + epsilon),
    );
    return [step, next];
  },
};

// How many steps a walk has at first, and at most.
export const STEPS = 60;
export const MOST_STEPS = 100;

// At which heights the maps have contour lines.
const LEVELS = [0.05, 0.2, 0.5, 1, 1.7, 2.6, 4, 6, 9, 15, 25, 40, 60];
export const HEIGHTS = { bowl: LEVELS, ravine: LEVELS, saddle: [0.01, 0.05, 0.12, 0.25, 0.45, 0.75, 1.2, 1.8, 2.5] };

// Learning rates to try: one that is too small, one about as good as there is, one that is too large.
export const RATES = {
  bowl: {
    SGD: { small: 0.01, good: 0.17, "too large": 0.205 },
    momentum: { small: 0.0005, good: 0.08, "too large": 0.39 },
    Adam: { small: 0.01, good: 0.08, "too large": 4 },
  },
  ravine: {
    SGD: { small: 0.001, good: 0.019, "too large": 0.0205 },
    momentum: { small: 0.0001, good: 0.01, "too large": 0.0385 },
    Adam: { small: 0.01, good: 0.085, "too large": 4 },
  },
  saddle: {
    SGD: { small: 0.045, good: 0.5, "too large": 2.1 },
    momentum: { small: 0.005, good: 0.06, "too large": 4.1 },
    Adam: { small: 0.01, good: 0.2, "too large": 4 },
  },
};

const LEFT_THE_SURFACE = 1e9;

// The points of a walk with their losses and gradients, the start first. It ends early where the loss has no bound.
export function walk({ surface, optimiser, rate, start, steps }) {
  const { loss, gradient } = SURFACES[surface];
  const at = (point) => ({ point, loss: loss(...point), gradient: gradient(...point) });
  const path = [at(start)];
  let memory = null;
  while (path.length <= steps && path.at(-1).loss < LEFT_THE_SURFACE) {
    const { point, gradient: slopes } = path.at(-1);
    const [step, next] = OPTIMISERS[optimiser](slopes, memory);
    memory = next;
    path.push(at(point.map((w, k) => w - rate * step[k])));
  }
  return path;
}

const ARRIVED = 1e-3;
const FLAT = 0.2;

// What became of a walk: "arrives", "diverges", "held" (on a ridge that is nearly flat), "swings", or "slow".
export function outcome(path, surface) {
  const [first, last] = [path[0], path.at(-1)];
  if (!(last.loss <= first.loss)) return "diverges";
  if (last.loss <= ARRIVED * first.loss) return "arrives";
  const rises = path.filter((step, n) => n > 0 && step.loss > path[n - 1].loss).length;
  if (rises > path.length / 5) return "swings";
  return SURFACES[surface].ridge(...last.point) && Math.hypot(...last.gradient) < FLAT ? "held" : "slow";
}
