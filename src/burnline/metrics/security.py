"""Security, as logs and those who post it tell."""

from __future__ import annotations

from burnline.metrics.measured import measured

EVENTS = measured("burnline_security_events_total", "Security events, by {kind}.")
QUERIES = measured("burnline_security_queries_total", "Queries that were counted by who asked.")
TOP_SHARE = measured(
    "burnline_security_top_principal_share_ratio", "Share of the queries of the last hours that one principal asked."
)
TOP_COVERAGE = measured(
    "burnline_security_top_principal_coverage_ratio",
    "Share of all different inputs of the last hours that one principal asked about.",
)
KINDS = (
    "authentication_failure",
    "authorization_failure",
    "rate_limited",
    "invalid_input",
    "attack",
    "prompt_injection",
    "jailbreak",
    "pii",
    "data_exfiltration",
    "canary_token",
    "tool_misuse",
    "unsigned_artifact",
    "unknown_artifact",
)
