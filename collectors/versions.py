"""Which model version serves, read from the scraped pages; a change is a release."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from burnline.events import Collection
from burnline.spec.service import ServiceSpec
from burnline.store.database import Database
from burnline.store.releases import Release, record_release


class VersionWatch:
    """Notes a release when the version label of a service's info series changes."""

    def __init__(self, db: Database, specs: Sequence[ServiceSpec]) -> None:
        self._db = db
        self._sources = {spec.service: spec.model.version for spec in specs if spec.model and spec.model.version}
        self._seen: dict[str, str] = {}

    def wanted(self, service: str) -> frozenset[str]:
        """Metric names to scrape for this."""
        source = self._sources.get(service)
        return frozenset({source.metric}) if source else frozenset()

    def observe(self, collections: Iterable[Collection]) -> list[Release]:
        """Record what changed; one durable row a change, nothing written otherwise."""
        changes = [
            self._note(collection, version)
            for collection in collections
            if (version := self._version(collection)) and version != self._seen.get(collection.service)
        ]
        return [change for change in changes if change]

    def _version(self, collection: Collection) -> str:
        source = self._sources.get(collection.service)
        if not source:
            return ""
        versions = {
            sample.labels.get(source.label, "")
            for sample in collection.samples
            if sample.name == source.metric and sample.value == 1
        }
        return versions.pop() if len(versions) == 1 else ""  # several at once: a rollout under way, no news yet

    def _note(self, collection: Collection, version: str) -> Release | None:
        change = self._db.write(
            lambda tx: record_release(
                tx, service=collection.service, version=version, now=collection.at, source=collection.target
            )
        )
        self._seen[collection.service] = version
        return change
