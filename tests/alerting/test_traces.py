"""An incident is linked to the traces from before it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from burnline.alerting.inbox import AlertWorker
from burnline.alerting.webhook import fingerprint
from burnline.app.incident_views import incident
from burnline.app.postmortem import gather
from burnline.app.postmortem_text import to_html, to_markdown
from burnline.app.trace_links import Links
from burnline.errors import SpecError
from burnline.settings import Settings, read_settings
from burnline.store import traces
from burnline.store.database import Database
from burnline.store.traces import Trace
from tests.alerting.bodies import alert
from tests.alerting.scene import Catalogue, post
from tests.collectors.otlp.bodies import span_body
from tests.collectors.otlp.scene import NOW, Scene, spec

MINUTE = timedelta(minutes=1)
EVIL = "<img src=x onerror=1> [x](javascript:1) |"
LINKS = Links("https://tempo/trace/{trace_id}", "https://loki/?q={service}&from={from}&to={until}")


def trace(n: int, **given: object) -> Trace:
    made = Trace("shop", "error", str(n % 8), NOW - MINUTE, f"{n:032x}", f"{n:016x}", "POST /pay", 0.1)
    return replace(made, **given)  # type: ignore[arg-type]


def keep(db: Database, *found: Trace) -> None:
    db.write(lambda tx: traces.keep(tx, found))


def notable(db: Database, **given: int) -> list[Trace]:
    with db.read() as tx:
        return traces.notable(tx, "shop", since=NOW - 60 * MINUTE, until=NOW, **given)


def test_the_newest_error_of_its_kind_and_the_slowest_of_its_bucket_stay(any_database: Database) -> None:
    newer = trace(9, place="1", at=NOW - MINUTE / 2)
    slow, slower = (trace(n, kind="slow", place="1.0", duration=0.5 + n / 100) for n in (20, 30))

    keep(any_database, trace(1), newer)
    keep(any_database, trace(1), slower)
    keep(any_database, slow)

    assert notable(any_database) == [newer, slower]


def test_a_trace_is_named_once_and_errors_come_first(any_database: Database) -> None:
    keep(any_database, trace(1), trace(1, kind="slow", place="0.1"), trace(2, kind="slow", place="5.0", duration=4.0))

    assert [(each.kind, each.trace_id[-1]) for each in notable(any_database)] == [("error", "1"), ("slow", "2")]


def test_what_is_old_is_forgotten_a_slice_at_a_time(any_database: Database) -> None:
    keep(any_database, *(trace(n, at=NOW - n * 10 * MINUTE) for n in range(1, 6)))

    gone = any_database.write(lambda tx: traces.forget(tx, NOW - 25 * MINUTE))

    assert gone == 3
    assert len(notable(any_database)) == 2


def test_an_exemplar_is_the_slowest_of_its_bucket(any_database: Database) -> None:
    keep(any_database, trace(1, kind="slow", place="1.0", duration=0.6, at=NOW - 20 * MINUTE))
    keep(
        any_database,
        trace(2, kind="slow", place="1.0", duration=0.9),
        trace(3, kind="slow", place="+Inf", duration=20.0),
    )

    with any_database.read() as tx:
        found = traces.exemplars(tx, "shop", since=NOW - 60 * MINUTE)

    assert [(each.place, each.trace_id[-1]) for each in found] == [("1.0", "2"), ("+Inf", "3")]


def opened(db: Database) -> None:
    """An alert of shop opens an incident."""
    worker = AlertWorker(db, [spec("shop")], Catalogue())
    labels = {"alertname": "ErrorBudgetBurn", "service": "shop", "severity": "page"}
    post(db, NOW, alert(NOW, labels=labels, fingerprint=fingerprint(labels)), source="embedded")
    worker.run_once(NOW)


@pytest.fixture
def with_spans(database: Database) -> Database:
    """Spans came by OTLP, one failed with a hostile name, and then the alert."""
    failed = {
        "kind": 2,
        "status": {"code": 2},
        "traceId": "f" * 32,
        "name": "<img src=x onerror=1> [x](javascript:1) |",
    }
    scene = Scene(database)
    scene.post("traces", span_body("shop", [failed]), NOW - MINUTE)
    scene.post("traces", span_body("shop", [{"kind": 2}], seconds=3), NOW - MINUTE)
    opened(database)
    return database


def test_an_incident_names_the_traces_from_before_it(with_spans: Database) -> None:
    view = incident(with_spans, 1, LINKS, NOW)

    assert view is not None
    assert view.chain_holds
    assert [(each.kind, each.trace_id[:4]) for each in view.traces] == [("error", "ffff"), ("slow", "0000")]
    (entry,) = [each for each in view.entries if each.type == "traces_linked"]
    assert entry.text == "traces to look at: 1 with errors and 1 slow, since 11:00:00 UTC"


def test_links_are_built_from_the_settings(with_spans: Database) -> None:
    view = incident(with_spans, 1, LINKS, NOW + MINUTE)

    assert view is not None
    assert view.traces[0].url == f"https://tempo/trace/{'f' * 32}"
    since, until = int(NOW.timestamp() - 3600) * 1000, int(NOW.timestamp() + 60) * 1000
    assert view.logs_url == f"https://loki/?q=shop&from={since}&to={until}"


def test_without_settings_there_are_ids_and_no_links(with_spans: Database) -> None:
    view = incident(with_spans, 1)

    assert view is not None
    assert {each.url for each in view.traces} == {""}
    assert view.logs_url == ""


def test_an_incident_of_a_service_without_spans_says_nothing_of_traces(database: Database) -> None:
    opened(database)

    view = incident(database, 1, LINKS, NOW)

    assert view is not None
    assert view.traces == ()
    assert not [each for each in view.entries if each.type == "traces_linked"]


def test_the_draft_of_the_post_mortem_holds_the_links_and_hostile_names_are_text(with_spans: Database) -> None:
    with with_spans.read() as tx:
        made = gather(tx, 1, [spec("shop")], NOW + MINUTE, links=LINKS)

    markdown, page = to_markdown(made), to_html(made)
    assert f"[{'f' * 32}](https://tempo/trace/{'f' * 32})" in markdown
    assert re.search(r"\| slow \|.*\| 3 s \|", markdown)
    assert "<img" not in page
    assert "[x](javascript:1)" not in markdown
    assert f'<a href="https://tempo/trace/{"f" * 32}" rel="noreferrer">' in page


def test_what_is_filled_in_adds_nothing_but_itself() -> None:
    assert LINKS.trace('a/../b?c=d&e"><script>') == "https://tempo/trace/a%2F..%2Fb%3Fc%3Dd%26e%22%3E%3Cscript%3E"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("trace_url", "https://tempo/trace/"),
        ("trace_url", "https://tempo/trace/{traceid}"),
        ("trace_url", "javascript:alert({trace_id})"),
        ("trace_url", "tempo/{trace_id}"),
        ("logs_url", "https://loki/?q={trace_id}"),
        ("logs_url", "https://loki/ {service}"),
    ],
)
def test_a_setting_that_leads_nowhere_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(SpecError, match=f"BURNLINE_{name.upper()}.*should be an http"):
        read_settings(**{name: value})


def test_a_setting_may_hold_encoded_braces() -> None:
    url = "https://grafana/explore?left=%7B%22queries%22:[%22{trace_id}%22]%7D"

    assert Links.of(Settings(trace_url=url)).trace("ab") == url.replace("{trace_id}", "ab")
