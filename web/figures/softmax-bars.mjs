// Bars of the probabilities p, of the truth t and of the gradient p − t, under sliders of the logits.
import { buttons, choice, controls, drawing, picture, slider, status, values } from "./controls.mjs";
import { softmaxAndLoss } from "./softmax-numbers.mjs";
import { factor, numeral, write } from "./symbols.mjs";

const LOGITS = [1, 2.5, 0.3, -1];
const RATE = 1;
const PANELS = [["p", "p", "forward"], ["t", "t", "truth"], ["dz", "p − t", "back"]];

/** Draws the figure into an element. */
export function draw(root) {
  const state = { logits: [...LOGITS], right: 0 };
  const svg = drawing(picture(root, "Three groups of bars: probabilities, truth, and their difference"), 400, 236);
  const scale = (amount) => 113 - 87 * amount;
  const bars = PANELS.map(([key, title, way], panel) => {
    const left = 4 + panel * 134;
    write(svg.append("text").attr("x", left + 62).attr("y", 12).attr("text-anchor", "middle").attr("class", way), title);
    svg.append("line").attr("class", "zero").attr("x1", left).attr("x2", left + 124).attr("y1", scale(0)).attr("y2", scale(0));
    return LOGITS.map((_, k) => {
      const middle = left + 16 + 31 * k;
      const number = (y) => svg.append("text").attr("class", "quiet").attr("text-anchor", "middle").attr("x", middle).attr("y", y);
      number(232).text(k);
      const bar = svg.append("rect").attr("class", `bar ${way}`).attr("x", middle - 12).attr("width", 24);
      return { key, k, bar, text: number(0).attr("class", `amount ${way}`) };
    });
  }).flat();

  const row = controls(root);
  const sliders = row.append("div").attr("class", "sliders");
  const moved = LOGITS.map((value, k) =>
    slider(sliders, {
      name: `z_${k}`, label: `logit z_${k}`, min: -4, max: 4, step: 0.1, value,
      change: (z) => {
        state.logits[k] = z;
        show();
      },
    }),
  );
  const classes = LOGITS.map((_, k) => ({ value: String(k), text: `class ${k}` }));
  choice(row, {
    name: "right", label: "The right class y", options: classes, value: "0",
    change: (k) => {
      state.right = Number(k);
      show();
    },
  });
  const set = (logits, words) => {
    state.logits = logits;
    logits.forEach((z, k) => moved[k].set(z));
    show(words);
  };
  buttons(controls(root), "Steps", [
    {
      name: "update", text: "One gradient step",
      press: () => {
        const { loss, dz } = softmaxAndLoss(state.logits, state.right);
        const logits = state.logits.map((z, k) => z - RATE * dz[k]);
        const after = softmaxAndLoss(logits, state.right).loss;
        const r = state.right;
        set(logits, `Update, with learning rate ${RATE}: z_${r} = ${numeral(state.logits[r])} − ${RATE} · ${factor(dz[r])} = ` +
          `${numeral(logits[r])}, and each other logit goes down by its p. L falls from ${numeral(loss)} to ${numeral(after)}.`);
      },
    },
    { name: "again", text: "Start again", press: () => set([...LOGITS]) },
  ]);
  const say = status(root);
  const fill = values(root, ["class", "logit z", "p", "t", "dz = p − t"]);

  function show(words) {
    const numbers = softmaxAndLoss(state.logits, state.right);
    for (const { key, k, bar, text } of bars) {
      const amount = numbers[key][k];
      const [top, bottom] = [scale(Math.max(amount, 0)), scale(Math.min(amount, 0))];
      bar.attr("y", top).attr("height", Math.max(bottom - top, 0.5));
      text.attr("y", amount < 0 ? bottom + 14 : top - 4).text(amount.toFixed(2).replace("-", "−"));
    }
    const r = state.right;
    const others = LOGITS.map((_, k) => k).filter((k) => k !== r);
    const worst = others.reduce((a, b) => (numbers.p[b] > numbers.p[a] ? b : a));
    say(
      words ??
        `L = −ln p_${r} = −ln ${numeral(numbers.p[r])} = ${numeral(numbers.loss)}. ` +
          `dz_${r} = p_${r} − t_${r} = ${numeral(numbers.p[r])} − 1 = ${numeral(numbers.dz[r])}; ` +
          `dz_${worst} = p_${worst} − t_${worst} = ${numeral(numbers.p[worst])} − 0 = ${numeral(numbers.dz[worst])}. ` +
          "All four slopes add up to 0.",
    );
    fill([
      ...LOGITS.map((_, k) => [
        `${k}`,
        { shown: `z_${k}`, number: state.logits[k] },
        { shown: `p_${k}`, number: numbers.p[k] },
        { shown: `t_${k}`, number: numbers.t[k] },
        { shown: `dz_${k}`, number: numbers.dz[k] },
      ]),
      ["loss L", { shown: "L", number: numbers.loss }, "", "", ""],
    ]);
  }
  show();
}
