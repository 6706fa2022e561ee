"""History from a Prometheus: raw series over its range API, in chunks it accepts.

What it cannot say (a timeout, an error, a warning that the answer is partial) is a gap and said so: never zero errors.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from burnline.errors import PayloadError
from burnline.slo.answer import Limits, read_whole
from burnline.slo.backtest.samples import Samples
from burnline.slo.promql import Select, show
from burnline.spec.selector import Selector

MOST_POINTS = 2_000  # of a series in one answer; Prometheus refuses more than 11,000
TIMEOUT_SECONDS = 60.0
LIMITS = Limits(TIMEOUT_SECONDS, 256 * 1024**2)  # of one answer
LATEST = datetime(2100, 1, 1, tzinfo=UTC).timestamp()  # beyond it a moment is a mistake
TRIES = 3
MOST_FAILED = 3  # chunks one after the other, before the rest is given up
WAIT_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Gap:
    """A part of the history that Prometheus could not tell."""

    since: datetime
    until: datetime
    why: str


@dataclass(slots=True)
class Fetch:
    """Reads selectors from the Prometheus at `url` at every `step`.

    Attributes:
        gaps: what could not be read.
        progress: called after each chunk.
    """

    url: str
    step: timedelta
    client: httpx.Client
    progress: Callable[[], None] = lambda: None
    sleep: Callable[[float], None] = time.sleep
    limits: Limits = LIMITS
    gaps: list[Gap] = field(default_factory=list)

    def read(self, selectors: Sequence[Selector], since: datetime, until: datetime, into: Samples) -> None:
        """Add every sample of the selectors in (since, until]; where one could not be read, there is a gap for all.

        A chunk of one selector without the same chunk of another (a total without its errors) would be a lie.
        """
        failed = 0
        for start, end in self.chunks(since, until):
            if failed >= MOST_FAILED:
                self.gaps.append(Gap(start, until, "not asked: it did not answer before"))
                return
            answers, why = self._chunk_of_all(selectors, start, end)
            failed = failed + 1 if why else 0
            if why:
                self.gaps.append(Gap(start, end, why))
            for answer in () if why else answers:
                _keep(answer, into)
            self.progress()

    def _chunk_of_all(self, selectors: Sequence[Selector], since: datetime, until: datetime) -> tuple[list[Any], str]:
        answers: list[Any] = []
        for selector in selectors:
            answer = self._chunk(selector, since, until)
            if isinstance(answer, str):
                return [], answer
            answers.append(answer)
        return answers, ""

    def chunks(self, since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Half-open parts (start, end] of at most MOST_POINTS steps."""
        length = MOST_POINTS * self.step
        while since < until:
            end = min(since + length, until)
            yield since, end
            since = end

    def _chunk(self, selector: Selector, since: datetime, until: datetime) -> Any:
        """The series of one chunk, or why there are none."""
        why = ""
        for attempt in range(TRIES):
            if attempt:
                self.sleep(WAIT_SECONDS * 2**attempt)
            found, why, again = self._ask(selector, since, until)
            if not why:
                return found
            if not again:
                break
        return why

    def _ask(self, selector: Selector, since: datetime, until: datetime) -> tuple[Any, str, bool]:
        """The series, or why there are none and whether to ask again."""
        asked = {
            "query": show(Select(selector), width=100_000),
            "start": f"{(since + self.step).timestamp():.3f}",
            "end": f"{until.timestamp():.3f}",
            "step": f"{self.step.total_seconds():g}",
            "timeout": f"{TIMEOUT_SECONDS:g}s",
        }
        try:
            address = f"{self.url.rstrip('/')}/api/v1/query_range"
            request = self.client.build_request("POST", address, data=asked, timeout=self.limits.seconds)
            answer = read_whole(self.client, request, self.limits)
            body = answer.json()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return None, str(error) or type(error).__name__, isinstance(error, httpx.HTTPError)
        except PayloadError as error:
            return None, str(error), False
        except (ValueError, RecursionError):
            return None, f"HTTP {answer.status_code} without JSON", answer.is_server_error
        if not isinstance(body, dict) or body.get("status") != "success":
            said = body.get("error") if isinstance(body, dict) else None
            return None, f"HTTP {answer.status_code}: {said or 'no reason given'}", answer.is_server_error
        if body.get("warnings"):
            return None, f"may be partial: {body['warnings']}", True
        return _matrix(body)


def _matrix(body: dict[str, Any]) -> tuple[Any, str, bool]:
    try:
        found = [
            (dict(each["metric"]), [(float(at), float(value)) for at, value in each["values"]])
            for each in body["data"]["result"]
        ]
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        return None, f"not a matrix: {error!r:.200}", False
    for _, values in found:
        for at, _ in values:
            if not 0 <= at < LATEST:  # nor NaN
                return None, f"not a matrix: {at} is no time", False
    return found, "", False


def _keep(series: Any, into: Samples) -> None:
    for labels, values in series:
        name = labels.pop("__name__", "")
        for at, value in values:
            into.add(name, labels, at, value)
