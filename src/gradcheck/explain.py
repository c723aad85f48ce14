"""From answers to findings: what can be judged is judged, what is wrong is explained."""

import contextlib
import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from gradcheck.behaviour import ignores_upstream, restlessness
from gradcheck.diagnosis import Diagnosis, Evidence, agree, diagnose, match
from gradcheck.direction import NotExact, slope
from gradcheck.evidence import failed, passed
from gradcheck.localise import wrong_entries
from gradcheck.measured import SENTENCE, looks_measured
from gradcheck.problem import Array, Function, Problem, copied, read_gradients
from gradcheck.replay import Replay, replays
from gradcheck.report import Finding
from gradcheck.trace import record
from gradcheck.truth import true_gradients
from gradcheck.verdict import Judgement, draw, judge


def authors_answers(problem: Problem, cache: Any, mistakes: Mapping[str, Function] | None) -> dict[str, list[Any]]:
    """Return what each of the author's wrong backwards answers on the same cache and dout."""
    answers = {}
    for short_name, wrong in (mistakes or {}).items():
        with contextlib.suppress(Exception):
            result = problem.call_backward(copied(cache), backward=wrong)
            answers[short_name] = read_gradients(result, problem)
    return answers


def read_answer(answer: Any, name: str, x: Array) -> tuple[Array | None, Diagnosis | None]:
    """Return the answer as an array of real numbers, and what is wrong with its kind, shape or finiteness."""
    if answer is None:
        return None, Diagnosis("none", f"d{name} is None: is this still the placeholder?")
    if isinstance(answer, list | tuple | Mapping | str):
        kind = type(answer).__name__
        return None, Diagnosis("wrong-type", f"d{name} is a {kind}; it must be an array of shape {x.shape}.")
    try:
        yours = np.asarray(answer)
    except Exception:
        yours = np.empty((), dtype=object)
    if yours.dtype.kind not in "fiub":
        what = f"holds {yours.dtype} numbers" if yours.dtype.kind == "c" else f"is {type(answer).__name__}"
        return None, Diagnosis("wrong-type", f"d{name} {what}; it must be an array of float64.")
    if yours.shape == x.shape and not np.isfinite(yours).all():
        count = int((~np.isfinite(yours)).sum())
        return yours, Diagnosis("not-finite", f"d{name} holds NaN or infinity in {count} of {yours.size} entries.")
    return yours, None


def judge_all(
    problem: Problem,
    answers: list[Any],
    out: Array,
    cache: Any,
    mistakes: Mapping[str, Function] | None,
    rng: np.random.Generator,
) -> tuple[list[Finding], dict[str, Judgement]]:
    """Return one finding for each gradient, and the judgements where there are such."""
    read = {
        name: read_answer(answer, name, problem.inputs[name]) for name, answer in zip(problem.wrt, answers, strict=True)
    }
    ready = {
        name: yours
        for name, (yours, said) in read.items()
        if said is None and yours is not None and yours.dtype.kind == "f" and yours.shape == problem.inputs[name].shape
    }

    def repeat(inputs: Mapping[str, Array]) -> dict[str, Array] | None:
        try:
            again = read_gradients(problem.call_backward(problem.run(inputs)[1]), problem)
            return {name: np.asarray(value) for name, value in zip(problem.wrt, again, strict=True)}
        except Exception:
            return None

    verdicts = judge(problem, ready, out, rng, repeat) if ready else {}
    exact = all(verdict.exact for verdict in verdicts.values())
    for name, verdict in verdicts.items():
        off = verdict.verdict == "fail" or verdict.reason == "rough"
        if off and verdict.exact and verdict.mismatch <= 1e-6 * verdict.size and looks_measured(problem, name, rng):
            verdict.verdict, verdict.reason = "pass", "measured"
    doubtful = [name for name, verdict in verdicts.items() if verdict.verdict == "fail"]
    doubtful += [name for name in problem.wrt if name not in verdicts and problem.inputs[name].size]
    told: dict[str, Finding] = {}
    if doubtful:
        told = explain(problem, doubtful, read, out, cache, mistakes, verdicts, exact, rng)
    findings = []
    for name in problem.wrt:
        yours = read[name][0]
        if name in told:
            findings.append(told[name])
        elif name in verdicts:
            findings.append(passed(problem, name, verdicts[name], SENTENCE))
        elif yours is not None and yours.shape == problem.inputs[name].shape:
            findings.append(
                Finding("d" + name, True, f"d{name} is empty, as {name} is: there is only its shape to check.")
            )
        else:
            findings.append(
                failed(
                    problem,
                    name,
                    Diagnosis("wrong-shape", f"d{name} must have the shape {problem.inputs[name].shape} of {name}."),
                )
            )
    return findings, verdicts


def explain(
    problem: Problem,
    names: list[str],
    read: Mapping[str, tuple[Array | None, Diagnosis | None]],
    out: Array,
    cache: Any,
    mistakes: Mapping[str, Function] | None,
    verdicts: Mapping[str, Judgement],
    exact: bool,
    rng: np.random.Generator,
) -> dict[str, Finding]:
    """Return a finding with its cause for each gradient that is wrong."""
    tape = record(problem)
    try:
        truths = true_gradients(problem, tape, exact, names)
    except NotExact:
        exact, truths = False, true_gradients(problem, tape, False, names)
    usable = tape if tape is not None and all(name in truths for name in problem.wrt) else None
    wrong_answers = authors_answers(problem, cache, mistakes)
    evidence: dict[str, Evidence] = {}

    @functools.cache
    def slips() -> list[tuple[Replay, int]]:
        """Return each slip with the number of wrong gradients that it explains."""
        found = list(replays(usable, problem)) if usable is not None else []
        return [(slip, sum(match(e, slip) is not None for e in evidence.values())) for slip in found]

    right = frozenset(problem.wrt) - frozenset(names)
    for name in names:
        yours, said = read[name]
        if said is None and yours is not None and name in truths:
            known = truths[name].copy()
            kinks = verdicts[name].kinks if name in verdicts else []
            if kinks and yours.shape == known.shape:
                known.reshape(-1)[kinks] = yours.reshape(-1)[kinks]
            close = 1e-7 if exact else 1e-5
            evidence[name] = Evidence(name, yours, known, truths, problem, out, slips, right, close)
    told: dict[str, Finding] = {}
    for name in names:
        yours, said = read[name]
        true: Array | None = evidence[name].true if name in evidence else truths.get(name)
        if said is None and yours is not None:
            if name in evidence:
                said = authors_mistake(problem, evidence[name], wrong_answers)
                said = said or diagnose(evidence[name])
                restless = restlessness(problem, cache)[problem.wrt.index(name)] if said.cause == "unknown" else None
                if restless is not None:
                    verdict: Any = "fail" if restless.cause == "accumulates" else "not deterministic"
                    told[name] = replace(failed(problem, name, restless, yours, true), verdict=verdict)
                    continue
                if said.cause == "unknown" and ignores_upstream(problem, name, cache, rng):
                    text = f"d{name} stays the same whatever the upstream gradient is: multiply by dout."
                    said = Diagnosis("missing-upstream", text)
            elif yours.shape != problem.inputs[name].shape:
                wanted = problem.inputs[name].shape
                text = f"d{name} has shape {yours.shape}; it must have {name}'s shape {wanted}."
                said = Diagnosis("wrong-shape", text)
            else:
                the_same = functools.partial(agree, yours, close=1e-12)
                said = name_mistakes(problem, name, wrong_answers, the_same)
                if said is None:
                    said, true = diagnose_unseen(problem, name, yours, rng)
        assert said is not None
        told[name] = failed(problem, name, said, yours, true)
    return told


def authors_mistake(problem: Problem, e: Evidence, wrong_answers: Mapping[str, list[Any]]) -> Diagnosis | None:
    """Return the author's name for this answer, where it is another answer than the right one."""
    return name_mistakes(
        problem, e.name, wrong_answers, lambda wrong: e.same(e.yours, wrong) and not e.same(e.true, wrong)
    )


def name_mistakes(
    problem: Problem, name: str, wrong_answers: Mapping[str, list[Any]], alike: Callable[[Array], bool]
) -> Diagnosis | None:
    """Return the author's name of the mistakes whose answer is alike; several that give the same are all said."""
    place = problem.wrt.index(name)
    names = []
    for short_name, answers in wrong_answers.items():
        with contextlib.suppress(TypeError, ValueError):
            wrong = np.asarray(answers[place])
            if wrong.dtype.kind in "fiub" and alike(wrong):
                names.append(short_name)
    if not names:
        return None
    said = f"It looks like this mistake: {names[0]}."
    if len(names) > 1:
        said = f"Maybe it is one of these mistakes: {'; '.join(names)}."
    return Diagnosis("author-mistake", f"d{name} is wrong. {said}")


def diagnose_unseen(
    problem: Problem, name: str, yours: Array, rng: np.random.Generator
) -> tuple[Diagnosis, Array | None]:
    """Return a diagnosis by slopes alone, for a gradient too large to be known as a whole."""
    if not yours.any():
        return Diagnosis("placeholder", f"Every entry of d{name} is 0: is this still the placeholder?"), None
    unknown = Diagnosis("unknown", f"d{name} is wrong in a way that I do not recognise, in many entries.")
    directions = [draw(rng, yours.shape, []) for _ in range(3)]
    try:
        slopes = [slope(problem, {name: v}) for v in directions]
    except NotExact:
        return unknown, None
    if all(slopes):
        ratios = [float((yours * v).sum()) / s for v, s in zip(directions, slopes, strict=True)]
        if max(ratios) - min(ratios) <= min(1e-9 * abs(ratios[0]), 1e-3 * abs(ratios[0] - 1)):
            if abs(ratios[0] + 1) < 1e-9:
                return Diagnosis("sign", f"d{name} is minus the true gradient in every entry.", -1.0), -yours
            text = f"d{name} is {ratios[0]:.6g} times the true gradient everywhere."
            return Diagnosis("constant-factor", text, ratios[0]), yours / ratios[0]
    error = float((yours * directions[0]).sum()) - slopes[0]
    try:
        places = wrong_entries(problem, name, yours, directions[0], error)
    except NotExact:
        places = None
    if not places:
        return unknown, None
    true = np.array(yours, dtype=np.float64)
    true.reshape(-1)[list(places)] = list(places.values())
    indices = [tuple(int(i) for i in np.unravel_index(k, yours.shape)) for k in places]
    if len(indices) == 1:
        return Diagnosis("one-entry", f"d{name} is wrong in one entry alone, {list(indices[0])}."), true
    for axis, word in ((0, "row"), (1, "column")):
        if yours.ndim > axis + 1 - 1 and yours.ndim >= 2 and len({index[axis] for index in indices}) == 1:
            return Diagnosis(f"one-{word}", f"d{name} is wrong in {word} {indices[0][axis]} alone."), true
    return Diagnosis("unknown", f"d{name} is wrong in {len(indices)} entries, in a way that I do not recognise."), true


def first_wrong(problem: Problem, findings: list[Finding]) -> tuple[tuple[str, ...], str]:
    """Return the wrong gradients nearest to the loss, and a sentence where others lie before them.

    Layers are told by the numbers in the inputs' names, as W1, b1, W2, b2; what has none, such as X, comes before
    them. Within one layer no gradient is a consequence of another.
    """
    wrong = [name for name in problem.wrt if any(f.name == "d" + name and f.verdict == "fail" for f in findings)]
    layer = {name: int((re.findall(r"\d+$", name) or [0])[0]) for name in wrong}
    last = max(layer.values(), default=0)
    first = tuple("d" + name for name in wrong if layer[name] == last)
    later = ["d" + name for name in wrong if layer[name] != last]
    if not later:
        return first, ""
    return first, (
        f"Going backwards from the loss, {' and '.join(first)} {'is' if len(first) == 1 else 'are'} the "
        f"first to be wrong: begin there. {', '.join(later)} may be wrong only as a consequence."
    )
