"""The check itself: shapes first, finiteness second, numbers third, then the name of the mistake."""

import contextlib
import io
import re
import sys
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from gradcheck.behaviour import misbehaviour
from gradcheck.diagnosis import Diagnosis, agree
from gradcheck.evidence import failed, with_numbers
from gradcheck.explain import first_wrong, judge_all
from gradcheck.problem import (
    Array,
    Broken,
    Function,
    Problem,
    copied,
    exception_text,
    quiet,
    read_gradients,
    read_problem,
    time_limit,
)
from gradcheck.report import Finding, Report, Worst
from gradcheck.verdict import DIRECTIONS, Judgement, draw

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

    Behaviour: inputs, dout and cache are not changed in place, a second call gives the same answer. The
    arguments are those of :func:`check_gradients`.
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
    report = check_layer(forward, backward, inputs, wrt=wrt, reference=reference, mistakes=mistakes, seed=seed)
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
        text = "forward gave two answers for the same inputs: draw random numbers outside, or from a seed."
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
        judged, verdicts = judge_all(problem, answers, out, kept, mistakes, rng)
        findings += judged
        if protocol:
            findings += misbehaviour(problem, answers, [finding.ok for finding in judged], cache, kept, dout)
        findings = [with_numbers(problem, answers, finding) for finding in findings]
    first, sentence = first_wrong(problem, judged)
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
    """Return the bound on missing an error whose largest entry is 1e-6 of the gradient's root mean square."""
    noticed = NOTICED * verdict.size / max(1.0, verdict.entries) ** 0.5
    return float(min(1.0, verdict.tolerance / noticed) ** DIRECTIONS)


def forward_failed(problem: Problem, said: Diagnosis) -> Report:
    """Return the report where there is no output to differentiate."""
    verdict: Any = "not deterministic" if said.cause == "not-deterministic" else "fail"
    told = Finding("forward", False, said.sentence, said.cause, verdict=verdict, kind="forward")
    rest = [
        Finding("d" + name, False, f"d{name} cannot be checked before forward works.", said.cause, verdict=verdict)
        for name in problem.wrt
    ]
    return Report((told, *rest), problem.evaluations)


def diagnose_exception(problem: Problem, error: BaseException) -> Diagnosis:
    """Return what an exception of backward says; shapes that a matrix product would join name the product."""
    text = f"backward {exception_text(error)}"
    shapes = re.findall(r"\((\d+), ?(\d+)\)", str(error))
    if "broadcast" in str(error) and len(shapes) >= 2:
        (a, b), (c, d) = [tuple(map(int, shape)) for shape in shapes[:2]]
        wanted = [problem.inputs[name].shape for name in problem.wrt]
        if (b == c and (a, d) in wanted) or (a == c and (b, d) in wanted) or (b == d and (a, c) in wanted):
            return Diagnosis(
                "elementwise-product",
                f"{text.rstrip()}. * multiplies entry by entry; these shapes ask for a matrix product, @.",
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
