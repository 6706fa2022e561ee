"""`burnline report`: what was promised and what was kept, over a period, as Markdown, HTML or JSON."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from burnline.app.report_markdown import to_markdown
from burnline.app.report_page import to_html
from burnline.app.services import load_checked
from burnline.detectors.burn.recount import kept_recounter
from burnline.errors import BurnlineError
from burnline.settings import Settings, read_settings
from burnline.slo.report.embedded import Kept
from burnline.slo.report.kept import Report
from burnline.slo.report.period import ReportPeriod, parse_period
from burnline.slo.report.prometheus import Recorded
from burnline.spec.service import ServiceSpec
from burnline.spec.words import choice
from burnline.store.database import reading


def report_services(path: Path | None, *, period: str, tz: str, form: str, out: Path | None) -> None:
    """Write the report to `out`, or to stdout.

    Raises: BurnlineError for a period, time zone or form that is none; StoreError when nothing can be read.
    """
    if form not in FORMS:
        raise BurnlineError(f"--format: {form!r} is none; write {choice(FORMS)}")
    settings = read_settings()
    specs = load_checked(path or settings.services)
    now = datetime.now(UTC)
    text = FORMS[form](make_report(specs, settings, _period(period, now, tz), tz, now))
    if out is None:
        sys.stdout.write(text)
    else:
        out.write_text(text, encoding="utf-8")


def make_report(
    specs: tuple[ServiceSpec, ...], settings: Settings, period: ReportPeriod, tz: str, now: datetime
) -> Report:
    """The report, from Prometheus where that decides, else from the database."""
    if settings.prometheus_url:
        recorded = Recorded(settings.prometheus_url, specs, period, tz)
        try:
            return recorded.report(now)
        finally:
            recorded.close()
    with reading(settings.database) as tx:
        return Kept(tx, specs, period, tz, recount=kept_recounter(tx, specs)).report(now)


def to_json(report: Report) -> str:
    """The report for programs: durations in seconds, under names that say so; moments in ISO 8601."""
    return json.dumps(plain(report), indent=2, ensure_ascii=False).translate(ESCAPED) + "\n"


def plain(value: Any) -> Any:
    """A record as plain JSON."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        pairs = ((field.name, getattr(value, field.name)) for field in dataclasses.fields(value))
        return {_named(name, found): plain(found) for name, found in pairs}
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple | list):
        return [plain(each) for each in value]
    return value.model_dump(mode="json") if hasattr(value, "model_dump") else value


ESCAPED = {code: f"\\u{code:04x}" for code in range(127, 160)}  # what JSON leaves, and a terminal obeys
DURATIONS = {"detected_in", "recovered_in"}  # may be None; the name must not depend on that


def _named(name: str, value: Any) -> str:
    return f"{name}_seconds" if isinstance(value, timedelta) or name in DURATIONS else name


def _period(written: str, now: datetime, tz: str) -> ReportPeriod:
    try:
        ZoneInfo(tz)
    except (KeyError, ValueError, OSError):  # not there; no such name; a folder of zones
        raise BurnlineError(f"--tz: {tz!r} is no IANA time zone; write one as in Europe/Berlin or UTC") from None
    try:
        return parse_period(written, now, tz)
    except ValueError as error:
        raise BurnlineError(f"--period: {error}") from None


FORMS: Mapping[str, Callable[[Report], str]] = {"md": to_markdown, "html": to_html, "json": to_json}
