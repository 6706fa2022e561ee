"""Reads a Prometheus text page: only the metrics somebody asked for, under limits of time and size."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from time import monotonic

import httpx
from prometheus_client.parser import text_string_to_metric_families

from burnline.collectors.inflate import inflate
from burnline.collectors.profiles.model import Profile
from burnline.collectors.profiles.reading import lacks, own_series
from burnline.errors import CollectorError, PayloadError
from burnline.events import Sample

LIMIT_BYTES = 32 * 1024 * 1024
MAX_LINE = 64 * 1024
SAMPLE_LIMIT = 50_000  # of those wanted, per page: a label that changes with each request must not fill memory
HEADERS = {"Accept": "text/plain; version=0.0.4", "Accept-Encoding": "gzip"}

_NAME = re.compile(r"[ \t]*([a-zA-Z_:][a-zA-Z0-9_:]*)")
_QUOTED_NAME = re.compile(r'[ \t]*\{[ \t]*"((?:[^"\\]|\\.)*)"')  # {"name.with.dots", label="x"} 1
_SUFFIX = re.compile(r"_(?:bucket|count|sum|total)$")
# OpenMetrics puts an exemplar behind a sample, ` # {trace_id="..."} 0.2`; a label value may look like one.
_EXEMPLAR = re.compile(r'((?:[^"#]|"(?:[^"\\]|\\.)*+")*?)[ \t]#[ \t]*\{.*', re.DOTALL)


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
        self._timeout = timeout.total_seconds()
        self._limit_bytes = limit_bytes
        self._sample_limit = sample_limit
        # trust_env: a proxy set for the outside world must not see what is scraped inside.
        self._client = httpx.Client(timeout=self._timeout, headers=HEADERS, follow_redirects=False, trust_env=False)

    def collect(self, now: datetime) -> Sequence[Sample]:
        """Fetch the page and read it.

        Raises: CollectorError with the URL and the reason.
        """
        try:
            return self._read(self._fetch())
        except (httpx.HTTPError, PayloadError, ValueError) as error:
            reason = str(error)[:300] or type(error).__name__  # it may quote the page
            raise CollectorError(f"{self.target}: {reason}") from error

    def close(self) -> None:
        """Drop the connection."""
        self._client.close()

    def _read(self, page: str) -> list[Sample]:
        if self._profile is None or self._wanted is None:
            return list(parse_page(page, self._wanted, sample_limit=self._sample_limit))
        wanted = frozenset(name for name in self._wanted if not is_wanted(name, self.made))  # made here, and only here
        try:
            samples = list(parse_page(page, wanted | self._profile.names, sample_limit=self._sample_limit))
        except ValueError as error:  # a line that nobody asked for must not cost what somebody did
            samples = list(parse_page(page, wanted, sample_limit=self._sample_limit))
            self.notes = (f"nothing was made by the profile: {str(error)[:300]}",)
            return samples
        made = own_series(self._profile, samples, collector=self.name)
        self.notes = tuple(map(str, lacks(self._profile, page, samples)))
        return [*(sample for sample in samples if is_wanted(sample.name, wanted)), *made]

    def _fetch(self) -> str:
        with self._client.stream("GET", self._url) as response:
            if response.is_redirect:
                target = response.headers.get("location", "")
                raise CollectorError(f"{self.target}: answered {response.status_code}; give the final address {target}")
            if response.status_code != httpx.codes.OK:
                raise CollectorError(f"{self.target}: answered {response.status_code}")
            encoding = response.headers.get("content-encoding", "")
            return inflate(self._pieces(response), encoding=encoding, limit_bytes=self._limit_bytes).decode()

    def _pieces(self, response: httpx.Response) -> Iterator[bytes]:
        """The client's own timeout starts anew with every byte; a page that drips is stopped here."""
        ends = monotonic() + self._timeout
        for piece in response.iter_raw():
            if monotonic() > ends:
                raise CollectorError(f"{self.target}: the page did not end in {self._timeout:g} s")
            yield piece


def parse_page(text: str, wanted: frozenset[str] | None, *, sample_limit: int = SAMPLE_LIMIT) -> Iterator[Sample]:
    """Samples of the wanted metrics; the rest of the page is skipped unread (parsing all of it costs 100 times more).

    Comments go too: without types the parser leaves the names alone (it would add `_total` to bare counters).

    Raises: ValueError naming a line that cannot be read, or the limit when there are more samples.
    """
    found = (_without_exemplar(line) for line in text.split("\n") if _is_wanted(line, wanted))
    lines = list(islice(found, sample_limit + 1))
    if len(lines) > sample_limit:
        raise ValueError(f"more than {sample_limit:,} wanted samples: does a label change with every request?")
    try:
        for family in text_string_to_metric_families("\n".join(lines) + "\n"):
            for name, labels, value, *_ in family.samples:
                if math.isfinite(value):
                    yield Sample(name, labels, value)
    except (ValueError, LookupError, ArithmeticError) as error:  # the parser trips over some lines without saying so
        raise ValueError(f"not the Prometheus text format: {error}") from error


def _is_wanted(line: str, wanted: frozenset[str] | None) -> bool:
    match = _NAME.match(line) or _QUOTED_NAME.match(line)
    if not match:
        return wanted is None and not line.lstrip().startswith("#")
    return wanted is None or is_wanted(match[1], wanted)


def is_wanted(name: str, wanted: frozenset[str]) -> bool:
    """Whether a sample's name, or that of its family, is among them."""
    return name in wanted or _SUFFIX.sub("", name) in wanted


def _without_exemplar(line: str) -> str:
    if len(line) > MAX_LINE:
        raise ValueError(f"a line of {len(line):,} characters; at most {MAX_LINE:,} are read")
    if "#" not in line:
        return line
    match = _EXEMPLAR.fullmatch(line)
    return match[1] if match else line
