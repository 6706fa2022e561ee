"""`burnline init`: from a page to a service file that measures, whatever is on the page."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import copyfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.app import init as init_module
from burnline.app.init import RUNBOOKS
from burnline.app.services import load_checked
from burnline.app.wiring import build
from burnline.collectors.profiles.load import NAMES, load_profile
from burnline.collectors.profiles.offer import offer
from burnline.collectors.profiles.recognise import families, other_engine, recognise
from burnline.errors import SpecError
from burnline.metrics import serving as names
from burnline.settings import Settings
from burnline.spec.collect import ScrapeSpec
from burnline.spec.service import ServiceSpec
from tests.app.conftest import Cli
from tests.fakes.certificates import certificate
from tests.fakes.engine import serving_page

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
PAGES = Path(__file__).parents[1] / "collectors/profiles/pages"
EVERY = sorted(path.stem for path in PAGES.glob("*.txt"))
OF = {
    "vllm-0.8": "vllm",
    "triton-tensorrt-llm": "triton",
    "opentelemetry": "http",
    "genai": "http",
    "rabbitmq-per-object": "rabbitmq",
    "minio-v3": "minio",
    "qdrant-1.8": "qdrant",
    "postgres-exporter-primary": "postgres-exporter",
    "redis-exporter-replica": "redis-exporter",
}
UNPROMISED = ("node-exporter", "redis-exporter-replica")  # no promise that `init` could offer stands on these pages


def text(page: str) -> str:
    return (PAGES / f"{page}.txt").read_text()


def written(cli: Cli, page: str, out: Path, *options: str) -> tuple[ServiceSpec, str]:
    """The service that `burnline init` writes for a page, and what it says on stderr."""
    with serving_page(page) as engine:
        code, _, err = cli("init", engine.url, "-o", str(out), "--service", "chat", "--owner", "team", *options)
    assert code == 0, err
    (spec,) = load_checked(out)
    return spec, err


@pytest.mark.parametrize("page", EVERY)
def test_every_engine_is_known_by_its_page(page: str) -> None:
    best, *_ = recognise(families(text(page)))

    assert best.name == OF.get(page, page)
    assert best.sure is not best.profile.recognise.general


@pytest.mark.parametrize("page", EVERY)
def test_no_page_is_taken_for_another_engine_s_than_its_own(page: str) -> None:
    own = load_profile(OF.get(page, page))

    assert other_engine(own, families(text(page))) == ()


@pytest.mark.parametrize("page", EVERY)
def test_what_is_written_is_a_good_service_file_on_that_page(cli: Cli, tmp_path: Path, page: str) -> None:
    spec, said = written(cli, text(page), tmp_path / "chat.yaml")

    assert f"{load_profile(OF.get(page, page)).title}, because it has " in said
    assert spec.slos or "no promise on" in said


@pytest.mark.parametrize("page", [page for page in EVERY if page not in UNPROMISED])
def test_what_is_written_measures_real_numbers(cli: Cli, tmp_path: Path, migrated: Path, page: str) -> None:
    file = tmp_path / "chat.yaml"
    copyfile(migrated, tmp_path / "b.db")
    with serving_page(text(page)) as engine:
        code, _, err = cli("init", engine.url, "-o", str(file), "--service", "chat", "--owner", "team")
        assert code == 0, err
        app = build(Settings(services=file, database=f"sqlite:///{tmp_path}/b.db"))
        for seconds in range(0, 121, 15):
            app.collect(NOW + timedelta(seconds=seconds))
            app.evaluate(NOW + timedelta(seconds=seconds))

    statuses = {status.slo: status for status in app.statuses(NOW + timedelta(seconds=120))}
    made = [s for turn in app.latest_turns() for s in turn.samples if s.name.startswith("burnline_")]
    app.stop()
    assert statuses
    assert {slo: status.cause for slo, status in statuses.items() if not status.counts.total} == {}
    assert made


def test_the_best_threshold_is_the_next_bound_on_the_page(cli: Cli, tmp_path: Path) -> None:
    page = text("vllm").replace('le="1.0"', 'le="1.2"')

    spec, _ = written(cli, page, tmp_path / "chat.yaml")

    ttft = spec.slo("time-to-first-token")
    assert ttft is not None
    assert ttft.sli.latency is not None
    assert ttft.sli.latency.below == timedelta(seconds=1.2)
    assert "bounds:" in (tmp_path / "chat.yaml").read_text(), "burnline check would refuse a bound it does not know"


def test_the_reasons_stand_in_the_file(cli: Cli, tmp_path: Path) -> None:
    written(cli, text("vllm"), tmp_path / "chat.yaml")

    file = (tmp_path / "chat.yaml").read_text()
    assert "# counted so far: 8 of 1,000 were bad" in file
    assert "# counted so far: 94.0% of 1,000 were faster, fewer than promised" in file
    assert "# what a user of a chat feels first" in file
    assert all(len(line) <= 130 for line in file.splitlines())


def test_what_cannot_be_promised_is_told_with_the_flag_that_would_help(cli: Cli, tmp_path: Path) -> None:
    spec, said = written(cli, text("triton"), tmp_path / "chat.yaml")

    assert not any(slo.sli.latency for slo in spec.slos)
    assert "no promise on latency: " in said
    assert "--metrics-config histogram_latencies=true" in said
    assert "No promise on latency: " in (tmp_path / "chat.yaml").read_text()


def test_what_the_page_lacks_is_told(cli: Cli, tmp_path: Path) -> None:
    page = "\n".join(line for line in text("vllm").splitlines() if "time_to_first" not in line)

    spec, said = written(cli, page, tmp_path / "chat.yaml")

    assert spec.slo("time-to-first-token") is None
    assert f"no {names.TIME_TO_FIRST_TOKEN}: the page has no vllm:time_to_first_token_seconds; " in said
    assert "--disable-log-stats" in said


def test_several_engines_on_one_page_are_all_named(cli: Cli, tmp_path: Path) -> None:
    spec, said = written(cli, text("istio") + text("envoy"), tmp_path / "chat.yaml")

    (page,) = spec.collect
    assert getattr(page, "profile", "") == "istio"
    assert "also surely Envoy, because it has " in said
    assert "The page is also of Envoy" in (tmp_path / "chat.yaml").read_text()


def test_the_engine_can_be_told(cli: Cli, tmp_path: Path) -> None:
    spec, _ = written(cli, text("istio") + text("envoy"), tmp_path / "chat.yaml", "--profile", "envoy")

    assert [getattr(page, "profile", "") for page in spec.collect] == ["envoy"]


def test_the_models_version_is_read_where_an_info_series_tells_it(cli: Cli, tmp_path: Path) -> None:
    page = text("vllm") + 'model_info{model_version="7",name="x"} 1\n'

    spec, _ = written(cli, page, tmp_path / "chat.yaml")

    assert spec.model is not None
    assert spec.model.version is not None
    assert (spec.model.version.metric, spec.model.version.label) == ("model_info", "model_version")
    assert spec.model.name == "meta-llama/Llama-3.1-8B-Instruct"


@pytest.mark.parametrize("more", ['model_info{model_version="8"} 1\n', 'model_info{model_version="7",a="b"} 0\n'])
def test_a_version_that_is_not_one_is_left_out(cli: Cli, tmp_path: Path, more: str) -> None:
    spec, _ = written(cli, text("vllm") + 'model_info{model_version="7"} 1\n' + more, tmp_path / "chat.yaml")

    assert spec.model is None


def test_without_a_file_it_is_printed(cli: Cli) -> None:
    with serving_page(text("vllm")) as engine:
        code, out, _ = cli("init", engine.url)

    assert code == 0
    assert "service: service\nowner: unknown  # write who answers for this service\n" in out


def test_nothing_is_overwritten(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "chat.yaml"
    file.write_text("mine")

    code, _, err = cli("init", "http://127.0.0.1:9/metrics", "-o", str(file))

    assert (code, file.read_text()) == (1, "mine")
    assert "is there already; burnline init overwrites nothing" in err


def test_an_unknown_page_is_told_with_what_it_shows_and_what_is_needed(cli: Cli) -> None:
    page = '# TYPE my_seconds histogram\nmy_seconds_bucket{le="1"} 1\n# TYPE done_total counter\ndone_total 3\nheat 4\n'
    with serving_page(page) as engine:
        code, out, err = cli("init", engine.url)

    assert (code, out) == (1, "")
    assert "3 metrics, of no serving engine known here" in err
    assert "histograms: my_seconds\n" in err
    assert "counters: done_total\n" in err
    assert "`sli: {ratio: {bad: ..., total: ...}}`" in err


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["ftp://h/metrics"], "is not a URL"),
        (["http://a:secret@h/metrics"], "secrets do not stand in service files"),
        (["http://127.0.0.1:9/metrics"], "http://127.0.0.1:9/metrics: "),
        (["http://h/", "--service", "Chat Bot"], "--service 'Chat Bot' is no name"),
        (["http://h/", "--owner", "x" * 64], "is no name"),
        (["http://h/", "--profile", "vlm"], "did you mean 'vllm'?"),
    ],
)
def test_what_cannot_be_used_is_refused_in_words(cli: Cli, argv: list[str], message: str) -> None:
    code, out, err = cli("init", *argv)

    assert (code, out) == (1, "")
    assert message in err
    assert "secret@" not in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "body", ["", "\0\0\0", "<html><body>hello</body></html>", '{"a": 1}', "a{b=\n", "vllm:num_requests_running{ 1\n"]
)
def test_a_page_that_is_none_is_refused_without_a_traceback(cli: Cli, body: str) -> None:
    with serving_page(body) as engine:
        code, out, err = cli("init", engine.url)

    assert (code, out) == (1, "")
    assert engine.url in err
    assert "Traceback" not in err


HOSTILE = st.text(st.characters(codec="utf-8", exclude_characters='\n\\"'), max_size=40)


@given(name=HOSTILE, help_text=HOSTILE, version=HOSTILE)
def test_hostile_labels_and_helps_come_out_as_safe_yaml(
    tmp_path_factory: pytest.TempPathFactory, name: str, help_text: str, version: str
) -> None:
    page = (
        f"# HELP vllm:num_requests_running {help_text}\n"
        f'vllm:num_requests_running{{model_name="{name}"}} 1\n'
        f'model_info{{model_version="{version}"}} 1\n'
    )
    there = families(page)
    best, *_ = recognise(there)

    found = offer(best.profile, page, there, collector="vllm")
    made = init_module._render(ScrapeSpec(url="http://h/metrics"), "chat", "team", best, [best], found)

    file = tmp_path_factory.mktemp("hostile") / "chat.yaml"
    file.write_text(made)
    (spec,) = load_checked(file)
    assert spec.service == "chat"


def test_a_label_cannot_end_its_comment(tmp_path: Path) -> None:
    match = recognise(["vllm:num_requests_running"])[0]
    found = offer(match.profile, "vllm:num_requests_running 1\n", ["vllm:num_requests_running"], collector="vllm")

    hostile = ScrapeSpec.model_construct(url="http://h/metrics\nowner: x\x85a: b\x00")
    made = init_module._render(hostile, "chat", "team", match, [match], found)

    file = tmp_path / "chat.yaml"
    file.write_text(made)
    with pytest.raises(SpecError, match="url"):
        load_checked(file)
    assert "\nowner: x" not in made


def test_every_profile_says_what_to_do_without_latency_or_availability() -> None:
    for name in NAMES:
        profile = load_profile(name)
        assert profile.no_latency, name
        assert profile.availability or profile.no_availability, name


def test_a_page_that_asks_for_a_token_is_read_with_it_and_its_file_is_written_down(cli: Cli, tmp_path: Path) -> None:
    token, file = tmp_path / "minio-token", tmp_path / "store.yaml"
    token.write_text("s3cr3t")
    with serving_page(text("minio"), authorization="Bearer s3cr3t") as engine:
        without = cli("init", engine.url)
        code, _, err = cli("init", engine.url, "-o", str(file), "--bearer-token-file", "minio-token", "--owner", "team")
        live = cli("check", str(file), "--live")

    assert without[0] == 1
    assert "answered 401; it asks who is there: write `bearer_token_file`" in without[2]
    assert code == 0, err
    assert f'    bearer_token_file: "{token}"\n' in file.read_text()
    assert live[0] == 0, live[2]
    assert "s3cr3t" not in "".join((file.read_text(), err, live[1], live[2]))


@pytest.mark.integration
def test_a_page_by_tls_is_read_and_its_authority_written_down(cli: Cli, tmp_path: Path) -> None:
    pem, file = certificate(tmp_path, "ours"), tmp_path / "chat.yaml"
    with serving_page(text("vllm"), pem=pem) as engine:
        code, _, err = cli("init", engine.url, "-o", str(file), "--ca-file", str(pem), "--owner", "team")
        live = cli("check", str(file), "--live")

    assert code == 0, err
    assert f'    tls: {{ca: "{pem}"}}\n' in file.read_text()
    assert live[0] == 0, live[2]


@pytest.mark.parametrize(
    ("page", "runbooks"),
    [
        ("vllm", {"availability": "inference-crash", "time-to-first-token": "queue-saturation"}),
        ("kafka-exporter", {"backlog": "queue-saturation"}),
        ("dcgm-exporter", {"GpuXid": "gpu-failure"}),
        ("postgres-exporter", {}),
    ],
)
def test_the_file_says_what_is_next_and_its_comments_are_good_once_taken_out(
    cli: Cli, tmp_path: Path, page: str, runbooks: dict[str, str]
) -> None:
    file = tmp_path / "chat.yaml"
    written(cli, text(page), file)
    lines = file.read_text().splitlines()
    start = next(index for index, line in enumerate(lines) if line.startswith("# What is next: who is told"))

    assert bool(runbooks) is ("# No runbook that ships fits these promises" not in file.read_text())
    taken_out = [re.sub("^# (?=escalation|runbooks|  )", "", line) for line in lines[start:]]
    file.write_text("\n".join([*lines[:start], *taken_out]) + "\n")

    code, _, err = cli("check", str(file))
    (spec,) = load_checked(file)
    assert code == 0, err
    assert spec.escalation.page
    assert {str(binding.on.slo or binding.on.alert): binding.run for binding in spec.runbooks} == runbooks


def test_every_promise_on_a_gauge_is_given_its_runbook_or_none() -> None:
    gauges = {limit.name for name in NAMES for limit in load_profile(name).full}

    assert gauges == RUNBOOKS.keys()


@pytest.mark.parametrize("name", NAMES)
def test_what_would_show_a_series_is_a_sentence(name: str) -> None:
    """With a verb: `a first request` alone tells nobody what to do with it."""
    verbs = re.compile(
        r"\b(makes?|is|are|has|shows?|counts?|adds|read|start|set|run|write|name|must|measure|seen)\b", re.IGNORECASE
    )

    told = [quantity.shown_by for quantity in load_profile(name).quantities.values() if quantity.shown_by]

    assert [each for each in told if not verbs.search(each)] == []
