"""What keeps what quiet is answered from tables as it is by looking at every pair."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from burnline.alerting.inhibition import HeldBack, Inhibition, rules
from tests.alerting.card_fraud import service

RATIO = {"ratio": {"bad": "b", "total": "t"}}
SLOS = [
    {"name": "availability", "objective": "99%", "window": "30d", "sli": RATIO, "depends_on": ["bank/availability"]},
    {"name": "latency", "objective": "99%", "window": "30d", "sli": RATIO, "depends_on": ["availability"]},
]
BANK = [{"name": "availability", "objective": "99%", "window": "30d", "sli": RATIO}]
SPECS = [
    service(slos=SLOS, runbooks=[{"on": {"slo": "latency"}, "run": "bad-release"}, {"on": {"alert": "X"}, "run": "x"}]),
    service(service="bank", slos=BANK),
]
LABELS = st.fixed_dictionaries(
    {"alertname": st.sampled_from(["ErrorBudgetBurn", "ServiceDown", "SloNoData", "X", "Watchdog"])},
    optional={
        "service": st.sampled_from(["card-fraud", "bank", "stranger", ""]),
        "slo": st.sampled_from(["availability", "latency", ""]),
        "severity": st.sampled_from(["page", "ticket"]),
        "signal": st.just("drift"),
        "env": st.sampled_from(["prod", "staging", ""]),
    },
)


@given(LABELS, st.lists(LABELS, max_size=6))
@settings(max_examples=400, deadline=None)
def test_the_tables_say_what_every_pair_says(labels: dict[str, str], firing: list[dict[str, str]]) -> None:
    every = rules(SPECS)

    assert HeldBack(Inhibition(every), firing)(labels) == any(rule.holds_back(labels, firing) for rule in every)


def test_names_of_rules_are_unique() -> None:
    names = [rule.name for rule in rules(SPECS)]

    assert len(set(names)) == len(names)
