"""One service three times, its drift judged by burnline, evidently and alibi-detect: events posted, alarms, SLOs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from burnline.app.wiring import App, build
from burnline.detectors.engines.catalogue import LIBRARIES
from burnline.detectors.profile import save_reference
from burnline.detectors.profiling.build import build_profile
from burnline.events import Finding, Verdict
from burnline.settings import Settings
from burnline.store import incidents, signals
from tests.app.scenes import Client, browser, text
from tests.programs import python_of

pytestmark = [pytest.mark.integration, pytest.mark.slow]
START, WINDOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC), timedelta(minutes=10)
ENGINES = ("burnline", *LIBRARIES)
EVENTS, WELL, BAD = 600, 1, 3
PATIENCE = 240.0  # seconds for the libraries, whose import takes 20 of a free CPU


def drawn(rng: np.random.Generator, events: int, shift: float) -> dict[str, list[Any]]:
    return {
        "length": rng.normal(20 + 3 * shift, 3, events).tolist(),
        "weight": rng.normal(70, 9, events).tolist(),
        "city": rng.choice(["Ulm", "Jena"], events, p=[0.7, 0.3]).tolist(),
    }


def write_service(folder: Path, engine: str) -> None:
    written = {
        "apiVersion": "burnline/v1",
        "service": f"by-{engine}",
        "owner": "team",
        "escalation": {"page": ["webhook:http://127.0.0.1:9/page"]},
        "model": {"name": "m", "reference": str(folder / "ref.json")},
        "signals": {"drift": {"window": "10m", "min_events": 300, "engine": engine}},
        "slos": [{"name": "steady", "objective": "98%", "window": "30d", "sli": {"signal": "drift"}}],
    }
    (folder / "services" / f"{engine}.yaml").write_text(json.dumps(written))


class Scene:
    """Windows of posted events pass, and every engine judges them."""

    def __init__(self, app: App) -> None:
        self.app, self.now = app, START
        self.client, self._rng = Client(app), np.random.default_rng(3)
        app.clock = lambda: self.now

    def window(self, shift: float) -> None:
        columns = drawn(self._rng, EVENTS, shift)
        for engine in ENGINES:
            body = {"service": f"by-{engine}", "version": "1", "columns": columns, "prediction": [1.0] * EVENTS}
            assert self.client.post("/v1/predictions", json=body).status_code == 202
        self.now += WINDOW
        self._until_judged()
        self.app.evaluate(self.now)
        self.app.alerts.run_once(self.now)

    def findings(self, engine: str) -> list[Finding]:
        with self.app.db.read() as tx:
            found = signals.findings_after(tx, 0, 1000)
        return [one for _, one in found if one.service == f"by-{engine}" and one.part == ""]

    def _until_judged(self) -> None:
        ends = time.monotonic() + PATIENCE
        while any(not (all_ := self.findings(each)) or all_[-1].window_end < self.now for each in ENGINES):
            self.app.detectors.run_once(self.now)
            assert time.monotonic() < ends, {each: len(self.findings(each)) for each in ENGINES}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    asked, folder = {library: python_of(library) for library in LIBRARIES}, tmp_path_factory.mktemp("three-engines")
    (folder / "services").mkdir()
    for engine in ENGINES:
        write_service(folder, engine)
    rng = np.random.default_rng(1)
    save_reference(build_profile(drawn(rng, 20_000, 0), [1.0] * 20_000, name="m", rows=1000), folder / "ref.json")
    database = f"sqlite:///{folder}/burnline.db"
    app = build(
        Settings(
            database=database,
            services=folder / "services",
            evidently_python=asked["evidently"],
            alibi_python=asked["alibi"],
        )
    )
    made = Scene(app)
    for shift in (0,) * WELL + (4,) * BAD:
        made.window(shift)
    yield made
    app.stop()


def test_all_engines_say_the_same_of_the_same_events(scene: Scene) -> None:
    found = {engine: scene.findings(engine) for engine in ENGINES}

    for engine, each in found.items():
        assert [one.verdict for one in each] == [Verdict.OK] * WELL + [Verdict.ALARM] * BAD, (engine, each)
        assert {one.contributors[0].feature for one in each[WELL:]} == {"length"}, engine
    for engine in LIBRARIES:
        assert _counts(found[engine][WELL:]) == _counts(found["burnline"][WELL:]), "budgets can be compared"


def test_the_slo_burns_and_pages_under_each_engine(scene: Scene) -> None:
    burning = {status.service: status.burns[0] for status in scene.app.statuses(scene.now)}

    assert {service: burn.firing for service, burn in burning.items()} == {f"by-{each}": True for each in ENGINES}
    with scene.app.db.read() as tx:
        opened = {one.service for one in incidents.list_incidents(tx)}
    assert opened == set(burning)


def test_the_page_that_evidently_drew_is_kept_with_the_incident(scene: Scene) -> None:
    with scene.app.db.read() as tx:
        numbers = {one.service: one.id for one in incidents.list_incidents(tx)}

    pages = {engine: browser(scene.app).get(f"/incidents/{numbers[f'by-{engine}']}").text for engine in ENGINES}

    drawn = [word for word in pages["evidently"].split('"') if "/drift/pages/" in word]
    assert drawn, text(pages["evidently"])
    html = browser(scene.app).get(drawn[0].replace("&amp;", "&")).text
    assert "<html" in html[:1000].lower()
    assert not any("/drift/pages/" in pages[engine] for engine in ENGINES if engine != "evidently")


def _counts(found: Sequence[Finding]) -> list[tuple[float, float]]:
    return [(round(one.counts.bad, 6), one.counts.total) for one in found]
