"""What one field cannot know: names used twice, references to nothing, values that fit no other."""

from __future__ import annotations

import pytest

from tests.spec.conftest import Load, Problems

UP = "sli: {threshold: {gauge: up, below: 1}}"


def slos(*fields: str) -> str:
    return "slos:\n" + "".join(f"  - {{objective: 99%, window: 30d, {field}}}\n" for field in fields)


MODEL = "model: {name: m, schema: {features: {x: {type: number}}}}\n"
DATA = MODEL + "signals: {data: {schema: off}}\n"


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (
            slos(f"name: up, {UP}", f"name: up, {UP}"),
            "6: slos[1].name: the name 'up' is used twice; first at slos[0].name",
        ),
        ("collect: [host, gpu, host]", "4: collect[2]: the collector 'host' is used twice; first at collect[0]"),
        (
            "collect:\n  - url: http://h/\n  - url: http://h/",
            "6: collect[1].url: the url 'http://h/' is used twice; first at collect[0].url",
        ),
        (
            slos(f"name: up, {UP}") + "runbooks:\n  - {on: {slo: up}, run: r}\n  - {on: {slo: up}, run: r}\n",
            "8: runbooks[1]: the binding is used twice; first at runbooks[0]",
        ),
    ],
)
def test_what_is_used_twice_names_both_places(problems: Problems, body: str, problem: str) -> None:
    assert problems(body) == [problem]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (
            slos("name: a, sli: {same_as: b}"),
            "5: slos[0].sli.same_as: 'b' is no SLO of this service; it has no SLO",
        ),
        (
            slos(f"name: latency, {UP}", "name: month, sli: {same_as: latenzy}"),
            "6: slos[1].sli.same_as: 'latenzy' is no SLO of this service; accepted: latency; did you mean 'latency'?",
        ),
        (
            slos(f"name: a, {UP}", "name: b, sli: {same_as: b}"),
            "6: slos[1].sli.same_as: is this SLO itself; accepted: a",
        ),
        (
            slos(f"name: a, {UP}", "name: b, sli: {same_as: a}", "name: c, sli: {same_as: b}"),
            "7: slos[2].sli.same_as: 'b' is itself the same as 'a'; name that one",
        ),
        (
            slos("name: a, sli: {signal: drift}"),
            "5: slos[0].sli.signal: 'drift' is no signal of this service; it has no signal",
        ),
        (
            DATA + slos("name: a, sli: {signal: dat}"),
            "7: slos[0].sli.signal: 'dat' is no signal of this service; accepted: data; did you mean 'data'?",
        ),
        (
            "runbooks: [{on: {slo: up}, run: r}]",
            "4: runbooks[0].on.slo: 'up' is no SLO of this service; it has no SLO",
        ),
        (
            "runbooks: [{on: {signal: drift}, run: r}]",
            "4: runbooks[0].on.signal: 'drift' is no signal of this service; it has no signal",
        ),
        (
            DATA + "runbooks: [{on: {signal: data, severity: page}, run: r}]",
            "6: runbooks[0].on.severity: is 'page'; alarms of signals are tickets, so this would never start",
        ),
    ],
)
def test_a_reference_to_nothing_says_what_there_is(problems: Problems, body: str, problem: str) -> None:
    assert problems(body) == [problem]


@pytest.mark.parametrize(
    ("signal", "instead"),
    [
        ("drift: {}", ""),
        ("confidence: {}", ""),
        ("data: {}", ", or declare the features in model.schema"),
        ("data: {schema: off}", ", or declare the features in model.schema"),
    ],
)
@pytest.mark.parametrize("model", ["", "model: {name: m}\n"])
def test_a_signal_that_compares_needs_a_reference(problems: Problems, signal: str, instead: str, model: str) -> None:
    name, line = signal.partition(":")[0], 5 if model else 4

    assert problems(f"{model}signals: {{{signal}}}") == [
        f"{line}: signals.{name}: compares with a reference; add model.reference (see `burnline profile`){instead}"
    ]


@pytest.mark.parametrize("how", ["off", "strict"])
def test_data_quality_of_declared_features_needs_no_reference(load: Load, how: str) -> None:
    service = load(f"{MODEL}signals: {{data: {{schema: {how}}}}}")

    assert service.signals.data is not None
    assert service.signals.data.schema_ == how


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("collect: [{url: http://h/, interval: 50ms}]", "4: collect[0].interval: is 50ms; accepted: 100ms to 1h"),
        ("collect: [{url: http://h/, interval: 2h}]", "4: collect[0].interval: is 2h; accepted: 100ms to 1h"),
        (f"{MODEL}signals: {{data: {{window: 0s}}}}", "5: signals.data.window: is 0s; accepted: 1s to 7d"),
        (f"{MODEL}signals: {{data: {{window: 30d}}}}", "5: signals.data.window: is 30d; accepted: 1s to 7d"),
        (
            f"slos: [{{name: a, objective: 99%, window: 59m, {UP}}}]",
            "4: slos[0].window: is 59m; accepted: 1h to 366d",
        ),
        (
            f"slos: [{{name: a, objective: 99%, window: 53w, {UP}}}]",
            "4: slos[0].window: is 371d; accepted: 1h to 366d",
        ),
        (
            slos("name: a, sli: {latency: {histogram: h, below: 0s}}"),
            "5: slos[0].sli.latency.below: is 0s, which every event is over; write a bucket bound, as in 250ms",
        ),
        (
            "release: {hook: {webhook: {url: http://h/, timeout: 0s}}}",
            "4: release.hook.webhook.timeout: is 0s; accepted: 100ms to 1h",
        ),
        (
            "release: {hook: {command: {argv: [/bin/true], timeout: 1d}}}",
            "4: release.hook.command.timeout: is 1d; accepted: 100ms to 1h",
        ),
    ],
)
def test_a_span_of_time_has_limits(problems: Problems, body: str, problem: str) -> None:
    assert problems(body) == [problem]


@pytest.mark.parametrize("window", ["1h", "12h", "7d", "28d", "1y"])
def test_windows_from_an_hour_to_a_year_are_accepted(load: Load, window: str) -> None:
    service = load(f"slos: [{{name: a, objective: 99%, window: {window}, {UP}}}]")

    assert service.slo("a") is not None
