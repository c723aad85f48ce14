"""What a check says: findings, the verdict, and their forms as text, HTML, JSON, a heat map and a score."""

import html
import io
import math
import re
import sys
import textwrap
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Verdict = Literal["pass", "fail", "not differentiable here", "cannot tell", "not deterministic"]
MIME_TYPE = "application/vnd.gradcheck+json"
# What a report begins with. It takes the gravest verdict of its findings; the gravest comes last here.
HEADLINES: dict[Verdict, str] = {
    "pass": "All visible checks passed.",
    "not differentiable here": "Not differentiable here: this point cannot be judged.",
    "cannot tell": "Cannot tell: the numbers do not allow a judgement.",
    "not deterministic": "Not deterministic: the same call gave two different answers.",
    "fail": "Not right yet.",
}
GRAVITY = list(HEADLINES)
MARKS = {"pass": "ok   ", "fail": "WRONG"}
WIDTH = 100


class Worst(NamedTuple):
    """The entry with the largest error: where it is, what was handed in, what is true."""

    index: tuple[int, ...]  # type: ignore[assignment]
    yours: float
    true: float


class Diagnosis(NamedTuple):
    """A cause of the documented list, a sentence for the learner, the factor and the worst entry where there are."""

    cause: str
    sentence: str
    factor: float | None = None
    worst: Worst | None = None


@dataclass(frozen=True)
class Finding:
    """What was found about one gradient ("dW"), one behaviour or one value; no ``cause`` when all is well."""

    name: str
    ok: bool
    message: str
    cause: str | None = None
    factor: float | None = None
    worst: Worst | None = None
    verdict: Verdict = "pass"
    kind: Literal["gradient", "behaviour", "forward", "value"] = "gradient"
    remark: str = ""
    error: NDArray[np.float64] | None = field(default=None, repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        told = {key: getattr(self, key) for key in ("name", "kind", "ok", "verdict", "cause", "message", "remark")}
        worst = None
        if self.worst is not None:
            index, yours, true = self.worst
            worst = {"index": list(index), "yours": plain(yours), "true": plain(true)}
        return {**told, "factor": plain(self.factor), "worst": worst}


@dataclass(frozen=True)
class Report:
    """The result of a check; ``print(report)`` gives its sentences, ``report.score(points)`` its points."""

    findings: tuple[Finding, ...]
    evaluations: int = 0
    tolerance: float = 0.0
    miss_probability: float = 0.0
    note: str = ""
    first_wrong: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The gravest verdict among the findings."""
        return max((finding.verdict for finding in self.findings), key=GRAVITY.index, default="cannot tell")

    @property
    def ok(self) -> bool:
        """True when every finding is."""
        return self.verdict == "pass"

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        lines: list[str] = []
        heads: dict[str, str] = {}
        for finding in self.findings:
            # What holds of the whole call, such as an exception, is said once; no gradient's name is in it.
            head = finding.message.split(" Nudge ")[0]
            text = finding.message if head not in heads else f"{finding.name}: the same as for {heads[head]}."
            heads.setdefault(head, finding.name)
            lines.append(f"{MARKS.get(finding.verdict, '?    ')} {text}")
        remarks: dict[str, list[str]] = {}
        for finding in self.findings:
            if finding.remark:
                remarks.setdefault(finding.remark, []).append(finding.name)
        for remark, names in remarks.items():
            whose = "" if names[0] in remark else f"{', '.join(names)}: "
            lines.append(f"      {whose}{remark}")
        return "\n".join(map(wrapped, [HEADLINES[self.verdict], *lines, *([self.note] if self.note else [])]))

    def score(self, points: float) -> float:
        """Return ``points`` times the share that is right, a Python float from 0.0 to ``points``.

        Every gradient has an equal share; a failed behaviour or a wrong forward costs one share. A report
        without gradients (of :func:`check_values`) counts wholly or not at all. In a notebook the report's
        plain values are published beside it as display data of the type ``application/vnd.gradcheck+json``, and
        a score of many digits is said in short: 1.33 of 2 points.
        """
        shares = sum(finding.kind == "gradient" for finding in self.findings) or 1
        lost = sum(not finding.ok for finding in self.findings) if self.findings else 1
        score = float(points) * max(0, shares - lost) / shares
        self.publish("" if round(score, 2) == score else f"{score:.2f} of {points:g} points")
        return score

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON values; what JSON lacks as strings: "nan", "inf", "-inf"."""
        told = {key: getattr(self, key) for key in ("verdict", "ok", "evaluations", "note")}
        numbers = {key: plain(getattr(self, key)) for key in ("tolerance", "miss_probability")}
        findings = [finding.to_dict() for finding in self.findings]
        return {**told, **numbers, "findings": findings, "first_wrong": list(self.first_wrong)}

    def publish(self, text: str = "") -> None:
        """Send :meth:`to_dict` to the running notebook, if there is one, as data; only ``text`` is shown."""
        ipython = sys.modules.get("IPython")
        if ipython is not None and ipython.get_ipython() is not None:
            ipython.display.publish_display_data({MIME_TYPE: self.to_dict(), "text/plain": text})

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return {"text/plain": str(self), "text/html": self._repr_html_(), MIME_TYPE: self.to_dict()}

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{'right' if f.ok else 'wrong' if f.verdict == 'fail' else f.verdict}</td>"
            f"<th scope='row'><code>{html.escape(f.name)}</code></th>"
            f"<td style='text-align:left;white-space:pre-wrap'>{html.escape(f.message)}"
            f"{' ' + html.escape(f.remark) if f.remark else ''}</td></tr>"
            for f in self.findings
        )
        note = f"<p>{html.escape(self.note)}</p>" if self.note else ""
        caption = html.escape(HEADLINES[self.verdict])
        return f"<table><caption>{caption}</caption><tbody>{rows}</tbody></table>{note}"

    def plot(self) -> Any:
        """Return a matplotlib figure: for each wrong gradient a heat map of yours minus true."""
        from matplotlib.figure import Figure

        class HeatMap(Figure):
            """A figure that a notebook shows, also where nothing has asked pyplot to show figures inline."""

            def _repr_png_(self) -> bytes:
                picture = io.BytesIO()
                self.savefig(picture, format="png", dpi=80)
                return picture.getvalue()

        maps = [f for f in self.findings if f.error is not None and not f.ok and f.error.size]
        figure = HeatMap(figsize=(4 * max(1, len(maps)), 3.2), layout="constrained")
        if not maps:
            figure.text(0.5, 0.5, "no wrong gradient to draw", ha="center", va="center")
        for place, finding in enumerate(maps, start=1):
            assert finding.error is not None
            error = np.atleast_2d(finding.error)
            error = error.reshape(-1, error.shape[-1])
            limit = float(np.abs(error[np.isfinite(error)]).max(initial=0.0)) or 1.0
            axes = figure.add_subplot(1, len(maps), place)
            image = axes.imshow(error, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto")
            axes.set_title(f"{finding.name}: yours - true\n{finding.cause}", fontsize="small")
            axes.set_xlabel("last axis")
            axes.set_ylabel("all other axes")
            axes.locator_params(integer=True, min_n_ticks=1)
            figure.colorbar(image, ax=axes)
        return figure


def wrapped(line: str) -> str:
    """Return a line in several of at most WIDTH characters; indices and shapes stay whole."""
    whole = re.sub(r"[\[(][\d, ]+[\])]", lambda found: found[0].replace(" ", "\0"), line)
    parts = textwrap.wrap(whole, WIDTH, subsequent_indent="      ", break_long_words=False, break_on_hyphens=False)
    return "\n".join(parts).replace("\0", " ")


def plain(number: float | None) -> float | str | None:
    """Return a number that JSON can hold: non-finite ones as strings."""
    if number is None:
        return None
    number = float(number)
    return number if math.isfinite(number) else str(number)


def combine(*reports: Report) -> Report:
    """Return one report in which a gradient counts only if it is right in every given report.

    Findings are joined by name; of several failures the first is told that has the cause which most of them have:
    a cause that explains one answer and not the others fits it by accident. Evaluations add, the largest tolerance
    and probability of a miss are kept. Raises TypeError for anything but reports, ValueError for none at all.
    """
    if not reports:
        raise ValueError("combine() needs at least one report, for instance combine(report, hidden_report).")
    for given in reports:
        if not isinstance(given, Report):
            raise TypeError(f"combine() takes reports of gradcheck, not {type(given).__name__}.")
    told: dict[str, list[Finding]] = {}
    for finding in (finding for report in reports for finding in report.findings):
        told.setdefault(finding.name, []).append(finding)
    failed = [report for report in reports if not report.ok][:1] or reports
    return Report(
        findings=tuple(map(joined, told.values())),
        evaluations=sum(report.evaluations for report in reports),
        tolerance=max(report.tolerance for report in reports),
        miss_probability=max(report.miss_probability for report in reports),
        note=next((report.note for report in failed if report.note), ""),
        first_wrong=next((report.first_wrong for report in failed if report.first_wrong), ()),
    )


def joined(findings: list[Finding]) -> Finding:
    """Return one finding for several on the same thing: of the gravest the first with the commonest cause."""
    gravest = max((finding.verdict for finding in findings), key=GRAVITY.index)
    alike = [finding for finding in findings if finding.verdict == gravest]
    causes = [finding.cause for finding in alike]
    one = max(alike, key=lambda finding: causes.count(finding.cause))
    remarks = [finding.remark for finding in alike if finding.remark]
    return replace(one, remark=remarks[0]) if one.ok and remarks else one
