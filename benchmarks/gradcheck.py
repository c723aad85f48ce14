"""Print every figure that the checker is measured by: `make bench`, or one part of it by name.

    python benchmarks/gradcheck.py [--quick] [part ...]

Parts: correct, network, planted, localise, catalogue, exercise, comparison. With --quick the counts are small.
"""

import argparse
import importlib
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "gradcheck"))
sys.path = [entry for entry in sys.path if Path(entry or ".").resolve() != Path(__file__).resolve().parent]

import correct  # noqa: E402
import slips  # noqa: E402
import slips_of_networks  # noqa: E402

from gradcheck import check_gradients, check_layer  # noqa: E402
from gradcheck.problem import Problem, read_problem  # noqa: E402
from gradcheck.verdict import judge  # noqa: E402


# The network 784-128-10 with ReLU, 101,770 parameters, batch 32.
def network_forward(X, W1, b1, W2, b2, y):
    Z1 = X @ W1 + b1
    A1 = np.maximum(Z1, 0)
    Z2 = A1 @ W2 + b2
    S = Z2 - Z2.max(axis=1, keepdims=True)
    logs = S - np.log(np.exp(S).sum(axis=1, keepdims=True))
    return -logs[np.arange(len(y)), y].mean(), (X, Z1, A1, W2, logs, y)


def network_backward(cache):
    X, Z1, A1, W2, logs, y = cache
    dZ2 = (np.exp(logs) - np.eye(logs.shape[1])[y]) / len(y)
    dZ1 = (dZ2 @ W2.T) * (Z1 > 0)
    return X.T @ dZ1, dZ1.sum(axis=0), A1.T @ dZ2, dZ2.sum(axis=0)


NAMES = ("W1", "b1", "W2", "b2")


def network_inputs(rng, sizes=(784, 128, 10), batch=32):
    n, h, m = sizes
    return {
        "X": rng.random((batch, n)),
        "W1": rng.normal(size=(n, h)) * np.sqrt(2 / n),
        "b1": rng.normal(size=h) * 0.01,
        "W2": rng.normal(size=(h, m)) * np.sqrt(2 / h),
        "b2": np.zeros(m),
        "y": rng.integers(0, m, batch),
    }


def plant(gradient, rng, relative, where):
    """Return a copy of a gradient with an error: in one entry (not a tiny one), one row, or everything."""
    wrong = gradient.copy()
    if where == "everything":
        return wrong * (1 + relative)
    if where == "one row":
        rows = np.flatnonzero(np.abs(wrong).max(axis=1) > 0)
        wrong[rng.choice(rows)] *= 1 + relative
        return wrong
    large = np.flatnonzero(np.abs(wrong).ravel() >= 1e-3 * np.abs(wrong).max())
    wrong.reshape(-1)[rng.choice(large)] *= 1 + relative
    return wrong


def print_correct(count: int) -> None:
    """Correct backwards of 22 kinds, float64 and float32, anywhere, beside kinks and on them."""
    verdicts: Counter[str] = Counter()
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        for found in pool.map(verdicts_of, [(count // 100, seed) for seed in range(100)]):
            verdicts += found
            print(f"\r{sum(verdicts.values())} done", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    rejected = sum(number for verdict, number in verdicts.items() if verdict != "pass")
    print(f"false rejections of correct backwards: {rejected} in {sum(verdicts.values())}   {dict(verdicts)}")


def verdicts_of(chunk: tuple[int, int]) -> Counter[str]:
    """Return how often each verdict was given; what does not pass is told, with what it takes to see it again."""
    count, seed = chunk
    found: Counter[str] = Counter()
    for k, (label, (forward, backward, inputs, wrt)) in enumerate(correct.instances(count, seed)):
        report = check_gradients(forward, backward, inputs, wrt=wrt, seed=k)
        if not report.ok:
            print(f"\ninstances({count}, {seed}): {label}, checked with seed={k}\n{report}", file=sys.stderr)
        found[report.verdict] += 1
    return found


def print_network(count: int) -> None:
    times, busy, reports = [], [], []
    for seed in range(count):
        inputs = network_inputs(np.random.default_rng(seed))
        start, spent = time.perf_counter(), time.process_time()
        reports.append(check_gradients(network_forward, network_backward, inputs, wrt=NAMES, seed=seed))
        times.append(time.perf_counter() - start)
        busy.append(time.process_time() - spent)
    passed = sum(report.ok for report in reports)
    most = max(report.evaluations for report in reports)
    print(f"784-128-10, 101,770 parameters: accepted {passed} of {count}, at most {most} forward evaluations, "
          f"median {1000 * median(times):.0f} ms ({1000 * median(busy):.0f} ms of processor time)")  # fmt: skip


def print_planted(count: int) -> None:
    """The verdict alone: the error of 1e-6 in one entry of dW1, of at least 1e-3 of its largest."""
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        caught = sum(pool.map(planted_caught, [(count // 10, seed) for seed in range(10)]))
    print(f"relative error of 1e-6 in one entry of 100,352: caught {caught} of {count // 10 * 10}")


def planted_caught(chunk: tuple[int, int]) -> int:
    count, seed = chunk
    rng = np.random.default_rng(seed)
    inputs = network_inputs(rng)
    planted = {}
    problem = read_problem(network_forward, lambda cache: planted["W1"], inputs, ["W1"], seed=seed)
    right = network_backward(problem.start())[0]
    caught = 0
    for _ in range(count):
        planted["W1"] = plant(right, rng, 1e-6, "one entry")
        caught += judge(problem, planted)["W1"].verdict == "fail"
    return caught


def print_localise(count: int) -> None:
    exact, spent = 0, []
    for seed in range(count):
        rng = np.random.default_rng(seed)
        inputs = network_inputs(rng)
        place = tuple(int(rng.integers(n)) for n in (784, 128))

        def wrong(cache, place=place):
            dW1, *rest = network_backward(cache)
            dW1[place] += 1e-3 * np.abs(dW1).max()
            return dW1, *rest

        def opaque(*arrays):
            return network_forward(*(np.array(array) for array in arrays))

        right = check_gradients(opaque, network_backward, inputs, wrt=NAMES, seed=seed)
        report = check_gradients(opaque, wrong, inputs, wrt=NAMES, seed=seed)
        finding = report.findings[0]
        exact += finding.cause == "one-entry" and finding.worst is not None and finding.worst.index == place
        spent.append(report.evaluations - right.evaluations)
    print(f"one wrong entry of 101,770: localised exactly {exact} of {count}, at most {max(spent)} further evaluations "
          "(sentence included)")  # fmt: skip


def print_catalogue(_: int) -> None:
    further = [*slips.further(), *slips_of_networks.listed()]
    for label, listed in (("published", slips.published()), ("further", further)):
        caught = named = wrongly = total = 0
        for slip in listed:
            setting = (slips.SETTINGS | slips_of_networks.SETTINGS)[slip.setting]
            for seed in range(3):
                inputs = setting.draw(np.random.default_rng(seed))
                report = check_layer(setting.forward, slip.wrong, inputs, wrt=setting.wrt, seed=seed)
                causes = {finding.cause for finding in report.findings if not finding.ok}
                total += 1
                caught += report.verdict == "fail"
                named += causes <= set(slip.causes)
                wrongly += bool(causes - set(slip.causes) - {"unknown"})
        print(f"catalogue, {label}: {total} instances of {len(listed)} mistakes, caught {caught}, "
              f"named with the right cause {named}, named wrongly {wrongly}")  # fmt: skip
    reports = [check_layer(*make(np.random.default_rng(0))) for make in slips.ALTERNATIVES.values()]
    remarks = sum(bool(finding.cause or finding.remark) for report in reports for finding in report.findings)
    print(f"correct alternatives: {len(reports)}, refused {sum(not r.ok for r in reports)}, remarks {remarks}")


def print_exercise(count: int) -> None:
    for name in ("linear", "relu", "softmax", "cross-entropy", "two layers"):
        setting = slips.SETTINGS[name]
        inputs = setting.draw(np.random.default_rng(0))
        times, busy = [], []
        for seed in range(count):
            start, spent = time.perf_counter(), time.process_time()
            check_layer(setting.forward, setting.right, inputs, wrt=setting.wrt, seed=seed)
            times.append(time.perf_counter() - start)
            busy.append(time.process_time() - spent)
        print(f"check of an exercise-size layer, {name}: median {1000 * median(times):.2f} ms "
              f"({1000 * median(busy):.2f} ms of processor time)")  # fmt: skip


# --- side by side ----------------------------------------------------------------------------------------------
class Flat:
    """A correct problem as f(theta) and its gradient, theta one flat vector; counts the evaluations of f."""

    def __init__(self, forward, backward, inputs, wrt, seed):
        self.problem: Problem = read_problem(forward, backward, inputs, wrt, seed=seed)
        self.problem.start()
        self.names = self.problem.wrt
        self.theta = np.concatenate([self.problem.inputs[name].ravel() for name in self.names])
        self.error: np.ndarray | float = 0.0
        self.count = 0

    def inputs(self, theta):
        given, start = dict(self.problem.inputs), 0
        for name in self.names:
            x = self.problem.inputs[name]
            given[name] = np.asarray(theta[start : start + x.size]).reshape(x.shape)
            start += x.size
        return given

    def f(self, theta):
        self.count += 1
        return self.problem.loss(self.inputs(np.asarray(theta)))

    def gradient(self, theta):
        _, cache = self.problem.run(self.inputs(np.asarray(theta)))
        answers = self.problem.call_backward(cache)
        return np.concatenate([np.ravel(answer) for answer in answers]) + self.error


Judge = Callable[[Flat, int], bool]


def judge_ours(flat: Flat, seed: int) -> bool:
    """The checker with the other tools' view of the problem: one flat input, one number."""

    def forward(theta):
        return flat.f(theta), theta

    problem = read_problem(forward, lambda theta: flat.gradient(theta), {"theta": flat.theta}, seed=seed)
    theta = problem.start()
    return judge(problem, {"theta": flat.gradient(theta)})["theta"].verdict == "pass"


def judge_textbook(flat: Flat, seed: int) -> bool:
    """The loop of the textbooks: every entry, central, h = 1e-5, relative error of each entry below 1e-7."""
    theta, gradient = flat.theta.copy(), flat.gradient(flat.theta)
    for k in range(theta.size):
        kept = theta[k]
        theta[k] = kept + 1e-5
        above = flat.f(theta)
        theta[k] = kept - 1e-5
        below = flat.f(theta)
        theta[k] = kept
        measured = (above - below) / 2e-5
        if abs(gradient[k] - measured) > 1e-7 * max(abs(gradient[k]), abs(measured)):
            return False
    return True


def judge_torch(fast: bool) -> Judge:
    import torch

    def verdict(flat: Flat, seed: int) -> bool:
        torch.manual_seed(seed)

        class Wrapped(torch.autograd.Function):
            @staticmethod
            def forward(ctx, theta):
                ctx.save_for_backward(theta)
                return torch.tensor(float(flat.f(theta.detach().numpy())), dtype=torch.float64)

            @staticmethod
            def backward(ctx, dout):
                (theta,) = ctx.saved_tensors
                return dout * torch.from_numpy(flat.gradient(theta.detach().numpy()))

        theta = torch.tensor(flat.theta, dtype=torch.float64, requires_grad=True)
        return bool(torch.autograd.gradcheck(Wrapped.apply, (theta,), fast_mode=fast, raise_exception=False))

    return verdict


def judge_jax() -> Judge:
    import jax
    from jax.test_util import check_grads

    jax.config.update("jax_enable_x64", True)

    def verdict(flat: Flat, seed: int) -> bool:
        number = jax.ShapeDtypeStruct((), np.float64)
        vector = jax.ShapeDtypeStruct(flat.theta.shape, np.float64)

        @jax.custom_vjp
        def f(theta):
            return jax.pure_callback(lambda t: np.float64(flat.f(np.asarray(t))), number, theta)

        def back(theta, dout):
            return (dout * jax.pure_callback(lambda t: flat.gradient(np.asarray(t)), vector, theta),)

        f.defvjp(lambda theta: (f(theta), theta), back)
        try:
            check_grads(f, (flat.theta,), order=1, modes=["rev"])
        except AssertionError:
            return False
        return True

    return verdict


def judge_autograd() -> Judge:
    from autograd.extend import defvjp, primitive
    from autograd.test_util import check_grads

    def verdict(flat: Flat, seed: int) -> bool:
        np.random.seed(seed)  # noqa: NPY002 (autograd draws from NumPy's global generator)
        f = primitive(lambda theta: float(flat.f(theta)))
        defvjp(f, lambda value, theta: lambda dout: dout * flat.gradient(theta))
        try:
            check_grads(f, modes=["rev"], order=1)(flat.theta)
        except AssertionError:
            return False
        return True

    return verdict


def count_scipy(flat: Flat, seed: int) -> bool:
    from scipy.optimize import check_grad

    check_grad(flat.f, flat.gradient, flat.theta)
    return True


def count_numdifftools(flat: Flat, seed: int) -> bool:
    import numdifftools

    numdifftools.Gradient(flat.f)(flat.theta)
    return True


def tools() -> Iterator[tuple[str, Judge | str, bool]]:
    """Yield (name, judge or why it is missing, whether the tool has a verdict of its own)."""
    makers: list[tuple[str, str, Callable[[], Judge], bool]] = [
        ("gradcheck", "gradcheck", lambda: judge_ours, True),
        ("textbook loop", "numpy", lambda: judge_textbook, True),
        ("PyTorch gradcheck, slow", "torch", lambda: judge_torch(False), True),
        ("PyTorch gradcheck, fast", "torch", lambda: judge_torch(True), True),
        ("JAX check_grads", "jax", judge_jax, True),
        ("autograd check_grads", "autograd", judge_autograd, True),
        ("scipy check_grad", "scipy", lambda: count_scipy, False),
        ("numdifftools Gradient", "numdifftools", lambda: count_numdifftools, False),
    ]
    for name, package, make, verdict in makers:
        try:
            importlib.import_module(package)
        except ImportError as error:
            yield name, f"not installed ({error})", verdict
            continue
        yield name, make(), verdict


KINDS = ("linear", "sigmoid", "tanh", "softmax", "cross-entropy", "batch norm", "deep network")
SMALL = (20, 16, 5)


def correct_problems(count: int) -> Iterator[Flat]:
    """Yield correct problems: ordinary ones, and ones beside kinks (1e-9 away)."""
    rng = np.random.default_rng(1)
    for k in range(count):
        plans = [(kind, "anywhere") for kind in KINDS] + [(kind, "beside") for kind in correct.KINKED]
        for kind, place in plans:
            setting = slips.SETTINGS[kind]
            yield Flat(setting.forward, setting.right, correct.draw(kind, rng, place, np.float64), setting.wrt, k)


def small_network(seed: int) -> Flat:
    inputs = network_inputs(np.random.default_rng(seed), SMALL, 8)
    return Flat(network_forward, network_backward, inputs, NAMES, seed)


def caught_share(verdict: Judge, relative: float, where: str, trials: int) -> tuple[float, float]:
    """Return the share of trials in which an error was caught, and the median of the evaluations it took."""
    caught, counts = 0, []
    for seed in range(trials):
        flat = small_network(seed)
        right = flat.gradient(flat.theta)
        n, h, _ = SMALL
        wrong = plant(right[: n * h].reshape(n, h), np.random.default_rng(1000 + seed), relative, where)
        flat.error = np.zeros(flat.theta.size)
        flat.error[: n * h] = wrong.ravel() - right[: n * h]
        flat.count = 0
        caught += not verdict(flat, seed)
        counts.append(flat.count)
    return caught / trials, median(counts)


def smallest(verdict: Judge, where: str, trials: int) -> str:
    """Return the smallest relative error that is caught in 95 % of trials."""
    best = "-"
    for exponent in range(1, 16):
        share, _ = caught_share(verdict, 10.0**-exponent, where, trials)
        if share < 0.95:
            break
        best = f"1e-{exponent}"
    return best


def until_caught(verdict: Judge, trials: int) -> str:
    """Return the evaluations until one entry wrong by 1e-6 is caught in 95 % of trials, by repeating the check."""
    share, count = caught_share(verdict, 1e-6, "one entry", trials)
    if share >= 0.95:
        return f"{count:.0f}"
    return "never" if share == 0 else f"{np.ceil(np.log(0.05) / np.log(1 - share)) * count:.0f}"


def print_comparison(trials: int) -> None:
    print(
        f"side by side: false rejections of {10 * trials} correct backwards (10 kinds, 3 of them beside kinks); on "
        f"a 20-16-5 ReLU network, batch 8, 421 parameters, {trials} trials: the smallest relative error of dW1 "
        "caught in 95 % of them, and forward evaluations until one entry wrong by 1e-6 is caught in 95 %; * = the "
        "right gradient of that network is rejected too, in more than 5 % of trials"
    )
    print("| tool | false rejections | one entry | one row | everything | evaluations |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, verdict, has_verdict in tools():
        if isinstance(verdict, str):
            print(f"| {name} | {verdict} | | | | |", flush=True)
            continue
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            if not has_verdict:
                flat = small_network(0)
                verdict(flat, 0)
                print(f"| {name} | - | - | - | - | - ({flat.count} for one gradient) |", flush=True)
                continue
            rejected = sum(not verdict(flat, 0) for flat in correct_problems(trials))
            share, _ = caught_share(verdict, 0.0, "everything", trials)
            if share > 0.05:
                cells = ["*", "*", "*", "*"]
            else:
                cells = [smallest(verdict, where, trials) for where in ("one entry", "one row", "everything")]
                cells.append(until_caught(verdict, trials))
            print(f"| {name} | {rejected} | {' | '.join(cells)} |", flush=True)


PARTS: dict[str, tuple[Callable[[int], None], int, int]] = {
    "exercise": (print_exercise, 200, 20),
    "network": (print_network, 20, 3),
    "localise": (print_localise, 20, 2),
    "catalogue": (print_catalogue, 0, 0),
    "comparison": (print_comparison, 30, 3),
    "planted": (print_planted, 10_000, 100),
    "correct": (print_correct, 100_000, 1000),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help=", ".join(PARTS))
    parser.add_argument("--quick", action="store_true")
    chosen: Any = parser.parse_args()
    for name in chosen.parts or PARTS:
        if name not in PARTS:
            parser.error(f"there is no part {name!r}; the parts are {', '.join(PARTS)}")
        part, count, few = PARTS[name]
        part(few if chosen.quick else count)
        sys.stdout.flush()


if __name__ == "__main__":
    main()
