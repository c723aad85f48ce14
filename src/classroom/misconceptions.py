"""Which mistakes a class makes, read from what the instructor's checks left in the autograded notebooks.

Only the outputs of check cells count, and a cell is one only where the released notebook says so and its text is the
instructor's. What a learner's own cell displays is never read, whatever it looks like.
"""

import ast
import builtins
import itertools
import json
import math
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from classroom.errors import InstructorError
from classroom.rebuild import NOTHING_DEFINED, nbgrader_of, source_of
from classroom.results import Learner, Question, Results, release_folder

# The type under which a checker leaves its findings as plain values beside its words.
FINDINGS = "application/vnd.gradcheck+json"
WORDS = Path("chapters", "in-class.toml")
MEASURED = "measured-not-derived"
# What the checker says of a gradient as long as the function that it belongs to does not run.
WAITS = "cannot be checked before"
NOT_WRITTEN = "not written yet"
MAX_CODE_LINES = 14
# With these a check ends where the cell of the answer did not run, or defined something else.
DID_NOT_RUN = ("NotDefined", "NameError", "ImportError", "ModuleNotFoundError")
# What became of the process that runs a learner's code, where a check could not use it.
STOPPED = {
    "ProcessEnded": "the code ended its own process",
    "NoAnswer": "the code gave no answer in time, or one that is too large",
    "FalseAnswer": "the code sent something that is no answer",
}
NO_SUCH_NAME = "the answer's cell does not define what was asked for"
# Where in a program a name of the learner's own may stand.
NAMING: dict[type[ast.AST], str] = {
    ast.Name: "id", ast.arg: "arg", ast.FunctionDef: "name", ast.AsyncFunctionDef: "name", ast.ClassDef: "name",
    ast.ExceptHandler: "name", ast.alias: "asname", ast.MatchAs: "name", ast.MatchStar: "name",
    ast.MatchMapping: "rest",
}  # fmt: skip
NEED_HELP_BELOW = 0.5
SAME_CAUSE = 3
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True)
class Section:
    """A section of the book: its label, its heading and its page."""

    label: str
    title: str
    page: str


@dataclass
class Words:
    """What to call each cause and what to say of it, and which section teaches what, as the course's table has it."""

    causes: dict[str, dict[str, Any]] = field(default_factory=dict)
    questions: dict[str, dict[str, str]] = field(default_factory=dict)
    sections: dict[str, Section] = field(default_factory=dict)

    def of(self, cause: str, message: str) -> dict[str, Any]:
        """Return what the table has on a cause; what it has on messages that contain a given text goes before."""
        known = self.causes.get(cause, {})
        for text, other in known.get("when", {}).items():
            if text in message:
                return dict(other)
        return known

    def section_of(self, assignment: str, question: str) -> Section | None:
        """Return the section that teaches what a question asks."""
        return self.sections.get(self.questions.get(assignment, {}).get(question, ""))


def read_words(root: Path) -> Words:
    """Return the course's table, empty where it has none; InstructorError where it cannot be read."""
    path = root / WORDS
    if not path.is_file():
        return Words()
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeError) as problem:
        raise InstructorError(f"{path} cannot be read: {problem}. Mend it.") from None
    sections = {}
    for page in sorted(path.parent.glob("*.md")):
        for label, title in re.findall(r"^\(([\w-]+)\)=\n+#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE):
            sections[label] = Section(label, title, f"{page.parent.name}/{page.stem}.html")
        for label in re.findall(r"^\(([\w-]+)\)=$", page.read_text(encoding="utf-8"), re.MULTILINE):
            sections.setdefault(label, Section(label, label.replace("-", " "), f"{page.parent.name}/{page.stem}.html"))
    return Words(table.get("causes", {}), table.get("questions", {}), sections)


@dataclass
class Mistake:
    """One mistake in one question: its name, its cause, who made it, where it was seen, and an example."""

    question: Question
    label: str
    cause: str
    words: dict[str, Any]
    learners: set[str] = field(default_factory=set)
    names: Counter[str] = field(default_factory=Counter)
    message: str = ""
    code: str = ""
    # The answer's cell did not run: an accident, which says nothing of what was understood.
    accident: bool = False

    @property
    def unstarted(self) -> bool:
        """Whether it is no mistake yet: nothing was written."""
        return self.label == NOT_WRITTEN or bool(self.words.get("unstarted"))

    @property
    def where(self) -> str:
        """The gradients or values in which it was seen, the most frequent first."""
        return ", ".join(name for name, _ in self.names.most_common(4))


@dataclass(frozen=True)
class Outcome:
    """How many got a question right, in part, or not at all, and its mistakes, the most frequent first."""

    question: Question
    title: str
    right: int
    part: int
    none: int
    mistakes: tuple[Mistake, ...]
    measured: int
    section: Section | None


@dataclass(frozen=True)
class Pair:
    """Two mistakes that go together: by how many, and how many it would be by chance."""

    one: Mistake
    other: Mistake
    both: int
    expected: float


@dataclass(frozen=True)
class ClassReport:
    """What the class has understood and what not."""

    results: Results
    words: Words
    title: str
    outcomes: tuple[Outcome, ...]
    pairs: tuple[Pair, ...]
    help: tuple[tuple[Learner, str], ...]
    unread: tuple[tuple[str, str], ...]

    @property
    def frequent(self) -> list[Mistake]:
        """All mistakes, those of most learners first; after them what was not begun, and the accidents."""
        found = [mistake for outcome in self.outcomes for mistake in outcome.mistakes]
        return sorted(
            found, key=lambda mistake: (mistake.accident, mistake.unstarted, -len(mistake.learners), mistake.label)
        )


def read_class(results: Results) -> ClassReport:
    """Return the report of a graded class."""
    words = read_words(results.root)
    release = release_folder(results.root, results.course, results.assignment)
    checks = released_checks(release, results)
    author_names = read_author_names(release / "mistakes.py")
    found: dict[tuple[Question, str], Mistake] = {}
    measured: Counter[Question] = Counter()
    unread: list[tuple[str, str]] = []
    for learner in results.graded:
        folder = results.autograded(learner)
        for notebook in sorted({question.notebook for question in checks}):
            try:
                cells = json.loads((folder / f"{notebook}.ipynb").read_text(encoding="utf-8"))["cells"]
            except FileNotFoundError:
                continue
            except (OSError, ValueError, KeyError, TypeError, RecursionError):
                unread.append((learner.id, f"{notebook}.ipynb cannot be read"))
                continue
            for question, outputs, code in trusted_outputs(cells, notebook, checks):
                if outputs is None:
                    unread.append((learner.id, f"{question.name} was graded with another text: grade again"))
                    continue
                score = learner.scores.get((question.notebook, question.name), 0.0)
                for finding in telling(read_findings(outputs, right=score >= question.points), words):
                    note(found, question, finding, learner.id, code, words, author_names)
                measured[question] += any(f["cause"] == MEASURED for f in findings_of(outputs))
    given = {name for text in results.sources.values() for name in re.findall(r"[^\W\d]\w*", text)}
    outcomes = tuple(outcome(question, results, found, measured, words) for question in results.questions)
    for mistake in found.values():
        mistake.code = excerpt(mistake.code, function_of(mistake.question.name), given)
    return ClassReport(
        results,
        words,
        title_of(release, results.assignment),
        outcomes,
        tuple(go_together(list(found.values()), len(results.graded))),
        tuple(may_need_help(results, found.values())),
        tuple(unread),
    )


def released_checks(release: Path, results: Results) -> dict[Question, tuple[str, str | None]]:
    """Return the checks of the released notebooks: the instructor's whole text, and the solution cell that each is on.

    A cell that the learner fills is no check, even where it carries points.
    """
    by_key = {(question.notebook, question.name): question for question in results.questions}
    checks = {}
    for path in sorted(release.glob("*.ipynb")):
        last, ids = None, set()
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            about = nbgrader_of(cell)
            name = about.get("grade_id")
            if about.get("solution"):
                last = name
                ids.add(name)
            question = by_key.get((path.stem, str(name)))
            if question and about.get("grade") and not about.get("solution") and cell["cell_type"] == "code":
                own = question.name.removeprefix("check-")
                checks[question] = (results.sources.get((path.stem, str(name)), ""), own if own in ids else last)
    return checks


Outputs = list[Any]


def trusted_outputs(
    cells: Any, notebook: str, checks: dict[Question, tuple[str, str | None]]
) -> Iterator[tuple[Question, Outputs | None, str]]:
    """Yield each check of a notebook with its outputs and the text of the solution that it is on.

    None stands for the outputs where the cell cannot be trusted: its text is not the instructor's, or it stands twice.
    """
    by_name: dict[str, list[Any]] = {}
    for cell in cells if isinstance(cells, list) else []:
        if not isinstance(cell, dict) or not isinstance(cell.get("metadata"), dict):
            continue
        if isinstance(nbgrader_of(cell).get("grade_id"), str):
            by_name.setdefault(nbgrader_of(cell)["grade_id"], []).append(cell)
    for question, (text, solution) in checks.items():
        if question.notebook != notebook:
            continue
        found = by_name.get(question.name, [])
        answer = by_name.get(solution or "", [])
        code = source_of(answer[0]) if len(answer) == 1 else ""
        if len(found) == 1 and is_check(found[0]) and source_of(found[0]).strip() == text.strip():
            yield question, found[0]["outputs"], code
        else:
            yield question, None, code


def is_check(cell: dict[str, Any]) -> bool:
    """Return whether a cell is a check that has outputs."""
    about = nbgrader_of(cell)
    return bool(
        cell.get("cell_type") == "code"
        and about.get("grade")
        and not about.get("solution")
        and isinstance(cell.get("outputs"), list)
    )


def findings_of(outputs: Outputs) -> list[dict[str, Any]]:
    """Return the findings that a checker left in a check's outputs, each name once."""
    found: dict[str, dict[str, Any]] = {}
    for output in outputs:
        data = output.get("data") if isinstance(output, dict) else None
        report = data.get(FINDINGS) if isinstance(data, dict) else None
        for finding in report.get("findings", []) if isinstance(report, dict) else []:
            if isinstance(finding, dict) and isinstance(finding.get("name"), str):
                kept: dict[str, Any] = {
                    key: str(finding.get(key) or "") for key in ("name", "cause", "message", "kind")
                }
                kept["ok"] = finding.get("ok") is True
                if found.get(kept["name"], {"ok": True})["ok"]:
                    found[kept["name"]] = kept
    return list(found.values())


def read_findings(outputs: Outputs, *, right: bool) -> list[dict[str, Any]]:
    """Return what was wrong: the checker's findings, or else the error with which the check ended."""
    findings = findings_of(outputs)
    if findings:
        return [finding for finding in findings if not finding["ok"]]
    errors = [output for output in outputs if isinstance(output, dict) and output.get("output_type") == "error"]
    if errors:
        name = errors[-1].get("ename")
        accident = name in DID_NOT_RUN or name in STOPPED
        return [{"name": "", "cause": "", "message": error_text(errors[-1]), "accident": accident}]
    return [] if right else [{"name": "", "cause": "", "message": "the check gave fewer points and says no more"}]


def telling(findings: list[dict[str, Any]], words: Words) -> list[dict[str, Any]]:
    """Return the findings that name a mistake, or all where none does: one slip often shows in several ways.

    Where a gradient is wrong, what a value says of the same function is the same slip once more, unless it is named by
    the author; so is an argument that a call changes, where backward is said to change what it is given. What could
    not be checked because the function does not run says nothing of its own.
    """
    findings = [finding for finding in findings if WAITS not in finding["message"]] or findings
    # What stops a whole backward is said of each of its gradients, and differs in the nudge behind it alone.
    said: dict[str, dict[str, Any]] = {}
    for finding in findings:
        said.setdefault(finding["message"].partition(" Nudge ")[0], finding)
    findings = list(said.values())
    gradient = any(finding.get("kind") == "gradient" for finding in findings)
    changes = any(f.get("kind") == "behaviour" and f["cause"].startswith("modifies-") for f in findings)
    once = [
        finding
        for finding in findings
        if finding.get("kind") != "value"
        or finding["cause"] == "author-mistake"
        or not (gradient or (changes and finding["cause"] == "modifies-input"))
    ]
    return [finding for finding in once if not words.causes.get(finding["cause"], {}).get("vague")] or once


def error_text(error: dict[str, Any]) -> str:
    """Return an error in a few words, without values: they differ from learner to learner and may be anything."""
    name, said = str(error.get("ename", "")), str(error.get("evalue", "")).partition("\n")[0]
    if name == "NotImplementedError" or "is not written yet" in said:
        return NOT_WRITTEN
    if name == "AssertionError":
        said = re.sub(r"'[^']*'|\"[^\"]*\"|[-+]?\d[\d.e+-]*", "…", said)[:100].strip()
        return f"this does not hold: {said}" if said else "something that is claimed does not hold"
    if name in ("NotRun", "TimeLimit", "WrongScore"):
        return said[:100] or "the check was not run"
    if name in STOPPED:
        return STOPPED[name]
    if name == "NotDefined":
        if said.startswith(NOTHING_DEFINED.partition("{")[0]):
            return "the answer's cell was left out: it, or one before it, ended its process or did not end"
        ended = re.search(r" ended in (\w+): ", said)
        if ended:
            return f"the answer's cell stopped at {kind_of(ended[1])}"
        return "the answer's cell is missing" if " is missing " in said else NO_SUCH_NAME
    return f"the check stopped at {kind_of(name)}"


def kind_of(name: str) -> str:
    """Return the kind of an exception in words, with its name where it is one of Python's."""
    known = getattr(builtins, name, None)
    if name == "TimeLimit":
        return "its time limit"
    if isinstance(known, type) and issubclass(known, Exception):
        return f"{'an' if name[0] in 'AEIOU' else 'a'} {name}"
    return "an error"


def note(
    found: dict[tuple[Question, str], Mistake],
    question: Question,
    finding: dict[str, Any],
    learner: str,
    code: str,
    words: Words,
    author_names: list[str],
) -> None:
    """Count one finding."""
    cause, message = finding["cause"], finding["message"]
    known = words.of(cause, message)
    label = known.get("label") or (message if not cause else cause.replace("-", " "))
    if cause == "author-mistake":
        label = authors_label(message, author_names) or label
    mistake = found.get((question, label))
    if mistake is None:
        mistake = found[(question, label)] = Mistake(question, label, cause, known)
        mistake.accident = finding.get("accident", False)
    mistake.learners.add(learner)
    if finding["name"] not in ("", function_of(question.name)):
        mistake.names[finding["name"]] += 1
    if mistake.accident and label != NO_SUCH_NAME:
        # The code may be right, and what stopped it may stand elsewhere.
        code = ""
    # The shortest is the plainest, and the same from run to run.
    if code and (not mistake.code or (len(code), code) < (len(mistake.code), mistake.code)):
        mistake.code, mistake.message = code, nameless(message)
    mistake.message = mistake.message or nameless(message)


def authors_label(message: str, author_names: list[str]) -> str:
    """Return the author's short names of mistakes that a message says."""
    named = message.rpartition("mistake: ")[2] if "mistake: " in message else message.rpartition("mistakes: ")[2]
    said = [name for name in dict.fromkeys(author_names) if name in named]
    said = [name for name in said if not any(name != other and name in other for other in said)]
    said.sort(key=named.find)
    return "; or: ".join(said) if said else named.strip().rstrip(".")


def read_author_names(path: Path) -> list[str]:
    """Return the short names in an exercise's mistakes.py, which is read and not run."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return []
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(key.value, str) and not isinstance(value, ast.Dict):
                    names.append(key.value)
    return names


def nameless(message: str) -> str:
    """Return a message without what an exception of the learner's says, which may be anything."""
    return re.sub(r"(raised \w+)(: |\. The line is ).*", r"\1 (…)", message, flags=re.DOTALL)[:600]


def excerpt(code: str, function: str, given: Set[str]) -> str:
    """Return a learner's function without comments, strings and docstrings, cut where it is long.

    A variable of the learner's own may hold a person's name: only those of the exercise, ``given``, Python's and short
    ones are kept, any other is numbered.
    """
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    body: list[ast.stmt] = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == function]
    body = body[-1:] or tree.body
    nodes = list(itertools.chain.from_iterable(map(ast.walk, body)))
    kept_names = given | {function, "self", "cls"} | vars(builtins).keys()
    attributes = {node.attr for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)}
    numbered: dict[str, str] = {}

    def number(own: str) -> str:
        if len(own) <= 2 or own in kept_names or own.startswith("__"):
            return own
        return numbered.setdefault(own, f"name{len(numbered) + 1}")

    for node in nodes:
        if (
            isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef)
            and ast.get_docstring(node) is not None
        ):
            node.body = node.body[1:] or [ast.Pass()]
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
            node.value = "…"
        place = NAMING.get(type(node))
        if place and getattr(node, place) is not None:
            setattr(node, place, number(getattr(node, place)))
        if isinstance(node, ast.Global | ast.Nonlocal):
            node.names = [number(own) for own in node.names]
        elif isinstance(node, ast.Attribute) and node.attr in attributes:
            node.attr = number(node.attr)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            for word in node.keywords:
                word.arg = word.arg and number(word.arg)
    try:
        lines = ast.unparse(ast.Module(body, [])).splitlines()
    except (ValueError, RecursionError):
        return ""
    kept = [line[:110] + ("…" if len(line) > 110 else "") for line in lines[:MAX_CODE_LINES]]
    return "\n".join(kept + (["…"] if len(lines) > MAX_CODE_LINES else []))


def function_of(check: str) -> str:
    """Return the function that a check is on, by its name: linear_backward for check-linear-backward."""
    return check.removeprefix("check-").replace("-", "_")


def outcome(
    question: Question,
    results: Results,
    found: dict[tuple[Question, str], Mistake],
    measured: Counter[Question],
    words: Words,
) -> Outcome:
    """Return how the class did on one question."""
    scores = [learner.scores.get((question.notebook, question.name), 0.0) for learner in results.graded]
    right = sum(score >= question.points - 1e-9 for score in scores)
    none = sum(score <= 1e-9 < question.points for score in scores)
    mistakes = [mistake for (of, _), mistake in found.items() if of == question]
    mistakes.sort(key=lambda mistake: (-len(mistake.learners), mistake.label))
    title = function_of(question.name) if question.name.startswith("check-") else question.name
    section = words.section_of(results.assignment, question.name)
    part = len(scores) - right - none
    return Outcome(question, title, right, part, none, tuple(mistakes), measured[question], section)


def title_of(release: Path, assignment: str) -> str:
    """Return the first heading of the assignment's first notebook, or its name."""
    for path in sorted(release.glob("*.ipynb")):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            heading = re.match(r"# (.+)", source_of(cell)) if cell["cell_type"] == "markdown" else None
            if heading:
                return heading[1].strip()
    return assignment


def go_together(mistakes: list[Mistake], learners: int, most: int = 8) -> list[Pair]:
    """Return the pairs of mistakes in different questions that meet in more learners than chance would let them."""
    often = [
        mistake for mistake in mistakes if len(mistake.learners) >= 3 and not mistake.unstarted and not mistake.accident
    ]
    pairs = []
    for one, other in itertools.combinations(often, 2):
        if one.question == other.question:
            continue
        both = len(one.learners & other.learners)
        expected = len(one.learners) * len(other.learners) / max(1, learners)
        # More than two standard deviations of the hypergeometric distribution, and half as many again as by chance.
        share = len(other.learners) / max(1, learners)
        spread = math.sqrt(
            max(0.0, len(one.learners) * share * (1 - share) * (1 - len(one.learners) / max(1, learners)))
        )
        if both >= 3 and both > expected + 2 * spread and both >= 1.5 * expected:
            if len(one.learners) > len(other.learners):
                one, other = other, one
            pairs.append(Pair(one, other, both, expected))
    pairs.sort(key=lambda pair: (-(pair.both - pair.expected), pair.one.label, pair.other.label))
    return pairs[:most]


def may_need_help(results: Results, mistakes: Iterable[Mistake]) -> Iterator[tuple[Learner, str]]:
    """Yield those who may need help and why: little is right, or the same cause in several questions."""
    causes: dict[str, Counter[str]] = {}
    labels: dict[str, str] = {}
    for mistake in mistakes:
        if mistake.cause in ("", "author-mistake"):
            continue
        labels.setdefault(mistake.cause, mistake.words.get("label", mistake.label))
        for id_ in mistake.learners:
            causes.setdefault(id_, Counter())[mistake.cause] += 1
    for learner in sorted(results.graded, key=lambda learner: (learner.total, learner.id)):
        reasons = []
        if learner.total <= 1e-9 < results.points:
            reasons.append("nothing is right yet")
        elif learner.total < NEED_HELP_BELOW * results.points:
            reasons.append("less than half is right")
        for cause, count in causes.get(learner.id, Counter()).most_common(2):
            if count >= SAME_CAUSE:
                reasons.append(f"in {count} questions: {labels[cause]}")
        if reasons:
            yield learner, "; ".join(reasons)
