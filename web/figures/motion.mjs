// Motion that the reader starts and stops, and that stays away where less motion is asked for.

/** Returns whether the reader asks for less motion; where nothing can move, as on paper, that is so. */
export function calm(node) {
  const view = node.ownerDocument.defaultView;
  return view?.matchMedia?.("(prefers-reduced-motion: no-preference)").matches !== true;
}

/**
 * Lets a button play and pause: `step` does the next step and returns whether there is another. Where less motion is
 * asked for, all steps up to the last, at most `most`, are done at once. Returns `{pause}`.
 */
export function player(button, { step, every = 1100, most = 1000 }) {
  const view = button.ownerDocument.defaultView;
  const words = button.textContent;
  let timer = null;
  const pause = () => {
    view?.clearTimeout(timer);
    timer = null;
    button.textContent = words;
  };
  const next = () => {
    timer = null;
    if (!button.isConnected || !step()) pause();
    else timer = view.setTimeout(next, every);
  };
  button.addEventListener("click", () => {
    if (timer !== null) pause();
    else if (calm(button)) for (let done = 0; done < most && step(); done++);
    else {
      button.textContent = "Pause";
      next();
    }
  });
  return { pause };
}

/** Moves an element of SVG along a straight line, from one point to another, once, and then takes it away. */
export function travel(selection, [x0, y0], [x1, y1], duration = 500) {
  const node = selection.node();
  if (calm(node) || !node.animate) {
    selection.remove();
    return;
  }
  const move = node.animate(
    [{ transform: `translate(${x0}px, ${y0}px)` }, { transform: `translate(${x1}px, ${y1}px)` }],
    { duration, easing: "ease-in-out" },
  );
  move.finished.then(() => selection.remove(), () => selection.remove());
}
