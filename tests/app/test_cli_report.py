"""`burnline report`: what was kept of the promises, in a form for each reader; hostile text stays text."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from burnline.app.report import make_report
from burnline.app.report_markdown import to_markdown
from burnline.app.report_page import to_html
from burnline.settings import Settings
from burnline.slo.report.kept import Report
from burnline.slo.report.period import parse_period
from burnline.spec.load import load_services
from tests.app.conftest import Cli
from tests.app.report_scene import write_scene
from tests.conftest import Golden
from tests.runbooks.receiver import receiving

GOLDEN = Path(__file__).parent / "golden"
MADE = datetime(2025, 11, 1, 8, tzinfo=UTC)


@pytest.fixture
def services(tmp_path: Path) -> Path:
    return write_scene(tmp_path)


@pytest.fixture
def october(services: Path, tmp_path: Path) -> Report:
    settings = Settings(database=f"sqlite:///{tmp_path}/burnline.db")
    return make_report(load_services(services), settings, parse_period("2025-10", MADE), "UTC", MADE)


def slos(out: str) -> dict[str, dict[str, Any]]:
    return {slo["slo"]: slo for service in json.loads(out)["services"] for slo in service["slos"]}


def test_every_slo_has_its_verdict(cli: Cli, services: Path) -> None:
    code, out, err = cli("report", services, "--period", "2025-10", "--format", "json")

    found = slos(out)
    assert (code, err) == (0, "")
    assert {name: slo["verdict"] for name, slo in found.items()} == {
        "availability": "missed",
        "latency": "met",
        "journey": "met",
        "night": "met",
        "freshness": "unknown",
        "quality": "no data",
    }
    assert found["availability"]["bad"] == 770
    assert found["availability"]["coverage"] == pytest.approx(728 / 740)
    assert found["availability"]["excluded_time_seconds"] == 4 * 3600
    assert found["journey"]["sli"] == pytest.approx(1 - 2 / 1000)
    assert found["quality"]["sli"] is None


def test_alerts_of_the_month_are_told_with_how_soon_they_came(cli: Cli, services: Path) -> None:
    _, out, _ = cli("report", services, "--period", "2025-10", "--format", "json")

    episodes = slos(out)["availability"]["episodes"]
    assert [episode["tier"] for episode in episodes][:3] == ["page-fast", "ticket-fast", "page-fast"]
    assert episodes[0]["detected_in_seconds"] == 4 * 60
    assert episodes[0]["at_most"]
    assert episodes[0]["recovered_in_seconds"] == 37 * 60
    assert episodes[2]["recovered_in_seconds"] is None
    assert len(episodes) == 4
    assert len(slos(out)["availability"]["silences"]) == 1


def test_the_same_report_in_markdown(october: Report, golden: Golden) -> None:
    golden(GOLDEN / "report.md", to_markdown(october))


def test_the_same_report_as_one_page(october: Report, golden: Golden) -> None:
    golden(GOLDEN / "report.html", to_html(october))


def test_the_page_loads_nothing_and_runs_nothing(october: Report) -> None:
    class Page(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.tags: list[tuple[str, dict[str, str | None]]] = []

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.tags.append((tag, dict(attrs)))

    page = Page()
    page.feed(to_html(october))

    assert not {"script", "img", "link", "iframe", "object"} & {tag for tag, _ in page.tags}
    names = {name for _, attrs in page.tags for name in attrs}
    assert not {name for name in names if name.startswith("on") or name in ("src", "style")}
    assert {attrs["href"][:1] for _, attrs in page.tags if attrs.get("href")} == {"#"}  # type: ignore[index]


@pytest.mark.parametrize("form", ["md", "html"])
def test_what_would_steer_a_terminal_or_a_page_is_only_shown(cli: Cli, services: Path, form: str) -> None:
    _, out, _ = cli("report", services, "--period", "2025-10", "--format", form)

    assert "\x1b" not in out
    assert "<script" not in out.replace("\\<script", "")
    if form == "html":
        assert "<img" not in out
    else:  # in a code span, where nothing means anything
        code = re.findall(r"`` (.*?) ``", out)
        assert any("<img" in each for each in code)
        assert all(re.search(r"(?<!\\)\|", each) is None for each in code)
        assert "\\@all" in out


def test_json_holds_nothing_that_a_terminal_obeys(cli: Cli, services: Path) -> None:
    code, out, _ = cli("report", services, "--period", "2025-10", "--format", "json")

    assert (code, "\x9b" in out, "\x1b" in out) == (0, False, False)
    assert "\x9b2J" in json.loads(out)["services"][-1]["others"][0][0]


def test_a_file_is_written_where_asked(cli: Cli, services: Path, tmp_path: Path) -> None:
    code, out, _ = cli("report", services, "--period", "2025-10", "--format", "html", "-o", "report.html")

    assert (code, out) == (0, "")
    assert (tmp_path / "report.html").read_text().startswith("<!doctype html>")


def test_the_services_of_the_environment_are_taken(cli: Cli, services: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURNLINE_SERVICES", str(services))

    code, out, _ = cli("report", "--period", "2025-Q4")

    assert code == 0
    assert out.startswith("# SLO report for 2025-Q4\n")


def test_where_prometheus_decides_it_is_asked_and_no_database_needed(
    cli: Cli, services: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "burnline.db").unlink()
    with receiving() as prometheus:
        prometheus.answers = [
            (200, {}, b'{"status": "success", "data": {"result": []}}')
        ] * 7  # events, seen, five of alerts
        monkeypatch.setenv("BURNLINE_PROMETHEUS_URL", prometheus.url)

        code, out, _ = cli("report", services, "--period", "2025-10")

    assert code == 0
    assert f"from Prometheus at {prometheus.url}." in out.replace("\\", "")
    assert "search" in out
    assert "does it run the rules" in out  # of search, which was answered
    assert "not an answer of Prometheus" in out  # of shop, which was not


def test_long_after_nothing_is_known_and_nothing_is_healthy(cli: Cli, services: Path) -> None:
    code, out, _ = cli("report", services, "--period", "2025-08", "--format", "json")

    assert code == 0
    assert {slo["verdict"] for slo in slos(out).values()} == {"no data"}


def test_reading_changes_nothing_and_makes_no_database(cli: Cli, services: Path, tmp_path: Path) -> None:
    before = (tmp_path / "burnline.db").read_bytes()
    cli("report", services, "--period", "2025-10")
    assert (tmp_path / "burnline.db").read_bytes() == before
    (tmp_path / "burnline.db").unlink()

    code, _, err = cli("report", services)

    assert code == 1
    assert "there is no such file; set BURNLINE_DATABASE" in err
    assert not (tmp_path / "burnline.db").exists()


@pytest.mark.parametrize(
    ("content", "told"), [(b"", "holds nothing of burnline's"), (b"not a database at all" * 100, "not a database")]
)
def test_another_file_is_no_database(cli: Cli, services: Path, tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "burnline.db").write_bytes(content)

    code, _, err = cli("report", services)

    assert code == 1
    assert told in err


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--period", "someday"], "--period: 'someday' is no period; write 30d, 2026-10"),
        (["--period", "2999-01"], "has not begun yet"),
        (["--tz", "Mars/Base"], "--tz: 'Mars/Base' is no IANA time zone"),
        (["--tz", "../../etc/passwd"], "is no IANA time zone"),
        (["--format", "pdf"], "--format: 'pdf' is none; write md, html or json"),
    ],
)
def test_what_cannot_be_reported_is_told(cli: Cli, services: Path, options: list[str], told: str) -> None:
    code, out, err = cli("report", services, *options)

    assert (code, out) == (1, "")
    assert told in err
    assert len(err.splitlines()) == 1
