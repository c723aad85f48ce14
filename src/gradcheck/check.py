"""The check itself: shapes first, finiteness second, numbers third, then the name of the mistake."""

import contextlib
import io
import re
import sys
import time
import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from gradcheck.behaviour import misbehaviour
from gradcheck.diagnosis import looks_like
from gradcheck.evidence import failed, place, unflat, with_numbers
from gradcheck.explain import first_wrong, judge_all
from gradcheck.problem import (
    Array,
    Broken,
    Function,
    Problem,
    TooSlow,
    agree,
    copied,
    exception_text,
    line_of,
    quiet,
    read_problem,
    restored,
    without_line,
)
from gradcheck.report import Diagnosis, Finding, Report, Verdict, Worst
from gradcheck.slips import BY_ACCIDENT
from gradcheck.trace import recorded
from gradcheck.verdict import DIRECTIONS, Judgement

NOTICED = 1e-6
# Causes that say where an error lies or that there is one, and not what it is.
UNEXPLAINED = ("unknown", "one-row", "one-column", "one-entry", "placeholder", "cannot-tell", "not-differentiable")
# Inputs with a longer axis are not made over to equal sizes.
LARGEST_SIZE = 16
# Characters and lines that backward may print in one check: notebooks cut off long outputs, and the report comes last.
MOST_PRINTED, MOST_LINES = 2000, 40
WRITE_HERE = "`raise NotImplementedError()`."


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

    ``forward(*inputs.values())`` returns ``(out, cache)``. ``backward(dout, cache)`` returns the gradients in
    the order of the arguments, each in the shape of its argument; a single one may come bare.
    ``backward(cache)``, with one required parameter, makes ``out`` a loss: one number. ``inputs`` is a dict
    from argument name to array, in the order of the arguments; Python floats are scalars. ``wrt`` names those
    to differentiate (default: all that hold floats; integer labels are constants). The gradient of ``W`` is
    called ``dW``. Backward may also return a dict with the keys ``'d' + name``, or a list of dicts ``[{'dW':
    ..., 'db': ...}, ...]``, one for each layer, for inputs named ``W1, b1, W2, b2, ...``: layers count from
    1.

    A layer is checked under a random upstream gradient, drawn with ``seed`` (None: a fresh one each time).
    ``reference`` is a right forward: where ``forward`` differs from it, the report says so in a finding of
    its own, and backward is still judged as the derivative of ``forward``. ``mistakes`` maps a short name to
    a wrong backward of the same signature, run on the same cache and dout: a wrong gradient equal to its
    answer gets the cause ``author-mistake`` and a message with that name. None and ``{}`` mean that there are
    none.

    Everything runs in float64, also where the inputs are float32. Mistakes of a learner never raise. Raises
    TypeError or ValueError for arguments that make no check, and says what to pass.
    """
    return run_check(read_problem(forward, backward, inputs, wrt, reference, mistakes, seed), protocol=False)


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

    Behaviour: inputs, dout and cache are not changed in place, a second call gives the same answer. The
    arguments are those of :func:`check_gradients`.
    """
    return run_check(read_problem(forward, backward, inputs, wrt, reference, mistakes, seed), protocol=True)


def assert_gradients(forward: Function, backward: Function, inputs: Mapping[str, Any], **options: Any) -> None:
    """Raise AssertionError with the text of :func:`check_layer`'s report unless its verdict is "pass".

    The options are those of :func:`check_layer`.
    """
    report = check_layer(forward, backward, inputs, **options)
    if not report.ok:
        raise AssertionError(str(report))


def run_check(problem: Problem, *, protocol: bool) -> Report:
    """Return the report of one check; ``protocol`` asks for findings on behaviour too."""
    with restored(problem.forward, problem.backward):
        report = examined(problem, protocol=protocol)
    return replace(report, findings=tuple(by_name(problem, finding) for finding in report.findings))


def by_name(problem: Problem, finding: Finding) -> Finding:
    """Return a finding that calls ``backward`` by its name in the notebook, ``add_backward``; forward likewise."""
    role = re.match("(forward|backward)(?= )", finding.message)
    name = getattr(problem.forward if role and role[0] == "forward" else problem.backward, "__name__", "")
    if role is None or role[0] not in str(name):
        return finding
    message = f"{name}{finding.message[role.end() :]}".replace(f"`raise NotImplementedError()` in {name}.", WRITE_HERE)
    return replace(finding, message=message)


def examined(problem: Problem, *, protocol: bool) -> Report:
    """Return the report of one check, which calls the two functions forward and backward."""
    cache, said = attempt("forward", problem.start)
    if said is not None:
        return forward_failed(problem, said)
    findings = compare_forward(problem)
    dout, echo = problem.dout.copy(), Echo()
    with contextlib.redirect_stdout(echo):
        answers, said = attempt("backward", problem.call_backward, cache, dout)
    if said is None:
        # The next call may write into the arrays of this one.
        answers = [answer.copy() if isinstance(answer, np.ndarray) else answer for answer in answers]
    with quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _, unsteady = attempt("forward", repeat, problem)
        if unsteady is not None:
            return forward_failed(problem, unsteady)
        if said is None:
            try:
                judged, verdicts = judge_all(problem, answers)
                found = findings + judged
                if protocol:
                    found += misbehaviour(problem, answers, [finding.ok for finding in judged], cache, dout)
                found = [with_numbers(problem, answers, finding) for finding in found]
            except TooSlow as slow:
                said = Diagnosis("too-slow", f"backward {slow}")
        if said is not None:
            said = explain_exception(problem, said)
            findings += [failed(problem, name, said) for name in problem.wrt]
            return Report(tuple(findings), problem.evaluations)
    first, sentence = first_wrong(problem, judged)
    notes = [sentence, "Your backward prints something; that is no mistake." if echo.used else ""]
    if not problem.is_loss and any(finding.verdict == "fail" for finding in judged):
        notes.append("The loss here is L = sum(dout * out), with a random upstream gradient dout.")
    sized = {name: verdict for name, verdict in verdicts.items() if verdict.size}
    return Report(
        tuple(found),
        problem.evaluations,
        max((verdict.tolerance / verdict.size for verdict in sized.values()), default=0.0),
        max((miss_probability(problem, name, verdict) for name, verdict in sized.items()), default=0.0),
        " ".join(filter(None, notes)),
        first,
    )


def attempt(role: str, function: Function, *args: Any) -> tuple[Any, Diagnosis | None]:
    """Return what a call that runs a learner's function returns, or what is wrong with the call itself."""
    try:
        with np.errstate(all="ignore"):
            return function(*args), None
    except Broken as broken:
        return None, broken.said
    except TooSlow as slow:
        return None, Diagnosis("too-slow", f"{role} {slow}")
    except (Exception, SystemExit) as error:
        return None, Diagnosis("raised", f"{role} {exception_text(error)}{line_of(error)}")


def repeat(problem: Problem) -> None:
    """Evaluate forward once more, with its steps recorded where that can be; Broken where it gives another answer."""
    before = time.perf_counter()
    tape = recorded(problem) if problem.reference is None else None
    if tape is None or not agree(tape.out.value, problem.out, 1e-12):
        before = time.perf_counter()
        problem.repeat()
    # A first call may be slow for other reasons, and so may any on a busy machine.
    problem.seconds = min(problem.seconds, time.perf_counter() - before)


class Echo(io.StringIO):
    """What backward prints goes where it always goes, while it leaves room for the report; that it prints is noted."""

    def __init__(self) -> None:
        super().__init__()
        self.used, self.screen, self.left, self.lines = False, sys.stdout, MOST_PRINTED, MOST_LINES

    def write(self, text: str) -> int:
        self.used = True
        if self.left > 0 and self.lines > 0:
            shown = "".join(text[: self.left].splitlines(keepends=True)[: self.lines])
            self.screen.write(shown)
            self.left, self.lines = self.left - len(text), self.lines - text.count("\n")
            if self.left <= 0 or self.lines <= 0:
                self.screen.write("\n... backward prints more than is shown here ...\n")
        return len(text)


def miss_probability(problem: Problem, name: str, verdict: Judgement) -> float:
    """Return the bound on missing an error whose largest entry is 1e-6 of the gradient's root mean square."""
    noticed = NOTICED * verdict.size / problem.inputs[name].size ** 0.5
    return float(min(1.0, verdict.tolerance / noticed) ** DIRECTIONS)


def forward_failed(problem: Problem, said: Diagnosis) -> Report:
    """Return the report where there is no output to differentiate."""
    verdict: Verdict = "not deterministic" if said.cause == "not-deterministic" else "fail"
    told = Finding("forward", False, said.sentence, said.cause, verdict=verdict, kind="forward")
    waiting = "cannot be checked before forward works."
    rest = (Finding("d" + n, False, f"d{n} {waiting}", said.cause, verdict=verdict) for n in problem.wrt)
    return Report((told, *rest), problem.evaluations)


def explain_exception(problem: Problem, said: Diagnosis) -> Diagnosis:
    """Return what an exception of backward says, with the mistake behind it where that can be shown.

    One over shapes is explained by the same code on inputs of equal sizes, where it runs and its answers can be
    compared. Any other has the author's name for the mistake that raises the very same.
    """
    if said.cause != "raised":
        return said
    if re.search("matrix product A @ B|broadcast", said.sentence):
        arrays = {**({} if problem.is_loss else {"dout": problem.dout}), **problem.inputs}
        here = ", ".join(f"{name} {value.shape}" for name, value in arrays.items() if value.ndim)
        text = f"{said.sentence} The shapes here: {here}."
        mistake = mistake_at_equal_sizes(problem)
        if mistake is None:
            return said._replace(sentence=text)
        numbers = rf"; {BY_ACCIDENT}| {mistake.name}(\[[\d, ]+\])?: yours .*| Nudge .*"
        told = re.sub(numbers, "", mistake.message)
        return Diagnosis(
            str(mistake.cause), f"{text} Where all sizes are equal it runs, and then: {told}", mistake.factor
        )
    fails = {
        short_name: attempt("backward", problem.call_backward, copied(problem.cache), None, mistake)[1]
        for short_name, mistake in problem.mistakes.items()
    }
    names = [
        short_name
        for short_name, failure in fails.items()
        if failure is not None and without_line(failure.sentence) == without_line(said.sentence)
    ]
    return Diagnosis("author-mistake", f"{said.sentence} {looks_like(names)}") if names else said


def mistake_at_equal_sizes(problem: Problem) -> Finding | None:
    """Return the first wrong gradient with a known cause where all axes of the inputs have one size, or 1."""
    size = max(max(value.shape, default=1) for value in problem.inputs.values())
    if size > LARGEST_SIZE:
        return None
    there = replace(problem, inputs={name: resized(problem, value, size) for name, value in problem.inputs.items()})
    cache, said = attempt("forward", there.start)
    if said is None:
        answers, said = attempt("backward", there.call_backward, cache)
    if said is None:
        judged, said = attempt("backward", judge_all, there, answers)
    findings = judged[0] if said is None else []
    return next((finding for finding in findings if not finding.ok and finding.cause not in UNEXPLAINED), None)


def resized(problem: Problem, value: Array, size: int) -> Array:
    """Return an input with axes of one size, or of 1: its entries again and again, floats a bit smaller each time."""
    whole = np.resize(value, tuple(1 if n == 1 else size for n in value.shape))
    return whole * problem.rng.uniform(0.9, 1.0, whole.shape) if whole.dtype.kind == "f" else whole


def compare_forward(problem: Problem) -> list[Finding]:
    """Return a finding where the learner's forward differs from the author's."""
    if problem.reference is None:
        return []
    try:
        right = problem.reference(*(value.copy() if value.ndim else value[()] for value in problem.inputs.values()))
    except Exception as error:
        raise ValueError(f"reference raised {type(error).__name__} at these inputs: {error}") from error
    right = np.asarray(right[0] if isinstance(right, tuple) else right, dtype=np.float64)
    out, worst = problem.out, None
    if agree(out, right, 1e-9):
        return []
    if out.shape != right.shape:
        text = f"its output has shape {out.shape}, expected {right.shape}."
    else:
        index = unflat(int(np.abs(out - right).argmax()), out.shape)
        worst = Worst(index, float(out[index]), float(right[index]))
        text = f"{place('out', index)} is {worst.yours:.6g}, expected {worst.true:.6g}."
    text = f"Your forward is wrong: {text} The gradients are judged as those of your forward."
    return [Finding("forward", False, text, "wrong-forward", worst=worst, verdict="fail", kind="forward")]
