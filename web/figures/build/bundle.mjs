// Bundles moving figures: `node bundle.mjs into figure...` writes one module for each figure, with what it imports, the
// small module that loads them, and their style sheet.
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const [into, ...figures] = process.argv.slice(2);
const at = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url));
await build({
  entryPoints: [...["arrive", ...figures].map((name) => at(`${name}.mjs`)), at("figures.css")],
  outdir: into,
  outExtension: { ".js": ".mjs" },
  bundle: true,
  format: "esm",
  minify: true,
  target: ["es2022", "chrome111", "firefox113", "safari16.4"],
  banner: { js: "/* Contains modules of D3, copyright Mike Bostock, ISC licence. */" },
  logLevel: "warning",
});
