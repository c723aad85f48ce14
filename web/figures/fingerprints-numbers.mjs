// Where a wrong gradient differs from the true one, in words: a factor, a row, a column, stripes, a mask, or everywhere.
import { numeral } from "./symbols.mjs";

// Errors below this share of the largest entry are rounding of the stored digits.
const NOTICED = 1e-3;

/** Returns the largest entry of two matrices by its size, the limit of their scale of colours. */
export function limit(one, other) {
  return Math.max(...[...one.flat(), ...other.flat()].map(Math.abs));
}

/** Returns yours minus true. */
export function difference(truth, yours) {
  return yours.map((row, r) => row.map((value, c) => value - truth[r][c]));
}

/** Returns the kind of the pattern of a wrong gradient, and a sentence about it. */
export function pattern(truth, yours) {
  const least = NOTICED * limit(truth, yours);
  const off = difference(truth, yours).map((row) => row.map((error) => (Math.abs(error) > least ? error : 0)));
  const places = off.flatMap((row, r) => row.flatMap((error, c) => (error === 0 ? [] : [[r, c]])));
  const size = off.flat().length;
  if (places.length === 0) return { kind: "right", words: "Nothing is off." };
  const factor = ratio(truth, yours, least);
  if (factor !== null) return { kind: "factor", words: `Every entry is ${numeral(factor)} times the true one.` };
  const rows = [...new Set(places.map(([r]) => r))];
  const columns = [...new Set(places.map(([, c]) => c))];
  if (rows.length === 1 && off.length > 1) return { kind: "row", words: `Only row ${rows[0]} is off.` };
  if (columns.length === 1 && off[0].length > 1) return { kind: "column", words: `Only column ${columns[0]} is off.` };
  if (off.every((row) => row.every((error) => Math.abs(error - row[0]) <= least))) {
    return { kind: "stripes", words: "Stripes: within a row of the difference all entries are equal." };
  }
  if (places.length < size && places.every(([r, c]) => Math.abs(truth[r][c]) <= least)) {
    return {
      kind: "mask",
      words: `${places.length} of ${size} entries are off, all of them where the true gradient is 0.`,
    };
  }
  return { kind: "everywhere", words: `${places.length} of ${size} entries are off, without a pattern.` };
}

// The one number by which every entry is multiplied, or null.
function ratio(truth, yours, least) {
  const [products, squares] = truth
    .flat()
    .reduce(([sum, square], value, n) => [sum + value * yours.flat()[n], square + value * value], [0, 0]);
  const factor = products / squares;
  return yours.flat().every((value, n) => Math.abs(value - factor * truth.flat()[n]) <= least) ? factor : null;
}
