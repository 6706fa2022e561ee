"""Releases in this process: what they read, who may start them, and the worker that takes them on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import TimeoutError as NotYet
from datetime import datetime

from burnline.errors import ActionError
from burnline.events import Collection, SloStatus
from burnline.runbooks.actions.build import build_hook
from burnline.runbooks.beside import beside
from burnline.runbooks.load import Catalogue
from burnline.runbooks.releases.reading import Readers
from burnline.runbooks.releases.registry import Registry, Standing
from burnline.runbooks.releases.worker import ReleaseWorker
from burnline.runbooks.turn import SliReader
from burnline.slo.policy import policy_of
from burnline.slo.prometheus import PrometheusReader
from burnline.slo.slices import EmbeddedSlices
from burnline.spec.service import ServiceSpec
from burnline.store.database import Database

OBSERVE_SECONDS = 8.0  # for the version that serves, while somebody waits for an answer


class Releases:
    """The registry, the worker, and what they read.

    Args:
        reader: where SLIs are read; a Prometheus also has the series of each version.
        statuses: every SLO now.
    """

    def __init__(
        self,
        db: Database,
        specs: Sequence[ServiceSpec],
        catalogue: Catalogue,
        reader: SliReader,
        statuses: Callable[[datetime], Sequence[SloStatus]],
    ) -> None:
        self._specs = {spec.service: spec for spec in specs}
        self._statuses = statuses
        self._embedded = EmbeddedSlices()
        slices = reader if isinstance(reader, PrometheusReader) else self._embedded
        self._worker = ReleaseWorker(
            Readers(db, reader, slices),
            catalogue,
            standing=self._standing,
            observe=self._observed,
        )
        self._books = catalogue
        self._db = db

    def registry(self, now: datetime) -> Registry:
        """Where releases are started, promoted and aborted; the error-budget policy is that of `now`."""
        return Registry(
            self._db,
            list(self._specs.values()),
            self._books,
            standing=lambda service: self._standing(service, now),
            observe=_observe,
        )

    def observe(self, collection: Collection) -> None:
        """Take what a collector gave."""
        self._embedded.observe(collection)

    def run_once(self, now: datetime) -> int:
        """Take every release under way as far as it goes now."""
        return self._worker.run_once(now)

    def _observed(self, service: str) -> str | None:
        spec = self._specs.get(service)
        return _observe(spec) if spec else None

    def _standing(self, service: str, now: datetime) -> Standing:
        if (spec := self._specs.get(service)) is None:
            return Standing()
        policy = policy_of(spec, self._statuses(now))
        return Standing(policy.releases, policy.because)


def _observe(spec: ServiceSpec) -> str | None:
    """The version that serves, by the release's hook. Raises: ActionError, also when it does not answer in time."""
    hook = build_hook(spec)
    try:
        return beside(hook.observe, f"observe-{spec.service}").result(timeout=OBSERVE_SECONDS)
    except NotYet as error:
        raise ActionError(f"{hook.target} did not answer in {OBSERVE_SECONDS:g} s", permanent=False) from error
