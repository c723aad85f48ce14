// The numbers of the softmax of a few logits and its cross-entropy with the right class.

/** Returns `p`, the softmax of logits; the truth `t`, 1 at the right class; the `loss`, −ln of the right p; and `dz`. */
export function softmaxAndLoss(logits, right) {
  const largest = Math.max(...logits);
  const powers = logits.map((z) => Math.exp(z - largest));
  const sum = powers.reduce((total, power) => total + power, 0);
  const p = powers.map((power) => power / sum);
  const t = logits.map((_, k) => (k === right ? 1 : 0));
  // By log-sum-exp: the logarithm of a probability that has become 0 is never taken.
  const loss = largest + Math.log(sum) - logits[right];
  return { p, t, loss, dz: p.map((probability, k) => probability - t[k]) };
}
