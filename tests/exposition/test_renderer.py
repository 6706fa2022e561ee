"""Pages are, byte for byte, what prometheus_client would write."""

from __future__ import annotations

import gzip
import math
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Enum, Histogram, Info, Metric, Summary
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from prometheus_client.samples import Exemplar, NativeHistogram, Timestamp
from prometheus_client.utils import floatToGoString

from burnline.events import Sample
from burnline.exposition import layout
from burnline.exposition.exemplars import Exemplar as Seen
from burnline.exposition.exemplars import Exemplars, Series, series_of
from burnline.exposition.negotiate import choose_format, compress
from burnline.exposition.numbers import number_texts
from burnline.exposition.others import others_of
from burnline.exposition.renderer import MOST_FORMATS, Renderer
from burnline.exposition.source import Source, metrics_of

ACCEPTS = (
    "",
    "text/plain; version=1.0.0",
    "application/openmetrics-text; version=1.0.0",
    "application/openmetrics-text; version=1.0.0; escaping=allow-utf-8",
    "text/plain; version=1.0.0; escaping=allow-utf-8",
    "application/openmetrics-text; version=1.0.0; escaping=dots",
    "text/plain; version=1.0.0; escaping=values",
    "application/openmetrics-text; version=2.0.0",
)
HOSTILE = 'a"b\\c\nd} 1e9\n# TYPE evil counter\u2028\u202e{é'
REGISTER = {"burnline_jobs_total": 'Jobs "done".', "burnline_depth": "How deep\nit is.", "burnline_unused": "Nothing."}

START = 1_767_614_400.5

FEWER = settings(max_examples=60)


def fits(value: float) -> bool:
    """Whether it is a float at all: a whole number may be too large for one."""
    try:
        return float(value) is not None
    except OverflowError:
        return False


def of_any_bits(rng: random.Random) -> float:
    """Between the thousandth and a million: where two ways to find the digits of a number could differ."""
    mantissa = rng.getrandbits(52) / 2**52
    return float((1 + mantissa) * 2 ** rng.randrange(-13, 20))


numbers = st.one_of(
    st.floats(),
    st.sampled_from([0.0, -0.0, math.inf, -math.inf, math.nan, 1e6, 999999.0, 1e15, 1e16, 1e17, 5e-324, -1e6, 100.0]),
    st.integers(-(10**30), 10**30),
    st.integers(0, 10**17).map(float),
    st.booleans(),
)
texts = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=6), st.sampled_from([HOSTILE, "\\n", '\\"', ""])
)
names = st.sampled_from(["a", "burnline_x", "Z9", "vllm:requests", "with.dots", "ünicode", "_", "__x", "a_created"])
label_names = st.sampled_from(["a", "b", "le", "quantile", "__reserved", "dotted.name", "Z"])
labels = st.dictionaries(label_names, texts, max_size=3)
moments = st.one_of(st.none(), st.floats(0, 2e9), st.integers(0, 2 * 10**9), st.just(Timestamp(1700000000, 5)))
exemplars = st.one_of(st.none(), st.builds(Exemplar, labels, numbers, moments))
KINDS = ("counter", "gauge", "summary", "histogram", "gaugehistogram", "unknown", "info", "stateset")
ENDS = ("", "_total", "_created", "_bucket", "_sum", "_count", "_gsum", "_gcount", "_info")


@dataclass(frozen=True)
class Registry:
    """What prometheus_client asks for families."""

    families: Sequence[Metric]

    def collect(self) -> Iterable[Metric]:
        return self.families


@st.composite
def families(draw: st.DrawFn) -> Metric:
    """Any family, those that no client would make as well."""
    unit = draw(st.sampled_from(["", "", "seconds"]))
    family = Metric(draw(names), draw(texts), draw(st.sampled_from(KINDS)), unit)
    for _ in range(draw(st.integers(0, 5))):
        name = family.name + draw(st.sampled_from(ENDS))
        with_exemplar = name.endswith(("_total", "_bucket")) and family.type in ("counter", "histogram")
        family.add_sample(name, draw(labels), draw(numbers), draw(moments), draw(exemplars) if with_exemplar else None)
    return family


def by_library(accept: str, page: Sequence[Metric]) -> bytes:
    """Families that it refuses are left out."""
    form = choose_format(accept)
    written = []
    for family in page:
        try:
            written.append(form.library(Registry([family])).removesuffix(b"# EOF\n"))
        except Exception:  # noqa: BLE001 - it refuses with whatever it trips over
            continue
    return b"".join([*written, b"# EOF\n" if form.openmetrics else b""])


@given(numbers)
def test_a_number_is_written_as_the_library_writes_it(value: float) -> None:
    expected = floatToGoString(value)  # type: ignore[no-untyped-call] # the library's own gap

    assert number_texts([value]) == [expected]
    assert number_texts([float(value)]) == [expected]


@pytest.mark.parametrize(
    "draw", [random.Random.random, lambda rng: 10 ** rng.uniform(-8, 20), of_any_bits], ids=["random", "wide", "bits"]
)
def test_many_numbers_are_written_as_the_library_writes_them(draw: Callable[[random.Random], float]) -> None:
    rng = random.Random(1)
    values = [draw(rng) for _ in range(20_000)]

    assert number_texts(values) == [floatToGoString(value) for value in values]  # type: ignore[no-untyped-call]


def test_no_numbers_are_no_texts() -> None:
    assert number_texts([]) == []


@FEWER
@given(st.lists(st.lists(families(), max_size=3), min_size=1, max_size=3), st.sampled_from(ACCEPTS))
def test_any_pages_one_after_the_other_are_the_librarys(pages: list[list[Metric]], accept: str) -> None:
    renderer = Renderer({})

    for page in [*pages, *pages]:
        assert renderer.render(choose_format(accept), page) == by_library(accept, page)


plain_labels = st.dictionaries(st.sampled_from(["a", "b", "kind", "Z"]), texts, max_size=3)
OTHERS = ("not_ours_total", "x", "x_bucket", "x_count", "x_sum", "x_total", "y_count", "up", "python_info")
samples = st.lists(
    st.builds(Sample, st.sampled_from([*REGISTER, *OTHERS]), plain_labels, numbers.filter(fits)), max_size=8
)
sources = st.dictionaries(st.sampled_from("abc"), st.tuples(samples, st.dictionaries(st.just("service"), texts)))


@FEWER
@given(st.lists(sources, min_size=1, max_size=3), st.sampled_from(ACCEPTS))
def test_samples_give_the_page_that_families_made_of_them_would(
    turns: list[dict[str, tuple[list[Sample], dict[str, str]]]], accept: str
) -> None:
    renderer, form = Renderer(REGISTER), choose_format(accept)

    for turn in [*turns, *turns]:
        given_ = [Source(key, rows, own, others=key == "a") for key, (rows, own) in turn.items()]
        found = {each.key: exemplars_of(each) for each in given_}
        expected = by_library(accept, list(metrics_of(given_, REGISTER, found if form.openmetrics else None)))
        assert renderer.render(form, [], given_, found) == expected
        assert renderer.render(form, [], given_, found) == expected, "and the same again"


def exemplars_of(source: Source) -> dict[Series, Seen]:
    """One for each series that may have any."""
    kinds = others_of(source.samples, REGISTER) if source.others else {}
    may = ("burnline_jobs_total", *(name for name, each in kinds.items() if each.kind in ("counter", "histogram")))
    ends = ("_total", "_bucket")
    found = [each for each in source.samples if each.name in may and each.name.endswith(ends)]
    return {source.series(each): Seen("ab" * 16, "cd" * 8, 0.25, START + n) for n, each in enumerate(found)}


def test_an_exemplar_is_written_in_openmetrics_alone() -> None:
    source = Source("pushed", [Sample("burnline_jobs_total", {"kind": "a"}, 3.0)], {"service": "shop"})
    found = {"pushed": {series_of("burnline_jobs_total", {"kind": "a"}): Seen("ab" * 16, "cd" * 8, 0.25, START)}}
    renderer = Renderer(REGISTER)

    pages = [renderer.render(choose_format(accept), [], [source], found).decode() for accept in ("", ACCEPTS[2], "")]

    ids = f'span_id="{"cd" * 8}",trace_id="{"ab" * 16}"'
    line = 'burnline_jobs_total{kind="a",service="shop"} 3.0'
    assert [line in page.splitlines() for page in pages] == [True, False, True]
    assert f"{line} # {{{ids}}} 0.25 {START}" in pages[1].splitlines()
    assert len(ids) < 128


def test_a_series_keeps_its_youngest_exemplar_and_never_one_from_the_future() -> None:
    kept, one = Exemplars(most=2), series_of("a_total", {})
    for at in (START, START - 5, START + 3600):
        kept.note("shop", [(one, Seen("ab" * 16, "", at, at))], datetime.fromtimestamp(START + 10, UTC))
        assert kept.by_service()["shop"][one].at in (START, START + 10)
    kept.note("shop", [(series_of(name, {}), Seen("ab" * 16, "", 1, START)) for name in "bc"], datetime.now(UTC))

    assert kept.by_service()["shop"].keys() == {series_of("b", {}), series_of("c", {})}


def test_others_are_shown_by_what_their_names_say_and_never_under_a_name_that_is_taken() -> None:
    renderer, form = Renderer(REGISTER), choose_format(ACCEPTS[2])
    theirs = [
        *(Sample("took_seconds_bucket", {"le": le}, 1.0) for le in ("0.5", "+Inf")),
        *(Sample(name, {}, 1.0) for name in ("took_seconds_count", "took_seconds_sum", "sent_total", "sent")),
        *(Sample(name, {}, 1.0) for name in ("size_count", "size_sum", "thread_count", "python_info", "up", "a:b")),
        Sample("burnline_depth", {}, 1.0),
    ]
    own = Metric("python", "Its own.", "info")
    own.add_sample("python_info", {"version": "3"}, 1.0)

    page = renderer.render(form, [own], [Source("pushed", theirs, {"service": "shop"}, others=True)]).decode()

    kinds = {family.name: family.type for family in parse_openmetrics(page)}  # type: ignore[no-untyped-call] # the library's own gap
    assert kinds == {
        "python": "info",
        "burnline_depth": "gauge",
        "took_seconds": "histogram",
        "size": "summary",
        "sent": "counter",
        "thread_count": "gauge",
    }


@pytest.mark.parametrize("accept", ACCEPTS[:5])
def test_names_of_labels_that_somebody_posted_do_not_cost_the_page(accept: str) -> None:
    odd = {"a.b": "1", "a_b": "2", "9": "3", "__name__": "4", "": "5", 'x"} 1\n': "6"}
    form = choose_format(accept)

    page = Renderer(REGISTER).render(form, [], [Source("jobs", [Sample("burnline_depth", odd, 1.0)])]).decode()

    parse = parse_openmetrics if form.openmetrics else parse_text
    (family,) = parse(page)
    assert sorted(family.samples[0].labels.values()) == ["1", "2", "3", "4", "5", "6"]


def series(count: int, value: float = 1.0) -> list[Sample]:
    return [Sample("burnline_depth", {"queue": str(number)}, value) for number in range(count)]


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows[:-1],
        lambda rows: rows[1:],
        lambda rows: [*rows[:4], *rows[6:]],
        lambda rows: [rows[5], *rows],
        lambda rows: [*rows[:3], Sample("burnline_jobs_total", {}, 7.0), *rows[3:]],
        lambda rows: rows[::-1],
        lambda rows: [],
        lambda rows: rows * 2,
    ],
)
def test_series_that_come_and_go_leave_nothing_behind(change: Callable[[list[Sample]], list[Sample]]) -> None:
    renderer, form = Renderer(REGISTER), choose_format("")
    renderer.render(form, [], [Source("queues", series(10))])

    changed = [Source("queues", change(series(10, 2.0)))]

    assert renderer.render(form, [], changed) == Renderer(REGISTER).render(form, [], changed)


def test_labels_are_escaped_once(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    one = layout.series_text

    def noting(name: str, labels: layout.Labels) -> str:
        written.append(name)
        return one(name, labels)

    monkeypatch.setattr(layout, "series_text", noting)
    renderer, form = Renderer(REGISTER), choose_format("")

    for turn in range(3):
        renderer.render(form, [], [Source("queues", series(50, turn))])
    renderer.render(choose_format(ACCEPTS[2]), [], [Source("queues", series(51))])

    assert len(written) == 51


def test_what_is_kept_goes_with_its_source_and_its_format() -> None:
    renderer = Renderer(REGISTER)
    gauge = GaugeMetricFamily("a", "A.", 1)
    form = choose_format("")
    for key in "abc":
        renderer.render(form, [gauge], [Source(key, series(5))])
    for accept in ACCEPTS:
        renderer.render(choose_format(accept), [gauge])

    renderer.render(form, [], [])

    assert renderer._sources == {}
    assert len(renderer._families) <= MOST_FORMATS
    assert renderer._families[False, "underscores"] == {}


def test_a_labels_dictionary_that_its_owner_changes_is_read_again() -> None:
    renderer, form = Renderer({}), choose_format("")
    family, own = Metric("a", "A.", "gauge"), {"version": "1"}
    family.add_sample("a", own, 1)
    renderer.render(form, [family])

    own["version"] = "2"

    assert b'a{version="2"} 1.0' in renderer.render(form, [family])


def test_a_family_that_cannot_be_written_costs_no_other_and_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    bad, good = Metric("bad", "Half a character.", "gauge"), GaugeMetricFamily("good", "Good.", 1)
    bad.add_sample("bad", {"a": "\ud800"}, 1)
    renderer, form = Renderer(REGISTER), choose_format("")
    broken = Source("broken", [Sample("burnline_depth", {"a": "\ud800"}, 1)])

    pages = [renderer.render(form, [bad, good], [broken, Source("good", series(1))]) for _ in range(3)]

    assert pages[0] == pages[1] == pages[2]
    assert b"good 1.0\n" in pages[0]
    assert b'burnline_depth{queue="0"} 1.0\n' in pages[0]
    assert b"bad" not in pages[0]
    assert [record.part for record in caplog.records] == ["bad", "broken"]  # type: ignore[attr-defined]


def test_a_native_histogram_costs_its_own_family_only() -> None:
    native = Metric("native", "Of one.", "histogram")
    native.add_sample("native", {}, None, native_histogram=NativeHistogram(1, 1, 0, 0, 0))  # type: ignore[arg-type]
    good = GaugeMetricFamily("good", "Good.", 1)

    page = Renderer({}).render(choose_format(""), [native, good])

    assert page == b"# HELP good Good.\n# TYPE good gauge\ngood 1.0\n"


@pytest.mark.parametrize("accept", ACCEPTS)
def test_the_clients_own_instruments_are_written_as_it_writes_them(accept: str) -> None:
    registry, renderer = CollectorRegistry(), Renderer({})
    counter = Counter("requests_total", "Requests.", ["path"], registry=registry)
    seconds = Histogram("latency_seconds", "Latency.", ["path"], registry=registry)
    Info("build", "Build.", registry=registry).info({"version": HOSTILE})
    Enum("mode", "Mode.", states=["on", "off"], registry=registry).state("off")
    Summary("size_bytes", "Sizes.", registry=registry).observe(3)
    form = choose_format(accept)

    for turn in range(3):
        counter.labels(HOSTILE).inc(turn, exemplar={"trace_id": f"{turn:032x}"})
        seconds.labels("/").observe(0.3 * turn, exemplar={"trace_id": "abc"})
        counter.labels(str(turn)).inc()
        assert renderer.render(form, registry.collect()) == form.library(registry)


@pytest.mark.parametrize("accept", ["application/openmetrics-text; version=x", "text/plain;version=", ";=;,q", "\xe9"])
def test_an_accept_header_that_is_nonsense_gets_text(accept: str) -> None:
    assert choose_format(accept).content_type.startswith("text/plain; version=0.0.4")


@pytest.mark.parametrize(("asked", "packed"), [("", False), ("gzip", True), ("br, GZIP;q=0.5", True), ("zstd", False)])
def test_a_page_is_packed_when_asked_for(asked: str, packed: bool) -> None:
    body, headers = compress(b"page" * 1000, asked)

    assert ("Content-Encoding" in headers) is packed
    assert (gzip.decompress(body) if packed else body) == b"page" * 1000
    assert headers["Vary"] == "Accept, Accept-Encoding"
