"""The feedback pages of a class, packed for upload: as Moodle and Canvas take them, and plain."""

import os
import zipfile
from pathlib import Path

from classroom.collect import listed
from classroom.errors import InstructorError
from classroom.results import Learner, Results, read_results

LAYOUTS = ("moodle", "canvas", "plain")


def pack_feedback(root: Path, assignment: str, layout: str, into: Path | None = None) -> str:
    """Write a zip file with each learner's feedback pages and return a sentence that says where.

    ``moodle`` is what "Upload multiple feedback files in a zip" takes, ``canvas`` what "Upload Submissions" takes; both
    need the numbers that :func:`classroom.collect.collect_zip` wrote down. ``plain`` has a folder for each learner.
    """
    results = read_results(root, assignment)
    pages = find_pages(results)
    if not pages:
        raise InstructorError(f"There is no feedback on {assignment} yet. Run: nbgrader generate_feedback {assignment}")
    old = [learner.id for learner, paths in pages if outdated(results, learner, paths)]
    if old:
        raise InstructorError(
            f"The feedback is older than the grading, for {listed(old)}. Run: nbgrader generate_feedback {assignment} "
            "--force"
        )
    named, unknown = [], []
    for learner, paths in pages:
        try:
            named += [(folder_for(learner, layout) + path.name, path) for path in paths]
        except KeyError:
            unknown.append(learner.id)
    if not named:
        raise InstructorError(
            f"{layout.title()} tells people apart by numbers, and no number is known here: collect its zip file with "
            f"`classroom collect {assignment} FILE.zip`, or pack with --to plain."
        )
    path = (into or root / "results" / assignment) / f"feedback-{layout}.zip"
    new = path.with_name(path.name + ".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, page in named:
                entry = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
                entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
                archive.writestr(entry, page.read_bytes())
        os.replace(new, path)
    except OSError as problem:
        new.unlink(missing_ok=True)
        raise InstructorError(f"{path} cannot be written: {problem.strerror}.") from None
    lines = [f"{path}: {len(named)} pages for {len(pages) - len(unknown)} learners."]
    if unknown:
        lines.append(f"No number is known, so left out: {listed(unknown)}.")
    without = {learner.id for learner in results.scored} - {learner.id for learner, _ in pages}
    if without:
        lines.append(f"No feedback was generated for: {listed(without)}.")
    if results.lost:
        lines.append(
            f"Their autograded notebooks are missing, so these pages may be of an earlier grading: "
            f"{listed(learner.id for learner in results.lost)}. Grade again: classroom grade {assignment} --regrade"
        )
    return "\n".join(lines)


def find_pages(results: Results) -> list[tuple[Learner, list[Path]]]:
    """Return the feedback pages of each learner who has some."""
    found = []
    for learner in results.scored:
        folder = results.root / results.course.format_path(
            results.course.feedback_directory, learner.id, results.assignment
        )
        pages = sorted(path for path in folder.glob("*.html") if path.is_file() and not path.is_symlink())
        if pages:
            found.append((learner, pages))
    return found


def outdated(results: Results, learner: Learner, pages: list[Path]) -> bool:
    """Return whether a learner was graded again after the feedback pages were written."""
    graded = results.autograded(learner)
    return min(page.stat().st_mtime for page in pages) < max(
        (notebook.stat().st_mtime for notebook in graded.glob("*.ipynb")), default=0.0
    )


def folder_for(learner: Learner, layout: str) -> str:
    """Return what stands before a page's name; KeyError where the learner's number is not known."""
    if layout == "plain":
        return f"{learner.id}/"
    record = learner.record
    if record.get("system") != layout or not record.get("number"):
        raise KeyError(learner.id)
    if layout == "moodle":
        label = (record.get("label") or learner.name).replace("_", " ").replace("/", " ")
        return f"{label}_{record['number']}_assignfeedback_file/"
    if not record.get("attachment"):
        raise KeyError(learner.id)
    return f"{record.get('label') or 'anon'}_{record['number']}_{record['attachment']}_"
