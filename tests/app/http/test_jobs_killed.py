"""What the doors for jobs, lineage and security acknowledged outlives a kill -9."""

from __future__ import annotations

from pathlib import Path

import httpx

from burnline.store import series
from burnline.store.database import open_database
from tests.programs import free_port
from tests.warm import running_burnline

SERVICE = "apiVersion: burnline/v1\nservice: shop\nowner: shop-ml\n"
EVENT = {"eventTime": "2026-01-05T12:00:00Z", "run": {"runId": "1"}, "job": {"namespace": "shop", "name": "dag"}}


def test_what_was_acknowledged_is_there_after_a_kill(tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text(SERVICE)
    database, url = f"sqlite:///{tmp_path}/burnline.db", f"http://127.0.0.1:{(port := free_port())}"
    up = ["up", str(tmp_path / "shop.yaml"), "--port", str(port), "--database", database]

    with running_burnline(*up, log=tmp_path / "log", url=f"{url}/healthz") as process:
        with httpx.Client(base_url=url, trust_env=False) as client:
            for n in range(20):
                job = {"service": "shop", "job": "train", "run": str(n), "event": "finished", "rows_out": 5}
                assert client.post("/v1/jobs", json=job).is_success
                report = {"service": "shop", "events": [{"kind": "jailbreak"}], "queries": [{"principal": "a"}]}
                assert client.post("/v1/security", json=report).is_success
            assert client.post("/v1/lineage", json=EVENT | {"eventType": "COMPLETE"}).is_success
        process.kill()
        process.wait()

    db = open_database(database)
    with db.read() as tx:
        found = {(each.name, each.labels.get("job", "")): each.value for each in series.samples(tx, "shop")}
    db.close()
    assert found["burnline_job_rows_out_total", "train"] == 100
    assert found["burnline_job_finished_total", "dag"] == 1
    assert found["burnline_security_events_total", ""] == 20
    assert found["burnline_security_queries_total", ""] == 20
