"""The load generator: every request has an outcome, errors too."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable

import httpx
import pytest
from screening.load import NOT_SENT, UNDER_WAY, Load

Answer = Callable[[httpx.Request], httpx.Response]


def run(answer: Answer, *, rate: float = 1000, requests: int = 5) -> Counter[str]:
    """What came back from a server that answers so, stopped once it was asked that often."""

    async def go() -> Counter[str]:
        asked = 0

        def counting(request: httpx.Request) -> httpx.Response:
            nonlocal asked
            asked += 1
            if asked == requests:
                load.stopped.set()
            return answer(request)

        async with httpx.AsyncClient(transport=httpx.MockTransport(counting)) as client:
            load = Load(client, "http://model/predict", [{"features": {"a": 1.0}}])
            await load.run(rate, seconds=0)
            return load.outcomes

    return asyncio.run(go())


def test_answers_are_counted_by_status() -> None:
    statuses = iter([200, 503, 503])

    outcomes = run(lambda _request: httpx.Response(next(statuses, 200)))

    assert outcomes["503"] == 2
    assert outcomes["200"] > 2


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ReadTimeout, httpx.RemoteProtocolError])
def test_a_server_that_is_down_is_counted_and_does_not_end_the_load(error: type[httpx.HTTPError]) -> None:
    def down(_request: httpx.Request) -> httpx.Response:
        raise error("no")

    outcomes = run(down)

    assert set(outcomes) == {error.__name__}
    assert outcomes[error.__name__] > 2


def test_requests_that_it_was_too_slow_to_send_are_counted() -> None:
    outcomes = run(lambda _request: httpx.Response(200), rate=1e12)

    assert outcomes[NOT_SENT] > UNDER_WAY


def test_stopped_it_waits_for_what_is_under_way_and_says_what_came_back(capsys: pytest.CaptureFixture[str]) -> None:
    async def go() -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(lambda _request: httpx.Response(200))) as client:
            load = Load(client, "http://model/predict", [{}])
            await load.send({})
            load.stopped.set()
            await load.run(rate=10, seconds=0)
            load.print()

    asyncio.run(go())

    assert json.loads(capsys.readouterr().out) == {"200": 1}
