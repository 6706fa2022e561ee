"""What a service tells of its predictions, and what became of it: taken, refused, late, labelled, right or wrong."""

from __future__ import annotations

from burnline.dashboards.asking import OF, rate, ratio
from burnline.dashboards.given import ACCEPTED, REFUSED
from burnline.dashboards.panels import RATE, Panel, Query
from burnline.metrics import events

NO_EVENT = "no prediction was told"
NO_LABEL = "no label came"
VERSION = "{{version}}"

PREDICTIONS = (
    Panel(
        "Predictions: events",
        "Does what the service predicts arrive? Refused or late ones rise: see what the door answers the client.",
        (
            rate(ACCEPTED, legend="taken"),
            rate(REFUSED, "reason", legend="refused: {{reason}}"),
            rate(events.LATE, legend="too late for a window"),
            rate(events.DUPLICATES, legend="there before"),
        ),
        "cps",
        empty_ok=NO_EVENT,
    ),
    Panel(
        "Predictions: values outside the schema",
        "Which features break `model.schema`? One that jumps: look at what feeds it before the drift is seen.",
        (
            Query(
                f"topk(10, sum by (feature, reason) (rate({events.VIOLATIONS}{OF}[{RATE}])))", "{{feature}} {{reason}}"
            ),
        ),
        "cps",
        empty_ok="every value is as the schema has it, or there is no schema",
    ),
    Panel(
        "Predictions: features nobody knows",
        "Does the service send features that neither the reference nor the schema has? Any: nothing watches them.",
        (rate(events.UNKNOWN, "version", legend=VERSION),),
        "cps",
        empty_ok="every feature is known",
    ),
    Panel(
        "Predictions: samples of training",
        "Do both sides of the sampled events meet? One side alone: the other sends other ids, or does not send.",
        (
            rate(events.SAMPLES_JOINED, legend="compared"),
            rate(events.SAMPLES_UNMATCHED, "side", legend="only {{side}}"),
            rate(events.SAMPLES_DROPPED, "side", legend="no room: {{side}}"),
        ),
        "cps",
        empty_ok="no sampled event has both sides yet",
    ),
    Panel(
        "Predictions: labels",
        "Does the truth come, and in time? Without an event: raise `events.label_wait`, or compare the ids.",
        (
            rate(events.LABELLED, "version", legend=f"of {VERSION}"),
            rate(events.UNMATCHED, legend="without an event"),
            rate(events.REPEATED, legend="there before"),
        ),
        "cps",
        empty_ok=NO_LABEL,
    ),
    Panel(
        "Predictions: wrong",
        "Which share of what was labelled was wrong? One version higher than the one before it: roll it back.",
        (ratio(events.WRONG, events.LABELLED, "version", legend=VERSION),),
        "percentunit",
        high=1,
        empty_ok=NO_LABEL,
    ),
    Panel(
        "Predictions: mean error",
        "How far are numbers from their labels? One version further than the one before it: roll it back.",
        (ratio(events.ERROR, events.LABELLED, "version", legend=VERSION),),
        empty_ok="no label that is a number came",
    ),
    Panel(
        "Predictions: a shadow answers differently",
        "How often does a version that nobody hears yet say something else? Read some of those before it serves.",
        (ratio(events.SHADOW_DIFFERENT, events.SHADOW_PAIRS, "version", legend=VERSION),),
        "percentunit",
        high=1,
        empty_ok="no event was answered by a shadow as well",
    ),
    Panel(
        "Predictions: mean difference of a shadow",
        "How far are the numbers of a version that nobody hears yet from those that serve?",
        (ratio(events.SHADOW_DIFFERENCE, events.SHADOW_PAIRS, "version", legend=VERSION),),
        empty_ok="no event was answered by a shadow as well",
    ),
)
