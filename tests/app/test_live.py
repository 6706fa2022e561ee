"""`burnline check --live`: what an SLO or a profile needs, and a page does not show."""

from __future__ import annotations

import re
import socket
from datetime import timedelta
from pathlib import Path

import pytest

from tests.app.conftest import Cli
from tests.brokers import RedisServer
from tests.fakes.engine import serving_page

PAGES = Path(__file__).parents[1] / "collectors/profiles/pages"
VLLM = (PAGES / "vllm.txt").read_text()
SERVICE = """\
apiVersion: burnline/v1
service: chat
owner: team
collect: [{{url: "{url}", profile: {profile}}}]
slos:
  - name: availability
    objective: 99%
    window: 30d
    sli: {{ratio: {{bad: 'http_requests_total{{status=~"5.."}}', total: http_requests_total}}}}
  - {{name: ttft, objective: 99%, window: 30d, sli: {{latency: {{histogram: "{histogram}", below: {below}}}}}}}
"""
TTFT = "vllm:time_to_first_token_seconds"


def look(
    cli: Cli, folder: Path, page: str, *, profile: str = "vllm", histogram: str = TTFT, below: str = "1s"
) -> tuple[int, str, str]:
    file = folder / "chat.yaml"
    with serving_page(page) as engine:
        file.write_text(SERVICE.format(url=engine.url, profile=profile, histogram=histogram, below=below))
        return cli("check", str(file), "--live")


def test_a_page_with_all_that_is_needed_is_good(cli: Cli, tmp_path: Path) -> None:
    code, out, err = look(cli, tmp_path, VLLM)

    assert (code, err) == (0, "")
    assert out.endswith("the pages show what the SLOs need\n")


def test_an_slo_on_what_no_page_shows_fails_by_line(cli: Cli, tmp_path: Path) -> None:
    page = "\n".join(line for line in VLLM.splitlines() if "http_requests_total" not in line)

    code, _, err = look(cli, tmp_path, page)

    assert code == 1
    assert "chat.yaml:9: slos[0].sli.ratio: no page of this service shows http_requests_total; the API server " in err


def test_a_threshold_that_is_no_bound_on_the_page_fails_with_the_bounds(cli: Cli, tmp_path: Path) -> None:
    code, _, err = look(cli, tmp_path, VLLM.replace('le="1.0"', 'le="1.25"'))

    assert code == 1
    assert "slos[1].sli.latency.below: is 1s, which is no bucket bound on the page (seconds: 0.001, " in err
    assert "0.75, 1.25, 2.5" in err


def test_what_only_the_profile_lacks_is_a_note(cli: Cli, tmp_path: Path) -> None:
    page = "\n".join(line for line in VLLM.splitlines() if "e2e_request" not in line)

    code, _, err = look(cli, tmp_path, page)

    assert code == 0
    assert "note: " in err
    assert "no burnline_serving_request_duration_seconds: the page has no vllm:e2e_request_latency_seconds; " in err


def test_what_the_engine_shows_only_when_asked_is_told_and_fails_where_an_slo_needs_it(
    cli: Cli, tmp_path: Path
) -> None:
    own = "burnline_serving_time_to_first_token_seconds"
    page = "\n".join(
        line for line in (PAGES / "triton.txt").read_text().splitlines() if "first_response_histogram" not in line
    )
    flag = "; start it with --metrics-config histogram_latencies=true (24.11 and later, decoupled models)\n"

    _, _, err = look(cli, tmp_path, page, profile="triton", histogram=own, below="500ms")

    notes = [line for line in err.splitlines(keepends=True) if line.startswith("note: ")]
    assert f"slos[1].sli.latency: no page of this service shows {own}_bucket{flag}" in err
    assert any(note.endswith(f"collect[0].profile: not on the page: {own}{flag}") for note in notes)


def test_burnlines_own_series_are_looked_for_as_well(cli: Cli, tmp_path: Path) -> None:
    own = "burnline_serving_time_to_first_token_seconds"

    assert look(cli, tmp_path, VLLM, histogram=own)[0] == 0
    page = "\n".join(line for line in VLLM.splitlines() if "time_to_first" not in line)
    assert f"no page of this service shows {own}_bucket" in look(cli, tmp_path, page, histogram=own)[2]


def test_what_burnline_measures_elsewhere_is_not_looked_for_on_pages(cli: Cli, tmp_path: Path) -> None:
    assert look(cli, tmp_path, VLLM, histogram="burnline_otlp_span_duration_seconds")[0] == 0


def test_a_page_that_cannot_be_read_fails_with_its_address(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "chat.yaml"
    file.write_text(SERVICE.format(url="http://127.0.0.1:9/metrics", profile="vllm", histogram=TTFT, below="1s"))

    code, _, err = cli("check", str(file), "--live")

    assert code == 1
    assert "chat.yaml:4: collect[0].url: http://127.0.0.1:9/metrics: " in err
    assert "Traceback" not in err


@pytest.mark.parametrize("profile", ["vllm", "http"])
def test_a_page_of_another_engine_is_named_with_what_to_write(cli: Cli, tmp_path: Path, profile: str) -> None:
    page = (PAGES / "sglang.txt").read_text()

    _, _, err = look(cli, tmp_path, page, profile=profile)

    notes = [line for line in err.splitlines() if line.startswith("note: ")]
    assert len(notes) == 1
    assert "chat.yaml:4: collect[0].profile: this page is of SGLang (sglang:num_running_reqs, " in notes[0]
    assert notes[0].endswith("): write `profile: sglang`")


def test_what_was_seen_of_each_source_is_told(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "chat.yaml"
    queue = '{queue: {redis_list: jobs, url: "redis://127.0.0.1:9"}}'
    file.write_text(f"apiVersion: burnline/v1\nservice: chat\nowner: team\ncollect:\n- host\n- gpu\n- {queue}\n")

    code, out, err = cli("check", str(file), "--live")

    assert code == 1
    assert re.search(r"chat.yaml:5: collect\[0\]: /proc: [0-9,]+ series\n", out)
    assert re.search(r"chat.yaml:6: collect\[1\]: nvml: (nothing to read here: |\d+ (of \d+ )?GPUs)", out)
    assert "chat.yaml:7: collect[2].queue: redis_list jobs at redis://127.0.0.1:9: " in err
    assert "Traceback" not in err


@pytest.mark.integration
def test_a_queue_shows_its_numbers_and_an_slo_on_what_it_does_not_know_fails(cli: Cli, tmp_path: Path) -> None:
    redis, file = RedisServer(tmp_path), tmp_path / "chat.yaml"
    gauge = "{{name: {}, objective: 99%, window: 30d, sli: {{threshold: {{gauge: burnline_queue_{}, above: 9}}}}}}"
    file.write_text(
        "apiVersion: burnline/v1\nservice: chat\nowner: team\n"
        f'collect: [{{queue: {{redis_list: jobs, url: "{redis.url}"}}}}]\n'
        f"slos: [{gauge.format('ready', 'messages_ready')},\n {gauge.format('late', 'messages_delayed')}]\n"
    )
    redis.start()
    try:
        code, out, err = cli("check", str(file), "--live")
    finally:
        redis.stop()

    assert code == 1, err
    assert "collect[0].queue: redis_list jobs at " in out
    assert "messages ready 0" in out
    assert "the pages show" not in out
    told = "nothing in this file gives burnline_queue_messages_delayed: write a `queue` of sqs in `collect`"
    assert f"chat.yaml:6: slos[1].sli.threshold: {told}" in err
    assert "slos[0]" not in err


def test_an_slo_that_has_nothing_now_is_noted_and_nothing_says_that_all_is_shown(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "chat.yaml"
    slo = "{name: own, objective: 99%, window: 30d, sli: {threshold: {gauge: 'burnline_host_cpus{x=\"y\"}', above: 9}}}"
    file.write_text(f"apiVersion: burnline/v1\nservice: chat\nowner: team\ncollect: [host]\nslos: [{slo}]\n")

    code, out, err = cli("check", str(file), "--live")

    assert code == 0
    assert "note: " in err
    assert "shows burnline_host_cpus{x=" in err
    assert out.endswith("1 of the SLOs has nothing to be measured by now\n")


def test_a_source_that_never_answers_is_told_at_its_deadline(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("burnline.app.check_sources.DEADLINE", timedelta(seconds=0.3))
    file = tmp_path / "chat.yaml"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"redis://127.0.0.1:{silent.getsockname()[1]}"
        queue = f'{{queue: {{redis_list: jobs, url: "{address}"}}}}'
        file.write_text(f"apiVersion: burnline/v1\nservice: chat\nowner: team\ncollect: [{queue}]\n")

        code, _, err = cli("check", str(file), "--live")

    assert code == 1
    assert f"collect[0].queue: redis_list jobs at {address}: no answer in 0.3 s\n" in err
