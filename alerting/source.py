"""One HTTP API that says what fires: asked within a time and a size, and never followed elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx
import msgspec

from burnline.errors import PayloadError, SourceError
from burnline.slo.answer import Limits, read_whole

LIMITS = Limits(seconds=10.0, size_bytes=64 * 1024**2)  # 10,000 alerts measure 9 MB
WAIT_SECONDS = 5.0  # for each of connecting, sending and the next piece
LONGEST_QUOTE = 200


class Source:
    """An API below `url`. `place` is its address for people and labels: without a password.

    May be used from several threads.
    """

    def __init__(self, url: str, client: httpx.Client | None = None, *, limits: Limits = LIMITS) -> None:
        self._url = url.rstrip("/")
        self.place = str(httpx.URL(self._url).copy_with(username=None, password=None)).rstrip("/")
        self._client = client or httpx.Client(timeout=WAIT_SECONDS, follow_redirects=False, trust_env=False)
        self._limits = limits

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        """The JSON at `path`, decoded.

        Raises: SourceError when there is no answer in time, or none that can be read.
        """
        try:
            request = self._client.build_request("GET", self._url + path, params=params)
            answer = read_whole(self._client, request, self._limits)
        except (httpx.HTTPError, httpx.InvalidURL, PayloadError) as error:
            raise SourceError(f"{self.place}: {error or type(error).__name__}") from error
        if answer.status_code != httpx.codes.OK:
            said = answer.headers.get("location") or answer.text
            raise SourceError(f"{self.place}{path}: answered {answer.status_code} {said[:LONGEST_QUOTE]}".rstrip())
        try:
            return msgspec.json.decode(answer.content)
        except (ValueError, RecursionError) as error:
            raise SourceError(f"{self.place}{path}: the answer is no JSON: {error}") from error
