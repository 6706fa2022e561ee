"""What keeps what quiet: Alertmanager's inhibition rules, which the own dispatcher follows too.

Inhibition is global: an alert that is kept from people is kept from burnline too. So an outage keeps no alert quiet to
which a runbook is bound.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from burnline.alerting.matchers import Matcher, all_match
from burnline.metrics import ALERT_BURN, ALERT_SERVICE_DOWN, SERVICE, SEVERITY, SIGNAL, SLO
from burnline.runbooks.match import DRILL
from burnline.slo.dependencies import dependencies
from burnline.spec.service import ServiceSpec

# An alert of a test environment says nothing of the real one. Where neither says which it is of, they are of one.
ENV = "env"
NO_DRILL = Matcher(DRILL, "true", is_equal=False)  # a rehearsal explains nothing that is real
NEVER_QUIET = (ALERT_SERVICE_DOWN, "Watchdog")
Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Rule:
    """While an alert that `source` matches fires, those are quiet that `target` matches and that agree on `equal`."""

    name: str
    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: tuple[str, ...]

    def agreed(self, labels: Labels) -> tuple[str, ...]:
        """What source and target must have alike."""
        return tuple(labels.get(name, "") for name in self.equal)

    def holds_back(self, labels: Labels, firing: Iterable[Labels]) -> bool:
        """Whether one of the alerts that fire keeps an alert with these labels quiet; none does so to itself."""
        if not all_match(self.target, labels) or all_match(self.source, labels):
            return False
        return any(
            all_match(self.source, other)
            and not all_match(self.target, other)
            and self.agreed(labels) == self.agreed(other)
            for other in firing
        )


class HeldBack:
    """Answers for every alert at one moment what `Rule.holds_back` answers, from tables: thousands may fire at once."""

    def __init__(self, by: Inhibition, firing: Iterable[Labels]) -> None:
        self._by = by
        self._explained: set[tuple[str, tuple[str, ...]]] = set()  # a rule's name, and what both must agree on
        for labels in firing:
            for rule in by.of_source(labels):
                if all_match(rule.source, labels) and not all_match(rule.target, labels):
                    self._explained.add((rule.name, rule.agreed(labels)))

    def __call__(self, labels: Labels) -> bool:
        """Whether an alert with these labels is kept quiet."""
        return any(
            (rule.name, rule.agreed(labels)) in self._explained
            and all_match(rule.target, labels)
            and not all_match(rule.source, labels)
            for rule in self._by.of_target(labels)
        )


class Inhibition:
    """Rules, found by the service and the name that their sources and targets must have."""

    def __init__(self, found: Sequence[Rule]) -> None:
        self._by_source: dict[tuple[str, str], list[Rule]] = {}
        self._by_target: dict[str, list[Rule]] = {}
        for rule in found:
            source = (_named(rule.source, "alertname"), _named(rule.source, SERVICE))
            self._by_source.setdefault(source, []).append(rule)
            self._by_target.setdefault(_named(rule.target, SERVICE), []).append(rule)

    def of_source(self, labels: Labels) -> list[Rule]:
        """The rules of which an alert may be the source."""
        name, service = labels.get("alertname", ""), labels.get(SERVICE, "")
        keys = dict.fromkeys([(name, service), (name, ""), ("", service), ("", "")])
        return [rule for key in keys for rule in self._by_source.get(key, ())]

    def of_target(self, labels: Labels) -> list[Rule]:
        """The rules of which an alert may be the target."""
        keys = dict.fromkeys([labels.get(SERVICE, ""), ""])
        return [rule for key in keys for rule in self._by_target.get(key, ())]


def _named(matchers: Iterable[Matcher], label: str) -> str:
    """The one value that a label must have; empty where there is more than one, or none."""
    return next((each.value for each in matchers if each.name == label and not each.is_regex and each.is_equal), "")


def rules(services: Sequence[ServiceSpec]) -> list[Rule]:
    """Every rule, in a stable order."""
    return [_page_inhibits_ticket(), *_dependencies_inhibit_tickets(services), *_outages_inhibit_children(services)]


def bound_to(spec: ServiceSpec) -> dict[str, tuple[str, ...]]:
    """The labels by which alerts are known to which a runbook of the service is bound; any one of them is enough.

    Of a binding only its SLO, signal or alert name counts, so that one matcher each can say it.
    """
    on = [binding.on for binding in spec.runbooks]
    return {
        "alertname": (*NEVER_QUIET, *sorted({each.alert for each in on if each.alert} - set(NEVER_QUIET))),
        SLO: tuple(sorted({each.slo for each in on if each.slo})),
        SIGNAL: tuple(sorted({each.signal for each in on if each.signal})),
    }


def _page_inhibits_ticket() -> Rule:
    # two alerts that both lack a label are equal in it for Alertmanager: so both labels must be there
    named = (_there(SERVICE), _there(SLO))
    return Rule(
        "page-inhibits-ticket",
        (Matcher("alertname", ALERT_BURN), Matcher(SEVERITY, "page"), *named, NO_DRILL),
        (Matcher("alertname", ALERT_BURN), Matcher(SEVERITY, "ticket"), *named),
        (SERVICE, SLO, ENV),
    )


def _dependencies_inhibit_tickets(services: Sequence[ServiceSpec]) -> Iterator[Rule]:
    """While a dependency pages, the tickets of those that depend on it say nothing new."""
    dependents: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for spec in services:
        for slo in spec.slos:
            for source in dependencies(spec, slo):
                dependents.setdefault(source, []).append((spec.service, slo.name))
    for source in sorted(dependents):
        for target in dependents[source]:
            name = f"{'/'.join(source)}-explains-{'/'.join(target)}"
            yield Rule(name, (*_burning("page", *source), NO_DRILL), _burning("ticket", *target), (ENV,))


def _burning(severity: str, service: str, slo: str) -> tuple[Matcher, ...]:
    about = {"alertname": ALERT_BURN, SEVERITY: severity, SERVICE: service, SLO: slo}
    return tuple(Matcher(name, value) for name, value in about.items())


def _outages_inhibit_children(services: Sequence[ServiceSpec]) -> Iterator[Rule]:
    """While a service is down, its other alerts say nothing new: but those that start a runbook must arrive."""
    acting = [spec for spec in services if spec.runbooks]
    down = Matcher("alertname", ALERT_SERVICE_DOWN)
    for spec in acting:
        service = Matcher(SERVICE, spec.service)
        kept = (_none_of(label, values) for label, values in bound_to(spec).items() if values)
        yield Rule(f"{spec.service}-down", (down, service, NO_DRILL), (service, *kept), (ENV,))
    others = (_none_of(SERVICE, [spec.service for spec in acting]),) if acting else ()
    target = (_none_of("alertname", NEVER_QUIET), _there(SERVICE), *others)
    yield Rule("service-down", (down, _there(SERVICE), NO_DRILL), target, (SERVICE, ENV))


def _there(label: str) -> Matcher:
    return Matcher(label, ".+", is_regex=True)


def _none_of(label: str, values: Sequence[str]) -> Matcher:
    # names hold nothing that a regular expression would read as anything else
    return Matcher(label, "|".join(values), is_regex=len(values) > 1, is_equal=False)
