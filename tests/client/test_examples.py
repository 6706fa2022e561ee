"""The examples against a real burnline that is killed on the way: nothing acknowledged is lost, nothing is doubled."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from burnline.detectors.profile import save_reference
from burnline.detectors.profiling.build import build_profile
from tests.flow.real import Burnline
from tests.programs import free_port, running

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[2] / "examples/client"
SERVICE = """
apiVersion: burnline/v1
service: card-fraud
owner: payments-ml
model: {name: card-fraud, reference: reference.json}
signals:
  data: {window: 1s, min_events: 1, schema: "off"}
"""


class Live:
    """A burnline that counts every event it folds, and dies when told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "card-fraud.yaml").write_text(SERVICE)
        columns: dict[str, list[Any]] = {"amount": [float(n) for n in range(100)], "country": ["DE", "FR"] * 50}
        save_reference(build_profile(columns, ["fine", "fraud"] * 50, name="card-fraud"), folder / "reference.json")
        port = free_port()
        argv = ["up", f"{folder}/card-fraud.yaml", "--port", str(port)]
        argv += ["--database", f"sqlite:///{folder}/burnline.db"]
        self.program = Burnline("burnline", folder, argv, port=port, ready="/readyz", env={})
        self.program.start()

    def kill(self) -> None:
        """kill -9, and start again on what it left."""
        self.program.kill()
        self.program.start()

    def number(self, query: str) -> float:
        with closing(sqlite3.connect(f"file:{self.folder}/burnline.db?mode=ro", uri=True)) as connection:
            return float(connection.execute(query).fetchone()[0] or 0)

    def kept(self) -> float:
        """Events kept by id."""
        return self.number("SELECT count(*) FROM kept_event")

    def folded(self) -> float:
        """Events that detectors counted, in windows that are over."""
        return self.number("SELECT sum(total) FROM finding WHERE part = ''")

    def labelled(self) -> float:
        return self.number("SELECT sum(value) FROM series WHERE name = 'burnline_labelled_events_total'")

    def until(self, condition: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + 120
        while not condition():
            assert time.monotonic() < deadline, f"not {what} in time: {self.kept()} kept, {self.folded()} folded"
            time.sleep(0.05)


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    scene = Live(tmp_path)
    yield scene
    scene.program.close()


def stats(output: str) -> dict[str, int]:
    """What the client of an example printed of itself."""
    return {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", output)}


@pytest.mark.parametrize(("example", "labels"), [("plain.py", 500), ("sklearn_model.py", 0)])
def test_a_program_loses_and_doubles_nothing_over_kills(live: Live, example: str, labels: int) -> None:
    events = 5000
    argv = [sys.executable, str(EXAMPLES / example), "card-fraud", str(events)]
    environment = {**os.environ, "BURNLINE_URL": live.program.url}
    with subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, text=True) as program:
        try:
            for enough in (1, 1500, 3000):
                live.until(lambda enough=enough: live.kept() >= enough, "kept")  # type: ignore[misc]
                live.kill()
            output, _ = program.communicate(timeout=300)
        finally:
            program.kill()

    said = stats(output)
    assert program.returncode == 0
    assert said["acknowledged"] == said["taken"] == events + labels
    assert (said["waiting"], said["refused"], said["dropped_full"], said["dropped_closed"]) == (0, 0, 0, 0)
    assert live.kept() == events
    live.until(lambda: live.folded() >= events, "folded")
    assert live.folded() == events
    assert live.labelled() == labels


def test_an_application_loses_and_doubles_nothing_over_kills(live: Live, tmp_path: Path) -> None:
    port = free_port()
    argv = [sys.executable, "-m", "uvicorn", "--app-dir", str(EXAMPLES), "fastapi_app:app", "--port", str(port)]
    url = f"http://127.0.0.1:{port}"
    transaction = {"amount": 95, "country": "DE"}
    answers: list[Any] = []
    with (
        running(
            argv,
            log=tmp_path / "app.log",
            url=f"{url}/openapi.json",
            env={"BURNLINE_URL": live.program.url},
        ),
        httpx.Client(base_url=url, trust_env=False) as http,
    ):
        for number in range(600):
            answers.append(http.post("/predict", json=transaction).raise_for_status().json())
            if number in (200, 400):
                live.until(lambda: live.kept() > 0, "kept")
                live.kill()
        for answer in answers[:30]:
            http.post("/outcome", json={"id": answer["id"], "actual": "fine"}).raise_for_status()

    live.until(lambda: live.folded() >= 600, "folded")
    assert live.kept() == live.folded() == 600
    assert live.labelled() == 30
    wrong = live.number("SELECT sum(value) FROM series WHERE name = 'burnline_labelled_wrong_total'")
    assert wrong == 30, json.dumps(answers[:2])
