"""The page, byte for byte as prometheus_client's `generate_latest` writes it."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import chain

from prometheus_client import Metric

from burnline.exposition.families import Family, Key, Rows, by_library, heading
from burnline.exposition.negotiate import EOF, Format
from burnline.exposition.others import HELP, Other, claims_of, without_clashes
from burnline.exposition.source import Found, Source, family_of, metrics_of

log = logging.getLogger(__name__)

WHY, TAKEN = "it cannot be written", "another has its name"
MOST_FORMATS = 4  # whose series are kept: who scrapes asks for one or two


class Renderer:
    """Writes pages; what it keeps of the series of one page makes the next one cheap.

    A family or a source that cannot be written is left out, and told in the log once.

    Args:
        register: the names that samples of sources may have, with their help, in the order of the page.
    """

    def __init__(self, register: Mapping[str, str]) -> None:
        self._register = register
        self._lock = threading.Lock()
        self._families: OrderedDict[tuple[bool, str], dict[str, Family]] = OrderedDict()
        self._sources: dict[Hashable, Rows] = {}
        self._broken: frozenset[str] = frozenset()

    def render(
        self,
        form: Format,
        families: Iterable[Metric],
        sources: Sequence[Source] = (),
        exemplars: Found | None = None,
    ) -> bytes:
        """The page of families that stand as they are, then of what the sources have, then of what others sent.

        Exemplars are written where the format is OpenMetrics. What others sent under a name that is taken is left out.
        """
        with self._lock:
            broken: set[str] = set()
            families = list(families)
            found = exemplars if exemplars and form.openmetrics else {}
            taken = frozenset(chain.from_iterable(claims_of(metric.name, metric.type) for metric in families))
            if form.plain:
                measured = self._measured(form, sources, found, taken, broken)
                pieces = [*self._as_they_are(form, families, broken), *measured]
            else:
                every = [*families, *metrics_of(sources, self._register, found, taken)]
                pieces = [self._escaped(form, family, broken) for family in every]
            self._broken = frozenset(broken)
        return b"".join([*pieces, EOF] if form.openmetrics else pieces)

    def _as_they_are(self, form: Format, families: Iterable[Metric], broken: set[str]) -> Iterator[bytes]:
        key = (form.openmetrics, form.escaping)
        known, kept = self._families.pop(key, {}), {}
        for metric in families:
            try:
                kept[metric.name] = family = known.get(metric.name) or Family(form)
                yield family.render(metric)
            except Exception as error:  # noqa: BLE001 - one family must not cost the page
                self._note(metric.name, error, broken)
        self._families[key] = kept
        while len(self._families) > MOST_FORMATS:
            self._families.popitem(last=False)

    def _measured(
        self, form: Format, sources: Sequence[Source], exemplars: Found, taken: Iterable[str], broken: set[str]
    ) -> Iterator[bytes]:
        known, self._sources = self._sources, {}
        by_name: dict[Key, list[bytes]] = {}
        for source in sources:
            try:
                self._sources[source.key] = rows = known.get(source.key) or Rows()
                for key, text in rows.render(source, self._register, exemplars.get(source.key)).items():
                    by_name.setdefault(key, []).append(text)
            except Exception as error:  # noqa: BLE001 - nor one source the others
                self._note(str(source.key), error, broken)
        for name, about in self._register.items():
            if name in by_name:
                family = family_of(name, about)
                above = heading(form, family.name if form.openmetrics else name, about, family.type)
                yield b"".join([above.encode(), *by_name[name], b"\n"])
        yield from self._others(form, by_name, taken, broken)

    def _others(
        self, form: Format, by_name: Mapping[Key, list[bytes]], taken: Iterable[str], broken: set[str]
    ) -> Iterator[bytes]:
        asked = [key for key in by_name if isinstance(key, Other)]
        shown = list(without_clashes(asked, taken))
        for other in shown:
            above = heading(form, other.name if form.openmetrics else other.shown, HELP, other.kind)
            yield b"".join([above.encode(), *by_name[other], b"\n"])
        for other in set(asked) - set(shown):
            self._note(other.shown, None, broken)

    def _escaped(self, form: Format, family: Metric, broken: set[str]) -> bytes:
        try:
            return by_library(form, family)
        except Exception as error:  # noqa: BLE001 - likewise
            self._note(family.name, error, broken)
            return b""

    def _note(self, part: str, error: Exception | None, broken: set[str]) -> None:
        """`error`: None where another one has its name."""
        broken.add(part)
        if part not in self._broken:
            level = logging.ERROR if error else logging.WARNING
            log.log(
                level,
                "left out of the exposition",
                exc_info=error,
                extra={"part": part, "why": WHY if error else TAKEN},
            )
