"""Every metric and label name burnline exposes or records, once. A name that is not here does not exist.

The embedded engine and the compiled Prometheus rules give the SLO series under the same names.
"""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Histogram

# Labels
SERVICE, SLO, SIGNAL, SEVERITY, TIER, WINDOW, OWNER = "service", "slo", "signal", "severity", "tier", "window", "owner"
COLLECTOR, FEATURE, RUNBOOK, OUTCOME, SOURCE, REASON = "collector", "feature", "runbook", "outcome", "source", "reason"
STEP, PART = "step", "part"  # of a budget policy; of the page
SCENARIO = "scenario"  # of a drill
CELL, REFERENCE, OF, SLOT = "cell", "reference", "of", "slot"  # of a feature's sketch

# SLOs: embedded engine and compiled rules alike
SLO_EVENTS = "slo:events:increase1m"  # T0, recorded only: {service, slo, event="bad"|"total"}
SLO_SLICE_EVENTS = "slo:events:slice1m"  # T0, recorded only: what time slices are made of
SLO_EVENTS_OVER = "slo:events:increase_over"  # recorded only: over each window of a tier {window}
SLO_EVENTS_5M = "slo:events:increase5m"  # T2; event="seen": seconds with data
SLO_EVENTS_HOUR = "slo:events:increase_hour"  # T2, recorded only: since the hour began; event="key": when that was
SLO_EVENTS_1H = "slo:events:increase1h"  # T2, recorded only: of each hour, once it is over
SLO_EVENTS_CALENDAR = "slo:events:increase_calendar"  # T2, recorded only: since the calendar period began
SLO_EVENTS_WINDOW = "slo:events:increase_window"  # T2, recorded only: over the SLO's window
SLO_MEMBER_OVER = "slo:events:member_over"  # recorded only: of each member of a composite {member, window}
SLO_MEMBER_WINDOW = "slo:events:member_window"  # T2, recorded only: likewise, over the composite's window
SLO_OBSERVED = "slo:observed:seconds"  # T1, recorded only: time with data since counting began
SLO_STATE_LEVEL = "slo:state:level"  # T1, recorded only: 0 ok, 1 at risk, 2 breached, 3 unknown
SLO_CELLS = "slo:cells:increase1m"  # T0, recorded only: {feature, cell, reference}; cell="all": of the feature
SLO_CELLS_5M = "slo:cells:increase5m"  # T2, recorded only
SLO_CELLS_HOUR = "slo:cells:increase_hour"  # T2, recorded only: since the hour began; event="key": when that was
SLO_CELLS_1H = "slo:cells:increase1h"  # T2, recorded only: of each hour, once it is over
SLO_CELLS_DAY = "slo:cells:increase_day"  # T2, recorded only: since the day began; event="key": when that was
SLO_CELLS_1D = "slo:cells:increase1d"  # T2, recorded only: of each day, once it is over
SLO_CELLS_CALENDAR = "slo:cells:increase_calendar"  # T2, recorded only: since the calendar period began
SLO_FEATURE_EVENTS = "slo:feature:events_over"  # recorded only: {feature, reference, window}
SLO_FEATURE_DRIFT = "slo:feature:drift_over"  # recorded only: likewise, the share of them that drifted beyond chance
RULES_MISSED = "slo:rules:missed1h"  # recorded only: evaluations that Prometheus skipped
SLO_OBJECTIVE = "burnline_slo_objective_ratio"
SLO_SLI = "burnline_slo_sli_ratio"  # {window}: of each alert window and of the SLO's own (30d, month)
SLO_BUDGET_REMAINING = "burnline_slo_error_budget_remaining_ratio"
SLO_BURN_RATE = "burnline_slo_burn_rate"  # {window}
SLO_EXHAUSTION = "burnline_slo_budget_exhaustion_seconds"
SLO_STATE = "burnline_slo_state"  # 1 for the state it is in
SLO_EXCLUDED = "burnline_slo_excluded"  # 1 while nothing counts: maintenance
SLO_POLICY = "burnline_slo_budget_policy"  # {service, step}: 1 while the step of the budget policy is in force
SLO_INFO = "burnline_slo_info"  # {owner, tier links}: joined when an alert fires

# Signals
SIGNAL_SCORE = "burnline_signal_score_ratio"
SIGNAL_ALARM = "burnline_signal_alarm"
SIGNAL_EVENTS = "burnline_signal_events_total"
SIGNAL_BAD_EVENTS = "burnline_signal_bad_events_total"
SIGNAL_PART_SCORE = "burnline_signal_part_score_ratio"  # {part}: of versions and slices
SIGNAL_PART_ALARM = "burnline_signal_part_alarm"
SIGNAL_FEATURE_SCORE = "burnline_signal_feature_score_ratio"  # the ten worst features
FEATURE_CELLS = "burnline_feature_cells_total"  # {service, signal, feature, cell, reference}
FEATURE_REFERENCE = "burnline_feature_reference_ratio"  # by the same: its shares
FEATURE_CHANCE = "burnline_feature_chance_squared"  # {service, signal, feature, reference, of="events"|"reference"}
FEATURE_EXPECTED = "burnline_feature_expected_total"  # as cells, where the reference differs by hour
FEATURE_SLOTS = "burnline_feature_slots_total"  # {service, signal, slot, reference}: events by that hour

# Collectors
COLLECTOR_DURATION = "burnline_collector_duration_seconds"
COLLECTOR_SUCCESS = "burnline_collector_success"
COLLECTOR_SAMPLES = "burnline_collector_samples"
COLLECTOR_LAST_SUCCESS = "burnline_collector_last_success_timestamp_seconds"
COLLECTOR_LAST_ERROR = "burnline_collector_last_error_timestamp_seconds"
COLLECTOR_ERROR_INFO = "burnline_collector_last_error_info"  # {reason}: one of collectors/reasons.py
CARDINALITY_LIMITED = "burnline_cardinality_limited_series"  # {metric}
SERIES_FOLDED = "burnline_series_folded_total"  # {metric}

# The page itself
PART_SUCCESS = "burnline_exposition_part_success"  # {part}
PART_DURATION = "burnline_exposition_part_duration_seconds"  # {part}

# The inbox
INBOX_ROWS = "burnline_inbox_rows"  # {kind, state}
INBOX_AGE = "burnline_inbox_age_seconds"  # {kind}: how long the oldest row that waits for work has waited
WATCHDOG_LAST_SEEN = "burnline_watchdog_last_seen_timestamp_seconds"  # {source}

# The path of alerts, watched by reconciliation
LAST_DELIVERY = "burnline_alertmanager_last_delivery_timestamp_seconds"  # {alertmanager}: as it calls itself
ALERT_SOURCE_UP = "burnline_alert_source_up"  # {place}
LAST_RECONCILED = "burnline_alert_source_last_reconciled_timestamp_seconds"  # {place}
RECONCILED = "burnline_alerts_reconciled_total"  # {found="firing"|"past"|"resolved"}
ALERT_PATH_PROBLEM = "burnline_alert_path_problem"  # {place, problem}: 1 while it is so

# Alert names (label alertname), shared by compiled rules and the embedded engine
ALERT_BURN = "ErrorBudgetBurn"
ALERT_SIGNAL = "SignalAlarm"
ALERT_NO_DATA = "SloNoData"
ALERT_POLICY = "ErrorBudgetPolicy"  # {service, step}
ALERT_VERSION = "VersionMismatch"  # what serves is not what was released
ALERT_DRILL_FAILED = "DrillFailed"  # {service, scenario}: the last drill of this kind did not go as it should
ALERT_DRILL_OVERDUE = "DrillOverdue"
ALERT_SERVICE_DOWN = "ServiceDown"  # of rules of your own: while it fires, the service's other alerts are quiet
ALERT_RULES_LATE = "SloRulesLate"  # compiled rules only: an evaluation was skipped, its events are lost


@dataclass(frozen=True, slots=True)
class Instruments:
    """Counters burnline keeps of itself; made once per process by `instruments(registry)`."""

    events_accepted: Counter
    events_refused: Counter
    bodies_refused: Counter
    lineage_events: Counter
    alerts_received: Counter
    dead_letters: Counter
    runs: Counter
    scrape_errors: Counter
    series_folded: Counter
    worker_seconds: Histogram
    worker_failures: Counter
    engine_windows: Counter


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
        lineage_events=Counter(
            "burnline_lineage_events_total",
            "OpenLineage events: kept, repeated, or of no job (no_job) or no run (no_run) that is known here.",
            [OUTCOME],
            registry=registry,
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
        series_folded=Counter(
            SERIES_FOLDED,
            "Samples of {metric} beyond the budget: added to __other__, or left out where they are gauges.",
            [SERVICE, "metric"],
            registry=registry,
        ),
        worker_seconds=Histogram(
            "burnline_worker_duration_seconds",
            "Time one turn of a periodic worker took.",
            ["worker"],
            registry=registry,
        ),
        worker_failures=Counter(
            "burnline_worker_failures_total", "Turns of a periodic worker that raised.", ["worker"], registry=registry
        ),
        engine_windows=Counter(
            "burnline_engine_windows_total",
            "Windows that a library was asked about: judged, failed (its process), error (itself), too_many (waiting).",
            ["engine", OUTCOME],
            registry=registry,
        ),
    )
