// Which product of two of a layer's arrays could be the gradient of a third? Shapes, indices, and the numbers.
import { normals } from "./normals.mjs";

// The index of rows and that of columns: i counts examples, k inputs, j neurons.
export const ARRAYS = { X: "ik", W: "kj", dZ: "ij" };
export const COUNTED = { i: "examples", k: "inputs", j: "neurons" };
export const FACTORS = Object.keys(ARRAYS).flatMap((name) => [name, `${name}.T`]);
export const WANTED = { dX: "ik", dW: "kj", db: "j" };

// The indices of an array or of a transposed one.
export function indices(factor) {
  const letters = ARRAYS[factor.replace(".T", "")];
  return factor.endsWith(".T") ? letters[1] + letters[0] : letters;
}

export const shapeOf = (letters, sizes) => [...letters].map((letter) => sizes[letter]);

const equal = (one, other) => one.length === other.length && one.every((size, n) => size === other[n]);

// What comes of first @ second: whether it can be formed, its shape, whether that is the wanted one, and whether the
// index that is summed and those that are left are the right ones too, which alone makes the numbers right.
export function judgeProduct(wanted, first, second, sizes) {
  const [left, right] = [indices(first), indices(second)];
  const possible = sizes[left[1]] === sizes[right[0]];
  const shape = possible ? [sizes[left[0]], sizes[right[1]]] : null;
  return {
    possible,
    shape,
    fits: possible && equal(shape, shapeOf(WANTED[wanted], sizes)),
    meet: [left[1], right[0]],
    right: left[1] === right[0] && left[0] + right[1] === WANTED[wanted],
  };
}

// The same of a sum over the rows (axis 0) or over the columns (axis 1).
export function judgeSum(wanted, array, axis, sizes) {
  const letters = ARRAYS[array];
  const shape = [sizes[letters[1 - axis]]];
  return {
    possible: true,
    shape,
    fits: equal(shape, shapeOf(WANTED[wanted], sizes)),
    meet: [letters[axis]],
    right: array === "dZ" && letters[1 - axis] === WANTED[wanted],
  };
}

// How many of all products, or sums, have the wanted shape.
export function countFitting(wanted, sizes) {
  const judged =
    wanted === "db"
      ? Object.keys(ARRAYS).flatMap((array) => [0, 1].map((axis) => judgeSum(wanted, array, axis, sizes)))
      : FACTORS.flatMap((first) => FACTORS.map((second) => judgeProduct(wanted, first, second, sizes)));
  return { all: judged.length, fit: judged.filter(({ fits }) => fits).length };
}

// Random arrays of a layer, as lists of rows.
export function drawArrays(sizes, seed = 3) {
  const next = normals(seed);
  const rows = (letters) =>
    Array.from({ length: sizes[letters[0]] }, () => Array.from({ length: sizes[letters[1]] }, next));
  return Object.fromEntries(Object.entries(ARRAYS).map(([name, letters]) => [name, rows(letters)]));
}

const transposed = (M) => M[0].map((_, j) => M.map((row) => row[j]));
const read = (factor, arrays) => (factor.endsWith(".T") ? transposed(arrays[factor.slice(0, -2)]) : arrays[factor]);
const dot = (P, Q) => P.map((row) => Q[0].map((_, j) => row.reduce((sum, p, k) => sum + p * Q[k][j], 0)));

export const computeProduct = (first, second, arrays) => dot(read(first, arrays), read(second, arrays));
export const computeSum = (array, axis, arrays) =>
  (axis === 0 ? transposed(arrays[array]) : arrays[array]).map((row) => row.reduce((sum, value) => sum + value, 0));

const STEP = 1e-5;

// The wanted gradient of L = sum(dZ * (X @ W + b)), measured by central differences.
export function measure(wanted, arrays) {
  const loss = (X, W, b) =>
    dot(X, W).reduce((sum, row, i) => sum + row.reduce((part, z, j) => part + arrays.dZ[i][j] * (z + b[j]), 0), 0);
  const given = { X: arrays.X, W: arrays.W, b: arrays.W[0].map(() => 0) };
  const lossWith = (changed) => loss(...Object.values({ ...given, ...changed }));
  const name = wanted.slice(1);
  const slope = (nudged) => (lossWith({ [name]: nudged(STEP) }) - lossWith({ [name]: nudged(-STEP) })) / (2 * STEP);
  if (name === "b") return given.b.map((_, j) => slope((h) => given.b.map((value, at) => (at === j ? value + h : value))));
  return given[name].map((row, r) =>
    row.map((_, c) =>
      slope((h) => given[name].map((line, y) => line.map((value, x) => (y === r && x === c ? value + h : value)))),
    ),
  );
}

// The largest difference of two arrays of one shape.
export function farthest(one, other) {
  const [values, others] = [one.flat(), other.flat()];
  return Math.max(...values.map((value, n) => Math.abs(value - others[n])));
}
