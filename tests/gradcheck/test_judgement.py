"""The verdict's own arithmetic, number by number: what is added to the tolerance, and where the bounds lie."""

import math
import warnings

import numpy as np
import pytest

from gradcheck import verdict
from gradcheck.direction import jacobian, slope
from gradcheck.finite import EPS, Measured, measure, quick, rounding, spread
from gradcheck.localise import halving, wrong_entries
from gradcheck.problem import LONGEST, read_problem
from gradcheck.verdict import Exact, Judgement

W = np.array([[1.5, -2.0, 0.25], [0.5, 3.0, -1.0]])


def started(forward=lambda W: (np.sum(W**2), W), backward=lambda W: 2 * W, inputs=None, seed=0):
    problem = read_problem(forward, backward, {"W": W} if inputs is None else inputs, seed=seed)
    problem.start()
    return problem


def exact(problem, slopes=None, kinks=()):
    """Return the slopes of sum(W**2) along two fixed directions, or other slopes that are given."""
    directions = [problem.draw(W.shape), problem.draw(W.shape)]
    return Exact(list(kinks), directions, slopes or [float((2 * W * v).sum()) for v in directions])


def dispute(problem, slope, opinion, kinks=(), v=None, replayed=lambda: None):
    """Return whether a slope is disputed that a central difference finds to be another; no steps are recorded."""
    known = Exact(list(kinks), [np.ones(W.shape) if v is None else v], [slope])
    return verdict.disputed(problem, "W", known, 0, opinion, replayed)


# --- halving ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("places", "budget", "found", "asked"),
    [
        ([5], 100, [5], 7),
        ([], 100, [], 1),
        ([0, 7], 100, [0, 7], 11),
        ([5], 7, [5], 7),
        ([5], 6, [0, 1, 2, 3, 4, 5, 6, 7], 6),
        ([5], 0, [0, 1, 2, 3, 4, 5, 6, 7], 0),
    ],
)
def test_halving_asks_for_ever_smaller_sets(places, budget, found, asked):
    v, questions = np.arange(1.0, 9.0).reshape(2, 4), []

    def holds(part):
        questions.append(part)
        kept = np.flatnonzero(part)
        assert np.array_equal(part.ravel()[kept], v.ravel()[kept])
        return bool(set(kept) & set(places))

    assert halving(v, holds, budget) == found
    assert len(questions) == asked


# --- one wrong entry -------------------------------------------------------------------------------------------
def mistaken(wrong_by, forward=lambda W: (np.sum(W**2), W)):
    """Return a problem, a direction and a wrong answer for 2 * W, with the error along the direction."""
    problem = started(forward)
    v, answer = problem.draw(W.shape), 2 * W
    for place, amount in wrong_by.items():
        answer.reshape(-1)[place] += amount
    error = float((answer * v).sum()) - slope(problem, {"W": v})
    problem.calls.clear()
    return problem, answer, v, error


@pytest.mark.parametrize("place", range(6))
@pytest.mark.parametrize("amount", [1e-6, 1e-3, 40.0])
def test_lone_wrong_entry_is_found_in_two_evaluations(place, amount):
    problem, answer, v, error = mistaken({place: amount})
    found = wrong_entries(problem, "W", answer, v, error)
    assert found == {place: pytest.approx(2 * W.ravel()[place], rel=1e-9)}
    assert problem.evaluations == 2


def test_entries_where_the_direction_is_zero_are_not_looked_at():
    problem, answer, v, _ = mistaken({1: 0.5, 4: 0.25})
    v.reshape(-1)[[0, 1]] = 0.0
    error = float((answer * v).sum()) - slope(problem, {"W": v})
    assert list(wrong_entries(problem, "W", answer, v, error)) == [4]


def test_several_wrong_entries_are_found_by_halving_within_the_budget(monkeypatch):
    everywhere = {place: 0.5 + place for place in range(6)}
    monkeypatch.setattr("gradcheck.localise.BUDGET", 5)
    problem, answer, v, error = mistaken(everywhere)
    found = wrong_entries(problem, "W", answer, v, error)
    assert list(found) == list(everywhere)
    assert list(found.values()) == pytest.approx(list(2 * W.ravel()))
    # Six entries are parted five times; before that the lone entry is looked for, with a question or two.
    assert 6 <= problem.evaluations <= 7
    monkeypatch.setattr("gradcheck.localise.BUDGET", 4)
    problem, answer, v, error = mistaken(everywhere)
    assert wrong_entries(problem, "W", answer, v, error) is None


def test_jacobian_is_exact_and_left_out_where_it_is_large_or_not_to_be_had():
    A = np.arange(1.0, 13.0).reshape(3, 4)
    problem = started(lambda W: (W @ A, W), lambda dout, cache: dout @ A.T)
    assert np.array_equal(jacobian(problem, "W"), np.kron(np.eye(2), A.T))
    for size, out, known in ((400, 500, True), (401, 1, False), (400, 501, False), (163, 1227, False)):
        x = np.ones(size)
        problem = started(lambda x, n=out: (np.ones(n) * x.sum(), x), lambda dout, cache: dout, {"x": x})
        found = jacobian(problem, "x")
        assert (found is not None) == known
        assert not known or (found.shape == (out, size) and (found == 1.0).all())


def into_buffer(W):
    Z = np.zeros(W.shape)
    Z[:] = np.sin(W)
    return Z, W


def raises_for_complex(W):
    return (np.floor(W) if W.dtype.kind == "c" else np.sin(W)), W


@pytest.mark.parametrize("forward", [lambda W: (np.abs(np.sin(W)), W), into_buffer, raises_for_complex])
def test_jacobian_is_measured_where_complex_numbers_do_not_go_through(forward):
    problem = started(forward, lambda dout, cache: dout)
    W = problem.inputs["W"].ravel()
    sides = np.sign(np.sin(W)) if forward not in (into_buffer, raises_for_complex) else 1.0
    assert np.abs(jacobian(problem, "W") - np.diag(sides * np.cos(W))).max() < 1e-8


@pytest.mark.parametrize("scale", [0.0, 1e-8, 1.0, 1e3])
def test_measured_jacobian_steps_in_proportion_to_the_input(scale):
    def cubed(W):
        Z = np.zeros(W.shape)
        Z[:] = W**3
        return Z, W

    problem = started(cubed, lambda dout, cache: dout, {"W": scale * W})
    assert np.abs(jacobian(problem, "W") - np.diag(3 * (scale * W.ravel()) ** 2)).max() <= 1e-8 * scale**2 + 1e-11


def test_jacobian_is_exact_where_forward_warns():
    def forward(W):
        warnings.warn("slow", UserWarning, stacklevel=2)
        return np.sin(W), W

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        problem = started(forward, lambda dout, cache: dout)
        assert np.allclose(jacobian(problem, "W"), np.diag(np.cos(W.ravel())), rtol=0, atol=1e-15)


def test_jacobian_is_not_to_be_had_where_forward_raises_beside_its_inputs():
    def forward(W):
        if not np.array_equal(W, [[1.0, 2.0]]):
            raise ValueError("only these")
        return W * 2.0, W

    assert jacobian(started(forward, lambda dout, cache: dout, {"W": np.array([[1.0, 2.0]])}), "W") is None


# --- the second opinion ----------------------------------------------------------------------------------------
def never(*_):
    raise AssertionError("This was not to be asked.")


ROUNDINGS = 20 * EPS * float((W**2).sum()) / 1e-6


@pytest.mark.parametrize(
    ("scale", "largest", "bound"),
    [
        (1e-2, 3.0, 2e-8 * 1e-2 + ROUNDINGS / 3.0),
        (1e-1, 0.0, 2e-8 * 1e-1 + ROUNDINGS),
        (1e6, 3.0, 2e-8 * 1e6 + ROUNDINGS / 3.0),
    ],
)
def test_central_difference_that_agrees_settles_it(monkeypatch, scale, largest, bound):
    monkeypatch.setattr(verdict, "measure", never)
    problem = started()
    if not largest:
        problem.inputs["W"] = 0 * W
    assert not dispute(problem, scale, scale - 0.999 * bound)
    with pytest.raises(AssertionError, match="not to be asked"):
        dispute(problem, scale, scale - 1.001 * bound)


# How far the opinion is off, beside what rounding explains; how far the careful one is, and its error.
BLUNT = {
    "within rounding, and the careful one agrees": (0.999, 1e-9, 1e-10, False, 1),
    "within rounding, and the careful one agrees to what the complex step may hide": (0.999, 1.9e-11, 0.0, False, 1),
    "within rounding, and the careful one is another": (0.999, 1.01e-9, 1e-10, True, 3),
    "within rounding, and the careful one is clearly another": (0.999, 1.01e-9, 1e-12, True, 2),
    "beyond rounding": (1.001, 1.01e-9, 1e-10, True, 2),
}


@pytest.mark.parametrize("case", BLUNT)
def test_agreement_that_is_not_sharp_is_looked_at_with_care(monkeypatch, case):
    off, apart, error, disputed, asked = BLUNT[case]
    seen, scale = [], 1e-3

    def measured(problem, direction):
        assert problem.inputs
        seen.append(direction["W"])
        return Measured(scale - apart, error if len(seen) < 2 else 1e-15, 0.0, 0.0)

    monkeypatch.setattr(verdict, "measure", measured)
    monkeypatch.setattr(verdict, "slope", lambda *_: scale)
    opinion = scale - off * (ROUNDINGS / 3.0 + 2e-8 * scale)
    assert dispute(started(), scale, opinion) is disputed
    assert len(seen) == asked
    assert np.array_equal(seen[0], np.ones(W.shape)) == (off < 1)


def test_slopes_that_come_from_the_steps_are_not_confirmed_by_them(monkeypatch):
    monkeypatch.setattr(verdict, "gradients_of_steps", never)
    monkeypatch.setattr(verdict, "quick", lambda *_: 0.0)
    problem = started(lambda W: (np.sum(np.abs(W) * W), W), lambda W: 2 * np.abs(W))
    assert verdict.judge(problem, {"W": 2 * np.abs(W)})["W"].exact
    assert problem.loss_of_steps is not None


@pytest.mark.parametrize(("scale", "asked"), [(1.001, False), (0.999, True)])
def test_recorded_steps_are_asked_where_the_central_difference_is_not_sharp(scale, asked):
    problem, calls = started(), []
    # Where 2e-8 of the slope and twenty roundings of the difference are 1e-5 of the slope.
    slope = scale * 20 * EPS * float((W**2).sum()) / 1e-6 / 3.0 / (1e-5 - 2e-8)
    dispute(problem, slope, slope, replayed=lambda: calls.append(1))
    assert bool(calls) == asked


@pytest.mark.parametrize(("off", "is_disputed"), [(0.99e-6, False), (1.01e-6, True), (np.nan, True)])
def test_recorded_steps_decide_to_a_millionth_of_their_terms(monkeypatch, off, is_disputed):
    monkeypatch.setattr(verdict, "measure", never)
    monkeypatch.setattr(verdict, "floor", lambda *_: 0.0)
    v = np.ones(W.shape)
    v[0, 0] = -1.0
    gradients = {"W": 2 * W}
    exact = float((2 * W * v).sum()) + off * float(np.abs(2 * W * v).sum())
    assert dispute(started(), exact, 2 * exact, v=v, replayed=lambda: gradients) is is_disputed


def test_resolution_of_the_steps_is_that_of_the_largest_sum(monkeypatch):
    # W - W.mean() sums to zero, and its terms do not.
    problem = started(lambda W: (np.sum(W - np.mean(W)), W), lambda W: 0 * W)
    assert verdict.floor(problem, "W") < 1e-28
    largest = 64 * EPS * float(np.abs(W - W.mean()).sum()) / 3.0
    assert verdict.floor_of_steps(problem, "W") == pytest.approx(largest, rel=1e-12, abs=0)
    unrecorded = started(lambda W: (np.sum(np.array(W) ** 2), W))
    assert verdict.floor_of_steps(unrecorded, "W") == 0.0
    monkeypatch.setattr(verdict, "recorded", lambda problem: object())
    assert verdict.floor_of_steps(problem, "W") == 0.0


def test_second_opinion_is_a_careful_one_where_forward_raises_nearby():
    def forward(W):
        return sum(math.log(w) for w in W.real.ravel()), W

    problem = started(forward, lambda W: 1 / W, {"W": np.array([3e-7, 1.0])})
    v = {"W": np.array([1.0, 0.5])}
    assert np.isnan(verdict.quick(problem, v))
    assert verdict.opinion(problem, v) == pytest.approx(1 / 3e-7, rel=1e-4)


def test_rounding_noise_is_that_of_x_where_forward_raises_everywhere_else():
    calls = []

    def forward(W):
        calls.append(1)
        return (float("nan") if len(calls) > 1 else 3.0), W

    problem = started(forward)
    assert rounding(problem, {"W": np.ones(W.shape)}, 1.0, 3.0) == 3.0 * EPS


def test_steps_of_forward_are_asked_for_their_gradients():
    assert np.allclose(verdict.gradients_of_steps(started())["W"], 2 * W)
    assert verdict.gradients_of_steps(started(lambda W: (np.sum(np.array(W) ** 2), W))) is None


def test_slopes_through_steps_are_those_at_the_inputs_that_are_asked_for():
    # Which entries are above 1 is recorded as it is at the inputs.
    problem = started(lambda W: (np.sum(np.where(W > 1, np.abs(W) * W, 0.0)), W))
    problem.loss_of_steps = verdict.loss_through_steps(problem)
    assert slope(problem, {"W": np.ones(W.shape)}) == pytest.approx(2 * W[W > 1].sum())
    assert slope(problem, {"W": np.ones(W.shape)}, {"W": 3 * W}) == pytest.approx(6 * W[3 * W > 1].sum())


# Only the draw of three entries of six can be judged: error of its slope, how far the exact one is from it.
SHARE = 0.5**0.5
THREE = {
    "an error that can just be judged": (0.02 * SHARE * 0.999, 1.0, True),
    "an error just too large": (0.02 * SHARE * 1.001, 1.0, False),
    "within what the complex step may hide": (0.0, 0.999 * 2e-8 * 3 * SHARE, False),
    "beyond what the complex step may hide": (0.0, 1.001 * 2e-8 * 3 * SHARE, True),
    "within ten errors": (1e-3, 0.999e-2, False),
    "beyond ten errors": (1e-3, 1.001e-2, True),
}


@pytest.mark.parametrize("case", THREE)
def test_careful_differences_decide_in_proportion_to_their_entries(monkeypatch, case):
    error, apart, disputed = THREE[case]

    def measured(problem, direction):
        return Measured(5.0, error if np.count_nonzero(direction["W"]) == 3 else np.inf, 0.0, 0.0)

    monkeypatch.setattr(verdict, "measure", measured)
    monkeypatch.setattr(verdict, "slope", lambda *_: 5.0 + apart)
    assert dispute(started(), 3.0, 1.0) is disputed


@pytest.mark.parametrize(("small", "asked"), [(5, 1), (6, 2), (7, 2)])
def test_agreement_is_that_with_the_first_central_difference(monkeypatch, small, asked):
    problem, opinions = started(), iter([100.0, 50.0])
    known = exact(problem)
    monkeypatch.setattr(verdict, "SMALL", small)
    monkeypatch.setattr(verdict, "exact_slopes", lambda *_: known)
    monkeypatch.setattr(verdict, "quick", lambda *_: next(opinions))
    monkeypatch.setattr(verdict, "disputed", lambda problem, name, given, *_: given is not known)
    judged = verdict.judge(problem, {"W": 2 * W})["W"]
    mine = float((2 * W * known.directions[0]).sum())
    assert judged.agreement == pytest.approx(abs(mine - 100.0) / 100.0, rel=1e-12, abs=0)
    assert len(list(opinions)) == 2 - asked


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_answer_that_differs_from_call_to_call_is_noticed_at_any_scale(monkeypatch, scale):
    problem = started(lambda W: (scale * np.sum(W**2), W), lambda W: 2 * scale * W)
    answer = 2 * scale * W
    known = exact(problem, [0.0, 0.0])
    monkeypatch.setattr(verdict, "slope", lambda *_: 0.0)
    for factor, noticed in ((1 + 1e-6, True), (1 + 1e-12, False)):
        monkeypatch.setattr(problem, "answers", lambda inputs=None, factor=factor: {"W": answer * factor})
        moved = verdict.rounding(problem, "W", answer, known, verdict.length(answer))[1]
        assert (moved is None) == noticed


def test_gradient_of_zero_agrees_with_a_difference_of_zero():
    problem = started(lambda W: (0.0 * np.sum(W), W), lambda W: 0 * W)
    assert verdict.judge(problem, {"W": 0 * W})["W"].agreement == 0.0


# --- parts of the tolerance ------------------------------------------------------------------------------------
def test_floor_is_64_roundings_of_the_loss_over_the_largest_input():
    problem = started()
    assert verdict.floor(problem, "W") == pytest.approx(64 * EPS * float((W**2).sum()) / 3.0, rel=1e-12, abs=0)
    problem.inputs["W"] = 0 * W
    assert verdict.floor(problem, "W") == pytest.approx(64 * EPS * float((W**2).sum()), rel=1e-12, abs=0)
    problem.inputs["W"] = W / 12
    assert verdict.floor(problem, "W") == pytest.approx(64 * EPS * float((W**2).sum()) * 4, rel=1e-12, abs=0)


def test_length_neither_overflows_nor_divides_by_zero():
    assert verdict.length(np.array([3e300, 4e300])) == pytest.approx(5e300)
    assert verdict.length(np.array([3e-300, 4e-300])) == pytest.approx(5e-300, abs=0)
    assert spread(started(), {"W": np.full(W.shape, 0.25)}) == 12.0
    assert spread(started(inputs={"W": 0.25 * W}), {"W": np.ones(W.shape)}) == 0.75
    assert verdict.length(np.zeros(3)) == 0.0
    assert verdict.length(np.empty(0)) == 0.0


def test_left_out_entries_are_zero_in_a_copy():
    values = W.astype(np.float32)
    kept = verdict.without(values, [0, 4])
    assert kept.dtype == np.float64
    assert kept.ravel().tolist() == [0.0, -2.0, 0.25, 0.5, 0.0, -1.0]
    assert verdict.without(np.asfortranarray(values), [0, 4]).tolist() == kept.tolist()
    assert values[0, 0] == 1.5


@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_first_tolerance_is_1000_roundings_of_the_answer(kind):
    problem = started()
    judged = verdict.judge_exact(problem, "W", (2 * W).astype(kind), exact(problem))
    assert judged.verdict == "pass"
    assert judged.reason == ""
    share = min(1000 * float(np.finfo(kind).eps), 1e-5)
    assert judged.tolerance == pytest.approx(share * np.linalg.norm(2 * W), rel=1e-12, abs=0)
    assert judged.size >= np.linalg.norm(2 * W) * (1 - 1e-6)
    assert judged.mismatch <= judged.tolerance


def test_size_is_the_largest_of_answer_and_slopes():
    problem = started()
    known = exact(problem, [-7.0, 3.0])
    assert verdict.judge_exact(problem, "W", 0 * W, known).size == 7.0
    assert verdict.judge_exact(problem, "W", 100 * W, known).size == pytest.approx(100 * np.linalg.norm(W))


def test_gross_error_is_refused_without_measuring_rounding(monkeypatch):
    problem = started()
    monkeypatch.setattr(verdict, "rounding", lambda *_: pytest.fail("not needed"))
    judged = verdict.judge_exact(problem, "W", 2.02 * W, exact(problem))
    assert judged.verdict == "fail"
    assert judged.mismatch > 1e-3 * judged.size
    assert judged.tolerance == pytest.approx(1000 * EPS * np.linalg.norm(2.02 * W), abs=0)


@pytest.mark.parametrize(
    ("by", "zero", "moved", "said"),
    [
        (1e-7, False, 0.0, ("fail", "")),
        (1e-7, False, 1e-4, ("pass", "rough")),
        (1e-7, False, None, ("not deterministic", "two calls with the same arguments gave different answers")),
        (1e-7, False, 1.0, ("cannot tell", "it is off by ")),
        (1e-7, True, 1.0, ("pass", "zero to rounding")),
        (1e-7, True, 0.0, ("fail", "")),
        # Nothing passes that is off by more than a millionth of its size.
        (2e-6, False, 1e-3, ("cannot tell", "it is off by ")),
        (2e-6, True, 1e-3, ("pass", "zero to rounding")),
    ],
)
def test_small_error_is_weighed_against_measured_rounding(monkeypatch, by, zero, moved, said):
    problem = started()
    monkeypatch.setattr(verdict, "rounding", lambda *_: (zero, moved))
    judged = verdict.judge_exact(problem, "W", 2 * W * (1 + by), exact(problem))
    assert judged.verdict == said[0]
    assert judged.reason.startswith(said[1])
    first = 1000 * EPS * np.linalg.norm(2 * W)
    assert judged.tolerance == pytest.approx(first + (moved or 0.0), rel=1e-5, abs=0)


def test_rounding_of_more_than_a_hundredth_of_a_small_gradient_lets_nothing_pass(monkeypatch):
    problem = started(lambda W: (1e-3 * np.sum(W**2), W), lambda W: 2e-3 * W)
    known = exact(problem)
    known = Exact([], known.directions, [1e-3 * slope for slope in known.slopes])
    size = float(np.linalg.norm(2e-3 * W))
    for share, said in ((0.5, "cannot tell"), (0.005, "pass")):
        monkeypatch.setattr(verdict, "rounding", lambda *_, share=share: (False, share * size))
        assert verdict.judge_exact(problem, "W", 2e-3 * W * (1 + 1e-7), known).verdict == said


def test_gradient_below_the_resolution_of_the_loss_cannot_be_told():
    problem = started(lambda W: (1e6 * np.sum(np.tanh(W)), W), lambda W: 0 * W, {"W": np.full((2, 3), 20.0)})
    known = verdict.exact_slopes(problem, "W", [])
    judged = verdict.judge_exact(problem, "W", np.zeros((2, 3)), known)
    assert 0.0 < judged.size < verdict.floor(problem, "W")
    assert judged.verdict == "cannot tell"


def test_entries_on_a_kink_do_not_count_and_all_of_them_cannot_be_judged():
    problem = started()
    known = exact(problem)
    known.directions = [verdict.without(v, [1]) for v in known.directions]
    known = Exact([1], known.directions, [float((2 * W * v).sum()) for v in known.directions])
    answer = 2 * W
    answer[0, 1] = 1e9
    judged = verdict.judge_exact(problem, "W", answer, known)
    assert (judged.verdict, judged.kinks) == ("pass", [1])
    assert judged.size < 100
    everything = Exact(list(range(6)), known.directions, known.slopes)
    assert verdict.judge_exact(problem, "W", answer, everything) == Judgement(
        "not differentiable here", agreement=pytest.approx(np.nan, nan_ok=True), kinks=list(range(6)),
        reason=verdict.ON_KINKS,
    )  # fmt: skip


def test_numbers_that_are_not_finite_are_refused():
    problem = started()
    judged = verdict.judge_exact(problem, "W", W, exact(problem, [np.inf, 1.0]))
    assert (judged.verdict, judged.mismatch) == ("fail", 0.0)


# --- measured rounding: each of its slopes off by 1e-6 in turn ---------------------------------------------------
CALLS = {
    "v1 + v2": (lambda v1, v2: v1 + v2, 1.0),
    "v1 - v2": (lambda v1, v2: v1 - v2, 1.0),
    "v1 / 3": (lambda v1, v2: v1 / 3, 3.0),
    "v2 / 3": (lambda v1, v2: v2 / 3, 3.0),
}


def crooked(monkeypatch, known, off=None, beside=None):
    """Make the slope linear, except along one direction or at one distance beside x."""
    v1, v2 = known.directions
    odd = None if off is None else CALLS[off][0](v1, v2)

    def slope(problem, direction, inputs=None):
        v = direction["W"]
        value = float((2 * W * v).sum())
        if odd is not None and inputs is None and np.allclose(v, odd):
            value += 1e-6
        if beside is not None and inputs is not None:
            ratio = float((inputs["W"] / problem.inputs["W"] - 1)[0, 0] * np.sign(v2[0, 0]))
            value += 1e-12 if abs(ratio / beside - 1) < 0.5 else 0.0
        return value

    monkeypatch.setattr(verdict, "slope", slope)


@pytest.mark.parametrize("off", CALLS)
def test_slopes_that_are_not_linear_count_twenty_times(monkeypatch, off):
    problem = started(backward=lambda W: 2 * np.round(W, 5))
    known = exact(problem)
    crooked(monkeypatch, known, off)
    zero, total = verdict.rounding(problem, "W", 2 * np.round(W, 5), known, 10.0)
    assert not zero
    assert total == pytest.approx(20 * CALLS[off][1] * 1e-6, rel=1e-6, abs=0)


@pytest.mark.parametrize(("slope", "is_zero"), [(0.99e-4, True), (1.01e-4, False)])
def test_gradient_is_zero_where_its_slopes_are_a_hundred_times_what_they_are_uncertain_by(monkeypatch, slope, is_zero):
    problem, calls = started(), []
    known = exact(problem, [-slope, slope / 2])
    # All slopes but the first are those of a line.
    line = [-slope + slope / 2 + 1e-6, -slope - slope / 2, -slope / 3, slope / 6, *[-slope] * 7]
    monkeypatch.setattr(verdict, "slope", lambda *_: calls.append(1) or line[len(calls) - 1])
    monkeypatch.setattr(verdict, "floor", lambda *_: 1e-3)
    zero, total = verdict.rounding(problem, "W", 2 * W, known, 10.0)
    assert zero is is_zero
    # The resolution of L counts wholly where the gradient is zero, and for a billionth of the size elsewhere.
    jitter = total - 20e-6 - (1e-3 if is_zero else 1e-8)
    assert 0.0 <= jitter < 1e-13


@pytest.mark.parametrize("beside", [1e-12, 1e-11, 1e-10, 1e-9, 1e-8])
def test_scatter_beside_x_counts_fifty_times_and_no_more_than_its_bound(monkeypatch, beside):
    problem = started(backward=lambda W: 2 * np.round(W, 5))
    known = exact(problem)
    crooked(monkeypatch, known, beside=beside)
    floor = verdict.floor(problem, "W")
    for size, added in ((1.0, 50e-12), (1e-3, 1e-12)):
        zero, total = verdict.rounding(problem, "W", 2 * np.round(W, 5), known, size)
        assert not zero
        assert total - floor == pytest.approx(added, rel=0.01, abs=2e-13)


def beside_x(cache):
    """Return which of the eight points beside x this is, from 0 to 7."""
    return round((np.abs(cache / W - 1).max() - 1e-5) * 7 / 9e-5)


def alternating(by):
    """Return the right answer, off in one entry at every other point beside x."""
    first = np.zeros(W.shape)
    first[0, 0] = by
    return lambda cache: 2 * cache + first * (beside_x(cache) % 2)


def test_scatter_is_the_deviation_of_the_mismatch():
    v = exact(started()).directions[1]
    scattered = verdict.scatter(started(backward=alternating(1e-9)), "W", 2 * W, v)
    assert scattered == pytest.approx(0.5e-9 * abs(v[0, 0]), rel=1e-4, abs=0)
    assert verdict.scatter(started(backward=lambda cache: 2 * cache), "W", 2 * W, v) < 1e-14
    assert verdict.scatter(started(backward=alternating(1e-9)), "W", 2 * W[0], v) == 0.0


def test_error_that_rounding_does_not_make_is_no_scatter():
    v = exact(started()).directions[1]
    for wrong in (lambda cache: 2.002 * cache, lambda cache: 2 * cache + 1e-3, lambda cache: 2 * W):
        problem = started(backward=wrong)
        error = abs(float(((problem.answers()["W"] - 2 * W) * v).sum()))
        assert verdict.scatter(problem, "W", 2 * W, v) <= 1e-4 * max(error, float(np.abs(2 * W * v).sum()))


@pytest.mark.parametrize("last", range(-1, 7))
def test_answer_that_cannot_be_had_beside_x_does_not_scatter(last):
    def backward(cache):
        if beside_x(cache) > last:
            raise ValueError
        return alternating(1e-9)(cache)

    assert verdict.scatter(started(backward=backward), "W", 2 * W, exact(started()).directions[1]) == 0.0


@pytest.mark.parametrize(("off", "asked"), [(90 * EPS, True), (110 * EPS, False)])
def test_rounding_is_asked_for_where_a_hundred_roundings_of_the_upstream_gradient_may_be_it(monkeypatch, off, asked):
    answer, calls = 1e-13 * W, []
    problem = started(backward=lambda cache: answer)
    known = exact(problem)
    known.slopes[:] = [float((answer * v).sum()) + off for v in known.directions]
    monkeypatch.setattr(verdict, "floor", lambda *_: 0.0)
    monkeypatch.setattr(verdict, "rounding", lambda *_: calls.append(1) or (False, 0.0))
    verdict.judge_exact(problem, "W", answer, known)
    assert bool(calls) == asked


@pytest.mark.parametrize(
    ("off", "dout", "scattered", "said"),
    [
        # Ten times the scatter, as far as a hundred roundings of the upstream gradient.
        (50 * EPS, 1.0, 8 * EPS, "pass"),
        (50 * EPS, 1.0, 3 * EPS, "fail"),
        (80 * EPS, 1.0, 1.0, "pass"),
        (120 * EPS, 1.0, 1.0, "fail"),
        (370 * EPS, -4.0, 1.0, "pass"),
        (430 * EPS, -4.0, 1.0, "fail"),
    ],
)
def test_scatter_of_the_answer_is_allowed_for(monkeypatch, off, dout, scattered, said):
    answer = 2 * W
    problem = started(backward=lambda cache: answer)
    problem.dout = np.array(dout)
    known = exact(problem)
    right = [float((answer * v).sum()) for v in known.directions]
    known.slopes[:] = [right[0], right[1]]
    monkeypatch.setattr(verdict, "scatter", lambda *_: scattered)
    strict = 1000 * EPS * verdict.length(answer)
    monkeypatch.setattr(verdict, "rounding", lambda *_: (False, 0.0))
    known.slopes[0] = right[0] + strict + off
    assert verdict.judge_exact(problem, "W", answer, known).verdict == said


def test_how_far_the_answer_moves_counts_ten_times(monkeypatch):
    problem = started(backward=lambda cache: 2 * W + (0.0 if np.array_equal(cache, W) else 1e-9))
    known = exact(problem)
    crooked(monkeypatch, known)
    # An answer that moves far with the inputs is badly conditioned; only one that moves without them is not determined.
    for size in (10.0, 1.0):
        total = verdict.rounding(problem, "W", 2 * W, known, size)[1]
        assert total is not None
        moved = total - verdict.floor(problem, "W")
        assert moved == pytest.approx(10 * 1e-9 * np.sqrt(6), rel=0.01, abs=0)
    assert verdict.rounding(problem, "W", 2 * W + 1e-6, known, 10.0)[1] is None


def test_answer_of_a_layer_that_remembers_is_asked_after_a_forward_at_the_inputs(monkeypatch):
    state = {}

    def forward(W):
        state["W"] = np.real(W)
        return np.sum(W**2), None

    problem = started(forward, lambda cache: 2 * state["W"])
    known = exact(problem)
    crooked(monkeypatch, known)
    problem.run({"W": 2 * W})
    assert verdict.rounding(problem, "W", 2 * W, known, 10.0)[1] is not None


@pytest.mark.parametrize("moves", ["inputs", "cache"])
def test_both_inputs_and_cache_are_changed_in_their_last_digits(monkeypatch, moves):
    def forward(W):
        # A whole number is not changed in the cache.
        return np.sum(W**2), int(not np.array_equal(W, problem.inputs["W"])) if moves == "inputs" else 1.0

    def backward(cache):
        return 2 * W + (1e-9 if cache != (0 if moves == "inputs" else 1.0) else 0.0)

    problem = read_problem(forward, backward, {"W": W}, seed=0)
    problem.start()
    known = exact(problem)
    crooked(monkeypatch, known)
    total = verdict.rounding(problem, "W", 2 * W, known, 10.0)[1]
    assert total == pytest.approx(verdict.floor(problem, "W") + 10 * 1e-9 * np.sqrt(6), rel=0.01, abs=0)


# --- measured slopes -------------------------------------------------------------------------------------------
def measured(monkeypatch, off, error=1e-9, noise=0.0, kink=0):
    """Make each measured slope of sum(W**2) off by the next of a list; the first ``kink`` ones see a kink."""
    offs, seen = iter([0.0, *off]), []

    def fake(problem, direction):
        seen.append(direction["W"])
        gap = 1.0 if len(seen) <= kink else 0.0
        return Measured(float((2 * W * direction["W"]).sum()) + next(offs), error, gap, noise)

    monkeypatch.setattr(verdict, "measure", fake)
    return seen


@pytest.mark.parametrize(
    ("off", "error", "noise", "said", "calls"),
    [
        ([0, 0, 0], 1e-9, 0.0, ("pass", ""), 4),
        ([1, 1, 1], 1e-9, 0.0, ("fail", ""), 4),
        ([9e-9] * 3, 1e-9, 0.0, ("pass", ""), 4),
        ([2e-8] * 3, 1e-9, 0.0, ("fail", ""), 4),
        ([1, 0, 0, 0, 0, 0], 1e-9, 0.0, ("pass", ""), 7),
        ([1, 1, 0, 1, 1, 1], 1e-9, 0.0, ("fail", "measured slopes contradict each other"), 7),
        ([1, 0, 1, 0, 1, 0], 1e-9, 0.0, ("cannot tell", "measured slopes contradict each other"), 7),
        ([0, 0, 0], 0.1, 0.0, ("cannot tell", "the measured slope is uncertain by 1.0e+00"), 4),
        ([0, 0, 0], np.inf, 0.0, ("cannot tell", "the slope could not be measured"), 4),
        ([0, 0, 0], 1e-9, 1e-7, ("cannot tell", "the forward rounds to about 7 digits inside"), 4),
        ([0, 0, 0], 1e-9, 1e-9, ("pass", ""), 4),
    ],
)
def test_three_measured_slopes_of_three_decide(monkeypatch, off, error, noise, said, calls):
    problem = started()
    seen = measured(monkeypatch, off, error, noise)
    judged = verdict.judge_measured(problem, "W", 2 * W)
    assert judged.verdict == said[0]
    assert judged.reason.startswith(said[1])
    assert not judged.exact
    assert len(seen) == calls
    assert judged.size >= np.linalg.norm(2 * W)
    if np.isfinite(error):
        strict = 1000 * EPS * np.linalg.norm(2 * W) + verdict.floor(problem, "W")
        assert judged.tolerance == pytest.approx(strict + 10 * error, rel=1e-9, abs=0)
        assert judged.agreement == pytest.approx(min(off[-3:]) / judged.size, abs=1e-15)


def test_one_slope_that_shows_rounding_inside_is_enough(monkeypatch):
    noises = iter([0.0, 1e-7, 0.0, 0.0])
    slope_of = lambda problem, direction: float((2 * W * direction["W"]).sum())  # noqa: E731
    monkeypatch.setattr(verdict, "measure", lambda *a: Measured(slope_of(*a), 1e-9, 0.0, next(noises)))
    assert verdict.judge_measured(started(), "W", 2 * W).reason.startswith("the forward rounds")


def test_kinks_of_measured_slopes_are_left_out(monkeypatch):
    problem = started()
    monkeypatch.setattr(verdict, "halving", lambda v, holds, budget: [2] if budget == 400 and v.shape == (2, 3) else [])
    seen = measured(monkeypatch, [0, 0, 0], kink=1)
    answer = 2 * W
    answer[0, 2] = 1e6
    assert verdict.judge_measured(problem, "W", answer).verdict == "pass"
    assert [v[0, 2] for v in seen[1:]] == [0.0, 0.0, 0.0]
    monkeypatch.setattr(verdict, "halving", lambda *_: list(range(6)))
    measured(monkeypatch, [], kink=1)
    judged = verdict.judge_measured(problem, "W", answer)
    assert (judged.verdict, judged.reason) == ("not differentiable here", verdict.ON_KINKS)
    assert judged.kinks == list(range(6))


def test_zero_answer_of_a_zero_slope_passes_and_is_no_division():
    problem = started(lambda W: (0.0 * np.sum(np.array(W)), W), lambda W: 0 * W)
    judged = verdict.judge_measured(problem, "W", 0 * W)
    assert (judged.verdict, judged.agreement) == ("pass", 0.0)


# --- the second opinion ----------------------------------------------------------------------------------------
def opinions(monkeypatch, slopes, errors):
    """Make exact slopes 1 and measured ones as listed, with these errors; return the directions asked."""
    left, seen = iter(zip(slopes, errors, strict=True)), []

    def fake(problem, direction):
        assert problem.inputs
        seen.append(direction["W"])
        value, error = next(left)
        return Measured(value, error, 0.0, 0.0)

    def along(problem, direction):
        assert direction["W"] is seen[-1]
        assert problem.inputs
        return 1.0

    monkeypatch.setattr(verdict, "measure", fake)
    monkeypatch.setattr(verdict, "slope", along)
    return seen


@pytest.mark.parametrize(
    ("opinion", "slopes", "errors", "is_disputed"),
    [
        (1.0, [], [], False),
        (1.0 + 1e-8, [], [], False),
        # Along all entries.
        (2.0, [2.0, 2.0], [1e-6] * 2, True),
        (2.0, [1.0], [1e-6], False),
        (2.0, [1.0 + 5e-6], [1e-6], False),
        (2.0, [2.0, 1.0, 2.0], [1e-6] * 3, True),
        # Along parts of them, where all of them are not to be judged.
        (2.0, [2.0] * 18, [1.0] * 18, False),
        (2.0, [2.0] * 18, [1.0] * 17 + [1e-6], True),
        (2.0, [1.0] * 18, [1.0] * 17 + [1e-6], False),
        (2.0, [1.0] * 8, [1.0] * 3 + [1e-6] * 5, False),
        (2.0, [1.0] * 17 + [2.0], [1.0] * 3 + [1e-6] * 4 + [1.0] * 10 + [1e-6], True),
        # The gaps of several kinks may cancel by chance.
        (2.0, [1.0] * 3 + [2.0] + [1.0] * 14, [1.0] * 3 + [1e-6] * 15, False),
    ],
)
def test_finite_differences_overrule_where_one_disagrees_and_are_enough_where_all_agree(
    monkeypatch, opinion, slopes, errors, is_disputed
):
    problem = started()
    seen = opinions(monkeypatch, slopes, errors)
    assert dispute(problem, 1.0, opinion) is is_disputed
    assert len(seen) == len(slopes)


def test_directions_of_the_second_opinion_get_ever_fewer_entries_and_leave_kinks_out(monkeypatch):
    problem = started()
    seen = opinions(monkeypatch, [2.0] * 18, [1.0] * 18)
    dispute(problem, 1.0, 2.0, [0, 5])
    assert [np.count_nonzero(v) for v in seen] == [4, 4, 4, 2, *[1] * 14]
    assert not any(v[0, 0] or v[1, 2] for v in seen)
    # Each of the four that are left is looked at alone, before one is again.
    assert all(np.count_nonzero(sum(map(np.abs, seen[k : k + 4]))) == 4 for k in range(4, 14))
    assert dispute(problem, 1.0, 2.0, list(range(6))) is False


def test_kink_shows_in_the_slope_back():
    for Z, bent in ((W, False), (np.where(W == 0.5, 0.0, W), True)):
        problem = started(lambda W: (np.sum(np.maximum(W, 0)), W), lambda W: W > 0, {"W": Z})
        known = {"W": verdict.exact_slopes(problem, "W", [])}
        assert bool(verdict.has_kink(problem, known)) is bent
        assert verdict.kinked(problem, "W") == ([3] if bent else [])


@pytest.mark.parametrize(("share", "asked"), [(0.999, 20_000), (2.0, 10_000), (20.0, 1_000)])
def test_slow_forward_is_asked_fewer_questions_for_kinks(monkeypatch, share, asked):
    problem, budgets = started(), []
    problem.seconds = share * 3 * LONGEST / 40_000
    monkeypatch.setattr(verdict, "halving", lambda v, holds, budget: budgets.append(budget))
    verdict.kinked(problem, "W")
    assert budgets == [pytest.approx(asked, abs=1)]


# --- finite differences ----------------------------------------------------------------------------------------
def test_one_step_is_a_millionth_of_the_input_over_the_direction():
    problem = started(lambda W: (np.sum(W**3), W))
    v = np.where(W > 0, 2.0, 0.0)
    assert spread(problem, {"W": v}) == 1.5
    assert spread(problem, {"W": 0 * v}) == 1.0
    assert quick(problem, {"W": v}) == pytest.approx(float((3 * W**2 * v).sum()), rel=1e-9)
    h = 0.1
    cubic = float((3 * W**2 * v).sum() + (h * 1.5) ** 2 * (v**3).sum())
    assert quick(problem, {"W": v}, h) == pytest.approx(cubic, rel=1e-9)


def test_error_of_a_measured_slope_is_a_bound_and_small():
    v = np.ones(W.shape)
    for f, slopes in ((np.tanh, 1 / np.cosh(W) ** 2), (np.exp, np.exp(W)), (lambda W: W**5, 5 * W**4)):
        problem = started(lambda W, f=f: (np.sum(f(np.array(W))), W))
        found = measure(problem, {"W": v})
        assert abs(found.slope - slopes.sum()) <= found.error <= 1e-7 * slopes.sum()
        assert not found.kink
        assert found.noise <= 1e-14 * slopes.sum() + 1e-14


def test_gap_at_a_kink_is_the_error_and_rounding_inside_is_noise():
    problem = started(lambda W: (np.sum(np.abs(W)), W), inputs={"W": np.array([0.0, 1.0])})
    found = measure(problem, {"W": np.array([1.0, 0.5])})
    assert found.kink
    assert found.error >= found.gap == pytest.approx(2.0)
    problem = started(lambda W: (float(np.sum(np.tanh(np.array(W, dtype=np.float32)))), W))
    v = np.ones(W.shape)
    assert 1e-9 < rounding(problem, {"W": v}, spread(problem, {"W": v}), 1.0) < 1e-5
