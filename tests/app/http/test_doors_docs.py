"""docs/http.md says what the application does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from burnline.app.application import REFUSALS
from tests.app.still import Still

ROOT = Path(__file__).parents[3]
HTTP = (ROOT / "docs" / "http.md").read_text()
ALERTING = (ROOT / "docs" / "alerting.md").read_text()


def statuses(text: str) -> set[int]:
    """The statuses of a table whose first column they are."""
    rows = re.findall(r"^\| ([0-9, ]+?) (?:`.*?`)? ?\|", text, re.MULTILINE)
    return {int(status) for row in rows for status in row.split(", ")}


def test_every_endpoint_is_in_the_table_and_every_row_is_an_endpoint(door: Still) -> None:
    described = door.get("/openapi.json").json()["paths"]

    served = {f"{method.upper()} {path}" for path, methods in described.items() for method in methods}

    assert served == set(re.findall(r"^\| `([A-Z]+ /\S*)` \|", HTTP, re.MULTILINE))


@pytest.mark.parametrize("text", [HTTP, ALERTING])
def test_every_refusal_of_a_body_is_explained(text: str) -> None:
    elsewhere = {"DecisionRefused"} if text is HTTP else {"DecisionRefused", "PayloadWrong"}  # alerts are kept unread
    refusals = {status for error, (status, _) in REFUSALS.items() if error.__name__ not in elsewhere}

    assert refusals <= statuses(text)


def test_what_openapi_says_of_the_doors_is_explained(door: Still) -> None:
    described = door.get("/openapi.json").json()["paths"]

    for path in ("/v1/predictions", "/v1/alerts"):
        assert {int(status) for status in described[path]["post"]["responses"]} <= statuses(HTTP), path


def test_the_example_is_accepted(door: Still) -> None:
    example = re.search(r"-d '\n(.*?)'\n", HTTP, re.DOTALL)
    assert example

    answer = door.predict(example[1].replace("card-fraud", "ranking"))

    assert answer.status_code == 202
    assert f'"accepted": {answer.json()["accepted"]}' in HTTP


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#]+)\)", HTTP))
def test_links_lead_somewhere(link: str) -> None:
    assert (ROOT / "docs" / link).exists()
