"""The check itself: shapes first, finiteness second, numbers third, then the name of the mistake."""

import contextlib
import functools
import io
import re
import sys
import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from gradcheck.behaviour import ignores_upstream, misbehaviour, restlessness
from gradcheck.diagnosis import Diagnosis, Evidence, agree, diagnose, match
from gradcheck.direction import NotExact, slope
from gradcheck.evidence import failed, passed, with_numbers
from gradcheck.localise import wrong_entries
from gradcheck.measured import SENTENCE, looks_measured
from gradcheck.problem import (
    Array,
    Broken,
    Function,
    Problem,
    copied,
    quiet,
    read_gradients,
    read_problem,
    time_limit,
)
from gradcheck.replay import Replay, replays
from gradcheck.report import Finding, Report, Worst
from gradcheck.trace import Tape, record
from gradcheck.truth import true_gradients
from gradcheck.verdict import DIRECTIONS, Judgement, draw, judge

LONGEST = 10.0
NOTICED = 1e-6


def check_gradients(
    forward: Function,
    backward: Function,
    inputs: Mapping[str, Any],
    *,
    wrt: Any = None,
    reference: Function | None = None,
    mistakes: Mapping[str, Function] | None = None,
    seed: int | None = None,
) -> Report:
    """Return a report on the gradients that ``backward`` computes, one finding for each.

    ``forward(*inputs.values())`` returns ``(out, cache)``. ``backward(dout, cache)`` returns the gradients in the
    order of the arguments, each in the shape of its argument; a single one may come bare. ``backward(cache)``, with
    one required parameter, makes ``out`` a loss: one number. ``inputs`` is a dict from argument name to array, in the
    order of the arguments; Python floats are scalars. ``wrt`` names those to differentiate (default: all that hold
    floats; integer labels are constants). The gradient of ``W`` is called ``dW``. Backward may also return a dict
    with the keys ``'d' + name``, or a list of dicts ``[{'dW': ..., 'db': ...}, ...]``, one for each layer, for inputs
    named ``W1, b1, W2, b2, ...``: layers count from 1.

    A layer is checked under a random upstream gradient, drawn with ``seed`` (None: a fresh one each time).
    ``reference`` is a right forward: where ``forward`` differs from it, the report says so in a finding of its own,
    and backward is still judged as the derivative of ``forward``. ``mistakes`` maps a short name to a wrong backward
    of the same signature, run on the same cache and dout: a wrong gradient equal to its answer gets the cause
    ``author-mistake`` and a message with that name. None and ``{}`` mean that there are none.

    Everything runs in float64, also where the inputs are float32. Mistakes of a learner never raise. Raises TypeError
    or ValueError for arguments that make no check, and says what to pass.
    """
    return run_check(forward, backward, inputs, wrt, reference, mistakes, seed, protocol=False)


def check_layer(
    forward: Function,
    backward: Function,
    inputs: Mapping[str, Any],
    *,
    wrt: Any = None,
    reference: Function | None = None,
    mistakes: Mapping[str, Function] | None = None,
    seed: int | None = None,
) -> Report:
    """Return the report of :func:`check_gradients`, and findings on behaviour.

    Behaviour: inputs, dout and cache are not changed in place, a second call gives the same answer. The arguments are
    those of :func:`check_gradients`.
    """
    return run_check(forward, backward, inputs, wrt, reference, mistakes, seed, protocol=True)


def assert_gradients(
    forward: Function,
    backward: Function,
    inputs: Mapping[str, Any],
    *,
    wrt: Any = None,
    reference: Function | None = None,
    mistakes: Mapping[str, Function] | None = None,
    seed: int | None = None,
) -> None:
    """Raise AssertionError with the text of :func:`check_layer`'s report unless its verdict is "pass"."""
    report = check_layer(
        forward, backward, inputs, wrt=wrt, reference=reference, mistakes=mistakes, seed=seed
    )
    if not report.ok:
        raise AssertionError(str(report))


def run_check(
    forward: Function,
    backward: Function,
    inputs: Mapping[str, Any],
    wrt: Any,
    reference: Function | None,
    mistakes: Mapping[str, Function] | None,
    seed: int | None,
    *,
    protocol: bool,
) -> Report:
    """Return the report of one check."""
    problem = read_problem(forward, backward, inputs, wrt)
    read_helpers(reference, mistakes)
    rng = np.random.default_rng(seed)
    try:
        with np.errstate(all="ignore"), time_limit(LONGEST, "forward"):
            out, cache = problem.start()
    except Broken as broken:
        return forward_failed(problem, Diagnosis(broken.cause, broken.sentence))
    if not problem.is_loss:
        problem.dout = draw(rng, out.shape, [])
    with quiet():
        again = problem.repeat()
    if again is None or not agree(again, out, 1e-12):
        text = "forward gave two different answers for the same inputs: draw random numbers outside, or from a seed."
        return forward_failed(problem, Diagnosis("not-deterministic", text))
    findings = [] if reference is None else compare_forward(problem, reference, out)
    kept, dout, said, answers = copied(cache), problem.dout.copy(), None, []
    try:
        with (
            np.errstate(all="ignore"),
            time_limit(LONGEST, "backward"),
            contextlib.redirect_stdout(Echo()) as echo,
        ):
            answers = read_gradients(problem.call_backward(cache, dout), problem)
    except Broken as broken:
        said = Diagnosis(broken.cause, broken.sentence)
    except (Exception, SystemExit) as error:
        said = diagnose_exception(problem, error)
    with quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if said is not None:
            findings += [failed(problem, name, said) for name in problem.wrt]
            return Report(tuple(findings), problem.evaluations)
        judged, verdicts, tape = judge_all(problem, answers, out, kept, mistakes, rng)
        findings += judged
        if protocol:
            findings += misbehaviour(problem, answers, cache, kept, dout)
        findings = [with_numbers(problem, answers, finding) for finding in findings]
    first, sentence = first_wrong(problem, judged, tape)
    notes = [sentence, "Your backward prints something; that is no mistake." if echo.used else ""]
    if not problem.is_loss and any(finding.verdict == "fail" for finding in judged):
        notes.append("The loss here is L = sum(dout * out), with a random upstream gradient dout.")
    passing = [verdict for verdict in verdicts.values() if verdict.size]
    return Report(
        tuple(findings),
        problem.evaluations,
        max((verdict.tolerance / verdict.size for verdict in passing), default=0.0),
        max((miss_probability(problem, verdict) for verdict in passing), default=0.0),
        " ".join(filter(None, notes)),
        first,
    )


class Echo(io.StringIO):
    """What backward prints goes where it always goes; that it prints is noted."""

    def __init__(self) -> None:
        super().__init__()
        self.used, self.screen = False, sys.stdout

    def write(self, text: str) -> int:
        self.used = True
        return self.screen.write(text)


def read_helpers(reference: Any, mistakes: Any) -> None:
    """Raise TypeError where the author's own functions are none."""
    if reference is not None and not callable(reference):
        raise TypeError(f"reference must be a forward function, not {type(reference).__name__}.")
    if mistakes is not None and not isinstance(mistakes, Mapping):
        raise TypeError("mistakes must be a dict from a short name to a wrong backward function.")
    for short_name, wrong in (mistakes or {}).items():
        if not callable(wrong):
            raise TypeError(f"mistakes[{short_name!r}] must be a function, not {type(wrong).__name__}.")


def miss_probability(problem: Problem, verdict: Judgement) -> float:
    """Return the bound on missing an error of 1e-6 of the gradient's root mean square in its largest entry."""
    noticed = NOTICED * verdict.size / max(1.0, verdict.entries) ** 0.5
    return min(1.0, verdict.tolerance / noticed) ** DIRECTIONS


def forward_failed(problem: Problem, said: Diagnosis) -> Report:
    """Return the report where there is no output to differentiate."""
    verdict: Any = "not deterministic" if said.cause == "not-deterministic" else "fail"
    told = Finding("forward", False, said.sentence, said.cause, verdict=verdict, kind="forward")
    rest = [
        Finding(
            "d" + name, False, f"d{name} cannot be checked before forward works.", said.cause, verdict=verdict
        )
        for name in problem.wrt
    ]
    return Report((told, *rest), problem.evaluations)


def diagnose_exception(problem: Problem, error: BaseException) -> Diagnosis:
    """Return what an exception of backward says; shapes that a matrix product would join name the product."""
    text = f"backward raised {type(error).__name__}: {error}"
    shapes = re.findall(r"\((\d+), ?(\d+)\)", str(error))
    if "broadcast" in str(error) and len(shapes) >= 2:
        (a, b), (c, d) = [tuple(map(int, shape)) for shape in shapes[:2]]
        wanted = [problem.inputs[name].shape for name in problem.wrt]
        if (b == c and (a, d) in wanted) or (a == c and (b, d) in wanted) or (b == d and (a, c) in wanted):
            return Diagnosis(
                "elementwise-product",
                f"{text.rstrip()}. * multiplies entry by entry; these shapes ask for a matrix product, @, a sum.",
            )
    return Diagnosis("raised", f"{text.rstrip('.')}.")


def compare_forward(problem: Problem, reference: Function, out: Array) -> list[Finding]:
    """Return a finding where the learner's forward differs from the author's."""
    try:
        right = reference(*(value.copy() if value.ndim else value[()] for value in problem.inputs.values()))
    except Exception as error:
        raise ValueError(f"reference raised {type(error).__name__} at these inputs: {error}") from error
    right = np.asarray(right[0] if isinstance(right, tuple) else right, dtype=np.float64)

    def told(text: str, worst: Worst | None = None) -> list[Finding]:
        text = f"Your forward is wrong: {text} The gradients are judged as those of your forward."
        return [Finding("forward", False, text, "wrong-forward", worst=worst, verdict="fail", kind="forward")]

    if out.shape != right.shape:
        return told(f"its output has shape {out.shape}, expected {right.shape}.")
    if agree(out, right, 1e-9):
        return []
    index = tuple(int(i) for i in np.unravel_index(int(np.abs(out - right).argmax()), out.shape))
    where = f"[{', '.join(map(str, index))}]" if index else ""
    worst = Worst(index, float(out[index]), float(right[index]))
    return told(f"out{where} is {worst.yours:.6g}, expected {worst.true:.6g}.", worst)


def authors_answers(
    problem: Problem, cache: Any, mistakes: Mapping[str, Function] | None
) -> dict[str, list[Any]]:
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
        return yours, Diagnosis(
            "not-finite", f"d{name} holds NaN or infinity in {count} of {yours.size} entries."
        )
    return yours, None


def judge_all(
    problem: Problem,
    answers: list[Any],
    out: Array,
    cache: Any,
    mistakes: Mapping[str, Function] | None,
    rng: np.random.Generator,
) -> tuple[list[Finding], dict[str, Judgement], Tape | None]:
    """Return one finding for each gradient, the judgements of those that could be judged, the recorded steps."""
    read = {
        name: read_answer(answer, name, problem.inputs[name])
        for name, answer in zip(problem.wrt, answers, strict=True)
    }
    ready = {
        name: yours
        for name, (yours, said) in read.items()
        if said is None
        and yours is not None
        and yours.dtype.kind == "f"
        and yours.shape == problem.inputs[name].shape
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
        if (
            off
            and verdict.exact
            and verdict.mismatch <= 1e-6 * verdict.size
            and looks_measured(problem, name, rng)
        ):
            verdict.verdict, verdict.reason = "pass", "measured"
    doubtful = [name for name, verdict in verdicts.items() if verdict.verdict == "fail"]
    doubtful += [name for name in problem.wrt if name not in verdicts and problem.inputs[name].size]
    told: dict[str, Finding] = {}
    tape = None
    if doubtful:
        told, tape = explain(problem, doubtful, read, out, cache, mistakes, verdicts, exact, rng)
    findings = []
    for name in problem.wrt:
        yours = read[name][0]
        if name in told:
            findings.append(told[name])
        elif name in verdicts:
            findings.append(passed(problem, name, verdicts[name], SENTENCE))
        elif yours is not None and yours.shape == problem.inputs[name].shape:
            findings.append(
                Finding(
                    "d" + name, True, f"d{name} is empty, as {name} is: there is only its shape to check."
                )
            )
        else:
            findings.append(
                failed(
                    problem,
                    name,
                    Diagnosis(
                        "wrong-shape", f"d{name} must have the shape {problem.inputs[name].shape} of {name}."
                    ),
                )
            )
    return findings, verdicts, tape


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
) -> tuple[dict[str, Finding], Tape | None]:
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
            true = truths[name].copy()
            kinks = verdicts[name].kinks if name in verdicts else []
            if kinks and yours.shape == true.shape:
                true.reshape(-1)[kinks] = yours.reshape(-1)[kinks]
            evidence[name] = Evidence(
                name, yours, true, truths, problem, out, slips, right, 1e-7 if exact else 1e-5
            )
    told = {}
    for name in names:
        yours, said = read[name]
        true = evidence[name].true if name in evidence else truths.get(name)
        if said is None and yours is not None:
            if name in evidence:
                said = authors_mistake(problem, evidence[name], wrong_answers)
                said = said or diagnose(evidence[name])
                restless = (
                    restlessness(problem, cache)[problem.wrt.index(name)] if said.cause == "unknown" else None
                )
                if restless is not None:
                    verdict: Any = "fail" if restless.cause == "accumulates" else "not deterministic"
                    told[name] = replace(failed(problem, name, restless, yours, true), verdict=verdict)
                    continue
                if said.cause == "unknown" and ignores_upstream(problem, name, cache, rng):
                    text = f"d{name} stays the same whatever the upstream gradient is: multiply by dout."
                    said = Diagnosis("missing-upstream", text)
            elif yours.shape != problem.inputs[name].shape:
                text = f"d{name} has shape {yours.shape}; it must have {name}'s shape {problem.inputs[name].shape}."
                said = Diagnosis("wrong-shape", text)
            else:
                said, true = diagnose_unseen(problem, name, yours, rng)
        assert said is not None
        told[name] = failed(problem, name, said, yours, true)
    return told, tape


def authors_mistake(
    problem: Problem, e: Evidence, wrong_answers: Mapping[str, list[Any]]
) -> Diagnosis | None:
    """Return the author's name for this answer; several that give the same are all said."""
    place = problem.wrt.index(e.name)
    names = []
    for short_name, answers in wrong_answers.items():
        with contextlib.suppress(TypeError, ValueError):
            wrong = np.asarray(answers[place])
            if wrong.dtype.kind in "fiub" and e.same(e.yours, wrong) and not e.same(e.true, wrong):
                names.append(short_name)
    if not names:
        return None
    said = f"It looks like this mistake: {names[0]}."
    if len(names) > 1:
        said = f"Maybe it is one of these mistakes: {'; '.join(names)}."
    return Diagnosis("author-mistake", f"d{e.name} is wrong. {said}")


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
    return Diagnosis(
        "unknown", f"d{name} is wrong in {len(indices)} entries, in a way that I do not recognise."
    ), true


def first_wrong(problem: Problem, findings: list[Finding], tape: Tape | None) -> tuple[tuple[str, ...], str]:
    """Return the wrong gradients nearest to the loss, and the sentence that says so where others lie before them."""
    wrong = [
        name for name in problem.wrt if any(f.name == "d" + name and f.verdict == "fail" for f in findings)
    ]
    if not wrong:
        return (), ""
    depth = dict.fromkeys(wrong, 0)
    if tape is not None:
        depth = {name: tape.depth(tape.inputs[name]) for name in wrong}
    elif all(name[-1].isdigit() for name in wrong):
        depth = {name: -int(re.findall(r"\d+$", name)[0]) for name in wrong}
    nearest = min(depth.values())
    first = tuple("d" + name for name in wrong if depth[name] == nearest)
    later = ["d" + name for name in wrong if depth[name] != nearest]
    if not later:
        return first, ""
    return first, (
        f"Going backwards from the loss, {' and '.join(first)} {'is' if len(first) == 1 else 'are'} the first to be "
        f"wrong: begin there. {', '.join(later)} may be wrong only as a consequence."
    )
