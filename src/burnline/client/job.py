"""Tells burnline of one run of a job; burnline that cannot be reached never breaks the job.

>>> from burnline.client.job import job
>>> with job("shop", "train") as run:  # BURNLINE_URL says where, BURNLINE_TOKEN with which token
...     run.rows(in_=1000, out=990)
"""

from __future__ import annotations

import logging
import os
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from burnline.client.secrets import bearer, shown_url

log = logging.getLogger("burnline.client")
URL = "http://127.0.0.1:8600"
START_SECONDS = 2.0  # the longest that a run waits for burnline before it begins
LONGEST_SECONDS = 6.0  # ... and after its end
TRY_SECONDS = 2.0
AGAIN, REFUSED = "again: ", "refused: "  # how what went wrong begins, for whoever goes on


class JobRun:
    """One run. What is set on it is told with its end; nothing here raises but for a field of no known name."""

    def __init__(
        self,
        service: str,
        job: str,
        run: str = "",
        *,
        url: str = "",
        token: str = "",
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.run = run or str(uuid.uuid4())
        self._who = {"service": service, "job": job, "run": self.run}
        self._url = (url or os.environ.get("BURNLINE_URL") or URL).rstrip("/")
        self._shown = shown_url(self._url)
        self._headers = bearer(token or os.environ.get("BURNLINE_TOKEN", ""))
        self._transport = transport
        self._facts: dict[str, Any] = {}
        self._begun = time.monotonic()

    def tell(self, **facts: Any) -> None:
        """Set fields of `POST /v1/jobs`, as in `tell(gpus=4, data_as_of="2026-01-05T12:00:00Z")`."""
        self._facts.update(facts)

    def rows(self, *, in_: int | None = None, out: int | None = None, rejected: int | None = None) -> None:
        """Rows read, written and turned away."""
        counts = {"rows_in": in_, "rows_out": out, "rejected": rejected}
        self.tell(**{name: count for name, count in counts.items() if count is not None})

    def record(self, **parts: Any) -> None:
        """What it takes to repeat the run: `commit`, `data`, `environment`, `seeds`, `metrics`."""
        self._facts["record"] = {**self._facts.get("record", {}), **parts}

    def started(self) -> str:
        """Tell of the start, once, within START_SECONDS; why it could not be told, or empty."""
        return self._tell({"event": "started", **self._facts}, START_SECONDS).removeprefix(AGAIN).removeprefix(REFUSED)

    def ended(self, event: str, **more: Any) -> str:
        """Tell how it ended, within LONGEST_SECONDS; why it could not be told, or not all of it, or empty.

        An end whose facts are refused is told without them: a run must not be lost for a wrong number.
        """
        until = time.monotonic() + LONGEST_SECONDS
        end = {"event": event, "duration_seconds": time.monotonic() - self._begun}
        trouble = self._tell_until(until, {**end, **self._facts, **more})
        if trouble.startswith(REFUSED) and self._facts:
            bare = self._tell_until(until, {**end, **more})
            return bare.removeprefix(REFUSED) or f"what the run told of itself: {trouble.removeprefix(REFUSED)}"
        return trouble.removeprefix(AGAIN).removeprefix(REFUSED)

    def _tell_until(self, until: float, body: dict[str, Any]) -> str:
        wait = 0.25
        while True:
            trouble = self._tell(body, min(TRY_SECONDS, until - time.monotonic()))
            if not trouble.startswith(AGAIN) or time.monotonic() + wait >= until:
                return trouble.removeprefix(AGAIN)
            time.sleep(wait)
            wait *= 2

    def _tell(self, body: dict[str, Any], seconds: float) -> str:
        """In a thread: a name that is looked up, and an answer that trickles, know no deadline of the whole."""
        told: list[str] = []
        thread = threading.Thread(target=lambda: told.append(self._post(body)), name="burnline-job", daemon=True)
        thread.start()
        thread.join(max(0.0, seconds))
        return told[0] if told else f"{AGAIN}{self._shown} did not answer in {seconds:.0f} s"

    def _post(self, body: dict[str, Any]) -> str:
        try:
            with httpx.Client(
                transport=self._transport, timeout=TRY_SECONDS, headers=self._headers, trust_env=False
            ) as client:
                answer = client.post(f"{self._url}/v1/jobs", json={**self._who, **body})
        except httpx.TransportError as error:
            return f"{AGAIN}{self._shown} cannot be reached: {str(error) or type(error).__name__}"
        except httpx.InvalidURL:  # it would quote what may be part of a password
            return f"{self._shown} is no address"
        except (TypeError, ValueError) as error:  # a fact that is no JSON, as NaN is none
            return f"{REFUSED}{error}"
        except Exception as error:  # noqa: BLE001 - a job must not fail because it could not be watched
            return f"{self._shown}: {str(error).replace(self._url, self._shown)}"
        if answer.is_success:
            return ""
        again = AGAIN if answer.status_code >= 500 or answer.status_code in (408, 429) else ""
        kind = REFUSED if answer.status_code in (400, 413, 422) else again
        return f"{kind}{self._shown} answered {answer.status_code}: {_error_of(answer)}"


def _error_of(answer: httpx.Response) -> str:
    try:
        found = answer.json()
    except ValueError:
        found = {}
    return str(found["error"] if isinstance(found, dict) and "error" in found else answer.text)[:500]


@contextmanager
def job(service: str, name: str, run: str = "", **options: Any) -> Iterator[JobRun]:
    """A run that lasts as long as the block: it failed if the block raises, and what was raised goes on."""
    this = JobRun(service, name, run, **options)
    _say(this.started())
    try:
        yield this
    except BaseException as error:
        stopped = isinstance(error, KeyboardInterrupt)
        told = {} if stopped else {"message": f"{type(error).__name__}: {error}"[:2000], "reason": _reason(error)}
        _say(this.ended("aborted" if stopped else "failed", **told))
        raise
    _say(this.ended("finished"))


def _reason(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return "out_of_memory"
    return "timeout" if isinstance(error, TimeoutError) else "error"


def _say(trouble: str) -> None:
    if trouble:
        log.warning("burnline was not told of the job: %s", trouble)
