// Puts the live figure in the place of its picture when the reader comes near. The picture was drawn by the same code
// when the book was built, with its controls, so that nothing moves.
const arrive = async (figure) => {
  const { figure: name, with: chosen } = figure.dataset;
  const stage = figure.querySelector(".stage");
  try {
    const { draw } = await import(new URL(`${name}.mjs`, import.meta.url).href);
    stage.replaceChildren();
    draw(stage, chosen === undefined ? undefined : JSON.parse(chosen));
    figure.dataset.live = "";
  } catch (problem) {
    // The picture stays, without controls that would do nothing.
    figure.dataset.still = "";
    throw problem;
  }
};

const near = new IntersectionObserver(
  (seen) => {
    for (const { isIntersecting, target } of seen) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      arrive(target);
    }
  },
  { rootMargin: "600px" },
);
for (const figure of document.querySelectorAll("figure.moving-figure")) near.observe(figure);
