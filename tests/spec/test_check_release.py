"""Guards that could never judge are refused, by line."""

from __future__ import annotations

import pytest

from tests.spec.conftest import Load, Problems

BODY = """\
slos:
  - {name: up, objective: 99%, window: 30d, sli: {ratio: {bad: errors_total, total: requests_total}}}
  - {name: fresh, objective: 99%, window: 30d, sli: {freshness: {timestamp: t, max_age: 1h}}}
actions: {shift: {alias: {file: f}}}
"""
RELEASE = "release:\n  hook: {alias: {file: registry.json}}\n"
SPLIT = "  canary: {version: '${version}'}\n  baseline: {version: '${previous}'}\n"
BUSINESS = "  business: {sold: {ratio: {good: a_total, total: b_total}}, judged: {gauge: judged_quality}}\n"


def guard(written: str, more: str = SPLIT + BUSINESS) -> str:
    return f"{BODY}{RELEASE}{more}  guards:\n    - {{{written}}}\n"


@pytest.mark.parametrize(
    "written",
    [
        "sli: up, kind: hard, above: 10%, min_events: 50",
        "sli: fresh, kind: hard, above: 10%",
        "sli: up, kind: sequential, worse_than_baseline: 1.5x",
        "sli: up, kind: budget, above: 5%",
        "business: sold, kind: sequential, below_baseline: 0.95x, on_violation: review",
        "business: sold, kind: disagreement, above: 5%",
        "business: judged, kind: end_of_bake, worse: lower",
        "business: judged, kind: hard, below: 12.5",
    ],
)
def test_a_guard_that_can_judge_loads(load: Load, written: str) -> None:
    service = load(guard(written))

    assert service.release is not None
    assert len(service.release.guards) == 1


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("kind: hard, above: 1%", "guards[0]: needs exactly one of `sli`, `signal` and `business`"),
        ("sli: up, kind: hard", "guards[0]: a hard guard needs `above` or `below`"),
        ("sli: up, kind: hard, worse: lower, above: 1%", "guards[0].worse: has no meaning for a hard guard"),
        ("sli: up, kind: hard, above: 10", "guards[0].above: is 10; a share is from 0% to 100%"),
        ("sli: up, kind: hard, above: much", "guards[0].above: 'much' is not a bound; write a percentage"),
        ("sli: upp, kind: hard, above: 1%", "guards[0].sli: 'upp' is no SLO of this service; accepted: up or fresh"),
        ("signal: drift, kind: hard, above: 0.3", "guards[0].signal: 'drift' is no signal of this service"),
        (
            "signal: drift, kind: budget, above: 0.3",
            "guards[0].kind: budget has no meaning for signal; accepted: hard,",
        ),
        ("business: x, kind: hard, above: 1%", "'x' is no entry of `business` or `release.business`; accepted:"),
        ("business: judged, kind: sequential, below_baseline: 0.9x", "guards[0].business: is a gauge, of which"),
        ("business: sold, kind: end_of_bake, worse: lower", "guards[0].business: is a ratio, of which"),
        ("sli: fresh, kind: sequential, worse_than_baseline: 2x", "guards[0].sli: is an SLI of kind freshness"),
        ("sli: up, kind: sequential", "guards[0]: a sequential guard needs `worse_than_baseline` or `below_baseline`"),
    ],
)
def test_one_that_cannot_is_refused(problems: Problems, written: str, problem: str) -> None:
    found = problems(guard(written))

    assert any(problem in each for each in found), found


def test_signals_tell_versions_apart_by_themselves(problems: Problems) -> None:
    def found(written: str, more: str = "") -> list[str]:
        return [
            each for each in problems("signals: {drift: {}, data: {}}\n" + guard(written, more)) if "guards" in each
        ]

    assert found("signal: drift, kind: compared, above: 5%") == []
    assert found("signal: data, kind: sequential, worse_than_baseline: 1.5x") == []
    [drifts] = found("signal: drift, kind: sequential, worse_than_baseline: 1.5x")
    assert "guards[0].signal: does not tell bad events from good ones" in drifts
    [alone] = found("signal: data, kind: compared, above: 5%", "  strategy: blue_green\n")
    assert "guards[0].kind: compared needs a baseline" in alone


def test_comparing_needs_to_know_whose_series_are_whose(problems: Problems) -> None:
    found = problems(guard("sli: up, kind: sequential, worse_than_baseline: 1.5x", ""))

    assert len(found) == 2
    assert "release.canary: {version: '${version}'}" in found[0]


@pytest.mark.parametrize(
    "written",
    ["sli: up, kind: sequential, worse_than_baseline: 1.5x", "business: judged, kind: end_of_bake, worse: lower"],
)
def test_a_version_is_not_compared_with_itself(problems: Problems, written: str) -> None:
    same = "  canary: {track: canary}\n  baseline: {track: canary}\n"

    [found] = problems(guard(written, same + BUSINESS))

    assert "release.baseline: has the labels of `canary`" in found


def test_blue_green_has_no_concurrent_baseline(problems: Problems) -> None:
    more = f"  strategy: blue_green\n{SPLIT}"

    [found] = problems(guard("sli: up, kind: sequential, worse_than_baseline: 1.5x", more))

    assert "guards[0].kind: sequential needs a baseline that serves beside" in found


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ("  steps: [{traffic: 50%, bake: 10m}, {traffic: 5%, bake: 10m}]\n", "steps[1].traffic: is 0.05, not more"),
        ("  steps: [{traffic: 5%, bake: 10s}]\n", "steps[0].bake: is 10s; accepted: 1m to 7d"),
        ("  steps: [{traffic: 5%, bake: 2d}]\n", "decide_by: is 1d, before the steps have baked for 2d"),
        ("  traffic_hook: shfit\n", "traffic_hook: 'shfit' is none of `actions`; accepted: shift; did you mean"),
        ("  traffic_hook: shift\n  steps: [{bake: 10m}]\n", "steps[0].traffic: is needed"),
        ("  strategy: shadow\n", "release.canary: is needed"),
        ("  canary: {}\n", "canary: needs at least one label"),
        ("  canary: {'1a': x}\n", "canary: '1a' is no label name"),
        ("  canary: {version: 'v${version}'}\n", "canary: 'v${version}' has a slot that is not known"),
    ],
)
def test_steps_and_labels_are_checked(problems: Problems, more: str, problem: str) -> None:
    found = problems(BODY + RELEASE + more)

    assert any(problem in each for each in found), found
