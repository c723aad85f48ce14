// Choose two of a layer's arrays and see whether their product can be formed, has the wanted shape, and is right.
import { buttons, choice, controls, drawing, picture, slider, status, values } from "./controls.mjs";
import {
  ARRAYS, COUNTED, FACTORS, WANTED, computeProduct, computeSum, countFitting, drawArrays, farthest, indices, judgeProduct,
  judgeSum, measure, shapeOf,
} from "./shape-matcher-numbers.mjs";
import { numeral } from "./symbols.mjs";

// The side of a cell where there is room, the room beside and between the arrays.
const CELL = 15;
const MARGIN = 44;
const BETWEEN = 54;
const MIDDLE = 68;
const WIDTH = 360;
const LEAST = 2;
const MOST = 6;
const LETTERS = { i: "N", k: "n_in", j: "n_out" };
const SIZES = {
  "all different": { i: 5, k: 3, j: 4 },
  "W square": { i: 5, k: 4, j: 4 },
  "all equal": { i: 4, k: 4, j: 4 },
};

const words = (shape) => (shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`);

/** Draws the figure into `root`; `chosen` may name the wanted gradient, the factors and the sizes. */
export function draw(root, chosen = {}) {
  const state = { wanted: "dX", first: "dZ", second: "W", array: "dZ", axis: 1, sizes: SIZES["W square"], ...chosen };
  const svg = drawing(picture(root, "The chosen arrays as grids of cells, and what comes of them."), WIDTH, 160, 520);
  const sheet = svg.append("g");

  const top = controls(root);
  const same = (names) => names.map((value) => ({ value, text: value }));
  choice(top, { name: "wanted", label: "Wanted", options: same(Object.keys(WANTED)), value: state.wanted, change: (wanted) => update({ wanted }) });
  const products = controls(root);
  choice(products, { name: "first", label: "Product of", options: same(FACTORS), value: state.first, change: (first) => update({ first }) });
  choice(products, { name: "second", label: "@", options: same(FACTORS), value: state.second, change: (second) => update({ second }) });
  const sums = controls(root);
  choice(sums, { name: "array", label: "Sum of", options: same(Object.keys(ARRAYS)), value: state.array, change: (array) => update({ array }) });
  choice(sums, { name: "axis", label: "along", options: [{ value: "0", text: "axis 0, down the rows" }, { value: "1", text: "axis 1, across the columns" }], value: String(state.axis), change: (axis) => update({ axis: Number(axis) }) });
  const row = controls(root);
  const sliders = Object.entries(COUNTED).map(([letter, counted]) => [
    letter,
    slider(row, { name: counted, label: `${LETTERS[letter]}, ${counted}`, min: LEAST, max: MOST, step: 1, value: state.sizes[letter], change: (size) => update({ sizes: { ...state.sizes, [letter]: size } }) }),
  ]);
  buttons(
    controls(root),
    "Sizes to try",
    Object.entries(SIZES).map(([name, sizes]) => ({
      name,
      text: name,
      press: () => {
        for (const [letter, each] of sliders) each.set(sizes[letter]);
        update({ sizes });
      },
    })),
  );
  const say = status(root);
  const fill = values(root, ["", "shape", "largest difference"], "Shapes and difference as a table");

  function update(changed) {
    Object.assign(state, changed);
    const { wanted, first, second, array, axis, sizes } = state;
    const isSum = wanted === "db";
    products.attr("hidden", isSum ? "" : null);
    sums.attr("hidden", isSum ? null : "");
    const arrays = drawArrays(sizes);
    const judged = isSum ? judgeSum(wanted, array, axis, sizes) : judgeProduct(wanted, first, second, sizes);
    const result = !judged.fits ? null : isSum ? computeSum(array, axis, arrays) : computeProduct(first, second, arrays);
    const off = result && farthest(result, measure(wanted, arrays));
    drawSheet(sheet, state, judged);
    say(isSum ? sumInWords(state, judged, off) : productInWords(state, judged, off));
    const name = isSum ? `${array}.sum(axis=${axis})` : `${first} @ ${second}`;
    fill([
      [`${wanted}, wanted`, words(shapeOf(WANTED[wanted], sizes)), ""],
      [name, judged.shape ? words(judged.shape) : "none", off === null ? "" : { shown: "difference", number: off }],
    ]);
  }
  update({});
}

function productInWords({ wanted, first, second, sizes }, judged, off) {
  const [left, right] = [indices(first), indices(second)];
  const name = `${first} @ ${second}`;
  if (!judged.possible) {
    return `${name} cannot be formed: ${first} has ${sizes[left[1]]} columns (${COUNTED[left[1]]}), ${second} has ${sizes[right[0]]} rows (${COUNTED[right[0]]}).`;
  }
  const shape = words(judged.shape);
  if (!judged.fits) return `${name} has the shape ${shape}, but ${wanted} needs ${words(shapeOf(WANTED[wanted], sizes))}.`;
  const { all, fit } = countFitting(wanted, sizes);
  const count = `Of all ${all} products ${fit === 1 ? "this one alone has" : `${fit} have`} the shape.`;
  if (judged.right) {
    return `${name} has the shape of ${wanted}, ${shape}, and its numbers are right: they differ from the measured slopes by ${numeral(off)} at most. Its sum runs over the ${COUNTED[left[1]]}. ${count}`;
  }
  return `${name} has the shape of ${wanted}, ${shape}, and its numbers are wrong, by up to ${numeral(off)}. ${reason(wanted, first, second, left, right)} ${count}`;
}

function reason(wanted, first, second, left, right) {
  if (left[1] !== right[0]) {
    return `The columns of ${first} are ${COUNTED[left[1]]}, the rows of ${second} are ${COUNTED[right[0]]}: they meet only because there are as many of both.`;
  }
  const [rows, columns] = WANTED[wanted];
  if (left[0] !== rows) return `Its rows are ${COUNTED[left[0]]}, those of ${wanted} are ${COUNTED[rows]}: there only happen to be as many of both.`;
  return `Its columns are ${COUNTED[right[1]]}, those of ${wanted} are ${COUNTED[columns]}: there only happen to be as many of both.`;
}

function sumInWords({ wanted, array, axis, sizes }, judged, off) {
  const name = `${array}.sum(axis=${axis})`;
  const over = COUNTED[ARRAYS[array][axis]];
  const left = COUNTED[ARRAYS[array][1 - axis]];
  const shape = words(judged.shape);
  if (!judged.fits) return `${name} adds over the ${over} and has the shape ${shape}, but db needs ${words(shapeOf(WANTED[wanted], sizes))}.`;
  if (judged.right) return `${name} has the shape of db, ${shape}, and its numbers are right: they differ from the measured slopes by ${numeral(off)} at most. It adds over the ${over}; one number for each of the ${left} is left.`;
  const why = left === COUNTED[WANTED.db] ? `These are not the slopes of L: only dZ holds those.` : `What is left is one number for each of the ${left}, not of the ${COUNTED[WANTED.db]}: there only happen to be as many of both.`;
  return `${name} has the shape of db, ${shape}, and its numbers are wrong, by up to ${numeral(off)}. ${why}`;
}

// The arrays from left to right, each side in the colour of what it counts, and between them what joins them.
function drawSheet(sheet, { wanted, first, second, array, axis, sizes }, judged) {
  sheet.selectAll("*").remove();
  const isSum = wanted === "db";
  const parts = isSum ? [{ name: array, letters: ARRAYS[array] }] : [first, second].map((name) => ({ name, letters: indices(name) }));
  const letters = isSum ? ARRAYS[array][1 - axis] : parts[0].letters[0] + parts[1].letters[1];
  const signs = isSum ? [axis === 0 ? "Σ↓" : "Σ→"] : ["@", "="];
  const columns = (each) => sizes[each.at(-1)];
  const result = judged.possible ? columns(letters) : 1;
  const total = parts.reduce((sum, part) => sum + columns(part.letters), result);
  const cell = Math.min(CELL, (WIDTH - MARGIN - parts.length * BETWEEN) / total);
  let left = MARGIN / 2 + (WIDTH - MARGIN - parts.length * BETWEEN - cell * total) / 2;
  parts.forEach((part, n) => {
    grid(sheet, { ...part, left, sizes, cell });
    left += cell * columns(part.letters) + BETWEEN;
    sheet.append("text").attr("class", "sign").attr("x", left - 0.62 * BETWEEN).attr("y", MIDDLE + 6).attr("text-anchor", "middle").text(signs[n]);
  });
  const name = judged.fits ? wanted : judged.possible ? `not ${wanted}` : "";
  if (judged.possible) grid(sheet, { name, letters, left, sizes, cell, kind: judged.fits ? (judged.right ? "good" : "doubtful") : "wrong" });
  else sheet.append("text").attr("class", "sign").attr("x", left).attr("y", MIDDLE + 6).text("✗");
  const verdict = !judged.possible ? "does not fit" : !judged.fits ? "wrong shape" : judged.right ? "fits, and is right" : "fits, and is wrong";
  sheet.append("text").attr("class", "verdict").attr("x", 180).attr("y", 154).attr("text-anchor", "middle").text(verdict);
}

function grid(sheet, { name, letters, left, sizes, cell, kind = "" }) {
  const [rows, columns] = letters.length === 1 ? [1, sizes[letters]] : shapeOf(letters, sizes);
  const [down, across] = letters.length === 1 ? [null, letters] : letters;
  const top = MIDDLE - (cell * rows) / 2;
  const place = sheet.append("g").attr("class", `array ${kind}`).attr("transform", `translate(${left} ${top})`);
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < columns; c++) {
      place.append("rect").attr("class", "cell").attr("x", c * cell).attr("y", r * cell).attr("width", cell).attr("height", cell);
    }
  const [width, height] = [cell * columns, cell * rows];
  edge(place, [0, -3, width, -3], across);
  place.append("text").attr("class", across).attr("x", width / 2).attr("y", -9).attr("text-anchor", "middle").text(columns);
  if (down) {
    edge(place, [-3, 0, -3, height], down);
    place.append("text").attr("class", down).attr("x", -9).attr("y", height / 2 + 4).attr("text-anchor", "end").text(rows);
  }
  place.append("text").attr("class", "name").attr("x", width / 2).attr("y", height + 18).attr("text-anchor", "middle").text(name);
}

function edge(place, [x1, y1, x2, y2], letter) {
  place.append("line").attr("class", `edge ${letter}`).attr("x1", x1).attr("y1", y1).attr("x2", x2).attr("y2", y2);
}
