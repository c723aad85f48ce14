"""Write `fingerprints.json`: the true and the wrong gradient of each mistake in chapter 11's gallery, and what
`gradcheck` says of it.

The mistakes are the chapter's own: its cells that plant them are executed here.
"""

import json
import sys
from pathlib import Path
from typing import Any

import jupytext
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
CHAPTER = ROOT / "chapters/11-debugging-clinic.md"
DATA = Path(__file__).with_suffix(".json")
SECTION, AFTERWARDS = "(gallery-of-fingerprints)=", "reports = {}"
# Enough for a colour and a table; more would differ between machines.
DIGITS = 5


def gallery(own: Any) -> dict[str, Any]:
    """Return the cases of the chapter, by name: forward, wrong and right backward, inputs, place of the gradient."""
    from gradcheck import check_layer

    namespace: dict[str, Any] = {"np": np, "own": own, "check_layer": check_layer}
    inside = False
    for cell in jupytext.read(CHAPTER, fmt="md:myst").cells:
        inside = inside or SECTION in cell.source
        if inside and AFTERWARDS in cell.source:
            return namespace["cases"]
        if inside and cell.cell_type == "code":
            exec(cell.source, namespace)
    raise ValueError(f"{CHAPTER} has no cell with {AFTERWARDS!r} after {SECTION}: name them here as they are there.")


def rounded(values: np.ndarray) -> list[list[float]]:
    """Return the rows of a matrix with few digits."""
    return [[float(f"{value:.{DIGITS}g}") for value in row] for row in values]


def fingerprint(name: str, case: tuple[Any, ...]) -> dict[str, Any]:
    """Return one mistake with the gradients of the very call that the checker has judged."""
    from gradcheck import check_layer

    forward, wrong, right, inputs, place = case
    calls: list[tuple[Any, Any]] = []

    def watched(dout: Any, cache: Any) -> Any:
        answer = wrong(dout, cache)
        calls.append((dout.copy(), answer))
        return answer

    report = check_layer(forward, watched, inputs, seed=5)
    (finding,) = (finding for finding in report.findings if not finding.ok)
    dout, answer = calls[0]
    _, cache = forward(*inputs.values())
    yours, true = (each[place] if isinstance(each, tuple) else each for each in (answer, right(dout, cache)))
    if finding.name != f"d{list(inputs)[place]}" or not np.allclose(finding.error, yours - true, atol=1e-6):
        raise ValueError(f"{name}: the checker judges {finding.name}, and not the gradient that the chapter draws.")
    return {
        "mistake": name,
        "gradient": finding.name,
        "cause": finding.cause,
        "said": " ".join(filter(None, (finding.message, finding.remark))),
        "true": rounded(true),
        "yours": rounded(yours),
    }


def fingerprints() -> list[dict[str, Any]]:
    """Return all mistakes of the gallery, in its order."""
    sys.path.insert(0, str(ROOT / "chapters"))
    from own_network import own_network

    return [fingerprint(name, case) for name, case in gallery(own_network(last=6)).items()]


if __name__ == "__main__":
    lines = ",\n".join(json.dumps(each, ensure_ascii=False) for each in fingerprints())
    DATA.write_text(f"[\n{lines}\n]\n", "utf-8")
    print(f"{DATA} holds the fingerprints of {CHAPTER.name}")
