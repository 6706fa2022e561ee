"""How a pair of Alertmanagers delivers to a receiver that misbehaves, and that burnline has one episode in the end.

All kinds of alerts fire at once, each on a route of its own: the tests wait side by side.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import pytest

from tests.alerting.pair import (
    OK,
    PEER_TIMEOUT_SECONDS,
    Attempt,
    Door,
    Pair,
    Scripted,
    closing_all,
    configuration,
    hook,
    labels,
    until,
)

pytestmark = [pytest.mark.integration, pytest.mark.slow]

SCRIPTS = {
    "fast": [],
    "slow": ["slow", "slow"],
    "failing": ["500"] * 6,
    "refused": ["400", "429", "400"],
    "hanging": ["hang", "hang"],
    "redirected": ["302"],
    "followed": ["302"],
    "lost": ["lost"],
    "broken": ["500"] * 1000,
    "again": [],
}


@dataclass
class Stage:
    """The pair, what stands between it and burnline, and burnline."""

    pair: Pair
    scripted: Scripted
    door: Door

    def sent(self, kind: str) -> list[Attempt]:
        return list(self.scripted.attempts[kind])

    def wait(self, kind: str, lives: list[tuple[str, int]]) -> None:
        """Until burnline has these episodes of this kind."""
        try:
            until(lambda: self.door.lives(kind) == lives, f"{kind} is {lives}")
        except AssertionError as error:
            raise AssertionError(f"{error}; it is {self.door.lives(kind)} after {self.sent(kind)}") from None


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("pair")
    door = Door(folder / "burnline")
    with Scripted(door, SCRIPTS) as scripted:
        routes = {kind: [hook(f"{scripted.url}/{kind}")] for kind in SCRIPTS}
        for kind in ("followed", "lost"):
            routes[kind] = [hook(f"{scripted.url}/{kind}", http_config={"follow_redirects": True})]
        routes["several"] = [hook(f"{scripted.url}/several"), hook(f"{scripted.url}/broken")]
        pair = Pair(folder / "pair", configuration(routes))
        with closing_all(door, pair):
            door.open()
            pair.start()
            for kind in routes:
                pair.send(labels(kind))
            yield Stage(pair, scripted, door)


def test_a_receiver_that_hangs_is_asked_again_and_hears_of_one_episode(stage: Stage) -> None:
    """The sender gives up after ten seconds; by then the other of the pair has tried as well."""
    until(lambda: stage.door.lives("hanging"), "delivered")

    hung = [each.sender for each in stage.sent("hanging") if each.answer == "hang"]
    assert sorted(hung) == sorted(stage.pair.urls)
    assert len(stage.door.episodes("hanging")) == 1


def test_a_fast_receiver_hears_of_an_alert_once_from_a_pair(stage: Stage) -> None:
    stage.wait("fast", [("open", 1)])


def test_a_slow_receiver_hears_of_it_from_each_and_has_one_episode(stage: Stage) -> None:
    stage.wait("slow", [("open", 2)])

    first, second = stage.sent("slow")
    assert {first.sender, second.sender} == set(stage.pair.urls)
    assert second.at - first.at > PEER_TIMEOUT_SECONDS - 1


def test_a_receiver_that_fails_is_asked_within_seconds_until_it_works(stage: Stage) -> None:
    until(lambda: stage.door.lives("failing"), "delivered")

    attempts = stage.sent("failing")
    assert [each.answer for each in attempts[:7]] == ["500"] * 6 + [OK]
    assert attempts[6].at - attempts[0].at < 20
    [episode] = stage.door.episodes("failing")
    assert episode.deliveries in (1, 2), "the other of the pair may have been at it too"


def test_a_receiver_that_refuses_is_asked_once_a_group_interval_and_hears_of_it_in_the_end(stage: Stage) -> None:
    """400 and 429 alike: nothing is lost, but nothing is hurried either."""
    until(lambda: stage.door.lives("refused"), "delivered")

    for sender in stage.pair.urls:
        at = [each.at for each in stage.sent("refused") if each.sender == sender]
        assert all(later - earlier > 0.8 for earlier, later in pairwise(at))
    assert len(stage.door.episodes("refused")) == 1


@pytest.mark.parametrize("kind", ["redirected", "followed"])
def test_a_redirect_to_the_door_loses_nothing(stage: Stage, kind: str) -> None:
    """Followed, it becomes a GET, which the door refuses (405); so the webhook is sent again."""
    until(lambda: stage.door.lives(kind), "delivered")

    assert [each.answer for each in stage.sent(kind)][:2] == ["302", OK]
    assert len(stage.door.episodes(kind)) == 1


def test_a_redirect_to_a_page_that_answers_loses_the_alert(stage: Stage) -> None:
    """This is why the generated configuration follows none, and why somebody has to look (test_pair_reconcile)."""
    until(lambda: "/page" in stage.scripted.gets, "followed")
    stage.wait("slow", [("open", 2)])  # in that time the other of the pair would have sent it

    assert [each.answer for each in stage.sent("lost")] == ["lost"]
    assert stage.door.lives("lost") == []


def test_one_receiver_that_fails_makes_no_other_hear_twice(stage: Stage) -> None:
    until(lambda: len(stage.sent("broken")) > 5, "tried again")

    stage.wait("several", [("open", 1)])


def test_an_alert_that_fires_again_after_its_end_is_one_episode_inside_the_flap_window(stage: Stage) -> None:
    def states() -> list[str]:
        return [state for state, _ in stage.door.lives("again")]

    until(lambda: states() == ["open"], "delivered")
    stage.pair.send(labels("again"), ended=True)
    until(lambda: states() == ["closed"], "ended")
    stage.pair.send(labels("again"))

    until(lambda: states() == ["open"], "delivered again")


def test_nothing_that_could_be_delivered_was_lost_or_doubled(stage: Stage) -> None:
    heard = {kind: len(stage.door.episodes(kind)) for kind in (*SCRIPTS, "several")}

    assert heard == {**dict.fromkeys(heard, 1), "lost": 0, "broken": 0}
