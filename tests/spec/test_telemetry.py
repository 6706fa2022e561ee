"""`telemetry` in the service file."""

from __future__ import annotations

from pathlib import Path

import pytest

from burnline.errors import SpecError
from burnline.spec.load import load_services
from tests.spec.conftest import HEAD, Load, Problems


def test_without_a_word_the_bounds_are_those_of_http(load: Load) -> None:
    telemetry = load("").telemetry

    assert telemetry.bounds_seconds[:3] == (0.005, 0.01, 0.025)
    assert (telemetry.service_name, telemetry.genai) == ((), "spans")


def test_a_name_or_a_list_of_names(load: Load) -> None:
    assert load("telemetry: {service_name: a}").telemetry.service_name == ("a",)
    assert load("telemetry: {service_name: [a, b]}").telemetry.service_name == ("a", "b")


@pytest.mark.parametrize(
    ("telemetry", "message"),
    [
        ("durations: [1s, 50ms]", "durations: is 1s, 50ms; write rising durations over 0s, as in [50ms, 100ms, 1s]"),
        ("durations: [0s, 1s]", "durations: is 0s, 1s; write rising durations over 0s, as in [50ms, 100ms, 1s]"),
        ("durations: []", "durations: is empty; write rising durations over 0s, as in [50ms, 100ms, 1s]"),
        (f"durations: [{', '.join(f'{n}s' for n in range(1, 42))}]", "durations: has 41 bounds; accepted: at most 40"),
        ("evaluations: {t: {}}", "evaluations.t: says nothing; write `bad`, `good`, `bad_below` or `bad_above`"),
        ("evaluations: {t: {bad: Yes, good: [ok, yes]}}", "evaluations.t.good: 'yes' is bad as well; write it once"),
        ("content: {}", "content.sample: is missing"),
        ("content: {sample: 7}", "content.sample: 7 is outside 0% to 100%; did you mean 7%?"),
    ],
)
def test_a_mistake_is_named(problems: Problems, telemetry: str, message: str) -> None:
    assert problems(f"telemetry: {{{telemetry}}}") == [f"4: telemetry.{message}"]


def test_content_is_off_unless_a_share_is_named(load: Load) -> None:
    assert load("telemetry: {}").telemetry.content is None

    content = load("telemetry: {content: {sample: 10%}}").telemetry.content

    assert content is not None
    assert (content.sample, content.longest, content.min_support) == (0.1, 20_000, 0.5)


def test_a_threshold_on_spans_is_a_bound_of_theirs(problems: Problems) -> None:
    slo = (
        "{name: l, objective: 99%, window: 30d, sli: {latency: {histogram: burnline_otlp_span_duration_seconds, "
        "below: 300ms}}}"
    )

    (said,) = problems(f"telemetry: {{durations: [250ms, 1s]}}\nslos: [{slo}]")

    assert said == ("5: slos[0].sli.latency.below: is 300ms, no bound of telemetry.durations; accepted: 250ms or 1s")


def test_a_name_belongs_to_one_service(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(HEAD + "telemetry: {service_name: [x, card-fraud]}\n")
    (tmp_path / "b.yaml").write_text(HEAD.replace("card-fraud", "b") + "telemetry:\n  service_name: [x, card-fraud]\n")

    with pytest.raises(SpecError) as caught:
        load_services(tmp_path)

    assert [str(each).removeprefix(str(tmp_path)) for each in caught.value.problems] == [
        f"/b.yaml:5: telemetry.service_name[{n}]: {name!r} is the service card-fraud already; "
        "a name belongs to one service"
        for n, name in enumerate(("x", "card-fraud"))
    ]
