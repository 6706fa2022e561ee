"""A pair of Alertmanagers that dies, by half or whole: nothing is lost, and one alert stays one episode."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.alerting.pair import (
    PEER_TIMEOUT_SECONDS,
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

KINDS = ("position", "stopped", "killed", "mark")


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Door(tmp_path / "burnline")


@pytest.fixture
def scripted(door: Door) -> Iterator[Scripted]:
    with Scripted(door, {}) as made:
        yield made


@pytest.fixture
def pair(tmp_path: Path, door: Door, scripted: Scripted) -> Iterator[Pair]:
    made = Pair(tmp_path / "pair", configuration({kind: [hook(f"{scripted.url}/{kind}")] for kind in KINDS}))
    with closing_all(door, made):
        door.open()
        made.start()
        yield made


def at_least(door: Door, kind: str, state: str, copies: int) -> bool:
    """One life of this alert, in this state; on a busy machine both of a pair may send what one would have."""
    lives = door.lives(kind)
    return len(lives) == 1 and lives[0][0] == state and lives[0][1] >= copies


def test_a_pair_that_dies_by_half_and_whole_loses_nothing_and_doubles_nothing(
    pair: Pair, door: Door, scripted: Scripted
) -> None:
    # stopped: what was sent is remembered over a restart (SIGTERM)
    pair.send(labels("stopped"))
    until(lambda: door.lives("stopped") == [("open", 1)], "delivered")
    for member in pair.members:
        member.close()
    pair.start()
    pair.send(labels("stopped"))

    # position: the one that sent dies after it told the other; the other sends only the end
    pair.send(labels("position"))
    until(lambda: door.lives("position") == [("open", 1)], "delivered")
    first = pair.urls.index(scripted.attempts["position"][0].sender)
    pair.members[first].kill()
    pair.send(labels("mark"), to=[1 - first])
    until(lambda: door.lives("mark") == [("open", 1)], "delivered by the survivor")
    pair.send(labels("position"), ended=True, to=[1 - first])
    until(lambda: at_least(door, "position", "closed", 2), "ended")
    assert door.lives("stopped") == [("open", 1)], "long enough after the restart"

    # killed: both forget what they sent (kill -9), and send it again
    pair.members[first].start()
    until(pair.settled, "together again")
    pair.send(labels("killed"))
    until(lambda: door.lives("killed") == [("open", 1)], "delivered")
    for member in pair.members:
        member.kill()
    pair.start()
    pair.send(labels("killed"))
    until(lambda: at_least(door, "killed", "open", 2), "sent again", within=20 + PEER_TIMEOUT_SECONDS)
    pair.send(labels("killed"), ended=True)
    until(lambda: at_least(door, "killed", "closed", 3), "ended")
