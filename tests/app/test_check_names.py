"""Names of burnline's own series in a service file: a typo is refused, what nothing gives is told."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from shutil import copyfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from burnline.app.check_names import doubtful_names, unknown_names
from burnline.app.wiring import build
from burnline.collectors.profiles.load import NAMES, load_profile
from burnline.metrics.measured import kind_of
from burnline.metrics.register import MEASURED
from burnline.settings import Settings
from burnline.spec.service import ServiceSpec
from tests.app.conftest import Cli

DOCS = Path(__file__).parents[2] / "docs"
HEAD = "apiVersion: burnline/v1\nservice: chat\nowner: team\n"
COLLECT = 'collect: [{{url: "http://chat:8000/metrics", profile: {}}}]\n'
DCGM = {"url": "http://x/", "profile": "dcgm-exporter"}
SQS = {"sqs": "https://sqs.example.com/1/jobs"}
LIST = {"redis_list": "a", "url": "redis://r:6379"}
CELERY = {"celery": "tasks", "url": "redis://r:6379"}
RABBIT = {"rabbitmq": "b", "url": "http://rabbitmq:15672"}
SLO = "slos: [{{name: own, objective: 99%, window: 30d, sli: {{threshold: {{gauge: {}, above: 0.9}}}}}}]\n"


def threshold(metric: str, **rest: object) -> ServiceSpec:
    slo = {"name": "own", "objective": "99%", "window": "30d", "sli": {"threshold": {"gauge": metric, "above": 1}}}
    known = {"apiVersion": "burnline/v1", "service": "chat", "owner": "team", "slos": [slo]}
    return ServiceSpec.model_validate({**known, **rest})


def warnings(metric: str, **rest: object) -> list[str]:
    return [flaw.message for flaw in doubtful_names(threshold(metric, **rest))]


def test_a_typo_is_refused_with_its_line_and_what_was_meant(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "chat.yaml"
    file.write_text(HEAD + "collect: [gpu]\n" + SLO.format("burnline_gpu_utilisation_ratio"))

    code, _, err = cli("check", str(file))

    meant = "is no series of burnline's; did you mean 'burnline_gpu_utilization_ratio'?"
    assert code == 1
    assert err == f"{file}:5: slos[0].sli.threshold.gauge: burnline_gpu_utilisation_ratio {meant}\n"


def test_a_series_that_nothing_in_the_file_gives_is_a_warning_that_says_what_does(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "chat.yaml"
    file.write_text(HEAD + SLO.format("burnline_gpu_utilization_ratio"))

    code, _, err = cli("check", str(file))

    assert code == 0
    assert f"warning: {file}:4: slos[0].sli.threshold.gauge: nothing in this file gives burnline_gpu_utiliz" in err
    assert "write `gpu` in `collect`, or scrape an exporter's page with `profile: dcgm-exporter`" in err


@pytest.mark.parametrize(
    ("metric", "rest", "advice"),
    [
        ("burnline_host_cpus", {"collect": ["gpu"]}, "`host`"),
        ("burnline_queue_messages_ready", {}, "`queue`"),
        ("burnline_queue_consumers", {"collect": [{"queue": SQS}]}, "of redis_stream, rabbitmq, kafka or celery"),
        ("burnline_queue_consumers", {"collect": [{"queue": LIST}]}, "of redis_stream, rabbitmq, kafka or celery"),
        ("burnline_queue_messages_served_total", {"collect": [{"queue": LIST}]}, "of redis_stream, rabbitmq"),
        ("burnline_queue_oldest_message_age_seconds", {"collect": [{"queue": LIST}]}, "write `timestamp` at the queue"),
        ("burnline_queue_messages_inflight", {"collect": [{"queue": LIST}]}, "write `processing` at the queue"),
        ("burnline_queue_consumers", {"collect": [{"queue": CELERY}]}, "of redis_stream, rabbitmq, kafka or celery"),
        ("burnline_queue_messages_arrived_total", {"collect": [{"queue": CELERY}]}, "write a `queue` of redis_stream"),
        ("burnline_queue_oldest_message_timestamp_seconds", {"collect": [{"queue": CELERY}]}, "`timestamp`"),
        (
            'burnline_queue_consumers{queue="a"}',
            {"collect": [{"queue": LIST}, {"queue": RABBIT}]},
            "write a `queue` of",
        ),
        ("burnline_cost_training_total", {"cost": {"gpu_hour": "1 USD", "gpus": 8}}, "`jobs`"),
        ("burnline_serving_waiting_requests", {"collect": [{"url": "http://x/", "profile": "minio"}]}, "vllm"),
        ("burnline_storage_free_bytes", {"collect": [{"url": "http://x/"}]}, "a page of profile `http` shows it"),
        ("burnline_job_running", {}, "`jobs`"),
        ("burnline_job_overdue_seconds", {"jobs": {"train": {}}}, "`every`"),
        ("burnline_job_data_lag_seconds", {"jobs": {"train": {"every": "1d"}}}, "`behind`"),
        ('burnline_job_running{job="trian"}', {"jobs": {"train": {}}}, "did you mean 'train'?"),
        ("burnline_business_value", {"business": {"orders": {"posted": "counter"}}}, "`posted: gauge`"),
        ('burnline_business_value{number="buzy"}', {"business": {"busy": {"posted": "gauge"}}}, "'busy'?"),
        ("burnline_cost_per_unit", {}, "`cost`"),
        ("burnline_cost_cache_saved_total", {"cost": {"gpu_hour": "1 USD", "gpus": 8}}, "`cost.cache_hits`"),
        ("burnline_cost_idle_total", {"cost": {"gpu_hour": "1 USD", "gpus": 8}}, "`gpu`"),
        ("http_requests_total", {"cost": {"gpu_hour": "1 USD"}}, "or how many serve: `cost.gpus`"),
        ("burnline_release_info", {}, "`model.version`"),
        ("burnline_events_schema_violations_total", {}, "`model.schema`"),
        ("burnline_answers_total", {"telemetry": {"content": {"sample": "0%"}}}, "`content: {sample: 10%}`"),
        ("burnline_signal_score_ratio", {}, "told by burnline of itself"),
    ],
)
def test_what_is_to_be_declared_is_named(metric: str, rest: dict[str, object], advice: str) -> None:
    [said] = warnings(metric, **rest)

    assert advice in said


def test_gpus_that_are_read_twice_are_told_with_what_to_leave_out() -> None:
    [flaw] = doubtful_names(threshold("http_requests_total", collect=[DCGM, "gpu"]))

    assert flaw.place == ("collect", 1)
    assert "leave `gpu` out" in flaw.message


@pytest.mark.parametrize(
    ("metric", "rest"),
    [
        ("burnline_gpu_power_watts", {"collect": ["gpu"]}),
        ("burnline_gpu_power_watts", {"collect": [DCGM]}),
        ("burnline_host_cpus", {"collect": [{"host": {"proc": "/host/proc"}}]}),
        ("burnline_queue_messages_ready", {"collect": [{"queue": {"redis_list": "a", "url": "redis://r:6379"}}]}),
        ("burnline_queue_oldest_message_age_seconds", {"collect": [{"queue": {**LIST, "timestamp": "at"}}]}),
        ("burnline_queue_messages_inflight", {"collect": [{"queue": {**LIST, "processing": "doing"}}]}),
        ("burnline_queue_consumers", {"collect": [{"queue": {**CELERY, "url": "http://rabbitmq:15672"}}]}),
        ("burnline_queue_consumers", {"collect": [{"queue": {**CELERY, "url": "env:BROKER"}}]}),
        ('burnline_queue_consumers{queue="b"}', {"collect": [{"queue": LIST}, {"queue": RABBIT}]}),
        ("burnline_queue_consumers", {"collect": [{"queue": LIST}, {"queue": RABBIT}]}),
        ('burnline_job_running{job="train"}', {"jobs": {"train": {}}}),
        ('burnline_business_value{number="busy"}', {"business": {"busy": {"posted": "gauge"}}}),
        ("burnline_cost_spent_total", {"cost": {"gpu_hour": "1 USD", "gpus": 8}}),
        ("burnline_cost_idle_total", {"cost": {"gpu_hour": "1 USD"}, "collect": ["gpu"]}),
        ("burnline_cost_idle_total", {"cost": {"gpu_hour": "1 USD"}, "collect": [DCGM]}),
        ("burnline_genai_evaluation_score_sum", {}),
        ("burnline_otlp_spans_total", {}),
        ("burnline_answers_total", {"telemetry": {"content": {"sample": "10%"}}}),
        ("burnline_security_events_total", {}),
        ("http_requests_total", {}),
    ],
)
def test_what_is_declared_or_needs_no_declaration_is_good(metric: str, rest: dict[str, object]) -> None:
    spec = threshold(metric, **rest)

    assert [*unknown_names(spec), *doubtful_names(spec)] == []


@settings(max_examples=30)
@given(name=st.sampled_from(sorted(MEASURED)), typo=st.sampled_from(["x", "_totals", "_byte"]))
def test_every_measured_name_is_accepted_where_its_kind_may_stand_and_nothing_near_it(name: str, typo: str) -> None:
    kind = kind_of(name)
    latency = {"latency": {"histogram": name, "below": "1s"}}
    slo = {"name": "own", "objective": "99%", "window": "30d", "sli": latency}

    as_series = list(unknown_names(threshold(name)))
    as_histogram = list(unknown_names(threshold("up", slos=[slo])))

    assert bool(as_series) is (kind in ("histogram", "summary"))
    assert bool(as_histogram) is (kind != "histogram")
    assert len(list(unknown_names(threshold(name + typo)))) == 1
    if kind == "histogram":
        assert not list(unknown_names(threshold(f"{name}_count")))


@pytest.mark.parametrize("name", NAMES)
def test_what_a_profile_makes_needs_nothing_but_the_page(name: str) -> None:
    page = {"url": "http://x/", "profile": name}
    made = [each for each in load_profile(name).quantities if kind_of(each) != "histogram"]

    assert [said for each in made for said in warnings(each, collect=[page])] == []


def test_the_names_of_every_part_of_a_file_are_looked_at() -> None:
    number = {"ratio": {"bad": "burnline_job_failed", "total": "burnline_job_ended_total"}}
    cost = {"gpu_hour": "1 USD", "per": {"token": "burnline_genai_output_token_total"}}
    spec = threshold("up", business={"runs": number}, cost=cost)

    places = [flaw.place for flaw in unknown_names(spec)]

    assert places == [("business", "runs", "ratio", "bad"), ("cost", "per", "token")]


def test_promql_may_name_what_a_rule_records_so_it_is_only_told() -> None:
    text = 'sum(rate(burnline_serving_errs_total{service="burnline_x"}[$window]))'
    slo = {"name": "own", "objective": "99%", "window": "30d", "sli": {"promql": {"error_ratio": text}}}
    spec = threshold("up", slos=[slo])

    [flaw] = doubtful_names(spec)

    assert flaw.place == ("slos", 0, "sli", "promql", "error_ratio")
    assert "burnline_serving_errs_total, unless a rule of yours records it, " in flaw.message
    assert list(unknown_names(spec)) == []


def test_up_goes_on_and_warns_by_file_and_line(
    tmp_path: Path, migrated: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "chat.yaml"
    copyfile(migrated, tmp_path / "b.db")
    file.write_text(HEAD + SLO.format("burnline_gpu_utilisation_ratio"))

    with caplog.at_level(logging.WARNING, "burnline"):
        build(Settings(services=file, database=f"sqlite:///{tmp_path}/b.db")).stop()

    [told] = [record for record in caplog.records if "nothing gives" in record.message]
    assert (told.__dict__["file"], told.__dict__["line"]) == (str(file), 4)
    assert "burnline_gpu_utilization_ratio" in told.__dict__["problem"]


def test_build_writes_its_files_and_warns(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "chat.yaml"
    file.write_text(HEAD + SLO.format("burnline_gpu_utilisation_ratio"))

    code, out, err = cli("build", str(file), "-o", str(tmp_path / "out"))

    assert code == 0
    assert "burnline-rules.yml" in out
    assert f"warning: {file}:4: " in err


@pytest.mark.parametrize("page", sorted(path.name for path in DOCS.glob("*.md")))
def test_the_examples_of_the_documentation_name_series_that_exist(page: str) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)
    named = {
        name for block in blocks for name in re.findall(r"(?:gauge|total|bad|good|counter): '?(burnline_\w+)", block)
    }

    assert [name for name in named if list(unknown_names(threshold(name)))] == []
