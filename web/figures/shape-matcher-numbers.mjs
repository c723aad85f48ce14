// What comes of one of a layer's arrays, multiplied by another or summed: could it be the gradient of a third? By its
// shape, by its indices, and by its numbers.
import { normals } from "./normals.mjs";

// The index of rows and that of columns: i counts examples, k inputs, j neurons.
export const ARRAYS = { X: "ik", W: "kj", dZ: "ij" };
export const COUNTED = { i: "examples", k: "inputs", j: "neurons" };
export const WANTED = { dX: "ik", dW: "kj", db: "j" };
export const FACTORS = Object.keys(ARRAYS).flatMap((name) => [name, `${name}.T`]);
export const OPERATIONS = [...FACTORS.map((factor) => `@ ${factor}`), ".sum(axis=0)", ".sum(axis=1)"];

/** Returns the indices of an array, or of a transposed one. */
export function indices(factor) {
  const letters = ARRAYS[factor.replace(".T", "")];
  return factor.endsWith(".T") ? letters[1] + letters[0] : letters;
}

/** Returns an operation in its parts: the second factor of a product, or the axis of a sum. */
export function parts(operation) {
  return operation.startsWith("@") ? { second: operation.slice(2) } : { axis: Number(operation.at(-2)) };
}

/** Returns the shape of an array with the given indices. */
export function shapeOf(letters, sizes) {
  return [...letters].map((letter) => sizes[letter]);
}

const equal = (one, other) => one.length === other.length && one.every((size, n) => size === other[n]);

/**
 * Returns what is to be said of `first` with `operation`, as an answer to `wanted`: whether it can be formed, the indices
 * and the shape of what comes of it, which indices are summed, whether the shape is the wanted one, and whether the
 * indices are, which alone makes the numbers right.
 */
export function judge(wanted, first, operation, sizes) {
  const left = indices(first);
  const { second, axis } = parts(operation);
  const right = second && indices(second);
  const summed = second ? [left[1], right[0]] : [left[axis]];
  const possible = sizes[summed[0]] === sizes[summed.at(-1)];
  const letters = second ? left[0] + right[1] : left[1 - axis];
  const shape = possible ? shapeOf(letters, sizes) : null;
  return {
    possible,
    letters,
    shape,
    summed,
    fits: possible && equal(shape, shapeOf(WANTED[wanted], sizes)),
    right: letters === WANTED[wanted] && summed[0] === summed.at(-1) && (wanted !== "db" || first.startsWith("dZ")),
  };
}

/** Returns how many products and sums there are, and how many of them have the wanted shape. */
export function countFitting(wanted, sizes) {
  const judged = FACTORS.flatMap((first) => OPERATIONS.map((operation) => judge(wanted, first, operation, sizes)));
  return { all: judged.length, fit: judged.filter(({ fits }) => fits).length };
}

/** Returns random arrays of a layer, as lists of rows. */
export function drawArrays(sizes, seed = 3) {
  const next = normals(seed);
  const rows = (letters) =>
    Array.from({ length: sizes[letters[0]] }, () => Array.from({ length: sizes[letters[1]] }, next));
  return Object.fromEntries(Object.entries(ARRAYS).map(([name, letters]) => [name, rows(letters)]));
}

const transposed = (M) => M[0].map((_, j) => M.map((row) => row[j]));
const read = (factor, arrays) => (factor.endsWith(".T") ? transposed(arrays[factor.slice(0, -2)]) : arrays[factor]);
const dot = (P, Q) => P.map((row) => Q[0].map((_, j) => row.reduce((sum, p, k) => sum + p * Q[k][j], 0)));

/** Returns the numbers that come of `first` with `operation`. */
export function compute(first, operation, arrays) {
  const { second, axis } = parts(operation);
  const left = read(first, arrays);
  if (second) return dot(left, read(second, arrays));
  return (axis === 0 ? transposed(left) : left).map((row) => row.reduce((sum, value) => sum + value, 0));
}

const STEP = 1e-5;

/** Returns the wanted gradient of L = sum(dZ * (X @ W + b)), measured by central differences. */
export function measure(wanted, arrays) {
  const loss = (X, W, b) =>
    dot(X, W).reduce((sum, row, i) => sum + row.reduce((part, z, j) => part + arrays.dZ[i][j] * (z + b[j]), 0), 0);
  const given = { X: arrays.X, W: arrays.W, b: arrays.W[0].map(() => 0) };
  const name = wanted.slice(1);
  const at = (changed) => loss(...Object.values({ ...given, [name]: changed }));
  const slope = (nudged) => (at(nudged(STEP)) - at(nudged(-STEP))) / (2 * STEP);
  const nudge = (list, place, h) => list.map((value, n) => (n === place ? value + h : value));
  if (wanted === "db") return given.b.map((_, j) => slope((h) => nudge(given.b, j, h)));
  return given[name].map((row, r) =>
    row.map((_, c) => slope((h) => given[name].map((line, n) => (n === r ? nudge(line, c, h) : line)))),
  );
}

/** Returns the largest difference of two arrays of one shape. */
export function farthest(one, other) {
  const [values, others] = [one.flat(), other.flat()];
  return Math.max(...values.map((value, n) => Math.abs(value - others[n])));
}
