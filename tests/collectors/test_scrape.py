"""Reading Prometheus pages: what is kept, and what a broken page or server is answered with."""

from __future__ import annotations

import gzip
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from math import isfinite
from threading import Event, Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

from burnline.collectors.access import system_trust
from burnline.collectors.page import parse_page
from burnline.collectors.reasons import reason_of
from burnline.collectors.scrape import Scraper
from burnline.errors import CollectorError
from burnline.events import Sample

Answer = Callable[[BaseHTTPRequestHandler], None]
PAGE = """\
# HELP http_requests_total Requests.
# TYPE http_requests_total counter
http_requests_total{status="200"} 90 1700000000000
http_requests_total{status="500"} 10
# TYPE http_request_duration_seconds histogram
http_request_duration_seconds_bucket{le="0.25"} 95
http_request_duration_seconds_bucket{le="+Inf"} 100
http_request_duration_seconds_sum 12.5
http_request_duration_seconds_count 100
# TYPE queue_depth gauge
queue_depth NaN
temperature +Inf
up 1
"""


class Server:
    """A loopback server whose only page is `answer`."""

    def __init__(self) -> None:
        self.answer: Answer = page(PAGE.encode())
        self.headers: dict[str, str] = {}
        self.leave = Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.headers = {name.lower(): value for name, value in self.headers.items()}
                server.answer(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._http.server_port}/metrics"

    def close(self) -> None:
        self.leave.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


def page(body: bytes, *, status: int = 200, **headers: str) -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return answer


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


@pytest.fixture
def scrape(now: datetime) -> Iterator[Callable[..., list[Sample]]]:
    made: list[Scraper] = []

    def scrape(
        url: str, wanted: frozenset[str] | None = None, limit_bytes: int = 1_000_000, seconds: float = 5
    ) -> list[Sample]:
        scraper = Scraper(
            "card-fraud",
            url,
            wanted=wanted,
            interval=timedelta(seconds=15),
            timeout=timedelta(seconds=seconds),
            limit_bytes=limit_bytes,
        )
        made.append(scraper)
        return list(scraper.collect(now))

    yield scrape
    for scraper in made:
        scraper.close()


Scrape = Callable[..., list[Sample]]


def test_the_whole_page_is_read_when_everything_is_wanted(server: Server, scrape: Scrape) -> None:
    samples = scrape(server.url)

    assert samples[:2] == [
        Sample("http_requests_total", {"status": "200"}, 90),
        Sample("http_requests_total", {"status": "500"}, 10),
    ]
    assert [sample.name for sample in samples[2:]] == [
        "http_request_duration_seconds_bucket",
        "http_request_duration_seconds_bucket",
        "http_request_duration_seconds_sum",
        "http_request_duration_seconds_count",
        "up",
    ]


def test_only_wanted_metrics_are_kept(server: Server, scrape: Scrape) -> None:
    samples = scrape(server.url, frozenset({"http_requests_total"}))

    assert {sample.name for sample in samples} == {"http_requests_total"}


@pytest.mark.parametrize("wanted", ["http_request_duration_seconds", "http_request_duration_seconds_bucket"])
def test_a_histogram_may_be_wanted_by_family_or_by_series(wanted: str) -> None:
    samples = list(parse_page(PAGE, frozenset({wanted})))

    assert [sample.labels["le"] for sample in samples if sample.name.endswith("_bucket")] == ["0.25", "+Inf"]


def test_wanting_nothing_still_visits_the_page(server: Server, scrape: Scrape) -> None:
    assert scrape(server.url, frozenset()) == []
    assert server.headers["accept"] == "text/plain; version=0.0.4"


def test_values_that_are_no_finite_numbers_are_left_out() -> None:
    assert list(parse_page("a NaN\nb +Inf\nc -Inf\nd 1e3\n", None)) == [Sample("d", {}, 1000)]


def test_a_counter_keeps_the_name_the_page_gives_it() -> None:
    text = '# TYPE nv_inference_request_success counter\nnv_inference_request_success{model="m"} 3\n'

    assert list(parse_page(text, None)) == [Sample("nv_inference_request_success", {"model": "m"}, 3)]


@pytest.mark.parametrize(
    ("line", "sample"),
    [
        ("a 1", Sample("a", {}, 1)),
        ("  a\t1", Sample("a", {}, 1)),
        ('a{x="1",} 2', Sample("a", {"x": "1"}, 2)),
        ('a { x = "1" } 2', Sample("a", {"x": "1"}, 2)),
        ('a{x="} # {y"} 2', Sample("a", {"x": "} # {y"}, 2)),
        (r'a{x="\"\\\n"} 2', Sample("a", {"x": '"\\\n'}, 2)),
        ('a{x="1"} 2 # {trace_id="b"} 0.2 1.5', Sample("a", {"x": "1"}, 2)),
        ('a{x="# {"} 2 17 # {trace_id="# {"} 0.2', Sample("a", {"x": "# {"}, 2)),
        ("vllm:num_requests_waiting 2", Sample("vllm:num_requests_waiting", {}, 2)),
    ],
)
def test_lines_are_read_as_the_format_allows_them(line: str, sample: Sample) -> None:
    assert list(parse_page(line, frozenset({sample.name}))) == [sample]


@given(st.text() | st.text(alphabet=' ab{}"=,#\\\n\t1.eE+-'), st.none() | st.frozensets(st.sampled_from("ab")))
def test_any_page_gives_samples_or_a_value_error(text: str, wanted: frozenset[str] | None) -> None:
    with suppress(ValueError):
        assert all(isfinite(sample.value) for sample in parse_page(text, wanted))


@given(st.text(), st.floats(allow_nan=False, allow_infinity=False))
def test_any_label_value_survives(value: str, number: float) -> None:
    registry = CollectorRegistry()
    Gauge("depth", "Depth.", ["queue"], registry=registry).labels(value).set(number)

    samples = list(parse_page(generate_latest(registry).decode(), frozenset({"depth"})))

    assert samples == [Sample("depth", {"queue": value}, number)]


def test_text_and_openmetrics_with_exemplars_give_the_same_samples() -> None:
    registry = CollectorRegistry()
    Counter("requests", "Requests.", registry=registry).inc(3, exemplar={"trace_id": "abc"})
    latency = Histogram("latency_seconds", "Latency.", buckets=[0.25, 1], registry=registry)
    latency.observe(0.2, exemplar={"trace_id": "def"})
    wanted = frozenset({"requests_total", "latency_seconds"})

    text = list(parse_page(generate_latest(registry).decode(), wanted))
    openmetrics = list(parse_page(generate_openmetrics(registry).decode(), wanted))  # type: ignore[no-untyped-call]

    assert text == openmetrics
    assert len(text) == 1 + 3 + 2


def test_a_gzip_page_is_read(server: Server, scrape: Scrape) -> None:
    server.answer = page(gzip.compress(PAGE.encode()), Content_Encoding="gzip")

    assert len(scrape(server.url)) == 7


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (page(b"", status=500), "answered 500"),
        (page(b"", status=404), "answered 404"),
        (page(b"", status=302, Location="http://elsewhere/"), "answered 302; give the final address http://elsewhere/"),
        (page(b"<html>hello</html> 1"), "html"),
        (page(b'broken{a="b 1\n'), "not the Prometheus text format"),
        (page(b"a one\n"), "could not convert string to float: 'one'"),
        (page(b"a" * 70_000), "a line of 70,000 characters"),
        (page(b"a\xff 1\n"), "utf-8"),
        (page(b"# " + b"x" * 2_000_000), "larger than 1,000,000 bytes"),
        (page(gzip.compress(b"# " + b"x" * 50_000_000), Content_Encoding="gzip"), "larger than 1,000,000 bytes"),
        (page(b"a 1\n", Content_Encoding="gzip"), "is not gzip"),
        (page(b"a 1\n", Content_Encoding="br"), "'br' is not supported"),
    ],
)
def test_a_page_that_cannot_be_used_is_an_error_with_its_address_and_the_reason(
    server: Server, scrape: Scrape, answer: Answer, said: str
) -> None:
    server.answer = answer

    with pytest.raises(CollectorError) as caught:
        scrape(server.url)

    assert str(caught.value).startswith(f"{server.url}: ")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (page(b"<html>xxx</html>", Content_Type="text/html; charset=utf-8"), "answered text/html"),
        (page(b"", Content_Type="Text/HTML"), "answered text/html"),
        (page(b"\n <!doctype html>\n"), "'<!doctype html>'"),
        (page(b'{"status": "ok"}'), "not the Prometheus text format"),
        (page(b"# Title\nIt works!\n"), "it begins with 'It works!'"),
        (page(b"OK"), "it begins with 'OK'"),
        (page(b"<" * 1_000_000), "it begins with '<<<"),
    ],
)
def test_a_page_of_something_else_fails_though_nothing_of_it_is_wanted(
    server: Server, scrape: Scrape, answer: Answer, said: str
) -> None:
    server.answer = answer

    with pytest.raises(CollectorError) as caught:
        scrape(server.url, frozenset({"up"}))

    assert said in str(caught.value)
    assert reason_of(caught.value) == "malformed"


@pytest.mark.parametrize(
    "body",
    [
        "",
        "\n\n",
        "# HELP a An answer.\n# EOF\n",
        "a NaN",
        'a{b="}"} +Inf 1700000000000',
        '{"a.b", c="d"} -.5',
        '\r\n  a {b="c",} 1e3 # {trace_id="x"} 0.2\r\n',
    ],
)
def test_a_page_of_metrics_is_one_though_nothing_of_it_is_wanted(server: Server, scrape: Scrape, body: str) -> None:
    server.answer = page(body.encode(), Content_Type="text/plain; version=0.0.4")

    assert scrape(server.url, frozenset({"up"})) == []


def test_a_page_with_too_many_wanted_samples_is_refused_whole() -> None:
    text = "".join(f'a{{n="{n}"}} 1\nb 1\n' for n in range(4))

    assert len(list(parse_page(text, frozenset({"a"}), sample_limit=4))) == 4
    with pytest.raises(ValueError, match="more than 3 wanted samples"):
        list(parse_page(text, frozenset({"a"}), sample_limit=3))


def test_the_sample_limit_fails_the_scrape_by_name(server: Server, now: datetime) -> None:
    server.answer = page(b"a 1\nb 1\n")
    scraper = Scraper(
        "shop", server.url, wanted=None, interval=timedelta(seconds=1), timeout=timedelta(seconds=5), sample_limit=1
    )

    with pytest.raises(CollectorError, match="more than 1 wanted samples"):
        scraper.collect(now)
    scraper.close()


def test_a_server_that_is_down_is_an_error(scrape: Scrape) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    with pytest.raises(CollectorError, match="refused"):
        scrape(f"http://127.0.0.1:{port}/metrics")


def test_a_server_that_never_answers_is_given_up(server: Server, scrape: Scrape) -> None:
    server.answer = lambda request: server.leave.wait()  # type: ignore[assignment]  # it answers nothing

    with pytest.raises(CollectorError, match="timed out"):
        scrape(server.url, seconds=0.1)


def test_a_server_that_drips_is_given_up_too(server: Server, scrape: Scrape) -> None:
    def drip(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        while not server.leave.wait(0.02):
            try:
                request.wfile.write(b"#\n")
            except OSError:
                return

    server.answer = drip

    with pytest.raises(CollectorError, match=r"did not end in 0.2 s") as caught:
        scrape(server.url, seconds=0.2)
    assert reason_of(caught.value) == "timeout"


def test_a_connection_closed_half_way_is_an_error(server: Server, scrape: Scrape) -> None:
    def cut(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", "100")
        request.end_headers()
        request.wfile.write(b"a 1\n")

    server.answer = cut

    with pytest.raises(CollectorError, match="closed connection"):
        scrape(server.url)


def test_credentials_are_sent_but_never_shown(server: Server, now: datetime) -> None:
    url = server.url.replace("127.0.0.1", "probe:secret@127.0.0.1")
    server.answer = page(b"", status=500)
    second = timedelta(seconds=1)
    scraper = Scraper("card-fraud", url, wanted=None, interval=second, timeout=second)

    with pytest.raises(CollectorError) as caught:
        scraper.collect(now)

    scraper.close()
    assert server.headers["authorization"].startswith("Basic ")
    assert "secret" not in f"{caught.value} {scraper.target}"


def test_a_proxy_of_the_environment_is_not_used(
    server: Server, scrape: Scrape, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)

    assert scrape(server.url)


def test_pages_share_what_they_trust() -> None:
    """Each context of its own is 700 KiB: a thousand services would be most of a gigabyte."""
    made = system_trust()

    assert system_trust() is made
    assert made.verify_mode is ssl.CERT_REQUIRED
    assert made.check_hostname
