"""Generative AI, as OpenTelemetry's conventions tell it, under names that outlast their versions."""

from __future__ import annotations

from burnline.metrics.measured import measured, measured_histogram, measured_summary

DURATION = "burnline_genai_operation_duration_seconds"
FIRST_TOKEN = "burnline_genai_time_to_first_token_seconds"  # noqa: S105 - no password
OUTPUT_TOKEN = "burnline_genai_time_per_output_token_seconds"  # noqa: S105 - no password

OPERATIONS = measured("burnline_genai_operations_total", "Operations, by {operation}, {provider} and {model}.")
ERRORS = measured("burnline_genai_errors_total", "Operations that failed, by {operation}, {provider} and {model}.")
INPUT_TOKENS = measured("burnline_genai_input_tokens_total", "Tokens read, by {provider} and {model}.")
OUTPUT_TOKENS = measured("burnline_genai_output_tokens_total", "Tokens written, by {provider} and {model}.")
CACHED_TOKENS = measured(
    "burnline_genai_cached_input_tokens_total",
    "Tokens read that a cache held, by {provider} and {model}.",
)
REASONING_TOKENS = measured(
    "burnline_genai_reasoning_tokens_total", "Of the tokens written, those of reasoning, by {provider} and {model}."
)
for _name, _what, _labels in (
    (DURATION, "operations", "{operation}, {provider} and {model}"),
    (FIRST_TOKEN, "answers' first tokens", "{provider} and {model}"),
    (OUTPUT_TOKEN, "tokens after the first", "{provider} and {model}"),
):
    measured_histogram(_name, f"Time that {_what} took, by {_labels}.")
EVALUATIONS = measured("burnline_genai_evaluations_total", "Answers that were judged, by {evaluation}.")
BAD_EVALUATIONS = measured("burnline_genai_bad_evaluations_total", "Answers that were judged bad, by {evaluation}.")
UNJUDGED = measured(
    "burnline_genai_unjudged_evaluations_total", "Evaluations whose verdict says neither good nor bad, by {evaluation}."
)
SCORE = measured_summary("burnline_genai_evaluation_score", "Scores of evaluations, by {evaluation}.")
SCORE_COUNT, SCORE_SUM = f"{SCORE}_count", f"{SCORE}_sum"

DURATION_BOUNDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
FIRST_TOKEN_BOUNDS = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
OUTPUT_TOKEN_BOUNDS = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5)
BOUNDS = {DURATION: DURATION_BOUNDS, FIRST_TOKEN: FIRST_TOKEN_BOUNDS, OUTPUT_TOKEN: OUTPUT_TOKEN_BOUNDS}
