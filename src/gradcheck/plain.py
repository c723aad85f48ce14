"""The checker of the exercises in the pages: finite differences and a diagnosis in plain Python, without NumPy.

One function, :func:`check`, takes an exercise and the text of a reader's answer, and returns plain values that JSON can
hold. It runs in CPython, Pyodide and MicroPython with equal results, and imports nothing of gradcheck but the grids.
"""

import io
import sys

from gradcheck.grid import Grid, made

try:
    from collections.abc import Callable
    from typing import Any
except ImportError:  # MicroPython has neither module, and does not evaluate annotations
    pass

H = 1e-5
CLOSE = 1e-6
READERS = "your code"


def check(exercise: dict[str, Any], text: str) -> dict[str, Any]:
    """Return whether an answer is right, and what to say: a headline, the mistake if it is known, a line for each part.

    ``exercise`` holds ``function`` (the name that the reader defines), ``given`` (the code that the page gives),
    ``cases`` and ``slips`` (``says`` and ``answers`` of wrong answers that the author knows). Gradients are checked
    where there is a ``forward``: then a case holds its inputs, ``x=2.0, y=3.0``, named in their order by ``inputs``
    and, those that have a gradient, by ``wrt``; ``upstream`` is what the reader's function calls the upstream
    gradient, None where forward returns the loss. Otherwise a case is a call, ``neuron(1.0, 2.0)``, and ``expected``
    holds what each returns. A reader's code never raises here.
    """
    try:
        given, function = run(exercise, text)
        if not callable(function):
            name = exercise["function"]
            return failed("raised", f"There is no function {name} any more. Define it with `def {name}(...)`.")
        if exercise.get("forward"):
            return check_gradients(exercise, given, function)
        return check_values(exercise, given, function)
    except Exception as error:
        return failed("raised", exception_text(error, text))


def run(exercise: dict[str, Any], text: str) -> tuple[dict[str, Any], Any]:
    """Return what the page gives, by name, and the function that ``text`` defines; None where it defines none."""
    world: dict[str, Any] = {"__name__": "page"}
    exec(compile(exercise["given"], "given", "exec"), world)
    given = dict(world)
    exec(compile(text, READERS, "exec"), world)
    return given, world.get(exercise["function"])


def failed(cause: str, says: str, lines: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """Return the report on a wrong answer."""
    return {"ok": False, "headline": "Not right yet.", "cause": cause, "says": says, "lines": lines or []}


def passed(lines: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the report on a right answer."""
    return {"ok": True, "headline": "Right.", "cause": None, "says": "", "lines": lines}


def line(name: str, ok: bool, text: str) -> dict[str, Any]:
    """Return one line of a report."""
    return {"name": name, "ok": ok, "text": text}


# --- gradients ------------------------------------------------------------------------------------------------------


def check_gradients(exercise: dict[str, Any], given: dict[str, Any], backward: Callable[..., Any]) -> dict[str, Any]:
    """Return the report on a backward function, judged by central differences of the page's forward function."""
    names, cases, seen = exercise["wrt"], [], []
    for number in range(len(exercise["cases"])):
        case = Case(exercise, given, number)
        arrived, kept = copied(case.dout), copied(case.cache)
        answers = backward(kept) if case.upstream is None else backward(arrived, kept)
        problem = unusable(answers, case)
        if problem:
            return failed(*problem)
        answers = answers if len(names) > 1 else one_of(answers, case)
        if case.upstream is not None and flat(arrived) != flat(case.dout):
            return failed("modifies-upstream", f"You change {case.upstream} in place, and the caller still needs it.")
        if not same_cache(kept, case.cache):
            return failed("modifies-cache", "You change what is in the cache in place. Make new values instead.")
        cases.append(case)
        seen.append([flat(answer) for answer in answers])
    lines, wrong = [], []
    for k, name in enumerate(names):
        bad = [n for n, case in enumerate(cases) if not close(seen[n][k], case.slopes[k], case.resolution)]
        if bad:
            wrong.append(k)
            lines.append(line(f"d{name}", False, with_numbers(cases[bad[0]], k, seen[bad[0]][k])))
        else:
            text = f"d{name} is right: it agrees with the measured slopes in {len(cases)} cases."
            lines.append(line(f"d{name}", True, text))
    if not wrong:
        return passed(lines)
    for slip in exercise["slips"]:
        if all([close(seen[n][k], slip["answers"][n][k]) for n in range(len(cases)) for k in wrong]):
            return failed("author-mistake", slip["says"], lines)
    told: list[tuple[tuple[str, str], list[str]]] = []
    for k in wrong:
        said, name = diagnose(cases, [answers[k] for answers in seen], k, wrong), "d" + names[k]
        alike = [others for other, others in told if other == said]
        if alike:
            alike[0].append(name)
        elif said[0] != "unknown":
            told.append((said, [name]))
    sentences = []
    for (_, text), of in told:
        others = f" The same holds for {' and '.join(of[1:])}." if of[1:] else ""
        sentences.append(text.replace("#", of[0]) + others)
    return failed(told[0][0][0] if told else "unknown", " ".join(sentences), lines)


class Case:
    """One set of inputs: what forward makes of it, the upstream gradient drawn for it, the measured slopes."""

    def __init__(self, exercise: dict[str, Any], given: dict[str, Any], number: int) -> None:
        self.forward, self.upstream = given[exercise["forward"]], exercise["upstream"]
        self.order, self.names = exercise["inputs"], exercise["wrt"]
        self.all = eval(f"dict({exercise['cases'][number]})", dict(given))
        self.inputs = [self.all[name] for name in self.names]
        out, self.cache = self.run(self.inputs)
        self.dout = 1.0 if self.upstream is None else rebuilt(out, drawn(len(flat(out)), number))
        self.loss = self.value(self.inputs)
        # Below this, rounding alone can move a measured slope.
        self.resolution = 1e-9 * (1 + abs(self.loss))
        self.slopes = [self.measured(k, self.dout) for k in range(len(self.names))]

    def run(self, inputs: list[Any]) -> Any:
        """Return what forward returns where the inputs that have gradients are these."""
        named = dict(self.all)
        for name, value in pairs(self.names, inputs):
            named[name] = value
        return self.forward(*[copied(named[name]) for name in self.order])

    def value(self, inputs: list[Any], dout: Any = None) -> float:
        """Return L, the sum of the outputs, each times its upstream gradient."""
        out = flat(self.run(inputs)[0])
        weights = flat(self.dout if dout is None else dout)
        return sum([d * value for d, value in pairs(weights, out)], 0.0)

    def nudged(self, k: int, place: int, by: float, dout: Any = None) -> float:
        """Return L where one entry of one input is nudged."""
        inputs = list(self.inputs)
        numbers = flat(inputs[k])
        numbers[place] += by
        inputs[k] = rebuilt(inputs[k], numbers)
        return self.value(inputs, dout)

    def measured(self, k: int, dout: Any) -> list[float]:
        """Return the slope of L by each entry of an input, as a central difference."""
        return [
            (self.nudged(k, place, H, dout) - self.nudged(k, place, -H, dout)) / (2 * H)
            for place in range(len(flat(self.inputs[k])))
        ]

    def ways(self, k: int) -> list[float]:
        """Return what comes back through each use of a number in forward, one by one; nothing where it cannot be told.

        A counted number is nudged in one of its uses alone.
        """
        found: list[float] = []
        if shape(self.inputs[k]) != ():
            return found
        while len(found) < 6:
            ends = []
            for by in (H, -H):
                counted = Counted(self.inputs[k], len(found), by)
                inputs = list(self.inputs)
                inputs[k] = counted
                try:
                    out = flat(self.run(inputs)[0])
                except Exception:
                    return []
                if len(found) >= counted.uses:
                    return found
                ends.append(sum([d * value for d, value in pairs(flat(self.dout), out)], 0.0))
            found.append((ends[0] - ends[1]) / (2 * H))
        return []


def unusable(answers: Any, case: Case) -> tuple[str, str] | None:
    """Return cause and sentence where what came back are not the gradients of these inputs, by kind and shape."""
    names = case.names
    wanted = " and ".join([", ".join(["d" + name for name in names[:-1]]), "d" + names[-1]][len(names) == 1 :])
    if answers is None:
        return "none", f"Your function returns None. End it with `return` and {wanted}."
    if len(names) > 1:
        if not isinstance(answers, (tuple, list)):
            return "wrong-count", f"Your function returns one value. It should return {len(names)}: {wanted}."
        if len(answers) != len(names):
            text = f"Your function returns {len(answers)} values. It should return {len(names)}: {wanted}."
            return "wrong-count", text
    for k, answer in enumerate(answers if len(names) > 1 else one_of(answers, case)):
        name, x = "d" + names[k], case.inputs[k]
        if answer is None:
            return "none", f"{name} is None. It should be a number."
        have = shape(answer)
        if have is None:
            return "wrong-type", f"{name} is no number and no list of numbers, but of the type {type(answer).__name__}."
        if have != shape(x):
            return explain_shape(case, k, answer, have)
        if any([number != number or number in (float("inf"), -float("inf")) for number in flat(answer)]):
            return "not-finite", f"{name} holds NaN or infinity. Is something divided by zero?"
    return None


def explain_shape(case: Case, k: int, answer: Any, have: tuple[int, ...]) -> tuple[str, str]:
    """Return cause and sentence for a gradient of another shape than its input."""
    name, wanted, true = case.names[k], shape(case.inputs[k]), case.slopes[k]
    is_said = f"d{name} has the shape {have}, {name} has the shape {wanted}."
    if isinstance(answer, Grid) and close(flat(answer.T), true) and answer.T.shape == wanted:
        return "transposed", f"{is_said} The numbers are right, but transposed."
    if close(flat(answer), true):
        return "extra-dimension", f"{is_said} The numbers are right; only the shape is not."
    if len(have) == 2 and wanted in ((have[1],), ()) and isinstance(answer, Grid):
        total = answer.sum(axis=0) if wanted else answer.sum()
        if close(flat(total), true):
            return "not-summed", f"{is_said} The same {name} serves every row, so its slopes add up over the rows."
    arrived = case.dout
    if isinstance(arrived, Grid) and len(arrived.shape) == 2 and close(flat(answer), flat(arrived.sum(axis=1))):
        return "wrong-axis", f"{is_said} You add up over axis 1. The same {name} serves every row: axis 0."
    return "wrong-shape", f"{is_said} A gradient has the shape of what it belongs to."


def diagnose(cases: list[Case], yours: list[list[float]], k: int, wrong: list[int]) -> tuple[str, str]:
    """Return cause and sentence, with # for the gradient's name, that explain one wrong gradient in every case.

    The cause is ``unknown`` where nothing explains it.
    """
    names = cases[0].names
    true = [case.slopes[k] for case in cases]

    def all_equal(others: list[list[float]]) -> bool:
        return all([close(one, other, case.resolution) for one, other, case in triples(yours, others, cases)])

    if not any([number for numbers in yours for number in numbers]):
        return "placeholder", "# is 0 in every case: was it ever filled in?"
    for other in wrong:
        if other != k and all_equal([case.slopes[other] for case in cases]):
            return "order", f"In the place of # you return d{names[other]}: look at the order."
    said = explain_factors([factor_of(one, other) for one, other in pairs(yours, true)], cases)
    if said:
        return said
    upstream = cases[0].upstream
    if upstream is not None:
        ones = [case.measured(k, rebuilt(case.dout, [1.0] * len(flat(case.dout)))) for case in cases]
        if all_equal(ones):
            return "missing-upstream", f"# does not contain {upstream}: multiply the local slope by what arrives."
    ways = [case.ways(k) for case in cases]
    for some in range(1, 2 ** len(ways[0]) - 1):
        if all_equal([[sum([way for n, way in enumerate(case) if some >> n & 1])] for case in ways]):
            text = (
                f"{names[k]} is used {len(ways[0])} times on the way forward, and # counts only some of the ways "
                "back. The slopes that come back add up."
            )
            return "overwritten-branch", text
    if upstream is not None and all_equal([flat(case.dout) for case in cases]):
        text = f"# is {upstream} as it arrived: it still has to be multiplied by the local slope."
        return "missing-activation-derivative", text
    return "unknown", ""


def factor_of(yours: list[float], true: list[float]) -> float | None:
    """Return c where yours is c times the truth in every entry."""
    size = [abs(number) for number in true]
    top = max(size)
    if not top:
        return None
    factor = yours[size.index(top)] / true[size.index(top)]
    return factor if factor and close(yours, [factor * number for number in true]) else None


def explain_factors(factors: list[Any], cases: list[Case]) -> tuple[str, str] | None:
    """Return cause and sentence where one factor, or the number of examples, stands between yours and the truth."""
    if None in factors:
        return None
    first = factors[0]
    turned = " The sign is flipped, too." if first < 0 else ""
    if is_constant(factors):
        if abs(first + 1) < 1e-5:
            return "sign", "# has the wrong sign: it is minus the true slope."
        guess = " Is there a factor 2 too much?" if abs(abs(first) - 2) < 1e-4 else ""
        guess = " Is a factor 2 missing?" if abs(abs(first) - 0.5) < 1e-4 else guess
        return "constant-factor", f"# is {first:.6g} times the true slope in every case.{guess}{turned}"
    counts = [(shape(case.dout) or shape(case.all[case.order[0]]) or (1,))[0] for case in cases]
    for power, text in (
        (-1, "# is N times the true slope, with N examples: is 1/N missing?"),
        (1, "# is 1/N of the true slope, with N examples: is 1/N there twice?"),
    ):
        left = [factor * count**power for factor, count in pairs(factors, counts)]
        if is_constant(left) and abs(abs(left[0]) - 1) < 1e-5:
            return "constant-factor", text + turned
    return None


def is_constant(numbers: list[float]) -> bool:
    """Return whether all numbers are the first one."""
    return all([abs(number - numbers[0]) <= 1e-5 * abs(numbers[0]) for number in numbers])


def with_numbers(case: Case, k: int, yours: list[float]) -> str:
    """Return where a gradient is wrong, both numbers, and a nudge to repeat by hand."""
    gaps = [abs(one - other) for one, other in pairs(yours, case.slopes[k])]
    place = gaps.index(max(gaps))
    name, at = case.names[k], place_text(case.inputs[k], place)
    change = case.nudged(k, place, H) - case.loss
    verb = "rises" if change > 0 else "falls" if change < 0 else "changes"
    slope = yours[place]
    # After "rises by", a number alone is a rise.
    way = "" if slope == 0 or slope > 0 and change > 0 else f"that it {'rises' if slope > 0 else 'falls'} by "
    return (
        f"d{name}{at} is {number_text(slope)}, the measured slope is {number_text(case.slopes[k][place])}"
        f"{case_text(case)}. Nudge {name}{at} by 0.00001: the loss {verb} by {number_text(abs(change))}; "
        f"your d{name}{at} predicts {way}{number_text(abs(slope) * H)}."
    )


def case_text(case: Case) -> str:
    """Return where the case stands, if its inputs are numbers: ``, at x = 2, y = 3 and with dz = 0.7 arriving``."""
    if any([shape(x) != () for x in case.all.values()]):
        return ""
    at = ", ".join([f"{name} = {case.all[name]:.4g}" for name in case.order])
    arriving = "" if case.upstream is None else f", when {case.upstream} = {case.dout:.4g} arrives"
    return f" at {at}{arriving}"


class Counted:
    """A number that counts how often it is used, and is another one in the use with the given number."""

    def __init__(self, value: float, at: int, by: float) -> None:
        self.value, self.at, self.by, self.uses = value, at, by, 0

    def use(self) -> float:
        """Return the number, for one use."""
        self.uses += 1
        return self.value + (self.by if self.uses == self.at + 1 else 0.0)

    def __add__(self, other: Any) -> Any:
        return self.use() + used(other)

    def __radd__(self, other: Any) -> Any:
        return other + self.use()

    def __sub__(self, other: Any) -> Any:
        return self.use() - used(other)

    def __rsub__(self, other: Any) -> Any:
        return other - self.use()

    def __mul__(self, other: Any) -> Any:
        return self.use() * used(other)

    def __rmul__(self, other: Any) -> Any:
        return other * self.use()

    def __truediv__(self, other: Any) -> Any:
        return self.use() / used(other)

    def __rtruediv__(self, other: Any) -> Any:
        return other / self.use()

    def __pow__(self, other: Any) -> Any:
        return self.use() ** used(other)

    def __neg__(self) -> Any:
        return -self.use()

    def __gt__(self, other: Any) -> Any:
        return self.value > other

    def __lt__(self, other: Any) -> Any:
        return self.value < other


def used(x: Any) -> Any:
    """Return a plain number; one that counts its uses counts this one."""
    return x.use() if isinstance(x, Counted) else x


# --- values ---------------------------------------------------------------------------------------------------------


def check_values(exercise: dict[str, Any], given: dict[str, Any], function: Callable[..., Any]) -> dict[str, Any]:
    """Return the report on a function that is compared with what it should return, call by call."""
    given[exercise["function"]] = function
    tolerance = exercise.get("tolerance") or 1e-9
    lines, seen, wrong = [], [], []
    for number, call in enumerate(exercise["cases"]):
        answer, expected = eval(call, dict(given)), exercise["expected"][number]
        answer = as_lists(answer)
        problem = unlike(call, answer, expected)
        if problem:
            return failed(*problem)
        seen.append(flat(answer))
        if close(seen[-1], flat(expected), 0.0, tolerance):
            lines.append(line(call, True, f"{call} is right."))
        else:
            wrong.append(number)
            lines.append(line(call, False, f"{call} returns {value_text(answer)}, expected {value_text(expected)}."))
    if not wrong:
        return passed(lines)
    for slip in exercise["slips"]:
        if all([close(seen[n], flat(slip["answers"][n]), 0.0, tolerance) for n in wrong]):
            return failed("author-mistake", slip["says"], lines)
    return failed(*explain_values(exercise, seen, tolerance), lines)


def unlike(call: str, answer: Any, expected: Any) -> tuple[str, str] | None:
    """Return cause and sentence where an answer is not of the kind that is expected."""
    if answer is None:
        return "none", f"{call} returns None. Does your function end with `return`?"
    have, wanted = shape(answer), shape(expected)
    if have is None:
        return "wrong-type", f"{call} returns {answer!r}, expected {value_text(expected)}."
    if have != wanted:
        if wanted == ():
            return "wrong-type", f"{call} returns {value_text(answer)}, expected one number."
        return "wrong-shape", f"{call} returns something of the shape {have}, expected the shape {wanted}."
    if any([number != number or number in (float("inf"), -float("inf")) for number in flat(answer)]):
        return "not-finite", f"{call} returns {value_text(answer)}, expected {value_text(expected)}."
    return None


def explain_values(exercise: dict[str, Any], seen: list[list[float]], tolerance: float) -> tuple[str, str]:
    """Return cause and sentence for wrong values, over all cases."""
    true = [flat(expected) for expected in exercise["expected"]]
    if not any([number for numbers in seen for number in numbers]):
        return "placeholder", "Every answer is 0: was it ever computed?"
    factors: list[Any] = [factor_of(one, other) for one, other in pairs(seen, true)]
    if None not in factors and is_constant(factors):
        if abs(factors[0] + 1) < 1e-5:
            return "sign", "Every answer has the wrong sign."
        return "constant-factor", f"Every answer is {factors[0]:.6g} times the right one."
    if all([close(sorted(one), sorted(other), 0.0, tolerance) for one, other in pairs(seen, true)]):
        return "order", "The right numbers, in the wrong order."
    return "unknown", ""


# --- numbers, lists and grids ----------------------------------------------------------------------------------------


def shape(x: Any) -> tuple[int, ...] | None:
    """Return the shape of a number, a list of numbers, a list of such lists or a grid; None for anything else."""
    if hasattr(x, "tolist"):
        return tuple(x.shape)
    if isinstance(x, (int, float)):
        return ()
    if not isinstance(x, (list, tuple)):
        return None
    inner = [shape(each) for each in x]
    if not inner:
        return (0,)
    first = inner[0]
    return None if first is None or any([each != first for each in inner]) else (len(inner),) + first


def as_lists(x: Any) -> Any:
    """Return lists in place of grids and tuples."""
    if hasattr(x, "tolist"):
        return x.tolist()
    return [as_lists(each) for each in x] if isinstance(x, (list, tuple)) else x


def flat(x: Any) -> list[float]:
    """Return the numbers of a number, list or grid, one after another."""
    if hasattr(x, "tolist"):
        return flat(x.tolist())
    if isinstance(x, (list, tuple)):
        return [number for each in x for number in flat(each)]
    return [x * 1.0]


def rebuilt(like: Any, numbers: list[float]) -> Any:
    """Return what ``like`` is, a number, a list or a grid, with other numbers."""
    if isinstance(like, Grid):
        return made(list(numbers), like.shape)
    if isinstance(like, (list, tuple)):
        return [rebuilt(each, numbers[k * len(flat(each)) :]) for k, each in enumerate(like)]
    return numbers[0]


def copied(x: Any) -> Any:
    """Return a copy down to the numbers; a grid never changes."""
    if isinstance(x, tuple):
        return tuple([copied(each) for each in x])
    return [copied(each) for each in x] if isinstance(x, list) else x


def same_cache(a: Any, b: Any) -> bool:
    """Return whether two caches hold the same numbers."""
    return flat(as_lists(a)) == flat(as_lists(b))


def one_of(answers: Any, case: Case) -> list[Any]:
    """Return the only gradient in a list, also where it came in a tuple of one."""
    if isinstance(answers, tuple) and len(answers) == 1 and shape(answers) != shape(case.inputs[0]):
        return [answers[0]]
    return [answers]


def close(a: list[float], b: list[float] | None, resolution: float = 0.0, tolerance: float = CLOSE) -> bool:
    """Return whether two lists of numbers agree, to ``tolerance`` times the largest of them."""
    if b is None or len(a) != len(b):
        return False
    largest = max([abs(number) for number in a + b] + [0.0])
    return all([abs(p - q) <= tolerance * largest + resolution for p, q in pairs(a, b)])


def drawn(count: int, seed: int) -> list[float]:
    """Return numbers from 0.5 to 1.5 in size, of both signs, the same in every engine (Lehmer's generator)."""
    state, numbers = 48271 * (seed + 7) % 2147483647, []
    for _ in range(2 * count + 2):
        state = 48271 * state % 2147483647
        numbers.append(state / 2147483647)
    return [(0.5 + numbers[2 * k + 2]) * (1 if numbers[2 * k + 3] < 0.5 else -1) for k in range(count)]


def pairs(a: Any, b: Any) -> list[tuple[Any, Any]]:
    """Return the pairs of two lists of one length."""
    return list(zip(a, b))  # noqa: B905  (MicroPython's zip has no `strict`)


def triples(a: Any, b: Any, c: Any) -> list[tuple[Any, Any, Any]]:
    """Return the triples of three lists of one length."""
    return list(zip(a, b, c))  # noqa: B905


def unique(texts: list[str]) -> list[str]:
    """Return the texts without repetitions, in their order."""
    return [text for k, text in enumerate(texts) if text not in texts[:k]]


def number_text(number: float) -> str:
    """Return a number with up to five digits, without an exponent where that stays short."""
    if not number or not 1e-9 <= abs(number) < 1e7:
        return f"{number:.5g}"
    digits = 4
    size = abs(number)
    while size < 1 and digits < 14:
        size, digits = size * 10, digits + 1
    text = f"{number:.{digits}f}"
    return text.rstrip("0").rstrip(".")


def value_text(x: Any) -> str:
    """Return a number or a list of numbers as it is written in a sentence."""
    if isinstance(x, (list, tuple)):
        return "[" + ", ".join([value_text(each) for each in x]) + "]"
    return f"{x:.6g}" if isinstance(x, (int, float)) else repr(x)


def place_text(x: Any, place: int) -> str:
    """Return where an entry is: nothing for a number, ``[2]``, ``[2, 1]``."""
    of = shape(x) or ()
    return f"[{place // of[1]}, {place % of[1]}]" if len(of) == 2 else f"[{place}]" if of else ""


def exception_text(error: BaseException, text: str) -> str:
    """Return what was raised, and in which line of the reader's code."""
    # A bracket that is never closed is missed behind the last line.
    name, where = type(error).__name__, min(line_of(error) or 0, len(text.rstrip().split("\n")))
    at = f"Line {where}" if where else "Your code"
    if name == "NotImplementedError":
        return f"{at} still raises NotImplementedError: write your code in its place."
    if name in ("SyntaxError", "IndentationError", "TabError"):
        said = getattr(error, "msg", None) or error
        return f"{at} is not valid Python ({said}). Is a bracket, a colon or an indent missing?"
    if name in ("ImportError", "ModuleNotFoundError"):
        return (
            f"{at} imports a module that this page has not ({error}). You need none: grids know @, .T and .sum(axis=0) "
            "as NumPy's arrays do."
        )
    if name == "RecursionError" or "recursion" in str(error):
        return f"{at} calls itself again and again, without an end."
    return f"{at} raises {name}: {error}"


def line_of(error: BaseException) -> int | None:
    """Return the line of the reader's code in which an exception arose."""
    if getattr(error, "filename", None) == READERS:
        return getattr(error, "lineno", None)
    print_exception = getattr(sys, "print_exception", None)
    if print_exception is not None:  # MicroPython
        printed = io.StringIO()
        print_exception(error, printed)
        mark = f'File "{READERS}", line '
        found = [text.split(mark)[1].split(",")[0] for text in printed.getvalue().split("\n") if mark in text]
        return int(found[-1]) if found else None
    found_at, step = None, error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename == READERS:
            found_at = step.tb_lineno
        step = step.tb_next
    return found_at
