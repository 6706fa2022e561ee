"""One request to burnline, and what its answer means for what was sent."""

from __future__ import annotations

import gzip
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Any

from burnline.client.secrets import bearer, shown_url

if TYPE_CHECKING:
    import httpx

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.25, 5.0
HELPLESS_SECONDS = 30.0  # between tries while something other than a burnline answers, or one that wants another token
LONGEST_ASKED_SECONDS = 300.0
PACKED_FROM_BYTES = 2048
AWAY = frozenset({408, 425, 429, 500, 502, 503, 504})  # it may go well the next time, without anybody's help
CLOSED = frozenset({401, 403, 404, 405})  # a person must help first: asked again, seldom


class Meaning(Enum):
    """What to do with a batch after an answer."""

    KEPT = "kept"
    AGAIN = "again"
    SMALLER = "smaller"  # too large as a whole: send its halves
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `pause_seconds`: what burnline asks to wait; None when it does not say."""

    meaning: Meaning
    reason: str = ""
    pause_seconds: float | None = None
    receipt: Mapping[str, Any] = field(default_factory=dict)


def connect(url: str, token: str, timeout_seconds: float, transport: httpx.BaseTransport | None) -> httpx.Client:
    """An HTTP client of the burnline at `url`."""
    import httpx

    headers = {"User-Agent": "burnline-client", **bearer(token)}
    return httpx.Client(base_url=url, headers=headers, timeout=timeout_seconds, transport=transport)


class Sender:
    """Posts bodies over one connection that is kept open. Not for two threads at once."""

    def __init__(self, url: str, token: str, timeout_seconds: float, transport: httpx.BaseTransport | None) -> None:
        self._url = url
        self._connect = partial(connect, url, token, timeout_seconds, transport)
        self._http: httpx.Client | None = None

    def post(self, path: str, body: bytes, key: str) -> Answer:
        """Send a body; whatever goes wrong is an answer."""
        import httpx

        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        if len(body) >= PACKED_FROM_BYTES:
            body, headers["Content-Encoding"] = gzip.compress(body, 1, mtime=0), "gzip"
        try:
            self._http = self._http or self._connect()
            return _meaning(self._http.post(path, content=body, headers=headers))
        except httpx.InvalidURL:  # it would quote what may be part of a password
            return Answer(Meaning.AGAIN, f"{shown_url(self._url)} is no address")
        except httpx.HTTPError as error:
            reason = str(error).replace(self._url, shown_url(self._url))
            return Answer(Meaning.AGAIN, f"{type(error).__name__}: {reason}")

    def close(self) -> None:
        """Drop the connection."""
        if self._http is not None:
            self._http.close()


def pause(tries: int, asked: float | None) -> float:
    """Seconds before the next try: what was asked for, or twice as long each time, and never all clients at once."""
    if asked is not None:
        return min(max(asked, FIRST_PAUSE_SECONDS), LONGEST_ASKED_SECONDS)
    longest = min(FIRST_PAUSE_SECONDS * 2.0 ** min(tries, 10), LONGEST_PAUSE_SECONDS)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - no secret hangs on it


def _meaning(response: httpx.Response) -> Answer:
    status = response.status_code
    reason = f"{status} {response.text[:300]}"
    receipt = _receipt(response)
    if receipt and (response.is_success or status == 422):  # 422: read, and every item of it refused by name
        return Answer(Meaning.KEPT, receipt=receipt)
    if response.is_success:
        return Answer(Meaning.AGAIN, f"that is no answer of burnline's: {reason}", HELPLESS_SECONDS)
    if status in AWAY:
        return Answer(Meaning.AGAIN, reason, retry_after(response.headers.get("retry-after")))
    if status in CLOSED or response.is_redirect:
        return Answer(Meaning.AGAIN, reason, HELPLESS_SECONDS)
    return Answer(Meaning.SMALLER if status == 413 else Meaning.NEVER, reason)


def _receipt(response: httpx.Response) -> Mapping[str, Any]:
    """What became of each item; empty where the answer does not say."""
    try:
        found = response.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) and "refused_count" in found else {}


def retry_after(header: str | None) -> float | None:
    """RFC 9110 10.2.3: seconds, or a date. None for anything else."""
    if header is None:
        return None
    try:
        return float(int(header))
    except ValueError:
        pass
    try:
        return (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds()
    except (TypeError, ValueError):
        return None
