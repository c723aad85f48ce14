// Runs checks of gradcheck.plain in MicroPython or Pyodide and writes the reports as JSON. Arguments: the engine, the folder
// of npm packages, the folder of gradcheck's sources, a JSON file with a list of {exercise, code}.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [engine, packages, sources, file] = process.argv.slice(2);
const from = (path) => import(pathToFileURL(`${packages}/${path}`).href);

async function start() {
  if (engine === "pyodide") return (await from("pyodide/pyodide.mjs")).loadPyodide({ stdout: () => {} });
  const { loadMicroPython } = await from("@micropython/micropython-webassembly-pyscript/micropython.mjs");
  return loadMicroPython({ heapsize: 8 * 1024 * 1024, stdout: () => {}, linebuffer: true });
}

const python = await start();
python.FS.mkdir("/page");
python.FS.mkdir("/page/gradcheck");
python.FS.writeFile("/page/gradcheck/__init__.py", "");
for (const name of ["grid", "plain"]) {
  python.FS.writeFile(`/page/gradcheck/${name}.py`, readFileSync(`${sources}/${name}.py`, "utf8"));
}
python.runPython(`
import sys
sys.path.insert(0, "/page")
import json
from gradcheck.plain import check

def answer(request):
    request = json.loads(request)
    return json.dumps(check(request["exercise"], request["code"]))
`);
const answer = python.globals.get("answer");
const reports = JSON.parse(readFileSync(file, "utf8")).map((request) => JSON.parse(answer(JSON.stringify(request))));
process.stdout.write(JSON.stringify(reports));
