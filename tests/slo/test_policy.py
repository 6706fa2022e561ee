"""The error-budget policy, and what it says to a release."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from prometheus_client.core import Metric

from burnline.events import Counts, SloState, SloStatus
from burnline.slo.exposition import policy_family
from burnline.slo.policy import Releases, policy_of
from burnline.spec.service import ServiceSpec

STEPS = [
    {"left": "50%", "do": "notify"},
    {"left": "25%", "do": "freeze_releases"},
    {"left": "0%", "do": "require_approval"},
]


def service(*steps: dict[str, str]) -> ServiceSpec:
    slo = {"objective": "99.9%", "window": "30d", "sli": {"ratio": {"bad": "b", "total": "t"}}}
    slos = [{**slo, "name": name} for name in ("availability", "latency")]
    body = {"apiVersion": "burnline/v1", "service": "shop", "owner": "team", "slos": slos, "budget_policy": steps}
    return ServiceSpec.model_validate(body)


def status(slo: str, left: float | None, now: datetime, state: SloState = SloState.OK) -> SloStatus:
    month = timedelta(days=30)
    return SloStatus("shop", slo, now, state, 0.999, month, None, Counts(0, 0), left, None, ())


@pytest.mark.parametrize(
    ("left", "releases", "steps"),
    [
        (0.51, Releases.ALLOWED, []),
        (0.5, Releases.ALLOWED, ["notify"]),
        (0.25, Releases.FROZEN, ["freeze_releases", "notify"]),
        (-0.5, Releases.FROZEN, ["require_approval", "freeze_releases", "notify"]),
    ],
)
def test_the_lowest_budget_decides(now: datetime, left: float, releases: Releases, steps: list[str]) -> None:
    policy = policy_of(service(*STEPS), [status("availability", 0.9, now), status("latency", left, now)])

    assert policy.releases is releases
    assert [step.do for step in policy.steps] == steps


def test_the_reasons_name_the_slo_once(now: datetime) -> None:
    policy = policy_of(service(*STEPS), [status("availability", 0.9, now), status("latency", -0.2, now)])

    assert policy.because == ("latency has 0.0% of its budget left",)


@pytest.mark.parametrize("left", [None, 0.9])
def test_a_budget_of_which_nothing_is_known_asks_a_person(now: datetime, left: float | None) -> None:
    found = [status("availability", 0.9, now), status("latency", left, now, SloState.UNKNOWN)]

    policy = policy_of(service(*STEPS), found)

    assert policy.releases is Releases.APPROVAL
    assert policy.because == ("nothing is known of the budget of latency",)


def test_an_slo_without_a_status_is_unknown_too(now: datetime) -> None:
    assert policy_of(service(*STEPS), [status("latency", 0.9, now)]).unknown == ("availability",)


def test_without_a_policy_releases_are_allowed(now: datetime) -> None:
    assert policy_of(service(), [status("latency", -1, now)]).releases is Releases.ALLOWED


def test_approval_alone_asks_a_person(now: datetime) -> None:
    found = [status("availability", 0.0, now), status("latency", 0.9, now)]

    assert policy_of(service(STEPS[2]), found).releases is Releases.APPROVAL


def test_each_step_is_exposed_in_force_or_not(now: datetime) -> None:
    family: Metric = policy_family([service(*STEPS)], [status("availability", 0.9, now), status("latency", 0.4, now)])

    assert {sample.labels["step"]: sample.value for sample in family.samples} == {
        "notify": 1,
        "freeze_releases": 0,
        "require_approval": 0,
    }
