"""The whole shape of a service file parses, and all of it is built."""

from __future__ import annotations

from pathlib import Path

from burnline.spec.document import read_document
from burnline.spec.problems import validate
from burnline.spec.service import ServiceSpec
from tests.spec.conftest import Problems

WHOLE = Path(__file__).parent / "whole.yaml"


def test_the_whole_shape_parses() -> None:
    service = validate(ServiceSpec, read_document(WHOLE))

    assert [slo.sli.kind for slo in service.slos] == ["ratio", "latency", "signal", "same_as"]
    assert service.release is not None
    assert service.release.guards[1].worse_than_baseline == 1.5


def test_the_whole_shape_is_built(file_problems: Problems) -> None:
    assert file_problems(WHOLE.read_bytes()) == []
