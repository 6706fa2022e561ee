"""Runbook files: what ships is whole, what is wrong is named with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from burnline.errors import SpecError
from burnline.runbooks.lint import lint, warn
from burnline.runbooks.load import LIBRARY, Catalogue, Recipe, load_catalogue, load_runbook
from burnline.runbooks.match import bindings_for, verified_slo
from burnline.runbooks.model import bind
from burnline.runbooks.params import resolve
from tests.runbooks.scene import BURN, make_recipe, make_spec, write_registry

RUNBOOK = (LIBRARY / "bad-release.yaml").read_text()


def refused(folder: Path, text: str) -> str:
    file = folder / "broken.yaml"
    file.write_text(text)
    with pytest.raises(SpecError) as caught:
        load_runbook(file)
    return str(caught.value).replace(f"{folder}/", "")


def test_the_library_is_whole() -> None:
    catalogue = load_catalogue(None)

    assert {"bad-release", "model-degradation", "release-abort"} <= {recipe.runbook.id for recipe in catalogue.all()}


@pytest.mark.parametrize("recipe", load_catalogue(None).all(), ids=lambda recipe: recipe.runbook.id)
def test_a_stored_body_gives_the_runbook_back(recipe: Recipe) -> None:
    declared = recipe.runbook.params
    again = bind(recipe.body, resolve(declared, {name: param.sample for name, param in declared.items()}, {}))

    assert again == recipe.runbook


def test_the_digest_follows_the_content_and_not_its_layout(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(RUNBOOK)
    (tmp_path / "b.yaml").write_text("# a comment\n" + RUNBOOK)
    (tmp_path / "c.yaml").write_text(RUNBOOK.replace("acts: 2", "acts: 3"))

    a, b, c = (load_runbook(tmp_path / name) for name in ("a.yaml", "b.yaml", "c.yaml"))

    assert a.digest == b.digest != c.digest


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("version: 1", "version: one", "broken.yaml:3: version: is 'one'"),
        (
            "budget: {acts: 2",
            "budget: {act: 2",
            "budget.act: is no key here; accepted: acts or per; did you mean 'acts'?",
        ),
        ("lookback: {type: duration", "lookback: {type: span", "params.lookback.type: is 'span'; accepted:"),
        (
            "cooldown: ${cooldown}",
            "cooldown: ${colddown}",
            "cooldown: ${colddown} names no parameter; there are lookback",
        ),
        ('check: {window: "${diagnose}"}', "check: {window: 5}", "steps[0].check.window: 5 is not a duration"),
        ('check: {window: "${diagnose}"}', "chuck: {}", "steps[0].chuck: is no key here"),
        ("  impact: >-", "  impct: >-", "prose.impact: is missing"),
        ("name: ask,", "name: diagnose,", "two steps are named 'diagnose'"),
        (
            'name: ask, approve: {expires: "${expires}"}',
            "name: ask, note: hello",
            "without an `approve` step before it",
        ),
        ("good: 3, of: 4", "good: 5, of: 4", "asks for 5 good windows of 4"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in RUNBOOK

    assert words in refused(tmp_path, RUNBOOK.replace(old, new))


def test_a_runbook_that_acts_must_verify(tmp_path: Path) -> None:
    text = "".join(line for line in RUNBOOK.splitlines(keepends=True) if "name: prove" not in line)

    assert "nobody would know whether it helped" in refused(tmp_path, text)


def test_a_team_replaces_a_runbook_of_the_library(tmp_path: Path) -> None:
    (tmp_path / "ours.yaml").write_text(RUNBOOK.replace("version: 1", "version: 7"))

    catalogue = load_catalogue(tmp_path)

    ours = catalogue.get("bad-release")
    assert ours is not None
    assert ours.runbook.version == 7
    assert catalogue.get("model-degradation") is not None


def test_every_problem_of_every_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("id: a\n")
    (tmp_path / "b.yaml").write_text("- not a mapping\n")
    (tmp_path / "c.yaml").write_text(RUNBOOK)
    (tmp_path / "d.yaml").write_text(RUNBOOK)

    with pytest.raises(SpecError) as caught:
        load_catalogue(tmp_path)

    said = str(caught.value)
    assert all(name in said for name in ("a.yaml", "b.yaml", "'bad-release' is used twice"))


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="cannot be read"):
        load_catalogue(tmp_path / "none")


def bound(**binding: object) -> list[dict[str, object]]:
    return [{"on": {"slo": "availability", "severity": "page"}, "run": "bad-release", **binding}]


def test_a_service_that_binds_what_exists_has_no_problem(tmp_path: Path) -> None:
    spec = make_spec(tmp_path / "registry.json", runbooks=bound(params={"settle": "5s", "window": "5s"}))

    assert lint(load_catalogue(None), [spec]) == []


@pytest.mark.parametrize(
    ("binding", "words"),
    [
        ({"run": "bad-relaese"}, "there is no runbook 'bad-relaese'; there are bad-canary, bad-release, "),
        ({"params": {"settel": "5s"}}, "bad-release has no such parameter"),
        ({"params": {"settle": "5h"}}, "over the most allowed, 1h"),
        ({"params": {"min_events": "many"}}, "is not a integer"),
    ],
)
def test_a_binding_that_cannot_run_is_named(tmp_path: Path, binding: dict[str, object], words: str) -> None:
    spec = make_spec(tmp_path / "registry.json", runbooks=bound(**binding))

    [problem] = lint(load_catalogue(None), [spec])

    assert problem.file == "fraud"
    assert problem.field.startswith("runbooks[0].")
    assert words in problem.message


def test_a_service_without_a_hook_cannot_bind_a_runbook_that_acts() -> None:
    [problem] = lint(load_catalogue(None), [make_spec(None, runbooks=bound())])

    assert "has no `release.hook`" in problem.message


def test_a_binding_that_may_not_end_well_is_a_warning(tmp_path: Path) -> None:
    spec = make_spec(tmp_path / "registry.json", runbooks=bound())

    told, file = warn([spec])

    assert (told.field, told.message.partition(":")[0]) == ("escalation.page", "names nobody")
    assert file.field == "release.hook.alias.file"
    assert "registry.json does not exist" in file.message


def test_a_service_whose_runbooks_can_end_well_has_no_warning(tmp_path: Path) -> None:
    registry = write_registry(tmp_path / "registry.json")
    whole = make_spec(registry, runbooks=bound(), escalation={"page": ["webhook:https://pager.example.com/"]})

    assert warn([whole, make_spec(tmp_path / "none.json")]) == []


def test_a_required_parameter_that_is_not_given_is_named(tmp_path: Path) -> None:
    recipe = make_recipe(
        tmp_path,
        params={"who": {"type": "string", "example": "ops"}},
        preconditions={},
        cooldown="1m",
        steps=[{"name": "hello", "note": "hello ${who}"}],
    )
    spec = make_spec(tmp_path / "registry.json", runbooks=bound())

    [problem] = lint(Catalogue({"bad-release": recipe}), [spec])

    assert problem.message.startswith("who must be given")


def test_labels_only_select_a_binding(tmp_path: Path) -> None:
    spec = make_spec(
        tmp_path / "registry.json",
        runbooks=[
            *bound(approval="none"),
            {"on": {"slo": "availability"}, "run": "bad-release", "approval": "one"},
            {"on": {"signal": "drift"}, "run": "model-degradation"},
        ],
    )
    drift = {"alertname": "SignalAlarm", "service": "fraud", "signal": "drift", "severity": "ticket"}

    assert [each.approval for each in bindings_for(spec, BURN)] == ["none"]  # the first one that fits
    assert [each.approval for each in bindings_for(spec, {**BURN, "severity": "ticket"})] == ["one"]
    assert [each.run for each in bindings_for(spec, drift)] == ["model-degradation"]
    assert bindings_for(spec, {**BURN, "service": "other"}) == ()
    assert bindings_for(spec, {**BURN, "alertname": "Else"}) == ()
    assert bindings_for(spec, {**drift, "slo": "availability"})[0].run == "model-degradation"
    assert bindings_for(spec, {}) == ()


def test_a_run_is_proved_on_the_slo_that_burns_or_counts_the_signal(tmp_path: Path) -> None:
    spec = make_spec(tmp_path / "registry.json")

    assert verified_slo(spec, {"slo": "availability"}) == "availability"
    assert verified_slo(spec, {"signal": "drift"}) == "quality"
    assert verified_slo(spec, {"signal": "confidence"}) is None
    assert verified_slo(spec, {"slo": "'; DROP TABLE run"}) is None
    assert verified_slo(spec, {}) is None
