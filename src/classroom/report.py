"""The report of a class as one HTML page that needs nothing else, and the same as a table."""

import html
import os
import statistics
from collections.abc import Iterable, Iterator
from datetime import datetime
from importlib.resources import files
from pathlib import Path

from classroom.collect import listed
from classroom.collect import number as count_of
from classroom.errors import InstructorError
from classroom.export import number, write_table
from classroom.misconceptions import ClassReport, Mistake, Outcome, Section, read_class
from classroom.results import read_results

SHOWN = 6
NEXT = 5
MOST_NAMES = 400
LOST = (
    "The autograded notebooks are missing, as after an autograding that has failed, so nothing is counted here of the "
    "scores from before: {who}. Grade again: classroom grade {assignment} --regrade"
)


def write_report(
    root: Path, assignment: str, *, names: bool = True, book: str | None = None, into: Path | None = None
) -> str:
    """Write report.html and report.csv on an assignment and return a sentence that says where.

    ``names`` False leaves out who has not handed in and who may need help, so that a class can be shown the page.
    ``book`` is the address of the built book, by default the one in this folder where there is one.
    """
    results = read_results(root, assignment)
    lost = LOST.format(who=listed(learner.id for learner in results.lost), assignment=assignment)
    if not results.graded:
        nobody = f"Nobody is graded in {assignment} yet. Grade first: classroom grade {assignment}"
        raise InstructorError(lost if results.lost else nobody)
    report = read_class(results)
    folder = (into or root / "results" / assignment).resolve()
    built = root.resolve() / "_build" / "html"
    if book is None and built.is_dir():
        book = os.path.relpath(built, folder).replace(os.sep, "/")
    page = page_of(report, names=names, book=book)
    write_table(folder / "report.csv", table_of(report, names=names))
    path = folder / "report.html"
    new = path.with_name(path.name + ".new")
    try:
        new.write_text(page, encoding="utf-8")
        os.replace(new, path)
    except OSError as problem:
        raise InstructorError(f"{path} cannot be written: {problem.strerror}.") from None
    without = len(results.ungraded + results.lost)
    counts = [count_of(len(results.graded), "learner"), count_of(len(report.frequent), "mistake")]
    counts += [f"{without} not graded"] if without else []
    lines = [f"{path} and report.csv: {', '.join(counts)}."]
    if results.lost:
        lines.append(lost)
    if report.unread:
        who = len({learner for learner, _ in report.unread})
        lines.append(f"Not read from {count_of(who, 'learner')}, for instance {': '.join(report.unread[0])}.")
    return "\n".join(lines)


def text(value: object) -> str:
    """Return a value as text of a page; what stands between backquotes becomes code."""
    pieces = html.escape(str(value)).split("`")
    if len(pieces) % 2 == 0:
        return "`".join(pieces)
    return "".join(f"<code>{piece}</code>" if k % 2 else piece for k, piece in enumerate(pieces))


def link(section: Section | None, book: str | None) -> str:
    """Return a link to a section of the book, or its title where there is no book."""
    if section is None:
        return ""
    if book is None:
        return f"<cite>{text(section.title)}</cite>"
    address = html.escape(f"{book.rstrip('/')}/{section.page}#{section.label}", quote=True)
    return f'<a href="{address}">{text(section.title)}</a>'


def share(part: int, whole: int) -> str:
    """Return a percentage without digits that mean nothing."""
    return f"{100 * part / whole:.0f} %" if whole else "0 %"


def page_of(report: ClassReport, *, names: bool, book: str | None) -> str:
    """Return the whole page."""
    results = report.results
    style = files("classroom").joinpath("report.css").read_text(encoding="utf-8")
    parts = [
        f"<h1>{text(report.title)}</h1>",
        f'<p class="soft">What the class makes of <code>{text(results.assignment)}</code>, {date()}</p>',
        key_figures(report),
        *distribution(report),
        *what_to_say(report, book),
        *questions(report, book),
        *together(report),
        *people(report, names),
        *remarks(report),
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{text(report.title)}: the class</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(parts)
        + "\n</main>\n</body>\n</html>\n"
    )


def date() -> str:
    """Return today's date in words."""
    now = datetime.now()
    return f"{now.day} {now:%B %Y}"


def key_figures(report: ClassReport) -> str:
    """Return the few numbers at the top."""
    results = report.results
    totals = [learner.total for learner in results.graded]
    most = number(results.points)
    figures = [
        (f"{len(results.learners) - len(results.absent)} of {len(results.learners)}", "handed in"),
        (f"{number(round(statistics.median(totals), 2))} of {most}", "points, the median"),
        (f"{number(round(statistics.fmean(totals), 2))}", "points, the mean"),
        (str(sum(total >= results.points - 1e-9 for total in totals)), "have all points"),
        (str(sum(learner.late for learner in results.graded)), "were late"),
    ]
    without = len(results.ungraded + results.lost)
    if without:
        figures.insert(1, (str(without), "of them not graded"))
    return (
        '<dl class="figures">'
        + "".join(f"<div><dt>{text(name)}</dt><dd>{text(value)}</dd></div>" for value, name in figures)
        + "</dl>"
    )


def bin_width(report: ClassReport) -> float:
    """Return how many points a bar of the distribution is wide."""
    return max(1.0, report.results.points / 20)


def bins(report: ClassReport) -> list[tuple[str, int]]:
    """Return how many scores lie in each class of the distribution, with its name."""
    points, totals = report.results.points, [learner.total for learner in report.results.graded]
    wide = bin_width(report)
    last = max(1, round(points / wide + 0.499)) if points else 1
    counts = [0] * (last + 1)
    for total in totals:
        # Full marks have a place of their own: how many got everything is what one looks for first.
        counts[last if total >= points - 1e-9 else min(last - 1, int(total / wide + 1e-9))] += 1
    names = [number(k * wide) if wide == 1 else f"{number(round(k * wide, 1))}+" for k in range(last)]
    return list(zip([*names, number(points)], counts, strict=True))


def distribution(report: ClassReport) -> Iterator[str]:
    """Yield the drawing of the scores, and its table in words for those who cannot see it."""
    found, wide = bins(report), bin_width(report)
    largest = max(count for _, count in found) or 1
    width, height, gap = 704, 190, 4
    step = width / len(found)
    yield "<h2>Scores</h2>"
    drawn = []
    for k, (name, count) in enumerate(found):
        tall = round(140 * count / largest, 1)
        x, middle = k * step + gap / 2, (k + 0.5) * step
        drawn.append(f'<rect x="{x:.1f}" y="{160 - tall}" width="{step - gap:.1f}" height="{tall}" rx="2"/>')
        if count:
            drawn.append(f'<text class="count" x="{middle:.1f}" y="{155 - tall}" text-anchor="middle">{count}</text>')
        if wide == 1 or k % 2 == 0:
            drawn.append(f'<text x="{middle:.1f}" y="177" text-anchor="middle">{text(name)}</text>')
    said = ", ".join(f"{name}: {count}" for name, count in found if count)
    yield (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="Learners by points. {html.escape(said)}">'
        f'<line x1="0" y1="160.5" x2="{width}" y2="160.5"/>{"".join(drawn)}</svg>'
    )
    yield '<p class="soft">Points, and how many learners have them. The last bar has all points.</p>'


def what_to_say(report: ClassReport, book: str | None) -> Iterator[str]:
    """Yield the mistakes that most make, each with a sentence for the next lesson; below, what was not done."""
    yield "<h2>What to say in class next</h2>"
    graded = len(report.results.graded)
    real = [mistake for mistake in report.frequent if not mistake.accident and not mistake.unstarted]
    often = [mistake for mistake in real if len(mistake.learners) >= max(2, 0.03 * graded)][:NEXT] or real[:1]
    if not often:
        rest = any(outcome.mistakes for outcome in report.outcomes)
        yield f"<p>No mistake was found.{'' if rest else ' Go on to the next chapter.'}</p>"
        yield from unstarted(report)
        yield from accidents(report)
        return
    sections = {outcome.question: outcome.section for outcome in report.outcomes}
    yield '<ol class="next">'
    said = ""
    for mistake in often:
        say = mistake.words.get("say", "")
        title = next(outcome.title for outcome in report.outcomes if outcome.question == mistake.question)
        look = link(sections[mistake.question], book)
        yield (
            f"<li><strong>{len(mistake.learners)} of {graded}: {text(mistake.label)}</strong> "
            f"(<code>{text(title)}</code>).{' ' + text(say) if say != said else ''}"
            f"{f' Look at: {look}.' if look else ''}{board(mistake)}</li>"
        )
        said = say
    yield "</ol>"
    yield from unstarted(report)
    yield from accidents(report)


def unstarted(report: ClassReport) -> Iterator[str]:
    """Yield one line on what was not written yet: by how many, and which functions."""
    blank = [mistake for mistake in report.frequent if mistake.unstarted and not mistake.accident]
    if blank:
        who = set().union(*(mistake.learners for mistake in blank))
        titles = {outcome.question: outcome.title for outcome in report.outcomes}
        missing: dict[str, set[str]] = {}
        for mistake in blank:
            missing.setdefault(titles[mistake.question], set()).update(mistake.learners)
        functions = ", ".join(f"<code>{text(title)}</code> ({len(some)})" for title, some in missing.items())
        say = next((mistake.words["say"] for mistake in blank if mistake.words.get("say")), "")
        yield (
            f"<p>{len(who)} of {len(report.results.graded)} {'has' if len(who) == 1 else 'have'} not written yet: "
            f"{functions}.{' ' + text(say) if say else ''}</p>"
        )


def accidents(report: ClassReport) -> Iterator[str]:
    """Yield how many have handed in an answer whose cell did not run, by its reason."""
    who: dict[str, set[str]] = {}
    for mistake in report.frequent:
        if mistake.accident:
            who.setdefault(mistake.label, set()).update(mistake.learners)
    if who:
        count = len(set().union(*who.values()))
        reasons = "; ".join(f"{text(label)} ({len(learners)})" for label, learners in who.items())
        yield (
            f"<p>{count} of {len(report.results.graded)} {'has' if count == 1 else 'have'} handed in an answer that "
            f"could not be checked: {reasons}. Ask the class to run all cells from the top before they hand in.</p>"
        )


def board(mistake: Mistake) -> str:
    """Return an example that is short enough for the blackboard."""
    lines = mistake.code.splitlines()
    return f"<pre><code>{html.escape(mistake.code)}</code></pre>" if 1 < len(lines) <= 6 and mistake.cause else ""


def questions(report: ClassReport, book: str | None) -> Iterator[str]:
    """Yield for each question how many got it and which mistakes were made."""
    yield "<h2>Question by question</h2>"
    for outcome in report.outcomes:
        whole = max(1, outcome.right + outcome.part + outcome.none)
        points = number(outcome.question.points)
        yield f"<h3><code>{text(outcome.title)}</code>, {points} {'point' if points == '1' else 'points'}</h3>"
        shares = (("right", outcome.right), ("part", outcome.part), ("none", outcome.none))
        words = {"right": "right", "part": "in part", "none": "not yet"}
        yield '<div class="share" aria-hidden="true">' + "".join(
            f'<span class="{kind}" style="width:{100 * count / whole:.2f}%"></span>' for kind, count in shares
        ) + "</div>"  # fmt: skip
        yield '<p class="key">' + "".join(
            f'<span><i class="{kind}"></i>{count} {words[kind]} ({share(count, whole)})</span> '
            for kind, count in shares
        ) + "</p>"  # fmt: skip
        if outcome.section:
            yield f'<p class="soft">Taught in: {link(outcome.section, book)}</p>'
        for mistake in outcome.mistakes[:SHOWN]:
            yield one_mistake(report, mistake, book)
        rest = outcome.mistakes[SHOWN:]
        if rest:
            yield "<p class='others'>Others: " + "; ".join(
                f"{text(mistake.label)} ({len(mistake.learners)})" for mistake in rest[:10]
            ) + (f"; and {len(rest) - 10} more, in report.csv" if len(rest) > 10 else "") + ".</p>"  # fmt: skip


def one_mistake(report: ClassReport, mistake: Mistake, book: str | None) -> str:
    """Return a mistake: by how many, what to say, and an example without a name."""
    graded, count = len(report.results.graded), len(mistake.learners)
    where = f", in {text(mistake.where)}" if mistake.where else ""
    say = "" if mistake.cause == "author-mistake" else mistake.words.get("say", "")
    see = link(report.words.sections.get(mistake.words.get("see", "")), book)
    left = (
        f"<div><h4>{text(mistake.label)}</h4>"
        f'<p class="how-many"><b>{count}</b> of {graded} ({share(count, graded)}){where}</p>'
        + (f"<p>{text(say)}{f' See: {see}.' if see else ''}</p>" if say else "")
        + "</div>"
    )
    code = f"<pre><code>{html.escape(mistake.code)}</code></pre>" if mistake.code else ""
    said = f"<blockquote>{html.escape(mistake.message)}</blockquote>" if mistake.cause else ""
    if not code and not said:
        return f'<div class="mistake">{left}</div>'
    return f'<div class="mistake">{left}<figure><figcaption>One of them</figcaption>{code}{said}</figure></div>'


def together(report: ClassReport) -> Iterator[str]:
    """Yield the mistakes that go together."""
    yield "<h2>Mistakes that go together</h2>"
    if not report.pairs:
        yield "<p>No two mistakes in different questions meet more often than by chance.</p>"
        return
    titles = {outcome.question: outcome.title for outcome in report.outcomes}
    yield "<p>Whoever made the first mistake often made the second as well. One cause may lie behind both.</p>"
    yield table_head("First", "Second", "=Both", "=By chance")
    for pair in report.pairs:
        cells = "".join(
            f"<td><code>{text(titles[mistake.question])}</code>: {text(mistake.label)}</td>"
            for mistake in (pair.one, pair.other)
        )
        yield (
            f"<tr>{cells}<td class='number'>{pair.both} of {len(pair.one.learners)}</td>"
            f"<td class='number'>{pair.expected:.0f}</td></tr>"
        )
    yield "</tbody></table>"


def table_head(*columns: str) -> str:
    """Return the beginning of a table; a column of numbers has a = before its name."""
    cells = "".join(
        f"<th scope='col'{' class=number' if name.startswith('=') else ''}>{name.lstrip('=')}</th>" for name in columns
    )
    return f"<table><thead><tr>{cells}</tr></thead><tbody>"


def people(report: ClassReport, names: bool) -> Iterator[str]:
    """Yield who may need help and who has not handed in; numbers alone where names are left out."""
    results, absent = report.results, report.results.absent
    yield "<h2>Who may need help</h2>"
    if not report.help:
        yield "<p>Everybody has half of the points or more, and nobody repeats one mistake in many questions.</p>"
    elif not names:
        yield f"<p>{count_of(len(report.help), 'learner')}.</p>"
    else:
        yield table_head("Learner", "=Points", "Why")
        for learner, why in report.help[:MOST_NAMES]:
            known = f" <span class='soft'>{text(learner.id)}</span>" if learner.name != learner.id else ""
            points = f"<td class='number'>{number(round(learner.total, 2))}</td>"
            yield f"<tr><td>{html.escape(learner.name)}{known}</td>{points}<td>{text(why)}</td></tr>"
        yield "</tbody></table>"
        if len(report.help) > MOST_NAMES:
            yield f"<p>And {len(report.help) - MOST_NAMES} more, in report.csv.</p>"
    if results.ungraded or results.lost:
        yield "<h2>Whose work is not graded</h2>"
    count = count_of(len(results.ungraded), "learner")
    unread = (
        f"{count}. The command that was to grade them (<code>nbgrader autograde</code> or <code>classroom grade</code>)"
        " or to place their files (<code>classroom collect</code>) said why: run it again to read it."
    )
    lost = text(LOST.format(who=count_of(len(results.lost), "learner"), assignment=results.assignment))
    for some, said in ((results.ungraded, unread), (results.lost, lost)):
        if some:
            yield f"<p>{said}</p>"
        if some and names:
            items = "".join(f"<li>{html.escape(learner.name)}</li>" for learner in some[:MOST_NAMES])
            yield f"<ul class='names'>{items}</ul>"
    yield "<h2>Who has not handed in</h2>"
    if not absent:
        yield "<p>Nobody is missing of those whom the gradebook or the table of the class knows.</p>"
    elif not names:
        yield f"<p>{count_of(len(absent), 'learner')} of {len(results.learners)}.</p>"
    else:
        yield f"<p>{count_of(len(absent), 'learner')} of {len(results.learners)}:</p><ul class='names'>"
        yield "".join(f"<li>{html.escape(learner.name)}</li>" for learner in absent[:MOST_NAMES])
        yield "</ul>"
        if len(absent) > MOST_NAMES:
            yield f"<p>And {len(absent) - MOST_NAMES} more, in report.csv.</p>"


def remarks(report: ClassReport) -> Iterator[str]:
    """Yield what the numbers do not say."""
    measured = [(outcome.title, outcome.measured) for outcome in report.outcomes if outcome.measured]
    if measured:
        yield "<h2>A remark, no verdict</h2>"
        which = ", ".join(f"<code>{text(title)}</code> {count}" for title, count in measured)
        yield (
            "<p>Some right answers look as if they had been measured by finite differences instead of derived: "
            f"{which}. Maybe. The numbers cannot tell, and no points were taken.</p>"
        )
    yield "<footer>"
    yield (
        "<p>Mistakes were read from the outputs of your own checks, never from what a learner's cell shows. Examples "
        "are learners' code without names, comments and texts.</p>"
    )
    if report.unread:
        who = {learner for learner, _ in report.unread}
        yield (
            f"<p>Mistakes of {count_of(len(who), 'learner')} are missing here, at least in part: the notebook was not "
            "graded with the checks as they are now, or cannot be read. Grade again.</p>"
        )
    yield "</footer>"


def table_of(report: ClassReport, *, names: bool) -> Iterator[list[str]]:
    """Yield the rows of the same report as a table."""
    results, graded = report.results, str(len(report.results.graded))
    yield ["part", "question", "what", "learners", "of", "where", "say", "section", "example"]
    handed_in = str(len(results.learners) - len(results.absent))
    yield ["class", "", "handed in", handed_in, str(len(results.learners)), "", "", "", ""]
    yield ["class", "", "not graded", str(len(results.ungraded + results.lost)), handed_in, "", "", "", ""]
    yield from (["scores", "", f"{name} points", str(count), graded, "", "", "", ""] for name, count in bins(report))
    for outcome in report.outcomes:
        yield from outcome_rows(outcome, graded)
    for pair in report.pairs:
        both = f"{pair.one.label} AND {pair.other.question.name}: {pair.other.label}"
        count = str(len(pair.one.learners))
        yield [
            "together",
            pair.one.question.name,
            both,
            str(pair.both),
            count,
            f"{pair.expected:.1f} by chance",
            "",
            "",
            "",
        ]
    if names:
        yield from (
            ["may need help", "", learner.id, "", "", learner.name, why, "", ""] for learner, why in report.help
        )
        for part, some in (("not handed in", results.absent), ("not graded", [*results.ungraded, *results.lost])):
            yield from ([part, "", learner.id, "", "", learner.name, "", "", ""] for learner in some)


def outcome_rows(outcome: Outcome, graded: str) -> Iterable[list[str]]:
    """Yield the rows of one question."""
    name, section = outcome.question.name, outcome.section.label if outcome.section else ""
    for what, count in (("right", outcome.right), ("in part", outcome.part), ("not yet", outcome.none)):
        yield ["question", name, what, str(count), graded, "", "", section, ""]
    for mistake in outcome.mistakes:
        say = mistake.words.get("say", "")
        example = mistake.message if mistake.cause else ""
        yield ["mistake", name, mistake.label, str(len(mistake.learners)), graded, mistake.where, say, section, example]
    if outcome.measured:
        yield ["remark", name, "maybe measured, not derived", str(outcome.measured), graded, "", "", section, ""]
