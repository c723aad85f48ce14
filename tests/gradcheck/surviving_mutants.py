"""Compare the mutants that survived `mutmut run` with those that surviving_mutants.txt explains.

Prints each survivor that is not explained, as the lines it removes and adds, and each explanation that no survivor
needs any more. Exits with 1 where a survivor is not explained or a mutant was not tried.
"""

import ast
import difflib
import json
import sys
from pathlib import Path

MUTANTS = Path("mutants/src/gradcheck")
EXPLAINED = Path(__file__).with_suffix(".txt")


def functions(module: Path) -> dict[str, list[str]]:
    """Return the body of each function of a module of mutants, by name."""
    source = module.read_text(encoding="utf-8")
    lines = source.splitlines()
    nodes = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef))
    return {node.name: lines[node.lineno : node.end_lineno] for node in nodes}


def change(bodies: dict[str, list[str]], mutant: str) -> str:
    """Return what a mutant changes: the function, the lines it removes, those it adds."""
    function = mutant.rsplit("__mutmut_", 1)[0]
    original = bodies[function + "__mutmut_orig"]
    marked = list(difflib.unified_diff(original, bodies[mutant], lineterm="", n=0))[2:]
    lines = [f"{line[0]} {line[1:].strip()}" for line in marked if line[0] in "+-"]
    return "\n".join([function.removeprefix("x_"), *lines])


def explained() -> set[str]:
    """Return the changes that the text file explains: its paragraphs without their comments."""
    paragraphs = EXPLAINED.read_text(encoding="utf-8").split("\n\n")
    kept = ("\n".join(line for line in text.splitlines() if not line.startswith("#")) for text in paragraphs)
    return {text for text in kept if text}


def main() -> int:
    """Print what is not explained; return the exit code."""
    survivors, untried = set(), 0
    for results in MUTANTS.glob("*.meta"):
        bodies = functions(results.with_suffix(""))
        for mutant, code in json.loads(results.read_text(encoding="utf-8"))["exit_code_by_key"].items():
            untried += code is None
            if code == 0:
                survivors.add(change(bodies, mutant.rsplit(".", 1)[1]))
    for text in sorted(survivors - explained()):
        print(f"NOT EXPLAINED\n{text}\n")
    for text in sorted(explained() - survivors):
        print(f"explained, but it does not survive\n{text}\n")
    print(f"{len(survivors)} survive, {len(survivors - explained())} of them not explained; {untried} were not tried")
    return int(bool(survivors - explained() or untried))


if __name__ == "__main__":
    sys.exit(main())
