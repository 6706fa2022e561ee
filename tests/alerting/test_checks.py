"""Set-ups that lose alerts or double them are told."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import yaml
from prometheus_client.core import Metric

from burnline.alerting.checks import check_alertmanager, check_labels, check_relabelling
from burnline.alerting.config import render_alertmanager
from burnline.alerting.exposition import deliveries, families
from burnline.alerting.inbox import AlertWorker, accept_webhook
from burnline.alerting.places import Places
from burnline.alerting.reconcile import Reconciler
from burnline.alerting.relabel import relabelling
from burnline.alerting.webhook import ALERTMANAGER
from burnline.store.database import Database
from burnline.store.reconciled import last_reconciled
from tests.alerting.bodies import alert, webhook
from tests.alerting.card_fraud import Nothing, service
from tests.alerting.sources import CONFIG, HOOK, FakeAlertmanager

MINUTE = timedelta(minutes=1)


def config(**hook: Any) -> str:
    return yaml.safe_dump({"receivers": [{"name": "burnline", "webhook_configs": [HOOK | hook]}]})


def test_the_generated_configuration_has_no_problem() -> None:
    generated = render_alertmanager([service()], "http://burnline:8600/v1/alerts")

    assert check_alertmanager(generated, "burnline") == {}
    assert check_alertmanager(yaml.safe_dump(CONFIG), "burnline") == {}


@pytest.mark.parametrize(
    ("given", "problems"),
    [
        (config(), ["follow_redirects"]),
        (config(http_config={"follow_redirects": True}), ["follow_redirects"]),
        ("global: {http_config: {follow_redirects: false}}\n" + config(), []),
        (config(http_config={"follow_redirects": False}, max_alerts=10), ["max_alerts"]),
        (config(http_config={"follow_redirects": False}, send_resolved=False), ["send_resolved"]),
        ("receivers: [{name: people, webhook_configs: [{url: 'http://x'}]}]", ["receiver_missing"]),
        ("receivers: [{name: burnline}]", ["receiver_missing"]),
        ("{", ["config_unreadable"]),
        ("[]", ["config_unreadable"]),
        ("receivers: 3", ["receiver_missing"]),
    ],
)
def test_what_would_lose_alerts_is_told(given: str, problems: list[str]) -> None:
    assert list(check_alertmanager(given, "burnline")) == problems


def test_a_replica_label_that_is_not_dropped_is_told() -> None:
    external = {"global": {"external_labels": {"prometheus_replica": "a", "cluster": "eu"}}}
    drop = {"alerting": {"alert_relabel_configs": [{"action": "labeldrop", "regex": "prometheus_replica"}]}}

    assert "labeldrop, regex: prometheus_replica" in check_relabelling(relabelling(external))["replica_label"]
    assert check_relabelling(relabelling(external | drop)) == {}
    assert check_relabelling(relabelling({})) == {}
    assert list(check_labels([{"alertname": "x"}, {"__replica__": "a"}])) == ["replica_label"]
    assert check_labels([{"alertname": "x", "replica": "2"}]) == {}


def samples(metrics: Iterator[Metric]) -> dict[tuple[str, ...], float]:
    return {(sample.name, *sample.labels.values()): sample.value for each in metrics for sample in each.samples}


def test_problems_are_logged_once_an_hour_and_are_on_the_page(
    database: Database, now: datetime, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = (FakeAlertmanager(name, now) for name in ("am-1", "am-2"))
    first.config, second.down = {"receivers": []}, True
    reconciler = Reconciler(database, AlertWorker(database, [], Nothing()), Places([first.client(), second.client()]))
    caplog.set_level(logging.WARNING)

    for n in range(64):
        reconciler.run_once(now + n * MINUTE)

    told = [(vars(record)["place"], vars(record)["problem"]) for record in caplog.records if "path" in record.message]
    assert told == [
        ("http://am-1:9093", "receiver_missing"),
        ("http://am-2:9093", "unreachable"),
        ("burnline", "no_watchdog"),
        ("http://am-1:9093", "receiver_missing"),
        ("http://am-2:9093", "unreachable"),
    ]
    with database.read() as tx:
        page = samples(families(reconciler, last_reconciled(tx)))
    assert page["burnline_alert_source_up", "http://am-1:9093"] == 1
    assert page["burnline_alert_source_up", "http://am-2:9093"] == 0
    last = (now + 63 * MINUTE).timestamp()
    assert page["burnline_alert_source_last_reconciled_timestamp_seconds", "http://am-1:9093"] == last
    assert page["burnline_alert_path_problem", "burnline", "no_watchdog"] == 1
    assert page["burnline_alerts_reconciled_total", "firing"] == 0
    reconciler.close()


def test_a_watchdog_that_is_heard_is_no_problem(database: Database, now: datetime) -> None:
    worker = AlertWorker(database, [], Nothing())
    reconciler = Reconciler(database, worker, Places([FakeAlertmanager("am-1", now).client()]))
    for n in range(10):
        at = now + n * MINUTE
        body = webhook(alert(now, labels={"alertname": "Watchdog"}))
        accept_webhook(database, body, source=ALERTMANAGER, now=at, limit_bytes=1 << 20)
        reconciler.run_once(at)

    assert reconciler.problems() == {}
    reconciler.close()


def test_who_delivered_last_is_on_the_page_and_no_stranger_fills_it(database: Database, now: datetime) -> None:
    worker = AlertWorker(database, [], Nothing())
    for n in range(100):
        body = webhook(alert(now), externalURL=f"http://am-{n}:9093" if n else ["no", "address"])
        accept_webhook(database, body, source=ALERTMANAGER, now=now + n * MINUTE, limit_bytes=1 << 20)

    worker.run_once(now + 100 * MINUTE)

    page = samples(iter([deliveries(worker.delivered)]))
    assert len(page) == 20
    name = "burnline_alertmanager_last_delivery_timestamp_seconds"
    assert page[name, "http://am-1:9093"] == (now + MINUTE).timestamp()
