"""Reads a Prometheus text page: only the metrics somebody asked for, under limits of time and size."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from time import monotonic

import httpx

from burnline.collectors.access import Access
from burnline.collectors.inflate import inflate
from burnline.collectors.page import SAMPLE_LIMIT, check_format, is_wanted, parse_page, pick
from burnline.collectors.profiles.model import Profile
from burnline.collectors.profiles.reading import hints, lacks, own_series
from burnline.collectors.profiles.recognise import families, other_engine
from burnline.errors import CollectorError, PayloadError
from burnline.events import Sample
from burnline.spec.collect import AccessSpec

log = logging.getLogger(__name__)

PROFILE_LIMIT = 5_000  # samples that only the profile reads: a quarter of a second of parsing
LIMIT_BYTES = 32 * 1024 * 1024
MOST_WORDS = 300  # characters of a reason: it may quote the page
UNWELCOME = (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN)
HEADERS = {"Accept": "text/plain; version=0.0.4", "Accept-Encoding": "gzip"}


class Scraper:
    """Reads one page of one service.

    `wanted` holds names of samples or of families (a histogram without `_bucket`); None keeps everything. Samples keep
    the names the page gives them; those that are not finite numbers are left out, timestamps and exemplars ignored.
    With a `profile` there are also burnline's own series made of the page's; `notes` says which the last page lacked.
    """

    measured = False

    def __init__(
        self,
        service: str,
        url: str,
        *,
        wanted: frozenset[str] | None,
        interval: timedelta,
        timeout: timedelta,
        name: str = "http",
        profile: Profile | None = None,
        look: Callable[[str, datetime], None] | None = None,
        access: AccessSpec | None = None,
        limit_bytes: int = LIMIT_BYTES,
        sample_limit: int = SAMPLE_LIMIT,
    ) -> None:
        self.service = service
        self.name = name
        self.interval = interval
        self._url = httpx.URL(url)
        self.target = str(self._url.copy_with(username=None, password=None))
        self.notes: tuple[str, ...] = ()
        self._wanted = wanted
        self._profile = profile if profile is not None and profile.quantities and wanted is not None else None
        self.made = frozenset(self._profile.quantities) if self._profile else frozenset()
        self._look = look
        self._other: tuple[str, ...] | None = None  # whose page it is; None: not looked at
        self._timeout = timeout.total_seconds()
        self._limit_bytes = limit_bytes
        self._sample_limit = sample_limit
        self._access = Access(access or AccessSpec())
        self._client: httpx.Client | None = None
        self._trust: ssl.SSLContext | None = None  # of the client

    def collect(self, now: datetime) -> Sequence[Sample]:
        """Fetch the page and read it.

        Raises: CollectorError with the URL and the reason.
        """
        with self._in_words():
            page = self._fetch()
            if self._look is not None:
                self._look(page, now)
            samples = self._read(page)
            check_format(page)  # what nobody asked for is not read, and may be anything
            return samples

    def page(self) -> str:
        """The whole page as it is.

        Raises: CollectorError with the URL and the reason.
        """
        with self._in_words():
            page = self._fetch()
            check_format(page)
            return page

    def close(self) -> None:
        """Drop the connection."""
        if self._client is not None:
            self._client.close()
            self._client = None

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except (httpx.HTTPError, PayloadError, ValueError) as error:
            raise CollectorError(f"{self.target}: {self._reason(error)}") from error

    def _reason(self, error: Exception) -> str:
        reason = self._access.scrub(str(error))[:MOST_WORDS] or type(error).__name__
        unknown = "CERTIFICATE_VERIFY_FAILED" in reason
        return f"{reason}; name the authority that signed its certificate in `tls: {{ca: FILE}}`" if unknown else reason

    def _read(self, page: str) -> list[Sample]:
        if self._profile is None or self._wanted is None:
            return list(parse_page(page, self._wanted, sample_limit=self._sample_limit))
        wanted = frozenset(name for name in self._wanted if not is_wanted(name, self.made))  # made here, and only here
        asked, rest = pick(page, wanted, self._profile.names)
        samples = list(parse_page(asked, None, sample_limit=self._sample_limit))
        try:
            more = list(parse_page(rest, None, sample_limit=PROFILE_LIMIT))
        except ValueError as error:  # what nobody asked for must not cost what somebody did
            self.notes = (f"nothing was made by the profile: {self._reason(error)}",)
            return samples
        made = own_series(self._profile, [*samples, *more], collector=self.name)
        there = [*samples, *more]
        missed = (*map(str, lacks(self._profile, page, there)), *hints(self._profile, page, there))
        self.notes = (*self._whose(page, made), *missed)
        return [*samples, *made]

    def _whose(self, page: str, made: Sequence[Sample]) -> tuple[str, ...]:
        """Whose the page is, where the profile makes nothing of it; looked at once, until it makes something again."""
        if made or self._profile is None or self._profile.recognise.general:
            self._other = None
        elif self._other is None:
            self._other = other_engine(self._profile, families(page))
            if self._other:
                about = {"service": self.service, "collector": self.name, "target": self.target}
                log.warning("the profile is of another engine", extra={**about, "problem": self._other[0]})
        return self._other or ()

    def _fetch(self) -> str:
        try:
            headers, client = self._access.headers(), self._connected()
        except CollectorError as error:
            raise CollectorError(f"{self.target}: {error}") from error
        with client.stream("GET", self._url, headers=headers) as response:
            if response.status_code != httpx.codes.OK:
                unwelcome = response.status_code in UNWELCOME  # collectors/reasons.py tells it by its cause
                raise self._refusal(response) from (PermissionError(response.status_code) if unwelcome else None)
            if response.headers.get("content-type", "").partition(";")[0].strip().lower() == "text/html":
                raise PayloadError("answered text/html, a page for people; give the address of the metrics")
            encoding = response.headers.get("content-encoding", "")
            return inflate(self._pieces(response), encoding=encoding, limit_bytes=self._limit_bytes).decode()

    def _connected(self) -> httpx.Client:
        """The client that trusts whom it should now."""
        trust = self._access.trust()
        if self._client is None or trust is not self._trust:
            self.close()
            # trust_env: a proxy set for the outside world must not see what is scraped inside.
            self._client = httpx.Client(
                timeout=self._timeout, headers=HEADERS, follow_redirects=False, trust_env=False, verify=trust
            )
            self._trust = trust
        return self._client

    def _refusal(self, response: httpx.Response) -> CollectorError:
        """What a status other than 200 means for whoever wrote the service file."""
        said = f"{self.target}: answered {response.status_code}"
        if response.is_redirect:
            target = self._access.scrub(response.headers.get("location", ""))[:MOST_WORDS]
            return CollectorError(f"{said}; give the final address {target}")
        if response.status_code not in UNWELCOME:
            return CollectorError(said)
        if self._access.file:
            return CollectorError(f"{said}; it does not let in who has what {self._access.file} holds")
        return CollectorError(f"{said}; it asks who is there: write `bearer_token_file` or `basic_auth` beside its url")

    def _pieces(self, response: httpx.Response) -> Iterator[bytes]:
        """The client's own timeout starts anew with every byte; a page that drips is stopped here."""
        ends = monotonic() + self._timeout
        for piece in response.iter_raw():
            if monotonic() > ends:
                raise CollectorError(f"{self.target}: the page did not end in {self._timeout:g} s") from TimeoutError()
            yield piece
