// A point of a drawing that follows the pointer. Every figure with one has sliders that do the same by keyboard.

/**
 * Calls `moved` with the place of the pointer, in the units of the drawing, when it is pressed and while it is held.
 * On a touch screen a finger that moves up or down still scrolls the page.
 */
export function follow(svg, moved) {
  const node = svg.classed("follows", true).node();
  const tell = (event) => {
    const box = node.getBoundingClientRect();
    const [, , width, height] = node.getAttribute("viewBox").split(" ").map(Number);
    moved([((event.clientX - box.left) / box.width) * width, ((event.clientY - box.top) / box.height) * height]);
  };
  svg.on("pointerdown", (event) => {
    if (event.button !== 0) return;
    node.setPointerCapture(event.pointerId);
    event.preventDefault();
    tell(event);
  });
  svg.on("pointermove", (event) => {
    if (node.hasPointerCapture(event.pointerId)) tell(event);
  });
}
