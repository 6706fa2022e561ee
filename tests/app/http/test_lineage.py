"""OpenLineage events become runs of jobs: by the official client, and by bodies nobody should send."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import (
    data_quality_metrics_input_dataset as quality,
)
from openlineage.client.facet_v2 import (
    error_message_run,
    nominal_time_run,
    output_statistics_output_dataset,
    source_code_location_job,
)
from openlineage.client.transport.http import HttpConfig, HttpTransport

from burnline.app import wiring
from burnline.app.application import create_app
from burnline.settings import Settings
from burnline.store import series
from burnline.store.jobs import jobs_of, run_of
from tests.app.scenes import Client
from tests.app.serving import serving

RUN = "0190c5a0-0000-7000-8000-000000000001"
SERVICE = """
apiVersion: burnline/v1
service: shop
owner: shop-ml
jobs:
  ingest: {lineage: airflow/fraud.ingest}
"""


@pytest.fixture
def app(tmp_path: Path) -> Iterator[wiring.App]:
    (tmp_path / "shop.yaml").write_text(SERVICE)
    made = wiring.build(Settings(services=tmp_path / "shop.yaml", database=f"sqlite:///{tmp_path}/burnline.db"))
    yield made
    made.db.close()


def counts(app: wiring.App) -> dict[str, float]:
    with app.db.read() as tx:
        found = series.samples(tx, "shop")
    return {each.name: each.value for each in found if each.value and "_bucket" not in each.name}


def event(kind: str, **more: Any) -> dict[str, Any]:
    run = {"runId": RUN, "facets": more.pop("run_facets", {})}
    job = {"namespace": "airflow", "name": "fraud.ingest"}
    return {"eventTime": "2026-01-05T12:00:00Z", "eventType": kind, "run": run, "job": job, **more}


def test_the_official_client_tells_of_a_run(app: wiring.App) -> None:
    job = Job(
        "airflow",
        "fraud.ingest",
        facets={
            "sourceCodeLocation": source_code_location_job.SourceCodeLocationJobFacet("git", "https://x", version="abc")
        },
    )
    nominal = nominal_time_run.NominalTimeRunFacet("2026-01-05T10:00:00Z", "2026-01-05T11:00:00Z")
    columns = {"amount": quality.ColumnMetrics(nullCount=25)}
    told = quality.DataQualityMetricsInputDatasetFacet(columnMetrics=columns, rowCount=100)
    written = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(rowCount=90)
    inputs = [InputDataset("s3", "raw", inputFacets={"dataQualityMetrics": told})]
    outputs = [OutputDataset("s3", "clean", outputFacets={"outputStatistics": written})]
    with serving(create_app(app)) as url:
        client = OpenLineageClient(transport=HttpTransport(HttpConfig(url=url)))

        for at, kind in (("12:00", RunState.START), ("12:10", RunState.COMPLETE), ("12:10", RunState.COMPLETE)):
            client.emit(
                RunEvent(
                    eventTime=f"2026-01-05T{at}:00Z",
                    eventType=kind,
                    run=Run(RUN, {"nominalTime": nominal}),
                    job=job,
                    producer="tests",
                    inputs=inputs,
                    outputs=outputs,
                )
            )

        assert counts(app) == {
            "burnline_job_started_total": 1,
            "burnline_job_finished_total": 1,
            "burnline_job_ended_total": 1,
            "burnline_job_rows_in_total": 100,
            "burnline_job_rows_out_total": 90,
            "burnline_job_run_duration_seconds_count": 1,
            "burnline_job_run_duration_seconds_sum": 600,
        }
        with app.db.read() as tx:
            ingest = jobs_of(tx, "shop")["ingest"]
        assert ingest.data_as_of == datetime(2026, 1, 5, 11, tzinfo=UTC)
        assert ingest.last["nulls"] == {"amount": 0.25}
        assert ingest.last["lineage"] is True
        assert ingest.last["record"] == {"commit": "abc", "data": {"s3/raw": ""}}


def test_what_was_told_before_the_end_counts_at_the_end(app: wiring.App) -> None:
    client = Client(app)
    rows = [{"namespace": "s3", "name": "x", "outputFacets": {"outputStatistics": {"rowCount": 7}}}]

    for kind, more in (("RUNNING", {"outputs": rows}), ("COMPLETE", {}), ("START", {})):
        client.post("/v1/lineage", json=event(kind, **more))

    assert counts(app)["burnline_job_rows_out_total"] == 7
    assert counts(app)["burnline_job_started_total"] == 1


def test_a_failure_keeps_its_message_and_no_label_of_it(app: wiring.App) -> None:
    message = error_message_run.ErrorMessageRunFacet("disk\0 full", "python")

    Client(app).post("/v1/lineage", json=event("FAIL", run_facets={"errorMessage": {"message": message.message}}))

    with app.db.read() as tx:
        run = run_of(tx, "shop", "ingest", RUN)
        [failed] = [each for each in series.samples(tx, "shop") if each.name == "burnline_job_failed_total"]
    assert run is not None
    assert run.facts["message"] == "disk full"
    assert failed.labels == {"job": "ingest", "reason": "error"}


def test_jobs_of_others_break_no_pipeline_and_are_not_kept(app: wiring.App) -> None:
    other = event("START") | {"job": {"namespace": "airflow", "name": "other"}}
    own = event("START") | {"job": {"namespace": "shop", "name": "dag.task"}}
    client = Client(app)

    answers = [client.post("/api/v1/lineage", json=each) for each in (other, {"job": {}, "eventTime": "x"}, own)]

    assert [(answer.status_code, answer.json()["accepted"]) for answer in answers] == [
        (200, False),
        (200, False),
        (200, True),
    ]
    with app.db.read() as tx:
        assert list(jobs_of(tx, "shop")) == ["dag.task"]


def test_every_event_is_counted_by_what_became_of_it(app: wiring.App) -> None:
    other = event("START") | {"job": {"namespace": "airflow", "name": "other"}}
    own = event("START") | {"job": {"namespace": "shop", "name": "dag.task"}}
    client = Client(app)

    for each in (other, other, {"job": {}, "eventTime": "x"}, own, own):
        client.post("/v1/lineage", json=each)

    outcomes = ("kept", "repeated", "no_job", "no_run")
    counted = [app.registry.get_sample_value("burnline_lineage_events_total", {"outcome": name}) for name in outcomes]
    assert counted == [1, 1, 2, 1]


def test_a_gzipped_event_is_read(app: wiring.App) -> None:
    body = gzip.compress(json.dumps(event("COMPLETE")).encode())

    answer = Client(app).post("/v1/lineage", content=body, headers={"Content-Encoding": "gzip"})

    assert answer.json()["state"] == "finished"


def test_what_is_no_event_is_told(app: wiring.App) -> None:
    client = Client(app)
    long = event("START") | {"run": {"runId": "x" * 201}}
    bodies = [
        (b"", 400, "the body is empty"),
        (b"[" * 100_000, 400, "nested too deeply"),
        (b"[]", 422, "the body: is a list; write a mapping"),
        (b"{}", 422, "eventTime: is missing; run: is missing; job: is missing"),
        (json.dumps(event("COMPLET")).encode(), 422, "eventType: is 'COMPLET'; accepted: START"),
        (json.dumps(event("START") | {"eventTime": "2026-01-05T12:00:00"}).encode(), 422, "eventTime: is"),
        (json.dumps(long).encode(), 422, "run.runId: is longer than 200 characters"),
        (b" " * (5 << 20), 413, "larger than"),
    ]

    for body, status, words in bodies:
        answer = client.post("/v1/lineage", content=body)

        assert (answer.status_code, words in answer.json()["error"]) == (status, True), (answer.text, words)
    assert counts(app) == {}


def test_facets_of_odd_shapes_are_left_alone(app: wiring.App) -> None:
    odd = {
        "namespace": "s3",
        "name": "x",
        "facets": {"dataQualityAssertions": {"assertions": ["x", {"success": False}]}},
        "inputFacets": {"dataQualityMetrics": {"rowCount": -1, "columnMetrics": []}, "inputStatistics": 7},
    }

    answer = Client(app).post(
        "/v1/lineage", json=event("COMPLETE", inputs=[odd], run_facets={"nominalTime": {"nominalEndTime": 1}})
    )

    assert answer.json()["accepted"]
    assert counts(app)["burnline_job_schema_violations_total"] == 1
    assert "burnline_job_rows_in_total" not in counts(app)
