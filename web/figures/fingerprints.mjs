// The gallery of the debugging clinic: choose a mistake, see the heat maps that it leaves and what the checker says.
import { buttons, choice, controls, drawing, picture, status, values } from "./controls.mjs";
import { difference, limit, pattern } from "./fingerprints-numbers.mjs";
import GALLERY from "./fingerprints.json" with { type: "json" };

const MAP = { top: 22, width: 108, height: 108 };
const LEFTS = [2, 126, 250];

/** Draws the figure into `root`; `chosen` may name the first mistake. */
export function draw(root, chosen = {}) {
  let at = Math.max(
    0,
    GALLERY.findIndex(({ mistake }) => mistake === chosen.mistake),
  );
  const svg = drawing(
    picture(root, "Heat maps of the true gradient, of the wrong one, and of their difference."),
    360,
    136,
    560,
  );
  const maps = ["true", "wrong", "wrong − true"].map((title, n) => {
    const place = svg.append("g").attr("transform", `translate(${LEFTS[n]} ${MAP.top})`);
    place.append("text").attr("class", "label").attr("y", -7).text(title);
    place.append("rect").attr("class", "frame").attr("width", MAP.width).attr("height", MAP.height);
    return place;
  });
  const row = controls(root);
  const list = choice(row, {
    name: "mistake",
    label: "Mistake",
    options: GALLERY.map(({ mistake }, n) => ({ value: String(n), text: mistake })),
    value: String(at),
    change: (value) => show(Number(value)),
  });
  const step = (by) => () => {
    show((at + by + GALLERY.length) % GALLERY.length);
    list.value = String(at);
  };
  buttons(row, "Walk through the gallery", [
    { name: "previous", text: "Previous", press: step(-1) },
    { name: "next", text: "Next", press: step(1) },
  ]);
  const say = status(root);
  const fill = values(root, ["entry", "true", "wrong", "wrong − true"]);

  function show(chosenNow) {
    at = chosenNow;
    const { mistake, gradient, said, true: truth, yours } = GALLERY[at];
    const off = difference(truth, yours);
    const largest = limit(truth, yours);
    [truth, yours, off].forEach((matrix, n) => heat(maps[n], matrix, largest));
    const title = mistake[0].toUpperCase() + mistake.slice(1);
    say(`${title}, seen in ${gradient}. ${pattern(truth, yours).words} The checker says: “${said}”`);
    fill(
      truth.flatMap((line, r) =>
        line.map((value, c) => [
          `${gradient}[${r}, ${c}]`,
          { shown: `true-${r}-${c}`, number: value },
          { shown: `yours-${r}-${c}`, number: yours[r][c] },
          { shown: `off-${r}-${c}`, number: off[r][c] },
        ]),
      ),
    );
  }
  show(at);
}

// The sign is the colour, the size is how strong it is; 0 is the paper.
function heat(place, matrix, largest) {
  const [height, width] = [MAP.height / matrix.length, MAP.width / matrix[0].length];
  const cells = matrix.flatMap((line, r) => line.map((value, c) => ({ value, r, c })));
  place
    .selectAll("rect.entry")
    .data(cells)
    .join("rect")
    .attr("class", ({ value }) => `entry ${value < 0 ? "cold" : "warm"}`)
    .attr("fill-opacity", ({ value }) => Math.min(1, Math.abs(value) / largest).toFixed(3))
    .attr("x", ({ c }) => (c * width).toFixed(2))
    .attr("y", ({ r }) => (r * height).toFixed(2))
    .attr("width", width.toFixed(2))
    .attr("height", height.toFixed(2));
}
