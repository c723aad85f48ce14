"""The check itself: shapes first, finiteness second, numbers third, then the name of the mistake."""

import contextlib
import io
from collections.abc import Mapping
from typing import Any

import numpy as np

from gradcheck.behaviour import behaviour
from gradcheck.diagnosis import Diagnosis, Evidence, diagnose, equal
from gradcheck.problem import Array, Broken, Function, Problem, copied, quiet, read_gradients, read_problem
from gradcheck.report import Finding, Report, Worst
from gradcheck.truth import whole_gradient

NUDGE = 1e-5


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
    rng = np.random.default_rng(seed)
    gradients = ["d" + name for name in problem.wrt]
    try:
        with np.errstate(all="ignore"):
            out, cache = problem.start()
    except Broken as broken:
        whole = Finding("forward", False, broken.sentence, broken.cause, verdict="fail", kind="forward")
        rest = [
            Finding(
                name, False, f"{name} cannot be checked before forward works.", broken.cause, verdict="fail"
            )
            for name in gradients
        ]
        return Report((whole, *rest), problem.evaluations)
    if not problem.is_loss:
        problem.dout = rng.choice([-1.0, 1.0], out.shape) * rng.uniform(0.5, 1.5, out.shape)
    findings: list[Finding] = []
    if reference is not None:
        findings += compare_forward(problem, reference, out)
    kept = copied(cache)
    try:
        with np.errstate(all="ignore"):
            result = problem.call_backward(cache)
        answers = read_gradients(result, problem)
    except Broken as broken:
        findings += [fail(problem, name, Diagnosis(broken.cause, broken.sentence)) for name in problem.wrt]
        return Report(tuple(findings), problem.evaluations)
    except Exception as error:
        said = Diagnosis("raised", f"backward raised {type(error).__name__}: {error}")
        findings += [fail(problem, name, said) for name in problem.wrt]
        return Report(tuple(findings), problem.evaluations)
    with quiet():
        truths = [whole_gradient(problem, name) for name in problem.wrt]
        wrong_answers = authors_answers(problem, kept, mistakes)
        for name, answer, true in zip(problem.wrt, answers, truths, strict=True):
            findings.append(judge(problem, name, answer, true, out, answers, truths, wrong_answers))
        if protocol:
            findings += behaviour(problem, answers)
    return Report(tuple(findings), problem.evaluations, tolerance=1e-7)


def compare_forward(problem: Problem, reference: Function, out: Array) -> list[Finding]:
    """Return a finding where the learner's forward differs from the author's."""
    arguments = [value.copy() if value.ndim else value[()] for value in problem.inputs.values()]
    right = reference(*arguments)
    right = np.asarray(right[0] if isinstance(right, tuple) else right, dtype=np.float64)
    if out.shape != right.shape:
        text = f"Your forward is wrong: its output has shape {out.shape}, expected {right.shape}."
        return [Finding("forward", False, text, "wrong-forward", verdict="fail", kind="forward")]
    if equal(out, right):
        return []
    index = tuple(int(i) for i in np.unravel_index(int(np.abs(out - right).argmax()), out.shape))
    where = f"[{', '.join(map(str, index))}]" if index else ""
    text = (
        f"Your forward is wrong: out{where} is {out[index]:.6g}, expected {right[index]:.6g}. The gradients below are "
        "judged as those of your forward."
    )
    worst = Worst(index, float(out[index]), float(right[index]))
    return [Finding("forward", False, text, "wrong-forward", worst=worst, verdict="fail", kind="forward")]


def authors_answers(
    problem: Problem, cache: Any, mistakes: Mapping[str, Function] | None
) -> dict[str, list[Any]]:
    """Return what each of the author's wrong backwards answers on the same cache and dout."""
    answers = {}
    for short_name, wrong in (mistakes or {}).items():
        with contextlib.suppress(Exception), contextlib.redirect_stdout(io.StringIO()):
            answers[short_name] = read_gradients(
                problem.call_backward(copied(cache), backward=wrong), problem
            )
    return answers


def judge(
    problem: Problem,
    name: str,
    answer: Any,
    true: Array,
    out: Array,
    answers: list[Any],
    truths: list[Array],
    wrong_answers: Mapping[str, list[Any]],
) -> Finding:
    """Return the finding on one gradient."""
    if answer is None:
        return fail(problem, name, Diagnosis("none", f"d{name} is None: is this still the placeholder?"))
    try:
        yours = np.asarray(answer)
    except ValueError:
        yours = np.empty(0, dtype=object)
    if yours.dtype.kind not in "fiub":
        return fail(
            problem,
            name,
            Diagnosis("wrong-type", f"d{name} is {type(answer).__name__}, not an array of floats."),
        )
    if not np.isfinite(yours).all():
        count = int((~np.isfinite(yours)).sum())
        return fail(
            problem,
            name,
            Diagnosis("not-finite", f"d{name} holds NaN or infinity in {count} of {yours.size} entries."),
            yours,
            true,
        )
    if equal(yours, true) and yours.dtype.kind == "f":
        return Finding("d" + name, True, f"d{name} is right: it agrees with the numerical gradient.")
    place = problem.wrt.index(name)
    for short_name, wrong in wrong_answers.items():
        if equal(yours, wrong[place]) and not equal(true, wrong[place]):
            text = f"d{name} is wrong. It looks like this mistake: {short_name}."
            return fail(problem, name, Diagnosis("author-mistake", text), yours, true)
    said = diagnose(Evidence(name, yours, true, problem, out, answers, truths))
    return fail(problem, name, said, yours, true)


def fail(
    problem: Problem, name: str, said: Diagnosis, yours: Array | None = None, true: Array | None = None
) -> Finding:
    """Return a failed finding: the diagnosis, then the difference that a learner can repeat by hand."""
    x = problem.inputs[name]
    worst, error = None, None
    index = tuple(0 for _ in x.shape)
    if yours is not None and true is not None and yours.shape == true.shape and true.size:
        error = np.asarray(yours - true, dtype=np.float64)
        index = tuple(
            int(i)
            for i in np.unravel_index(int(np.argmax(np.nan_to_num(np.abs(error), nan=np.inf))), error.shape)
        )
        worst = Worst(index, float(yours[index]), float(true[index]))
    text = said.sentence
    if worst is not None:
        where = f"[{', '.join(map(str, index))}]" if index else ""
        text += f" d{name}{where}: yours {worst.yours:.6g}, true {worst.true:.6g}."
    text += evidence(problem, name, index, worst)
    return Finding("d" + name, False, text, said.cause, said.factor, worst, "fail", error=error)


def evidence(problem: Problem, name: str, index: tuple[int, ...], worst: Worst | None) -> str:
    """Return the finite-difference sentence with its numbers."""
    x = problem.inputs[name]
    if not x.size:
        return ""
    unit = np.zeros(x.shape)
    unit[index] = NUDGE
    try:
        with quiet():
            moved = {**problem.inputs, name: x + unit}
            change = float(problem.loss(moved)) - float(problem.loss(problem.inputs))
    except Exception:
        return ""
    where = f"{name}[{', '.join(map(str, index))}]" if index else name
    verb = "rises" if change >= 0 else "falls"
    text = f" Nudge {where} by {NUDGE:.5f}: the loss {verb} by {abs(change):.10f}"
    if worst is None:
        return text + f"; your d{name} predicts nothing."
    return text + f"; your d{where} predicts {worst.yours * NUDGE:+.10f}."
