// The numbers of the fork L = u · v with u = x + 1 and v = x².

/** Returns the values and the slopes of the loss at `x`, also those that come back to x on each path. */
export function twoPaths(x) {
  const u = x + 1;
  const v = x ** 2;
  const [du, dv] = [v, u];
  const [throughU, throughV] = [du * 1, dv * 2 * x];
  return { x, u, v, L: u * v, du, dv, throughU, throughV, dx: throughU + throughV };
}

/** Returns the loss when x is nudged by `h` and the nudge reaches only the given paths, "u", "v" or "both". */
export function lossAfterNudge(x, h, reaches) {
  const u = (reaches === "v" ? x : x + h) + 1;
  const v = (reaches === "u" ? x : x + h) ** 2;
  return u * v;
}
