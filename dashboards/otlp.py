"""What a service says by OpenTelemetry: its spans and log records, what it asks of generative AI, and verdicts."""

from __future__ import annotations

from burnline.dashboards.asking import growth, mean, quantiles, rate, ratio
from burnline.dashboards.panels import Panel, Query, Unit
from burnline.metrics import answers, genai, otlp

QUIET = "it says nothing of this by OpenTelemetry"
UNREAD = "no answer was looked at"
UNJUDGED = "no answer was judged"
MODEL, OPERATION, EVALUATION = "{{model}}", "{{operation}} {{model}}", "{{evaluation}}"
ENDS = (0.5, 0.99)


def _flow(title: str, question: str, *queries: Query, unit: Unit = "cps", empty_ok: str = QUIET) -> Panel:
    return Panel(title, question, queries, unit, empty_ok=empty_ok)


def _share(title: str, question: str, *queries: Query, empty_ok: str = QUIET) -> Panel:
    return Panel(title, question, queries, "percentunit", high=1, empty_ok=empty_ok)


def _duration(title: str, question: str, name: str, *by: str, legend: str) -> Panel:
    return Panel(title, question, quantiles(name, *by, legend=legend, shares=ENDS), "s", empty_ok=QUIET)


OTLP = (
    _flow(
        "OpenTelemetry: requests",
        "How much comes in, and how much of it fails? Errors rise: open the incident, its traces are linked there.",
        rate(otlp.SPANS, "kind", "status", legend="{{kind}} {{status}}"),
        unit="reqps",
    ),
    _duration(
        "OpenTelemetry: duration",
        "How long do requests take? The slow ones rise and the median does not: look at the slowest traces.",
        otlp.SPAN_DURATION,
        "kind",
        legend="{{kind}}",
    ),
    _flow(
        "OpenTelemetry: log records",
        "What does it write into its log? Errors that jump: read them beside the traces of the same time.",
        rate(otlp.LOGS, "severity", legend="{{severity}}"),
    ),
    _flow(
        "Generative AI: operations",
        "What is asked of which model? One that falls to nothing: its provider, or whoever chooses among models.",
        rate(genai.OPERATIONS, "operation", "model", legend=OPERATION),
        unit="reqps",
    ),
    _share(
        "Generative AI: operations that fail",
        "Which share fails? It rises at one provider alone: go to another, and look at its limits.",
        ratio(genai.ERRORS, genai.OPERATIONS, "operation", "model", legend=OPERATION),
    ),
    _duration(
        "Generative AI: duration",
        "How long does an operation take as a whole? It rises with the tokens written: answers became longer.",
        genai.DURATION,
        "operation",
        "model",
        legend=OPERATION,
    ),
    _flow(
        "Generative AI: tokens",
        "How many tokens are read and written, by whom? Read ones rise without requests: prompts or contexts grew.",
        rate(genai.INPUT_TOKENS, "model", legend=f"{MODEL} reads"),
        rate(genai.CACHED_TOKENS, "model", legend=f"{MODEL} reads from a cache"),
        rate(genai.OUTPUT_TOKENS, "model", legend=f"{MODEL} writes"),
        rate(genai.REASONING_TOKENS, "model", legend=f"{MODEL} reasons"),
    ),
    _duration(
        "Generative AI: time to first token",
        "How long do people wait for the first word? It rises with load: the engine queues.",
        genai.FIRST_TOKEN,
        "model",
        legend=MODEL,
    ),
    _duration(
        "Generative AI: time per token after it",
        "How fast does an answer flow? Over 0.1 s it is slower than people read.",
        genai.OUTPUT_TOKEN,
        "model",
        legend=MODEL,
    ),
    _share(
        "Generative AI: bad answers",
        "Which share of the judged answers is bad? It rises after a release: compare versions of model and prompt.",
        ratio(genai.BAD_EVALUATIONS, genai.EVALUATIONS, "evaluation", legend=EVALUATION),
    ),
    Panel(
        "Generative AI: scores",
        "What do the judges give on average? It moves without a release: the questions, or the judge, changed.",
        (mean(genai.SCORE, "evaluation", legend=EVALUATION),),
        low=None,
        empty_ok=QUIET,
    ),
    _share(
        "Generative AI: what is wrong with answers",
        "Which share says nothing, declines, or lacks support by its sources? After a release: prompt, model, search.",
        ratio(answers.EMPTY, answers.TOTAL, "model", legend=f"{MODEL} empty"),
        ratio(answers.REFUSED, answers.TOTAL, "model", legend=f"{MODEL} declines"),
        ratio(answers.UNSUPPORTED, answers.SOURCED, "model", legend=f"{MODEL} unsupported"),
        empty_ok=UNREAD,
    ),
    Panel(
        "Generative AI: support by sources",
        "How much of an answer do its sources hold, at the median and the worst tenth? It falls: look at the search.",
        quantiles(answers.SUPPORT, "model", legend=MODEL, shares=(0.1, 0.5)),
        "percentunit",
        high=1,
        empty_ok=UNREAD,
    ),
    Panel(
        "Generative AI: length of answers",
        "How many characters has an answer? It jumps without a release: the questions, or the model, changed.",
        quantiles(answers.LENGTH, "model", legend=MODEL, shares=ENDS),
        "short",
        empty_ok=UNREAD,
    ),
    _flow(
        "Generative AI: what the judge says",
        "How many answers were judged, and how? Many unreadable ones: the judge's model does not keep to its form.",
        rate(answers.JUDGED, "verdict", legend="{{verdict}}"),
        empty_ok=UNJUDGED,
    ),
    _flow(
        "Generative AI: answers not judged",
        "Why was no verdict got? `budget` and `queue` are limits of the service file; the others are the judge's API.",
        rate(answers.JUDGE_FAILURES, "reason", legend="{{reason}}"),
        empty_ok=UNJUDGED,
    ),
    _flow(
        "Generative AI: tokens of the judge",
        "What does judging take? It rises with the length of the sources: fewer documents, or a smaller sample.",
        rate(answers.JUDGE_TOKENS, "direction", legend="{{direction}}"),
        empty_ok=UNJUDGED,
    ),
    Panel(
        "Generative AI: cost of the judge",
        "What does judging cost by the declared price? Over what it is worth: a smaller sample, or a lower budget.",
        (rate(answers.JUDGE_COST, "currency", legend="{{currency}} an hour", times=3600),),
        "none",
        empty_ok=UNJUDGED,
    ),
    _flow(
        "Generative AI: verdicts that say nothing",
        "Which evaluations say neither good nor bad? Any: write in `telemetry.evaluations` what their words mean.",
        Query(f"{growth(genai.UNJUDGED, ('evaluation',))} > 0", EVALUATION),
        empty_ok="every verdict is understood",
    ),
)
