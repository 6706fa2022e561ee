"""Data points into series: names, kinds, what adds up and what does not."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from burnline.collectors.otlp import growth, labels
from burnline.collectors.pushed import PushedCollector
from burnline.store.database import Database
from tests.collectors.otlp.bodies import gauge, histogram, metric_body, point, total
from tests.collectors.otlp.scene import NOW, Scene, spec

SECOND = timedelta(seconds=1)
OLD = -7200.0  # a process that began two hours ago


@pytest.fixture
def scene(database: Database) -> Scene:
    return Scene(database)


def post(scene: Scene, *metrics: Any, seconds: float = 0, service: str = "shop", **resource: Any) -> Any:
    return scene.post("metrics", metric_body(service, *metrics, **resource), NOW + seconds * SECOND)


def test_a_running_total_adds_what_it_grew_by(scene: Scene) -> None:
    for seconds, value in ((0, 5), (60, 7), (120, 7), (180, 10)):
        post(scene, total("jobs.done", point(value, start=-30, at=seconds)), seconds=seconds)

    assert scene.values() == {"jobs_done_total": 10}


def test_an_integer_may_be_a_text_or_a_number_and_a_double_either(scene: Scene) -> None:
    post(scene, total("a", {"asInt": "5", "startTimeUnixNano": str(int(NOW.timestamp()) * 10**9)}))
    post(scene, total("b", {"asInt": 5, "startTimeUnixNano": int(NOW.timestamp()) * 10**9}))
    post(scene, total("c", {"asDouble": 5, "startTimeUnixNano": str(int(NOW.timestamp()) * 10**9)}))

    assert scene.values() == {"a_total": 5, "b_total": 5, "c_total": 5}


def test_an_old_total_that_is_heard_of_for_the_first_time_is_a_baseline(scene: Scene) -> None:
    post(scene, total("jobs", point(1_000_000, start=OLD)))
    assert scene.values() == {"jobs_total": 0}

    post(scene, total("jobs", point(1_000_003, start=OLD, at=60)), seconds=60)
    assert scene.values() == {"jobs_total": 3}


def test_a_series_that_is_new_in_a_known_process_counts_whole(scene: Scene) -> None:
    post(scene, total("errors", point(0, start=OLD, labels={"code": 400})))

    post(scene, total("errors", point(4, start=OLD, at=60, labels={"code": 500})), seconds=60)

    assert scene.values() == {'errors_total{code="400"}': 0, 'errors_total{code="500"}': 4}


def test_a_process_that_was_silent_for_long_is_new_again(scene: Scene) -> None:
    post(scene, total("errors", point(0, start=OLD, labels={"code": 400})))

    post(scene, total("errors", point(4, start=OLD, at=3600, labels={"code": 500})), seconds=3600)

    assert scene.values()['errors_total{code="500"}'] == 0


def test_a_process_that_starts_again_begins_at_nothing(scene: Scene) -> None:
    post(scene, total("jobs", point(50, start=-30)))
    post(scene, total("jobs", point(60, start=40, at=60)), seconds=60)

    assert scene.values() == {"jobs_total": 110}


def test_a_total_that_falls_without_a_word_began_anew(scene: Scene) -> None:
    post(scene, total("jobs", point(50, start=-30)))
    post(scene, total("jobs", point(8, start=-30, at=60)), seconds=60)

    assert scene.values() == {"jobs_total": 58}


def test_processes_that_call_themselves_alike_do_not_disturb_each_other(scene: Scene) -> None:
    for seconds in (0, 60, 120):
        post(scene, total("jobs", point(1000 + seconds, start=-30, at=seconds)), seconds=seconds)
        post(scene, total("jobs", point(10 + seconds, start=-20, at=seconds)), seconds=seconds)

    assert scene.values() == {"jobs_total": 1120 + 130}


def test_instances_are_added_up_and_are_no_label(scene: Scene) -> None:
    for name in ("a", "b"):
        post(scene, total("jobs", point(5, start=-30)), service_instance_id=name)

    assert scene.values() == {"jobs_total": 10}


def test_a_point_that_was_overtaken_adds_nothing(scene: Scene) -> None:
    post(scene, total("jobs", point(9, start=-30, at=60)), seconds=60)
    post(scene, total("jobs", point(5, start=-30, at=0)), seconds=61)
    post(scene, total("jobs", point(10, start=-30, at=120)), seconds=120)

    assert scene.values() == {"jobs_total": 10}


def test_deltas_add_up_in_any_order_and_once(scene: Scene) -> None:
    for at, value, padding in ((60, 5, ""), (0, 2, ""), (60, 5, "again"), (120, 1, "")):
        post(scene, total("jobs", point(value, start=at - 60, at=at), delta=True, unit=f"{{{padding}}}"))

    assert scene.values() == {"jobs_total": 8}


def test_a_time_in_the_future_does_not_silence_what_comes_after_it(scene: Scene) -> None:
    post(scene, total("jobs", point(3, start=-30)))
    post(scene, total("jobs", point(5, start=-30, at=10 * 365 * 86_400)), seconds=30)
    post(scene, total("jobs", point(9, start=-30, at=60)), seconds=60)

    assert scene.values() == {"jobs_total": 9}


@pytest.mark.parametrize("field", ["timeUnixNano", "startTimeUnixNano"])
def test_a_time_that_no_clock_shows_is_refused_alone(scene: Scene, field: str) -> None:
    post(scene, total("jobs", {**point(3), field: str(2**63)}), total("runs", point(2)))

    assert scene.values() == {"runs_total": 2}


def test_a_body_that_comes_again_counts_once_over_a_restart(scene: Scene) -> None:
    body = metric_body("shop", total("jobs", point(5, at=60), delta=True), gauge("depth", point(3)))

    scene.post("metrics", body)
    scene.restart()
    again = scene.post("metrics", body)

    assert again.repeated == 2
    assert scene.values() == {"depth": 3, "jobs_total": 5}


def test_what_goes_up_and_down_is_a_gauge(scene: Scene) -> None:
    post(scene, total("queue.size", point(5), monotonic=False))
    post(scene, total("queue.size", point(3, at=60), monotonic=False))
    post(scene, total("open", point(5, at=0), monotonic=False, delta=True))
    post(scene, total("open", point(-2, at=60), monotonic=False, delta=True))

    assert scene.values() == {"queue_size": 3, "open": 3}


def test_a_gauge_says_of_which_instance_it_is(scene: Scene) -> None:
    post(scene, gauge("hw.gpu.utilization", point(0.5, labels={"hw.id": "g0"}), unit="1"), host_name="node-1")

    assert scene.values() == {'hw_gpu_utilization_ratio{hw_id="g0",instance="node-1"}': 0.5}


def test_a_gauge_without_a_value_is_gone_at_once(scene: Scene) -> None:
    post(scene, gauge("depth", point(5)))
    post(scene, gauge("depth", point(None, flags=1, at=60)))

    assert scene.values() == {}


def test_a_gauge_is_served_for_five_minutes(scene: Scene) -> None:
    post(scene, gauge("depth", point(5)), total("jobs", point(1)))
    collector = PushedCollector(scene.db, "shop", interval=15 * SECOND)

    soon, late = (collector.collect(NOW + seconds * SECOND) for seconds in (299, 301))

    assert [each.name for each in soon] == ["depth", "jobs_total"]
    assert [each.name for each in late] == ["jobs_total"]


def test_a_histogram_keeps_its_bounds(scene: Scene) -> None:
    first = point(count="3", sum=0.6, bucketCounts=["1", "1", "1"], explicitBounds=[0.1, 0.25], start=-30)
    second = point(count=5, sum=2, bucketCounts=[2, 1, 2], explicitBounds=[0.1, 0.25], start=-30, at=60)

    post(scene, histogram("http.server.request.duration", first))
    post(scene, histogram("http.server.request.duration", second))

    name = "http_server_request_duration_seconds"
    assert scene.values() == {
        f'{name}_bucket{{le="0.1"}}': 2,
        f'{name}_bucket{{le="0.25"}}': 3,
        f'{name}_bucket{{le="+Inf"}}': 5,
        f"{name}_count": 5,
        f"{name}_sum": 2,
    }


def test_a_histogram_is_read_back_whole_and_from_its_lowest_bucket_up(scene: Scene) -> None:
    bounds = [0.5, 2.5, 10.0]
    made = point(count=4, sum=9.0, bucketCounts=[1, 1, 1, 1], explicitBounds=bounds, labels={"a": "1"})
    post(scene, histogram("d", made, {**made, "attributes": []}))

    found = PushedCollector(scene.db, "shop", interval=15 * SECOND).collect(NOW)

    one = ["0.5", "2.5", "10.0", "+Inf", "_count", "_sum"]
    assert [each.labels.get("le", each.name.removeprefix("d_seconds")) for each in found] == [*one, *one]
    assert [each.labels.get("a") for each in found] == [None] * 6 + ["1"] * 6


def test_a_histogram_without_buckets_is_a_count_and_a_sum(scene: Scene) -> None:
    post(scene, histogram("d", point(count=3, sum=1.5, start=-30)))

    assert scene.values() == {'d_seconds_bucket{le="+Inf"}': 3, "d_seconds_count": 3, "d_seconds_sum": 1.5}


def test_an_exponential_histogram_gets_the_bounds_of_http_durations(scene: Scene) -> None:
    """Scale 0: the buckets end at 1/4, 1/2, 1, 2 seconds; each is counted in the first bound that holds it whole."""
    buckets = {"offset": -3, "bucketCounts": ["1", "2", "4", "8"]}

    post(scene, histogram("d", point(count=16, sum=20, zeroCount=1, positive=buckets, scale=0), exponential=True))

    found = scene.values(prefix="d_seconds_bucket")
    wanted = {"0.005": 1, "0.1": 1, "0.25": 2, "0.5": 4, "0.75": 4, "1.0": 8, "2.5": 16, "+Inf": 16}
    assert {le: found[f'd_seconds_bucket{{le="{le}"}}'] for le in wanted} == wanted


def test_an_exponential_histogram_that_grows_coarser_never_falls(scene: Scene) -> None:
    fine = {"offset": -1, "bucketCounts": [10]}  # scale 0: over 0.5 s to 1 s
    coarse = {"offset": -1, "bucketCounts": [12]}  # scale -1: over 0.25 s to 1 s
    coarser = {"offset": -1, "bucketCounts": [13, 1]}  # scale -2: over 0.0625 s to 1 s, and to 16 s
    seen = []
    for at, buckets, scale in ((0, fine, 0), (60, coarse, -1), (120, coarser, -2)):
        made = point(count=sum(buckets["bucketCounts"]), positive=buckets, scale=scale, at=at)  # type: ignore[call-overload]
        post(scene, histogram("d", made, exponential=True), seconds=at)
        seen.append(scene.values(prefix="d_seconds_bucket"))

    assert all(before[key] <= after[key] for before, after in pairwise(seen) for key in before)
    assert seen[-1]['d_seconds_bucket{le="+Inf"}'] == 14


def test_a_summary_is_a_count_a_sum_and_its_quantiles(scene: Scene) -> None:
    quantiles = [{"quantile": 0.5, "value": 0.2}, {"quantile": 0.99, "value": "NaN"}]
    made = {"name": "rpc", "unit": "s", "summary": {"dataPoints": [point(count=4, sum=1.0, quantileValues=quantiles)]}}

    post(scene, made)

    assert scene.values() == {'rpc_seconds{quantile="0.5"}': 0.2, "rpc_seconds_count": 4, "rpc_seconds_sum": 1}


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "x", "", -1.0, "9" * 400, "1e999", None])
def test_a_value_that_no_counter_can_have_is_refused_alone(scene: Scene, value: Any) -> None:
    receipt = post(scene, total("jobs", {"asDouble": value}, point(5)))

    assert receipt.refused == {"malformed": 1}
    assert scene.values() == {"jobs_total": 5}


@pytest.mark.parametrize(
    "broken",
    [
        {"count": 2, "bucketCounts": [1, 1, 1], "explicitBounds": [0.1]},
        {"count": 2, "bucketCounts": [1, 1, 1], "explicitBounds": [0.2, 0.1]},
        {"count": 2, "bucketCounts": [1, -1], "explicitBounds": [0.1]},
        {"count": 2, "bucketCounts": [1, 1], "explicitBounds": ["NaN"]},
        {"count": "two"},
    ],
)
def test_a_histogram_that_cannot_be_is_refused(scene: Scene, broken: Any) -> None:
    assert post(scene, histogram("d", {**point(), **broken})).refused == {"malformed": 1}
    assert scene.values() == {}


@pytest.mark.parametrize("name", ["burnline.slo.objective", "burnline_otlp_spans", "", "...", None])
def test_a_name_that_is_none_or_burnlines_own_is_refused(scene: Scene, name: Any) -> None:
    assert post(scene, total(name, point(5))).refused == {"name": 1}


def test_a_sum_must_say_how_it_counts(scene: Scene) -> None:
    made = total("jobs", point(5))
    del made["sum"]["aggregationTemporality"]

    assert post(scene, made).refused == {"malformed": 1}


def test_labels_that_would_be_ambiguous_are_told_apart(scene: Scene) -> None:
    given = {"http.route": "/a", "http_route": "/b", "le": "1", "1st": True, "__name__": "x", "...": "y"}

    post(scene, gauge("depth", point(5, labels=given)))

    assert scene.values() == {
        'depth{exported_le="1",http_route="/a;/b",key_1st="true",name__="x"}': 5,
    }


def test_a_flood_of_labels_is_refused_and_the_rest_is_taken(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labels, "MOST_SERIES", 4)
    made = [point(1, labels={"user": f"u{n}"}) for n in range(10)]

    receipt = post(scene, total("jobs", *made))

    assert receipt.refused == {"series": 6}
    assert "has 4 sets of labels already" in receipt.message
    assert len(scene.values()) == 4


def test_a_flood_of_names_is_refused(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labels, "MOST_NAMES", 2)

    receipt = post(scene, *(total(f"n{n}", point(1)) for n in range(5)))
    scene.restart()
    after = post(scene, *(total(f"m{n}", point(1)) for n in range(5)))

    assert (receipt.refused, after.refused) == ({"names": 3}, {"names": 5})


def test_a_flood_of_processes_is_refused(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "MOST_STREAMS", 6)

    refused = [
        post(scene, total("jobs", point(1, start=-30)), service_instance_id=f"p{n}").refused.get("streams", 0)
        for n in range(8)
    ]

    assert refused == [0, 0, 0, 1, 1, 1, 1, 1], "two rows each: the process and its stream"
    assert scene.values() == {"jobs_total": 3}


def test_metrics_of_three_generations_are_the_same_series(database: Database) -> None:
    scene = Scene(database, spec(genai="metrics"))
    bounds: Any = {"count": 3, "sum": 1.2, "bucketCounts": [1, 2], "explicitBounds": [0.5], "start": -30}
    old = {"gen_ai.system": "openai", "gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}
    new = {"gen_ai.provider.name": "openai", "gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}

    post(scene, histogram("gen_ai.client.operation.duration", point(labels=old, **bounds)))
    post(scene, histogram("gen_ai.client.inference.duration", point(labels={**new, "error.type": "x"}, **bounds)))
    tokens: Any = {"count": 3, "sum": 900, "bucketCounts": [1, 2], "explicitBounds": [4], "start": -30}
    post(scene, histogram("gen_ai.client.token.usage", point(labels={**old, "gen_ai.token.type": "input"}, **tokens)))
    post(scene, total("gen_ai.client.inference.usage.input_tokens", point(100, start=-30, labels=new)))

    whose = 'model="m",operation="chat",provider="openai"'
    found = scene.values()
    assert found[f"burnline_genai_operations_total{{{whose}}}"] == 6
    assert found[f"burnline_genai_errors_total{{{whose}}}"] == 3
    assert found[f'burnline_genai_operation_duration_seconds_bucket{{le="0.5",{whose}}}'] == 2
    assert found['burnline_genai_input_tokens_total{model="m",provider="openai"}'] == 1000


def test_points_of_nobody_are_counted_as_refused(scene: Scene) -> None:
    receipt = post(scene, total("a", point(1), point(2)), gauge("b", point(3)), service="nobody")

    assert receipt.refused == {"unknown_service": 3}


def test_what_is_unknown_or_null_is_passed_over(scene: Scene) -> None:
    body = json.loads(metric_body("shop", {"name": "x"}, {"name": "y", "gauge": None}, gauge("depth", point(5))))
    body["resourceMetrics"][0] |= {"schemaUrl": "x", "future": [{"a": None}], "entityRefs": []}
    body["resourceMetrics"][0]["scopeMetrics"][0]["scope"] = None

    assert scene.post("metrics", json.dumps(body)).accepted == {"shop": 1}
    assert scene.values() == {"depth": 5}
