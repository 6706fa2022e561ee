"""Answers of generative AI whose text was looked at (`telemetry.content` of the service file), counted alone."""

from __future__ import annotations

from burnline.metrics.measured import measured, measured_histogram

TOTAL = measured("burnline_answers_total", "Answers whose text was looked at, by {provider} and {model}.")
EMPTY = measured("burnline_answers_empty_total", "Those without a letter or digit, by {provider} and {model}.")
REFUSED = measured("burnline_answers_refused_total", "Those that decline to answer, by {provider} and {model}.")
SOURCED = measured("burnline_answers_with_sources_total", "Those whose sources were there, by {provider} and {model}.")
UNSUPPORTED = measured(
    "burnline_answers_unsupported_total",
    "Those with sources that support them too little, by {provider} and {model}.",
)
LENGTH = measured_histogram("burnline_answers_length_characters", "Length of answers, by {provider} and {model}.")
SUPPORT = measured_histogram(
    "burnline_answers_support_ratio",
    "Share of an answer's content words, numbers and names that its sources hold, by {provider} and {model}.",
)
JUDGED = measured("burnline_answers_judged_total", "Answers a judge was asked about, by {model} and {verdict}.")
JUDGE_FAILURES = measured(
    "burnline_answers_judge_failures_total", "Answers of the sample without a verdict of the judge, by {reason}."
)
JUDGE_TOKENS = measured("burnline_answers_judge_tokens_total", "Tokens the judge took, by {direction}.")
JUDGE_COST = measured("burnline_answers_judge_cost_total", "What the judge cost by its declared price, by {currency}.")

LENGTH_BOUNDS = (10.0, 30.0, 100.0, 300.0, 1_000.0, 3_000.0, 10_000.0)
SUPPORT_BOUNDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
BY_VERSION = frozenset({TOTAL, EMPTY, REFUSED, SOURCED, UNSUPPORTED}) | {
    f"{name}_{part}" for name in (LENGTH, SUPPORT) for part in ("bucket", "count", "sum")
}  # where answers are posted, their version is the model
