"""A report as Markdown, for pull requests and mails; text from outside stays text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from burnline.app import report_words as say
from burnline.app.console.words import visible
from burnline.slo.report.kept import Episode, Report, ServiceReport, SloReport

SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#&~!$@])")
PLAIN = re.compile(r"[A-Za-z0-9_-]{1,63}")


def to_markdown(report: Report) -> str:
    """The whole report in GitHub's Markdown."""
    return "\n".join(_lines(report)).rstrip("\n") + "\n"


def escape(text: str) -> str:
    """Text that means nothing to Markdown, in one line.

    >>> escape("<b>*a*|b")
    '\\\\<b\\\\>\\\\*a\\\\*\\\\|b'
    """
    return SPECIAL.sub(r"\\\1", " ".join(visible(text).split()))


def label(text: str) -> str:
    """A label of an alert: as it is where it is harmless, else as code, where no name is called and no link made."""
    shown = " ".join(visible(text).split())
    if not shown or PLAIN.fullmatch(shown):
        return shown or say.NOTHING
    fence = "`" * (max(map(len, re.findall("`+", shown)), default=0) + 1)
    return f"{fence} {shown} {fence}".replace("|", "\\|")


def _lines(report: Report) -> Iterator[str]:
    yield from (f"# {escape(say.title(report))}", "", escape(say.span_of(report)), "")
    headings = ("service", "SLO", "objective", "SLI", "verdict", "budget left", "observed", "alerts")
    slos = [slo for service in report.services for slo in service.slos]
    yield from _table(headings, [_row(slo) for slo in slos])
    for service in report.services:
        yield from _service(service, report.tz)


def _row(slo: SloReport) -> Sequence[str]:
    verdict = str(slo.verdict) if slo.verdict in ("met", "no traffic") else f"**{slo.verdict}**"
    numbers = say.objective(slo.objective), say.percent(slo.sli), verdict, say.left(slo), say.percent(slo.coverage)
    return slo.service, slo.slo, *numbers, _counts(slo)


def _counts(slo: SloReport) -> str:
    return ", ".join(f"{each.count} {label(say.plural(each.count, each.severity))}" for each in slo.summaries) or "none"


def _service(service: ServiceReport, tz: str) -> Iterator[str]:
    yield from (f"## {service.service} ({service.owner})", "")
    if service.description:
        yield from (escape(service.description), "")
    if not service.slos:
        yield from ("Nothing is promised.", "")
    for slo in service.slos:
        yield from _slo(slo, tz)
    if service.others:
        counted = ", ".join(f"{label(name)} ({count})" for name, count in service.others)
        yield from (f"Other alerts of this service: {counted}.", "")


def _slo(slo: SloReport, tz: str) -> Iterator[str]:
    yield from (f"### {slo.slo}: {slo.verdict}", "")
    yield from (escape(f"{say.verdict(slo)} {slo.description}".strip()), "")
    if slo.trouble and not slo.episodes:
        return
    yield f"- SLI: {say.percent(slo.sli)} ({slo.kind}; {say.events(slo)})"
    yield f"- Budget: {say.budget(slo)}"
    yield f"- Observed: {say.percent(slo.coverage)} of the time ({say.observed(slo)})"
    for span in slo.excluded:
        yield f"  - excluded {say.moment(span.start, tz)} to {say.moment(span.end, tz)}: {escape(span.reason)}"
    for each in slo.worst_hours:
        yield f"- Bad: {say.worst(each, tz)}"
    if slo.worst_day:
        yield f"- Worst day: {say.worst(slo.worst_day, tz)}"
    if slo.silences:
        yield f"- Alerts for want of data: {len(slo.silences)}"
    yield ""
    if slo.episodes:
        headings = (f"alert began ({tz})", "tier", "severity", "time to detect", "time to recover")
        yield from _table(headings, (_episode(each, tz) for each in slo.episodes))


def _episode(each: Episode, tz: str) -> Sequence[str]:
    return say.moment(each.began, tz), label(each.tier), label(each.severity), say.detected(each), say.lasted(each)


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(headings)} |"
    yield f"|{'---|' * len(headings)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""
