// What the tests of the figures' numbers compare with: slopes that are measured.
import assert from "node:assert/strict";

/** Returns the central difference of a function of one number. */
export function centralDifference(f, x, h = 1e-5 * Math.max(1, Math.abs(x))) {
  return (f(x + h) - f(x - h)) / (2 * h);
}

/** Asserts that two numbers agree to about six digits. */
export function assertClose(actual, expected, what) {
  const off = Math.abs(actual - expected);
  assert.ok(off <= 1e-6 * Math.max(1, Math.abs(expected)), `${what}: ${actual} instead of ${expected}`);
}
