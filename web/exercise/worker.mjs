// Runs checks in a Python of its own thread: MicroPython, which is small, or Pyodide, which is whole. One message in, an
// exercise and a reader's code; one message out, the report. The page ends this worker when a check takes too long.
import grid from "../../src/gradcheck/grid.py";
import plain from "../../src/gradcheck/plain.py";

const MODULES = { "__init__": "", grid, plain };
const PROGRAM = `
import gc
import json
from gradcheck.plain import check

def answer(request):
    gc.collect()
    request = json.loads(request)
    return json.dumps(check(request["exercise"], request["code"]))
`;
const LONGEST_OUTPUT = 2000;
let printed = "";

function print(text) {
  if (printed.length < LONGEST_OUTPUT) printed = `${printed}${text}\n`.slice(0, LONGEST_OUTPUT);
}

async function startSmall() {
  const { loadMicroPython } = await import("./micropython/micropython.mjs");
  const url = new URL("./micropython/micropython.wasm", import.meta.url).href;
  return loadMicroPython({ url, heapsize: 8 * 1024 * 1024, stdout: print, stderr: print, linebuffer: true });
}

async function startFull() {
  const { loadPyodide } = await import("./pyodide/pyodide.mjs");
  const folder = new URL("./pyodide/", import.meta.url).href;
  const whole = await loadPyodide({ indexURL: folder, stdout: print, stderr: print });
  // From the same folder; the build says whether it is there.
  if (CARRIES_NUMPY) await whole.loadPackage("numpy", { messageCallback: () => {} });
  return whole;
}

const python = await (self.name === "full" ? startFull() : startSmall());
python.FS.mkdir("/page");
python.FS.mkdir("/page/gradcheck");
for (const [name, text] of Object.entries(MODULES)) python.FS.writeFile(`/page/gradcheck/${name}.py`, text);
python.runPython("import sys\nsys.path.insert(0, '/page')");
python.runPython(PROGRAM);
const answer = python.globals.get("answer");

self.onmessage = ({ data }) => {
  printed = "";
  const report = JSON.parse(answer(JSON.stringify(data)));
  self.postMessage({ ...report, printed: printed.trimEnd() });
};
self.postMessage("ready");
