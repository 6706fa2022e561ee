"""The JSON Schema accepts what loads, and refuses what is wrong by shape."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from burnline.spec.document import read_document
from burnline.spec.schema import json_schema
from tests.spec.conftest import HEAD

ROOT = Path(__file__).parents[2]
VALID = [*sorted((ROOT / "examples" / "services").glob("*.yaml")), Path(__file__).parent / "whole.yaml"]
SLO = "slos:\n  - {name: a, objective: 99%, window: 30d, sli: {threshold: {gauge: g, below: 1}}}\n"


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    Draft202012Validator.check_schema(json_schema())
    return Draft202012Validator(json_schema())


def errors(validator: Draft202012Validator, data: Any) -> list[str]:
    return ["/".join(str(step) for step in error.absolute_path) for error in validator.iter_errors(data)]


@pytest.mark.parametrize("file", VALID, ids=lambda file: file.name)
def test_files_that_parse_are_accepted(validator: Draft202012Validator, file: Path) -> None:
    assert errors(validator, read_document(file).data) == []


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ("extra: 1", ""),
        ("collect: [hots]", "collect/0"),
        ("collect: [{url: 'localhost:80'}]", "collect/0"),
        ("collect: [{url: http://h/, interval: 15}]", "collect/0"),
        ("escalation: {page: [oncall]}", "escalation/page/0"),
        ("signals: {data: {max_null: high}}", "signals/data/max_null"),
        ("signals: {data: {min_events: 0}}", "signals/data/min_events"),
        ("release: {hook: {}}", "release/hook"),
        ("release: {hook: {alias: {file: f}, command: {argv: [/bin/true]}}}", "release/hook"),
        ("release: {hook: {webhook: {url: http://h/, secret: hunter2}}}", "release/hook/webhook/secret"),
        (SLO.replace("99%", "100%"), "slos/0/objective"),
        (SLO.replace("99%", "99.9"), "slos/0/objective"),
        (SLO.replace("30d", "30 days"), "slos/0/window"),
        (SLO.replace("30d", "{calendar: fortnight}"), "slos/0/window"),
        (SLO.replace("threshold", "treshold"), "slos/0/sli"),
        (SLO.replace(", below: 1", ""), "slos/0/sli/threshold"),
        (SLO.replace("{threshold: {gauge: g, below: 1}}", "{ratio: {total: t}}"), "slos/0/sli/ratio"),
        (SLO.replace("{threshold: {gauge: g, below: 1}}", "{}"), "slos/0/sli"),
        (SLO.replace("gauge: g", "gauge: 'g[5m]'"), "slos/0/sli/threshold/gauge"),
        ("runbooks: [{on: {}, run: r}]", "runbooks/0/on"),
        ("runbooks: [{on: {slo: a, signal: b}, run: r}]", "runbooks/0/on"),
    ],
)
def test_a_wrong_shape_is_refused_at_its_place(
    validator: Draft202012Validator, tmp_path: Path, body: str, place: str
) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(HEAD + body)

    assert errors(validator, read_document(file).data) == [place]


def test_defaults_are_shown_as_people_write_them() -> None:
    scrape = json_schema()["$defs"]["ScrapeSpec"]["properties"]

    assert scrape["interval"]["default"] == "15s"
    assert scrape["profile"]["default"] == "http"
