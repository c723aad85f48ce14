// Choose what to do with a layer's arrays, and see whether it can be done, has the wanted shape, and is right.
import { buttons, choice, controls, drawing, picture, slider, status, values } from "./controls.mjs";
import {
  ARRAYS,
  COUNTED,
  FACTORS,
  OPERATIONS,
  WANTED,
  compute,
  countFitting,
  drawArrays,
  farthest,
  indices,
  judge,
  measure,
  parts,
  shapeOf,
} from "./shape-matcher-numbers.mjs";
import { numeral } from "./symbols.mjs";

const WIDTH = 360;
const MIDDLE = 68;
// The side of a cell where there is room, the room beside the arrays and between two of them.
const CELL = 15;
const MARGIN = 44;
const BETWEEN = 54;
const [LEAST, MOST] = [2, 6];
const SYMBOLS = { i: "N", k: "n_in", j: "n_out" };
const SIZES = {
  "all different": { i: 5, k: 3, j: 4 },
  "W square": { i: 5, k: 4, j: 4 },
  "all equal": { i: 4, k: 4, j: 4 },
};

const words = (shape) => (shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`);
const expression = ({ first, operation }) => (operation.startsWith("@") ? `${first} ${operation}` : first + operation);

/** Draws the figure into an element; `chosen` may name the wanted gradient, the first array and the operation. */
export function draw(root, chosen = {}) {
  const state = { wanted: "dX", first: "dZ", operation: "@ W", sizes: SIZES["W square"], ...chosen };
  const svg = drawing(picture(root, "The chosen arrays as grids of cells, and what comes of them"), WIDTH, 160, 500);

  const row = controls(root);
  const pick = (name, label, list) =>
    choice(row, {
      name,
      label,
      options: list.map((value) => ({ value, text: value })),
      value: state[name],
      change: (value) => show({ [name]: value }),
    });
  pick("wanted", "Wanted", Object.keys(WANTED));
  pick("first", "Try", FACTORS);
  pick("operation", "then", OPERATIONS);
  const sides = controls(root);
  const sliders = Object.entries(COUNTED).map(([letter, counted]) => {
    const change = (size) => show({ sizes: { ...state.sizes, [letter]: size } });
    const label = `${SYMBOLS[letter]}, ${counted}`;
    return [
      letter,
      slider(sides, { name: counted, label, min: LEAST, max: MOST, step: 1, value: state.sizes[letter], change }),
    ];
  });
  buttons(
    controls(root),
    "Sizes to try",
    Object.entries(SIZES).map(([name, sizes]) => ({
      name,
      text: name,
      press: () => {
        for (const [letter, each] of sliders) each.set(sizes[letter]);
        show({ sizes });
      },
    })),
  );
  const say = status(root);
  const fill = values(root, ["array", "shape", "largest difference"]);

  function show(changed) {
    Object.assign(state, changed);
    const { wanted, first, operation, sizes } = state;
    const arrays = drawArrays(sizes);
    const judged = judge(wanted, first, operation, sizes);
    const off = judged.fits ? farthest(compute(first, operation, arrays), measure(wanted, arrays)) : null;
    drawArraysOf(svg, state, judged);
    say(sentence(state, judged, off));
    fill([
      ...Object.entries(ARRAYS).map(([name, letters]) => [name, words(shapeOf(letters, sizes)), ""]),
      [`${wanted}, measured`, words(shapeOf(WANTED[wanted], sizes)), ""],
      [
        expression(state),
        judged.shape ? words(judged.shape) : "none",
        off === null ? "none" : { shown: "difference", number: off },
      ],
    ]);
  }
  show({});
}

function sentence(state, judged, off) {
  const { wanted, first, operation, sizes } = state;
  const name = expression(state);
  const { second } = parts(operation);
  const [from, to] = judged.summed;
  if (!judged.possible) {
    return `${name} cannot be formed: ${first} has ${sizes[from]} columns (${COUNTED[from]}), ${second} has ${sizes[to]} rows (${COUNTED[to]}).`;
  }
  const shape = words(judged.shape);
  if (!judged.fits)
    return `${name} has the shape ${shape}, but ${wanted} needs ${words(shapeOf(WANTED[wanted], sizes))}.`;
  const { all, fit } = countFitting(wanted, sizes);
  const count = `Of ${all} products and sums, ${fit === 1 ? "this one alone has" : `${fit} have`} this shape.`;
  if (judged.right) {
    return `${name} has the shape of ${wanted}, ${shape}, and its numbers are right: they differ from measured slopes by ${numeral(off)} at most. It adds up over the ${COUNTED[from]}. ${count}`;
  }
  return `${name} has the shape of ${wanted}, ${shape}, and its numbers are wrong, by up to ${numeral(off)}. ${reason(state, judged)} ${count}`;
}

// Why something that fits is wrong: what meets, or what is left, only happens to be of the same number.
function reason({ wanted, first, operation }, { letters, summed: [from, to = from] }) {
  if (from !== to) {
    return `The columns of ${first} are ${COUNTED[from]}, the rows of ${parts(operation).second} are ${COUNTED[to]}: they meet only because there are as many of both.`;
  }
  if (letters === WANTED[wanted]) return "No slope of the loss is in it: only dZ has those.";
  if (letters.length === 1) {
    return `What is left is one number for each of the ${COUNTED[letters]}, not of the ${COUNTED[WANTED[wanted]]}: there only happen to be as many of both.`;
  }
  const side = letters[0] === WANTED[wanted][0] ? 1 : 0;
  return `Its ${["rows", "columns"][side]} are ${COUNTED[letters[side]]}, those of ${wanted} are ${COUNTED[WANTED[wanted][side]]}: there only happen to be as many of both.`;
}

// The arrays from left to right, each side in the colour of what it counts, and between them what joins them.
function drawArraysOf(svg, { wanted, first, operation, sizes }, judged) {
  svg.selectAll("*").remove();
  const { second, axis } = parts(operation);
  const given = [first, second].filter(Boolean);
  const signs = second ? ["@", "="] : [axis === 0 ? "Σ ↓" : "Σ →"];
  const columns = (letters) => sizes[letters.at(-1)];
  const total = given.reduce(
    (sum, name) => sum + columns(indices(name)),
    judged.possible ? columns(judged.letters) : 1,
  );
  const free = WIDTH - MARGIN - given.length * BETWEEN;
  const cell = Math.min(CELL, free / total);
  let left = MARGIN / 2 + (free - cell * total) / 2;
  given.forEach((name, n) => {
    drawArray(svg, { name, letters: indices(name), left, sizes, cell });
    left += cell * columns(indices(name)) + BETWEEN;
    const sign = svg.append("text").attr("class", "sign").attr("text-anchor", "middle").text(signs[n]);
    sign.attr("x", left - 0.62 * BETWEEN).attr("y", MIDDLE + 6);
  });
  const kind = !judged.fits ? "wrong" : judged.right ? "good" : "doubtful";
  const verdict = { wrong: "has another shape", good: "fits, and is right", doubtful: "fits, and is wrong" }[kind];
  if (judged.possible)
    drawArray(svg, { name: judged.fits ? wanted : `not ${wanted}`, letters: judged.letters, left, sizes, cell, kind });
  else
    svg
      .append("text")
      .attr("class", "sign")
      .attr("x", left)
      .attr("y", MIDDLE + 6)
      .text("✗");
  const below = svg
    .append("text")
    .attr("class", "verdict")
    .attr("text-anchor", "middle")
    .attr("x", WIDTH / 2)
    .attr("y", 154);
  below.text(judged.possible ? verdict : "cannot be formed");
}

function drawArray(svg, { name, letters, left, sizes, cell, kind = "" }) {
  const across = letters.at(-1);
  const down = letters.length === 2 ? letters[0] : null;
  const [rows, columns] = [down ? sizes[down] : 1, sizes[across]];
  const [width, height] = [cell * columns, cell * rows];
  const place = svg
    .append("g")
    .attr("class", `array ${kind}`)
    .attr("transform", `translate(${left} ${MIDDLE - height / 2})`);
  for (let n = 0; n < rows * columns; n++) {
    const box = place.append("rect").attr("class", "cell").attr("width", cell).attr("height", cell);
    box.attr("x", (n % columns) * cell).attr("y", Math.floor(n / columns) * cell);
  }
  const edge = (letter, [x1, y1, x2, y2]) =>
    place.append("line").attr("class", `edge ${letter}`).attr("x1", x1).attr("y1", y1).attr("x2", x2).attr("y2", y2);
  const write = (text, kindOfText, x, y, anchor = "middle") =>
    place.append("text").attr("class", kindOfText).attr("text-anchor", anchor).attr("x", x).attr("y", y).text(text);
  edge(across, [0, -3, width, -3]);
  write(columns, across, width / 2, -9);
  if (down) {
    edge(down, [-3, 0, -3, height]);
    write(rows, down, -9, height / 2 + 5, "end");
  }
  write(name, "name", width / 2, height + 18);
}
