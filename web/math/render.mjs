// Renders formulas for the book: reads one JSON object a line, {tex, display}, and answers with one a line,
// {pieces, glyphs, width, mathml} or {error}. A formula in running text comes in several pieces, so that a line
// of a narrow screen can break between them. Glyph outlines are given once by name; the page holds each once.
import { createInterface } from "node:readline";
import MathJax from "mathjax";

// No `noerrors`, no `noundefined`: both would print a wrong formula in red instead of failing the build.
const packages = ["base", "ams", "newcommand", "textmacros", "color", "boldsymbol", "cancel", "mathtools"];

await MathJax.init({
  loader: {
    load: ["input/tex-base", "output/svg", "adaptors/liteDOM", ...packages.slice(1).map((name) => `[tex]/${name}`)],
    versionWarnings: false,
  },
  tex: {
    packages,
    formatError: (_jax, error) => {
      throw error;
    },
  },
  svg: { fontCache: "local", displayOverflow: "overflow" },
});
const adaptor = MathJax.startup.adaptor;

// Rows of an alignment stand 3 points apart, as in print: too little between a denominator and the next numerator.
MathJax.startup.document.inputJax[0].postFilters.add(({ data }) => {
  data.root.walkTree((table) => {
    if (!table.isKind("mtable") || !String(table.attributes.get("rowspacing")).startsWith("3pt")) return;
    let tall = false;
    table.walkTree((node) => (tall ||= node.isKind("mfrac") || node.isKind("munderover")));
    if (tall) table.attributes.set("rowspacing", "0.8em");
  });
});

const KEPT = new Set(["transform", "d", "x", "y", "width", "height", "viewBox", "style", "fill", "stroke", "rx", "font-size", "font-family"]);
const escape = (text) => text.replace(/&/g, "&amp;").replace(/"/g, "&quot;").replace(/</g, "&lt;");

function attributes(node) {
  return adaptor
    .allAttributes(node)
    .filter(({ name }) => KEPT.has(name) || name === "stroke-width")
    .map(({ name, value }) => ` ${name}="${escape(value.replace(/;$/, ""))}"`)
    .join("");
}

// The SVG without what only MathJax's menu needs: names of nodes, sources, groups that do nothing.
function compact(node, glyphs) {
  const kind = adaptor.kind(node);
  if (kind === "#text") return escape(adaptor.value(node));
  if (kind === "defs") {
    for (const path of adaptor.childNodes(node)) glyphs[glyphName(adaptor.getAttribute(path, "id"))] = adaptor.getAttribute(path, "d");
    return "";
  }
  if (kind === "use") {
    const name = glyphName(adaptor.getAttribute(node, "xlink:href").slice(1));
    return `<use href="#${name}"${attributes(node)}/>`;
  }
  const inside = adaptor.childNodes(node).map((child) => compact(child, glyphs)).join("");
  if (kind === "svg") return `<svg focusable="false"${attributes(node)}>${inside}</svg>`;
  if (kind === "g") {
    if (adaptor.getAttribute(node, "stroke-width") === "0") return `<g fill="currentColor" stroke="currentColor" stroke-width="0" transform="scale(1,-1)">${inside}</g>`;
    const own = attributes(node);
    if (!own) return inside;
    const alone = inside.match(/^<use href="([^"]*)"\/>$/);
    return alone ? `<use href="${alone[1]}"${own}/>` : inside && `<g${own}>${inside}</g>`;
  }
  return inside ? `<${kind}${attributes(node)}>${inside}</${kind}>` : `<${kind}${attributes(node)}/>`;
}

// MathJax numbers the formulas of a run in the names of their glyphs; without the number a name means one outline.
const glyphName = (id) => id.replace(/^MJX-\d+-/, "g-");

async function render({ tex, display }) {
  const container = await MathJax.tex2svgPromise(tex, { display });
  const glyphs = {};
  const pieces = [];
  let width = 0;
  for (const child of adaptor.childNodes(container)) {
    if (adaptor.kind(child) === "svg") {
      width += parseFloat(adaptor.getAttribute(child, "width"));
      pieces.push(compact(child, glyphs));
    } else {
      pieces.push(adaptor.getAttribute(child, "size") ? " " : "<wbr>");
    }
  }
  const mathml = (await MathJax.tex2mmlPromise(tex, { display }))
    .replace(/ (data-[a-z-]+|xmlns|display)="[^"]*"/g, "")
    .replace(/>\s+</g, "><")
    .trim();
  return { pieces, glyphs, width, mathml };
}

for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    answer = await render(JSON.parse(line));
  } catch (error) {
    answer = { error: error.message ?? String(error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
