"""What `burnline silence` does."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from burnline.alerting.matchers import Matcher, parse_matcher
from burnline.app.commands import fetch, moment, show, table
from burnline.errors import BurnlineError
from burnline.spec.units import parse_duration


def add_silence(server: str, matchers: Sequence[str], *, lasts: str, actor: str, comment: str) -> None:
    """Keep what matches from people and runbooks; prints the silence's id."""
    try:
        span = parse_duration(lasts)
    except ValueError as error:
        raise BurnlineError(f"--for: {error}") from error
    now = datetime.now(UTC)
    body = {
        "matchers": [_json(parse_matcher(each)) for each in matchers],
        "startsAt": now.isoformat(),
        "endsAt": (now + span).isoformat(),
        "createdBy": actor or getpass.getuser(),
        "comment": comment,
    }
    show(fetch(server, "/v1/silences", body)["silenceID"])


def list_silences(server: str, *, expired: bool) -> None:
    """Print the silences that are in force or will be; with `expired`, those that were too."""
    kept = [each for each in fetch(server, "/v1/silences") if expired or each["status"]["state"] != "expired"]
    if not kept:
        show("no silences")
        return
    headings = ("id", "state", "until (UTC)", "by", "matchers", "comment")
    show(table(headings, [_row(each) for each in kept]))


def expire_silence(server: str, silence: str) -> None:
    """End a silence now."""
    ended = fetch(server, f"/v1/silences/{quote(silence, safe='')}", method="DELETE")
    show(f"expired {ended['silenceID']}")


def _row(silence: dict[str, Any]) -> tuple[str, ...]:
    matchers = (Matcher(each["name"], each["value"], each["isRegex"], each["isEqual"]) for each in silence["matchers"])
    return (
        silence["id"],
        silence["status"]["state"],
        moment(silence["endsAt"]),
        silence["createdBy"],
        " ".join(map(str, matchers)),
        silence["comment"],
    )


def _json(matcher: Matcher) -> dict[str, Any]:
    return {
        "name": matcher.name,
        "value": matcher.value,
        "isRegex": matcher.is_regex,
        "isEqual": matcher.is_equal,
    }
