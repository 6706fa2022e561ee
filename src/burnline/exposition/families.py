"""One family of prometheus_client, and one source of samples, with what is kept of them between two pages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prometheus_client import Metric
from prometheus_client.samples import Sample as LibrarySample

from burnline.exposition.exemplars import Exemplar, Series
from burnline.exposition.layout import Group, Labels, Layout, NotPlain, escaped, is_plain
from burnline.exposition.negotiate import EOF, Format
from burnline.exposition.numbers import number_texts
from burnline.exposition.others import Other, others_of
from burnline.exposition.source import Source, family_name

_AT_THE_END = ("_created", "_gcount", "_gsum")  # samples of OpenMetrics, which the text format shows as gauges
_TEXT_KINDS = {"info": "gauge", "stateset": "gauge", "gaugehistogram": "histogram", "unknown": "untyped"}
_TEXT_ENDS = {"counter": "_total", "info": "_info"}
_EXEMPLARS = {"counter": "_total", "histogram": "_bucket", "gaugehistogram": "_bucket"}  # which samples may have them


def heading(form: Format, name: str, documentation: str, kind: str, unit: str = "") -> str:
    """HELP, TYPE and UNIT, without the last line's end."""
    text = documentation.replace("\\", r"\\").replace("\n", r"\n")
    if not form.openmetrics:
        return f"# HELP {name} {text}\n# TYPE {name} {kind}"
    text = text.replace('"', r"\"")
    return f"# HELP {name} {text}\n# TYPE {name} {kind}" + (f"\n# UNIT {name} {unit}" if unit else "")


@dataclass(frozen=True, slots=True)
class Only:
    """A registry of one family."""

    metric: Metric

    def collect(self) -> Sequence[Metric]:
        return [self.metric]


def by_library(form: Format, metric: Metric) -> bytes:
    """The family as prometheus_client writes it."""
    return form.library(Only(metric)).removesuffix(EOF)


class Family:
    """One family on pages of one format."""

    def __init__(self, form: Format) -> None:
        self._form = form
        self._about: tuple[str, ...] = ()
        self._layout: Layout | None = None

    def render(self, metric: Metric) -> bytes:
        """As prometheus_client writes it, by its own hand where a name or a value is not an ordinary one."""
        try:
            return self._render(metric)
        except (NotPlain, TypeError, ValueError, AttributeError):  # also what it would refuse: in its own words
            self._layout = None
            return by_library(self._form, metric)

    def _render(self, metric: Metric) -> bytes:
        if not is_plain(metric.name):
            raise NotPlain(metric.name)
        names, labels, values, suffixes = _columns(self._form, metric)
        about = (metric.documentation, metric.type, metric.unit)
        if self._layout is None or about != self._about or not self._layout.fits(names, labels):
            before = self._layout if about == self._about else None
            copies = [dict(each) for each in labels]  # whoever made them may change them
            self._layout = Layout(names, copies, list(_groups(self._form, metric, names)), before=before)
            self._about = about
        return b"".join([*self._layout.fill(values, suffixes), b"\n"])


def _columns(form: Format, metric: Metric) -> tuple[list[str], list[Labels], Sequence[float], list[str]]:
    columns = [list(column) for column in zip(*metric.samples, strict=True)]
    if not columns:
        return [], [], (), []
    names, labels, values, moments, exemplars, *others = columns
    if any(each is not None for column in others for each in column):
        raise NotPlain("a native histogram")
    if not any(each is not None for each in moments) and not any(each is not None for each in exemplars):
        return names, labels, values, []
    return names, labels, values, [_suffix(form, metric.type, sample) for sample in metric.samples]


def _suffix(form: Format, kind: str, sample: LibrarySample) -> str:
    """The timestamp and the exemplar."""
    if not form.openmetrics:
        return "" if sample.timestamp is None else f" {int(float(sample.timestamp) * 1000):d}"
    moment = "" if sample.timestamp is None else f" {sample.timestamp}"
    if sample.exemplar is None:
        return moment
    if kind not in _EXEMPLARS or not sample.name.endswith(_EXEMPLARS[kind]):
        raise NotPlain("an exemplar where there is none in OpenMetrics")
    pairs = ",".join([f'{name}="{escaped(value)}"' for name, value in sorted(sample.exemplar.labels.items())])
    at = "" if sample.exemplar.timestamp is None else f" {sample.exemplar.timestamp}"
    (value,) = number_texts([sample.exemplar.value])
    return f"{moment} # {{{pairs}}} {value}{at}"


def _groups(form: Format, metric: Metric, names: Sequence[str]) -> Iterator[Group]:
    if form.openmetrics:
        yield Group(heading(form, metric.name, metric.documentation, metric.type, metric.unit), range(len(names)))
        return
    ends = {metric.name + end: end for end in _AT_THE_END}
    name = metric.name + _TEXT_ENDS.get(metric.type, "")
    above = heading(form, name, metric.documentation, _TEXT_KINDS.get(metric.type, metric.type))
    yield Group(above, [place for place, each in enumerate(names) if each not in ends])
    for name in sorted(set(names) & set(ends)):
        above = "\n" + heading(form, name, metric.documentation, "gauge")
        yield Group(above, [place for place, each in enumerate(names) if each == name])


Key = str | Other  # a name of the register, or a family beside it


class Rows:
    """One source on every page: its series' text is the same in all formats, but for exemplars."""

    def __init__(self) -> None:
        self._source: Source | None = None
        self._layout: Layout | None = None
        self._keys: Sequence[Key] = ()
        self._text: Mapping[Key, bytes] = {}

    def render(
        self, source: Source, register: Mapping[str, Any], exemplars: Mapping[Series, Exemplar] | None = None
    ) -> Mapping[Key, bytes]:
        """By name, the lines of its series; each begins with a line's end."""
        if source is not self._source:
            self._text = self._render(source, register)
            self._source = source
        if not exemplars or self._layout is None:
            return self._text
        found = map(exemplars.get, map(source.series, source.samples))
        return self._filled(self._layout, source, [each.text if each else "" for each in found])

    def _render(self, source: Source, register: Mapping[str, Any]) -> Mapping[Key, bytes]:
        names = [sample.name for sample in source.samples]
        if source.others:  # what is not plain is not shown, and must not cost the rest
            names = [name if is_plain(name) else "_" for name in names]
        labels = [sample.labels for sample in source.samples]
        same = self._layout is not None and self._source is not None and source.labels == self._source.labels
        if self._layout is None or not same or not self._layout.fits(names, labels):
            others = others_of(source.samples, register) if source.others else {}
            places: dict[Key, list[int]] = {}
            for place, name in enumerate(names):
                places.setdefault(others.get(name) or family_name(name), []).append(place)
            self._keys = [key for key in places if isinstance(key, Other) or key in register]
            groups = [Group("", places[key]) for key in self._keys]
            before = self._layout if same else None
            self._layout = Layout(names, labels, groups, extra=source.labels, before=before)
        self._layout.hold(labels)
        return self._filled(self._layout, source, ())

    def _filled(self, layout: Layout, source: Source, suffixes: Sequence[str]) -> Mapping[Key, bytes]:
        filled = layout.fill([sample.value for sample in source.samples], suffixes)
        return dict(zip(self._keys, filled, strict=True))
