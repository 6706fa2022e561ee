"""What the doors for jobs, lineage, business, labels and security acknowledged outlives a kill -9."""

from __future__ import annotations

from pathlib import Path

import httpx
from sqlalchemy import func, select

from burnline.store import series
from burnline.store.database import open_database
from burnline.store.schema import waiting_label
from tests.programs import free_port
from tests.warm import running_burnline

SERVICE = "apiVersion: burnline/v1\nservice: shop\nowner: shop-ml\nbusiness: {orders: {posted: counter}}\n"
EVENT = {"eventTime": "2026-01-05T12:00:00Z", "run": {"runId": "1"}, "job": {"namespace": "shop", "name": "dag"}}


def test_what_was_acknowledged_is_there_after_a_kill(any_url: str, tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text(SERVICE)
    url = f"http://127.0.0.1:{(port := free_port())}"
    up = ["up", str(tmp_path / "shop.yaml"), "--port", str(port), "--database", any_url]

    with running_burnline(*up, log=tmp_path / "log", url=f"{url}/healthz") as process:
        with httpx.Client(base_url=url, trust_env=False) as client:
            for n in range(20):
                job = {"service": "shop", "job": "train", "run": str(n), "event": "finished", "rows_out": 5}
                assert client.post("/v1/jobs", json=job).is_success
                report = {"service": "shop", "events": [{"kind": "jailbreak"}], "queries": [{"principal": "a"}]}
                assert client.post("/v1/security", json=report).is_success
                numbers = {"service": "shop", "id": str(n), "add": {"orders": 2}}
                assert client.post("/v1/business", json=numbers).is_success
                labels = {"service": "shop", "labels": [{"id": str(n), "label": 1}]}
                assert client.post("/v1/labels", json=labels).is_success
            assert client.post("/v1/lineage", json=EVENT | {"eventType": "COMPLETE"}).is_success
        process.kill()
        process.wait()

    db = open_database(any_url)
    with db.read() as tx:
        labels_kept = tx.scalar(select(func.count()).select_from(waiting_label))
        found = {(each.name, each.labels.get("job", "")): each.value for each in series.samples(tx, "shop")}
    db.close()
    assert labels_kept == 20
    assert found["burnline_business_total", ""] == 40
    assert found["burnline_job_rows_out_total", "train"] == 100
    assert found["burnline_job_finished_total", "dag"] == 1
    assert found["burnline_security_events_total", ""] == 20
    assert found["burnline_security_queries_total", ""] == 20
