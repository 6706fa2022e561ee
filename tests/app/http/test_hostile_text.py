"""Text that no database keeps (NUL) or no encoding has (halves of characters), wherever a word may be sent."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from burnline.app.wiring import App, build
from burnline.settings import Settings
from tests.app.scenes import Client
from tests.app.still import RANKING

SILENCE = {
    "matchers": [{"name": "service", "value": "ranking"}],
    "endsAt": "2027-01-01T00:00:00Z",
    "createdBy": "ines",
    "comment": "move",
}
RELEASE = {"service": "ranking", "version": "2", "by": "ana"}
ANSWER = {"decision": "approve", "actor": "ana", "plan_hash": "x", "reason": ""}
GATE = {"name": "ranking", "metadata": {}}
BODIES: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [
    ("/v1/approvals/1", ANSWER, ("actor", "plan_hash", "reason")),
    ("/v1/actions", {"state": "off", "actor": "ana"}, ("actor", "reason")),
    ("/v1/drills", {"service": "ranking"}, ("service",)),
    ("/v1/releases", RELEASE, ("service", "version", "by", "commit", "override")),
    ("/v1/releases/1/promote", {"by": "ana"}, ("by", "reason", "approved_by", "override")),
    ("/v1/releases/1/abort", {"by": "ana"}, ("by", "reason")),
    ("/v1/silences", SILENCE, ("id", "createdBy", "comment", "matchers.0.name", "matchers.0.value")),
    ("/v1/gates/flagger/rollback", GATE, ("name", "namespace", "phase", "metadata.service", "metadata.version")),
]


@pytest.fixture
def app(any_url: str, tmp_path: Path) -> Iterator[App]:
    """burnline over one service, with its workers standing still, on a database of each kind."""
    (tmp_path / "ranking.yaml").write_text(RANKING)
    made = build(Settings(database=any_url, services=tmp_path / "ranking.yaml"))
    yield made
    made.stop()


def with_word(body: dict[str, Any], place: str, word: str) -> dict[str, Any]:
    """A copy of the body with `word` at a place like `matchers.0.name`."""
    copy: dict[str, Any] = json.loads(json.dumps(body))
    inner: Any = copy
    *way, last = place.split(".")
    for name in way:
        inner = inner[int(name) if name.isdigit() else name]
    inner[last] = word
    return copy


@pytest.mark.parametrize("letter", ["\0", "\ud800"])
def test_a_body_with_text_that_cannot_be_kept_is_refused_by_the_name_of_its_field(app: App, letter: str) -> None:
    client = Client(app)

    for path, body, places in BODIES:
        for place in places:
            content = json.dumps(with_word(body, place, f"a{letter}"))
            answer = client.post(path, content=content, headers={"content-type": "application/json"})

            assert answer.status_code == 422, (path, place, answer.text)
            named = re.sub(r"\[(\d+)\]", r".\1", answer.json()["error"])
            assert named.startswith(place.removesuffix(".service").removesuffix(".version"))


@pytest.mark.parametrize(
    "path",
    [
        "/v1/releases?service=%00",
        "/v1/drills?service=%00",
        "/v1/gates/argo/ranking?version=%00",
        "/v1/services/ranking/verdict?version=%00",
        "/v1/silences/%00",
    ],
)
def test_a_question_with_nul_in_it_is_refused(app: App, path: str) -> None:
    answer = Client(app).get(path)

    assert (answer.status_code, "holds a NUL character" in answer.json()["error"]) == (422, True)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/services/%00",
        "/v1/services/%00/policy",
        "/v1/services/%00/verdict",
        "/v1/services/ranking/slos/%00/history",
        "/v1/runbooks/%00",
        "/v1/gates/argo/%00",
        "/services/%00",
        "/services/ranking?last=%00",
        "/runbooks/%00",
        "/answer/%00",
        "/answer/a.%00",
    ],
)
def test_a_name_with_nul_in_it_is_nobodys(app: App, path: str) -> None:
    assert Client(app).get(path).status_code < 500
