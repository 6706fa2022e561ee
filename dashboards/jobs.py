"""The jobs that feed a service: do they end well, in time, and with as much as usual."""

from __future__ import annotations

from burnline.dashboards.panels import RATE, Panel, Query, Threshold
from burnline.metrics import SERVICE, jobs
from burnline.spec.service import ServiceSpec


def job_panels(spec: ServiceSpec) -> tuple[Panel, ...]:
    """None for a service whose file expects no job."""
    if not spec.jobs:
        return ()
    of = f'{{{SERVICE}="{spec.service}"}}'
    return (_ends(of), _running(of), _delivered(of), _rows(of), *([_overdue(of)] if _is_periodic(spec) else []))


def _is_periodic(spec: ServiceSpec) -> bool:
    return any(job.every is not None for job in spec.jobs.values())


def _ends(of: str) -> Panel:
    return Panel(
        "Jobs: runs that failed per hour",
        "Which jobs fail, and why? `lost` never said how it ended: look whether its machine was taken away.",
        "timeseries",
        (Query(f"sum by (job, reason) (rate({jobs.FAILED}{of}[{RATE}])) * 3600", "{{job}} {{reason}}"),),
        "none",
        width=12,
        low=0,
        empty_ok="no job posted anything yet",
    )


def _running(of: str) -> Panel:
    return Panel(
        "Jobs: the oldest run",
        "How long has each job been at it? Longer than ever: it hangs; stop it, and look at its last output.",
        "timeseries",
        (Query(f"{jobs.OLDEST}{of}", "{{job}}"),),
        "s",
        width=12,
        low=0,
        empty_ok="nothing runs",
    )


def _delivered(of: str) -> Panel:
    return Panel(
        "Jobs: age of what they delivered",
        "How old are backups, models and data? A line that only rises is a job that no longer succeeds.",
        "timeseries",
        (
            Query(f"time() - {jobs.LAST_SUCCESS}{of}", "{{job}} succeeded"),
            Query(f"time() - {jobs.LAST_DATA}{of}", "data of {{job}}"),
        ),
        "s",
        width=12,
        low=0,
        empty_ok="nothing was delivered yet",
    )


def _rows(of: str) -> Panel:
    return Panel(
        "Jobs: rows, compared with the runs before",
        "Did the last run write as much as usual? Near 0: a source is out; near 2: something came twice.",
        "timeseries",
        (Query(f"{jobs.ROWS_RATIO}{of}", "{{job}}"),),
        "percentunit",
        width=12,
        low=0,
        empty_ok="under six runs told their rows",
    )


def _overdue(of: str) -> Panel:
    return Panel(
        "Jobs: overdue",
        "Which job should have succeeded again by now, and how long ago? Over 0: look at its scheduler.",
        "timeseries",
        (Query(f"{jobs.OVERDUE}{of}", "{{job}}"),),
        "s",
        width=24,
        thresholds=(Threshold(1, "red"),),
        low=0,
    )
