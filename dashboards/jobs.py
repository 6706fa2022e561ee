"""The jobs that feed a service: do they end well, in time, and with as much as usual."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from burnline.dashboards.asking import age, increase, mean, quantiles, rate, ratio, value
from burnline.dashboards.given import shown
from burnline.dashboards.panels import RATE, Panel, Threshold
from burnline.metrics import jobs
from burnline.spec.service import ServiceSpec

DAY = "1d"  # a run may be one in a day: over the minute of $__rate_interval its line would be a dot
NOTHING = "no job posted anything of this yet"
EACH = "{{job}}"

JOBS = (
    Panel(
        "Jobs: runs in a day",
        "How often does each job begin, and how does it end? It begins and never ends: look at the oldest run.",
        (
            increase(jobs.STARTED, "job", legend=f"{EACH} began"),
            increase(jobs.FINISHED, "job", legend=f"{EACH} ended well"),
            increase(jobs.ABORTED, "job", legend=f"{EACH} was stopped"),
        ),
        empty_ok=NOTHING,
    ),
    Panel(
        "Jobs: runs that failed in a day",
        "Which jobs fail, and why? `lost` never said how it ended: look whether its machine was taken away.",
        (increase(jobs.FAILED, "job", "reason", legend=f"{EACH} {{{{reason}}}}"),),
        empty_ok=NOTHING,
    ),
    Panel(
        "Jobs: share that failed",
        "Which share of what ended did not end well? At 100 % it is no chance: look at its last output.",
        (ratio(jobs.FAILED, jobs.ENDED, "job", legend=EACH),),
        "percentunit",
        high=1,
        empty_ok="no run ended in the last day",
    ),
    Panel(
        "Jobs: in work",
        "How many runs are under way? More than usual: one hangs, or its scheduler starts it twice.",
        (value(jobs.RUNNING, "job", legend=EACH),),
        empty_ok=NOTHING,
    ),
    Panel(
        "Jobs: the oldest run",
        "How long has each job been at it? Longer than ever: it hangs; stop it, and look at its last output.",
        (value(jobs.OLDEST, "job", legend=EACH, how="max"),),
        "s",
        empty_ok="nothing runs",
    ),
    Panel(
        "Jobs: how long they take",
        "How long do runs take that end well? It creeps up: the data grew, or the machine is shared.",
        (
            mean(jobs.DURATION, "job", legend=f"{EACH} mean"),
            *quantiles(jobs.DURATION, "job", legend=EACH, shares=(0.95,)),
        ),
        "s",
        empty_ok="no run ended well in the last day",
    ),
    Panel(
        "Jobs: waiting before they begin",
        "How long does a run wait, as for a GPU? Longer than it works: there are too few, or somebody holds them.",
        (
            mean(jobs.WAITING, "job", legend=f"{EACH} mean"),
            *quantiles(jobs.WAITING, "job", legend=EACH, shares=(0.95,)),
        ),
        "s",
        empty_ok="no run told how long it waited",
    ),
    Panel(
        "Jobs: GPUs in use, on average of a day",
        "How many GPUs do jobs take? More for the same result: look at the batch size and at what waits.",
        (rate(jobs.GPU_SECONDS, "job", legend=EACH),),
        empty_ok="no run told its GPUs",
    ),
    Panel(
        "Jobs: time since the last success",
        "How old are backups, models and copies? A line that only rises is a job that no longer succeeds.",
        (age(jobs.LAST_SUCCESS, "job", legend=EACH),),
        "s",
        empty_ok="nothing succeeded yet",
    ),
    Panel(
        "Jobs: overdue",
        "Which job should have succeeded again by now, and how long ago? Over 0: look at its scheduler.",
        (value(jobs.OVERDUE, "job", legend=EACH, how="max"),),
        "s",
        thresholds=(Threshold(1, "red"),),
        empty_ok=NOTHING,
    ),
    Panel(
        "Jobs: can the last run be repeated?",
        "Did it write down commit, data, environment, seeds and metrics? 0: nobody can make this model again.",
        (value(jobs.RECORD_COMPLETE, "job", legend=EACH, how="min"),),
        "bool",
        high=1,
        empty_ok="no run told what it was made of",
    ),
)

DATA = (
    Panel(
        "Data: rows in a day",
        "How much is read, written and turned away? Read and not written: look at what is turned away.",
        (
            increase(jobs.ROWS_IN, "job", legend=f"{EACH} read"),
            increase(jobs.ROWS_OUT, "job", legend=f"{EACH} wrote"),
            increase(jobs.REJECTED, "job", legend=f"{EACH} turned away"),
        ),
        "short",
        empty_ok="no run told its rows",
    ),
    Panel(
        "Data: rows, compared with the runs before",
        "Did the last run write as much as usual? Near 0: a source is out; near 2: something came twice.",
        (value(jobs.ROWS_RATIO, "job", legend=EACH, how="min"),),
        "percentunit",
        empty_ok="under six runs told their rows",
    ),
    Panel(
        "Data: violations of the schema in a day",
        "Does the data still have the agreed form? Any: ask who changed the source, before training on it.",
        (increase(jobs.VIOLATIONS, "job", legend=EACH),),
        empty_ok="no run told any",
    ),
    Panel(
        "Data: nulls",
        "Which columns are empty more often than they were? One that jumps: its source no longer fills it.",
        (value(jobs.NULLS, "job", "column", legend=f"{EACH} {{{{column}}}}", how="max"),),
        "percentunit",
        high=1,
        empty_ok="no run told its nulls",
    ),
    Panel(
        "Data: tries again in a day",
        "What has to be tried again, and why? It grows: what the cause names is about to fail altogether.",
        (increase(jobs.RETRIES, "job", "cause", legend=f"{EACH} {{{{cause}}}}"),),
        empty_ok="nothing was tried again",
    ),
    Panel(
        "Data: age",
        "How old is the newest data that was delivered? A line that only rises: nothing new comes in.",
        (age(jobs.LAST_DATA, "job", legend=EACH),),
        "s",
        empty_ok="no run told how new its data is",
    ),
    Panel(
        "Data: behind its source",
        "How much older is a copy, as an online feature store, than its source? It grows: look at what copies.",
        (value(jobs.DATA_LAG, "job", "behind", legend=f"{EACH} behind {{{{behind}}}}", how="max"),),
        "s",
        empty_ok="one of the two told nothing yet",
    ),
    Panel(
        "Data: is it known where it comes from?",
        "Did the last run tell what it read or wrote? 0: nobody can say what a bad source has spoilt.",
        (value(jobs.LINEAGE, "job", legend=EACH, how="min"),),
        "bool",
        high=1,
        empty_ok="no run ended yet",
    ),
)


def job_panels(table: Iterable[Panel], spec: ServiceSpec) -> tuple[Panel, ...]:
    """The panels of a table that the service's jobs can fill, with what happened counted over a day."""
    return tuple(
        replace(panel, queries=tuple(replace(query, expr=query.expr.replace(RATE, DAY)) for query in panel.queries))
        for panel in shown(table, spec)
    )
