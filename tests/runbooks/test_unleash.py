"""The Unleash hook, against a server that behaves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from burnline.errors import ActionError, InDoubt
from burnline.runbooks.actions.unleash import UnleashHook
from burnline.spec.hooks import UnleashHookSpec
from tests.fakes.unleash import TOKEN, FakeUnleash
from tests.fakes.web import serving
from tests.runbooks.scene import T0

FEATURE = {"feature": "rerank", "environment": "production", "token": "env:UNLEASH_TOKEN"}


@pytest.fixture
def unleash(monkeypatch: pytest.MonkeyPatch) -> FakeUnleash:
    monkeypatch.setenv("UNLEASH_TOKEN", TOKEN)
    return FakeUnleash()


@pytest.fixture
def url(unleash: FakeUnleash) -> Iterator[str]:
    with serving(unleash) as address:
        yield address


def hook(url: str, **more: Any) -> UnleashHook:
    return UnleashHook(UnleashHookSpec.model_validate({"url": url, **FEATURE, **more}))


def apply(made: UnleashHook, target: str, before: str | None = None) -> bool:
    return made.apply(target, before=before, idempotency_key="k", epoch=3, at=T0)


def test_a_feature_is_switched_off_and_on_again(unleash: FakeUnleash, url: str) -> None:
    made = hook(url)

    apply(made, "off", "on")
    apply(made, "on", "off")

    assert unleash.switched == ["off", "on"]
    assert made.verify("on")


def test_before_on_was_off_and_before_off_was_nothing(url: str) -> None:
    made = hook(url)

    plan = made.plan("previous")
    apply(made, plan.to_version, plan.from_version)

    assert (plan.from_version, plan.to_version) == ("on", "off")
    with pytest.raises(ActionError, match="is off, as it was made") as caught:
        made.plan("previous")
    assert caught.value.permanent


def test_when_it_was_switched_is_what_unleash_keeps_among_its_events(unleash: FakeUnleash, url: str) -> None:
    made = hook(url)
    unleash.events.append({"type": "feature-created", "environment": None, "createdAt": "2026-01-05T11:30:00Z"})
    never = made.changed_at()

    apply(made, "off", "on")

    assert never is None
    assert made.changed_at() == T0 - timedelta(hours=1)
    assert hook(url, environment="development").changed_at() is None


def test_what_is_so_already_is_not_switched_again(unleash: FakeUnleash, url: str) -> None:
    assert not apply(hook(url), "on")

    assert unleash.switched == []


def test_a_lost_answer_is_in_doubt_and_the_repeat_finds_it_done(unleash: FakeUnleash, url: str) -> None:
    unleash.lose = True

    with pytest.raises(InDoubt):
        apply(hook(url), "off", "on")

    assert not apply(hook(url), "off", "on")
    assert unleash.switched == ["off"]


@pytest.mark.parametrize("wrong", [{"feature": "none"}, {"project": "other"}, {"environment": "qa"}])
def test_a_feature_that_is_not_there_is_a_permanent_error(url: str, wrong: dict[str, str]) -> None:
    made = hook(url, **wrong)

    for call in (made.observe, lambda: made.plan("off"), lambda: apply(made, "off")):
        with pytest.raises(ActionError, match="has no feature") as caught:
            call()
        assert caught.value.permanent


def test_without_the_right_token_nothing_is_read_and_the_token_is_not_repeated(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNLEASH_TOKEN", "wrong-canary")

    with pytest.raises(ActionError, match="answered 401") as caught:
        hook(url).observe()

    assert caught.value.permanent
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("token", ["a\nb", "canary\u00e9"])
def test_a_token_that_cannot_stand_in_a_header_is_refused(
    url: str, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNLEASH_TOKEN", token)

    with pytest.raises(ActionError, match="env:UNLEASH_TOKEN cannot stand in a header"):
        hook(url).observe()


def test_a_change_that_needs_a_change_request_is_refused_for_good(unleash: FakeUnleash, url: str) -> None:
    unleash.locked = True

    with pytest.raises(ActionError, match="answered 403") as caught:
        apply(hook(url), "off")

    assert caught.value.permanent


def test_a_state_that_is_neither_on_nor_off_is_refused(url: str) -> None:
    with pytest.raises(ActionError, match="'half' is no state of it; there are on or off"):
        hook(url).plan("half")


@pytest.mark.parametrize("feature", ["../../users", "a/b", "a b", "", "a%2fb", ".."])
def test_a_name_that_could_lead_elsewhere_is_refused(feature: str) -> None:
    with pytest.raises(ValidationError):
        hook("http://unleash:4242", feature=feature)
