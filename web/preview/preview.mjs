// Writes the picture that a link to the book shows elsewhere: the book's title beside the picture of the front page.
// Called with the file to write and the fonts, which must have the sign of a partial derivative.
import { readFileSync, writeFileSync } from "node:fs";
import { initWasm, Resvg } from "@resvg/resvg-wasm";

const [into, ...fonts] = process.argv.slice(2);
await initWasm(readFileSync(new URL(import.meta.resolve("@resvg/resvg-wasm/index_bg.wasm"))));

// A picture of its own has no page whose colours it could take: the ones for light mode stand behind each name.
const passes = readFileSync(new URL("../two-passes.svg", import.meta.url), "utf8")
  .replace(/var\(--[\w-]+,\s*(#\w+)\)/g, "$1")
  .replace(/ width="\d+" height="\d+"/, ' x="490" y="130" width="680" height="361"');
const picture = `<svg xmlns="http://www.w3.org/2000/svg" width="1200" height="630" font-family="sans-serif">
  <rect width="1200" height="630" fill="#ffffff"/>
  <rect width="1200" height="12" fill="#0e5fa8"/><rect y="618" width="1200" height="12" fill="#a8430d"/>
  <g fill="#1d232b" font-size="72" font-weight="700"><text x="64" y="285">Backprop</text><text x="64" y="370">by Hand</text></g>
  <text x="67" y="430" font-size="26" fill="#57606c">Two passes. You write both.</text>
  ${passes}
</svg>`;
const fontBuffers = fonts.map((file) => readFileSync(file));
const drawn = new Resvg(picture, { font: { fontBuffers, sansSerifFamily: "DejaVu Sans", defaultFontFamily: "DejaVu Sans" } });
writeFileSync(into, drawn.render().asPng());
