"""`telemetry` in the service file: how what OpenTelemetry sends becomes numbers of this service."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from burnline.spec.place import Flaw, Place
from burnline.spec.strict import Strict
from burnline.spec.units import Duration, Ratio, Text, format_duration

# OpenTelemetry's own advice for http.server.request.duration
HTTP_BOUNDS = tuple(
    timedelta(milliseconds=each) for each in (5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10_000)
)
MOST_BOUNDS = 40
SPAN_DURATION = "burnline_otlp_span_duration_seconds"  # the histogram of server and consumer spans


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class EvaluationSpec(Strict):
    """When a verdict of one evaluation is bad: by its label, or else by its score."""

    bad: Annotated[tuple[Text, ...], BeforeValidator(_listed)] = ()
    good: Annotated[tuple[Text, ...], BeforeValidator(_listed)] = ()
    bad_below: float | None = None
    bad_above: float | None = None


class ContentSpec(Strict):
    """Whether the texts of prompts, documents and answers are looked at, of which share of the traces, and how far.

    Attributes:
        longest: characters of one text that are looked at.
        min_support: share of an answer's content that its sources hold, under which it is counted as unsupported.
    """

    sample: Ratio
    longest: Annotated[int, Field(ge=100, le=100_000, strict=True)] = 20_000
    min_support: Ratio = 0.5


class TelemetrySpec(Strict):
    """Which `service.name`s are this service, the buckets of its spans' durations, and what verdicts mean."""

    service_name: Annotated[tuple[Text, ...], BeforeValidator(_listed)] = ()
    durations: tuple[Duration, ...] = HTTP_BOUNDS
    genai: Literal["spans", "metrics"] = "spans"
    evaluations: dict[Text, EvaluationSpec] = Field(default_factory=dict)
    content: ContentSpec | None = None

    @property
    def bounds_seconds(self) -> tuple[float, ...]:
        """The upper bounds of the duration buckets."""
        return tuple(each.total_seconds() for each in self.durations)


def check_telemetry(spec: TelemetrySpec, place: Place) -> Iterator[Flaw]:
    """What the fields say together."""
    rising = all(low < high for low, high in zip(spec.durations, spec.durations[1:], strict=False))
    if not rising or not spec.durations or not spec.durations[0]:
        written = ", ".join(map(format_duration, spec.durations)) or "empty"
        yield Flaw((*place, "durations"), f"is {written}; write rising durations over 0s, as in [50ms, 100ms, 1s]")
    if len(spec.durations) > MOST_BOUNDS:
        yield Flaw((*place, "durations"), f"has {len(spec.durations)} bounds; accepted: at most {MOST_BOUNDS}")
    for name, evaluation in spec.evaluations.items():
        yield from _evaluation(evaluation, (*place, "evaluations", name))


def _evaluation(spec: EvaluationSpec, place: Place) -> Iterator[Flaw]:
    if not spec.model_fields_set:
        yield Flaw(place, "says nothing; write `bad`, `good`, `bad_below` or `bad_above`")
    for word in sorted({each.lower() for each in spec.bad} & {each.lower() for each in spec.good}):
        yield Flaw((*place, "good"), f"{word!r} is bad as well; write it once")
