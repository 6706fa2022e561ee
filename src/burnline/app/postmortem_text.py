"""A post-mortem's draft as Markdown and as one HTML page; what came from alerts and people stays text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from burnline.app.console.words import brief, plan, span
from burnline.app.postmortem import Asked, PostMortem, Spent, Time, to_json
from burnline.app.report_markdown import escape
from burnline.app.signal_picture import Histogram, histogram
from burnline.app.standalone import template
from burnline.events import Contributor, Finding

NAMES = ("alertname", "slo", "signal", "severity")
SOURCE = (
    "Each time is this incident's own; over many incidents their means are MTTD, MTTA and MTTR "
    "(Site Reliability Engineering, 2016, chapter 1)."
)
FEATURES = 3  # of a signal
CELLS = 3  # of a feature, in words
WRITE = "To be written by people."


def moment(at: datetime | None) -> str:
    """A moment in UTC."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else "still"


def took(time: Time) -> str:
    """A span, or that the record does not say."""
    return span(time.took) if time.took is not None else "not on record"


def alert_name(labels: Mapping[str, str]) -> str:
    """An alert by the labels that name it."""
    return " ".join(str(labels[name]) for name in NAMES if labels.get(name)) or "an alert without a name"


def more_labels(labels: Mapping[str, str]) -> str:
    """Its other labels."""
    return ", ".join(f"{name}={value}" for name, value in sorted(labels.items()) if name not in NAMES)


def asked_plan(asked: Asked) -> str:
    """What people were asked for."""
    return plan(asked.plan)


def said(asked: Asked) -> str:
    """What people said."""
    words = [f"{vote.actor}: {vote.decision}" + (f" ({vote.reason})" if vote.reason else "") for vote in asked.votes]
    return "; ".join(words) or "nobody answered"


def budget(spent: Spent) -> str:
    """How much of an SLO's budget the incident cost."""
    if spent.trouble:
        return spent.trouble
    if spent.of_window is None:
        return "no events"
    counted = f"{spent.bad:,.0f} bad of {spent.total:,.0f} events"
    return f"{counted}: about {spent.of_window:.1%} of the {spent.window} budget, were traffic even"


def of(made: PostMortem) -> str:
    """Whose incident it is."""
    return f"{'the drills of ' if made.incident.drill else ''}{made.incident.about}"


def state(made: PostMortem) -> str:
    """When it was open."""
    closed = made.incident.closed_at
    until = f"until {moment(closed)} ({span(closed - made.began)})" if closed else "and is open still"
    return f"It began {moment(made.began)} {until}."


def chain(made: PostMortem) -> str:
    """Whether the record can be trusted."""
    holds = "Nobody changed the record after it was written" if made.chain_holds else "THE RECORD WAS CHANGED"
    return f"{holds} (head {made.head})."


def to_markdown(made: PostMortem) -> str:
    """The draft in GitHub's Markdown."""
    return "\n".join(_lines(made)).rstrip("\n") + "\n"


def _text(value: str) -> str:
    """Text that means nothing to Markdown, and links to nowhere."""
    return escape(value).replace("://", "\\://").replace("www.", "www\\.")


def _lines(made: PostMortem) -> Iterator[str]:
    yield from (f"# Post-mortem: {_text(made.incident.title)}", "")
    yield from (f"Incident {made.incident.id} of {_text(of(made))}. {state(made)} {chain(made)}", "")
    for title, hint in made.for_people:
        yield from (f"## {title}", "", f"*{WRITE}* {hint}", "")
    yield from (
        "## Times",
        "",
        *_table(("time", "took", "meaning"), [(t.name, took(t), t.meaning) for t in made.times]),
    )
    yield from ("", SOURCE, "", "## Action items", "")
    yield from (f"- [ ] {_text(text)} ({_text(runbook)})" for runbook, text in made.actions)
    yield from (f"- [ ] *{WRITE}* Each with an owner and a date.", "", "## Error budget", "")
    spent = [(each.slo, f"{each.objective * 100:.4g} %", budget(each)) for each in made.spent]
    yield from _table(("SLO", "objective", "spent"), spent) if spent else (_text(made.spent_trouble),)
    yield from ("", "## Alerts", "")
    alerts = [(alert_name(e.labels), moment(e.began), moment(e.ended), more_labels(e.labels)) for e in made.alerts]
    yield from _table(("alert", "from", "until", "labels"), alerts)
    yield from ("", "## Releases", "")
    releases = [(moment(each.seen_at), f"{each.version} after {each.previous}", each.source) for each in made.releases]
    yield from _table(("seen", "version", "by"), releases)
    yield from ("", "## Model signals", "")
    yield from _table(("signal", "when", "score", "what", "reference", "now"), list(_signals(made)))
    yield from ("", "## Runs", "", *_table(("runbook", "step", "state", "what came of it"), list(_steps(made))))
    yield from ("", "## Approvals", "")
    asked = [(each.runbook, moment(each.asked_at), asked_plan(each), each.state, said(each)) for each in made.asked]
    yield from _table(("runbook", "asked", "for", "answer", "by"), asked)
    yield from ("", "## Who was told", "")
    yield from _table(("at", "what"), [(moment(each.at), each.text) for each in made.told])
    yield from ("", "## Traces and logs", "", *_traces(made), "", "## Timeline", "")
    told = [(moment(each.at), each.actor, each.text) for each in made.timeline]
    yield from _table(("at", "who", "what"), told)
    yield from ("", f"Made by burnline at {moment(made.made_at)}.")


def _signals(made: PostMortem) -> Iterator[Sequence[str]]:
    """The worst window of each signal, and the cells that grew most of the features it came from."""
    for found in made.signals:
        score = "" if found.score is None else f"{found.score:.1%}"
        yield found.signal, moment(found.window_start), score, found.reason, "", ""
        for one in found.contributors[:FEATURES]:
            for cell in sorted(one.cells, key=lambda cell: (cell.reference or 0.0) - cell.live)[:CELLS]:
                if cell.live > (cell.reference or 0.0):
                    share = ("" if cell.reference is None else f"{cell.reference:.1%}", f"{cell.live:.1%}")
                    yield "", "", "", f"{one.feature}: {cell.what}", *share


def drawn(found: Finding) -> list[tuple[Contributor, Histogram | None]]:
    """The features a finding came from, each with its picture."""
    return [(one, histogram(one.cells)) for one in found.contributors[:FEATURES]]


def _traces(made: PostMortem) -> Iterator[str]:
    """Ids are digits, and the settings say where they lead: these links may be links."""
    if made.logs_url:
        yield from (f"[Logs of the time]({_link(made.logs_url)})", "")
    if not made.traces:
        yield "None on record."
        return
    yield from ("| trace | kind | span | took |", "|---|---|---|---|")
    for each in made.traces:
        shown = f"[{_text(each.trace_id)}]({_link(each.url)})" if each.url else _text(each.trace_id)
        yield f"| {shown} | {_text(each.kind)} | {_text(each.name)} | {brief(each.seconds)} |"


def _link(url: str) -> str:
    return url.replace("(", "%28").replace(")", "%29").replace("|", "%7C").replace("<", "%3C")


def _steps(made: PostMortem) -> Iterator[Sequence[str]]:
    for run in made.runs:
        yield run.runbook, "(the run)", str(run.outcome or run.state), "a drill" if run.drill else ""
        for step in run.steps:
            yield run.runbook, step.name, step.state, str((step.result or {}).get("text", ""))


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    if not rows:
        yield "None on record."
        return
    yield "| " + " | ".join(headings) + " |"
    yield "|" + "---|" * len(headings)
    yield from ("| " + " | ".join(_text(str(cell)) for cell in row) + " |" for row in rows)


def to_html(made: PostMortem) -> str:
    """The draft as one page that loads nothing and runs no script."""
    return template("postmortem.html").render(made=made, **_WORDS) + "\n"


_WORDS: Mapping[str, Any] = {
    "moment": moment,
    "took": took,
    "brief": brief,
    "alert_name": alert_name,
    "more_labels": more_labels,
    "asked_plan": asked_plan,
    "said": said,
    "budget": budget,
    "of": of,
    "state": state,
    "chain": chain,
    "drawn": drawn,
    "write": WRITE,
    "source": SOURCE,
}


FORMS: Mapping[str, Callable[[PostMortem], str]] = {"md": to_markdown, "html": to_html, "json": to_json}
