"""What the client sends is what the doors read: shadows, answers and samples reach a real burnline."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from burnline.app import wiring
from burnline.app.application import create_app
from burnline.app.workers import Workers
from burnline.client import Client
from burnline.metrics import answers, events
from burnline.settings import Settings
from burnline.store.series import samples
from tests.app.serving import serving

SERVICE = """
apiVersion: burnline/v1
service: shop
owner: shop-ml
signals:
  volume: {window: 1m}
  refusal: {window: 1m}
  skew: {window: 1m, sample: 100%}
"""


class Live:
    """A burnline, its address, and what it has counted."""

    def __init__(self, app: wiring.App, url: str) -> None:
        self.app, self.url = app, url

    def counted(self) -> dict[str, float]:
        with self.app.db.read() as tx:
            return {each.name: each.value for each in samples(tx, "shop")}


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder: Path = tmp_path_factory.mktemp("live")
    (folder / "shop.yaml").write_text(SERVICE)
    app = wiring.build(Settings(database=f"sqlite:///{folder}/x.db", services=folder))
    app._workers = Workers([], app.instruments)
    with serving(create_app(app)) as url:
        yield Live(app, url)


def test_a_shadow_is_compared_with_what_was_served(live: Live) -> None:
    served, shadow = Client("shop", url=live.url, version="7"), Client("shop", url=live.url, version="8", shadow=True)
    served.prediction({"amount": 1.0}, "fine", id="tx-1")
    assert served.flush()

    shadow.prediction({"amount": 1.0}, "fraud", id="tx-1")

    assert shadow.flush()
    assert shadow.stats.acknowledged == 1
    assert live.counted()[events.SHADOW_DIFFERENT] == 1
    served.close()
    shadow.close()


def test_answers_and_samples_are_kept(live: Live) -> None:
    client = Client("shop", url=live.url, version="7")
    client.prediction({"amount": 1.0}, "fine", id="tx-2")
    assert client.flush()

    client.answer(
        "In 1932.", ["It opened in 1932."], question="When?", provider="local", logprobs=[-0.5], others=["So."]
    )
    client.sample("tx-2", {"amount": 100.0})

    assert client.flush()
    assert (client.stats.acknowledged, client.stats.refused) == (3, 0)
    assert live.counted()[answers.SOURCED] == 1
    assert live.counted()[events.SAMPLES_JOINED] == 1
    client.close()
