"""Every metric and label name burnline exposes or records, once. A name that is not here does not exist.

The embedded engine and the compiled Prometheus rules give the SLO series under the same names.
"""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Histogram

# Labels
SERVICE, SLO, SIGNAL, SEVERITY, TIER, WINDOW, OWNER = "service", "slo", "signal", "severity", "tier", "window", "owner"
COLLECTOR, FEATURE, RUNBOOK, OUTCOME, SOURCE, REASON = "collector", "feature", "runbook", "outcome", "source", "reason"

# SLOs: embedded engine and compiled rules alike
SLO_EVENTS = "slo:events:increase1m"  # T0, recorded only: {service, slo, event="bad"|"total"}
SLO_EVENTS_5M = "slo:events:increase5m"  # T2
SLO_OBJECTIVE = "burnline_slo_objective_ratio"
SLO_SLI = "burnline_slo_sli_ratio"  # over the SLO's window
SLO_BUDGET_REMAINING = "burnline_slo_error_budget_remaining_ratio"
SLO_BURN_RATE = "burnline_slo_burn_rate"  # {window}
SLO_EXHAUSTION = "burnline_slo_budget_exhaustion_seconds"
SLO_STATE = "burnline_slo_state"  # 1 for the state it is in
SLO_INFO = "burnline_slo_info"  # {owner, tier links}: joined when an alert fires

# Signals
SIGNAL_SCORE = "burnline_signal_score_ratio"
SIGNAL_ALARM = "burnline_signal_alarm"
SIGNAL_EVENTS = "burnline_signal_events_total"
SIGNAL_BAD_EVENTS = "burnline_signal_bad_events_total"
SIGNAL_FEATURE_SCORE = "burnline_signal_feature_score_ratio"  # the ten worst features

# Collectors
COLLECTOR_DURATION = "burnline_collector_duration_seconds"
COLLECTOR_SUCCESS = "burnline_collector_success"
COLLECTOR_LAST_SUCCESS = "burnline_collector_last_success_timestamp_seconds"

# Alert names (label alertname), shared by compiled rules and the embedded engine
ALERT_BURN = "ErrorBudgetBurn"
ALERT_SIGNAL = "SignalAlarm"
ALERT_NO_DATA = "SloNoData"


@dataclass(frozen=True, slots=True)
class Instruments:
    """Counters burnline keeps of itself; made once per process by `instruments(registry)`."""

    events_accepted: Counter
    events_refused: Counter
    bodies_refused: Counter
    alerts_received: Counter
    dead_letters: Counter
    runs: Counter
    scrape_errors: Counter
    job_seconds: Histogram
    job_failures: Counter


def instruments(registry: CollectorRegistry) -> Instruments:
    """Declare burnline's own metrics in `registry`."""
    return Instruments(
        events_accepted=Counter(
            "burnline_events_accepted_total", "Prediction events accepted.", [SERVICE], registry=registry
        ),
        events_refused=Counter(
            "burnline_events_refused_total", "Prediction events refused.", [SERVICE, REASON], registry=registry
        ),
        bodies_refused=Counter(
            "burnline_bodies_refused_total", "Request bodies refused whole.", ["door", REASON], registry=registry
        ),
        alerts_received=Counter(
            "burnline_alerts_received_total", "Alerts taken from the inbox.", [SOURCE, "status"], registry=registry
        ),
        dead_letters=Counter(
            "burnline_inbox_dead_letters_total", "Inbox rows that could not be read.", ["kind"], registry=registry
        ),
        runs=Counter(
            "burnline_runbook_runs_total", "Runbook runs that ended.", [SERVICE, RUNBOOK, OUTCOME], registry=registry
        ),
        scrape_errors=Counter(
            "burnline_scrape_errors_total",
            "Turns in which a collector failed.",
            [SERVICE, COLLECTOR],
            registry=registry,
        ),
        job_seconds=Histogram(
            "burnline_job_duration_seconds", "Time one turn of a periodic worker took.", ["job"], registry=registry
        ),
        job_failures=Counter(
            "burnline_job_failures_total", "Turns of a periodic worker that raised.", ["job"], registry=registry
        ),
    )
