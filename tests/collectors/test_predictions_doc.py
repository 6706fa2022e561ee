"""docs/predictions.md says what the doors do: its examples are run as they stand."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from burnline.app import wiring
from burnline.app.application import create_app
from burnline.app.workers import Workers
from burnline.collectors.predictions import door as predictions
from burnline.collectors.predictions import events as prediction_events
from burnline.collectors.predictions import labels, posted
from burnline.collectors.predictions.arrow import DEADLINE_SECONDS
from burnline.collectors.predictions.arrow_worker import MEMORY_BYTES
from burnline.collectors.predictions.events import Sent
from burnline.collectors.predictions.formats import FORMATS
from burnline.collectors.predictions.rules import Rules
from burnline.settings import Settings
from burnline.store.database import Database
from burnline.store.predictions import next_batches
from tests.app.serving import serving

PAGE = (Path(__file__).parents[2] / "docs/predictions.md").read_text()
YAML = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
JSON = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]
SHELL = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)
PYTHON = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
KNOWN = {"card-fraud": Rules()}


@pytest.fixture
def burnline(tmp_path: Path) -> Iterator[tuple[str, wiring.App]]:
    """burnline over the page's service file, with its workers standing still."""
    (tmp_path / "card-fraud.yaml").write_text(YAML[0])
    app = wiring.build(Settings(database=f"sqlite:///{tmp_path}/burnline.db", services=tmp_path / "card-fraud.yaml"))
    app._workers = Workers([], app.instruments)
    with serving(create_app(app)) as url:
        yield url, app


def test_every_example_is_accepted(burnline: tuple[str, wiring.App], tmp_path: Path) -> None:
    url, app = burnline
    exec(PYTHON[0].replace('"events.', f'"{tmp_path}/events.'), {})

    said = []
    for script in SHELL:
        script = script.replace("http://127.0.0.1:8600", url).replace("curl ", "curl -sS ")  # noqa: PLW2901
        out = subprocess.run(["bash", "-ec", script], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
        said += [json.loads(answer) for answer in out.replace("}{", "}\n{").splitlines()]

    events, found = said[:-1], said[-1]
    assert [(answer["accepted"], answer["refused_count"]) for answer in events] == [(2, 0)] * 5 + [(1, 0)]
    assert found.pop("note").startswith("no signal of card-fraud counts labels now"), "there is no reference here"
    assert found == JSON[-1]
    with app.db.read() as tx:
        batches = [batch for _, batch in next_batches(tx, 10)]
    assert len({json.dumps([batch.features, batch.prediction, batch.confidence]) for batch in batches[:5]}) == 1


def test_rows_and_columns_are_the_same_events(database: Database, now: datetime) -> None:
    rows = json.loads(re.search(r"-d '(.*?)'", SHELL[0], re.DOTALL)[1])  # type: ignore[index]
    for example in (rows, JSON[1]):
        send(database, example, now)

    (_, by_rows), (_, by_columns) = database.write(lambda tx: next_batches(tx, 2))
    assert by_rows == by_columns
    assert len(by_rows) == 2


def test_the_receipt_is_as_shown(database: Database, now: datetime) -> None:
    body = {"service": "card-fraud", "events": [{"features": {}}, {"features": {}, "confidence": 1.5}]}

    receipt = send(database, body, now)

    (refusal,) = receipt.refused
    shown = JSON[0]
    assert {"index": refusal.index, "field": refusal.field, "reason": refusal.reason} == shown.pop("refused")[0]
    assert {name: json.loads(json.dumps(getattr(receipt, name))) for name in shown} == shown


def send(database: Database, body: object, now: datetime) -> predictions.Receipt:
    return predictions.accept_predictions(database, Sent(json.dumps(body).encode()), now=now, known=KNOWN)


def test_every_format_is_in_the_table() -> None:
    rows = re.findall(r"^\| (`application/.*?) \|", PAGE, re.MULTILINE)

    assert set(re.findall(r"`(application/\S+)`", " ".join(rows))) == set(FORMATS)


def test_the_limits_are_as_written() -> None:
    assert (
        f"more than {posted.LIMIT_BYTES >> 20} MiB after decompression, {prediction_events.MAX_EVENTS:,} events, "
        f"or {prediction_events.MAX_VALUES:,} values"
    ) in PAGE
    assert f"a text over {prediction_events.MAX_TEXT:,} characters" in PAGE
    assert f"more than {prediction_events.MAX_FEATURES:,} features" in PAGE
    assert f"over {prediction_events.MAX_ID} characters" in PAGE
    assert f"more than {labels.MAX_LABELS:,} events with an id, or labels" in PAGE
    assert labels.MAX_LABELS == prediction_events.MAX_IDS
    assert f"{MEMORY_BYTES / 2**30:g} GiB of address space" in PAGE
    assert DEADLINE_SECONDS == 20
