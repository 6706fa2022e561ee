"""`burnline backtest`, as somebody types it: from a table, and from a real Prometheus."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import time
from urllib.parse import unquote_plus

import pytest
from typer.testing import CliRunner

from burnline.app.cli import app
from burnline.errors import BurnlineError, SpecError
from tests.app.conftest import Cli
from tests.programs import free_port, program, running
from tests.slo.fake_ruler import fake_ruler

START = datetime(2026, 1, 1, tzinfo=UTC)
FILE = """\
apiVersion: burnline/v1
service: shop
owner: team
slos:
  - {name: availability, objective: OBJECTIVE, window: 30d, sli: {ratio: {bad: 'req{code="5"}', total: req}}}
"""
MINUTES = 2880
OUTAGE = range(1440, 1452)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "shop.yaml"
    path.write_text(FILE.replace("OBJECTIVE", "99.9%"))
    return path


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "history.csv"
    rows = (
        f"{START + timedelta(minutes=minute):%Y-%m-%dT%H:%M:%SZ},{100 * (minute in OUTAGE)},100"
        for minute in range(MINUTES)
    )
    path.write_text("\n".join(("time,bad,total", *rows)))
    return path


def say(*words: object) -> str:
    done = CliRunner().invoke(app, ["backtest", *map(str, words)])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.output


def test_it_says_what_would_have_fired_and_what_is_left(file: Path, table: Path) -> None:
    said = say(file, "--data", table)

    assert "page  2026-01-02 00:00:00 UTC for 41m: page-fast, page-slow, at most 200x" in said
    assert "1,200 bad of 288,000" in said
    assert "1, out for 41m in all" in said


def test_incidents_are_held_against_it(file: Path, table: Path, tmp_path: Path) -> None:
    incidents = tmp_path / "incidents.csv"
    incidents.write_text("from,to,name\n2026-01-01T23:58:00Z,2026-01-02T00:12:00Z,bad deploy\n")

    said = say(file, "--data", table, "--incidents", incidents)

    assert "100% of the pages were for an incident" in said
    assert "incident bad deploy  paged after 2m" in said


def test_two_settings_stand_side_by_side(file: Path, table: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(FILE.replace("OBJECTIVE", "99%"))

    said = say(file, "--data", table, "--against", other)

    assert "shop.yaml" in said
    assert "other.yaml" in said
    [pages] = [line for line in said.splitlines() if line.strip().startswith("pages")]
    stricter, looser = pages.split("out for ")[1:]
    assert stricter.startswith("41m")
    assert looser.startswith("8m")


def test_programs_get_everything(file: Path, table: Path, tmp_path: Path) -> None:
    found = json.loads(say(file, "--data", table, "--json", "--plot", tmp_path / "plot.html"))

    [slo] = found["slos"]
    assert slo["pages"][0]["tiers"] == ["page-fast", "page-slow"]
    assert slo["states"]["breached"] == 41 * 60
    assert "<svg" in (tmp_path / "plot.html").read_text()


def test_a_picture_is_written(file: Path, table: Path, tmp_path: Path) -> None:
    say(file, "--data", table, "--plot", tmp_path / "plot.png")

    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


def test_a_part_of_the_history_may_be_asked_for(file: Path, table: Path) -> None:
    said = say(file, "--data", table, "--from", "2026-01-01T00:00:00Z", "--to", "2026-01-01T12:00:00Z")

    assert " page " not in said
    assert "0 bad of 72,000" in said
    assert "2026-01-01 12:00 UTC" in said


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "say where the past is: --prometheus URL, or --data FILE"),
        (("--data", "x.csv", "--plot", "x.gif"), "--plot x.gif: write a name that ends in .png or .html"),
        (("--data", "x.csv", "--from", "noon"), "--from: 'noon' is not a moment"),
        (("--data", "x.csv", "--from", "2026-01-02", "--to", "2026-01-01"), "--from 2026-01-02 is not before"),
        (("latency", "--data", "x.csv"), "has no SLO called 'latency'; it has availability"),
        (("--data", "x.csv", "--step", "0s"), "--step: is 0s; write 1s or more"),
    ],
)
def test_what_makes_no_sense_is_refused(file: Path, words: tuple[str, ...], told: str) -> None:
    with pytest.raises(BurnlineError) as refused:
        say(file, *words)

    assert told in str(refused.value)


def test_data_about_another_slo_is_refused(file: Path, tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    path.write_text("time,slo,bad,total\n60,latency,1,2\n")

    with pytest.raises(BurnlineError, match="the data is about latency, which is no SLO of"):
        say(file, "--data", path)


def test_incidents_that_end_before_they_begin_are_refused(file: Path, table: Path, tmp_path: Path) -> None:
    path = tmp_path / "incidents.csv"
    path.write_text("from,to\n2026-01-02,2026-01-01\n")

    with pytest.raises(SpecError, match=r"incidents\.csv:2: to: is not after `from`"):
        say(file, "--data", table, "--incidents", path)


def test_a_prometheus_that_does_not_answer_is_no_data(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("burnline.slo.backtest.prometheus.WAIT_SECONDS", 0.0)

    with pytest.raises(BurnlineError, match=r"http://127\.0\.0\.1:1 tells nothing of this time, asked three times: "):
        say(file, "--prometheus", "http://127.0.0.1:1", "--from", "2026-01-01", "--to", "2026-01-02")


def test_an_error_of_prometheus_does_not_steer_the_terminal(cli: Cli, file: Path) -> None:
    error = b'{"status": "error", "error": "\\u001b[31mboom"}'
    with fake_ruler() as prometheus:
        prometheus.answers["POST"] = [(400, {}, error)] * 99
        code, out, err = cli("backtest", file, "--prometheus", prometheus.url)

    assert (code, "\x1b" in out + err) == (1, False)
    assert "boom" in err


def test_prometheus_is_asked_for_the_services_own_queue(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, asked = tmp_path / "shop.yaml", list[str]()
    file.write_text(
        "apiVersion: burnline/v1\nservice: shop\nowner: team\nslos:\n  - {name: a, objective: 99%, window: 30d,\n"
        "     sli: {threshold: {gauge: burnline_queue_messages_ready, above: 9}}}\n"
    )

    def answer(_method: str, _path: str, _headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        asked.append(unquote_plus(body.decode()))
        return 400, {}, b"{}"

    with fake_ruler() as prometheus:
        monkeypatch.setattr(prometheus, "answer", answer)
        cli("backtest", file, "--prometheus", prometheus.url)

    assert asked
    assert all('burnline_queue_messages_ready{service="shop"}' in each for each in asked)


TWO = """\
apiVersion: burnline/v1
service: shop
owner: team
slos:
  - {name: a, objective: 99.9%, window: 30d, sli: {ratio: {bad: 'req_total{code="5"}', total: req_total}}}
  - {name: b, objective: 99.9%, window: 30d, sli: {ratio: {bad: 'req_total{code="5"}', total: 'req_total{job="shop"}'}}}
  - {name: c, objective: 99.9%, window: 30d, sli: {composite: {worst_of: [a, b]}}}
"""


def test_only_the_slo_that_is_asked_for_is_told(table: Path, tmp_path: Path) -> None:
    file = tmp_path / "two.yaml"
    file.write_text(TWO)

    found = json.loads(say(file, "b", "--data", table, "--json"))

    assert [each["slo"] for each in found["slos"]] == ["b"]


def test_an_slo_without_data_is_named_and_the_same_events_serve_another(table: Path, tmp_path: Path) -> None:
    file = tmp_path / "two.yaml"
    week = "  - {name: week, objective: 99%, window: 14d, sli: {same_as: b}}\n"
    file.write_text(TWO + week)
    named = tmp_path / "named.csv"
    rows = table.read_text().splitlines()[1:]
    named.write_text("\n".join(("time,bad,total,slo", *(f"{row},b" for row in rows))))

    done = CliRunner().invoke(app, ["backtest", str(file), "--data", str(named), "--json"])

    assert [each["slo"] for each in json.loads(done.stdout)["slos"]] == ["b", "week"]
    assert "no data for a, c: unknown all the time, and left out" in done.stderr


def test_a_history_of_centuries_is_refused(file: Path, tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    path.write_text("time,bad,total\n0,0,1\n1767614400,0,1\n")

    with pytest.raises(BurnlineError, match="the history goes from 1970-01-01 to 2026-01-05, more than 1830d"):
        say(file, "--data", path)


# With a real Prometheus


def openmetrics(path: Path, end: float) -> None:
    """Two days of a counter, scraped every half minute, that restarts once and whose errors are born in the outage."""
    with path.open("w") as file:
        file.write("# TYPE req counter\n")
        for code in ("2", "5"):
            count = 0
            for scrape in range(2 * MINUTES):
                if scrape == MINUTES - 300:
                    count = 0
                failing = scrape // 2 in OUTAGE
                count += 50 * (failing == (code == "5"))
                if code == "2" or count:
                    at = end - (2 * MINUTES - scrape) * 30
                    file.write(f'req_total{{code="{code}",instance="a",job="shop"}} {count} {at:.0f}\n')
        file.write("# EOF\n")


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, float, Path]]:
    """Its URL, the end of its history, and the same history as text."""
    folder = tmp_path_factory.mktemp("prometheus")
    end = time() // 7200 * 7200 - 7200
    openmetrics(folder / "history.om", end)
    made = [program("promtool"), "tsdb", "create-blocks-from", "openmetrics", str(folder / "history.om")]
    subprocess.run([*made, str(folder / "data")], check=True, capture_output=True)
    (folder / "prometheus.yml").write_text("")
    url = f"http://127.0.0.1:{free_port()}"
    argv = [
        program("prometheus"),
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        "--storage.tsdb.retention.time=10y",
        f"--web.listen-address={url.removeprefix('http://')}",
    ]
    with running(argv, log=folder / "log", url=f"{url}/-/ready"):
        yield url, end, folder / "history.om"


@pytest.mark.integration
def test_a_real_prometheus_and_its_text_tell_the_same_story(
    prometheus: tuple[str, float, Path], tmp_path: Path
) -> None:
    url, end, text = prometheus
    file = tmp_path / "shop.yaml"
    file.write_text(
        FILE.replace("OBJECTIVE", "99.9%").replace("req{", "req_total{").replace("total: req", "total: req_total")
    )
    span = ("--from", f"{moment(end - 2 * MINUTES * 30)}", "--to", moment(end))

    asked = json.loads(say(file, "--prometheus", url, *span, "--json"))["slos"][0]
    read = json.loads(say(file, "--data", text, *span, "--json"))["slos"][0]

    for found in (asked, read):
        [page] = found["pages"]
        began = datetime.fromisoformat(page["start"]).timestamp() - (end - 2 * MINUTES * 30)
        assert OUTAGE.start * 60 < began <= (OUTAGE.start + 3) * 60
        assert found["bad"] == pytest.approx(len(OUTAGE) * 100, abs=100)
        assert found["coverage"] > 0.99
    assert asked["total"] == pytest.approx(read["total"], rel=0.01)


@pytest.mark.integration
@pytest.mark.parametrize(("slo", "names"), [("", ["a", "b", "c"]), ("c", ["c"])])
def test_slos_on_one_metric_and_what_takes_them_together_are_all_read(
    prometheus: tuple[str, float, Path], tmp_path: Path, slo: str, names: list[str]
) -> None:
    url, end, _ = prometheus
    file = tmp_path / "two.yaml"
    file.write_text(TWO)

    span = ("--from", moment(end - MINUTES * 60 + 21600), "--to", moment(end))
    found = json.loads(say(file, *([slo] if slo else []), "--prometheus", url, *span, "--json"))

    assert sorted(each["slo"] for each in found["slos"]) == names
    assert {len(each["pages"]) for each in found["slos"]} == {1}
    assert {each["since"] for each in found["slos"]} == {moment(end - MINUTES * 60 + 21600).replace("Z", "+00:00")}


def moment(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"
