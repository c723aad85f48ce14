// Writes the modules of the exercises into a folder of the built book: the one that every such page loads, the editor and
// the worker that it asks for when they are needed. The two Pythons stay beside them as they are. Arguments: the folder, and
// `numpy` where full Python has it.
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

await build({
  entryPoints: ["exercise", "editor", "worker"].map((name) => fileURLToPath(new URL(`${name}.mjs`, import.meta.url))),
  outdir: process.argv[2],
  outExtension: { ".js": ".mjs" },
  bundle: true,
  minify: true,
  format: "esm",
  target: ["es2022", "chrome111", "firefox113", "safari16.4"],
  banner: { js: "/* Contains CodeMirror and Lezer, copyright Marijn Haverbeke and others, MIT licence. */" },
  loader: { ".py": "text" },
  define: { CARRIES_NUMPY: String(process.argv[3] === "numpy") },
  external: ["./micropython/*", "./pyodide/*"],
  logLevel: "warning",
});
