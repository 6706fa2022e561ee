"""Every door and endpoint, asked what its own description allows and what it does not: none fails, none is silent."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import content_type_conformance, status_code_conformance

from tests.app.still import Still

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance]
UNHURRIED = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["allowed", "forbidden"])
def test_no_request_is_answered_otherwise_than_described(burnline: Still, mode: GenerationMode) -> None:
    described = schemathesis.openapi.from_url(f"{burnline.url}/openapi.json")

    for found in described.get_all_operations():
        assert isinstance(found, Ok)
        ask(found.ok(), mode)

    assert burnline.get("/readyz").text == "ready\n"


def ask(operation: Any, mode: GenerationMode) -> None:
    @settings(max_examples=8, derandomize=True, suppress_health_check=UNHURRIED, phases=[Phase.generate])
    @given(operation.as_strategy(generation_mode=mode))
    def each(case: Any) -> None:
        case.call_and_validate(checks=CHECKS)

    try:
        each()
    except Unsatisfiable:
        return  # it has nothing that could be wrong
    except Exception as error:
        error.add_note(f"asked: {operation.label}")
        raise
