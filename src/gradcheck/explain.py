"""From answers to findings: what can be judged is judged, what is wrong is explained."""

import functools
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from gradcheck.behaviour import ignores_upstream, restlessness
from gradcheck.diagnosis import Evidence, diagnose, looks_like, match
from gradcheck.direction import NotExact, entry_by_entry, slope
from gradcheck.evidence import failed, passed
from gradcheck.finite import measured_slope, quick
from gradcheck.localise import wrong_entries
from gradcheck.measured import looks_measured
from gradcheck.problem import EPS, LEFT_OUT, Array, Problem, agree, numbers
from gradcheck.replay import Replay, guard_replays, replays
from gradcheck.report import Diagnosis, Finding, Verdict
from gradcheck.trace import gradients_of_steps, recorded
from gradcheck.verdict import Judgement, judge

LARGEST, LARGEST_MEASURED = 600, 200
# An answer that is right to ALMOST is not refused for a guard that it leaves out or has.
ALMOST = 1e-4
GUARD = f"{{}} That is common, and moves it by less than {ALMOST:g} of its size."
Read = tuple[Array | None, Diagnosis | None]


def read_answer(answer: Any, name: str, x: Array) -> Read:
    """Return the answer as an array of real numbers, and what is wrong with its kind or finiteness."""
    if answer is None:
        return None, Diagnosis("none", f"d{name} is None: is the line that computes it still missing?")
    if answer is LEFT_OUT:
        return None, Diagnosis("wrong-count", f"d{name} is missing from what backward returned.")
    kind, yours = type(answer).__name__, numbers(answer)
    if isinstance(answer, list | tuple | Mapping | str):
        return None, Diagnosis("wrong-type", f"d{name} is a {kind}; it must be an array of shape {x.shape}.")
    if yours is None:
        is_complex = isinstance(answer, np.ndarray | np.generic | complex) and np.iscomplexobj(answer)
        what = f"holds {np.asarray(answer).dtype} numbers" if is_complex else f"is of the type {kind}"
        return None, Diagnosis("wrong-type", f"d{name} {what}; it must be an array of float64.")
    lost = yours.size - np.count_nonzero(np.isfinite(yours))
    if lost and yours.shape == x.shape:
        return yours, Diagnosis("not-finite", f"d{name} holds NaN or infinity in {lost} of {yours.size} entries.")
    return yours, None


def judge_all(problem: Problem, answers: list[Any]) -> tuple[list[Finding], dict[str, Judgement]]:
    """Return one finding for each gradient, and the judgements where there are such."""
    x = problem.inputs
    read = {name: read_answer(answer, name, x[name]) for name, answer in zip(problem.wrt, answers, strict=True)}
    ready = {
        name: yours if yours.dtype.kind == "f" else yours.astype(np.float64)
        for name, (yours, said) in read.items()
        if said is None and yours is not None and yours.shape == x[name].shape
    }
    verdicts = judge(problem, ready)
    for name in [name for name, verdict in verdicts.items() if verdict.verdict == "pass"]:
        yours = read[name][0]
        # Python's own 0 and 1 will do for a number.
        if yours is not None and yours.dtype.kind != "f" and yours.ndim:
            text = f"The numbers of d{name} are right, but they are {yours.dtype}; a gradient is float64."
            read[name] = yours, Diagnosis("integer-dtype", text)
            del verdicts[name]
    guards = functools.cache(lambda: list(guard_replays(problem)))
    for name, verdict in verdicts.items():
        off = verdict.verdict == "fail" or verdict.reason == "rough"
        if not off or not verdict.exact or not verdict.mismatch <= ALMOST * verdict.size:
            continue
        error = verdict.mismatch / verdict.size
        close = max(1e-3 * error, 100 * EPS)
        guard = next((slip for slip in guards() if agree(ready[name], slip.gradients[name], close)), None)
        if guard is not None and guard.sentence:
            verdict.verdict, verdict.reason = "pass", GUARD.format(guard.sentence)
        elif looks_measured(problem, name):
            verdict.verdict, verdict.reason = "pass", "measured"
    wrong = [n for n in problem.wrt if (verdicts[n].verdict == "fail" if n in verdicts else x[n].size)]
    told = explain(problem, wrong, read, verdicts) if wrong else {}
    findings = []
    for name, (yours, _) in read.items():
        if name in told:
            findings.append(told[name])
        elif name in verdicts:
            findings.append(passed(problem, name, verdicts[name]))
        elif yours is not None and yours.shape == x[name].shape:
            text = f"d{name} is empty, as {name} is: there is only its shape to check."
            findings.append(Finding("d" + name, True, text))
        else:
            said = Diagnosis("wrong-shape", f"d{name} must have the shape {x[name].shape} of {name}.")
            findings.append(failed(problem, name, said))
    return findings, verdicts


def explain(
    problem: Problem, wrong: list[str], read: Mapping[str, Read], verdicts: Mapping[str, Judgement]
) -> dict[str, Finding]:
    """Return a finding with its cause for each gradient that is wrong."""
    tape = recorded(problem)
    exact = problem.exact
    try:
        truths = true_gradients(problem, exact, wrong)
    except NotExact:
        exact, truths = False, true_gradients(problem, False, wrong)
    mistakes = {name: problem.answers(backward=mistake) for name, mistake in problem.mistakes.items()}
    evidence: dict[str, Evidence] = {}

    @functools.cache
    def slips() -> list[tuple[Replay, int]]:
        """Return each slip with the number of wrong gradients that it explains."""
        known = tape is not None and all(name in truths for name in problem.wrt)
        found = list(replays(tape, problem.dout, truths)) if tape is not None and known else []
        return [(slip, sum(match(e, slip) is not None for e in evidence.values())) for slip in found]

    right = frozenset(problem.wrt) - frozenset(wrong)
    for name in wrong:
        yours, said = read[name]
        true = truths.get(name)
        if said is None and yours is not None and true is None and yours.shape == problem.inputs[name].shape:
            true = inferred(problem, name, yours)
        if said is None and yours is not None and true is not None:
            kinks = verdicts[name].kinks if name in verdicts else []
            true = np.array(true, order="C")
            if kinks:
                true.reshape(-1)[kinks] = yours.reshape(-1)[kinks]
            close = 1e-7 if exact else 1e-5
            evidence[name] = Evidence(name, yours, true, problem, truths, slips, right, close)
    told: dict[str, Finding] = {}
    for name in wrong:
        yours, said = read[name]
        verdict: Verdict = "fail"
        if said is None and yours is not None:
            said = authors_mistake(name, read, evidence.get(name), mistakes, truths)
            if said is None and problem.out.dtype.kind != "f" and yours.any():
                text = (
                    f"d{name} is not 0, but forward returns {problem.out.dtype} numbers, which move in steps: return "
                )
                said = Diagnosis("integer-dtype", f"{text}floats.")
            if said is None and name in evidence:
                said = diagnose(evidence[name])
            said = said or diagnose_unseen(problem, name, yours)
            if said.cause == "unknown":
                said = restlessness(problem).get(name, said)
                verdict = "not deterministic" if said.cause == "not-deterministic" else "fail"
            if said.cause == "unknown" and ignores_upstream(problem, name):
                text = f"d{name} stays the same whatever the upstream gradient is: multiply by it."
                said = Diagnosis("missing-upstream", text)
            if said.cause == "unknown" and yours.size == 1:
                said = factor_of_others(name, evidence, said)
        assert said is not None
        true = evidence[name].true if name in evidence else truths.get(name)
        # Of numbers that are right none is the worst.
        true = None if said is read[name][1] and said.cause == "integer-dtype" else true
        told[name] = replace(failed(problem, name, said, yours, true), verdict=verdict)
    return told


def true_gradients(problem: Problem, exact: bool, wrong: list[str]) -> dict[str, Array]:
    """Return the gradients that can be had: replayed from the recorded steps, or entry by entry where small.

    Those that are not wrong are only of interest for answers in the wrong order, so they are had when all are
    small.
    """
    small = sum(problem.inputs[name].size for name in problem.wrt) <= LARGEST_MEASURED
    along, close = (slope, 1e-9) if exact else (measured_slope, 1e-5)
    truths: dict[str, Array] = {}
    replayed = gradients_of_steps(problem) or {}

    def fits(name: str, true: Array) -> bool:
        v = problem.draw(true.shape)
        return abs(float((true * v).sum()) - along(problem, {name: v})) <= close * float(np.linalg.norm(true)) + 1e-300

    for name in problem.wrt:
        size = problem.inputs[name].size
        if name in replayed and fits(name, np.asarray(replayed[name], dtype=np.float64)):
            truths[name] = np.asarray(replayed[name], dtype=np.float64)
        elif (name in wrong or small) and size <= LARGEST and 2 * size <= problem.affordable:
            # Two evaluations for each entry do where no kink is near, instead of fifty.
            true = entry_by_entry(problem, name, along if exact else quick)
            if exact or fits(name, true):
                truths[name] = true
            elif size <= LARGEST_MEASURED and 60 * size <= problem.affordable:
                truths[name] = entry_by_entry(problem, name, along)
    return truths


def inferred(problem: Problem, name: str, yours: Array) -> Array | None:
    """Return the true gradient where a large answer is off by a factor or in few entries, found by slopes alone."""
    directions = [problem.draw(yours.shape) for _ in range(3)]
    try:
        slopes = [slope(problem, {name: v}) for v in directions]
        mine = [float((yours * v).sum()) for v in directions]
        if all(slopes):
            ratios = [m / s for m, s in zip(mine, slopes, strict=True)]
            if max(ratios) - min(ratios) <= min(1e-9 * abs(ratios[0]), 1e-3 * abs(ratios[0] - 1)) and ratios[0]:
                return np.asarray(yours / ratios[0])
        places = wrong_entries(problem, name, yours, directions[0], mine[0] - slopes[0])
    except NotExact:
        return None
    if not places:
        return None
    true = np.array(yours, dtype=np.float64, order="C")
    true.reshape(-1)[list(places)] = list(places.values())
    return true


def diagnose_unseen(problem: Problem, name: str, yours: Array) -> Diagnosis:
    """Return what can be said of an answer whose truth is not known."""
    wanted = problem.inputs[name].shape
    if yours.shape != wanted:
        text = f"d{name} has shape {yours.shape}; it must have {name}'s shape {wanted}."
        return Diagnosis("wrong-shape", text)
    if not yours.any():
        return Diagnosis("placeholder", f"Every entry of d{name} is 0: was it ever filled in?")
    return Diagnosis("unknown", f"d{name} is wrong in a way that I do not recognise, in many entries.")


def authors_mistake(
    name: str,
    read: Mapping[str, Read],
    e: Evidence | None,
    mistakes: Mapping[str, Mapping[str, Array]],
    truths: Mapping[str, Array],
) -> Diagnosis | None:
    """Return the author's name for this answer, where it is another answer than the right one.

    Each other gradient that the mistake gives must be handed in too, or be the right one: one that is neither shows
    that here is another mistake, such as a wrong forward. Of several mistakes that give the answer, those are named
    that give most of the other gradients too.
    """
    yours, alike = read[name][0], {}
    for short_name, answers in mistakes.items():
        wrong = answers.get(name)
        if yours is None or wrong is None:
            continue
        if agree(yours, wrong, 1e-12) if e is None else e.is_mine(wrong) and not e.same(e.true, wrong):
            mine = {other: read[other][0] for other in answers}
            given = {other for other, x in mine.items() if x is not None and agree(x, answers[other], 1e-7)}
            right = {other for other, true in truths.items() if other in answers and agree(true, answers[other], 1e-5)}
            if given | right >= answers.keys() & truths.keys():
                alike[short_name] = len(given)
    names = [short_name for short_name, count in alike.items() if count == max(alike.values())]
    return Diagnosis("author-mistake", f"d{name} is wrong. {looks_like(names)}") if names else None


def factor_of_others(name: str, evidence: Mapping[str, Evidence], said: Diagnosis) -> Diagnosis:
    """Return what to say of one number that is unrecognised: the factor, where whole arrays are off by the same.

    One number alone is some factor times the truth, whatever the mistake is.
    """
    mine = evidence[name].factor if name in evidence else None
    if mine is None:
        return said
    others = [
        f"d{other}"
        for other, e in evidence.items()
        if e.true.size > 1 and e.factor is not None and abs(e.factor - mine) <= 1e-7 * abs(mine)
    ]
    if not others:
        return said
    verb = "is" if len(others) == 1 else "are"
    text = f"d{name} is {evidence[name].times(mine)} the true gradient, as {' and '.join(others)} {verb}."
    return Diagnosis("constant-factor", text, mine)


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
    if not later or all(finding.cause == "order" for finding in findings if finding.verdict == "fail"):
        return first, ""
    named, is_ = ", ".join([*first[:-2], " and ".join(first[-2:])]), "is" if len(first) == 1 else "are"
    return first, (
        f"Going backwards from the loss, {named} {is_} the first to be wrong: begin there. "
        f"{', '.join(later)} may be wrong only as a consequence."
    )
