"""The library: each runbook rehearsed on stand-ins, with everything it may use and with less."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from burnline.app.drills.scenarios import SCENARIOS
from burnline.events import Outcome
from burnline.runbooks.load import Catalogue, Recipe, load_catalogue
from burnline.runbooks.markdown import SECTIONS, render_runbook
from burnline.runbooks.rehearse import Rehearsal, rehearse

LIBRARY: Catalogue = load_catalogue(None)
BACK = "the one before"
# runbook: what it changes when it may use every hook, in order
CHANGES: dict[str, list[tuple[str, str]]] = {
    "bad-canary": [("traffic", "0"), ("release", BACK)],
    "bad-release": [("release", BACK)],
    "cost-spike": [("cap", "on"), ("route", "cheap")],
    "data-outage": [("training", "off"), ("data", BACK)],
    "feature-skew": [("training", "off"), ("data", BACK)],
    "gpu-failure": [("node:gpu-7", "drained")],
    "hallucination-spike": [("guardrail", "strict"), ("prompt", BACK), ("data", BACK)],
    "inference-crash": [("release", BACK), ("scale", "+2")],
    "model-degradation": [("training", "off"), ("release", BACK)],
    "prompt-injection": [("tools", "off"), ("guardrail", "strict"), ("quarantine", "acme")],
    "queue-saturation": [("shed", "on"), ("scale", "+2"), ("fallback", "on")],
    "region-failover": [("region", "20"), ("region", "50"), ("region", "100")],
}
# what a run takes back when the SLI is worse afterwards: the state the stand-in was found in, or one the runbook names
AS_IT_WAS = "as it was"
TAKEN_BACK: dict[str, list[tuple[str, str]]] = {
    "bad-canary": [],
    "cost-spike": [("route", AS_IT_WAS), ("cap", AS_IT_WAS)],
    "data-outage": [("training", AS_IT_WAS)],
    "feature-skew": [("training", AS_IT_WAS)],
    "gpu-failure": [],
    "hallucination-spike": [("guardrail", AS_IT_WAS)],
    "inference-crash": [("scale", AS_IT_WAS)],
    "model-degradation": [("training", AS_IT_WAS)],
    "prompt-injection": [("quarantine", "none"), ("guardrail", AS_IT_WAS), ("tools", AS_IT_WAS)],
    "queue-saturation": [("fallback", AS_IT_WAS), ("scale", AS_IT_WAS), ("shed", AS_IT_WAS)],
    "region-failover": [("region", AS_IT_WAS)],
}
LABELS = {"prompt-injection": {"tenant": "acme"}}
every = pytest.mark.parametrize("name", CHANGES)


def recipe(name: str) -> Recipe:
    found = LIBRARY.get(name)
    assert found is not None
    return found


@cache
def usual(name: str) -> Rehearsal:
    """How it goes when it helps."""
    return play(name, helps=True)


def play(name: str, **how: Any) -> Rehearsal:
    return rehearse(recipe(name), labels={**LABELS.get(name, {}), **how.pop("labels", {})}, **how)


def story(played: Rehearsal) -> str:
    return "\n".join(played.record)


@every
def test_it_changes_what_it_says_and_recovers(name: str) -> None:
    played = usual(name)

    assert (played.outcome, list(played.changes)) == (Outcome.RECOVERED, CHANGES[name])


@every
def test_it_says_so_and_calls_a_person_when_it_does_not_help(name: str) -> None:
    played = play(name, helps=False)

    assert played.outcome is Outcome.NOT_RECOVERED
    assert "escalate:" in story(played)


@every
def test_it_changes_nothing_when_nobody_approves(name: str) -> None:
    played = play(name, approve=False)

    assert (played.outcome, played.changes) == (Outcome.REJECTED, ())
    assert "nobody decided within" in story(played)


@pytest.mark.parametrize("name", TAKEN_BACK)
def test_it_takes_back_what_may_be_taken_back_when_it_makes_things_worse(name: str) -> None:
    played = play(name, worsens=True)

    made = [change for change in played.changes if change not in TAKEN_BACK[name]]
    assert played.outcome is Outcome.WORSE
    assert made == (CHANGES[name][:1] if name == "region-failover" else CHANGES[name])
    assert list(played.changes[len(made) :]) == TAKEN_BACK[name]


@pytest.mark.parametrize(
    ("name", "hook"),
    [
        ("bad-canary", "traffic"),
        ("bad-canary", "release"),
        ("cost-spike", "cap"),
        ("data-outage", "training"),
        ("data-outage", "data"),
        ("feature-skew", "training"),
        ("gpu-failure", "node"),
        ("hallucination-spike", "prompt"),
        ("hallucination-spike", "guardrail"),
        ("inference-crash", "scale"),
        ("inference-crash", "release"),
        ("model-degradation", "training"),
        ("prompt-injection", "tools"),
        ("prompt-injection", "quarantine"),
        ("queue-saturation", "shed"),
        ("queue-saturation", "fallback"),
    ],
)
def test_a_hook_that_the_service_has_not_is_left_out_with_the_reason(name: str, hook: str) -> None:
    played = play(name, without={hook})

    assert f"left out: the service has no hook {hook}" in story(played)
    assert hook not in [target.partition(":")[0] for target, _ in played.changes]


@pytest.mark.parametrize("name", ["data-outage", "feature-skew", "inference-crash"])
def test_it_falls_back_where_the_better_way_is_missing(name: str) -> None:
    missing = "release" if name == "inference-crash" else "data"

    played = play(name, without={missing})

    assert (played.outcome, ("fallback", "on") in played.changes) == (Outcome.RECOVERED, True)


def test_a_service_without_any_hook_is_only_looked_at_and_nobody_is_asked() -> None:
    played = play("queue-saturation", without={"shed", "scale", "fallback", "release"}, helps=False)

    assert (played.outcome, played.changes) == (Outcome.NOT_RECOVERED, ())
    assert "nothing is to be changed: nobody is asked" in story(played)


RESTART, RESET, HARDWARE = ("13", "31", "43", "94"), ("48", "64", "95", "119"), ("54", "74", "79")


@pytest.mark.parametrize("xid", RESTART)
def test_an_xid_of_the_program_restarts_it_and_leaves_the_node_alone(xid: str) -> None:
    played = play("gpu-failure", labels={"xid": xid, "node": "gpu-3"})

    assert (played.outcome, list(played.changes)) == (Outcome.RECOVERED, [("restart", "gpu-3")])


@pytest.mark.parametrize("xid", RESET)
def test_an_xid_of_the_gpu_drains_resets_and_puts_the_node_back(xid: str) -> None:
    played = play("gpu-failure", params={"xid": int(xid), "node": "gpu-3"})

    drained = [("node:gpu-3", "drained"), ("reset", "gpu-3"), ("node:gpu-3", "schedulable")]
    assert (played.outcome, list(played.changes)) == (Outcome.RECOVERED, drained)


@pytest.mark.parametrize("xid", HARDWARE)
def test_an_xid_of_the_hardware_leaves_the_node_out_and_calls_support(xid: str) -> None:
    played = play("gpu-failure", params={"xid": int(xid), "node": "gpu-3"})

    assert list(played.changes) == [("node:gpu-3", "drained")]
    assert "call-support:" in story(played)
    assert "call-support: left out" not in story(played)


@pytest.mark.parametrize("xid", ["63", "92"])
def test_memory_that_mended_itself_changes_nothing_and_asks_nobody(xid: str) -> None:
    played = play("gpu-failure", params={"xid": int(xid), "node": "gpu-3"}, helps=False)

    assert played.changes == ()
    assert "nothing is to be changed: nobody is asked" in story(played)
    assert "watch: left out" not in story(played)


def test_a_node_is_not_put_back_where_nothing_resets_its_gpu() -> None:
    played = play("gpu-failure", params={"xid": 95, "node": "gpu-3"}, without={"reset"})

    assert list(played.changes) == [("node:gpu-3", "drained")]
    assert "put-back: left out: nothing is known of reset.made" in story(played)
    assert "ask-for-reset: left out" not in story(played)


def test_a_node_that_was_put_back_is_cordoned_again_when_things_get_worse() -> None:
    played = play("gpu-failure", params={"xid": 95, "node": "gpu-3"}, worsens=True)

    assert (played.outcome, played.changes[-1]) == (Outcome.WORSE, ("node:gpu-3", "cordoned"))


def test_a_gpu_that_does_not_come_back_is_told_to_a_person() -> None:
    played = play("gpu-failure", params={"xid": 95, "node": "gpu-3"}, helps=False)

    assert played.outcome is Outcome.NOT_RECOVERED
    assert "escalate:" in story(played)


@pytest.mark.parametrize("change", ["prompt", "data"])
def test_only_what_the_binding_suspects_is_put_back(change: str) -> None:
    played = play("hallucination-spike", params={"change": change})

    assert list(played.changes) == [("guardrail", "strict"), (change, BACK)]


def test_nobody_is_kept_out_when_the_alert_names_no_tenant() -> None:
    played = play("prompt-injection", labels={"tenant": "none"})

    assert "quarantine" not in [target for target, _ in played.changes]


def test_two_people_decide_on_a_region_whatever_the_binding_says() -> None:
    played = usual("region-failover")

    assert "asks 2 people" in story(played)
    assert "rehearsal 2" in story(played)


def test_each_step_of_a_failover_is_proved_before_the_next() -> None:
    played = usual("region-failover")

    lines = [line for line in played.record if any(each in line for each in ("a-fifth", "half", "all:", "prove"))]
    proofs = [n for n, line in enumerate(lines) if "-holds: " in line]
    assert len(proofs) == 2
    assert [target for target, _ in played.changes] == ["region"] * 3


@pytest.mark.parametrize("name", [each.runbook.id for each in LIBRARY.all()])
def test_every_part_of_the_prose_is_there_and_short_enough_to_read(name: str) -> None:
    prose = recipe(name).runbook.prose

    for section in SECTIONS:
        text = getattr(prose, section)
        assert 0 < len(text.strip()) < 2000, section


@every
def test_the_diagnosis_says_when_it_does_not_fit(name: str) -> None:
    if name != "bad-release":
        assert "NOT fit" in recipe(name).runbook.prose.diagnosis


@pytest.mark.parametrize("name", [each.runbook.id for each in LIBRARY.all()])
def test_the_page_has_no_slot_left_open(name: str) -> None:
    page = render_runbook(recipe(name))

    assert "${" not in page
    assert page.startswith(f"# {name}\n")


@every
def test_it_is_rehearsed_by_scenarios_that_there_are(name: str) -> None:
    drills = recipe(name).runbook.drills

    assert set(drills) <= set(SCENARIOS)
    assert drills or name == "bad-release"
