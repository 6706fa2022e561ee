"""What parses and is not built yet is refused by name: nothing is ignored."""

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


def test_the_whole_shape_lists_exactly_what_is_not_built(file_problems: Problems) -> None:
    signals = "drift, confidence, data, volume, outliers, skew, training_skew, estimate, embedding, calibration"
    today = f"is not supported yet; today: {signals} or performance"
    assert file_problems(WHOLE.read_bytes()) == [
        f"26: signals.hallucination: signal hallucination {today}",
    ]


def test_checks_and_unbuilt_parts_are_reported_together_in_line_order(problems: Problems) -> None:
    found = problems("signals: {drift: {}, hallucination: {}}")

    assert [problem.split(": ")[1] for problem in found] == ["signals.drift", "signals.hallucination"]
