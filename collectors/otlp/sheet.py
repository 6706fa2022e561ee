"""What one body came to: counts of each service, traces worth a look, and what was refused and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from burnline.collectors.otlp.tally import Tally
from burnline.collectors.otlp.wire import Group, Refused
from burnline.spec.service import ServiceSpec
from burnline.spec.words import shown
from burnline.store.traces import Trace

MOST_MESSAGES = 5


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a door says of one body.

    Attributes:
        accepted: records by service.
        refused: records by reason.
        message: why, for people; empty when nothing is to be said.
        repeated: records that were counted before, and not again.
        unknown_names: by service, names of gen_ai that nobody knows here.
    """

    accepted: Mapping[str, int]
    refused: Mapping[str, int]
    message: str
    repeated: int = 0
    unknown_names: Mapping[str, int] = field(default_factory=dict)

    @property
    def rejected(self) -> int:
        """Records that were refused."""
        return sum(self.refused.values())


class Services:
    """Whose a `service.name` is."""

    def __init__(self, specs: tuple[ServiceSpec, ...]) -> None:
        self._by_name = {name: spec for spec in specs for name in spec.telemetry.service_name}
        self._by_name.update({spec.service: spec for spec in specs})

    def owner(self, group: Group) -> ServiceSpec:
        """Raises: Refused where the resource is of no service that has a file."""
        if group.refused:
            raise group.refused
        name = group.service_name
        if spec := self._by_name.get(name):
            return spec
        if not name:
            raise Refused("unknown_service", "a resource has no service.name")
        raise Refused("unknown_service", f"no service file has the service.name {shown(name)}")


class Sheet:
    """The result of one body, while it is being read."""

    def __init__(self) -> None:
        self.tallies: dict[str, Tally] = {}
        self.traces: list[Trace] = []
        self.accepted: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.unknown_names: Counter[str] = Counter()
        self.again = 0  # records that were counted with an earlier body
        self._messages: Counter[str] = Counter()

    def tally(self, service: str) -> Tally:
        """The counts of a service."""
        return self.tallies.setdefault(service, Tally())

    def refuse(self, error: Refused, count: int = 1) -> None:
        """Note that records were refused."""
        self.refused[error.reason] += count
        self._messages[str(error)] += count

    def owned(self, services: Services, groups: Iterator[Group]) -> Iterator[tuple[ServiceSpec, Group]]:
        """The groups whose service is known; the others are refused."""
        for group in groups:
            if not group.records:
                continue
            try:
                spec = services.owner(group)
            except Refused as error:
                self.refuse(error, len(group.records))
            else:
                yield spec, group

    def receipt(self) -> Receipt:
        """What to say of it."""
        said = [f"{message} ({count})" for message, count in self._messages.most_common(MOST_MESSAGES)]
        more = len(self._messages) - MOST_MESSAGES
        message = "; ".join(said) + (f"; and {more} other reasons" if more > 0 else "")
        return Receipt(dict(self.accepted), dict(self.refused), message, self.again, dict(self.unknown_names))
