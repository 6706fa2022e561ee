"""One request to a judge, and whatever comes of it: a verdict or a reason why there is none."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import httpx

from burnline.detectors.grounding.judge import Case, Judged, bounded, read_verdict
from burnline.errors import SecretError
from burnline.spec.answers import JudgeSpec
from burnline.spec.secret import read_secret

LARGEST_BYTES = 1024 * 1024  # of a completion
AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
UNPACKED = {"Accept-Encoding": "identity"}  # a few packed bytes can become more than there is memory for


class NotJudged(Exception):
    """The API gave no completion.

    Attributes:
        again: asking once more may help.
        wait: when, if the API says so.
        answered: it said something all the same, so the question has been paid for.
    """

    def __init__(
        self, reason: str, *, again: bool = False, wait: timedelta | None = None, answered: bool = False
    ) -> None:
        super().__init__(reason)
        self.reason, self.again, self.wait, self.answered = reason, again, wait, answered


def ask(judge: JudgeSpec, case: Case) -> Judged:
    """Ask once. Takes no longer than the judge's timeout, and what the resolver takes to give up a name.

    Raises: NotJudged.
    """
    request = case.request(judge.model)
    try:
        body = asyncio.run(_exchange(judge, request, UNPACKED | _key(judge)))
    except (TimeoutError, httpx.TimeoutException) as error:
        raise NotJudged("timeout", again=True) from error
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise NotJudged("unreachable", again=True) from error
    judged = read_verdict(body)
    if judged is None:
        raise NotJudged("unreadable", answered=True)
    return bounded(judged, request)


def _key(judge: JudgeSpec) -> dict[str, str]:
    try:
        return {"Authorization": f"Bearer {read_secret(judge.key)}"} if judge.key else {}
    except SecretError as error:
        raise NotJudged("secret") from error


async def _exchange(judge: JudgeSpec, request: dict[str, Any], headers: dict[str, str]) -> bytes:
    """The body of the reply. One deadline for all of it: httpx's own begins anew with each byte that comes.

    Raises: NotJudged; TimeoutError; what httpx raises.
    """
    url, seconds = f"{judge.url.rstrip('/')}/chat/completions", judge.timeout.total_seconds()
    async with (
        httpx.AsyncClient(trust_env=False, timeout=seconds) as client,
        asyncio.timeout(seconds),
        client.stream("POST", url, json=request, headers=headers) as reply,
    ):
        if reply.status_code != httpx.codes.OK:
            raise NotJudged(_reason(reply.status_code), again=reply.status_code in AGAIN, wait=_wait(reply))
        return await _read(reply)


async def _read(reply: httpx.Response) -> bytes:
    """The body as it was sent. Raises: NotJudged for one that is too long."""
    found = bytearray()
    async for piece in reply.aiter_raw():
        found += piece
        if len(found) > LARGEST_BYTES:
            raise NotJudged("unreadable", answered=True)
    return bytes(found)


def _reason(status: int) -> str:
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return "busy"
    return "failed" if status >= httpx.codes.INTERNAL_SERVER_ERROR else "refused"


def _wait(reply: httpx.Response) -> timedelta | None:
    """What Retry-After says in seconds; None where it says nothing that is read here."""
    said = reply.headers.get("retry-after", "")
    return timedelta(seconds=min(int(said), 3600)) if said.isascii() and said.isdecimal() and len(said) < 9 else None
