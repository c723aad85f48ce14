// What every moving figure consists of besides its drawing: sliders, buttons, choices, the sentence that says what is
// seen, and the table of its numbers. All are native elements, so that keyboard and screen reader need no help.
import { select } from "d3-selection";
import { numeral, plain, write } from "./symbols.mjs";

/** Returns the selected place of the drawing; `label` says to those who do not see it what kind of drawing it is. */
export function picture(root, label) {
  return select(root).append("div").attr("class", "picture").attr("role", "img").attr("aria-label", label);
}

/** Returns a selected drawing of width × height units, as wide as its place and no wider than `widest` pixels. */
export function drawing(place, width, height, widest = 1.45 * width) {
  return place
    .append("svg")
    .attr("viewBox", `0 0 ${width} ${height}`)
    .attr("aria-hidden", "true")
    .attr("focusable", "false")
    .style("max-width", `${Math.round(widest)}px`);
}

/** Returns a selected row of controls. */
export function controls(root) {
  return select(root).append("div").attr("class", "controls");
}

/**
 * Appends a slider and returns it. `name` names it in the tests, `label` to the reader; `change` gets each new value,
 * `say` turns a value into words.
 */
export function slider(row, { name, label = name, min, max, step, value, change, say = numeral }) {
  const box = row.append("label").attr("class", "slider");
  write(box.append("span").attr("class", "name"), label);
  const number = box.append("span").attr("class", "number").attr("aria-hidden", "true");
  const input = box.append("input").attr("type", "range").attr("data-control", name).attr("aria-label", plain(label));
  for (const [key, setting] of Object.entries({ min, max, step, value })) input.attr(key, setting);
  const show = (shown) => {
    number.text(say(shown));
    input.attr("aria-valuetext", say(shown));
  };
  const element = input.node();
  input.on("input", () => {
    show(Number(element.value));
    change(Number(element.value));
  });
  show(value);
  return {
    element,
    /** Moves the slider without telling `change`; a value beyond its ends widens it. */
    set(moved) {
      if (moved < Number(element.min)) element.min = String(moved);
      if (moved > Number(element.max)) element.max = String(moved);
      element.value = String(moved);
      show(moved);
    },
  };
}

/** Appends a row of buttons, each `{name, text, press}`, and returns the elements by their names. */
export function buttons(row, label, each) {
  const group = row.append("div").attr("class", "buttons").attr("role", "group").attr("aria-label", label);
  return Object.fromEntries(
    each.map(({ name, text, press }) => {
      const button = group.append("button").attr("type", "button").attr("data-control", name).text(text);
      return [name, button.on("click", press).node()];
    }),
  );
}

/** Appends a choice among `options`, each `{value, text}`, and returns its element. */
export function choice(row, { name, label, options, value, change }) {
  const box = row.append("label").attr("class", "choice");
  box.append("span").attr("class", "name").text(label);
  const list = box.append("select").attr("data-control", name);
  for (const option of options) {
    const item = list.append("option").attr("value", option.value).text(option.text);
    if (option.value === value) item.attr("selected", "");
  }
  return list.on("change", () => change(list.node().value)).node();
}

/** Appends the sentence that says in words and numbers what is seen, and returns the function that changes it. */
export function status(root) {
  const line = select(root).append("p").attr("class", "status").attr("role", "status").attr("aria-live", "polite");
  return (text) => {
    // A text that has not changed would be read aloud again.
    if (line.attr("data-text") !== text) write(line.attr("data-text", text), text);
  };
}

/**
 * Appends the table of the figure's numbers, folded, and returns the function that fills it with rows `[head, ...cells]`.
 * A cell is a text or `{shown, number}`: the name of a number, under which the tests find it, and its value.
 */
export function values(root, columns, summary = "The numbers as a table") {
  const box = select(root).append("details").attr("class", "values");
  box.append("summary").text(summary);
  const table = box.append("div").attr("class", "scrolls").append("table");
  const head = table.append("thead").append("tr");
  for (const column of columns) head.append("th").attr("scope", "col").text(column);
  const body = table.append("tbody");
  return (rows) => {
    body.selectAll("tr").remove();
    for (const [name, ...cells] of rows) {
      const row = body.append("tr");
      write(row.append("th").attr("scope", "row"), name);
      for (const cell of cells) {
        if (typeof cell === "string") write(row.append("td"), cell);
        else row.append("td").attr("data-shown", cell.shown).attr("data-value", cell.number).text(numeral(cell.number));
      }
    }
  };
}
