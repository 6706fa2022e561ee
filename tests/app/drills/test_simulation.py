"""Drills in simulation: every scenario from its fault to the proof that it is over, and what may be wrong."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from burnline.app.drills.rehearsal import Drilled, rehearse
from burnline.app.drills.scenarios import SCENARIOS
from burnline.errors import BurnlineError
from burnline.runbooks.load import load_catalogue
from tests.app.drills.scene import SERVICE, TARGETS, drilled, failed, plain, read

PAGE = 'page: ["webhook:https://pager.invalid/page", "mailto:lead@example.com"]'


def found(done: Drilled, name: str) -> str:
    """What a check found."""
    return next(check.text for check in done.checks if check.name == name)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_scenario_is_found_told_mended_and_proved(scenario: str) -> None:
    done = plain(scenario)

    assert failed(done) == {}
    assert done.passed
    assert done.times.detect is not None
    assert done.times.recover is not None
    assert timedelta(0) < done.times.detect < done.times.recover


def test_the_alert_comes_between_theory_and_one_scrape_and_evaluation_later() -> None:
    done = plain("errors")

    # 0.01 / 0.5 x 14.4 x 1 h = 17m17s; a scrape and an evaluation are a minute each
    assert "theory says 17m17s to 19m17s" in found(done, "detected")
    assert done.times.detect is not None
    assert timedelta(minutes=17, seconds=16) < done.times.detect < timedelta(minutes=19, seconds=17)


def test_people_are_asked_where_the_binding_says_so() -> None:
    asked, unasked = plain("errors"), plain("latency")

    assert found(asked, "people asked") == "back: approved after 2m"
    assert found(unasked, "people asked") == "back: nobody, as its binding says"
    assert asked.times.respond is not None
    assert asked.times.respond >= timedelta(minutes=2)


def test_with_the_first_receiver_down_the_others_are_told() -> None:
    done = plain("receiver-down")

    assert found(done, "people told") == "page: mailto:lead@example.com; down: webhook:https://pager.invalid/page"


def test_nothing_of_a_drill_is_logged_as_if_it_had_happened(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        done = drilled(tmp_path, "receiver-down")

    assert done.passed
    assert caplog.messages == []


def test_a_single_receiver_cannot_be_down_and_that_is_said(tmp_path: Path) -> None:
    done = drilled(tmp_path, "receiver-down", SERVICE.replace(PAGE, 'page: ["mailto:lead@example.com"]'))

    assert not done.passed
    assert "while that is down, nobody hears" in done.left_out


def test_with_a_fault_that_stays_the_run_says_so_and_calls_people() -> None:
    said = found(plain("errors"), "says when it did not help")

    assert said == "back not_recovered; called for people"


@pytest.mark.parametrize(("target", "limit"), [("detect", "1m"), ("respond", "1m"), ("recover", "20m")])
def test_a_target_that_is_too_tight_fails_with_both_numbers(tmp_path: Path, target: str, limit: str) -> None:
    text = SERVICE.replace(f"{target}: {TARGETS[target]}", f"{target}: {limit}")

    done = drilled(tmp_path, "errors", text)

    assert list(failed(done)) == [f"{target} in time"]
    assert failed(done)[f"{target} in time"].endswith(f", of {limit}")


def test_without_a_runbook_the_chain_fails_with_the_reason(tmp_path: Path) -> None:
    binding = "  - {on: {slo: freshness, severity: page}, run: switch, approval: none}\n"

    wrong = failed(drilled(tmp_path, "stale-data", SERVICE.replace(binding, "")))

    assert wrong["runbook ran"].startswith("no runbook is bound to ErrorBudgetBurn freshness page-fast")
    assert wrong["recovered"] == "nothing ran"
    assert wrong["recover in time"] == "never, of 2h"


def test_a_change_of_the_wrong_kind_mends_nothing(tmp_path: Path) -> None:
    text = SERVICE.replace("{slo: availability, severity: page}, run: back", "{slo: availability}, run: grow")

    wrong = failed(drilled(tmp_path, "errors", text))

    assert wrong["changed"].startswith("replicas -> +2, which does not help when half of the requests fail")
    assert wrong["recovered"].startswith("grow not_recovered: 0 good, 3 bad, 0 without enough events of 3 windows")


def test_the_business_need_not_hear_where_no_runbook_tells_it(tmp_path: Path) -> None:
    spec = read(tmp_path)
    file = tmp_path / "runbooks" / "back.yaml"
    lines = [line for line in file.read_text().splitlines() if "to: business" not in line]
    file.write_text("\n".join(lines))

    [done] = rehearse(spec, load_catalogue(tmp_path / "runbooks"), ["errors"])

    assert failed(done) == {}
    assert "business told" not in {check.name for check in done.checks}


def test_a_runbook_that_only_looks_need_not_mend_anything(tmp_path: Path) -> None:
    spec = read(
        tmp_path, SERVICE.replace("{slo: availability, severity: page}, run: back", "{slo: availability}, run: look")
    )
    file = tmp_path / "runbooks" / "look.yaml"
    lines = (tmp_path / "runbooks" / "back.yaml").read_text().replace("id: back", "id: look").splitlines()
    kept = [line for line in lines if not line.strip().startswith(("- {name: mend", "- {name: ask", "- {name: prove"))]
    file.write_text("\n".join(kept))

    [done] = rehearse(spec, load_catalogue(tmp_path / "runbooks"), ["errors"])

    assert failed(done) == {}
    assert found(done, "looked") == "look did all it does; it changes nothing"
    assert [check.name for check in done.checks] == [
        "detected",
        "people told",
        "runbook ran",
        "looked",
        "business told",
        "detect in time",
    ]


def test_when_nobody_is_named_nobody_is_told(tmp_path: Path) -> None:
    wrong = failed(drilled(tmp_path, "errors", SERVICE.replace(PAGE, "page: []")))

    assert wrong["people told"] == "escalation.page names nobody"
    assert wrong["says when it did not help"] == "back not_recovered; nobody was called"


def test_a_scenario_that_does_not_apply_is_left_out_and_never_passed(tmp_path: Path) -> None:
    queue = "  - {name: queue, objective: 99%, window: 30d, sli: {threshold: {gauge: queue_depth, above: 100}}}\n"
    bound = "  - {on: {slo: queue, severity: page}, run: switch, approval: none}\n"

    done = drilled(tmp_path, "queue-growth", SERVICE.replace(queue, "").replace(bound, ""))

    assert done.left_out == "no SLO on a gauge of a queue (threshold)"
    assert not done.passed


def test_the_same_seed_gives_the_same_drill_and_another_one_another_moment(tmp_path: Path) -> None:
    same, other = drilled(tmp_path, "errors", seed=0), drilled(tmp_path, "errors", seed=1)

    assert (same.times, same.checks) == (plain("errors").times, plain("errors").checks)
    assert other.times != same.times
    assert other.passed


def test_an_unknown_scenario_is_refused_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(BurnlineError, match=r"errors, latency, .* did you mean 'errors'"):
        list(rehearse(read(tmp_path), load_catalogue(None), ["error"]))


def test_the_service_file_says_what_is_drilled_when_nobody_else_does(tmp_path: Path) -> None:
    spec = read(tmp_path, SERVICE.replace("drill:", "drill:\n  scenarios: [errors]"))

    done = list(rehearse(spec, load_catalogue(tmp_path / "runbooks")))

    assert [each.scenario.name for each in done] == ["errors"]


def test_no_probe_of_the_file_is_run(tmp_path: Path) -> None:
    written = tmp_path / "written"
    probe = f"probes: {{look: {{command: {{argv: [/usr/bin/touch, {written}]}}}}}}\n"
    text = SERVICE.replace("runbooks:\n", f"{probe}runbooks:\n")
    spec = read(tmp_path, text)
    file = tmp_path / "runbooks" / "back.yaml"
    file.write_text(file.read_text().replace("check: {window: 5m}", "collect: {probe: look}"))

    [done] = rehearse(spec, load_catalogue(tmp_path / "runbooks"), ["errors"])

    assert done.passed
    assert not written.exists()
